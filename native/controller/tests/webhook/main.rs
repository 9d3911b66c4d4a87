//! The webhook as an API server meets it: over TLS, with reviews that a real API server sent, and with what no API
//! server would send.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod answers;
mod cluster;
mod faults;
mod lifetime;
mod local;
mod server;
