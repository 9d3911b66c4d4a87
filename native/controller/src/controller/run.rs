//! One reconciliation of an object, and its interruption.

use std::time::Duration;

use imagecache::reconcile::SecretLogins;
use serde_json::Value;

/// The reason why a reconciliation was interrupted.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct Broken {
    /// Time until the next attempt.
    pub(super) pause: Duration,
    pub(super) why: String,
}

/// One reconciliation of one object.
pub(super) struct Run {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) object: Value,
    pub(super) live: bool,
    pub(super) logins: Option<Vec<SecretLogins>>,
    /// The pods that name the cache and are starting, or why that is not known; read again after each write.
    pub(super) starting: Option<Result<Vec<String>, String>>,
}
