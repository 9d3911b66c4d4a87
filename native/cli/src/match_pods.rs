//! `imagecache match`: shows which cache each pod uses, and why.

use std::io;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::ValueEnum;
use imagecache::matching::{
    CacheName, Decision, Explanation, ImageFacts, ImageMatch, Index, Inventory, MAX_CANDIDATES,
    MatchRules, NameComparison, SearchBuffers, SizeTie,
};
use imagecache::reference::Named;
use imagecache::resource::workload::PodPaths;
use oci_spec::image::{ImageIndex, ImageManifest};
use rayon::prelude::*;

use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::exit::Exit;
use crate::input::Inputs;
use crate::kinds::KindOptions;
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
  NotEci   the pod runs on ACS, which has image caches of its own

Exit codes:
  0  done
  1  a pod has the decision --fail-on or a worse one
  2  usage error
  3  an input, a pod or a cache could not be read, or the input has no pod";

/// Show which cache each pod uses, and why
///
/// Reads Pods, workloads with a pod template, and caches, from any files in any order. Caches are ImageCache objects or
/// the reply of DescribeImageCaches; a cache that appears in both is counted once. The ConfigMap eci-profile and Selector
/// objects (eci.aliyun.com) add their annotations and labels to pods; a selector of namespaces needs the Namespaces.
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
    /// Maximum number of candidates to show for each pod
    #[arg(long, value_name = "NUMBER", default_value_t = MAX_CANDIDATES)]
    candidates: usize,
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
    #[command(flatten)]
    kinds: KindOptions,
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
    /// How image names are compared
    #[arg(long, value_name = "RULE", default_value = "normalised")]
    names: Names,
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
    /// NotEci or worse: every pod must run on ECI, with every image cached
    NotEci,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Names {
    /// As text: nginx:1.27 is not docker.io/library/nginx:1.27
    Textual,
    /// In full: registry, namespace and a missing tag are filled in
    Normalised,
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
    /// Reports whether a fact decides which names are equal.
    fn compare_names(&self) -> bool {
        !self.image_digest.is_empty() || !self.registry_alias.is_empty()
    }

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
            facts
                .manifest(image, &manifest(path)?)
                .map_err(usage_error)?;
        }
        for (image, digest) in &self.image_digest {
            facts.digest(image, digest).map_err(usage_error)?;
        }
        Ok(facts)
    }
}

/// Reads the manifest of one image from a file.
fn manifest(path: &str) -> anyhow::Result<ImageManifest> {
    let text = std::fs::read(path).with_context(|| format!("{path}: cannot be read"))?;
    if let Ok(index) = serde_json::from_slice::<ImageIndex>(&text) {
        let platforms = index.manifests().len();
        anyhow::bail!(
            "{path}: an index of {platforms} manifests, expected the manifest of one image"
        );
    }
    serde_json::from_slice(&text).with_context(|| format!("{path}: not a manifest of one image"))
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
            let paths = self.kinds.paths()?;
            return match_locality::run(&self.inputs.list()?, &paths, self.output, console);
        }
        let rules = self.rules(self.kinds.paths()?);
        let facts = self.images.facts()?;
        if rules.names == NameComparison::Textual && self.images.compare_names() {
            return Err(usage_error(
                "--registry-alias and --image-digest have no effect with --names textual",
            ));
        }
        let taken = documents::take(&self.inputs.list()?, |value, report| {
            let mut inventory = Inventory::default();
            inventory.pod_paths = rules.pod_paths.clone();
            inventory.add(value, report);
            inventory
        });
        let mut inventory = Inventory::default();
        taken
            .parts
            .into_iter()
            .for_each(|part| inventory.append(part));
        inventory.apply_defaults();
        let complete =
            !taken.incomplete && inventory.unread == 0 && inventory.defaults.unreadable == 0;
        if !facts.is_empty() {
            inventory.apply(&facts);
        }
        if inventory.pods.is_empty() {
            if inventory.empty_lists == 0 || !complete {
                console::complain(&nothing_to_match(&inventory));
                return Ok(Exit::Failure);
            }
            console::note("note: 0 pods in the input");
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
        documents::report(&index.conflicts());
        if index.is_empty() && !pods.is_empty() {
            console::note("note: the input has no image cache, so every pod is a Miss");
        }
        let mut printer = Printer::new(self);
        let mut worst = Exit::Ok;
        for batch in pods.chunks(BATCH) {
            let answers: Vec<Explanation> = batch
                .par_iter()
                .map_init(SearchBuffers::default, |scratch, pod| {
                    index.explain_with(pod, &rules, scratch)
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
        Ok(if complete { worst } else { Exit::Failure })
    }

    fn rules(&self, pod_paths: PodPaths) -> MatchRules {
        let mut rules = MatchRules::default();
        rules.region.clone_from(&self.pods.region);
        rules.arch.clone_from(&self.pods.arch);
        rules.os.clone_from(&self.pods.os);
        rules.require_storage = self.pods.require_storage;
        rules.now = Some(self.clock.now());
        rules.size_tie = match self.rules.size_tiebreak {
            SizeTiebreak::Closest => SizeTie::Closest,
            SizeTiebreak::MatchedBytes => SizeTie::MatchedBytes,
        };
        rules.strict = self.rules.strict;
        rules.serve_stale_while_updating = self.rules.serve_stale;
        rules.auto_create = !self.rules.no_auto_create;
        rules.auto_match = self.pods.auto_match_default;
        rules.max_candidates = self.candidates;
        rules.names = match self.rules.names {
            Names::Textual => NameComparison::Textual,
            Names::Normalised => NameComparison::Normalised,
        };
        rules.pod_paths = pod_paths;
        rules
    }

    /// Returns the first option that was given and that the score of nodes does not depend on.
    fn without_effect(&self) -> Option<&'static str> {
        let (pods, rules) = (&self.pods, &self.rules);
        let given = [
            (self.explain, "--explain"),
            (self.candidates != MAX_CANDIDATES, "--candidates"),
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
            (rules.names != Names::Normalised, "--names"),
            (!self.images.is_empty(), "a fact about images"),
        ];
        given
            .iter()
            .find(|(given, _)| *given)
            .map(|(_, name)| *name)
    }

    fn fails(&self, decision: &Decision) -> bool {
        let bad = match decision {
            Decision::Hit => 0,
            Decision::NotEci => 1,
            Decision::Partial => 2,
            Decision::Miss => 3,
            // A decision that a later core adds fails too, until it has a place here.
            _ => 4,
        };
        bad >= match self.fail_on {
            FailOn::NotEci => 1,
            FailOn::Partial => 2,
            FailOn::Miss => 3,
            FailOn::Refused => 4,
            FailOn::Never => 5,
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
    Table(Box<table::Table>),
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
                    let pod = visible(&answer.pod);
                    console::note(&format!("warning: {pod}: {}", visible(warning)));
                }
                Ok(())
            }
            Printer::Pages { first } => {
                let text = if std::mem::take(first) { "" } else { "\n" };
                console.document(text).and_then(|()| page(console, &answer))
            }
            Printer::Json { first } => {
                let between = if std::mem::take(first) { "[\n" } else { ",\n" };
                let text = encode::json_elements(&[answer])?;
                console.document(&format!("{between}{text}"))
            }
            Printer::Yaml => console.document(&encode::yaml(&[answer])?),
            Printer::Name => {
                let winner = answer
                    .winner
                    .map(|winner| winner.image_cache_id.unwrap_or(winner.name));
                console.line(format_args!("{}", winner.as_deref().unwrap_or("-")))
            }
        }
        .context(UNWRITABLE)
    }

    fn end(self, console: &mut Console) -> anyhow::Result<()> {
        match self {
            Printer::Table(table) => console.document(&table::lines(&table)),
            Printer::Json { first: true } => console.document("[]\n"),
            Printer::Json { first: false } => console.document("\n]\n"),
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
        _ if answer.decision == Decision::NotEci => "follows the rules of ACS".to_owned(),
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
    [
        answer.pod.clone(),
        answer.kind.clone(),
        answer.decision.as_str().to_owned(),
        answer.winner.as_ref().map_or("-".to_owned(), cache_label),
        format!("{}/{}", exact.count(), answer.images.len()),
        next,
    ]
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
    let on_eci = answer.decision != Decision::NotEci;
    if answer.error.is_none() && on_eci {
        images(console, answer)?;
    }
    if on_eci {
        candidates(console, answer)?;
    }
    match (&answer.error, answer.next.pull.as_slice()) {
        _ if !on_eci => {}
        (Some(error), _) => {
            console.line(format_args!(
                "  ECI refuses the pod: {} (HTTP {})",
                error.code, error.http
            ))?;
            console.line(format_args!("    {}", error.message))?;
        }
        (None, []) => console.line(format_args!("  ECI pulls nothing"))?,
        (None, images) => console.line(format_args!("  ECI pulls {}", images.join(", ")))?,
    }
    if let Some(create) = &answer.next.create {
        let (name, size) = (&create.name, create.size_gib);
        console.line(format_args!(
            "  ECI creates a cache of {size} GiB for later pods: {}",
            name
        ))?;
    }
    if let (Some(bytes), Some(seconds)) = (answer.bytes_saved, answer.seconds_saved) {
        let bytes = indicatif::BinaryBytes(bytes);
        console.line(format_args!(
            "  the cache saves pulling {bytes}, about {seconds} s"
        ))?;
    }
    if let Some(pin) = &answer.pin {
        let place = if answer.kind == "Pod" {
            "pod"
        } else {
            "pod template"
        };
        console.line(format_args!("  to pin this cache, annotate the {place}:"))?;
        console.line(format_args!("    {}: {}", pin.annotation, pin.value))?;
    }
    for note in &answer.notes {
        console.line(format_args!("  note: {note}"))?;
    }
    for warning in &answer.warnings {
        let style = AnsiColor::Yellow.on_default().bold();
        let plain = Style::new();
        console.styled(&[
            (plain, "  "),
            (style, "warning:"),
            (plain, " "),
            (plain, warning),
        ])?;
    }
    Ok(())
}

fn head(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    let color = match answer.decision {
        Decision::Hit => AnsiColor::Green,
        Decision::Partial | Decision::Miss | Decision::NotEci => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    let object = format!("{} {}", answer.kind, answer.pod);
    let winner = answer.winner.as_ref().map(cache_label);
    let winner = winner.map_or(String::new(), |winner| format!(" {winner}"));
    console.styled(&[
        (Style::new().bold(), &object),
        (Style::new(), ": "),
        (color.on_default().bold(), answer.decision.as_str()),
        (Style::new(), &winner),
    ])
}

fn images(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    console.line(format_args!("  images"))?;
    let mut rows = table::new(&[]);
    for image in &answer.images {
        let cached = image.cached.as_deref().unwrap_or_default();
        let found = match image.found {
            ImageMatch::Exact => "cached".to_owned(),
            ImageMatch::RepositoryOnly => format!("cached in another version: {cached}"),
            ImageMatch::Nothing => "not cached".to_owned(),
            _ => "not an image reference".to_owned(),
        };
        rows.add_row([&image.image, &found]);
    }
    indented(console, &rows)
}

fn candidates(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    let unrelated = count(answer.unrelated, "cache");
    if answer.candidates.is_empty() {
        return console.line(format_args!(
            "  caches: {unrelated}, none with an image of these repositories"
        ));
    }
    console.line(format_args!("  caches"))?;
    let mut rows = table::new(&[]);
    for candidate in &answer.candidates {
        let mark = if candidate.reason.is_none() { "*" } else { "-" };
        let label = cache_label(&candidate.cache);
        rows.add_row([mark, &label, &candidate.why]);
    }
    indented(console, &rows)?;
    if answer.omitted > 0 {
        let omitted = count(answer.omitted, "cache");
        console.line(format_args!(
            "    and {omitted} that rank lower (--candidates)"
        ))?;
    }
    if answer.unrelated > 0 {
        console.line(format_args!(
            "    and {unrelated} without an image of these repositories"
        ))?;
    }
    Ok(())
}

fn indented(console: &mut Console, rows: &table::Table) -> io::Result<()> {
    for line in table::lines(rows).lines() {
        console.line(format_args!("    {line}"))?;
    }
    Ok(())
}
