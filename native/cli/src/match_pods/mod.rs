//! `imagecache match`: shows which cache each pod uses, and why.

mod print;

use clap::ValueEnum;
use imagecache::matching::{
    Decision, Explanation, Index, Inventory, MAX_CANDIDATES, MatchRules, NameComparison,
    SearchBuffers, SizeTie,
};
use imagecache::registry::RegistryNeeds;
use imagecache::resource::workload::PodPaths;
use rayon::prelude::*;

use crate::clock::Clock;
use crate::console::{self, Console};
use crate::exit::Exit;
use crate::input::Inputs;
use crate::kinds::KindOptions;
use crate::pod_options::{ImageOptions, Platform};
use crate::registry_options::{Answered, RegistryOptions};
use crate::report::count;
use crate::usage::usage_error;
use crate::{documents, match_locality};
use print::Printer;

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
  imagecache match -f manifests/ --registry           ask registries for sizes of images

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
  3  an input, a pod, its template or a cache could not be read, or the input has no pod";

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
    platform: Platform,
    #[command(flatten)]
    pods: PodOptions,
    #[command(flatten)]
    rules: RuleOptions,
    #[command(flatten)]
    images: ImageOptions,
    #[command(flatten)]
    registry: RegistryOptions,
    #[command(flatten)]
    kinds: KindOptions,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Defaults of pods")]
struct PodOptions {
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
        let mut facts = self.images.facts()?;
        let access = self.registry.access()?;
        if rules.names == NameComparison::Textual && self.images.compare_names() {
            return Err(usage_error(
                "--registry-alias and --image-digest have no effect with --names textual",
            ));
        }
        let taken = documents::take(&self.inputs.list()?, |value, report| {
            let mut inventory = Inventory::default();
            inventory.pod_paths = rules.pod_paths.clone();
            inventory.add(value, report);
            let mut needs = RegistryNeeds::default();
            if access.is_some() {
                needs.add(value, &rules.pod_paths);
            }
            (inventory, needs)
        });
        let mut inventory = Inventory::default();
        let mut needs = RegistryNeeds::default();
        for (part, needed) in taken.parts {
            inventory.append(part);
            needs.append(needed);
        }
        inventory.apply_defaults();
        for page in inventory.missing_pages() {
            console::complain(&page);
        }
        let mut complete = !taken.incomplete && inventory.is_complete();
        if let Some(access) = access {
            let answered = Answered::of(access, needs, self.clock.now())?;
            complete &= !answered.report_failures();
            answered.facts.add_sizes(&mut facts);
        }
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
        rules.region.clone_from(&self.platform.region);
        rules.arch.clone_from(&self.platform.arch);
        rules.os.clone_from(&self.platform.os);
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
        let (platform, pods, rules) = (&self.platform, &self.pods, &self.rules);
        let given = [
            (self.explain, "--explain"),
            (self.candidates != MAX_CANDIDATES, "--candidates"),
            (self.fail_on != FailOn::Refused, "--fail-on"),
            (platform.region.is_some(), "--region"),
            (platform.arch.is_some(), "--arch"),
            (platform.os.is_some(), "--os"),
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
            (self.registry.is_asked(), "--registry"),
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
