//! Builds the WebAssembly modules with `cargo build --profile wasm`: what users get, what the tests run and what the
//! benchmarks measure.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::setup::{self, WASM};

/// A module of the workspace.
pub(crate) struct Module<'a> {
    pub(crate) package: &'a str,
    pub(crate) features: &'a str,
    /// Keeps names and custom sections.
    pub(crate) named: bool,
}

/// The largest size of the Kubewarden policy, in bytes, without its metadata.
const POLICY_MAX: u64 = 418_000;

/// Builds the Kubewarden policy and checks its size; returns its path.
pub(crate) fn policy(sh: &Shell) -> Result<PathBuf> {
    let policy = Module {
        package: "imagecache-kubewarden",
        features: "",
        named: false,
    };
    let file = policy.build(sh)?;
    let bytes = file.metadata()?.len();
    ensure!(
        bytes <= POLICY_MAX,
        "the policy has {bytes} bytes, at most {POLICY_MAX} allowed"
    );
    Ok(file)
}

/// Prints the size of the Kubewarden policy and the limit.
pub(crate) fn size(sh: &Shell) -> Result<()> {
    let bytes = policy(sh)?.metadata()?.len();
    println!("Kubewarden policy: {bytes} bytes, at most {POLICY_MAX}");
    Ok(())
}

impl Module<'_> {
    /// Builds the module; returns its path. The next build of the package, with any features, overwrites the file.
    pub(crate) fn build(&self, sh: &Shell) -> Result<PathBuf> {
        setup::wasm_target(sh)?;
        let package = self.package;
        let features = format!("--features={}", self.features);
        let flags = setup::remap_paths(sh)?;
        let _flags = sh.push_env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags);
        let strip = if self.named { "none" } else { "symbols" };
        // As a cdylib alone: cargo optimises less across crates when it also builds the rlib that tests link.
        cmd!(sh, "cargo rustc --quiet --package {package} --lib --crate-type cdylib --profile wasm --target {WASM} --no-default-features {features} -- -Cstrip={strip}").run()?;
        let file = format!("{}.wasm", package.replace('-', "_"));
        Ok(setup::target(sh)?
            .join(WASM)
            .join("wasm")
            .join(Path::new(&file)))
    }
}
