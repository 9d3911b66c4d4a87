//! `imagecache match`: shows which cache each pod uses, and why.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::ValueEnum;
use imagecache::matching::{
    CacheName, Decision, Explanation, ImageFacts, ImageMatch, Index, Inventory, MatchRules,
    SearchBuffers, SizeTie,
};
use imagecache::reference::Named;
use rayon::prelude::*;

use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::exit::Exit;
use crate::input::Inputs;
use crate::report::count;
use crate::usage::usage_error;
use crate::{documents, encode, match_locality, table};

/// Number of pods that are matched in parallel before their results are printed.
const BATCH: usize = 256;

const EXAMPLES: &str = "\
Examples:
  imagecache match -f pods.yaml -f caches.yaml
  imagecache match -f manifests/ --explain            show every candidate, and why it lost
  kubectl get imagecaches,deployments -A -o json | imagecache match -f -
  aliyun eci DescribeImageCaches | imagecache match -f - -f pod.yaml --region cn-hangzhou
  imagecache match -R . --fail-on partial             in CI: require a full match of each pod
  kubectl get nodes,deployments -A -o json | imagecache match --profile locality -f -

Decisions:
  Hit      the cache has every image
  Partial  the cache has some images; the others are pulled
  Miss     no cache matches; every image is pulled
  Refused  the pod names a cache that does not exist or is not Ready; ECI does not create the pod

Exit codes:
  0  done
  1  a pod has the decision --fail-on or a worse one
  2  usage error
  3  an input could not be read, or the input has no pod";

/// Show which cache each pod uses, and why
///
/// Reads Pods, workloads with a pod template, and caches, from any files in any order. Caches are ImageCache objects or
/// the reply of DescribeImageCaches; a cache that appears in both is counted once.
///
/// With --profile locality it reads Nodes instead of caches, and shows the score (0 to 100) that the scheduler's plugin
/// ImageLocality gives each node for the images in its status.images. A kubelet reports at most 50 images by default.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Match {
    #[command(flatten)]
    inputs: Inputs,
    /// What to match pods with: image caches of ECI, or images on nodes
    #[arg(long, value_name = "PROFILE", default_value = "eci")]
    profile: Profile,
    /// Show every candidate, what ECI does next, and how to pin the result
    #[arg(short, long)]
    explain: bool,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    /// Best decision that makes the exit code 1
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
#[command(next_help_heading = "Defaults of pods")]
struct PodOptions {
    /// Region of pods without one; caches of other regions are ignored
    #[arg(long)]
    region: Option<String>,
    /// Architecture of pods without one [default: amd64]
    #[arg(long)]
    arch: Option<String>,
    /// Operating system of pods without one [default: linux]
    #[arg(long)]
    os: Option<String>,
    /// Minimum size of a cache in GiB, unless the pod requests more [default: 0]
    #[arg(
        long,
        value_name = "GIB",
        default_value_t = 0,
        hide_default_value = true
    )]
    require_storage: u64,
    /// Match pods that do not say whether to match [default: yes; no in the OpenAPI]
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    auto_match_default: Option<bool>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules that ECI does not document")]
struct RuleOptions {
    /// Ignore caches that have only another version of an image
    #[arg(long)]
    strict: bool,
    /// Which size decides between caches that match equally well
    #[arg(long, value_name = "RULE", default_value = "closest")]
    size_tiebreak: SizeTiebreak,
    /// Assume that ECI does not create caches automatically
    #[arg(long)]
    no_auto_create: bool,
    /// Use caches in Updating and UpdateFailed too, with their old snapshot
    #[arg(long)]
    serve_stale: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Facts about images, repeatable")]
struct ImageOptions {
    /// Compressed size of an image in bytes
    #[arg(long, value_name = "IMAGE=BYTES", value_parser = pair)]
    image_size: Vec<(String, String)>,
    /// Read the size from the image's manifest (OCI or Docker, JSON)
    #[arg(long, value_name = "IMAGE=FILE", value_parser = pair)]
    image_manifest: Vec<(String, String)>,
    /// Current digest of a tag; equal digests are equal images
    #[arg(long, value_name = "IMAGE=DIGEST", value_parser = image_digest)]
    image_digest: Vec<(String, String)>,
    /// Two addresses of one registry, such as the public one and the VPC one
    #[arg(long, value_name = "HOST=HOST", value_parser = hosts)]
    registry_alias: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// The cache that ECI uses for each pod
    Eci,
    /// The score (0 to 100) of the scheduler's plugin ImageLocality for each pod and node
    Locality,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A table; with --explain a page for each pod
    Text,
    /// One JSON array with all details
    Json,
    /// One YAML list with all details
    Yaml,
    /// The cache id (or best node) of each pod, or `-`, one a line
    Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Partial or worse
    Partial,
    /// Miss or worse
    Miss,
    /// Refused
    Refused,
    /// No decision
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SizeTiebreak {
    /// The cache size closest to the storage that the pod needs
    Closest,
    /// The largest total size of matching images
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

fn image_digest(text: &str) -> Result<(String, String), String> {
    let (image, digest) = pair(text)?;
    let whole = format!("example.com/a@{digest}");
    match Named::parse(&whole) {
        Ok(named) if named.digest() == Some(&*digest) => Ok((image, digest)),
        _ => Err(format!(
            "`{digest}` is not a digest, such as sha256:<64 hex digits>"
        )),
    }
}

fn hosts(text: &str) -> Result<(String, String), String> {
    let (host, other) = pair(text)?;
    for host in [&host, &other] {
        let image = format!("{host}/a");
        let known = !host.contains('/') && Named::parse(&image).is_ok();
        // A first part without dot and port is a namespace of Docker Hub.
        if !known || !(host.contains(['.', ':']) || host == "localhost") {
            return Err(format!(
                "`{host}` is not a registry, such as registry.example.com:5000"
            ));
        }
    }
    Ok((host, other))
}

impl ImageOptions {
    fn is_empty(&self) -> bool {
        self.image_size.is_empty()
            && self.image_manifest.is_empty()
            && self.image_digest.is_empty()
            && self.registry_alias.is_empty()
    }

    fn facts(&self) -> anyhow::Result<ImageFacts> {
        let mut facts = ImageFacts::default();
        for (host, other) in &self.registry_alias {
            facts.alias(host, other);
        }
        for (image, bytes) in &self.image_size {
            let bytes = bytes
                .parse()
                .map_err(|_| wrong("--image-size", bytes, "a number of bytes"))?;
            facts.size(image, bytes).map_err(usage_error)?;
        }
        for (image, path) in &self.image_manifest {
            let text = std::fs::read(path).with_context(|| format!("{path}: cannot be read"))?;
            let manifest = serde_json::from_slice(&text).ok();
            let bytes =
                manifest.and_then(|manifest| imagecache::matching::manifest_bytes(&manifest));
            let bytes = bytes.with_context(|| {
                format!("{path}: not a manifest of one image (an index has no size)")
            })?;
            facts.size(image, bytes).map_err(usage_error)?;
        }
        for (image, digest) in &self.image_digest {
            facts.digest(image, digest).map_err(usage_error)?;
        }
        Ok(facts)
    }
}

fn wrong(option: &str, value: &str, expected: &str) -> anyhow::Error {
    usage_error(format!("{option}: `{value}` is not {expected}"))
}

impl Match {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        console.outlive_reader();
        if self.profile == Profile::Locality {
            if let Some(option) = self.without_effect() {
                return Err(usage_error(format!(
                    "{option} has no effect with --profile locality"
                )));
            }
            return match_locality::run(&self.inputs.list()?, self.output, console);
        }
        let rules = self.rules();
        let facts = self.images.facts()?;
        let taken = documents::take(&self.inputs.list()?, |value, report| {
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
        let manifests = inventory.assume_ready(self.clock.now());
        if manifests > 0 {
            let caches = count(manifests, "image cache");
            console::note(&format!(
                "note: {caches} without a status, matched as if Ready"
            ));
        }
        let Inventory { caches, pods, .. } = inventory;
        let index: Index = caches.into_iter().collect();
        if index.is_empty() {
            console::note("note: the input has no image cache, so every pod is a Miss");
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

    /// Returns the first option that was given and that the score of nodes does not depend on.
    fn without_effect(&self) -> Option<&'static str> {
        let (pods, rules) = (&self.pods, &self.rules);
        let given = [
            (self.explain, "--explain"),
            (self.fail_on != FailOn::Refused, "--fail-on"),
            (pods.region.is_some(), "--region"),
            (pods.arch.is_some(), "--arch"),
            (pods.os.is_some(), "--os"),
            (pods.require_storage != 0, "--require-storage"),
            (pods.auto_match_default.is_some(), "--auto-match-default"),
            (rules.strict, "--strict"),
            (
                rules.size_tiebreak != SizeTiebreak::Closest,
                "--size-tiebreak",
            ),
            (rules.no_auto_create, "--no-auto-create"),
            (rules.serve_stale, "--serve-stale"),
            (!self.images.is_empty(), "a fact about images"),
        ];
        given
            .iter()
            .find(|(given, _)| *given)
            .map(|(_, name)| *name)
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
        (0, 0) => return "the input has no Pod or workload to match".to_owned(),
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
    format!("the input has no Pod or workload to match, only {held}")
}

/// Prints explanations in order.
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

/// Returns the id of a cache, and its name if it has one.
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
        (Some(error), _) => format!("refused: {}", error.message),
        (None, None) => pulls(pull.len(), pull),
        (None, Some(create)) => {
            format!(
                "{}, creates a cache of {} GiB",
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

/// Returns the images to pull for a table: one by name, more by number.
fn pulls(number: usize, images: &[String]) -> String {
    match images {
        [] => "pulls nothing".to_owned(),
        [image] => format!("pulls {image}"),
        _ => format!("pulls {}", count(number, "image")),
    }
}

/// Prints the page of one pod.
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
                "  ECI refuses the pod: {} (HTTP {})",
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
            "  ECI creates a cache of {size} GiB for later pods: {}",
            visible(name)
        )?;
    }
    if let (Some(bytes), Some(seconds)) = (answer.bytes_saved, answer.seconds_saved) {
        let bytes = indicatif::BinaryBytes(bytes);
        writeln!(
            console,
            "  the cache saves pulling {bytes}, about {seconds} s"
        )?;
    }
    if let Some(pin) = &answer.pin {
        let place = if answer.kind == "Pod" {
            "pod"
        } else {
            "pod template"
        };
        writeln!(console, "  to pin this cache, annotate the {place}:")?;
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
            ImageMatch::Invalid => "not an image reference".to_owned(),
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
