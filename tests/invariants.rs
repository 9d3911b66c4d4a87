//! The promises of the core that no single module can keep: what it may depend on, where it builds, what may not
//! panic. Each is read off the build itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;
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
const ARROWS: [(&str, &[&str]); 5] = [
    (
        "imagecache-controller",
        &["imagecache-eci", "imagecache-http", "imagecache-registry"],
    ),
    ("imagecache-eci", &["imagecache-http"]),
    ("imagecache-registry", &["imagecache-http"]),
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

/// Public enums and structs of the core that users match or write whole. Every other one is `#[non_exhaustive]`, so that
/// a new rule, code or kind is not a breaking release.
const CLOSED: [(&str, &str); 5] = [
    (
        "complete by its definition: JSON, the grammar of references, a text, severities",
        "Path Step AnyReference Digest Position Span Severity Level",
    ),
    (
        "a host that misses a new case would do the wrong thing: its build must fail",
        "Effect Outcome Retry Operation Part",
    ),
    (
        "a host gives every field: its build must fail if one is missing",
        "ApiCall CallContext Credential HttpRequest Mark NodeImage NodeImages Observed PodImages RegistryLogin SecretLogins",
    ),
    (
        "objects and replies as cluster and cloud write them, with a member for unknown fields or a schema of their own",
        "CacheEvent ContainerGroupEntry EventEntry ImageCache ImageCacheEntry ImageCacheList ImageCacheObject Metadata \
         Spec Status TagEntry Usage",
    ),
    (
        "descriptions that callers build field by field",
        "Cache CacheRequest",
    ),
];

/// Returns the name and the attributes of each public enum, and of each public struct that can be written whole.
fn open_types(text: &str) -> Vec<(String, String)> {
    static ITEM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
        r"(?m)^(?<attributes>(?:[ \t]*(?:#\[|//).*\n)*)(?<indent>[ \t]*)pub (?<what>enum|struct) (?<name>\w+)(?<rest>.*)$",
    )
    .unwrap()
    });
    static FIELD: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^ {4,8}(?<public>pub )?(?:pub\([a-z]+\) )?\w+: ").unwrap()
    });
    let mut types = Vec::new();
    for found in ITEM.captures_iter(text) {
        if &found["what"] == "struct" {
            let end = format!("\n{}}}", &found["indent"]);
            let body = text.get(found.get(0).unwrap().end()..).unwrap();
            let body = body.split(&end).next().unwrap_or_default();
            let is_whole = FIELD
                .captures_iter(body)
                .all(|field| field.name("public").is_some());
            if !found["rest"].ends_with('{') || !is_whole {
                continue;
            }
        }
        types.push((found["name"].to_owned(), found["attributes"].to_owned()));
    }
    types
}

#[test]
fn public_types_of_the_core_may_grow() {
    let closed: BTreeSet<&str> = CLOSED
        .iter()
        .flat_map(|(_, names)| names.split_whitespace())
        .collect();
    let mut seen = BTreeSet::new();
    for file in rust_files(&Path::new(ROOT).join("src")) {
        for (name, attributes) in open_types(&code_with_attributes(&file)) {
            let grows = attributes.contains("#[non_exhaustive]");
            assert_ne!(
                grows,
                closed.contains(&*name),
                "{}: `{name}` must be #[non_exhaustive] or in the list CLOSED",
                file.display()
            );
            seen.insert(name);
        }
    }
    assert!(seen.len() > 100, "{} types", seen.len());
    let unknown: Vec<_> = closed
        .iter()
        .filter(|name| !seen.contains(**name))
        .collect();
    assert!(
        unknown.is_empty(),
        "CLOSED names what is not there: {unknown:?}"
    );
}

#[test]
fn public_types_of_the_core_have_one_name_each() {
    let item = Regex::new(r"(?m)^ *pub (?:enum|struct|trait|type) (\w+)").unwrap();
    let mut places: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in rust_files(&Path::new(ROOT).join("src")) {
        for found in item.captures_iter(&code_with_attributes(&file)) {
            let before = places.insert(found[1].to_owned(), file.clone());
            assert_eq!(
                before,
                None,
                "`{}` is also in {}",
                &found[1],
                file.display()
            );
        }
    }
}

/// Returns the text of a file without its tests.
fn code_with_attributes(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.split("#[cfg(test)]\nmod").next().unwrap().to_owned()
}

#[test]
fn modules_of_the_core_form_no_cycle() {
    let src = Path::new(ROOT).join("src");
    let module = Regex::new(r"(?m)^(?:pub )?mod (\w+);").unwrap();
    let used = Regex::new(r"\bcrate::(?:(\w+)|\{([^;]*)\};)").unwrap();
    let word = Regex::new(r"\w+").unwrap();
    let root = fs::read_to_string(src.join("lib.rs")).unwrap();
    let mut uses: BTreeMap<String, BTreeSet<String>> = module
        .captures_iter(&root)
        .map(|found| (found[1].to_owned(), BTreeSet::new()))
        .collect();
    let modules: BTreeSet<String> = uses.keys().cloned().collect();
    assert!(modules.contains("matching") && modules.contains("pod"));
    for file in rust_files(&src) {
        let path = file.strip_prefix(&src).unwrap();
        let first = path.iter().next().unwrap().to_str().unwrap();
        let Some(uses) = uses.get_mut(first.trim_end_matches(".rs")) else {
            continue;
        };
        let code = code_of(&fs::read_to_string(&file).unwrap());
        for found in used.captures_iter(&code) {
            match (found.get(1), found.get(2)) {
                (Some(name), _) => drop(uses.insert(name.as_str().to_owned())),
                (_, Some(list)) => {
                    uses.extend(word.find_iter(list.as_str()).map(|m| m.as_str().to_owned()))
                }
                _ => {}
            }
        }
        uses.retain(|name| modules.contains(name) && *name != first.trim_end_matches(".rs"));
    }
    // Removes each module that uses none of the remaining ones; what is left is in a cycle or uses one.
    while let Some(leaf) = uses.iter().find(|(_, uses)| uses.is_empty()) {
        let leaf = leaf.0.clone();
        uses.remove(&leaf);
        for uses in uses.values_mut() {
            uses.remove(&leaf);
        }
    }
    assert!(
        uses.is_empty(),
        "modules in a cycle, with what they use: {uses:?}"
    );
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
