//! `imagecache audit`: what is predicted beside what happened.

mod text;

use anyhow::Context as _;
use clap::ValueEnum;
use futures_util::TryStreamExt as _;
use imagecache::audit::{AuditInput, AuditOptions, audit};
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::DescribeImageCaches;

use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::eci::connection::block_on;
use crate::encode;
use crate::exit::Exit;
use crate::input::Inputs;
use crate::live::{Live, Scope, Sources};
use crate::pod_options::ImageOptions;

const EXAMPLES: &str = "\
Examples:
  imagecache audit --against cluster
  imagecache audit --against cluster --cloud --region cn-hangzhou --ask-cloud
  kubectl get pods,events,replicasets,deployments,imagecaches -A -o json | imagecache audit -f -

Exit codes:
  0  done, and every prediction agrees with what happened
  1  done, and a prediction does not agree
  2  usage error
  3  an input or a part of the cluster or of ECI could not be read, or no start of a pod is known";

/// Compare the cache that each pod used with the prediction
///
/// Reads pods, their events, and caches; with --cloud also container groups. For each workload it shows the rate of hits and
/// the seconds that were lost. Each rule that documents leave open is tried in its other form: one that explains
/// disagreements, and contradicts no other start, is named.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AuditStarts {
    #[command(flatten)]
    inputs: Inputs,
    /// Ask ECI's own matching for the images of each pod, and compare its answer
    #[arg(long, requires = "cloud")]
    ask_cloud: bool,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    images: ImageOptions,
    #[command(flatten)]
    sources: Sources,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Tables: workloads, disagreements, rules
    Text,
    /// One JSON object with all details
    Json,
    /// One YAML mapping with all details
    Yaml,
}

impl AuditStarts {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        console.outlive_reader();
        let mut options = AuditOptions::default();
        options.facts = self.images.facts()?;
        let mut found =
            self.sources
                .gather(&self.inputs, Scope::PAST, AuditInput::with_pod_paths)?;
        let (input, live) = (&mut found.all, &mut found.live);
        for line in input.missing() {
            console::complain(&visible(&line));
        }
        if self.ask_cloud {
            self.ask(input, live)?;
        }
        options.rules.region = live.region.clone().or_else(|| self.sources.region.clone());
        options.now = Some(self.clock.now());
        let audit = audit(input, &options);
        let complete = !live.report() && !found.incomplete && input.unread() == 0;
        let text = match self.output {
            Form::Text => text::audit(&audit, &options.rules, console),
            Form::Json => encode::json(&audit)?,
            Form::Yaml => encode::yaml(&audit)?,
        };
        console.document(&text).context(UNWRITABLE)?;
        if audit.compared == 0 {
            console::complain("no event or annotation says which cache a pod used");
        }
        Ok(if !complete || audit.compared == 0 {
            Exit::Failure
        } else if audit.agrees() {
            Exit::Ok
        } else {
            Exit::Findings
        })
    }

    /// Asks ECI for each list of images.
    fn ask(&self, input: &mut AuditInput, live: &mut Live) -> anyhow::Result<()> {
        let Some(cloud) = self.sources.cloud()? else {
            return Ok(());
        };
        block_on(async {
            for images in input.image_lists() {
                let call = DescribeImageCaches {
                    region_id: cloud.region.clone(),
                    match_image: images.clone(),
                    ..DescribeImageCaches::default()
                };
                let answer: Result<Vec<ImageCacheEntry>, _> =
                    cloud.client.caches(call).try_collect().await;
                match answer {
                    Ok(caches) => {
                        let ids = caches.into_iter().map(|cache| cache.image_cache_id);
                        input.ask(images, ids.collect());
                    }
                    Err(error) => {
                        let what = format!("caches of ECI that match {}", images.join(", "));
                        live.unread(&what, &error.to_string());
                    }
                }
            }
            Ok(())
        })
    }
}
