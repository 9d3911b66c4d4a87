//! `imagecache sync`: the controller, as a process.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use imagecache::reconcile::{Allowed, Budget, FreshnessSettings, OnDrift, Trust};
use imagecache_controller::cluster::Client;
use imagecache_controller::controller::lease::{Candidate, Terms};
use imagecache_controller::controller::{CONCURRENCY, Config, Controller};
use tokio::sync::mpsc;

use crate::console::{self, Console};
use crate::eci::connection::{Cloud, Connection};
use crate::exit::Exit;
use crate::kubeconfig::Kubeconfig;
use crate::log::Log;
use crate::signal;

const EXAMPLES: &str = "\
Examples:
  imagecache crd | kubectl apply -f -    install the definition of ImageCache
  imagecache sync --dry-run --once       print the changes, and perform none
  imagecache sync                        run until Ctrl-C
  imagecache sync --on-drift report --ask-registries registry.example.com
                                         also report which cached tags have moved
  imagecache sync --leader-elect --listen 0.0.0.0:8080 --log-format json
                                         run as in deploy/chart

Annotations of ImageCaches, with the prefix imagecache.eci.alibabacloud.com/:
  paused: \"true\"                do not reconcile the object
  adopt: imc-…                  use this existing cache, if --allow-adoption permits
  deletion-policy: Retain       keep the cache when the object is deleted
  deletion-protection: \"false\"  delete the cache even if pods name it

Credentials are searched as by `imagecache eci`. --listen serves GET /metrics, /healthz, /readyz.

Exit codes:
  0  ended by Ctrl-C or SIGTERM; with --once: every object is reconciled
  1  with --once: an object could not be reconciled; one line for each
  2  usage error
  3  the kubeconfig cannot be used; with --once also: the cluster or ECI did not answer";

/// Run the controller that reconciles ImageCaches with ECI
///
/// Creates, updates and deletes caches of ECI, and writes their state into the status of the objects. Retries what may be
/// temporary: a cluster that does not answer, wrong credentials, a missing definition.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Sync {
    /// Serve /metrics, /healthz and /readyz on this address [default: none]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8080")]
    listen: Option<SocketAddr>,
    /// Print every change, and perform none
    #[arg(long)]
    dry_run: bool,
    /// Reconcile every object once, and exit
    #[arg(long, conflicts_with_all = ["listen", "leader_elect"])]
    once: bool,
    /// Interval of listing caches while a change is in progress, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    poll: Duration,
    /// Interval of listing caches otherwise, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    rest: Duration,
    /// Maximum number of objects to reconcile in parallel
    #[arg(long, value_name = "NUMBER", default_value_t = CONCURRENCY, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
    #[command(flatten)]
    builder: Builder,
    #[command(flatten)]
    trust: TrustOptions,
    #[command(flatten)]
    budget: BudgetOptions,
    #[command(flatten)]
    freshness: FreshnessOptions,
    #[command(flatten)]
    election: Election,
    #[command(flatten)]
    cluster: Kubeconfig,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Defaults of caches")]
struct Builder {
    /// Ids of vSwitches of the builder, comma separated
    #[arg(long, value_name = "IDS")]
    vswitch_ids: Option<String>,
    /// Id of the security group of the builder
    #[arg(long, value_name = "ID")]
    security_group_id: Option<String>,
    /// Id of the resource group
    #[arg(long, value_name = "ID")]
    resource_group_id: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What ImageCaches may use (nothing by default)")]
struct TrustOptions {
    /// Allow Secrets of these namespaces, comma separated, or `*` for all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    secret_namespaces: Vec<String>,
    /// Allow pulls over plain HTTP from these registries, without credentials
    #[arg(long, value_name = "HOSTS", value_delimiter = ',')]
    plain_http_registries: Vec<String>,
    /// Allow annotations that choose networks, resource groups and roles
    #[arg(long)]
    allow_network_annotations: bool,
    /// Allow adoption of caches by id or name, comma separated [no value: all]
    #[arg(long, value_name = "IDS", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    allow_adoption: Option<String>,
}

impl TrustOptions {
    fn trust(&self) -> Trust {
        let hosts = self.plain_http_registries.iter().map(|host| host.trim());
        let hosts = hosts.filter(|host| !host.is_empty());
        let adoption = self.allow_adoption.as_deref().unwrap_or_default();
        let mut trust = Trust::default();
        trust.secret_namespaces = Allowed::of(&self.secret_namespaces);
        trust.plain_http_registries = hosts.map(str::to_ascii_lowercase).collect();
        trust.network_annotations = self.allow_network_annotations;
        trust.adoption = Allowed::of(adoption.split(','));
        trust
    }
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What caches may cost")]
struct BudgetOptions {
    /// Most creations for one ImageCache within an hour
    #[arg(long, value_name = "NUMBER", default_value_t = Budget::default().creations_per_object_hour)]
    max_creations_per_object_hour: u32,
    /// Most creations for all ImageCaches within an hour
    #[arg(long, value_name = "NUMBER", default_value_t = Budget::default().creations_per_hour)]
    max_creations_per_hour: u32,
    /// Most caches of ImageCaches in the region
    #[arg(long, value_name = "NUMBER", default_value_t = Budget::default().caches)]
    max_caches: u32,
    /// Most GiB of these caches together
    #[arg(long, value_name = "GIB", default_value_t = Budget::default().gib)]
    max_gib: u64,
}

impl BudgetOptions {
    fn budget(&self) -> Budget {
        let mut budget = Budget::default();
        budget.creations_per_object_hour = self.max_creations_per_object_hour;
        budget.creations_per_hour = self.max_creations_per_hour;
        budget.caches = self.max_caches;
        budget.gib = self.max_gib;
        budget
    }
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tags that move (no registry is asked by default)")]
struct FreshnessOptions {
    /// Compare cached tags with their registries, and do this when one has moved
    #[arg(long, value_name = "ACT", requires = "ask_registries")]
    on_drift: Option<DriftAct>,
    /// Registries to ask, `host[:port]`, comma separated, or `*` for any that an ImageCache names
    #[arg(
        long,
        value_name = "HOSTS",
        value_delimiter = ',',
        requires = "on_drift"
    )]
    ask_registries: Vec<String>,
    /// Seconds between two polls about a cache, a quarter more or less by cache
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds, requires = "on_drift")]
    freshness_interval: Duration,
    /// Most rebuilds of caches whose tags have moved within an hour
    #[arg(long, value_name = "NUMBER", default_value_t = Budget::default().rebuilds_per_hour, requires = "on_drift")]
    max_rebuilds_per_hour: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DriftAct {
    /// Set the condition Fresh, write an Event, export a metric
    Report,
    /// Report, and update the cache: once a change, while no pod that names it starts
    Rebuild,
}

impl FreshnessOptions {
    fn settings(&self) -> Option<FreshnessSettings> {
        let on_drift = match self.on_drift? {
            DriftAct::Report => OnDrift::Report,
            DriftAct::Rebuild => OnDrift::Rebuild,
        };
        let mut settings = FreshnessSettings::new(on_drift, Allowed::of(&self.ask_registries));
        settings.interval = self.freshness_interval;
        Some(settings)
    }
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Leader election")]
struct Election {
    /// Reconcile only while holding a Lease, so that several replicas can run
    #[arg(long)]
    leader_elect: bool,
    /// Name of the Lease
    #[arg(long, value_name = "NAME", default_value = "imagecache-sync")]
    lease_name: String,
    /// Namespace of the Lease [default: of the context, or of the pod]
    #[arg(long, value_name = "NAME")]
    lease_namespace: Option<String>,
    /// Identity of this lease holder [default: host name and a random number]
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
}

/// The longest pause: a longer one is a mistake, and more than a clock can count.
const DAY: Duration = Duration::from_secs(86_400);

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match seconds {
        Some(pause) if (Duration::from_millis(10)..=DAY).contains(&pause) => Ok(pause),
        _ => Err("expected a number of seconds, 0.01 to 86400".to_owned()),
    }
}

impl Sync {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let cloud = self.connection.cloud()?;
        self.log.start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        runtime.block_on(self.work(cloud, console))
    }

    async fn work(&self, cloud: Cloud, console: &mut Console) -> anyhow::Result<Exit> {
        let client = self.cluster.client().await?;
        // The console locks standard output, so lines of other threads go through a channel.
        let (tell, mut told) = mpsc::unbounded_channel();
        let controller = Controller::new(
            client.clone(),
            cloud.client.clone(),
            self.config(&cloud.region, tell),
        );
        if self.once {
            let tally = controller.once().await?;
            while let Ok(line) = told.try_recv() {
                console
                    .line(format_args!("{line}"))
                    .context(console::UNWRITABLE)?;
            }
            for (name, why) in &tally.refused {
                console::note(&format!(
                    "{}: {}",
                    console::visible(name),
                    console::visible(why)
                ));
            }
            let refused = tally.refused.len();
            console::note(&format!(
                "{} ImageCaches, {refused} not reconciled",
                tally.objects
            ));
            return Ok(if refused == 0 {
                Exit::Ok
            } else {
                Exit::Findings
            });
        }
        let stop = signal::stop()?;
        let mut server = None;
        if let Some(address) = self.listen {
            let listener = tokio::net::TcpListener::bind(address).await;
            let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
            let address = listener.local_addr().unwrap_or(address);
            console::note(&format!("listening on http://{address}; Ctrl-C stops"));
            let (controller, stop) = (controller.clone(), stop.clone());
            server = Some(tokio::spawn(async move {
                controller.serve(listener, stop).await
            }));
        }
        let candidate = self
            .election
            .leader_elect
            .then(|| self.election.candidate(client, &cloud));
        let mut work = pin!(controller.run(candidate, stop.clone()));
        loop {
            tokio::select! {
                () = &mut work => break,
                Some(line) = told.recv() => {
                    let written = console.line(format_args!("{line}")).context(console::UNWRITABLE);
                    written.and_then(|()| console.finish())?;
                }
            }
        }
        if let Some(server) = server {
            let _ = server.await;
        }
        Ok(Exit::Ok)
    }

    fn config(&self, region: &str, tell: mpsc::UnboundedSender<String>) -> Config {
        let mut config = Config::new(region);
        config.settings.trust = self.trust.trust();
        config.settings.budget = self.budget.budget();
        config.settings.budget.rebuilds_per_hour = self.freshness.max_rebuilds_per_hour;
        config.settings.freshness = self.freshness.settings();
        let (defaults, builder) = (&mut config.settings.defaults, &self.builder);
        defaults.vswitch_ids.clone_from(&builder.vswitch_ids);
        defaults
            .security_group_id
            .clone_from(&builder.security_group_id);
        defaults
            .resource_group_id
            .clone_from(&builder.resource_group_id);
        (config.poll, config.rest, config.concurrency) = (self.poll, self.rest, self.concurrency);
        if self.dry_run {
            config.dry_run = Some(Arc::new(move |object, act| {
                let _ = tell.send(format!(
                    "{}: {}",
                    console::visible(object),
                    console::visible(act)
                ));
            }));
        }
        config
    }
}

impl Election {
    fn candidate(&self, client: Client, cloud: &Cloud) -> Candidate {
        let identity = self.identity.clone().unwrap_or_else(|| {
            let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "imagecache".to_owned());
            format!(
                "{host}_{:016x}",
                cloud.client.environment().random() & u128::from(u64::MAX)
            )
        });
        let namespace = self
            .lease_namespace
            .clone()
            .unwrap_or_else(|| client.default_namespace().to_owned());
        Candidate::new(
            client,
            &namespace,
            &self.lease_name,
            &identity,
            Terms::default(),
        )
    }
}
