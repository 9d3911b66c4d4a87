//! The forecast of the quotas.

use super::report::{QuotaForecast, TidyCache};
use crate::matching::Cache;
use crate::time::{DAY, Timestamp};

/// Days that the forecast looks back and ahead.
const DAYS: u64 = 30;

/// Returns the forecast for caches of one kind.
pub(super) fn forecast<'c>(
    caches: impl Iterator<Item = (&'c Cache, &'c TidyCache)>,
    most: Option<u64>,
    now: Timestamp,
) -> QuotaForecast {
    let span = DAY.saturating_mul(i64::try_from(DAYS).unwrap_or(i64::MAX));
    let mut quota = QuotaForecast {
        most,
        ..QuotaForecast::default()
    };
    for (cache, verdict) in caches {
        let within = |time: Option<Timestamp>, from: i64, to: i64| {
            let seconds = time.map(|time| time.since(now));
            u64::from(seconds.is_some_and(|seconds| from < seconds && seconds <= to))
        };
        quota.used += 1;
        quota.removable += u64::from(verdict.target.is_some());
        quota.made += within(cache.created, -span, 0);
        quota.ending += within(cache.expires, 0, span);
    }
    let more = quota.made.saturating_sub(quota.ending);
    quota.full_in_days = most.filter(|_| more > 0).map(|most| {
        let left = most.saturating_sub(quota.used);
        left.saturating_mul(DAYS) / more
    });
    quota
}
