use std::fmt;
use std::time::Duration;

use imagecache::eci::error::{ErrorCode, ErrorReply};

use crate::credentials::NoCredentials;
use crate::endpoint::BadEndpoint;

/// Why a call did not succeed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The service answered with an error.
    Refused {
        /// The operation.
        action: &'static str,
        /// The HTTP status.
        status: u16,
        /// The answer.
        reply: Box<ErrorReply>,
        /// How often it was tried.
        attempts: u32,
    },
    /// No answer came, or none that could be read. The call may have had its effect.
    Lost {
        /// The operation.
        action: &'static str,
        /// What happened, the last time.
        what: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The time for the call was over before its turn came.
    Deadline {
        /// The operation.
        action: &'static str,
        /// The time it had.
        time: Duration,
    },
    /// There is nothing to sign with.
    Credentials(NoCredentials),
    /// The endpoint is none.
    Endpoint(BadEndpoint),
    /// TLS cannot be set up on this machine.
    Tls(String),
}

impl Error {
    /// The code of the service's answer, if it gave one.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Error::Refused { reply, .. } => Some(&reply.code),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let often = |f: &mut fmt::Formatter<'_>, attempts: u32| match attempts {
            1 => Ok(()),
            _ => write!(f, ", after {attempts} attempts"),
        };
        match self {
            Error::Refused {
                action,
                status,
                reply,
                attempts,
            } => {
                write!(f, "{action}: {reply}, HTTP status {status}")?;
                often(f, *attempts)
            }
            Error::Lost {
                action,
                what,
                attempts,
            } => {
                write!(f, "{action}: {what}")?;
                often(f, *attempts)
            }
            Error::Deadline { action, time } => {
                write!(f, "{action}: its turn did not come within {time:?}")
            }
            Error::Credentials(error) => error.fmt(f),
            Error::Endpoint(error) => error.fmt(f),
            Error::Tls(error) => write!(f, "TLS: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<NoCredentials> for Error {
    fn from(error: NoCredentials) -> Self {
        Error::Credentials(error)
    }
}

impl From<BadEndpoint> for Error {
    fn from(error: BadEndpoint) -> Self {
        Error::Endpoint(error)
    }
}
