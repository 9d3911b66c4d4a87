//! One corpus of questions, and every engine that answers some of them.
//!
//! `data/corpus/*.jsonl` hold the questions with the core's answers, one a line; any host can read them. Half of the
//! questions come from the conformance tables and samples of the core ([`tables`]), half are drawn by [`random`] from
//! a fixed seed. `UPDATE=1 cargo test -p imagecache-conformance` writes the files, and what changed is a diff to read.
//!
//! [`cel`] and [`rego`] evaluate the shipped policy files. `data/engines/*.json` list, code by code, what each of them
//! says and what it leaves to others, and why.

pub mod case;
pub mod cel;
pub mod engine;
pub mod native;
pub mod random;
pub mod rego;
pub mod tables;
