//! The `imagecache` command: reads files, asks the core, prints what it says.
//!
//! No rule about image caches lives here. One file a verb; [`args`] is the list of verbs, [`exit`] what the exit code
//! means.

mod args;
mod codes;
mod completions;
mod console;
mod data;
mod exit;
mod explain;
mod reference;
mod table;

use exit::Exit;

fn main() -> Exit {
    args::run()
}
