//! The Kubewarden policy: a waPC guest.
#![cfg(target_family = "wasm")]

use wapc_guest::register_function;

/// Called once by the host, before anything else.
#[allow(unsafe_code)] // the name is the contract; see the lints in Cargo.toml
#[unsafe(no_mangle)]
pub extern "C" fn wapc_init() {
    register_function("protocol_version", |_| Ok(br#""v1""#.to_vec()));
}
