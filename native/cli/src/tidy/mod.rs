//! `imagecache tidy`: which caches may be deleted, and why.

mod delete;
mod text;

use anyhow::Context as _;
use clap::ValueEnum;
use imagecache::tidy::{Tidy, TidyInput, TidyOptions, tidy};

use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::exit::Exit;
use crate::input::Inputs;
use crate::live::{Scope, Sources};
use crate::report::count;
use crate::usage::usage_error;
use crate::{documents, encode};

const EXAMPLES: &str = "\
Examples:
  imagecache tidy --against cluster --cloud --region cn-hangzhou
  imagecache tidy --against cluster --cloud --delete        ask, then delete what may be deleted
  imagecache tidy --against cluster --cloud --sole-cluster  leftovers of deleted ImageCaches, too
  imagecache tidy -f cluster.json -f caches.json -f groups.json --complete

Verdicts:
  keep           a workload would start from it, or it was used or made lately
  superseded-by  a later cache has a newer version of each of its images
  never-matched  no pod has started from it since it was made
  unused         no pod has started from it for --unused-days
  leftover       the ImageCache that it was made for does not exist any more
  blocked        it has one of the four verdicts above, and must not be deleted: see the reason

Nothing is deleted without --delete, nor if a cache, workload, pod or container group could not be read.

Exit codes:
  0  done, and no cache may be deleted; with --delete: all that may be deleted was
  1  done, and a cache may be deleted
  2  usage error
  3  an input or a part of the cluster or of ECI could not be read, or a cache not deleted";

/// Show which caches may be deleted, and why; delete them if asked
///
/// Reads ImageCaches, workloads and pods of the cluster, and caches and container groups of ECI. A cache may be deleted only
/// if all of them were read, no running pod uses it, none names it, it is not being made, it was neither made nor used
/// within --keep-days, and it was made for an ImageCache.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TidyCaches {
    #[command(flatten)]
    inputs: Inputs,
    /// The files have every workload, pod and ImageCache of the cluster, and every cache and group of the region
    #[arg(long)]
    complete: bool,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    what: WhatOptions,
    #[command(flatten)]
    deletion: DeletionOptions,
    #[command(flatten)]
    sources: Sources,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What may be deleted")]
struct WhatOptions {
    /// Days within which a new or used cache is not deleted [default: 7]
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
    /// Days without use after which a cache is unused [default: 30]
    #[arg(long, value_name = "DAYS")]
    unused_days: Option<u32>,
    /// No other cluster has caches in the region, so those of unknown ImageCaches may be deleted
    #[arg(long)]
    sole_cluster: bool,
    /// Also caches that others made: by hand, by other tools, by ECI itself
    #[arg(long)]
    others: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Deletion")]
struct DeletionOptions {
    /// Delete what may be deleted: asks on a terminal; elsewhere it needs --yes
    #[arg(long)]
    delete: bool,
    /// Do not ask
    #[arg(long, requires = "delete")]
    yes: bool,
    /// Delete nothing; the default where there is no terminal
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table of caches, and the forecast of the quotas
    Text,
    /// One JSON object with all details
    Json,
    /// One YAML mapping with all details
    Yaml,
    /// The id of each cache that may be deleted, one a line
    Name,
}

/// The verdicts, and whether everything could be read.
struct Seen {
    tidy: Tidy,
    complete: bool,
}

impl TidyCaches {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        if self.deletion.delete && !self.inputs.is_empty() {
            return Err(usage_error(
                "--delete: not with files, which may be out of date",
            ));
        }
        if self.complete && self.inputs.is_empty() {
            return Err(usage_error("--complete: needs files"));
        }
        console.outlive_reader();
        let seen = self.look()?;
        let tidy = &seen.tidy;
        let text = match self.output {
            Form::Text => text::tidy(tidy, console),
            Form::Json => encode::json(tidy)?,
            Form::Yaml => encode::yaml(tidy)?,
            Form::Name => tidy
                .removable()
                .filter_map(|cache| cache.image_cache_id.as_deref())
                .map(|id| format!("{}\n", visible(id)))
                .collect(),
        };
        console.document(&text).context(UNWRITABLE)?;
        let removable = tidy.removable().count();
        if !self.deletion.delete || removable == 0 {
            return Ok(exit(seen.complete, removable > 0));
        }
        console.finish()?;
        if self.deletion.dry_run || !self.agreed(removable)? {
            console::note(&format!(
                "note: nothing was deleted; {} may be",
                count(removable, "image cache")
            ));
            return Ok(exit(seen.complete, true));
        }
        // The answer may have taken long: only what may still be deleted is.
        let again = self.look()?;
        let still: Vec<_> = again
            .tidy
            .removable()
            .filter(|cache| tidy.removable().any(|before| before.target == cache.target))
            .collect();
        if still.len() < removable {
            let changed = count(removable - still.len(), "image cache");
            console::note(&format!("note: {changed} changed meanwhile, and stays"));
        }
        let failed = delete::all(&still, &self.sources, console)?;
        let left = again.tidy.removable().count() > still.len();
        Ok(exit(again.complete && !failed, left))
    }

    /// Reads everything, and returns the verdicts.
    fn look(&self) -> anyhow::Result<Seen> {
        let sources = &self.sources;
        let found = sources.gather(&self.inputs, Scope::USE, TidyInput::with_pod_paths)?;
        let (mut input, live) = (found.all, found.live);
        input.finish();
        for line in &input.missing {
            console::complain(&visible(line));
        }
        let unread = live.report();
        let complete = !found.incomplete && !unread && input.unread == 0;
        let (others, empty_lists) = (input.others + input.pods.len(), input.empty_lists);
        let is_empty = input.caches.is_empty() && !sources.is_live();
        let lacks_caches =
            is_empty && documents::without_caches(others, empty_lists, complete).is_some();
        let complete = complete && !lacks_caches;
        let mut options = TidyOptions::at(self.clock.now());
        options.cluster = complete && (sources.live.has_cluster() || self.complete);
        options.cloud = complete && (sources.live.has_cloud() || self.complete);
        options.sole_cluster = self.what.sole_cluster;
        options.others = self.what.others;
        options.keep_days = self.what.keep_days.unwrap_or(options.keep_days);
        options.unused_days = self.what.unused_days.unwrap_or(options.unused_days);
        options.region = live.region.or_else(|| sources.region.clone());
        if let Some(usage) = &live.usage {
            let most = |most: Option<i64>| most.and_then(|most| u64::try_from(most).ok());
            options.quotas.manual = most(usage.max_image_cache_count);
            options.quotas.automatic = most(usage.max_auto_image_cache_count);
        }
        Ok(Seen {
            tidy: tidy(&input, &options),
            complete,
        })
    }

    /// Asks on a terminal.
    fn agreed(&self, removable: usize) -> anyhow::Result<bool> {
        use std::io::{IsTerminal as _, stderr, stdin};
        if self.deletion.yes {
            return Ok(true);
        }
        if !stdin().is_terminal() || !stderr().is_terminal() {
            return Ok(false);
        }
        console::ask(&format!(
            "Delete {}? [y/N] ",
            count(removable, "image cache")
        ))
    }
}

fn exit(complete: bool, findings: bool) -> Exit {
    match (complete, findings) {
        (false, _) => Exit::Failure,
        (true, true) => Exit::Findings,
        (true, false) => Exit::Ok,
    }
}
