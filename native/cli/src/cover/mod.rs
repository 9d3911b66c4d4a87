//! `imagecache cover`: makes sure that the images of a release have `Ready` caches before it is rolled out.

mod places;
mod print;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use imagecache::cover::{
    CoverNeed, CoverOptions, CoverState, Coverage, Mark, RELEASE, cover, retired,
};
use imagecache::diagnostic::{Levels, Report};
use imagecache::matching::{DocumentObject, Inventory, MatchRules, subjects};
use imagecache::resource::ImageCache;

use crate::clock::Clock;
use crate::console::{self, Console, visible};
use crate::documents;
use crate::exit::Exit;
use crate::input::Inputs;
use crate::kinds::KindOptions;
use crate::live::{LiveOptions, Scope};
use crate::pod_options::Platform;
use crate::report::count;
use crate::usage::usage_error;

use places::Place;
use print::{Done, Form};

const EXAMPLES: &str = "\
Examples:
  imagecache cover -f release.yaml -f caches.yaml       report, from files alone
  helm template shop | imagecache cover -f - --against cluster --wait
  helm template shop | imagecache cover -f - --against cluster --wait \\
    --app shop --release v1.4.2 --keep 3                keep caches for 3 releases to roll back to
  imagecache cover -f release.yaml --cloud --region cn-hangzhou --wait
  imagecache cover -f release.yaml --against cluster --dry-run -o yaml

Secrets of private images are those of the pods; with --cloud they are read from the input.

States:
  covered  a Ready cache has all images of these pods
  missing  no cache has them; one is made, with --against cluster or --cloud
  failed   the cache of this name has failed: delete it to make it again
  blocked  no cache can have them, such as more than 20 images
  (phase)  such as Creating: the phase of the cache that will have them

Exit codes:
  0  every pod is covered; without --wait: covered, or its cache is being made
  1  a cache failed, a pod cannot be covered, or (with --dry-run, or from files) a cache is missing
  2  usage error
  3  an input could not be read, a cache could not be made, or --timeout has passed";

/// Make sure that the images of a release have Ready caches before it is rolled out
///
/// Reads rendered manifests, and looks for a cache with all images of each pod. Pods with the same images share a cache. With
/// --against cluster it makes an ImageCache where none is found, which the controller (`imagecache sync`) or ACK makes into a
/// cache; with --cloud it makes the cache through the ECI API. With neither it only reports.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cover {
    #[command(flatten)]
    inputs: Inputs,
    /// Wait until every cache is Ready or has failed, and print the progress
    #[arg(long)]
    wait: bool,
    /// With --wait: longest wait in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 60, requires = "wait")]
    timeout: u64,
    /// With --wait: seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "wait", value_parser = clap::value_parser!(u64).range(1..=3600))]
    poll: u64,
    /// Report what would be made and deleted, and do neither
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    release: ReleaseOptions,
    #[command(flatten)]
    platform: Platform,
    #[command(flatten)]
    kinds: KindOptions,
    #[command(flatten)]
    live: LiveOptions,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Caches that are made")]
struct ReleaseOptions {
    /// Name of what is released, such as a chart: a label of its caches
    #[arg(long, value_name = "NAME", requires = "release", value_parser = label)]
    app: Option<String>,
    /// Name of the release, such as a version
    #[arg(long, value_name = "NAME", requires = "app", value_parser = label)]
    release: Option<String>,
    /// Once all is covered, delete the ImageCaches of --app that none of its last N releases needs
    #[arg(long, value_name = "N", requires = "app", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
    /// Size of each cache in GiB [default: that of ECI, 20]
    #[arg(long, value_name = "GIB")]
    size: Option<u64>,
    /// Days from its creation after which a cache expires [default: never]
    #[arg(long, value_name = "DAYS")]
    retention_days: Option<u64>,
}

/// Longest value of a label.
const LABEL: usize = 63;

/// Reads a name that can be a label and a tag.
fn label(text: &str) -> Result<String, String> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.len() <= LABEL
        && edge(text.chars().next())
        && edge(text.chars().last())
        && text.chars().all(inner)
    {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "expected at most {LABEL} letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
        ))
    }
}

/// What was seen at one look.
struct Seen {
    coverage: Coverage,
    /// The ImageCaches of the cluster.
    caches: Vec<ImageCache>,
    incomplete: bool,
}

/// The release as it was read.
struct Release {
    inventory: Inventory,
    objects: Vec<DocumentObject>,
    incomplete: bool,
}

impl Cover {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        console.outlive_reader();
        if self.live.has_cluster() && self.live.has_cloud() {
            let message =
                "name one of --against cluster and --cloud: the caches are made in one of them";
            return Err(usage_error(message));
        }
        let makes = self.live.has_cluster() || self.live.has_cloud();
        if self.release.keep.is_some() && !self.live.has_cluster() {
            let message = "--keep needs --against cluster: a cache of ECI does not say which release needed it last";
            return Err(usage_error(message));
        }
        if self.wait && (!makes || self.dry_run) {
            let message =
                "--wait needs --against cluster or --cloud, and no --dry-run: else nothing changes";
            return Err(usage_error(message));
        }
        let mut release = self.read()?;
        if release.incomplete {
            return Ok(Exit::Failure);
        }
        if makes {
            // A manifest in the release is not there yet, and a file may be out of date.
            let ignored = release.inventory.caches.len();
            release.inventory.caches.clear();
            if ignored > 0 {
                console::note(&format!(
                    "note: {} of the input not counted: only those that exist are",
                    count(ignored, "image cache")
                ));
            }
        }
        if release.inventory.pods.is_empty() {
            console::complain("the input has no Pod or workload to cover");
            return Ok(Exit::Failure);
        }
        let place = self.place(&release)?;
        let done = self.cover(&release, &place)?;
        print::print(&done, self.output, console)?;
        Ok(self.verdict(&done, &place))
    }

    fn read(&self) -> anyhow::Result<Release> {
        let paths = self.kinds.paths()?;
        let taken = documents::take(&self.inputs.list()?, |value, report| {
            let mut inventory = Inventory::default();
            inventory.pod_paths.clone_from(&paths);
            inventory.add(value, report);
            (
                inventory,
                subjects(value, &mut Report::new(&Levels::DEFAULT)),
            )
        });
        let mut release = Release {
            inventory: Inventory::default(),
            objects: Vec::new(),
            incomplete: taken.incomplete,
        };
        for (inventory, objects) in taken.parts {
            release.inventory.append(inventory);
            release.objects.extend(objects);
        }
        for page in release.inventory.missing_pages() {
            console::complain(&page);
        }
        if !release.inventory.is_complete() {
            console::complain(
                "a part of the release could not be read, so it is not known what it needs",
            );
            release.incomplete = true;
        }
        Ok(release)
    }

    fn place(&self, release: &Release) -> anyhow::Result<Place<'_>> {
        let region = self.platform.region.as_deref();
        if let Some(cloud) = self.live.cloud(region)? {
            return Ok(Place::cloud(cloud, &release.objects));
        }
        Ok(if self.live.has_cluster() {
            Place::Cluster(&self.live)
        } else {
            Place::Files
        })
    }

    /// Looks, makes what is missing, and looks again until there is nothing to wait for.
    fn cover(&self, release: &Release, place: &Place<'_>) -> anyhow::Result<Done> {
        let mark = self.release.release.as_ref().map(|release| Mark {
            at: self.clock.now(),
            release: release.clone(),
        });
        let end = Instant::now() + Duration::from_secs(self.timeout.saturating_mul(60));
        let mut done = Done::default();
        let mut refused = BTreeSet::new();
        loop {
            let seen = self.look(release)?;
            done.incomplete |= seen.incomplete;
            done.follow(seen.coverage, self.wait);
            if self.dry_run || matches!(place, Place::Files) || seen.incomplete {
                return Ok(done);
            }
            if let Some(mark) = &mark {
                place.mark(&done.coverage, &seen.caches, mark)?;
            }
            let missing: Vec<ImageCache> = done.missing().cloned().collect();
            for mut cache in missing {
                let name = cache.metadata.name.clone().unwrap_or_default();
                if refused.contains(&name) {
                    continue;
                }
                if let Some(mark) = &mark {
                    let annotations = cache.metadata.annotations.get_or_insert_default();
                    annotations.insert(RELEASE.to_owned(), mark.to_string());
                }
                match place.make(&cache) {
                    Ok(()) => {
                        console::note(&format!("making {}", visible(&name)));
                        done.made.push(name);
                    }
                    Err(error) => {
                        console::complain(&visible(&format!("{name}: cannot be made: {error:#}")));
                        done.incomplete = true;
                        refused.insert(name);
                    }
                }
            }
            let is_waiting = |need: &CoverNeed| match (&need.state, &need.manifest) {
                (CoverState::Waiting { .. }, _) => true,
                (CoverState::Missing, Some(cache)) => {
                    let name = cache.metadata.name.as_deref().unwrap_or_default();
                    !refused.contains(name)
                }
                _ => false,
            };
            if !self.wait || !done.coverage.needs.iter().any(is_waiting) {
                break;
            }
            if Instant::now() >= end {
                let message = "still waiting after {} minutes; --timeout waits longer";
                console::complain(&message.replace("{}", &self.timeout.to_string()));
                done.incomplete = true;
                break;
            }
            std::thread::sleep(Duration::from_secs(self.poll));
        }
        done.explain(place);
        if let (Some(keep), Some(app), true) = (
            self.release.keep,
            &self.release.app,
            done.coverage.is_covered(),
        ) {
            self.retire(release, place, app, keep, &mut done)?;
        }
        Ok(done)
    }

    /// Reads the caches that exist, and decides.
    fn look(&self, release: &Release) -> anyhow::Result<Seen> {
        let paths = self.kinds.paths()?;
        let region = self.platform.region.as_deref();
        let live = self.live.read(region, &paths, Scope::CACHES)?;
        let mut inventory = release.inventory.clone();
        let mut caches = Vec::new();
        for object in &live.objects {
            let mut report = Report::new(&Levels::DEFAULT);
            inventory.add(&object.value, &mut report);
            documents::report_of(&object.name, &report.finish());
            caches.extend(serde_json::from_value::<ImageCache>(object.value.clone()).ok());
        }
        let incomplete = live.report() || !inventory.is_complete();
        inventory.apply_defaults();
        let mut rules = self.rules();
        rules.region = rules.region.or(live.region);
        let coverage = cover(&inventory.pods, inventory.caches, &rules, &self.options());
        Ok(Seen {
            coverage,
            caches,
            incomplete,
        })
    }

    /// Deletes the caches of earlier releases that are not kept.
    fn retire(
        &self,
        release: &Release,
        place: &Place<'_>,
        app: &str,
        keep: u16,
        done: &mut Done,
    ) -> anyhow::Result<()> {
        let seen = self.look(release)?;
        let used: Vec<&str> = seen
            .coverage
            .caches()
            .map(|cache| cache.name.as_str())
            .collect();
        if seen.incomplete || !seen.coverage.is_covered() {
            console::complain("nothing is deleted: the caches of the release have changed");
            done.incomplete = true;
            return Ok(());
        }
        for name in retired(&seen.caches, app, keep.into(), &used) {
            let named = |cache: &&ImageCache| cache.metadata.name.as_deref() == Some(&name);
            let Some(cache) = seen.caches.iter().find(named) else {
                continue;
            };
            match place.delete(cache) {
                Ok(()) => {
                    console::note(&format!("deleting {}", visible(&name)));
                    done.deleted.push(name);
                }
                Err(error) => {
                    console::complain(&visible(&format!("{name}: cannot be deleted: {error:#}")));
                    done.incomplete = true;
                }
            }
        }
        Ok(())
    }

    fn verdict(&self, done: &Done, place: &Place<'_>) -> Exit {
        let makes = !self.dry_run && !matches!(place, Place::Files);
        let is_fine = |need: &CoverNeed| match &need.state {
            CoverState::Covered { .. } => true,
            CoverState::Waiting { .. } | CoverState::Missing => makes && !self.wait,
            _ => false,
        };
        if done.incomplete {
            Exit::Failure
        } else if done.coverage.needs.iter().all(is_fine) {
            Exit::Ok
        } else {
            Exit::Findings
        }
    }

    fn options(&self) -> CoverOptions {
        let mut options = CoverOptions::default();
        options.app.clone_from(&self.release.app);
        options.size_gib = self.release.size;
        options.retention_days = self.release.retention_days;
        options
    }

    fn rules(&self) -> MatchRules {
        let mut rules = MatchRules::default();
        rules.region.clone_from(&self.platform.region);
        rules.arch.clone_from(&self.platform.arch);
        rules.os.clone_from(&self.platform.os);
        rules.now = Some(self.clock.now());
        rules
    }
}
