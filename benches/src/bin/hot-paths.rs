//! The hot paths one by one, for a counter of instructions: `hot-paths reference|validate|yaml|match`.
//! `hot-paths manifest` prints the manifest that the benchmarks read.

use std::hint::black_box;
use std::process::ExitCode;

use imagecache::document::TextFormat;
use imagecache::matching::{Cache, Image, Index, MatchRules, Pod, SearchBuffers};
use imagecache::reference::Named;
use imagecache::validate::{self, ValidateOptions};
use imagecache_bench::{Find, MANIFEST, NAMES, manifest_value, pods, world};

#[inline(never)]
fn hot_reference(text: &str) -> bool {
    Named::parse(black_box(text)).is_ok()
}

#[inline(never)]
fn hot_validate(value: &serde_json::Value, options: &ValidateOptions) -> usize {
    validate::object(black_box(value), options).len()
}

#[inline(never)]
fn hot_yaml(text: &str, options: &ValidateOptions) -> usize {
    validate::text(black_box(text), TextFormat::Auto, options)
        .diagnostics
        .len()
}

#[inline(never)]
fn hot_match(index: &Index, pod: &Pod, rules: &MatchRules, scratch: &mut SearchBuffers) -> bool {
    index
        .winner_with(black_box(pod), rules, scratch)
        .winner
        .is_some()
}

fn main() -> ExitCode {
    let options = ValidateOptions::default();
    match std::env::args().nth(1).as_deref() {
        Some("manifest") => print!("{MANIFEST}"),
        Some("reference") => drop(black_box(hot_reference(
            NAMES.get(1).map_or("", |name| name.1),
        ))),
        Some("validate") => drop(black_box(hot_validate(&manifest_value(), &options))),
        Some("yaml") => drop(black_box(hot_yaml(MANIFEST, &options))),
        Some("match") => {
            let rows = world(10_000);
            let caches = rows
                .iter()
                .map(|row| Cache::ready(&row.id, row.images.iter().map(|image| Image::new(image))));
            let index: Index = caches.collect();
            let images = pods(1, &rows, Find::Exact).remove(0);
            let pod = Pod::new("web", images.iter().map(|image| Image::new(image)));
            let (rules, mut scratch) = (MatchRules::default(), SearchBuffers::default());
            // The first call allocates the scratch space, so it is not counted.
            index.winner_with(&pod, &rules, &mut scratch);
            black_box(hot_match(&index, &pod, &rules, &mut scratch));
        }
        other => {
            eprintln!("no hot path {other:?}; one of reference, validate, yaml, match");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
