//! `imagecache dev`: a cluster and a cloud on this machine, and what makes them agree, in one process.
//!
//! ```text
//!              ┌── page ──┐
//! kubectl ───► │ API server│ ◄── controller ──► ECI simulator
//! curl         └───────────┘ ◄── node ────────►
//! ```
//!
//! The controller is the one that a real cluster gets, and it talks as it would there: to both sides over HTTP, by a
//! client of Kubernetes and a client of ECI. Admission is the core's, inside of the API server.

mod parts;
mod progress;
mod sample;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use imagecache::admission::AdmissionSettings;
use imagecache::eci::Secret;
use imagecache::resource::{API_VERSION, KIND, PLURAL};
use imagecache_apiserver::cluster::{self, Cluster};
use imagecache_controller::webhook::parse_settings;
use imagecache_simulator::cloud::world::{self, Pace};
use imagecache_simulator::cloud::{self, Clock, Cloud};

use crate::console::{self, Console, UNWRITABLE};
use crate::exit::Exit;
use crate::log::Log;
use crate::{listen, page, serve, signal};

use parts::Parts;
use progress::Screen;

/// Where everything of the simulated cloud lies.
const REGION: &str = "cn-hangzhou";

/// The key of the simulator: known to all, since only this machine reaches it.
const KEY: (&str, &str) = ("testid", "testsecret");

/// Caches are created faster than by ECI.
const PACE: Pace = Pace {
    prepare: 1,
    bytes_per_second: 100 << 20,
    flash: 1,
    snapshot: 3,
};

const EXAMPLES: &str = "\
Examples:
  imagecache dev                      start with a sample pod and cache, until Ctrl-C
  imagecache dev --data state         keep the state in a directory, and continue from it
  imagecache dev --speed 1000         simulate a day in 86 seconds, to see caches expire
  imagecache dev --data state --no-controller
                                      run `imagecache sync` in another process

The API server has no authentication, so it listens on the loopback interface. It serves image
caches, pods, Secrets and other common kinds. Pods do not run: the simulated ECI starts them, and
their events show which cache they use. Caches are created within seconds. With --speed the clock of
the simulated ECI, and the times in the status of caches, are ahead of the system clock.

Exit codes:
  0  ended by Ctrl-C or SIGTERM
  2  usage error
  3  an address or the data directory cannot be used";

/// Start a local API server, a simulated ECI and the controller
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Dev {
    /// Address of the API server; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8001")]
    listen: SocketAddr,
    /// Address of the simulated ECI [default: a free port of the loopback interface]
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:0",
        hide_default_value = true
    )]
    listen_eci: SocketAddr,
    /// Keep the state and a kubeconfig in this directory [default: in memory]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Speed factor of the simulated clock of ECI, 1 to 100000
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    speed: u32,
    /// Admission settings, YAML or JSON [default: errors deny, ECI selects caches]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Start without the sample
    #[arg(long)]
    no_sample: bool,
    /// Do not run the controller; run `imagecache sync` with the kubeconfig in --data
    #[arg(long, requires = "data")]
    no_controller: bool,
    #[command(flatten)]
    names: listen::Names,
    #[command(flatten)]
    log: Log,
}

/// Where the parts listen.
struct Places {
    cluster: SocketAddr,
    cloud: SocketAddr,
    kubeconfig: Option<PathBuf>,
}

impl Dev {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let screen = Screen::new();
        let written = screen.clone();
        self.log.start_with("warn", move || written.clone())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        runtime.block_on(self.serve(screen, console))
    }

    async fn serve(&self, screen: Screen, console: &mut Console) -> anyhow::Result<Exit> {
        let stop = signal::stop()?;
        let settings = self.settings()?;
        let listener = listen::bind(self.listen).await?;
        let eci = listen::bind(self.listen_eci).await?;
        if let Some(folder) = &self.data {
            make_folder(folder)?;
        }
        let cluster = self.cluster(settings).await?;
        let cloud = self.cloud()?;
        let places = Places {
            cluster: listener.local_addr().context("cannot listen")?,
            cloud: eci.local_addr().context("cannot listen")?,
            kubeconfig: self.data.as_ref().map(|folder| folder.join("kubeconfig")),
        };
        if let Some(path) = &places.kubeconfig {
            serve::write_kubeconfig(path, places.cluster)?;
        }
        self.greet(&places, console).context(UNWRITABLE)?;
        listen::warn_if_wide(places.cluster, "and there is no authentication");
        listen::warn_if_wide(places.cloud, "and its access key is known to all");
        let parts = Parts {
            cluster,
            cloud,
            screen,
            sample: !self.no_sample,
            works: !self.no_controller,
        };
        parts.run(listener, eci, stop).await?;
        Ok(Exit::Ok)
    }

    async fn cluster(&self, settings: AdmissionSettings) -> anyhow::Result<Cluster> {
        let opened = Cluster::open(cluster::Config {
            directory: self.data.as_ref().map(|folder| folder.join("cluster")),
            page: Some(page::file),
            allow_hosts: self.names.allow_host.clone(),
            ..imagecache_simulator::cluster::config(None, Some(settings))
        });
        let cluster = opened.await?;
        serve::report(cluster.store().report());
        Ok(cluster)
    }

    fn cloud(&self) -> anyhow::Result<Cloud> {
        let (id, secret) = KEY;
        Ok(Cloud::open(cloud::Config {
            keys: vec![(id.to_owned(), Secret::from(secret))],
            clock: Clock::running(self.speed),
            settings: world::Settings {
                pace: PACE,
                ..world::Settings::default()
            },
            data: self.data.as_ref().map(|folder| folder.join("cloud")),
            allow_hosts: self.names.allow_host.clone(),
            ..cloud::Config::default()
        })?)
    }

    fn settings(&self) -> anyhow::Result<AdmissionSettings> {
        let Some(path) = &self.settings else {
            return Ok(AdmissionSettings::default());
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow::anyhow!("{}: {}", path.display(), console::reason(&error)))?;
        parse_settings(&text).with_context(|| path.display().to_string())
    }

    /// Prints examples to copy.
    fn greet(&self, places: &Places, console: &mut Console) -> std::io::Result<()> {
        let server = format!("http://{}", places.cluster);
        let caches = format!("{server}/apis/{API_VERSION}/{PLURAL}");
        let (id, secret) = KEY;
        let cloud = places.cloud;
        let speed = match self.speed {
            1 => String::new(),
            times => format!(", {times} times as fast"),
        };
        let state = match &self.data {
            Some(folder) => format!("kept in {}", folder.display()),
            None => "kept in memory; --data DIR keeps it on disk".to_owned(),
        };
        let kubectl = match &places.kubeconfig {
            Some(path) => format!("kubectl --kubeconfig {}", path.display()),
            None => format!("kubectl --server {server}"),
        };
        let sync = match &places.kubeconfig {
            Some(path) if self.no_controller => format!(
                "  imagecache sync --kubeconfig {} --endpoint http://{cloud} --region {REGION}\n",
                path.display()
            ),
            _ => String::new(),
        };
        let and = if self.no_controller {
            ", and the controller in another process"
        } else {
            ""
        };
        console.document(&format!(
            "\
API server: {server}, with a simulated ECI{speed}.
The state is {state}. Ctrl-C stops.

In a browser:
  {server}/

With kubectl:
  {kubectl} get ic --watch
  {kubectl} describe pod {sample}

With curl:
  curl -X POST -H 'Content-Type: application/yaml' --data-binary '{{apiVersion: {API_VERSION}, kind: {KIND}, metadata: {{name: mine}}, spec: {{images: [nginx:1.27]}}}}' {caches}
  curl {caches}
  curl {caches}/mine
  curl -X DELETE {caches}/mine

The simulated ECI{and}:
  export ALIBABA_CLOUD_ACCESS_KEY_ID={id} ALIBABA_CLOUD_ACCESS_KEY_SECRET={secret}
{sync}  imagecache eci list --endpoint http://{cloud} --region {REGION}

",
            sample = sample::NAME,
        ))?;
        console.flush()
    }
}

fn make_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() && !folder.is_dir() {
        bail!(
            "--data: expected a directory, found the file {}",
            folder.display()
        );
    }
    let mut directory = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
    directory.recursive(true).create(folder).map_err(|error| {
        let why = console::reason(&error);
        anyhow::anyhow!("{}: cannot be created: {why}", folder.display())
    })
}
