//! `imagecache match`: which cache each pod hits, and why.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::ValueEnum;
use imagecache::matching::{
    CacheName, Decision, Explanation, ImageFacts, ImageMatch, Index, Inventory, MatchRules,
    SearchBuffers, SizeTie,
};
use rayon::prelude::*;

use crate::cli::usage_error;
use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::exit::Exit;
use crate::input::Inputs;
use crate::report::count;
use crate::{documents, encode, table};

/// Pods that are answered at once, on all cores; so many answers, and no more, are kept before they are printed.
const BATCH: usize = 256;

const EXAMPLES: &str = "\
Examples:
  imagecache match -f pods.yaml -f caches.yaml
  imagecache match -f manifests/ --explain            every cache considered, and why it lost
  kubectl get imagecaches,deployments -A -o json | imagecache match -f -
  aliyun eci DescribeImageCaches | imagecache match -f - -f pod.yaml --region cn-hangzhou
  imagecache match -R . --fail-on partial             in CI: every pod must start from a cache

Decisions:
  Hit      a cache has every image exactly
  Partial  a cache has some of them; the others are pulled
  Miss     no cache; everything is pulled
  Refused  the pod names a cache that does not exist or is not Ready: ECI does not create the pod

Exit codes:
  0  done
  1  a pod fares as badly as --fail-on names
  2  the command line is wrong
  3  an input could not be read, or holds no pod";

/// Tell which cache each pod hits, and why
///
/// Pods, workloads (by their pod template) and caches may be mixed in any files and in any order. Caches are
/// ImageCache objects or the reply of DescribeImageCaches; a cache told of by both is one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Match {
    #[command(flatten)]
    inputs: Inputs,
    /// Show every cache that was considered, what ECI does next, and how to pin the result
    #[arg(short, long)]
    explain: bool,
    /// How to print
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    /// The least bad decision that makes the exit code 1
    #[arg(long, value_name = "DECISION", default_value = "refused")]
    fail_on: FailOn,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    pods: PodOptions,
    #[command(flatten)]
    rules: RuleOptions,
    #[command(flatten)]
    images: ImageOptions,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What the pods do not say themselves")]
struct PodOptions {
    /// Region of pods that name none; caches of other regions are left out
    #[arg(long)]
    region: Option<String>,
    /// Architecture of pods that name none [default: amd64]
    #[arg(long)]
    arch: Option<String>,
    /// Operating system of pods that name none [default: linux]
    #[arg(long)]
    os: Option<String>,
    /// Least size of a cache, where a pod does not ask for more
    #[arg(
        long,
        value_name = "GIB",
        default_value_t = 0,
        hide_default_value = true
    )]
    require_storage: u64,
    /// Match pods that neither ask for it nor refuse it? [default: yes, as in Kubernetes; the OpenAPI has no]
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    auto_match_default: Option<bool>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules that no document settles")]
struct RuleOptions {
    /// A cache that has only another version of an image is no candidate for it
    #[arg(long)]
    strict: bool,
    /// What `size` means among caches that match equally well
    #[arg(long, value_name = "RULE", default_value = "closest")]
    size_tiebreak: SizeTiebreak,
    /// ECI makes no cache by itself
    #[arg(long)]
    no_auto_create: bool,
    /// A cache that is being updated, or whose update failed, still serves its old snapshot
    #[arg(long)]
    serve_stale: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What is known about images; repeatable")]
struct ImageOptions {
    /// Bytes that travel when the image is pulled
    #[arg(long, value_name = "IMAGE=BYTES", value_parser = pair)]
    image_size: Vec<(String, String)>,
    /// The same, read from the image's manifest (OCI or Docker, JSON)
    #[arg(long, value_name = "IMAGE=FILE", value_parser = pair)]
    image_manifest: Vec<(String, String)>,
    /// The digest that a tag has now: equal digests are equal images
    #[arg(long, value_name = "IMAGE=DIGEST", value_parser = pair)]
    image_digest: Vec<(String, String)>,
    /// Two addresses of one registry, such as the public one and that of the VPC
    #[arg(long, value_name = "HOST=HOST", value_parser = pair)]
    registry_alias: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table; with --explain a page for each pod
    Text,
    /// One array, with everything in it
    Json,
    /// The same in YAML
    Yaml,
    /// The id of each pod's cache, or `-`, one a line
    Name,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    /// A pod is not matched in full
    Partial,
    /// A pod starts without a cache
    Miss,
    /// A pod is not created
    Refused,
    /// Whatever is decided
    Never,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SizeTiebreak {
    /// The cache whose size is closest to what the pod needs wins
    Closest,
    /// The cache whose matching images are the largest together wins
    MatchedBytes,
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("yes or no"),
    }
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text
        .split_once('=')
        .ok_or("expected two parts joined by `=`")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl ImageOptions {
    fn facts(&self) -> anyhow::Result<ImageFacts> {
        let mut facts = ImageFacts::default();
        for (host, other) in &self.registry_alias {
            facts.alias(host, other);
        }
        for (image, bytes) in &self.image_size {
            let bytes = bytes
                .parse()
                .map_err(|_| wrong("--image-size", bytes, "a number of bytes"))?;
            facts
                .size(image, bytes)
                .map_err(|fault| usage_error("match", fault))?;
        }
        for (image, path) in &self.image_manifest {
            let text = std::fs::read(path).with_context(|| format!("{path}: cannot be read"))?;
            let manifest = serde_json::from_slice(&text).ok();
            let bytes =
                manifest.and_then(|manifest| imagecache::matching::manifest_bytes(&manifest));
            let bytes = bytes.with_context(|| {
                format!("{path}: no manifest of one image (an index of platforms has no size)")
            })?;
            facts
                .size(image, bytes)
                .map_err(|fault| usage_error("match", fault))?;
        }
        for (image, digest) in &self.image_digest {
            facts
                .digest(image, digest)
                .map_err(|fault| usage_error("match", fault))?;
        }
        Ok(facts)
    }
}

fn wrong(option: &str, value: &str, expected: &str) -> anyhow::Error {
    usage_error("match", format!("{option}: `{value}` is not {expected}"))
}

impl Match {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let rules = self.rules();
        let facts = self.images.facts()?;
        let taken = documents::take(&self.inputs.list("match")?, |value, report| {
            let mut inventory = Inventory::default();
            inventory.add(value, report);
            inventory
        });
        let mut inventory = Inventory::default();
        for part in taken.parts {
            inventory.caches.extend(part.caches);
            inventory.pods.extend(part.pods);
            inventory.others += part.others;
        }
        if !facts.is_empty() {
            inventory.apply(&facts);
        }
        if inventory.pods.is_empty() {
            console::complain(&nothing_to_match(&inventory));
            return Ok(Exit::Failure);
        }
        let Inventory { caches, pods, .. } = inventory;
        let index: Index = caches.into_iter().collect();
        if index.is_empty() {
            console::note("note: there is no image cache in the input, so every pod misses");
        }
        let mut printer = Printer::new(self);
        let mut worst = Exit::Ok;
        for batch in pods.chunks(BATCH) {
            let answers: Vec<Explanation> = batch
                .par_iter()
                .map_init(SearchBuffers::default, |scratch, pod| {
                    index.explain(pod, &rules, scratch)
                })
                .collect();
            for answer in answers {
                if self.fails(&answer.decision) {
                    worst = Exit::Findings;
                }
                printer.put(console, answer)?;
            }
        }
        printer.end(console)?;
        Ok(if taken.incomplete {
            Exit::Failure
        } else {
            worst
        })
    }

    fn rules(&self) -> MatchRules {
        MatchRules {
            region: self.pods.region.clone(),
            arch: self.pods.arch.clone(),
            os: self.pods.os.clone(),
            require_storage: self.pods.require_storage,
            now: Some(self.clock.now()),
            size_tie: match self.rules.size_tiebreak {
                SizeTiebreak::Closest => SizeTie::Closest,
                SizeTiebreak::MatchedBytes => SizeTie::MatchedBytes,
            },
            strict: self.rules.strict,
            serve_stale_while_updating: self.rules.serve_stale,
            auto_create: !self.rules.no_auto_create,
            auto_match: self.pods.auto_match_default,
            ..MatchRules::default()
        }
    }

    fn fails(&self, decision: &Decision) -> bool {
        let bad = match decision {
            // A pod on ACS asks nothing of ECI.
            Decision::Hit | Decision::NotEci => 0,
            Decision::Partial => 1,
            Decision::Miss => 2,
            Decision::Refused(_) => 3,
        };
        bad >= match self.fail_on {
            FailOn::Partial => 1,
            FailOn::Miss => 2,
            FailOn::Refused => 3,
            FailOn::Never => 4,
        }
    }
}

fn nothing_to_match(inventory: &Inventory) -> String {
    let held = match (inventory.caches.len(), inventory.others) {
        (0, 0) => "nothing".to_owned(),
        (caches, 0) => count(caches, "image cache"),
        (0, others) => count(others, "other object"),
        (caches, others) => {
            format!(
                "{} and {}",
                count(caches, "image cache"),
                count(others, "other object")
            )
        }
    };
    format!("there is no pod to match: the input holds {held}, no Pod and no workload")
}

/// Prints one answer after the other.
enum Printer {
    /// A table is as wide as its widest row, so it is printed at the end.
    Table(Box<comfy_table::Table>),
    Pages {
        first: bool,
    },
    Json {
        first: bool,
    },
    Yaml,
    Name,
}

impl Printer {
    fn new(options: &Match) -> Self {
        match options.output {
            Form::Text if options.explain => Printer::Pages { first: true },
            Form::Text => Printer::Table(Box::new(table::new(&[
                "POD", "KIND", "DECISION", "CACHE", "IMAGES", "NEXT",
            ]))),
            Form::Json => Printer::Json { first: true },
            Form::Yaml => Printer::Yaml,
            Form::Name => Printer::Name,
        }
    }

    fn put(&mut self, console: &mut Console, answer: Explanation) -> anyhow::Result<()> {
        match self {
            Printer::Table(table) => {
                table.add_row(row(&answer));
                for warning in &answer.warnings {
                    console::note(&visible(&format!("warning: {}: {warning}", answer.pod)));
                }
                Ok(())
            }
            Printer::Pages { first } => {
                let text = if std::mem::take(first) { "" } else { "\n" };
                console
                    .write_all(text.as_bytes())
                    .and_then(|()| page(console, &answer))
            }
            Printer::Json { first } => {
                let between = if std::mem::take(first) { "[\n" } else { ",\n" };
                write!(console, "{between}{}", encode::json_elements(&[answer])?)
            }
            Printer::Yaml => console.write_all(encode::yaml(&[answer])?.as_bytes()),
            Printer::Name => {
                let winner = answer
                    .winner
                    .map(|winner| winner.image_cache_id.unwrap_or(winner.name));
                writeln!(console, "{}", visible(winner.as_deref().unwrap_or("-")))
            }
        }
        .context(UNWRITABLE)
    }

    fn end(self, console: &mut Console) -> anyhow::Result<()> {
        match self {
            Printer::Table(table) => console.write_all(table::lines(&table).as_bytes()),
            Printer::Json { first: true } => console.write_all(b"[]\n"),
            Printer::Json { first: false } => console.write_all(b"\n]\n"),
            Printer::Pages { .. } | Printer::Yaml | Printer::Name => Ok(()),
        }
        .context(UNWRITABLE)
    }
}

/// The cache's id, and its name where it has one.
fn cache_label(cache: &CacheName) -> String {
    match (&cache.image_cache_id, cache.name.as_str()) {
        (Some(id), "") => id.clone(),
        (Some(id), name) => format!("{id} ({name})"),
        (None, name) => name.to_owned(),
    }
}

fn row(answer: &Explanation) -> [String; 6] {
    let exact = answer
        .images
        .iter()
        .filter(|image| image.found == ImageMatch::Exact);
    let pull = &answer.next.pull;
    let next = match (&answer.error, &answer.next.create) {
        (Some(error), _) => format!("refuses it: {}", error.message),
        (None, None) => pulls(pull.len(), pull),
        (None, Some(create)) => {
            format!(
                "{}, makes a cache of {} GiB",
                pulls(pull.len(), pull),
                create.size_gib
            )
        }
    };
    let cells = [
        answer.pod.clone(),
        answer.kind.clone(),
        answer.decision.as_str().to_owned(),
        answer.winner.as_ref().map_or("-".to_owned(), cache_label),
        format!("{}/{}", exact.count(), answer.images.len()),
        next,
    ];
    cells.map(|cell| visible(&cell).into_owned())
}

/// Few words for a table: one image by name, more by number.
fn pulls(number: usize, images: &[String]) -> String {
    match images {
        [] => "pulls nothing".to_owned(),
        [image] => format!("pulls {image}"),
        _ => format!("pulls {}", count(number, "image")),
    }
}

/// Everything about one pod.
fn page(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    head(console, answer)?;
    if answer.error.is_none() {
        images(console, answer)?;
    }
    candidates(console, answer)?;
    match (&answer.error, answer.next.pull.as_slice()) {
        (Some(error), _) => {
            writeln!(
                console,
                "  ECI refuses it: {} (HTTP {})",
                error.code, error.http
            )?;
            writeln!(console, "    {}", visible(&error.message))?;
        }
        (None, []) => writeln!(console, "  ECI pulls nothing")?,
        (None, images) => writeln!(console, "  ECI pulls {}", visible(&images.join(", ")))?,
    }
    if let Some(create) = &answer.next.create {
        let (name, size) = (&create.name, create.size_gib);
        writeln!(
            console,
            "  and makes a cache of {size} GiB for the next one: {}",
            visible(name)
        )?;
    }
    if let (Some(bytes), Some(seconds)) = (answer.bytes_saved, answer.seconds_saved) {
        let bytes = indicatif::BinaryBytes(bytes);
        writeln!(
            console,
            "  the cache saves {bytes} of pulling, about {seconds} s"
        )?;
    }
    if let Some(pin) = &answer.pin {
        let place = if answer.kind == "Pod" {
            "pod"
        } else {
            "pod template"
        };
        writeln!(console, "  to pin this, annotate the {place}:")?;
        writeln!(console, "    {}: {}", pin.annotation, visible(&pin.value))?;
    }
    for warning in &answer.warnings {
        let style = console.style(AnsiColor::Yellow.on_default().bold());
        writeln!(console, "  {style}warning:{style:#} {}", visible(warning))?;
    }
    Ok(())
}

fn head(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    let color = match answer.decision {
        Decision::Hit => AnsiColor::Green,
        Decision::Partial | Decision::Miss | Decision::NotEci => AnsiColor::Yellow,
        Decision::Refused(_) => AnsiColor::Red,
    };
    let bold = console.style(Style::new().bold());
    let color = console.style(color.on_default().bold());
    let (kind, pod) = (visible(&answer.kind), visible(&answer.pod));
    let decision = answer.decision.as_str();
    write!(
        console,
        "{bold}{kind} {pod}{bold:#}: {color}{decision}{color:#}"
    )?;
    match &answer.winner {
        Some(winner) => writeln!(console, " {}", visible(&cache_label(winner))),
        None => writeln!(console),
    }
}

fn images(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    writeln!(console, "  images")?;
    let mut rows = table::new(&[]);
    for image in &answer.images {
        let cached = image.cached.as_deref().unwrap_or_default();
        let found = match image.found {
            ImageMatch::Exact => "cached".to_owned(),
            ImageMatch::RepositoryOnly => format!("cached in another version: {cached}"),
            ImageMatch::Nothing => "not cached".to_owned(),
            ImageMatch::Invalid => "no image reference".to_owned(),
        };
        rows.add_row([visible(&image.image).as_ref(), visible(&found).as_ref()]);
    }
    indented(console, &rows)
}

fn candidates(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    let unrelated = count(answer.unrelated, "cache");
    if answer.candidates.is_empty() {
        return writeln!(
            console,
            "  caches: {unrelated}, none with an image of these repositories"
        );
    }
    writeln!(console, "  caches")?;
    let mut rows = table::new(&[]);
    for candidate in &answer.candidates {
        let mark = if candidate.reason.is_none() { "*" } else { "-" };
        let label = cache_label(&candidate.cache);
        rows.add_row([
            mark,
            visible(&label).as_ref(),
            visible(&candidate.why).as_ref(),
        ]);
    }
    indented(console, &rows)?;
    if answer.unrelated > 0 {
        writeln!(
            console,
            "    and {unrelated} without an image of these repositories"
        )?;
    }
    Ok(())
}

fn indented(console: &mut Console, rows: &comfy_table::Table) -> io::Result<()> {
    for line in table::lines(rows).lines() {
        writeln!(console, "    {line}")?;
    }
    Ok(())
}
