//! One store for every resource: objects by key, one order of changes, watches, lists of the recent past.
//!
//! * A write is a decision, run against the newest state by the one thread that writes ([`Store::write`]), so there are
//!   no lost updates and no retries. Decisions that wait are made together and written to disk as one transaction.
//! * A change becomes visible to its writer, to readers and to watchers after it is on the disk. So a crash loses no
//!   change that was seen, and no change is seen twice.
//! * A watcher holds no queue here: it reads the log of changes from its position, as fast as it can. If the log
//!   at that position is already compacted it gets an error ([`Compacted`]).

mod disk;
mod object;
mod state;
mod transaction;
mod watch;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch as latest};

pub use disk::Unopened;
pub use object::{Change, Object, key, prefix};
pub use state::{Compacted, History, List, Page};
pub use transaction::Transaction;
pub use watch::Watch;

use disk::Disk;
use state::State;

/// Largest object, as JSON, in bytes: what a real cluster stores at most.
pub const OBJECT_BYTES: usize = 3 << 19;
/// All objects together, as JSON, in bytes.
pub const STORE_BYTES: usize = 1 << 30;
/// Decisions that wait for the writer; further ones wait for a place.
const QUEUE: usize = 1024;
/// Decisions in one transaction, at most.
const BATCH: usize = 256;

/// Why a decided write did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unwritten {
    /// The object is larger than [`OBJECT_BYTES`].
    TooLarge,
    /// The store holds [`STORE_BYTES`] already.
    Full,
    /// The disk says no.
    Disk(String),
    /// The store is closed.
    Closed,
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unwritten::TooLarge => write!(f, "the object is larger than {OBJECT_BYTES} bytes"),
            Unwritten::Full => write!(f, "the store holds {STORE_BYTES} bytes already"),
            Unwritten::Disk(what) => write!(f, "the disk refused the write: {what}"),
            Unwritten::Closed => f.write_str("the store is closed"),
        }
    }
}

impl std::error::Error for Unwritten {}

/// Sends the outcome of a write to the request that waits for it.
type Acknowledge = Box<dyn FnOnce(Result<(), Unwritten>) + Send>;
type Decision = Box<dyn FnOnce(&mut Transaction<'_>) -> Acknowledge + Send>;

/// The store. Dropping it writes what was decided and closes the file.
pub struct Store {
    shared: Arc<Shared>,
    decisions: Option<mpsc::Sender<Decision>>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    state: RwLock<State>,
    /// The newest version that everybody may see.
    version: latest::Sender<u64>,
    history: History,
}

impl Shared {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        // A state is replaced in one piece; there is nothing half done to be afraid of.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens the store of a directory, or one in memory that ends with the process.
    pub fn open(directory: Option<&Path>, history: History) -> Result<Store, Unopened> {
        let (disk, state) = match directory {
            Some(directory) => {
                let (disk, state) = Disk::open(directory)?;
                (Some(disk), state)
            }
            None => (None, State::default()),
        };
        let shared = Arc::new(Shared {
            version: latest::Sender::new(state.version()),
            state: RwLock::new(state),
            history,
        });
        let (decisions, queue) = mpsc::channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || write_all(&shared, disk.as_ref(), queue)
            })
            .map_err(|error| Unopened::Disk("a thread".into(), error.to_string()))?;
        Ok(Store {
            shared,
            decisions: Some(decisions),
            writer: Some(writer),
        })
    }

    /// The newest version.
    pub fn version(&self) -> u64 {
        self.shared.state().version()
    }

    /// The oldest version from which can be watched or listed.
    pub fn oldest(&self) -> u64 {
        self.shared.state().compacted()
    }

    /// An object as it is now.
    pub fn get(&self, key: &str) -> Option<Arc<Object>> {
        self.shared.state().get(key).cloned()
    }

    /// Objects, or one page of them.
    pub fn list(&self, list: &List<'_>) -> Result<Page, Compacted> {
        self.shared.state().list(list)
    }

    /// The changes after `version` of the objects whose keys begin so.
    pub fn watch(&self, prefix: &str, version: u64) -> Watch {
        Watch::new(Arc::clone(&self.shared), prefix, version)
    }

    /// Makes a decision on the newest state and waits until it is on the disk. If it errs nothing is written.
    pub async fn write<T, E>(
        &self,
        decide: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Unwritten> + Send + 'static,
    {
        let (answer, written) = oneshot::channel();
        let decision: Decision = Box::new(move |transaction| {
            let decided = transaction.attempt(decide);
            Box::new(move |written: Result<(), Unwritten>| {
                let outcome = decided.and_then(|value| written.map(|()| value).map_err(E::from));
                // the caller may be gone; the write is kept
                let _ = answer.send(outcome);
            })
        });
        if let Some(decisions) = &self.decisions
            && decisions.send(decision).await.is_ok()
            && let Ok(outcome) = written.await
        {
            return outcome;
        }
        Err(Unwritten::Closed.into())
    }

    /// Makes a decision on the present state without writing it: what a dry run answers.
    pub fn rehearse<T, E>(
        &self,
        decide: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let state = self.shared.state();
        decide(&mut Transaction::new(&state))
    }

    /// Compacts the log: a watch or list from an earlier version gets an error.
    pub async fn compact(&self) -> Result<(), Unwritten> {
        self.write(|transaction| {
            transaction.forget();
            Ok(())
        })
        .await
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.decisions.take());
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != std::thread::current().id()
        {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

/// The writer: makes every decision that waits, writes them as one, shows them, and only then answers.
fn write_all(shared: &Shared, disk: Option<&Disk>, mut queue: mpsc::Receiver<Decision>) {
    while let Some(first) = queue.blocking_recv() {
        let mut acknowledge: Vec<Acknowledge> = Vec::new();
        let (changes, forget) = {
            let state = shared.state();
            let mut transaction = Transaction::new(&state);
            let mut next = Some(first);
            while let Some(decision) = next {
                // A decision that panics is one request's misfortune: its changes are taken back, the others go on.
                let mark = transaction.mark();
                let decided = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    decision(&mut transaction)
                }));
                match decided {
                    Ok(answer) => acknowledge.push(answer),
                    Err(_) => transaction.undo(mark),
                }
                next = (acknowledge.len() < BATCH)
                    .then(|| queue.try_recv().ok())
                    .flatten();
            }
            transaction.finish()
        };
        let written = commit(shared, disk, changes, forget);
        for answer in acknowledge {
            answer(written.clone());
        }
    }
}

fn commit(
    shared: &Shared,
    disk: Option<&Disk>,
    changes: Vec<Arc<Change>>,
    forget: bool,
) -> Result<(), Unwritten> {
    if changes.is_empty() && !forget {
        return Ok(());
    }
    let (version, compacted) = {
        let state = shared.state();
        let last = changes.last();
        let version = last.map_or(state.version(), |change| change.version);
        let beyond = state.beyond(&changes, shared.history);
        (version, if forget { version } else { beyond })
    };
    if let Some(disk) = disk {
        disk.write(&changes, compacted)
            .map_err(|error| Unwritten::Disk(error.to_string()))?;
    }
    shared
        .state
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .apply(changes, compacted);
    shared.version.send_replace(version);
    Ok(())
}
