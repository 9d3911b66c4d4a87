//! `cargo xtask ci`: every check besides the tests, before a change is merged.

use std::fs;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{bundles, reliability, setup, words};

const DENY: &str = "0.20.2";
const HACK: &str = "0.6.46";

pub(crate) fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo fmt --all --check")
        .run()
        .context("run `cargo fmt --all`")?;
    words::run(sh)?;
    reliability::page(true)?;
    rust_version()?;
    cmd!(
        sh,
        "cargo clippy --workspace --all-targets --all-features -- --deny warnings"
    )
    .run()?;
    // As the hosts link it that have no YAML, and as the policy is built.
    cmd!(
        sh,
        "cargo clippy --package imagecache --no-default-features -- --deny warnings"
    )
    .run()?;
    setup::wasm_target(sh)?;
    let wasm = setup::WASM;
    cmd!(
        sh,
        "cargo clippy --package imagecache-kubewarden --target {wasm} -- --deny warnings"
    )
    .run()?;
    // Its tests exist for this target only.
    cmd!(
        sh,
        "cargo clippy --package imagecache-wasm --target {wasm} --all-targets -- --deny warnings"
    )
    .run()?;
    {
        let _docs = sh.push_env("RUSTDOCFLAGS", "--deny warnings");
        cmd!(sh, "cargo doc --workspace --all-features --no-deps").run()?;
    }
    bundles::run(sh, true)?;
    let deny = setup::cargo_tool(sh, "cargo-deny", DENY)?;
    // Not advisories: see `advisories`.
    cmd!(sh, "{deny} --workspace check bans licenses sources").run()?;
    features(sh)?;
    // The crate as it would be published, built from its own files alone. Refuses a tree with uncommitted changes.
    cmd!(sh, "cargo package --quiet --package imagecache").run()?;
    // Fuzzing takes its time: `cargo xtask fuzz` is a chore of its own. Here its targets only have to compile.
    cmd!(
        sh,
        "cargo check --quiet --manifest-path fuzz/Cargo.toml --features server"
    )
    .run()?;
    Ok(())
}

/// Checks the dependencies against the advisories of RustSec. Their database is a git repository and in no package
/// registry, so this needs a network that reaches GitHub; the workflow of a release runs it.
pub(crate) fn advisories(sh: &Shell) -> Result<()> {
    let deny = setup::cargo_tool(sh, "cargo-deny", DENY)?;
    cmd!(sh, "{deny} --workspace check advisories")
        .run()
        .context("an advisory concerns a dependency, or the database cannot be fetched")
}

/// Checks the core with every pair of its features. A feature that lacks another fails alone already; all combinations
/// would take four times as long. Three features add code that no other one uses, and count as one.
fn features(sh: &Shell) -> Result<()> {
    let hack = setup::cargo_tool(sh, "cargo-hack", HACK)?;
    cmd!(
        sh,
        "{hack} hack check --feature-powerset --depth 2 --group-features explain,kube,oci --package imagecache"
    )
    .run()?;
    Ok(())
}

/// Checks that the oldest Rust that the crates state is the one that everything is built and tested with.
fn rust_version() -> Result<()> {
    let root = setup::root()?;
    let read = |file: &str| -> Result<toml::Table> {
        let text = fs::read_to_string(root.join(file)).with_context(|| file.to_owned())?;
        toml::from_str(&text).with_context(|| file.to_owned())
    };
    let text = |table: &toml::Table, path: [&str; 3]| {
        let [first, rest @ ..] = path;
        let start = table.get(first);
        let value = rest.iter().filter(|key| !key.is_empty());
        let value = value.fold(start, |value, key| value?.get(key));
        value.and_then(toml::Value::as_str).map(str::to_owned)
    };
    let stated = text(
        &read("Cargo.toml")?,
        ["workspace", "package", "rust-version"],
    );
    let pinned = text(&read("rust-toolchain.toml")?, ["toolchain", "channel", ""]);
    let (stated, pinned) = (
        stated.context("Cargo.toml: no rust-version")?,
        pinned.context("rust-toolchain.toml: no channel")?,
    );
    ensure!(
        pinned == stated || pinned.starts_with(&format!("{stated}.")),
        "Cargo.toml states rust-version {stated}, rust-toolchain.toml pins {pinned}"
    );
    Ok(())
}
