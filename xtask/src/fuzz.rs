//! `cargo xtask fuzz`: libFuzzer on everything that reads input of others, on the stable toolchain.
//!
//! Inputs that reach new code are collected in `fuzz/corpus`, which is not in the repository. Of those the smallest that
//! reach the same code are kept in `fuzz/seeds`, from which the next run starts.

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::setup;

const CARGO_FUZZ: &str = "0.13.2";
/// Longest input, in bytes.
const LONGEST: u32 = 65_536;
/// Longest input that is kept in the repository, in bytes.
const LONGEST_KEPT: u64 = 2048;
/// Most bytes of inputs that are kept for one target.
const KEPT: u64 = 96 << 10;
/// Most inputs that are kept for one target.
const KEPT_INPUTS: usize = 60;

pub(crate) fn run(sh: &Shell, hours: f64, only: Option<&str>) -> Result<()> {
    ensure!(
        hours > 0.0 && hours.is_finite(),
        "--hours: {hours}, a positive number is needed"
    );
    let cargo_fuzz = setup::cargo_tool(sh, "cargo-fuzz", CARGO_FUZZ)?;
    let targets = cmd!(sh, "{cargo_fuzz} list").read()?;
    let targets: Vec<&str> = targets
        .lines()
        .filter(|name| only.is_none_or(|only| only == *name))
        .collect();
    ensure!(
        !targets.is_empty(),
        "no fuzz target `{}`",
        only.unwrap_or_default()
    );
    let shares = u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let seconds = (hours * 3600.0 / f64::from(shares)).ceil().max(1.0);
    let mut all = 0;
    for target in targets {
        let executions = fuzz(&cargo_fuzz, target, seconds)?;
        let kept = keep(&cargo_fuzz, target)?;
        println!("{target}: {executions} executions in {seconds} s, {kept} inputs kept");
        all += executions;
    }
    println!("{all} executions in all, no target failed");
    Ok(())
}

/// libFuzzer on one target, with this folder of inputs first; prints to a log, and to the terminal when it fails.
fn libfuzzer(
    cargo_fuzz: &Path,
    target: &str,
    folders: &[&Path],
    flags: &[String],
) -> Result<String> {
    let log = setup::root()?
        .join("fuzz/corpus")
        .join(format!("{target}.log"));
    let output = File::create(&log)?;
    // No sanitizer: those need a nightly compiler, and the core has no unsafe code to sanitise. Coverage, debug
    // assertions and overflow checks are what we are after. An input that takes over 5 s counts as a hang.
    let status = Command::new(cargo_fuzz)
        .args([
            "fuzz",
            "run",
            "--sanitizer",
            "none",
            "--features",
            "server",
            target,
        ])
        .args(folders)
        .arg("--")
        .args(flags)
        .current_dir(setup::root()?)
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !status.success() {
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(40)..)
            .unwrap_or_default();
        bail!("{target} failed:\n{}", tail.join("\n"));
    }
    Ok(text)
}

/// Fuzzes one target, and returns how many inputs were tried.
fn fuzz(cargo_fuzz: &Path, target: &str, seconds: f64) -> Result<u64> {
    let [corpus, seeds] = folders(target)?;
    let flags = [
        format!("-max_total_time={seconds}"),
        "-timeout=5".to_owned(),
        format!("-max_len={LONGEST}"),
        "-print_final_stats=1".to_owned(),
    ];
    let text = libfuzzer(cargo_fuzz, target, &[&corpus, &seeds], &flags)?;
    executions(&text).with_context(|| format!("{target}: libFuzzer prints no number of executions"))
}

fn executions(text: &str) -> Option<u64> {
    let number = |line: &str| {
        line.strip_prefix("stat::number_of_executed_units:")?
            .trim()
            .parse()
            .ok()
    };
    text.lines().find_map(number)
}

fn folders(target: &str) -> Result<[PathBuf; 2]> {
    let root = setup::root()?.join("fuzz");
    let folders = ["corpus", "seeds"].map(|name| root.join(name).join(target));
    for folder in &folders {
        fs::create_dir_all(folder)?;
    }
    Ok(folders)
}

/// Keeps the smallest inputs that reach what all inputs reach, and returns how many there are.
fn keep(cargo_fuzz: &Path, target: &str) -> Result<usize> {
    let [corpus, seeds] = folders(target)?;
    let merged = corpus.with_extension("merged");
    if merged.exists() {
        fs::remove_dir_all(&merged)?;
    }
    fs::create_dir(&merged)?;
    let flags = ["-merge=1".to_owned(), format!("-max_len={LONGEST_KEPT}")];
    libfuzzer(cargo_fuzz, target, &[&merged, &seeds, &corpus], &flags)?;
    let mut inputs = Vec::new();
    for entry in fs::read_dir(&merged)? {
        let path = entry?.path();
        inputs.push((fs::metadata(&path)?.len(), path));
    }
    inputs.sort();
    let mut room = KEPT;
    let mut kept = BTreeSet::new();
    // some of each length: the smallest alone are all of one kind
    let step = inputs.len().div_ceil(KEPT_INPUTS).max(1);
    for (length, path) in inputs.into_iter().step_by(step) {
        let Some(rest) = room.checked_sub(length).filter(|_| length <= LONGEST_KEPT) else {
            continue;
        };
        room = rest;
        kept.insert(fs::read(path)?);
    }
    fs::remove_dir_all(&merged)?;
    // inputs that people put there have names, and stay
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(&seeds)? {
        let path = entry?.path();
        let input = fs::read(&path)?;
        if is_hash(&path) && !kept.contains(&input) {
            fs::remove_file(path)?;
        } else {
            there.insert(input);
        }
    }
    for input in kept.difference(&there) {
        fs::write(seeds.join(hash(input)), input)?;
    }
    Ok(kept.len())
}

/// The name of an input that libFuzzer found.
fn hash(input: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn is_hash(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::executions;

    #[test]
    fn executions_are_those_of_the_final_statistics() {
        let text =
            "#2\tINITED\nstat::number_of_executed_units: 1234\nstat::average_exec_per_sec: 5\n";
        assert_eq!(executions(text), Some(1234));
        assert_eq!(executions("#2\tINITED\n"), None);
    }
}
