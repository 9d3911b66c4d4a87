//! The controller between a real API server and the ECI simulator, in one process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

mod election;
mod faults;
mod foreign;
mod fresh;
mod life;
mod stage;
