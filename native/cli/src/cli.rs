//! The command line: its verbs, their shared options, and the end of a run.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{ArgMatches, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::console::{self, Console, UNWRITABLE};
use crate::exit::Exit;
use crate::usage::UsageError;
use crate::{
    audit, complete, completions, cover, crd, dev, eci, expire, explain, freshness, man,
    match_pods, plan, reference, schema, serve, sync, tidy, validate, webhook,
};

/// Maximum width of help, in columns.
const HELP_WIDTH: usize = 100;

const EXAMPLES: &str = "\
Examples:
  imagecache dev                         start a local cluster with a simulated ECI
  imagecache validate -R manifests/      report errors and warnings, with their line
  imagecache match -f manifests/         show which cache each pod uses; with --explain, why
  imagecache expire -f caches.yaml       show when each cache expires
  imagecache plan -f manifests/          plan which caches to have, and what they cost
  imagecache cover -f manifests/         show which caches a release lacks; can make them and wait
  imagecache tidy --against cluster --cloud
                                         show which caches may be deleted, and why
  imagecache audit --against cluster     compare predictions with what happened
  imagecache freshness -f caches.yaml    ask registries which cached tags have moved
  imagecache reference nginx             show the full name of an image
  imagecache explain IC022               show the page of a finding

Exit codes:
  0  done, no findings
  1  done, with findings
  2  usage error
  3  an input could not be read, or an output not written; the answer is not complete

As a kubectl plugin: ln -s \"$(command -v imagecache)\" /usr/local/bin/kubectl-imagecache";

/// Validate, match, expire and plan image caches of Alibaba Cloud ECI.
///
/// Most commands only read files: Kubernetes manifests and replies of the ECI API. `plan`, `cover`, `tidy` and `audit` can
/// read a cluster and ECI; `freshness` and the option `--registry` ask registries; `eci` calls the ECI API; `sync` and `webhook` connect to a
/// cluster; `serve`, `dev` and `eci simulate` start local servers.
#[derive(Debug, Parser)]
#[command(name = "imagecache", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// When to colour the output; `auto` colours on a terminal and honours NO_COLOR and CLICOLOR_FORCE
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        display_order = 900
    )]
    color: ColorChoice,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Dev(dev::Dev),
    Validate(validate::Validate),
    Match(match_pods::Match),
    Expire(expire::Expire),
    Plan(Box<plan::PlanCaches>),
    Cover(Box<cover::Cover>),
    Tidy(Box<tidy::TidyCaches>),
    Audit(Box<audit::AuditStarts>),
    Freshness(Box<freshness::Freshness>),
    Eci(eci::Eci),
    Serve(serve::Serve),
    Sync(Box<sync::Sync>),
    Webhook(Box<webhook::Webhook>),
    Reference(reference::Reference),
    Crd(crd::Crd),
    Schema(schema::Schema),
    Explain(explain::Explain),
    Completions(completions::Completions),
    #[command(hide = true)]
    Man(man::Man),
    #[command(name = "__complete", hide = true)]
    Complete(complete::Complete),
}

impl Verb {
    fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        match self {
            Verb::Dev(verb) => verb.run(console),
            Verb::Validate(verb) => verb.run(console),
            Verb::Match(verb) => verb.run(console),
            Verb::Expire(verb) => verb.run(console),
            Verb::Plan(verb) => verb.run(console),
            Verb::Cover(verb) => verb.run(console),
            Verb::Tidy(verb) => verb.run(console),
            Verb::Audit(verb) => verb.run(console),
            Verb::Freshness(verb) => verb.run(console),
            Verb::Eci(verb) => verb.run(console),
            Verb::Serve(verb) => verb.run(console),
            Verb::Sync(verb) => verb.run(console),
            Verb::Webhook(verb) => verb.run(console),
            Verb::Reference(verb) => verb.run(console),
            Verb::Crd(verb) => verb.run(console),
            Verb::Schema(verb) => verb.run(console),
            Verb::Explain(verb) => verb.run(console),
            Verb::Completions(verb) => verb.run(&mut command(None), console),
            Verb::Man(verb) => verb.run(command(None)),
            Verb::Complete(verb) => verb.run(&mut command(None), console),
        }
    }
}

/// Returns the command as this program was called: `imagecache`, or `kubectl imagecache` when it runs as kubectl's plugin.
fn command(program: Option<&OsString>) -> clap::Command {
    let plugin = program
        .and_then(|program| Path::new(program).file_stem())
        .is_some_and(|stem| stem == "kubectl-imagecache");
    // By default clap asks every stream for its width, also standard input: help in a pipe would depend on the caller.
    let width = console::width().map_or(HELP_WIDTH, |width| width.min(HELP_WIDTH));
    let command = Cli::command().term_width(width);
    if plugin {
        command.bin_name("kubectl imagecache")
    } else {
        command
    }
}

/// Runs one command line from its arguments to its exit code.
pub(crate) fn run() -> Exit {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut command = command(arguments.first());
    let matches = match command.try_get_matches_from_mut(&arguments) {
        Ok(matches) => matches,
        Err(error) => return refuse(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    console::choose_color(cli.color);
    let mut console = Console::stdout();
    let ended = cli.verb.run(&mut console).and_then(|exit| {
        console.finish()?;
        Ok(exit)
    });
    ended.unwrap_or_else(|error| match error.downcast::<UsageError>() {
        Ok(usage) => {
            command.build();
            refuse(&in_verb(&mut command, &matches, &usage))
        }
        Err(error) => fail(&error),
    })
}

/// Returns a usage error as clap prints its own: with the usage line of the verb that was called.
fn in_verb(command: &mut clap::Command, matches: &ArgMatches, usage: &UsageError) -> clap::Error {
    let called = matches
        .subcommand()
        .and_then(|(name, matches)| Some((command.find_subcommand_mut(name)?, matches)));
    match called {
        Some((verb, matches)) => in_verb(verb, matches, usage),
        None => command.error(ErrorKind::ValueValidation, usage),
    }
}

/// Prints a usage error, or the requested help or version.
fn refuse(error: &clap::Error) -> Exit {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    match error.print() {
        _ if !asked => Exit::Usage,
        Ok(()) => Exit::Ok,
        Err(unwritten) => fail(&anyhow::Error::from(unwritten).context(UNWRITABLE)),
    }
}

/// Prints why a run ended early. A reader that closed the pipe (`| head`) is not an error.
fn fail(error: &anyhow::Error) -> Exit {
    let mut reasons = Vec::new();
    for cause in error.chain() {
        match cause.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Ok,
            Some(error) => reasons.push(console::reason(error)),
            None => reasons.push(cause.to_string()),
        }
    }
    console::complain(&reasons.join(": "));
    Exit::Failure
}
