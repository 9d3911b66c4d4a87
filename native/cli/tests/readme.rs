//! The README shows what the commands print.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the arguments of `imagecache` in a command of the README, and the output that the README shows.
fn shown(nth: usize) -> (Vec<String>, String) {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut commands = readme.lines().filter_map(|line| {
        let command = line.strip_prefix("$ cargo xtask ");
        // The same arguments; the chore builds the page before.
        command
            .filter(|command| command.starts_with("dev"))
            .or_else(|| line.strip_prefix("$ cargo run -- "))
    });
    let words = commands.nth(nth).unwrap().split(" #").next().unwrap();
    let block = readme.split("```text\n").nth(nth + 1).unwrap();
    let words = words.split_whitespace().map(str::to_owned).collect();
    (words, block.split("```").next().unwrap().to_owned())
}

fn imagecache(words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imagecache"));
    command.args(words).current_dir(root());
    command
}

#[test]
fn readme_dev_output_matches() {
    let (words, shown) = shown(0);
    // At another port: the usual one may be in use.
    let mut child = imagecache(&words)
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for _ in shown.lines() {
        out.read_line(&mut printed).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let server = printed.split("http://").nth(1).unwrap();
    let server = server.split(',').next().unwrap();
    assert_eq!(printed.replace(server, "127.0.0.1:8001"), shown);
}

#[test]
fn readme_validate_output_matches() {
    let (words, shown) = shown(1);
    let output = imagecache(&words).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains(&shown), "{printed}");
}
