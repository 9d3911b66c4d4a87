//! The ECI simulator: the calls of [`imagecache::eci`] answered by a cloud that lives on this machine.
//!
//! | question | module |
//! |---|---|
//! | What is the state, and how do calls and time change it? | [`world`], pure |
//! | Is this request authentic and within the rate limit? | [`gateway`], pure |
//! | Which images do registries hold, how large, with which login? | [`images`], pure |
//! | What goes wrong on purpose? | [`faults`], pure |
//! | Where is it kept? | `store`: one embedded database, every change synced before it is answered |
//! | How is it asked? | `serve`: HTTP, both signatures; or in process by [`Cloud::call`] |
//!
//! Nothing runs between calls: a cache that is being built is a list of steps with their times, and each call first
//! does what has become due. So a test can step the state, and it can run faster than the clock or continue after a
//! crash.
//!
//! Signatures are checked against the system clock. Caches age by the simulated clock, which may be faster and never
//! goes back, not even after a restart.

mod clock;
pub mod faults;
pub mod gateway;
pub mod images;
mod serve;
mod store;
pub mod world;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use imagecache::eci::Secret;
use imagecache::eci::error::{ApiError, ErrorCode};
use imagecache::eci::request::{Operation, Request};
use imagecache::time::Timestamp;
use imagecache_apiserver::limits::BODIES_BYTES;
use imagecache_http::Authority;
use imagecache_http::BodyBudget;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use clock::{Clock, Hand};
pub use serve::{Entry, Log};

use faults::Faults;
use gateway::{Gateway, Throttle};
use store::Store;
use world::{Settings, World};

/// What a cloud is like.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who may ask over HTTP: access key and secret.
    pub keys: Vec<(String, Secret)>,
    /// How time passes.
    pub clock: Clock,
    /// Keep the state in this folder; in memory when absent.
    pub data: Option<PathBuf>,
    /// Quotas, images, pace.
    pub settings: Settings,
    /// How many calls a second are answered; all when absent.
    pub throttle: Option<Throttle>,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// Names of this server that requests may have as their `Host`, beside those of this machine.
    pub allow_hosts: Vec<Authority>,
    /// Receives an entry for every request over HTTP.
    pub log: Option<Log>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            keys: vec![("testid".to_owned(), "testsecret".into())],
            clock: Clock::running(1),
            data: None,
            settings: Settings::default(),
            throttle: None,
            faults: Faults::default(),
            allow_hosts: Vec::new(),
            log: None,
        }
    }
}

/// Why a cloud cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fact}", path.display())]
pub struct CannotOpen {
    /// Where its state is.
    pub path: PathBuf,
    /// What is wrong there.
    pub fact: String,
}

/// A cloud of image caches. Clones are the same cloud.
///
/// ```
/// use imagecache::eci::request::{CreateImageCache, DescribeImageCaches};
/// use imagecache_simulator::cloud::{Clock, Cloud, Config};
/// let (clock, hand) = Clock::stepped("2026-01-18T03:18:02Z".parse().unwrap());
/// let cloud = Cloud::open(Config { clock, ..Config::default() }).unwrap();
/// let made = cloud.call(&CreateImageCache {
///     region_id: "cn-beijing".into(),
///     image_cache_name: "base".into(),
///     image: vec!["registry.example.com/demo/nginx:1.27".into()],
///     ..Default::default()
/// }).unwrap();
/// hand.pass(600);
/// let page = cloud.call(&DescribeImageCaches {
///     region_id: "cn-beijing".into(),
///     image_cache_id: Some(made.image_cache_id),
///     ..Default::default()
/// }).unwrap();
/// assert_eq!(page.image_caches[0].status.as_str(), "Ready");
/// ```
#[derive(Debug, Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    state: Mutex<State>,
    gateway: Mutex<Gateway>,
    faults: Faults,
    allow_hosts: Vec<Authority>,
    bodies: BodyBudget,
    log: Option<Log>,
    /// Requests over HTTP so far: which faults they meet depends on it.
    requests: AtomicU64,
    /// Whether changes go to a disk, which takes a while.
    durable: bool,
    /// What the gateway measures time from.
    started: Instant,
}

#[derive(Debug)]
struct State {
    world: World,
    kept: Kept,
}

/// Where the state is kept.
#[derive(Debug)]
enum Kept {
    InMemory,
    OnDisk(PathBuf, Store),
    /// A change could not be kept. What is in memory is ahead of what is on disk, so the folder is opened again before
    /// the next response.
    Broken(PathBuf),
}

impl State {
    /// Reads the state again if a change could not be kept.
    fn reopen(&mut self, now: Timestamp) -> Result<(), String> {
        let Kept::Broken(folder) = &self.kept else {
            return Ok(());
        };
        let (store, saved) = Store::open(folder)?;
        let settings = self.world.settings.clone();
        self.world = World::restore(settings, saved, now);
        self.kept = Kept::OnDisk(folder.clone(), store);
        tracing::info!("the state is read from the disk again");
        Ok(())
    }

    /// Keeps the changes of a call. After an error nothing of the call counts.
    fn keep(&mut self, now: Timestamp) -> Result<(), String> {
        let Kept::OnDisk(folder, store) = &mut self.kept else {
            self.world.forget_changes();
            return Ok(());
        };
        let Err(error) = store.commit(&self.world.take_changes(), now) else {
            return Ok(());
        };
        let folder = std::mem::take(folder);
        // this drops the database, which closes its file
        self.kept = Kept::Broken(folder);
        Err(error.to_string())
    }
}

impl Cloud {
    /// Opens a cloud: a new one, or the one whose state is in the folder.
    ///
    /// # Errors
    /// When the folder cannot be used: not writable, used by another process, not of this program.
    pub fn open(config: Config) -> Result<Self, CannotOpen> {
        let (kept, saved) = match &config.data {
            None => (Kept::InMemory, world::Saved::default()),
            Some(folder) => {
                let (store, saved) = Store::open(folder).map_err(|fact| CannotOpen {
                    path: folder.clone(),
                    fact,
                })?;
                (Kept::OnDisk(folder.clone(), store), saved)
            }
        };
        let clock = config.clock.not_before(saved.now);
        let world = World::restore(config.settings, saved, clock.now());
        let inner = Inner {
            clock,
            durable: config.data.is_some(),
            started: Instant::now(),
            state: Mutex::new(State { world, kept }),
            gateway: Mutex::new(Gateway::new(config.keys, config.throttle)),
            faults: config.faults,
            allow_hosts: config.allow_hosts,
            bodies: BodyBudget::new(BODIES_BYTES),
            log: config.log,
            requests: AtomicU64::new(0),
        };
        Ok(Cloud {
            inner: Arc::new(inner),
        })
    }

    /// Calls an operation in process: no HTTP, no signature, the same answers. With a state on disk it returns when the
    /// change is there, which takes as long as the disk does.
    ///
    /// # Errors
    /// The refusal that a client would get.
    pub fn call<R>(&self, request: &R) -> Result<R::Reply, ApiError>
    where
        R: Request,
        R::Reply: DeserializeOwned,
    {
        let read = Operation::read(R::ACTION, &request.to_params());
        let (operation, _) = read.ok_or_else(unknown_action)??;
        let reply = self.answer(&operation)?;
        serde_json::from_value(reply).map_err(|error| failed(&error.to_string()))
    }

    /// Calls an operation: the body of the answer, without `RequestId`.
    ///
    /// # Errors
    /// The refusal that a client would get.
    pub fn answer(&self, operation: &Operation) -> Result<Value, ApiError> {
        let now = self.inner.clock.now();
        let mut state = lock(&self.inner.state);
        state.reopen(now).map_err(|why| {
            failed(&format!(
                "an earlier change could not be kept, and the folder cannot be opened again: {why}"
            ))
        })?;
        let mut chance = || uuid::Uuid::new_v4().as_u64_pair().0;
        let answer = state.world.call(operation, now, &mut chance);
        if world::is_read(operation) {
            return answer;
        }
        if let Err(why) = state.keep(now) {
            tracing::error!(
                why,
                "a change could not be kept; the state is read from the disk again"
            );
            return Err(failed(&format!("the change could not be kept: {why}")));
        }
        answer
    }

    /// The time in this cloud.
    #[must_use]
    pub fn now(&self) -> imagecache::time::Timestamp {
        self.inner.clock.now()
    }
}

fn unknown_action() -> ApiError {
    ApiError::new(
        ErrorCode::InvalidActionNotFound,
        "Specified api is not found, please check your url and method.",
    )
}

fn failed(fact: &str) -> ApiError {
    ApiError::new(
        ErrorCode::InternalError,
        format!("The request processing has failed due to some unknown error: {fact}."),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
