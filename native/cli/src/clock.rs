//! The current time: `--now`, or the system clock, which is read only here.

use std::time::{SystemTime, UNIX_EPOCH};

use imagecache::time::Timestamp;

/// The current time of a run.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Clock {
    /// Current time, RFC 3339, such as 2026-01-18T13:40:56Z [default: system clock]
    #[arg(long, value_name = "TIME", value_parser = read)]
    now: Option<Timestamp>,
}

impl Clock {
    pub(crate) fn now(self) -> Timestamp {
        self.now.unwrap_or_else(system)
    }
}

/// Returns the time of the system clock.
pub(crate) fn system() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map(|since| since.as_secs()).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn read(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "not a time of RFC 3339 such as 2026-01-18T13:40:56Z".to_owned())
}
