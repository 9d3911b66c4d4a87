//! A mistake in the arguments that only the verb can see; [`crate::cli`] prints it as clap prints its own.

use std::fmt;

/// A usage error: the run ends with exit code 2, and the message is followed by the usage line of the verb.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Returns a usage error with this message.
pub(crate) fn usage_error(message: impl fmt::Display) -> anyhow::Error {
    UsageError(message.to_string()).into()
}
