//! The text reader: against kubectl, against `serde_json`, against its limits, and to be looked at.
//!
//! Tests may panic; that is how they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod anything;
mod json;
mod kubectl;
mod limits;
mod mutants;
mod places;
