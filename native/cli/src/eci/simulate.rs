//! `imagecache eci simulate`: a cloud of one's own, on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use imagecache::eci::Secret;
use imagecache::eci::signature::Scheme;
use imagecache_simulator::cloud::faults::Faults;
use imagecache_simulator::cloud::gateway::Throttle;
use imagecache_simulator::cloud::images::Images;
use imagecache_simulator::cloud::world::{Quotas, Settings};
use imagecache_simulator::cloud::{Clock, Cloud, Config, Entry, Log};

use crate::console::{self, Console, UNWRITABLE, visible};
use crate::exit::Exit;
use crate::listen;
use crate::signal;
use crate::usage::usage_error;

/// The key that opens a simulator when no other is set.
const KEY: (&str, &str) = ("testid", "testsecret");

const EXAMPLES: &str = "\
Examples:
  imagecache eci simulate --listen 127.0.0.1:8080
  imagecache eci simulate --speed 60 --data ./cloud
  imagecache eci simulate --print-images > images.yaml; imagecache eci simulate --images images.yaml
  imagecache eci simulate --faults faults.yaml

Faults, to test a client:
  seed: 7
  faults:
  - {fault: lost-reply, action: CreateImageCache, requests: 1}   # performs the call, sends no reply; once
  - {fault: half-body, chance: 0.1}          # performs the call, sends half of the reply
  - {fault: html-page, chance: 0.1}          # performs the call, sends the page of a proxy
  - {fault: refuse, chance: 0.1}             # closes the connection without effect
  - {fault: error, code: InternalError, chance: 0.1}
  - {fault: throttle, milliseconds: 500, chance: 0.1}
  - {fault: delay, milliseconds: 200}

Requests are checked against the system clock; caches age by a clock that is --speed times as fast. With --data the
state survives a restart or a crash. Ctrl-C ends the simulator.";

/// Simulate the ECI API locally, for tests without an account
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Simulate {
    /// Address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Access key id to accept [default: testid]
    #[arg(long, value_name = "ID", requires = "key")]
    access_key: Option<String>,
    /// Access key secret to accept; other users of this machine can see it [default: testsecret]
    #[arg(
        long,
        value_name = "SECRET",
        requires = "access_key",
        group = "key",
        hide_default_value = true
    )]
    secret: Option<Secret>,
    /// Read the access key secret from a file
    #[arg(long, value_name = "FILE", requires = "access_key", group = "key")]
    secret_file: Option<PathBuf>,
    /// Speed factor of the clock of caches, 1 to 100000
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    speed: u32,
    /// Keep the state in this directory [default: in memory]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Table of images in registries: sizes, logins, missing images
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
    /// Print the default table of images
    #[arg(long)]
    print_images: bool,
    /// Faults to inject
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Maximum calls per second [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
    /// With --rate: burst of calls
    #[arg(long, value_name = "NUMBER", default_value_t = 10, requires = "rate")]
    burst: u32,
    /// Maximum number of caches per region
    #[arg(long, value_name = "NUMBER", default_value_t = Quotas::default().caches)]
    quota: usize,
    /// Maximum number of automatic caches per region
    #[arg(long, value_name = "NUMBER", default_value_t = Quotas::default().automatic_caches)]
    auto_quota: usize,
    /// Do not log requests
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    names: listen::Names,
}

impl Simulate {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        if self.print_images {
            console.document(Images::example()).context(UNWRITABLE)?;
            return Ok(Exit::Ok);
        }
        if !self.listen.ip().is_loopback() && self.access_key.is_none() {
            let message = "others can reach this address: set --access-key and --secret-file, the default key is known to all";
            return Err(usage_error(message));
        }
        if self
            .rate
            .is_some_and(|rate| !rate.is_finite() || rate <= 0.0)
        {
            return Err(usage_error("--rate: must be greater than 0"));
        }
        let cloud = Cloud::open(self.config()?)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        runtime.block_on(self.serve(&cloud, console))?;
        Ok(Exit::Ok)
    }

    fn config(&self) -> anyhow::Result<Config> {
        let key = match (&self.access_key, &self.secret, &self.secret_file) {
            (Some(id), Some(secret), _) => (id.clone(), secret.clone()),
            (Some(id), None, Some(file)) => (id.clone(), Secret::from(text(file)?.trim_end())),
            _ => (KEY.0.to_owned(), KEY.1.into()),
        };
        let images = match &self.images {
            Some(path) => Images::read(&text(path)?).with_context(|| path.display().to_string())?,
            None => Images::default(),
        };
        let faults = match &self.faults {
            Some(path) => Faults::read(&text(path)?).with_context(|| path.display().to_string())?,
            None => Faults::default(),
        };
        Ok(Config {
            keys: vec![key],
            clock: Clock::running(self.speed),
            data: self.data.clone(),
            settings: Settings {
                quotas: Quotas {
                    caches: self.quota,
                    automatic_caches: self.auto_quota,
                    ..Quotas::default()
                },
                images,
                ..Settings::default()
            },
            throttle: self.rate.map(|per_second| Throttle {
                per_second,
                burst: self.burst,
            }),
            faults,
            allow_hosts: self.names.allow_host.clone(),
            log: (!self.quiet).then(|| Log::new(|entry| console::note(&line(entry)))),
        })
    }

    async fn serve(&self, cloud: &Cloud, console: &mut Console) -> anyhow::Result<()> {
        let listener = tokio::net::TcpListener::bind(self.listen).await;
        let listener = listener
            .map_err(|error| anyhow::anyhow!("{}: {}", self.listen, console::reason(&error)))?;
        let address = listener.local_addr().context("no address")?;
        let stop = signal::stop()?;
        self.greet(address, console)?;
        listen::warn_if_wide(address, "and plain HTTP does not hide what is sent to it");
        cloud.serve(listener, stop).await;
        Ok(())
    }

    /// Prints examples. Scripts read the address from the first line.
    fn greet(&self, address: SocketAddr, console: &mut Console) -> anyhow::Result<()> {
        let id = self.access_key.as_deref().unwrap_or(KEY.0);
        // a secret that somebody chose is not shown
        let secret = if self.access_key.is_some() {
            "…"
        } else {
            KEY.1
        };
        let text = format!(
            "ECI is simulated on http://{address}

  export ALIBABA_CLOUD_ACCESS_KEY_ID={id} ALIBABA_CLOUD_ACCESS_KEY_SECRET={secret}
  imagecache eci create --endpoint http://{address} --region cn-hangzhou --name base --image nginx:1.27 --watch
  imagecache eci list --endpoint http://{address} --region cn-hangzhou

"
        );
        console.document(&text).context(UNWRITABLE)?;
        console.finish()
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| anyhow::anyhow!("{}: {}", path.display(), console::reason(&error)))
}

/// One request, on one line, without anything secret.
fn line(entry: &Entry) -> String {
    let scheme = match entry.scheme {
        Some(Scheme::V1) => "v1",
        Some(Scheme::V3) => "v3",
        Some(_) | None => "--",
    };
    let key = if entry.access_key_id.is_empty() {
        "-"
    } else {
        &entry.access_key_id
    };
    let text = format!(
        "{} {} {scheme} {key} {} {} {:.1?}",
        entry.request_id, entry.action, entry.status, entry.outcome, entry.time
    );
    visible(&text.replace(['\n', '\t'], " ")).into_owned()
}
