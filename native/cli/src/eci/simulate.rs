//! `imagecache eci simulate`: a cloud of one's own, on this machine.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use imagecache::eci::Secret;
use imagecache::eci::signature::Scheme;
use imagecache_local::cloud::faults::Faults;
use imagecache_local::cloud::gateway::Throttle;
use imagecache_local::cloud::images::Images;
use imagecache_local::cloud::world::{Quotas, Settings};
use imagecache_local::cloud::{Clock, Cloud, Config, Entry, Log};

use crate::console::{self, Console, UNWRITABLE, visible};
use crate::exit::Exit;
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

Faults, for trying a client:
  seed: 7
  faults:
  - {fault: lost-reply, action: CreateImageCache, requests: 1}   # has its effect, answers nothing; once
  - {fault: half-body, chance: 0.1}          # has its effect, half of the answer comes
  - {fault: html-page, chance: 0.1}          # has its effect, a page of a proxy comes
  - {fault: refuse, chance: 0.1}             # no effect, the connection breaks
  - {fault: error, code: InternalError, chance: 0.1}
  - {fault: throttle, milliseconds: 500, chance: 0.1}
  - {fault: delay, milliseconds: 200}

Two clocks: requests are dated by the wall's, caches live by one that is --speed times as fast. With --data a cloud goes
on where it was, however it ended. Ctrl-C ends it.";

/// Answer the ECI API on this machine: caches that are built, used and ended, for tries and tests without an account
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Simulate {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The access key that may ask [default: testid]
    #[arg(long, value_name = "ID", requires = "secret")]
    access_key: Option<String>,
    /// Its secret [default: testsecret]
    #[arg(
        long,
        value_name = "SECRET",
        requires = "access_key",
        hide_default_value = true
    )]
    secret: Option<Secret>,
    /// How many times as fast as the wall's clock caches live
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    speed: u32,
    /// Keep the state in this folder; in memory unless set
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What registries hold: sizes, logins, what is missing
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
    /// Print the table of images that is used when none is given
    #[arg(long)]
    print_images: bool,
    /// What goes wrong on purpose
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Calls a second that are answered; all unless set
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
    /// With --rate: calls at once
    #[arg(long, value_name = "NUMBER", default_value_t = 10, requires = "rate")]
    burst: u32,
    /// Most caches of a region
    #[arg(long, value_name = "NUMBER", default_value_t = Quotas::default().caches)]
    quota: usize,
    /// Most automatic caches of a region
    #[arg(long, value_name = "NUMBER", default_value_t = Quotas::default().automatic_caches)]
    auto_quota: usize,
    /// Say nothing of requests
    #[arg(long)]
    quiet: bool,
}

impl Simulate {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        if self.print_images {
            write!(console, "{}", Images::example()).context(UNWRITABLE)?;
            return Ok(Exit::Ok);
        }
        if !self.listen.ip().is_loopback() && self.access_key.is_none() {
            let message = "others can reach this address: set --access-key and --secret, the default key is known to all";
            return Err(usage_error(message));
        }
        if self
            .rate
            .is_some_and(|rate| !rate.is_finite() || rate <= 0.0)
        {
            return Err(usage_error("--rate: a number above 0 expected"));
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
        let key = match (&self.access_key, &self.secret) {
            (Some(id), Some(secret)) => (id.clone(), secret.clone()),
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
        cloud.serve(listener, stop).await;
        Ok(())
    }

    /// What to try. Whoever starts this reads the address off the first line.
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
        console.write_all(text.as_bytes()).context(UNWRITABLE)?;
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
        None => "--",
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
