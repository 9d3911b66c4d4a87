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
