//! What the README shows is what the command prints.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::path::Path;

use snapbox::cmd::{Command, cargo_bin};

#[test]
fn the_first_command_prints_what_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let command = readme
        .lines()
        .find_map(|line| line.strip_prefix("$ cargo run -- "))
        .unwrap();
    let words = command.split(" #").next().unwrap().split_whitespace();
    let shown = readme
        .split("```text\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let output = Command::new(cargo_bin!("imagecache"))
        .args(words)
        .current_dir(&root)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains(shown), "{printed}");
}
