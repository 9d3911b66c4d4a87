//! `imagecache validate`: what is wrong in manifests.

use std::io;

use anyhow::Context;
use clap::ValueEnum;
use imagecache::diagnostic::{Code, Level, Levels, Severity};
use imagecache::validate::{self as core, ValidateOptions};
use rayon::prelude::*;

use crate::code_arg::CodeParser;
use crate::console::{self, Console, UNWRITABLE};
use crate::exit::Exit;
use crate::input::{Input, Inputs, LIMITS, format_of};
use crate::progress::Progress;
use crate::report::{self, Checked, Tally};
use crate::usage::usage_error;

/// Files that are read and checked at once, on all cores; so much, and no more, is kept before it is printed.
const BATCH: usize = 256;

const EXAMPLES: &str = "\
Examples:
  imagecache validate -f cache.yaml
  imagecache validate -R manifests/                      every manifest in a folder and below
  kustomize build . | imagecache validate -f -
  imagecache validate -R . --off mutable-tag --error IC042
  imagecache validate -R . --fail-on warning -o github   as a step of a GitHub workflow
  imagecache validate -R . -o sarif > imagecache.sarif   for code scanning and editors

Exit codes:
  0  nothing found that --fail-on names
  1  something found
  2  the command line is wrong
  3  an input could not be read

`imagecache explain CODE` tells more about a finding.";

/// Find what is wrong in manifests: ImageCaches, and workloads that use them
///
/// Checks ImageCaches, and the image cache annotations of Pods, Deployments, StatefulSets, DaemonSets, ReplicaSets,
/// Jobs and CronJobs, in YAML or JSON, with any number of documents. Other objects are skipped. Everything wrong is
/// told at once, at its line.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Validate {
    #[command(flatten)]
    inputs: Inputs,
    /// How to print the findings
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    /// The least severity that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    fail_on: FailOn,
    /// Largest spec.imageCacheSize in GiB that your account allows [default: 32768; 500 in the API of 2020]
    #[arg(long, value_name = "GIB")]
    max_size: Option<i64>,
    /// Print only the findings that --fail-on names, and no summary
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    severity: SeverityOptions,
}

#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "Severity of findings, by code (IC025) or name (mutable-tag); repeatable"
)]
struct SeverityOptions {
    /// Report it as an error
    #[arg(long, value_name = "CODE", value_parser = CodeParser, hide_possible_values = true)]
    error: Vec<Code>,
    /// Report it as a warning
    #[arg(long, value_name = "CODE", value_parser = CodeParser, hide_possible_values = true)]
    warn: Vec<Code>,
    /// Report it as a hint
    #[arg(long, value_name = "CODE", value_parser = CodeParser, hide_possible_values = true)]
    hint: Vec<Code>,
    /// Do not report it
    #[arg(long, value_name = "CODE", value_parser = CodeParser, hide_possible_values = true)]
    off: Vec<Code>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// For people: each finding at its line, and a summary
    Text,
    /// One array of findings
    Json,
    /// The same in YAML
    Yaml,
    /// The objects with findings, as kubectl names them
    Name,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
    /// JUnit XML, for CI servers
    Junit,
    /// Workflow commands of GitHub Actions
    Github,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Hint,
    Never,
}

impl FailOn {
    fn severity(self) -> Option<Severity> {
        match self {
            FailOn::Error => Some(Severity::Error),
            FailOn::Warning => Some(Severity::Warning),
            FailOn::Hint => Some(Severity::Hint),
            FailOn::Never => None,
        }
    }
}

impl SeverityOptions {
    fn levels(&self) -> anyhow::Result<Levels> {
        let options = [
            (&self.error, Level::Error),
            (&self.warn, Level::Warning),
            (&self.hint, Level::Hint),
            (&self.off, Level::Off),
        ];
        let mut levels = Levels::default();
        let mut set: Vec<(Code, Level)> = Vec::new();
        for (codes, level) in options {
            for code in codes {
                if set
                    .iter()
                    .any(|(seen, other)| seen == code && *other != level)
                {
                    let message = format!("{code} is given two severities; keep one of them");
                    return Err(usage_error(message));
                }
                set.push((*code, level));
                levels.set(*code, level);
            }
        }
        Ok(levels)
    }
}

impl Validate {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let mut options = ValidateOptions {
            levels: self.severity.levels()?,
            ..ValidateOptions::default()
        };
        if let Some(gib) = self.max_size {
            options.max_size_gib = gib;
        }
        let inputs = self.inputs.list()?;
        let fail_on = self.fail_on.severity();
        let run = Run {
            options,
            fail_on,
            quiet: self.quiet,
        };
        let tally = match self.output {
            Form::Text => {
                let text = report::Text::new(console, self.quiet);
                run.all(&inputs, text, console)
            }
            Form::Json => run.all(&inputs, report::Json::default(), console),
            Form::Yaml => run.all(&inputs, report::Yaml::default(), console),
            Form::Name => run.all(&inputs, report::Name, console),
            Form::Sarif => run.all(&inputs, report::Sarif::default(), console),
            Form::Junit => run.all(&inputs, report::Junit::new(fail_on), console),
            Form::Github => run.all(&inputs, report::Github, console),
        }?;
        console.finish()?;
        if tally.objects() == 0 && tally.findings() == 0 {
            console::complain("nothing was checked: the input holds no object");
            return Ok(Exit::Failure);
        }
        Ok(if tally.unreadable > 0 {
            Exit::Failure
        } else if tally.failing > 0 {
            Exit::Findings
        } else {
            Exit::Ok
        })
    }
}

/// One run over all inputs.
struct Run {
    options: ValidateOptions,
    fail_on: Option<Severity>,
    quiet: bool,
}

impl Run {
    /// Checks every input on all cores and prints what was found in the order of the inputs.
    fn all<F: report::Form>(
        &self,
        inputs: &[Input],
        mut form: F,
        console: &mut Console,
    ) -> anyhow::Result<Tally> {
        let progress = Progress::new(inputs.len());
        let mut tally = Tally::default();
        form.start(console).context(UNWRITABLE)?;
        for batch in inputs.chunks(BATCH) {
            let parts: Vec<(F::Part, Tally)> = batch
                .par_iter()
                .map(|input| {
                    let checked = self.check(input);
                    progress.step();
                    (form.part(&checked), Tally::of(&checked, self.fail_on))
                })
                .collect();
            progress
                .aside(|| {
                    for (part, counts) in parts {
                        tally.add(counts);
                        form.put(console, part)?;
                    }
                    io::Result::Ok(())
                })
                .context(UNWRITABLE)?;
        }
        progress.finish();
        form.end(console, &tally).context(UNWRITABLE)?;
        Ok(tally)
    }

    fn check(&self, input: &Input) -> Checked {
        let mut checked = Checked::new(input);
        match input.read() {
            Err(fault) => checked.unread(&fault),
            Ok(text) => {
                let found =
                    core::text_within(&text, format_of(&input.name), &self.options, &LIMITS);
                checked.findings = found.diagnostics;
                checked.objects = found.objects;
                checked.text = text;
            }
        }
        if self.quiet {
            let limit = self.fail_on;
            checked
                .findings
                .retain(|found| limit.is_some_and(|limit| found.severity >= limit));
        }
        checked
    }
}
