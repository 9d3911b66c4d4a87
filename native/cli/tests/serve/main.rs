//! `imagecache serve` as people and programs meet it: the process itself, killed too; curl; kubectl.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)] // a test fails by panic

#[path = "../common/mod.rs"]
mod common;
mod crash;
mod curl;
mod disk;
mod kubectl;
mod process;
mod server;
mod webhook;
