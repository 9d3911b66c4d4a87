//! Modules that run inside another program, as they travel: what users get, what the tests run, what is measured.
//!
//! The standard library is compiled along with them, for size and without the texts of panics: a module has nowhere to
//! print them, so they and the code around them (9 % of the bytes; docs/sizes.md) would only be carried. Cargo calls that
//! unstable, and `RUSTC_BOOTSTRAP` is how the stable toolchain allows it. Nothing in the sources needs it: a plain
//! `cargo build --profile wasm` makes the same module, but larger.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::setup::{self, WASM};

const STD: &str = "-Zbuild-std=std,panic_abort";
const STD_FEATURES: &str = "-Zbuild-std-features=optimize_for_size";
const PANICS: &str = "-Zunstable-options -Cpanic=immediate-abort";

/// What of the standard library is compiled for speed all the same: an eighth of the time of a call for 1 % of the bytes.
const FAST: [&str; 6] = [
    "alloc",
    "compiler_builtins",
    "core",
    "dlmalloc",
    "hashbrown",
    "std",
];

/// A module of the workspace.
pub(crate) struct Module<'a> {
    pub(crate) package: &'a str,
    pub(crate) features: &'a str,
    /// Keep names and custom sections.
    pub(crate) named: bool,
}

/// The most bytes that the Kubewarden policy may have, without its metadata.
const POLICY_MAX: u64 = 220_000;

/// Builds the Kubewarden policy and holds it to its size; returns where it is.
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
        "the policy has {bytes} bytes, at most {POLICY_MAX} are allowed"
    );
    Ok(file)
}

/// Prints the size of the Kubewarden policy, and what it may be.
pub(crate) fn size(sh: &Shell) -> Result<()> {
    let bytes = policy(sh)?.metadata()?.len();
    println!("Kubewarden policy: {bytes} bytes, at most {POLICY_MAX}");
    Ok(())
}

impl Module<'_> {
    /// Builds it; returns where it is. The next build of the package, with whatever features, takes its place.
    pub(crate) fn build(&self, sh: &Shell) -> Result<PathBuf> {
        setup::wasm_target(sh)?;
        setup::std_source(sh)?;
        // Apart from other builds: build scripts look at the variable, and would all run again each time it comes or goes.
        let target = setup::target(sh)?.join("modules");
        let _bootstrap = sh.push_env("RUSTC_BOOTSTRAP", "1");
        let _flags = sh.push_env("RUSTFLAGS", PANICS);
        let package = self.package;
        let features = format!("--features={}", self.features);
        let strip = if self.named { "none" } else { "symbols" };
        let fast =
            FAST.map(|library| format!("--config=profile.wasm.package.{library}.opt-level=3"));
        // As a cdylib alone: beside an rlib, which tests link, cargo leaves the optimisation across crates out.
        cmd!(sh, "cargo rustc --quiet --package {package} --lib --crate-type cdylib --profile wasm --target {WASM} --target-dir {target} --no-default-features {features} {STD} {STD_FEATURES} {fast...} -- -Cstrip={strip}").run()?;
        let file = Path::new(WASM)
            .join("wasm")
            .join(format!("{}.wasm", package.replace('-', "_")));
        Ok(target.join(file))
    }
}
