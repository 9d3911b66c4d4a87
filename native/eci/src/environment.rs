use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use imagecache::time::Timestamp;

/// What the client cannot compute: the time, the passing of time and chance. Tests bring their own.
pub trait Environment: Send + Sync + fmt::Debug {
    /// The date.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; it never goes back.
    fn elapsed(&self) -> Duration;

    /// 128 bits that nobody can foresee.
    fn random(&self) -> u128;

    /// Waits.
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The clocks and the chance of the machine.
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
        let chance = rustls::crypto::ring::default_provider().secure_random;
        if chance.fill(&mut bytes).is_err() {
            // the system gives no randomness: a nonce must at least be new
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            return since.map_or(0, |since| since.as_nanos());
        }
        u128::from_le_bytes(bytes)
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}
