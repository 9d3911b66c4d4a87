//! The `imagecache` command.
fn main() {}
