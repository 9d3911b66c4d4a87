//! The promises of the core that no single module can keep: what it may depend on, where it builds, what may not
//! panic. Each is read off the build itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

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

/// Returns the names of the crates that the core links with one feature, or with none.
fn linked(target: &str, feature: &str) -> BTreeSet<String> {
    let tree = "tree --package imagecache --edges normal --prefix none --no-default-features";
    let mut args: Vec<_> = tree.split(' ').collect();
    args.extend(["--target", target, "--features", feature]);
    cargo(&args)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// Returns the features of the core, and the empty one.
fn features() -> Vec<String> {
    let features = manifest("Cargo.toml")["features"]
        .as_table()
        .unwrap()
        .clone();
    let mut features: Vec<_> = features.into_iter().map(|(name, _)| name).collect();
    features.push(String::new());
    features
}

#[test]
fn core_links_no_io_no_clock_and_no_randomness() {
    // Every crate that does IO, reads the clock or draws random numbers needs one of these, or `std` itself (see the
    // next test).
    let forbidden = "async-std axum chrono fastrand getrandom h2 http-body hyper iana-time-zone instant jiff kube \
                     kube-client kube-runtime libc log mio native-tls rand reqwest rustix rustls smol socket2 time \
                     tokio tracing ureq wasi web-time windows-sys";
    for target in ["x86_64-unknown-linux-gnu", "wasm32-unknown-unknown"] {
        for feature in features() {
            let linked = linked(target, &feature);
            assert!(
                linked.contains("serde_json"),
                "cargo tree printed something else: {linked:?}"
            );
            for name in forbidden.split_whitespace() {
                // the timestamp type of the Kubernetes types; no code of the core asks it for the time
                if (feature.as_str(), name) == ("kube", "jiff") {
                    continue;
                }
                assert!(
                    !linked.contains(name),
                    "feature `{feature}` of the core links {name} on {target}"
                );
            }
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
fn core_builds_for_wasm_with_every_feature() {
    let check = "check --package imagecache --target wasm32-unknown-unknown --no-default-features --features";
    let check: Vec<_> = check.split(' ').collect();
    for feature in features() {
        cargo(&[&check[..], &[feature.as_str()]].concat());
    }
}

/// Dependencies of hosts on hosts. The binary may use every host.
const ARROWS: [(&str, &[&str]); 3] = [
    (
        "imagecache-controller",
        &["imagecache-eci", "imagecache-http"],
    ),
    (
        "imagecache-simulator",
        &["imagecache-apiserver", "imagecache-http"],
    ),
    ("imagecache-apiserver", &["imagecache-http"]),
];

#[test]
fn workspace_arrows_match_architecture() {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let native = Path::new(ROOT).join("native");
    let is_host = |package: &Value| {
        let manifest = package["manifest_path"].as_str().unwrap();
        Path::new(manifest).starts_with(&native)
    };
    let name = |package: &Value| package["name"].as_str().unwrap().to_owned();
    let members: BTreeSet<_> = packages.iter().map(name).collect();
    let hosts: BTreeSet<_> = packages
        .iter()
        .filter(|package| is_host(package))
        .map(name)
        .collect();
    assert!(hosts.contains("imagecache-cli"), "{hosts:?}");
    for package in packages {
        let of = name(package);
        let allowed = ARROWS.iter().find(|(host, _)| *host == of);
        let allowed = allowed.map_or(&[][..], |(_, allowed)| allowed);
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = name(dependency);
            // tests may use every package
            if dependency["kind"] == "dev" || !members.contains(&to) {
                continue;
            }
            let is_allowed = match of.as_str() {
                "imagecache" => false,
                "imagecache-cli" => to == "imagecache" || hosts.contains(&to),
                of if hosts.contains(of) => to == "imagecache" || allowed.contains(&to.as_str()),
                // what is not shipped with the binary: no host depends on it, see above
                _ => true,
            };
            assert!(is_allowed, "{of} must not depend on {to}");
        }
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
