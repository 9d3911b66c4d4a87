//! The promises of the core that no single module can keep: what it may depend on, where it builds, what may not
//! panic. Each is read off the build itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Lints of clippy against what panics or wraps.
const PANICS: &str = "expect_used indexing_slicing panic string_slice todo unimplemented unreachable unwrap_used \
                      cast_possible_truncation cast_possible_wrap cast_sign_loss";

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Names of the crates that the core links, for a target.
fn linked(target: &str) -> BTreeSet<String> {
    cargo(&[
        "tree",
        "--package",
        "imagecache",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--target",
        target,
    ])
    .lines()
    .filter_map(|line| line.split_whitespace().next())
    .map(str::to_owned)
    .collect()
}

#[test]
fn core_links_no_io_no_clock_and_no_randomness() {
    // Doing IO, telling the time or drawing numbers takes one of these, or `std` itself (see the next test).
    let forbidden = "async-std axum chrono fastrand getrandom h2 http-body hyper iana-time-zone instant jiff kube \
                     kube-client kube-runtime libc log mio native-tls rand reqwest rustix rustls smol socket2 time \
                     tokio tracing ureq wasi web-time windows-sys";
    for target in ["x86_64-unknown-linux-gnu", "wasm32-unknown-unknown"] {
        let linked = linked(target);
        assert!(
            linked.contains("serde_json"),
            "cargo tree printed something else: {linked:?}"
        );
        for name in forbidden.split_whitespace() {
            assert!(!linked.contains(name), "the core links {name} on {target}");
        }
    }
}

#[test]
fn core_names_no_io_no_clock_and_no_randomness_of_std() {
    let forbidden = "std::env std::fs std::io std::net std::process std::thread Instant SystemTime RandomState \
                     HashMap::new HashSet::new println! eprintln! unsafe";
    for file in rust_files(&Path::new(ROOT).join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for name in forbidden.split_whitespace() {
            assert!(
                !code_of(&text).contains(name),
                "{} names {name}",
                file.display()
            );
        }
    }
}

#[test]
fn core_builds_for_wasm() {
    for features in ["yaml,explain", "yaml", ""] {
        let wasm = [
            "build",
            "--package",
            "imagecache",
            "--target",
            "wasm32-unknown-unknown",
        ];
        cargo(
            &[
                &wasm[..],
                &["--no-default-features", "--features", features],
            ]
            .concat(),
        );
    }
}

#[test]
fn lints_against_panics_hold_in_every_package() {
    let root = manifest("Cargo.toml");
    let lints = &root["workspace"]["lints"];
    assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for lint in PANICS.split_whitespace() {
        assert_eq!(lints["clippy"][lint].as_str(), Some("deny"), "{lint}");
    }
    assert_eq!(
        root["profile"]["release"]["overflow-checks"].as_bool(),
        Some(true)
    );
    assert_eq!(
        root["profile"]["wasm"]["inherits"].as_str(),
        Some("release")
    );
    let members = root["workspace"]["members"].as_array().unwrap();
    // What a wasm module exports by name, Rust counts as unsafe code: forbid becomes deny there, and every other lint
    // stays.
    let exports = ["benches/boundary", "pkg", "policy-bundles/kubewarden"];
    for member in members
        .iter()
        .map(|member| member.as_str().unwrap())
        .chain(["."])
    {
        let manifest = manifest(&format!("{member}/Cargo.toml"));
        if exports.contains(&member) {
            let mut lints = lints.clone();
            lints["rust"]["unsafe_code"] = "deny".into();
            assert_eq!(manifest["lints"], lints, "{member} has a table of its own");
            continue;
        }
        assert_eq!(
            manifest["lints"]["workspace"].as_bool(),
            Some(true),
            "{member} opts out of the lints"
        );
    }
}

#[test]
fn core_switches_no_lint_against_panics_off() {
    for file in rust_files(&Path::new(ROOT).join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let switch =
                line.contains("allow(") || line.contains("expect(") || line.contains("warn(");
            let off = switch
                && PANICS
                    .split_whitespace()
                    .any(|lint| line.contains(&format!("clippy::{lint}")));
            assert!(
                !off,
                "{}:{} switches a lint off: {line}",
                file.display(),
                number + 1
            );
        }
    }
}

fn manifest(path: &str) -> toml::Table {
    fs::read_to_string(Path::new(ROOT).join(path))
        .unwrap()
        .parse()
        .unwrap()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The text without comments and without its tests.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}
