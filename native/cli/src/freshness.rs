//! `imagecache freshness`: shows which cached tags mean something else now.

use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use clap::ValueEnum;
use imagecache::freshness::{Freshness as State, FreshnessInventory, ImageFreshness, RunningIs};
use imagecache::resource::annotation::DIGESTS;
use imagecache::resource::{API_VERSION, KIND};
use imagecache_registry::Depth;
use serde_json::{Map, Value, json};

use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::exit::Exit;
use crate::input::Inputs;
use crate::live::{ClusterOptions, Scope};
use crate::registry_options::RegistryAccess;
use crate::usage::usage_error;
use crate::{documents, encode, table};

const EXAMPLES: &str = "\
Examples:
  imagecache freshness --against cluster
  kubectl get imagecaches,pods -A -o json | imagecache freshness -f -
  kubectl get imagecaches,pods,secrets -A -o json | imagecache freshness -f -
  imagecache freshness -f caches.yaml -o json
  imagecache freshness -f cache.yaml --record |
    kubectl apply --server-side --field-manager=freshness -f -

States:
  fresh    the tag means what the cache has
  pinned   the image is named by its digest, which never moves
  moved    the tag means something else now: update the cache
  gone     the registry does not have the tag any longer
  unknown  a digest is unknown: the registry gave no answer, or the cache has no record of it

The record is the annotation imagecache.eci.alibabacloud.com/digests of the ImageCache: digests by
image, as JSON. --record prints it with the digests now: apply it when a cache was made or updated.

Logins are those of the Secrets that an ImageCache names, if the input has them, else of the docker
config. --against cluster reads no Secrets.

Exit codes:
  0  every image is fresh or pinned
  1  an image is moved or gone
  2  usage error
  3  an image is unknown, an input could not be read, or the input has no cache";

/// Show which cached tags mean something else now
///
/// Compares three digests of each tag in an ImageCache: that of the registry now, the recorded one of when the cache was
/// made, and those that run in the Pods of the input or the cluster. One HEAD request asks for a tag; more are sent only where digests
/// differ.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Freshness {
    #[command(flatten)]
    inputs: Inputs,
    /// Print the annotation that records the digests now, as ImageCaches for a server-side apply
    #[arg(long)]
    record: bool,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    live: ClusterOptions,
    #[command(flatten)]
    access: RegistryAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table
    Text,
    /// One JSON array, in the order of the inputs
    Json,
    /// One YAML list, in the order of the inputs
    Yaml,
    /// The caches with an image that is moved or gone, one a line
    Name,
}

impl Freshness {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        if self.record && self.output != Form::Text {
            return Err(usage_error("--output has no effect with --record"));
        }
        let now = self.clock.now();
        console.outlive_reader();
        let new = FreshnessInventory::default;
        let gathered = self.live.gather(&self.inputs, Scope::TAGS, new)?;
        let (inventory, unread) = (gathered.all, gathered.live.report());
        let missing = inventory.missing_pages();
        missing.iter().for_each(|page| console::complain(page));
        let complete = !gathered.incomplete && !unread && inventory.unread == 0;
        let complete = complete && missing.is_empty();
        // a cluster is a list, too
        let lists = inventory.empty_lists + usize::from(self.live.has_cluster());
        let (others, empty_lists) = (inventory.others, lists);
        if inventory.caches() == 0
            && let Some(exit) = documents::without_caches(others, empty_lists, complete)
        {
            return Ok(exit);
        }
        let mut facts = self.access.ask(&inventory.needs(), Depth::Digest, now)?;
        if !self.record {
            let undecided = inventory.undecided(&facts);
            let detail = self.access.ask(&undecided, Depth::Platforms, now)?;
            facts.append(detail);
        }
        let found = inventory.compare(&facts);
        if self.record {
            return record(&found, complete, console);
        }
        if found.is_empty() && self.output == Form::Text {
            return Ok(if complete { Exit::Ok } else { Exit::Failure });
        }
        let text = match self.output {
            Form::Text => text(&found, console),
            Form::Json => encode::json(&found)?,
            Form::Yaml => encode::yaml(&found)?,
            Form::Name => names(&found),
        };
        console.document(&text).context(UNWRITABLE)?;
        let worst = found.iter().map(|one| one.state).max();
        Ok(match worst {
            _ if !complete => Exit::Failure,
            Some(State::Fresh | State::Pinned) | None => Exit::Ok,
            Some(State::Moved | State::Gone) => Exit::Findings,
            // A state that a later core adds is not green either.
            Some(_) => Exit::Failure,
        })
    }
}

/// Returns id or name of the cache of an image.
fn cache(image: &ImageFreshness) -> &str {
    let name = Some(image.cache.name.as_str()).filter(|name| !name.is_empty());
    let id = image.cache.image_cache_id.as_deref();
    name.or(id).unwrap_or("-")
}

/// Returns the start of a digest, which is enough to distinguish digests.
fn short(digest: Option<&str>) -> &str {
    let digest = digest.unwrap_or("-");
    let hash = digest.split_once(':').map_or(digest, |(_, hash)| hash);
    hash.get(..12).unwrap_or(hash)
}

fn text(found: &[ImageFreshness], console: &Console) -> String {
    let mut table = table::new(&["CACHE", "IMAGE", "STATE", "CACHED", "NOW", "RUNNING", ""]);
    for image in found {
        table.add_row([
            cache(image),
            &image.image,
            image.state.as_str(),
            short(image.cached.as_deref()),
            short(image.now.as_deref()),
            &running(image),
            &note(image),
        ]);
    }
    let mut text = table::lines(&table);
    let number = |state: State| found.iter().filter(|one| one.state == state).count();
    let sums = [
        State::Fresh,
        State::Pinned,
        State::Moved,
        State::Gone,
        State::Unknown,
    ];
    let sums = sums.map(|state| (state, number(state)));
    let sums = sums.iter().filter(|(_, number)| *number > 0);
    let sums: Vec<String> = sums
        .map(|(state, number)| format!("{number} {}", state.as_str()))
        .collect();
    let worst = found.iter().map(|one| one.state).max();
    let color = match worst {
        Some(State::Fresh | State::Pinned) | None => AnsiColor::Green,
        _ => AnsiColor::Yellow,
    };
    let style: Style = console.style(color.on_default().bold());
    text.push_str(&format!("\n{style}{}{style:#}\n", sums.join(", ")));
    text
}

/// Returns how many pods run which digest: `2 now, 1 cached`.
fn running(image: &ImageFreshness) -> String {
    let kinds = [
        (RunningIs::Now, "now"),
        (RunningIs::Cached, "cached"),
        (RunningIs::Other, "other"),
        (RunningIs::Unknown, "unknown"),
    ];
    let counted = kinds.iter().filter_map(|(is, name)| {
        let running = image.running.iter().filter(|one| one.is == *is);
        let pods: usize = running.map(|one| one.pods.len()).sum();
        (pods > 0).then(|| format!("{pods} {name}"))
    });
    let counted: Vec<String> = counted.collect();
    match counted.as_slice() {
        [] => "-".to_owned(),
        some => some.join(", "),
    }
}

fn note(image: &ImageFreshness) -> String {
    match (&image.reason, image.since, image.after) {
        (Some(reason), _, _) => reason.clone(),
        (None, Some(since), _) => format!("since {since}"),
        (None, None, Some(after)) => format!("after {after}"),
        (None, None, None) => String::new(),
    }
}

fn names(found: &[ImageFreshness]) -> String {
    let mut names = String::new();
    let mut last = None;
    for image in found {
        let old = matches!(image.state, State::Moved | State::Gone);
        if old && last != Some(&image.cache) {
            last = Some(&image.cache);
            names.push_str(&visible(cache(image)));
            names.push('\n');
        }
    }
    names
}

/// Prints the annotation of each cache with the digests that its tags have now.
fn record(found: &[ImageFreshness], complete: bool, console: &mut Console) -> anyhow::Result<Exit> {
    let mut complete = complete;
    let known = |image: &ImageFreshness| {
        let full = imagecache::matching::Image::new(&image.image);
        full.normalized().map(str::to_owned).zip(image.now.clone())
    };
    let mut manifests: Vec<Value> = Vec::new();
    let mut rest = found;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|image| image.cache == first.cache);
        let (of_cache, after) = rest.split_at(same.count());
        rest = after;
        let mut digests = Map::new();
        let tags = of_cache.iter().filter(|image| image.state != State::Pinned);
        for image in tags {
            match known(image) {
                Some((full, digest)) => drop(digests.insert(full, Value::from(digest))),
                None => {
                    complete = false;
                    let reason = image.reason.as_deref();
                    let reason = reason.unwrap_or("the registry does not have this image");
                    console::complain(&format!("{}: {reason}", image.image));
                }
            }
        }
        if digests.is_empty() {
            // An empty record would replace the one that is there.
            continue;
        }
        if first.cache.name.is_empty() {
            complete = false;
            console::complain(&format!("{}: not an object of a cluster", cache(first)));
            continue;
        }
        let annotations = json!({DIGESTS: Value::Object(digests).to_string()});
        manifests.push(json!({"apiVersion": API_VERSION, "kind": KIND,
            "metadata": {"name": first.cache.name, "annotations": annotations}}));
    }
    let mut text = String::new();
    for manifest in &manifests {
        text.push_str("---\n");
        text.push_str(&encode::yaml(manifest)?);
    }
    console.manifests(&text).context(UNWRITABLE)?;
    Ok(if complete { Exit::Ok } else { Exit::Failure })
}
