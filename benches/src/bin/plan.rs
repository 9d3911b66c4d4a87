//! Plans by the clock: `plan CASE` reads a case of `tests/plan/bench.py`, plans it several times and prints the fastest
//! time, with what the plan costs. `pkg/bench-plan.mjs` does the same with the npm package.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)] // a benchmark that cannot run should say so

use std::time::{Duration, Instant};

use imagecache::ffi;
use serde_json::{Value, json};

const RUNS: u32 = 5;

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let case: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let objects = case["objects"].to_string();
    let mut fastest = Duration::MAX;
    let mut plan = None;
    for _ in 0..RUNS {
        let start = Instant::now();
        let objects = ffi::json("objects", &objects).unwrap();
        let made = ffi::plan(&objects, Some(&case["facts"]), Some(&case["options"])).unwrap();
        fastest = fastest.min(start.elapsed());
        plan = Some(made);
    }
    let plan = serde_json::to_value(plan.unwrap()).unwrap();
    let covered = plan["covered"].as_array().unwrap().len();
    let figures = json!({
        "nanoseconds": u64::try_from(fastest.as_nanos()).unwrap(), "exact": plan["exact"],
        "costMicros": plan["costMicros"], "boundMicros": plan["boundMicros"],
        "unread": plan["unread"], "covered": covered,
    });
    println!("{figures}");
}
