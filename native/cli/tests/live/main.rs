//! The verbs that read a cluster and ECI, as a user runs them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)] // a test fails by panicking

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod cover;
mod freshness;
mod plan;
mod server;
mod tidy;

use std::process::Output;

use serde_json::Value;

/// The JSON that a verb wrote.
fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}
