//! The `imagecache` command: reads files, calls the core, prints the results.
//!
//! It holds no rule about image caches. There is one file for each verb; [`cli`] lists the verbs, [`exit`] the exit codes,
//! [`input`] and [`console`] are standard input and output, [`report`] holds the output formats of findings.

mod audit;
mod cli;
mod clock;
mod code_arg;
mod complete;
mod completions;
mod console;
mod cover;
mod crd;
mod crd_file;
mod dev;
mod documents;
mod eci;
mod encode;
mod exit;
mod expire;
mod explain;
mod freshness;
mod input;
mod kinds;
mod kubeconfig;
mod listen;
mod live;
mod log;
mod man;
mod match_locality;
mod match_pods;
mod page;
mod plan;
mod pod_options;
mod progress;
mod reference;
mod registry_options;
mod report;
mod schema;
mod serve;
mod signal;
mod sync;
mod table;
mod tidy;
mod usage;
mod validate;
mod webhook;

use exit::Exit;

fn main() -> Exit {
    cli::run()
}
