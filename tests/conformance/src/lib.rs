//! One corpus of questions, and every engine that answers some of them.
//!
//! `data/corpus/*.jsonl` hold the questions with the core's answers, one a line; any host can read them. Half of the
//! questions come from the conformance tables and samples of the core ([`tables`]), half are drawn by [`random`] from
//! a fixed seed. `UPDATE=1 cargo test -p imagecache-conformance` writes the files, and what changed is a diff to read.
//!
//! Two sorts of engine answer them. Hosts hold the core itself, natively or as wasm: [`ffi`] here, the npm package in
//! `js/`, the Kubewarden policy in its own tests; [`host`] holds them to the core's very words. [`cel`] and [`rego`] are
//! translations of rules: they evaluate the shipped policy files, and [`engine`] compares what those can say.
//! `data/engines/*.json` list how many cases each engine has to check, what it leaves to others, and why.

pub mod case;
pub mod cel;
mod dice;
pub mod engine;
pub mod ffi;
pub mod host;
pub mod native;
mod pools;
pub mod random;
pub mod rego;
pub mod tables;
mod writing;
