use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use imagecache::time::Timestamp;

/// How time passes in a cloud.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Running {
        from: Timestamp,
        since: Instant,
        speed: u32,
    },
    Stepped(Arc<AtomicI64>),
}

/// Moves a stepped clock.
#[derive(Debug, Clone)]
pub struct Hand(Arc<AtomicI64>);

impl Hand {
    /// Lets this many seconds pass.
    pub fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds.max(0), Ordering::SeqCst);
    }
}

impl Clock {
    /// Returns a clock that begins now and runs `speed` times as fast as the system clock.
    #[must_use]
    pub fn running(speed: u32) -> Self {
        Clock(Kind::Running {
            from: wall(),
            since: Instant::now(),
            speed: speed.max(1),
        })
    }

    /// Returns a clock that is stopped until it is moved.
    #[must_use]
    pub fn stepped(from: Timestamp) -> (Self, Hand) {
        let seconds = Arc::new(AtomicI64::new(from.seconds()));
        (Clock(Kind::Stepped(seconds.clone())), Hand(seconds))
    }

    /// The same clock, set forward when it is before this time.
    pub(super) fn not_before(self, time: Timestamp) -> Self {
        match self.0 {
            Kind::Running { from, since, speed } => Clock(Kind::Running {
                from: from.max(time),
                since,
                speed,
            }),
            Kind::Stepped(seconds) => {
                seconds.fetch_max(time.seconds(), Ordering::SeqCst);
                Clock(Kind::Stepped(seconds))
            }
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Running { from, since, speed } => {
                let passed = since.elapsed().as_millis().saturating_mul((*speed).into()) / 1000;
                from.plus(i64::try_from(passed).unwrap_or(i64::MAX))
            }
            Kind::Stepped(seconds) => Timestamp::from_seconds(seconds.load(Ordering::SeqCst)),
        }
    }
}

/// The clock of the wall, which signatures are dated by.
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}
