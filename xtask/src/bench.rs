//! `cargo xtask bench`: the core beside its peers in one run, written to `docs/benchmarks.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::setup;

pub(crate) mod cloud;
pub(crate) mod cluster;
mod hosts;
pub(crate) mod plans;
mod server;

/// What each group is expected to hold, as a person reads it.
const TARGETS: &[(&str, &str)] = &[
    ("reference/typical", "≤ 100 ns"),
    ("validate/value", "≤ 1.5 µs"),
    ("validate/yaml", "≤ 15 µs"),
    ("match/10,000 caches, none with an image", "≤ 0.3 µs"),
    ("match/1,000,000 caches, none with an image", "≤ 2 µs"),
    ("index/build 10,000", "≤ 20 ms"),
    ("index/update one of 10,000", "≤ 5 µs"),
];
/// Every answer to 1 MB of hostile bytes.
const HOSTILE_TARGET: &str = "≤ 10 ms";

pub(crate) fn run(sh: &Shell, seconds: &str) -> Result<()> {
    let criterion = setup::root()?.join("target/criterion");
    sh.remove_path(&criterion)?;
    cmd!(sh, "cargo bench --package imagecache-bench --bench core -- --warm-up-time 0.5 --measurement-time {seconds}")
        .run()?;
    let mut results = read_criterion(&criterion)?;
    ensure!(!results.is_empty(), "criterion wrote no result");
    results.sort_by(|a, b| a.group.cmp(&b.group));

    let mut page = String::from(HEAD);
    writeln!(page, "\nMachine: {}\n", machine(sh)?)?;
    page.push_str("| what | imagecache | target | beside | ratio |\n|---|---:|---:|---|---:|\n");
    for group in groups(&results) {
        page.push_str(&row(group)?);
    }
    page.push_str(FILES);
    page.push_str(&many_files(sh)?);
    page.push_str(CLOUD);
    page.push_str(&cloud::rows(sh)?);
    page.push_str(CLUSTER);
    page.push_str(&cluster::rows(sh)?);
    page.push_str(&hosts::policy(sh)?);
    page.push_str(&hosts::package(sh)?);
    page.push_str(&plans::section(sh)?);
    page.push_str(SYNC);
    page.push_str(
        &cmd!(
            sh,
            "cargo run --release --package imagecache-bench --bin sync-scale -- 10000"
        )
        .read()?,
    );
    page.push('\n');
    page.push_str(COUNTS);
    page.push_str(&instruction_counts(sh)?);
    fs::write(setup::root()?.join("docs/benchmarks.md"), page)?;
    println!("wrote docs/benchmarks.md");
    Ok(())
}

const HEAD: &str = "# Benchmarks

Written by `cargo xtask bench`; every figure comes from that one run. A time is the fastest sample of criterion's, since
the machine is shared and noise only ever adds; compare ratios, not times across machines.
";
const FILES: &str = "
## 10,000 files

`imagecache validate -f DIR`, whole process, beside a loop that only reads the same files; fastest of five.

| what | time |
|---|---:|
";
const CLOUD: &str = "
## The cloud side

The simulator and its clients on one machine, `ListUsage`, memory only. \"Verified\" is reading a signed request, checking
it and remembering its nonce, in one thread; the others go over HTTP on loopback, connections kept where the client can.

| what | figure |
|---|---:|
";
const CLUSTER: &str = "
## The API server of one machine

`imagecache serve --data DIR` over HTTP on loopback; every acknowledged write is on the disk. Processor time is that of
the server's threads. Beside it a Kubernetes 1.36 API server with etcd, measured once on this class of machine.

| what | imagecache | a real one |
|---|---:|---:|
";
const SYNC: &str = "
## The controller

`imagecache sync` with 10,000 objects, between the API server and the ECI simulator of this project, all in one process on
loopback; caches in the simulator are built as fast as they are asked for.

| what | |
|---|---:|
";
const COUNTS: &str = "
## Instructions

Counted by callgrind, for one call of each hot path: the same on every run of one build, however busy the machine.

| hot path | instructions |
|---|---:|
";

/// One measured function of one group.
struct Measured {
    group: String,
    function: String,
    nanoseconds: f64,
}

fn read_criterion(folder: &Path) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name == "new") {
                measured.push(read_result(&path)?);
            } else if path.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(measured)
}

fn read_result(folder: &Path) -> Result<Measured> {
    let json = |name: &str| -> Result<Value> {
        let path = folder.join(name);
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_slice(&text)?)
    };
    let (id, sample) = (json("benchmark.json")?, json("sample.json")?);
    let text = |key: &str| {
        id.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let numbers = |key: &str| -> Vec<f64> {
        let list = sample.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_f64)
            .collect()
    };
    let per_call = numbers("times")
        .into_iter()
        .zip(numbers("iters"))
        .map(|(time, calls)| time / calls);
    let nanoseconds = per_call
        .min_by(f64::total_cmp)
        .context("a benchmark without samples")?;
    Ok(Measured {
        group: text("group_id"),
        function: text("function_id"),
        nanoseconds,
    })
}

fn groups(results: &[Measured]) -> impl Iterator<Item = &[Measured]> {
    results.chunk_by(|a, b| a.group == b.group)
}

fn row(group: &[Measured]) -> Result<String> {
    let ours = group
        .iter()
        .find(|one| one.function == "imagecache")
        .context("a group without ours")?;
    let target = TARGETS
        .iter()
        .find(|(name, _)| *name == ours.group)
        .map(|(_, target)| *target);
    let target = target.unwrap_or(if ours.group.starts_with("hostile/") {
        HOSTILE_TARGET
    } else {
        ""
    });
    let mut peers: Vec<_> = group
        .iter()
        .filter(|one| one.function != "imagecache")
        .collect();
    peers.sort_by(|a, b| a.function.cmp(&b.function));
    let beside: Vec<_> = peers
        .iter()
        .map(|one| format!("{} {}", one.function, time(one.nanoseconds)))
        .collect();
    let ratio: Vec<_> = peers
        .iter()
        .map(|one| format!("{:.1}×", one.nanoseconds / ours.nanoseconds))
        .collect();
    Ok(format!(
        "| {} | {} | {target} | {} | {} |\n",
        ours.group,
        time(ours.nanoseconds),
        beside.join("<br>"),
        ratio.join("<br>"),
    ))
}

pub(super) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

fn machine(sh: &Shell) -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown processor");
    let rustc = cmd!(sh, "rustc --version").quiet().read()?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(format!(
        "{} ({cores} cores), {rustc}",
        cpu.trim_start_matches([' ', '\t', ':'])
    ))
}

/// `validate` of 10,000 files beside reading them.
fn many_files(sh: &Shell) -> Result<String> {
    cmd!(
        sh,
        "cargo build --release --package imagecache-cli --package imagecache-bench"
    )
    .run()?;
    let folder = setup::root()?.join("target/bench-files");
    let manifest = cmd!(sh, "target/release/hot-paths manifest")
        .quiet()
        .read()?;
    sh.create_dir(&folder)?;
    for number in 0..10_000 {
        let text = manifest.replace("web-release-2026-11", &format!("web-{number}"));
        fs::write(folder.join(format!("{number:05}.yaml")), text)?;
    }
    let program = setup::root()?.join("target/release/imagecache");
    let validate = fastest(|| {
        Ok(cmd!(sh, "{program} validate --quiet -f {folder}")
            .quiet()
            .ignore_stdout()
            .run()?)
    })?;
    let read = fastest(|| read_all(&folder))?;
    sh.remove_path(&folder)?;
    let nanoseconds = |time: Duration| time.as_secs_f64() * 1e9;
    Ok(format!(
        "| imagecache validate | {} |\n| reading the files, one thread | {} |\n",
        time(nanoseconds(validate)),
        time(nanoseconds(read))
    ))
}

fn fastest(mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn read_all(folder: &Path) -> Result<()> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += fs::read(entry?.path())?.len();
    }
    ensure!(bytes > 0, "the files are empty");
    Ok(())
}

/// Callgrind's count of each hot path for one call.
fn instruction_counts(sh: &Shell) -> Result<String> {
    if cmd!(sh, "valgrind --version")
        .quiet()
        .ignore_stderr()
        .read()
        .is_err()
    {
        return Ok("| (valgrind is not on this machine) | – |\n".to_owned());
    }
    let program = setup::root()?.join("target/release/hot-paths");
    let out: PathBuf = setup::root()?.join("target/callgrind.out");
    let mut rows = String::new();
    for path in ["reference", "validate", "yaml", "match"] {
        let collect = format!("--toggle-collect=*hot_{path}*");
        let out_file = format!("--callgrind-out-file={}", out.display());
        cmd!(
            sh,
            "valgrind --quiet --tool=callgrind {collect} {out_file} {program} {path}"
        )
        .quiet()
        .run()?;
        let counted = fs::read_to_string(&out)?;
        let total = counted.lines().find_map(|line| {
            line.strip_prefix("summary: ")
                .or(line.strip_prefix("totals: "))
        });
        let total: u64 = total.context("callgrind counted nothing")?.trim().parse()?;
        ensure!(total > 0, "callgrind saw no call of hot_{path}");
        writeln!(rows, "| {path} | {total} |")?;
    }
    Ok(rows)
}
