//! `bindgen <wasm-bindgen's arguments>`: JavaScript around a module. `bindgen test <the test runner's arguments>`: runs
//! the tests in a module, under Node or in a browser.

use std::env::args_os;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let test = args_os().nth(1).is_some_and(|first| first == "test");
    // The first argument stays: both read it as the name of their program.
    let args = args_os()
        .enumerate()
        .filter(|(at, _)| !(test && *at == 1))
        .map(|(_, arg)| arg);
    if test {
        wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(args)?;
    } else {
        wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(args)?;
    }
    Ok(())
}
