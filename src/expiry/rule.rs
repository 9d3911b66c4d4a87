//! Which rule ends a cache.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AUTOMATIC_UNUSED_DAYS, AUTOMATIC_USED_DAYS, ExpiryFacts, FAILED_KEPT, Retention, TOLERANCE,
    TOLERANCE_INFERRED,
};
use crate::resource::{MAX_RETENTION_DAYS, MIN_RETENTION_DAYS, Phase};
use crate::time::{DAY, Timestamp};

/// Why a cache ends when it does. Written as a stable name, `automatic-unused`; [`super`] has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ExpiryReason {
    /// No retention was asked for.
    NoRetention,
    /// The retention is not a number of days that ECI accepts.
    RetentionInvalid,
    /// This retention, in days of 24 h. The JSON form does not contain the days: they are `None` in a value read from it.
    Retention(#[serde(skip)] Option<i64>),
    /// Its creation failed.
    Failed,
    /// Made automatically, never used.
    AutomaticUnused,
    /// Made automatically, used since.
    AutomaticUsed,
    /// The rules give no end; the recorded one is used.
    Recorded,
}

impl ExpiryReason {
    /// The stable name: `automatic-unused`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ExpiryReason::NoRetention => "no-retention",
            ExpiryReason::RetentionInvalid => "retention-invalid",
            ExpiryReason::Retention(_) => "retention",
            ExpiryReason::Failed => "failed",
            ExpiryReason::AutomaticUnused => "automatic-unused",
            ExpiryReason::AutomaticUsed => "automatic-used",
            ExpiryReason::Recorded => "recorded",
        }
    }

    /// Whether it is a reason never to end.
    pub(super) fn is_never(self) -> bool {
        matches!(
            self,
            ExpiryReason::NoRetention | ExpiryReason::RetentionInvalid
        )
    }

    fn of(cache: &ExpiryFacts) -> ExpiryReason {
        let valid = MIN_RETENTION_DAYS..=MAX_RETENTION_DAYS;
        match cache.retention {
            _ if cache.phase == Some(Phase::Failed) => ExpiryReason::Failed,
            Retention::Days(days) if valid.contains(&days) => ExpiryReason::Retention(Some(days)),
            Retention::Days(_) | Retention::Unreadable if cache.recorded.is_none() => {
                ExpiryReason::RetentionInvalid
            }
            Retention::Days(_) | Retention::Unreadable => ExpiryReason::Recorded,
            _ if cache.automatic && cache.last_matched.is_some() => ExpiryReason::AutomaticUsed,
            _ if cache.automatic => ExpiryReason::AutomaticUnused,
            Retention::Unknown if cache.recorded.is_some() => ExpiryReason::Recorded,
            Retention::Unknown | Retention::Forever => ExpiryReason::NoRetention,
        }
    }
}

impl fmt::Display for ExpiryReason {
    /// Why, in words: `retention 7 days`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpiryReason::NoRetention => f.write_str("no retention"),
            ExpiryReason::RetentionInvalid => write!(
                f,
                "retention is not {MIN_RETENTION_DAYS} to {MAX_RETENTION_DAYS} days"
            ),
            ExpiryReason::Retention(None) => f.write_str("retention"),
            ExpiryReason::Retention(Some(1)) => f.write_str("retention 1 day"),
            ExpiryReason::Retention(Some(days)) => write!(f, "retention {days} days"),
            ExpiryReason::Failed => f.write_str("failed, kept 24 h"),
            ExpiryReason::AutomaticUnused => {
                write!(f, "automatic, {AUTOMATIC_UNUSED_DAYS} days unless used")
            }
            ExpiryReason::AutomaticUsed => {
                write!(f, "automatic, {AUTOMATIC_USED_DAYS} days after last use")
            }
            ExpiryReason::Recorded => f.write_str("as recorded"),
        }
    }
}

/// The rule that ends a cache: this long after a start.
pub(super) struct Rule {
    pub(super) reason: ExpiryReason,
    /// Where the clock starts, if that is known.
    start: Option<Timestamp>,
    /// Seconds from there.
    kept: i64,
    /// Seconds by which a record may differ.
    pub(super) tolerance: i64,
}

impl Rule {
    pub(super) fn of(cache: &ExpiryFacts) -> Rule {
        let reason = ExpiryReason::of(cache);
        let created = cache.created.or(cache.started);
        let (start, kept, tolerance) = match reason {
            ExpiryReason::NoRetention | ExpiryReason::RetentionInvalid | ExpiryReason::Recorded => {
                (None, 0, 0)
            }
            ExpiryReason::Retention(days) => {
                let kept = days.unwrap_or_default().saturating_mul(DAY);
                (created, kept, TOLERANCE)
            }
            ExpiryReason::AutomaticUnused => (created, AUTOMATIC_UNUSED_DAYS * DAY, TOLERANCE),
            ExpiryReason::AutomaticUsed => {
                let kept = AUTOMATIC_USED_DAYS * DAY;
                (cache.last_matched, kept, TOLERANCE_INFERRED)
            }
            ExpiryReason::Failed => {
                let failed = cache.updated.or(cache.warned);
                (failed, FAILED_KEPT, TOLERANCE_INFERRED)
            }
        };
        Rule {
            reason,
            start,
            kept,
            tolerance,
        }
    }

    /// When the cache ends; `None` if never, or if the start is unknown.
    pub(super) fn end(&self) -> Option<Timestamp> {
        Some(self.start?.plus(self.kept))
    }

    /// Whether the end is after the last second that can be written, which is then used instead.
    pub(super) fn saturates(&self) -> bool {
        self.start
            .is_some_and(|start| Timestamp::MAX.since(start) < self.kept)
    }

    /// What to make of a record that contradicts this rule.
    pub(super) fn help(&self, cache: &ExpiryFacts, recorded: Timestamp) -> &'static str {
        // One sample of the vendor shows such a deadline on a ready cache.
        let provisional = cache.created.or(cache.started).is_some_and(|start| {
            recorded.since(start.plus(FAILED_KEPT)).abs() <= TOLERANCE_INFERRED
        });
        match self.reason {
            ExpiryReason::NoRetention if provisional => {
                "It looks like the deadline that a creation gets in case it fails, 24 h after its start, and that was \
                 never cleared; a ready cache outlives it."
            }
            ExpiryReason::NoRetention => {
                "ECI may know a retention that the object does not: DescribeImageCaches shows the end that ECI keeps."
            }
            ExpiryReason::Failed => {
                "The failure is dated by the last change of the status; the record may know it better."
            }
            ExpiryReason::AutomaticUsed => {
                "The record may not have followed the last use yet; plan with the earlier of the two."
            }
            _ => "Documents do not say which clock ECI starts; plan with the earlier of the two.",
        }
    }
}
