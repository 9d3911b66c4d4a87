use std::fmt;
use std::time::Duration;

use imagecache::eci::error::{ErrorCode, ErrorReply};
use imagecache::foreign::Foreign;

use crate::endpoint::BadEndpoint;

/// The error of a call. The texts of the service in it are without the secrets of the call, and its `Display` is one line
/// (several for [`NoCredentials`]), whatever the service wrote.
#[derive(Debug, thiserror::Error)]
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
        /// The number of attempts.
        attempts: u32,
    },
    /// No response arrived, or one that cannot be read. The call may have had its effect.
    Lost {
        /// The operation.
        action: &'static str,
        /// What happened, the last time.
        what: String,
        /// The number of attempts.
        attempts: u32,
    },
    /// The rate limit did not allow the call within its time.
    Deadline {
        /// The operation.
        action: &'static str,
        /// The time it had.
        time: Duration,
    },
    /// There are no credentials to sign with.
    Credentials(NoCredentials),
    /// The endpoint is invalid.
    Endpoint(BadEndpoint),
    /// TLS cannot be set up on this machine.
    Tls(rustls::Error),
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
                let reply = reply.to_string();
                write!(
                    f,
                    "{action}: {}, HTTP status {status}",
                    Foreign(&reply).line()
                )?;
                often(f, *attempts)
            }
            Error::Lost {
                action,
                what,
                attempts,
            } => {
                write!(f, "{action}: {}", Foreign(what).line())?;
                often(f, *attempts)
            }
            Error::Deadline { action, time } => {
                write!(
                    f,
                    "{action}: the rate limit did not allow it within {time:?}"
                )
            }
            Error::Credentials(error) => error.fmt(f),
            Error::Endpoint(error) => error.fmt(f),
            Error::Tls(error) => write!(f, "TLS: {error}"),
        }
    }
}

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

/// No source has credentials: each one with its reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NoCredentials {
    /// The names of the sources with their reasons, in the order in which they were asked.
    pub tried: Vec<(&'static str, String)>,
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no credentials")?;
        for (source, reason) in &self.tried {
            write!(f, "\n  {source}: {}", Foreign(reason).line())?;
        }
        Ok(())
    }
}
