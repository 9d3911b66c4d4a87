//! `imagecache validate`: finds errors in manifests.

use std::io;

use anyhow::Context;
use clap::ValueEnum;
use imagecache::diagnostic::{Code, Level, Levels, Severity, sort_by_place};
use imagecache::validate::{ValidateOptions, file_within};
use rayon::prelude::*;

use crate::clock;
use crate::code_arg::CodeParser;
use crate::console::{self, Console, UNWRITABLE};
use crate::exit::Exit;
use crate::input::{Input, Inputs, LIMITS, format_of};
use crate::kinds::KindOptions;
use crate::progress::Progress;
use crate::registry_options::{Answered, RegistryOptions};
use crate::report::{self, Checked, Tally};
use crate::usage::usage_error;

/// Number of files that are checked in parallel before their findings are printed.
const BATCH: usize = 256;

const EXAMPLES: &str = "\
Examples:
  imagecache validate -f cache.yaml
  imagecache validate -R manifests/                      every manifest in a directory and below
  kustomize build . | imagecache validate -f -
  imagecache validate -R . --exclude '*-test.yaml' --exclude vendor/
  imagecache validate -R . --off mutable-tag --error IC042
  imagecache validate -R . --fail-on warning -o github   as a step of a GitHub workflow
  imagecache validate -R . -o sarif > imagecache.sarif   for code scanning and editors
  imagecache validate -R . --registry                    ask registries about each image, too

Exit codes:
  0  no finding of the severity --fail-on or above
  1  at least one finding of that severity or above
  2  usage error
  3  an input could not be read

`imagecache explain CODE` shows the page of a finding.";

/// Report errors and warnings in manifests of ImageCaches and workloads
///
/// Checks ImageCaches, and the image cache annotations and images of pods in workloads, in YAML or JSON, with any number
/// of documents. A pod spec in an object of an unknown kind is reported; other objects are skipped. Every
/// error and warning is reported in one run, with its line.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Validate {
    #[command(flatten)]
    inputs: Inputs,
    /// Report files of a directory that are not manifests as errors, too; they are skipped otherwise
    #[arg(long)]
    strict: bool,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    /// Lowest severity that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    fail_on: FailOn,
    /// Maximum spec.imageCacheSize in GiB, 20 to 32768 [default: 32768]
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(i64).range(20..=32_768))]
    max_size: Option<i64>,
    /// Print only findings that make the exit code 1, and no summary
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    severity: SeverityOptions,
    #[command(flatten)]
    kinds: KindOptions,
    #[command(flatten)]
    registry: RegistryOptions,
}

#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "Severity of findings, by code (IC025) or name (mutable-tag), repeatable"
)]
struct SeverityOptions {
    /// Report this code as an error
    #[arg(long, value_name = "CODE", value_parser = CodeParser, hide_possible_values = true)]
    error: Vec<Code>,
    /// Report this code as a warning
    #[arg(long, value_name = "CODE", value_parser = CodeParser, hide_possible_values = true)]
    warn: Vec<Code>,
    /// Report this code as a hint
    #[arg(long, value_name = "CODE", value_parser = CodeParser, hide_possible_values = true)]
    hint: Vec<Code>,
    /// Do not report this code
    #[arg(long, value_name = "CODE", value_parser = CodeParser, hide_possible_values = true)]
    off: Vec<Code>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// Each finding with its source line, and a summary
    Text,
    /// One JSON array of findings
    Json,
    /// One YAML list of findings
    Yaml,
    /// Objects with findings, as arguments of kubectl
    Name,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
    /// JUnit XML, for CI
    Junit,
    /// GitHub Actions workflow commands
    Github,
    /// GitLab code-quality report, JSON
    Gitlab,
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
                    let message = format!("`{code}`: duplicate severity, keep one");
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
        let mut options = ValidateOptions::default();
        options.levels = self.severity.levels()?;
        options.pod_paths = self.kinds.paths()?;
        if let Some(gib) = self.max_size {
            options.max_size_gib = gib;
        }
        let access = self.registry.access()?;
        let mut inputs = self.inputs.list()?;
        console.outlive_reader();
        let registries = access.map(|access| {
            Answered::of_inputs(access, &mut inputs, &options.pod_paths, clock::system())
        });
        let registries = registries.transpose()?;
        let fail_on = self.fail_on.severity();
        let run = Run {
            options,
            registries,
            fail_on,
            quiet: self.quiet,
            strict: self.strict,
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
            Form::Gitlab => run.all(&inputs, report::Gitlab::default(), console),
        }?;
        console.finish()?;
        if !self.quiet {
            console::advise(&tally.skipped_as);
        }
        if tally.objects() == 0 && tally.findings() == 0 && tally.empty_lists == 0 {
            console::complain(match tally.skipped_files {
                0 => "nothing was checked: the input has no object",
                _ => "nothing was checked: no file is a manifest",
            });
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
    /// What registries say, where they were asked.
    registries: Option<Answered>,
    fail_on: Option<Severity>,
    quiet: bool,
    /// Skip nothing.
    strict: bool,
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
            let parts: Vec<(F::Part, Tally, Option<String>)> = batch
                .par_iter()
                .map(|input| {
                    let checked = self.check(input);
                    progress.step();
                    let note = checked.skip_note().filter(|_| !self.quiet);
                    let tally = Tally::of(&checked, self.fail_on);
                    (form.part(&checked), tally, note)
                })
                .collect();
            progress
                .aside(|| {
                    for (part, counts, note) in parts {
                        tally.add(counts);
                        note.iter().for_each(|note| console::note(note));
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
                let name = &*input.name;
                let found = Some(name).filter(|_| input.found && !self.strict);
                let found = file_within(found, &text, format_of(name), &self.options, &LIMITS);
                checked.findings = found.validation.diagnostics;
                checked.objects = found.validation.objects;
                checked.empty_lists = found.empty_lists;
                checked.skip(&found.skipped);
                if let Some(registries) = &self.registries {
                    let format = format_of(name);
                    let more = registries.check(&text, format, &self.options, &LIMITS);
                    let is_skipped =
                        |document| found.skipped.iter().any(|(number, _)| *number == document);
                    let more = more.into_iter().filter(|one| !is_skipped(one.document));
                    checked.findings.extend(more);
                    sort_by_place(&mut checked.findings);
                }
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
