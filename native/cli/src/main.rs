//! The `imagecache` command: reads files, asks the core, prints what it says.
//!
//! No rule about image caches lives here. One file a verb; [`cli`] is the list of verbs, [`exit`] what the exit code
//! means; [`input`] and [`console`] are the two ends of the pipe, [`report`] the forms of findings.

mod cli;
mod clock;
mod code_arg;
mod completions;
mod console;
mod crd;
mod crd_file;
mod dev;
mod documents;
mod eci;
mod encode;
mod exit;
mod expire;
mod explain;
mod input;
mod kubeconfig;
mod log;
mod match_pods;
mod page;
mod progress;
mod reference;
mod report;
mod schema;
mod serve;
mod signal;
mod sync;
mod table;
mod usage;
mod validate;
mod webhook;

use exit::Exit;

fn main() -> Exit {
    cli::run()
}
