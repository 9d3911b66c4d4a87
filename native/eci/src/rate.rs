use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A token bucket: allows `burst` calls at once and then one each `interval`.
///
/// Its only state is the time at which the bucket is full again; a caller learns how long to wait.
#[derive(Debug)]
pub(crate) struct Bucket {
    interval: Duration,
    burst: u32,
    full_at: Mutex<Duration>,
}

impl Bucket {
    pub(crate) fn new(per_second: f64, burst: u32) -> Self {
        let interval = Duration::try_from_secs_f64(per_second.recip());
        Bucket {
            // an invalid rate means no limit
            interval: interval.unwrap_or(Duration::ZERO),
            burst: burst.max(1),
            full_at: Mutex::new(Duration::ZERO),
        }
    }

    /// Takes a token and returns how long the caller must wait, or takes none if that is longer than `most`.
    pub(crate) fn take(&self, now: Duration, most: Duration) -> Option<Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = now.max(*full_at);
        let ahead = self.interval.saturating_mul(self.burst.saturating_sub(1));
        let wait = filled.saturating_sub(ahead).saturating_sub(now);
        if wait > most {
            return None;
        }
        *full_at = filled.saturating_add(self.interval);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_burst_passes_at_once_then_one_each_interval() {
        let bucket = Bucket::new(10.0, 3);
        let ms = Duration::from_millis;
        let take = |now| bucket.take(ms(now), ms(1_000)).map(|wait| wait.as_millis());
        assert_eq!([take(5), take(5), take(5)], [Some(0), Some(0), Some(0)]);
        assert_eq!([take(5), take(5)], [Some(100), Some(200)]);
        assert_eq!(take(305), Some(0));
        assert_eq!(take(305), Some(100));
        assert_eq!(
            [take(9_000), take(9_000), take(9_000)],
            [Some(0), Some(0), Some(0)]
        );
        assert_eq!(take(9_000), Some(100));
    }

    #[test]
    fn bucket_wait_beyond_limit_takes_no_token() {
        let bucket = Bucket::new(1.0, 1);
        let second = Duration::from_secs(1);
        assert_eq!(bucket.take(second, Duration::ZERO), Some(Duration::ZERO));
        for _ in 0..5 {
            assert_eq!(bucket.take(second, second / 2), None);
        }
        assert_eq!(bucket.take(second, second), Some(second));
    }

    #[test]
    fn bucket_invalid_rate_means_no_limit() {
        for rate in [0.0, f64::NAN, -1.0, f64::INFINITY] {
            let bucket = Bucket::new(rate, 1);
            for _ in 0..100 {
                assert_eq!(
                    bucket.take(Duration::ZERO, Duration::ZERO),
                    Some(Duration::ZERO)
                );
            }
        }
    }
}
