//! Errors of the cluster and of ECI as one line that says what to do.

use imagecache::reconcile::Outcome;
use imagecache_eci::Error;
use kube::runtime::watcher;

use crate::cluster::chain;

/// Returns the reason why a watch fails.
pub(super) fn of_watch(error: &watcher::Error, plural: &str) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => of_cluster(error, plural),
        watcher::Error::WatchError(status) => of_status(status, plural),
        watcher::Error::NoResourceVersion => chain(error),
    }
}

/// Returns the reason why the cluster refused a request for `plural`.
pub(super) fn of_cluster(error: &kube::Error, plural: &str) -> String {
    match error {
        kube::Error::Api(status) => of_status(status, plural),
        error => format!("the cluster does not respond: {}", chain(error)),
    }
}

fn of_status(status: &kube::core::Status, plural: &str) -> String {
    match status.code {
        404 if plural == imagecache::resource::PLURAL => {
            "the cluster has no ImageCache definition; install it with `imagecache crd | kubectl apply -f -`"
                .to_owned()
        }
        401 => format!(
            "the cluster does not accept these credentials: {}",
            status.message
        ),
        403 => format!("not permitted: {}", status.message),
        code => format!(
            "the cluster responds {code} {}: {}",
            status.reason, status.message
        ),
    }
}

/// Returns the reason why ECI refused a call.
pub(super) fn of_cloud(error: &Error, endpoint: &str) -> String {
    match error {
        Error::Refused { action, reply, .. } => match reply.code.advice() {
            Some(advice) => format!("{action}: {}: {advice}", reply.code),
            None => format!("{action}: {}: {}", reply.code, reply.message),
        },
        Error::Lost { .. } => format!("ECI cannot be reached at {endpoint}: {error}"),
        error => error.to_string(),
    }
}

/// Converts the error of a call into an outcome for the core.
pub(super) fn outcome(error: Error) -> Outcome {
    let said = error.to_string();
    match error {
        // an earlier attempt may have had its effect
        Error::Refused {
            status,
            reply,
            attempts: 1,
            ..
        } => Outcome::Refused {
            retry: reply.code.retry(status, None),
            code: reply.code.clone(),
            message: reply.message.clone(),
        },
        Error::Credentials(_) | Error::Endpoint(_) | Error::Tls(_) => Outcome::Unsent(said),
        _ => Outcome::Lost(said),
    }
}
