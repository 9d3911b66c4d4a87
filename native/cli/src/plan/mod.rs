//! `imagecache plan`: which caches to have for these workloads, at what cost, and why.

mod forms;
mod html;
mod terraform;
mod text;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;
use imagecache::diagnostic::{Levels, Report, Severity};
use imagecache::document::{TextFormat, read};
use imagecache::plan::{
    Objective, Plan, PlanInput, PlanOptions, PriceTable, SAMPLE_PRICES, plan, prices_schema,
};
use imagecache::registry::RegistryNeeds;
use serde_json::Value;

use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE};
use crate::exit::Exit;
use crate::input::Inputs;
use crate::kinds::KindOptions;
use crate::live::{Live, LiveOptions, Scope};
use crate::pod_options::{Platform, hosts, image_size, pair};
use crate::registry_options::{Answered, RegistryOptions};
use crate::{documents, encode};

const EXAMPLES: &str = "\
Examples:
  imagecache plan -f workloads/ -f caches.yaml --prices prices.yaml
  imagecache plan -f examples/shop --explain            show why images share a cache or not
  imagecache plan -f workloads/ --image-size registry.example.com/web:1=1.5Gi
  imagecache plan -f workloads/ -o yaml | kubectl apply -f -
  imagecache plan -f workloads/ -o yaml | imagecache match -f - -f workloads/ --fail-on partial
  imagecache plan -f workloads/ --registry              ask registries for sizes of images
  kubectl get deploy,cronjob,hpa,nodes,imagecaches -A -o json | imagecache plan -f -
  imagecache plan --against cluster                     plan for what the cluster runs
  imagecache plan --against cluster --cloud --region cn-hangzhou

Sizes of images, the first that is known:
  --image-size, then the registry (with --registry), then status.images of Nodes in the input,
  then at most half of a cache that holds the image

Actions:
  keep, create   the cache exists and stays; make it
  grow, replace  update the cache; make it and delete the one that it replaces
  drop, blocked  delete the cache; workloads need it and it cannot be made

Exit codes:
  0  done, and the caches are as planned
  1  done, and a cache is to be made, changed or deleted, or cannot be made
  2  usage error
  3  an input or a part of the cluster could not be read, or the input has no workload";

/// Plan which caches to have for workloads, what they cost, and why
///
/// Reads workloads, caches, HorizontalPodAutoscalers and Nodes from any files in any order. Each running pod pays for a
/// disk of the size of its cache, so images share a cache only where that costs less. Without --prices the vendor's worked
/// example is used, an example that is named in the output.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlanCaches {
    #[command(flatten)]
    inputs: Inputs,
    /// Price file (YAML or JSON); repeatable. --prices-schema prints its schema
    #[arg(long, value_name = "FILE")]
    prices: Vec<PathBuf>,
    /// Print the JSON Schema of price files, and end
    #[arg(long, exclusive = true)]
    prices_schema: bool,
    /// Compressed size of an image: 405022965 or 1.5Gi; repeatable
    #[arg(long, value_name = "IMAGE=SIZE", value_parser = image_size)]
    image_size: Vec<(String, u64)>,
    /// Two addresses of one registry, such as the public one and the VPC one; repeatable
    #[arg(long, value_name = "HOST=HOST", value_parser = hosts)]
    registry_alias: Vec<(String, String)>,
    /// Hours a month during which the pods of a workload run; repeatable
    #[arg(long, value_name = "KIND/NAME=HOURS", value_parser = pair)]
    hours: Vec<(String, String)>,
    /// Show for each cache why it is planned so
    #[arg(short, long)]
    explain: bool,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    aim: Aim,
    #[command(flatten)]
    caches: CacheOptions,
    #[command(flatten)]
    platform: Platform,
    #[command(flatten)]
    pods: PodOptions,
    #[command(flatten)]
    kinds: KindOptions,
    #[command(flatten)]
    live: LiveOptions,
    #[command(flatten)]
    registry: RegistryOptions,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What to aim at")]
struct Aim {
    /// What the plan aims at
    #[arg(long, value_name = "AIM", default_value = "cost")]
    objective: AimAt,
    /// With `cost-per-second`: most millionths of the currency for a saved second
    #[arg(long, value_name = "MICROS", default_value_t = 0)]
    second_worth: u64,
    /// Steps that the search for the best plan may take [default: 50000]
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Caches")]
struct CacheOptions {
    /// Size of a cache in percent of the compressed size of its images [default: 200]
    #[arg(long, value_name = "PERCENT")]
    size_percent: Option<u64>,
    /// Further free space in a cache, in percent [default: 0]
    #[arg(long, value_name = "PERCENT")]
    headroom: Option<u64>,
    /// Days after which a new cache expires, or `never` [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = days)]
    retention: Option<Days>,
    /// How often a cache is made in a month [default: 1]
    #[arg(long, value_name = "N")]
    builds: Option<u64>,
    /// Most caches of a region [default: 500]
    #[arg(long, value_name = "N")]
    quota: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Defaults of pods")]
struct PodOptions {
    /// Hours of a month [default: 730]
    #[arg(long, value_name = "HOURS")]
    month: Option<u64>,
    /// Minutes of a run of a job whose time is unknown [default: 60]
    #[arg(long, value_name = "MINUTES")]
    run: Option<u64>,
    /// Starts a month of a pod that always runs [default: 1]
    #[arg(long, value_name = "N")]
    starts: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AimAt {
    /// As many workloads as possible start from a cache, at the least cost
    Cost,
    /// As many seconds as possible are saved, at the least cost
    Seconds,
    /// A workload starts from a cache if its saved seconds are worth it
    CostPerSecond,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Tables: caches, totals, what is left out, what was assumed
    Text,
    /// One JSON object with all details
    Json,
    /// ImageCache manifests, ready to apply, with the reasons as comments
    Yaml,
    /// Tables for a pull request
    Markdown,
    /// Resources of the provider aliyun/alicloud
    Terraform,
    /// One page with a bar for each cache
    Html,
}

/// A number of days, or never.
type Days = Option<u64>;

fn days(text: &str) -> Result<Days, &'static str> {
    match text {
        "never" => Ok(None),
        _ => text
            .parse()
            .map(Some)
            .map_err(|_| "a number of days, or `never`"),
    }
}

/// Adds what exists to the input of a plan.
fn add(live: &Live, input: &mut PlanInput, mut needs: Option<&mut RegistryNeeds>) {
    for object in &live.objects {
        if let Some(needs) = &mut needs {
            needs.add(&object.value, &input.pod_paths);
        }
        let mut report = Report::new(&Levels::DEFAULT);
        input.add(&object.value, &mut report);
        documents::report_of(&object.name, &report.finish());
    }
}

impl PlanCaches {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        if self.prices_schema {
            let text = encode::json(&prices_schema())?;
            console.document(&text).context(UNWRITABLE)?;
            return Ok(Exit::Ok);
        }
        console.outlive_reader();
        let mut options = self.options();
        options.pod_paths = self.kinds.paths()?;
        let files = if self.live.has_cluster() && self.inputs.is_empty() {
            Vec::new()
        } else {
            self.inputs.list()?
        };
        let region = options.region.as_deref();
        let live = self.live.read(region, &options.pod_paths, Scope::PLAN)?;
        options.region = options.region.or_else(|| live.region.clone());
        let access = self.registry.access()?;
        let taken = documents::take(&files, |value, report| {
            let mut input = PlanInput::default();
            input.pod_paths.clone_from(&options.pod_paths);
            input.add(value, report);
            let mut needs = RegistryNeeds::default();
            if access.is_some() {
                needs.add(value, &options.pod_paths);
            }
            (input, needs)
        });
        let mut input = PlanInput::default();
        input.pod_paths.clone_from(&options.pod_paths);
        for (host, other) in &self.registry_alias {
            input.alias(host, other);
        }
        for (image, bytes) in &self.image_size {
            input.size("--image-size", image, *bytes);
        }
        let mut needs = RegistryNeeds::default();
        for (part, needed) in taken.parts {
            input.append(part);
            needs.append(needed);
        }
        add(&live, &mut input, access.is_some().then_some(&mut needs));
        let mut unasked = false;
        if let Some(access) = access {
            let answered = Answered::of(access, needs, self.clock.now())?;
            unasked = answered.report_failures();
            input.registry_sizes(&answered.facts);
        }
        for left_out in input.apply_defaults() {
            console::complain(&left_out);
        }
        for page in input.missing_pages() {
            console::complain(&page);
        }
        let unread_live = live.report();
        if input.demands.is_empty() && (unread_live || !self.live.has_cluster()) {
            console::complain("the input has no Pod or workload to plan for");
            return Ok(Exit::Failure);
        }
        let (table, unread) = self.price_table();
        let plan = plan(&input, &table, &options);
        self.print(&plan, console)?;
        let mut incomplete =
            taken.incomplete || unread || unread_live || unasked || input.unread > 0;
        for finding in &plan.findings {
            incomplete |= finding.path != "quota";
            console::complain(&finding.to_string());
        }
        Ok(if incomplete {
            Exit::Failure
        } else if plan.differs() {
            Exit::Findings
        } else {
            Exit::Ok
        })
    }

    fn print(&self, plan: &Plan, console: &mut Console) -> anyhow::Result<()> {
        let text = match self.output {
            Form::Text => text::plan(plan, self.explain, console),
            Form::Json => encode::json(plan)?,
            Form::Yaml => plan.yaml(),
            Form::Markdown => forms::markdown(plan),
            Form::Terraform => terraform::plan(plan),
            Form::Html => html::plan(plan),
        };
        console.document(&text).context(UNWRITABLE)
    }

    /// Reads the price files, or the sample. Returns whether a file could not be read.
    fn price_table(&self) -> (PriceTable, bool) {
        let mut table = PriceTable::default();
        if self.prices.is_empty() {
            table.add("sample", &SAMPLE_PRICES.parse().unwrap_or(Value::Null));
            return (table, false);
        }
        let mut unread = false;
        for path in &self.prices {
            let name = path.display().to_string();
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) => {
                    console::complain(&format!("{name}: {}", console::reason(&error)));
                    unread = true;
                    continue;
                }
            };
            let (documents, findings) = read(&text, TextFormat::Auto, &Levels::DEFAULT);
            for finding in findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error)
            {
                console::complain(&format!("{name}: {finding}"));
                unread = true;
            }
            for document in &documents {
                table.add(&name, document.value());
            }
        }
        (table, unread)
    }

    fn options(&self) -> PlanOptions {
        let mut options = PlanOptions::default();
        let (caches, pods) = (&self.caches, &self.pods);
        options.objective = match self.aim.objective {
            AimAt::Cost => Objective::Cost,
            AimAt::Seconds => Objective::Seconds,
            AimAt::CostPerSecond => Objective::CostPerSecond,
        };
        options.micros_per_second = self.aim.second_worth;
        let set = |option: &mut u64, given: Option<u64>| *option = given.unwrap_or(*option);
        set(&mut options.steps, self.aim.steps);
        set(&mut options.size_percent, caches.size_percent);
        set(&mut options.headroom_percent, caches.headroom);
        set(&mut options.builds_per_month, caches.builds);
        set(&mut options.hours_per_month, pods.month);
        set(&mut options.run_minutes, pods.run);
        set(&mut options.starts_per_pod, pods.starts);
        options.retention_days = caches.retention.unwrap_or(options.retention_days);
        options.quota = caches.quota.or(options.quota);
        options.region.clone_from(&self.platform.region);
        options.arch.clone_from(&self.platform.arch);
        options.os.clone_from(&self.platform.os);
        options.now = Some(self.clock.now());
        let hours = self.hours.iter();
        options.hours = hours
            .map(|(name, hours)| (name.clone(), hours.as_str().into()))
            .collect();
        options
    }
}
