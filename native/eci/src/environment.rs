use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use imagecache::time::Timestamp;

/// The clock, timers and random numbers of the client. Tests bring their own.
pub trait Environment: Send + Sync + fmt::Debug {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Returns the time since a fixed moment. It is monotonic.
    fn elapsed(&self) -> Duration;

    /// Returns 128 unpredictable bits.
    fn random(&self) -> u128;

    /// Waits for a duration.
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The clocks and the random numbers of the operating system.
#[derive(Debug)]
pub struct Real {
    start: Instant,
}

impl Default for Real {
    fn default() -> Self {
        Real {
            start: Instant::now(),
        }
    }
}

impl Environment for Real {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        let source = rustls::crypto::ring::default_provider().secure_random;
        if source.fill(&mut bytes).is_err() {
            // the system has no random numbers: a nonce must at least be unique
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            return since.map_or(0, |since| since.as_nanos());
        }
        u128::from_le_bytes(bytes)
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}
