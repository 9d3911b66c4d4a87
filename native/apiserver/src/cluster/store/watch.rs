//! Watching the log of changes.

use std::sync::Arc;

use tokio::sync::watch as latest;

use super::Shared;
use super::object::Change;
use super::state::Compacted;

/// Changes that are read at once, at most.
const BATCH: usize = 1024;

/// A reader of the log of changes: every change once, in order.
pub struct Watch {
    shared: Arc<Shared>,
    prefix: Box<str>,
    seen: u64,
    version: latest::Receiver<u64>,
}

impl Watch {
    pub(super) fn new(shared: Arc<Shared>, prefix: &str, seen: u64) -> Self {
        Watch {
            version: shared.version.subscribe(),
            shared,
            prefix: prefix.into(),
            seen,
        }
    }

    /// Everything up to this version has been read.
    pub fn version(&self) -> u64 {
        self.seen
    }

    /// The next changes, at least one; waits for it. Nothing is lost if this is dropped while it waits.
    pub async fn next(&mut self) -> Result<Vec<Arc<Change>>, Compacted> {
        loop {
            let changes = self.ready()?;
            if !changes.is_empty() {
                return Ok(changes);
            }
            let seen = self.seen;
            let newer = self.version.wait_for(|version| *version > seen);
            if newer.await.map(drop).is_err() {
                // the sender lives as long as `shared`, so never
                std::future::pending::<()>().await;
            }
        }
    }

    /// The changes that are there, if any, without waiting.
    pub fn ready(&mut self) -> Result<Vec<Arc<Change>>, Compacted> {
        let state = self.shared.state();
        let changes = state.changes_after(self.seen)?;
        let mine = changes.filter(|change| change.key.starts_with(&*self.prefix));
        let mine: Vec<_> = mine.take(BATCH).cloned().collect();
        let read = match mine.last() {
            Some(last) if mine.len() == BATCH => last.version,
            _ => state.version(),
        };
        self.seen = self.seen.max(read);
        Ok(mine)
    }
}
