//! The core in foreign hosts: the policy in wasmtime, the npm package in Node.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use super::time;
use crate::{pkg, setup, wasm};

const POLICY: &str = "
## The Kubewarden policy in wasmtime

One request, as a policy server handles it: the request is written as JSON, an instance of its own is made and asked,
the list of caches is written as JSON when the policy asks for it, and the answer is read. A busy machine lengthens all
times and the 99th percentile most; the instructions of the policy stay the same.

| request | least | p50 | p99 | target | instructions |
|---|---:|---:|---:|---:|---:|
";

/// What a request is expected to take, by the beginning of its name. For 500 caches it is a third of what a policy
/// takes that reads the whole list into values.
const TARGETS: &[(&str, &str)] = &[
    ("ImageCache", "p99 ≤ 150 µs"),
    ("Pod, 3 listed caches", "p50 ≤ 120 µs"),
    ("Pod, 500 listed caches", "p50 ≤ 1.4 ms"),
];

/// The section on the policy.
pub(super) fn policy(sh: &Shell) -> Result<String> {
    let module = wasm::policy(sh)?;
    let build = setup::root()?.join("target/bench-wasmtime");
    let lines = cmd!(
        sh,
        "cargo run --quiet --release --locked --manifest-path benches/wasmtime/Cargo.toml --target-dir {build} -- {module}"
    )
    .read()?;
    let rows: Result<String> = lines.lines().map(row).collect();
    Ok(POLICY.to_owned() + &rows?)
}

/// `{"what": …, "least": …, "p50": …, "p99": …, "instructions": …}`, times in nanoseconds, as a row.
fn row(line: &str) -> Result<String> {
    let measured: Value = serde_json::from_str(line)?;
    let what = measured.get("what").and_then(Value::as_str);
    let what = what.context("a figure of what?")?;
    let figure = |name: &str| {
        let figure = measured.get(name).and_then(Value::as_f64);
        figure.with_context(|| format!("{what} has no {name}"))
    };
    let target = TARGETS.iter().find(|(start, _)| what.starts_with(start));
    let target = target.map_or("", |(_, target)| target);
    let (least, p50, p99) = (figure("least")?, figure("p50")?, figure("p99")?);
    let (least, p50, p99) = (time(least), time(p50), time(p99));
    let instructions = figure("instructions")?;
    Ok(format!(
        "| {what} | {least} | {p50} | {p99} | {target} | {instructions} |\n"
    ))
}

/// The section on the package.
pub(super) fn package(sh: &Shell) -> Result<String> {
    pkg::run(sh)?;
    pkg::install(sh)?;
    pkg::boundary(sh)?;
    let rows = cmd!(sh, "node pkg/bench.mjs").read()?;
    ensure!(!rows.is_empty(), "pkg/bench.mjs printed nothing");
    Ok(format!(
        "\n## The npm package\n\n`node pkg/bench.mjs`, beside its peers in one run.\n\n```text\n{rows}\n```\n"
    ))
}
