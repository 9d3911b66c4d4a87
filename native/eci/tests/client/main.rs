//! The client against servers of the test's own on the loopback interface. Time and chance are the test's own too, so
//! no test waits and every run is the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)] // a test may stop at the first surprise

mod calls;
mod credentials;
mod loopback;
mod redaction;
