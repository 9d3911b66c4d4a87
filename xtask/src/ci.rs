//! `cargo xtask ci`: what stands beside the tests before a change lands.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{bundles, fuzz, setup};

const DENY: &str = "0.20.2";

pub(crate) fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo fmt --all --check")
        .run()
        .context("run `cargo fmt --all`")?;
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
    // Advisories need a clone of a database that not every machine can reach: `cargo deny check advisories` by hand.
    cmd!(sh, "{deny} --workspace check bans licenses sources").run()?;
    fuzz::run(sh, 10, None)
}
