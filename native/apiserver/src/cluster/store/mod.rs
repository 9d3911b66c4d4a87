//! One store for every resource: objects by key, one order of changes, watches, lists of the recent past.
//!
//! * A write is a decision, run against the newest state by the one thread that writes ([`Store::write`]), so there are
//!   no lost updates. Decisions that wait are made together and written to disk as one transaction. What takes long is
//!   computed before (`requests`); the decision then checks that the object is still the one it was computed from.
//! * Every object passes one gate ([`Object::checked`]): its limits, and the reader of the store, which reads it before
//!   the commit.
//! * After an error of the disk the file is opened again ([`Store::ready`]). A damaged file is opened by
//!   [`Store::recover`].
//! * A change becomes visible to its writer, to readers and to watchers after it is on the disk. So a crash loses no
//!   change that was seen, and no change is seen twice.
//! * A watcher holds no queue here: it reads the log of changes from its position, as fast as it can. If the log
//!   at that position is already compacted it gets an error ([`Compacted`]).

mod disk;
#[cfg(test)]
mod faulty;
mod object;
pub mod record;
mod recover;
mod state;
mod transaction;
mod watch;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch as latest};

pub use disk::{SetAside, Unopened};
pub use object::{Change, Object, key, prefix};
pub use recover::{Recovered, Salvage, salvage};
pub use state::{Compacted, History, List, Page};
pub use transaction::Transaction;
pub use watch::Watch;

use disk::{Contents, Disk};
use state::State;
use transaction::Decided;

use crate::limits::{OBJECT_BYTES, STORE_BYTES};

/// Decisions that wait for the writer; further ones wait for a place.
const QUEUE: usize = 1024;
/// Decisions in one transaction, at most.
const BATCH: usize = 256;

/// Why a decided write did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unwritten {
    /// The object is larger than [`OBJECT_BYTES`].
    TooLarge,
    /// The object exceeds another limit of [`limits`](crate::limits).
    TooHeavy(String),
    /// The reader of the store cannot read the object.
    Unreadable(String),
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
            Unwritten::TooHeavy(fault) => f.write_str(fault),
            Unwritten::Unreadable(why) => write!(f, "the object could not be read again: {why}"),
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
    report: Report,
}

/// What was wrong with the file of a store when it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The records that could not be read, now or at an earlier start, and are not served.
    pub aside: Vec<SetAside>,
    /// The log of changes could not be read: watches and lists of the past start anew.
    pub history_lost: bool,
    /// The file was damaged and was replaced.
    pub recovered: Option<Recovered>,
}

struct Shared {
    state: RwLock<State>,
    /// The newest version that everybody may see.
    version: latest::Sender<u64>,
    history: History,
    /// Why the last write failed, if it did.
    fault: Mutex<Option<String>>,
}

impl Shared {
    /// Notes the outcome of a write, and logs it where it differs from the one before.
    fn note(&self, fault: Option<&String>) {
        let mut known = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, fault) {
            (None, Some(fault)) => {
                tracing::error!(%fault, "a write failed; the store is not ready until a write succeeds");
            }
            (Some(_), None) => tracing::info!("writes succeed again"),
            _ => {}
        }
        *known = fault.cloned();
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        // A state is replaced in one piece; there is nothing half done to be afraid of.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens the store of a directory, or one in memory that ends with the process.
    ///
    /// # Errors
    /// Returns [`Unopened`] if the file is damaged or cannot be used.
    pub fn open(directory: Option<&Path>, history: History) -> Result<Store, Unopened> {
        match directory {
            Some(directory) => {
                let (disk, contents) = Disk::open(directory)?;
                Store::start(Some(disk), contents, history)
            }
            None => Store::start(None, Contents::default(), history),
        }
    }

    /// Opens the store of a directory. A damaged file is replaced by one with what can be read of it
    /// ([`Report::recovered`]).
    ///
    /// # Errors
    /// Returns [`Unopened`] if nothing can be read, or the file cannot be used.
    pub fn recover(directory: &Path, history: History) -> Result<Store, Unopened> {
        match Store::open(Some(directory), history) {
            Err(Unopened::Damaged(..)) => {
                let recovered = recover::replace(directory)?;
                let mut store = Store::open(Some(directory), history)?;
                store.report.recovered = Some(recovered);
                Ok(store)
            }
            opened => opened,
        }
    }

    fn start(disk: Option<Disk>, contents: Contents, history: History) -> Result<Store, Unopened> {
        let Contents {
            state,
            aside,
            history_lost,
        } = contents;
        let shared = Arc::new(Shared {
            version: latest::Sender::new(state.version()),
            state: RwLock::new(state),
            history,
            fault: Mutex::default(),
        });
        let (decisions, queue) = mpsc::channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || write_all(&shared, disk, queue)
            })
            .map_err(|error| Unopened::Disk("a thread".into(), error.to_string()))?;
        Ok(Store {
            shared,
            decisions: Some(decisions),
            writer: Some(writer),
            report: Report {
                aside,
                history_lost,
                recovered: None,
            },
        })
    }

    /// What was wrong with the file when it was opened.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Reports whether the store takes writes: the outcome of the last write, and if that failed, of another one.
    ///
    /// # Errors
    /// Returns why the write failed.
    pub async fn ready(&self) -> Result<(), Unwritten> {
        let fault = &self.shared.fault;
        if fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none()
        {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.probe();
            Ok(())
        })
        .await
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
fn write_all(shared: &Shared, mut disk: Option<Disk>, mut queue: mpsc::Receiver<Decision>) {
    while let Some(first) = queue.blocking_recv() {
        if let Some(disk) = &mut disk {
            reopen(shared, disk);
        }
        let mut acknowledge: Vec<Acknowledge> = Vec::new();
        let decided = {
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
        let written = commit(shared, disk.as_mut(), decided);
        for answer in acknowledge {
            answer(written.clone());
        }
    }
}

/// Opens the file again after an error. What is on the disk counts: a write that failed may be there all the same.
fn reopen(shared: &Shared, disk: &mut Disk) {
    let Some(contents) = disk.reopen() else {
        return;
    };
    let (known, found) = (shared.state().version(), contents.state.version());
    if found < known {
        disk.close(&format!(
            "the file ends with version {found}, but version {known} was acknowledged"
        ));
        return;
    }
    for aside in &contents.aside {
        tracing::warn!(key = aside.key, why = aside.why, "a record is set aside");
    }
    *shared.state.write().unwrap_or_else(PoisonError::into_inner) = contents.state;
    shared.version.send_replace(found);
}

fn commit(shared: &Shared, disk: Option<&mut Disk>, decided: Decided) -> Result<(), Unwritten> {
    let Decided {
        changes,
        forget,
        probe,
    } = decided;
    if changes.is_empty() && !forget && !probe {
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
        let written = disk.write(&changes, compacted);
        shared.note(written.as_ref().err());
        written.map_err(Unwritten::Disk)?;
    }
    shared
        .state
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .apply(changes, compacted);
    shared.version.send_replace(version);
    Ok(())
}
