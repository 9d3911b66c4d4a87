//! Every chore of this project: `cargo xtask <chore>`.

use anyhow::Result;
use clap::{Parser, Subcommand};
use xshell::Shell;

mod bench;
mod bundles;
mod check;
mod ci;
mod clients;
mod deploy;
mod dev;
mod engines;
mod fuzz;
mod image;
mod kinds;
mod mutants;
mod pkg;
mod plan;
mod project;
mod registry;
mod release;
mod reliability;
mod sbom;
mod sdk;
mod setup;
mod soak;
mod test;
mod wasm;
mod words;
mod www;

/// Chores of imagecache.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build the npm package and the page unless they are current, and start `imagecache dev`.
    Dev {
        /// Arguments of `imagecache dev`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check format and lints, and run the tests of the core: under two minutes.
    Check,
    /// Run every test. Prints what is missing on this machine, and installs it.
    Test,
    /// Check everything but the tests: format, lints, documents, features, package, a short fuzz run.
    Ci,
    /// Check the dependencies against the advisories of RustSec, fetched from GitHub.
    Advisories,
    /// Write the table of faults in docs/reliability.md.
    Reliability,
    /// Check comments, documents and messages for words not to use.
    Words,
    /// Build the policy bundles, and write every file in them that has a source elsewhere.
    Bundles {
        /// Only say which files are not current.
        #[arg(long)]
        check: bool,
    },
    /// Write the schemas of the built-in kinds of `imagecache serve`.
    Kinds {
        /// Only say whether they are current.
        #[arg(long)]
        check: bool,
    },
    /// Measure the core and its peers; writes `docs/benchmarks.md`.
    Bench {
        /// Seconds for each measured function.
        #[arg(long, default_value = "3")]
        seconds: String,
        /// Only measure the cloud side, and print it.
        #[arg(long)]
        cloud: bool,
        /// Only measure the API server, and print it.
        #[arg(long, conflicts_with = "cloud")]
        cluster: bool,
        /// Only measure plans, and print them.
        #[arg(long, conflicts_with_all = ["cloud", "cluster"])]
        plans: bool,
    },
    /// Build the npm package.
    Pkg {
        /// Test it, too.
        #[arg(long)]
        test: bool,
    },
    /// Build the Kubewarden policy alone, and print where it is.
    Policy,
    /// Build the page; the next build of the command line carries it.
    Www {
        /// Test it, too.
        #[arg(long)]
        test: bool,
    },
    /// Test the cloud's simulator with the official SDKs.
    Sdk,
    /// Check what is made for other engines: types of CEL, schemas of Kubernetes objects.
    Engines,
    /// Plan random cases, and compare the costs with those of OR-Tools.
    PlanSolver {
        /// The number of cases.
        #[arg(long, default_value_t = 10_000)]
        cases: u32,
    },
    /// Test the API server with clients of Kubernetes: kubectl, Helm, Python, JavaScript, kopf.
    Clients {
        /// Write the table in docs/serve.md.
        #[arg(long)]
        update: bool,
    },
    /// Test the chart, alerts, dashboard, Argo CD health check and recipes of `deploy`.
    Deploy {
        /// Write the files that have a source elsewhere.
        #[arg(long)]
        update: bool,
    },
    /// Build the container image, as an OCI image layout below `target/image`.
    Image {
        /// Architecture, `amd64` or `arm64`; repeatable [default: amd64, and arm64 if its linker is there].
        #[arg(long)]
        arch: Vec<String>,
        /// Only check an image of the debug build with skopeo, umoci and a registry.
        #[arg(long, conflicts_with = "arch")]
        test: bool,
    },
    /// Test the command against Debian's registry, filled by skopeo.
    Registry {
        /// Only print how long 500 images take with 20 ms of latency.
        #[arg(long)]
        bench: bool,
    },
    /// Make every file of a release below `target/release-artifacts`, and check them.
    Release {
        /// Publish nothing; without it nothing is made: the workflow publishes.
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the sizes of what runs inside other programs, and hold them against their limits.
    Size,
    /// Run the whole system on simulated time with faults by chance, from many seeds.
    Soak {
        /// The number of seeds, from 0 on.
        #[arg(long, default_value_t = 10_000)]
        seeds: u64,
        /// Run this seed alone, and print its trace.
        #[arg(long, conflicts_with = "seeds")]
        seed: Option<u64>,
    },
    /// Change the core in one place at a time, and see that its tests notice.
    Mutants {
        /// Only the files that this pattern fits; repeatable.
        #[arg(long)]
        file: Vec<String>,
        /// Only part K of N: `0/8`.
        #[arg(long)]
        shard: Option<String>,
    },
    /// Fuzz everything that reads input of others.
    Fuzz {
        /// Hours for all targets together; fractions are allowed.
        #[arg(long, default_value_t = 0.2)]
        hours: f64,
        /// One target only.
        target: Option<String>,
    },
}

fn main() -> Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(setup::root()?);
    match Args::parse().chore {
        Chore::Dev { arguments } => dev::run(&sh, &arguments),
        Chore::Check => check::run(&sh),
        Chore::Advisories => ci::advisories(&sh),
        Chore::Reliability => reliability::page(false),
        Chore::Words => words::run(&sh),
        Chore::Test => test::run(&sh),
        Chore::Ci => ci::run(&sh),
        Chore::Bench { cloud: true, .. } => bench::cloud::print(&sh),
        Chore::Bench { cluster: true, .. } => bench::cluster::print(&sh),
        Chore::Bench { plans: true, .. } => bench::plans::print(&sh),
        Chore::Bench { seconds, .. } => bench::run(&sh, &seconds),
        Chore::Bundles { check } => bundles::run(&sh, check),
        Chore::Kinds { check } => kinds::run(&sh, check),
        Chore::Pkg { test: false } => pkg::run(&sh),
        Chore::Pkg { test: true } => test::pkg(&sh),
        Chore::Policy => wasm::policy(&sh).map(|file| println!("{}", file.display())),
        Chore::Www { test: false } => www::run(&sh),
        Chore::Www { test: true } => test::www(&sh),
        Chore::Sdk => test::sdk(&sh),
        Chore::PlanSolver { cases } => test::plan_solver(&sh, cases),
        Chore::Engines => test::engines(&sh),
        Chore::Image { arch, test: false } => image::run(&sh, &arch).map(|_| ()),
        Chore::Image { test: true, .. } => test::image(&sh),
        Chore::Clients { update } => test::clients(&sh, update),
        Chore::Deploy { update } => test::deploy(&sh, update),
        Chore::Registry { bench: true } => registry::bench(&sh),
        Chore::Registry { bench: false } => test::registry(&sh),
        Chore::Release { dry_run } => release::run(&sh, dry_run),
        Chore::Size => pkg::size(&sh).and_then(|()| wasm::size(&sh)),
        Chore::Soak { seeds, seed } => soak::run(&sh, seeds, seed),
        Chore::Mutants { file, shard } => mutants::run(&sh, &file, shard.as_deref()),
        Chore::Fuzz { hours, target } => fuzz::run(&sh, hours, target.as_deref()),
    }
}
