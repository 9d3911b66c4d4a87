//! The end of a cache: when, why, and the time that is left.
//!
//! | the cache | ends | [`ExpiryReason`] |
//! |---|---|---|
//! | failed while it was created | 24 h after the failure | `failed` |
//! | has a retention of N days | N × 24 h after its creation | `retention` |
//! | was made automatically, never used | 7 days after its creation | `automatic-unused` |
//! | was made automatically, and used | 30 days after its last use | `automatic-used` |
//! | its retention is unknown, but an end is recorded | then | `recorded` |
//! | has no retention | never | `no-retention` |
//! | has a retention that ECI does not take | never, as far as is known | `retention-invalid` |
//!
//! The first row that fits counts. Source: the vendor's field tables and its comparison of manual and automatic
//! caches.
//!
//! **Which clock.** Documents do not say whether retention starts when a cache is submitted or when it is ready, and
//! the vendor's samples fit neither. Here it starts at the creation time; where that is missing, at the start time. A
//! manifest that was never stored has neither: it ends *N days after its creation*, at no known time. The failure is
//! dated by the last change of the status, else by the newest warning among the events.
//!
//! **What is recorded** (`status.expireDateTime`) is compared with the rule, never believed over it: a difference of
//! more than [`TOLERANCE`] is a [`Disagreement`], and where the start itself is only inferred (a failure, a last use),
//! one of more than [`TOLERANCE_INFERRED`]. Where the rule lacks a start, the recorded time is used.

use std::fmt;

use serde::{Deserialize, Serialize};

mod facts;
mod rule;

pub use crate::resource::MAX_LIST_DEPTH as MAX_NESTING;
pub use facts::{ExpiryFacts, ExpiryInventory, ExpirySource, Retention, facts};
pub use rule::ExpiryReason;

use crate::diagnostic::Code;
use crate::resource::view::CacheView;
use crate::time::{DAY, Timestamp};
use rule::Rule;

/// Seconds from the failure of a cache to its removal: 24 h. Source: the vendor's field table.
pub const FAILED_KEPT: i64 = DAY;
/// Days from the creation of an automatic cache that was never used to its removal. Source: the vendor's
/// comparison of manual and automatic caches.
pub const AUTOMATIC_UNUSED_DAYS: i64 = 7;
/// Days from the last use of an automatic cache to its removal. Source: the same comparison.
pub const AUTOMATIC_USED_DAYS: i64 = 30;
/// Largest difference in seconds between a recorded and a computed end that agree. The vendor's samples show creation and start 1 to 2 s
/// apart; a minute allows for clocks that differ.
pub const TOLERANCE: i64 = 60;
/// [`TOLERANCE`] where the start is inferred: a controller may write a status minutes after the event.
pub const TOLERANCE_INFERRED: i64 = 900;

/// The state of a cache with respect to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ExpiryState {
    /// The cache is kept until it is deleted.
    Never,
    /// The cache will expire.
    At,
    /// The cache has expired; ECI has removed it or is about to.
    Ended,
}

/// The end of a cache. [`fmt::Display`] writes a sentence: `ends in 6d 3h (retention 7 days)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Expiry {
    /// Name of the cache.
    pub name: Option<String>,
    /// Id in ECI.
    pub image_cache_id: Option<String>,
    /// State.
    pub state: ExpiryState,
    /// Time of expiry by the rule. `None` if never, and for a cache whose start is unknown.
    pub at: Option<Timestamp>,
    /// Reason.
    pub reason: ExpiryReason,
    /// Seconds from `now` to `at`; negative once the cache has expired.
    pub seconds_left: Option<i64>,
    /// True when the end is after the year 9999; `at` is then the last second of that year.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub saturated: bool,
    /// Seconds from `now` to the creation, when more than [`TOLERANCE`]: one of the clocks is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_ahead: Option<i64>,
    /// Recorded time of expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Timestamp>,
    /// Contradiction between the record and the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<Disagreement>,
    /// Name of a time that cannot be read: `creationTimestamp`. Set when `at` is unknown for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// A recorded end that differs from the rule: the content of a finding of [`Code::IC082`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Disagreement {
    /// [`Code::IC082`].
    pub code: Code,
    /// Path of the record: `status.expireDateTime`, or `ExpireDateTime` in a reply.
    pub path: String,
    /// Fact and rule.
    pub message: String,
    /// Help.
    pub help: String,
}

/// Returns the end of the cache, as of `now`.
///
/// ```
/// use imagecache::expiry::{ExpiryFacts, expiry};
/// let cache = serde_json::json!({
///     "kind": "ImageCache",
///     "metadata": {"name": "base", "creationTimestamp": "2026-01-18T13:40:56Z"},
///     "spec": {"images": ["nginx:1.27"], "retentionDays": 7},
/// });
/// let expiry = expiry(&ExpiryFacts::read(&cache), "2026-01-19T10:00:00Z".parse().unwrap());
/// assert_eq!(expiry.to_string(), "ends in 6d 3h (retention 7 days)");
/// assert_eq!(expiry.at, Some("2026-01-25T13:40:56Z".parse().unwrap()));
/// ```
#[must_use]
pub fn expiry(cache: &ExpiryFacts, now: Timestamp) -> Expiry {
    let rule = Rule::of(cache);
    let at = end(cache);
    let seconds_left = at.map(|at| at.since(now));
    let state = match seconds_left {
        _ if rule.reason.is_never() => ExpiryState::Never,
        Some(..=0) if !rule.saturates() => ExpiryState::Ended,
        _ => ExpiryState::At,
    };
    Expiry {
        name: cache.name.clone(),
        image_cache_id: cache.image_cache_id.clone(),
        state,
        at,
        reason: rule.reason,
        seconds_left,
        saturated: rule.saturates(),
        created_ahead: cache
            .created
            .map(|created| created.since(now))
            .filter(|ahead| *ahead > TOLERANCE),
        recorded: cache.recorded,
        disagreement: disagreement(cache),
        unreadable: cache.unreadable.filter(|_| at.is_none()).map(str::to_owned),
    }
}

/// Returns the time at which the cache expires: by the rule, or as recorded where the rule has no start. `None`: never,
/// or unknown.
#[must_use]
pub fn end(cache: &ExpiryFacts) -> Option<Timestamp> {
    let rule = Rule::of(cache);
    let at = rule.end().or(cache.recorded);
    at.filter(|_| !rule.reason.is_never())
}

/// Returns the [`end`] of a cache as a document describes it.
pub(crate) fn end_of(cache: &CacheView<'_>) -> Option<Timestamp> {
    end(&ExpiryFacts::unnamed(cache))
}

/// Returns the contradiction between the recorded end and the rule, if there is one.
#[must_use]
pub fn disagreement(cache: &ExpiryFacts) -> Option<Disagreement> {
    let rule = Rule::of(cache);
    let recorded = cache.recorded?;
    let message = match rule.end() {
        _ if rule.reason.is_never() => {
            format!("{recorded}, but a cache with {} never ends", rule.reason)
        }
        None => return None,
        Some(at) if recorded.since(at).abs() <= rule.tolerance => return None,
        Some(at) => {
            let apart = recorded.since(at);
            let side = if apart < 0 { "earlier" } else { "later" };
            let apart = Span(apart.abs());
            format!("{recorded}, {apart} {side} than {at} ({})", rule.reason)
        }
    };
    let path = match cache.origin {
        ExpirySource::Object => "status.expireDateTime",
        ExpirySource::Entry => "ExpireDateTime",
    };
    Some(Disagreement {
        code: Code::IC082,
        path: path.to_owned(),
        message,
        help: rule.help(cache, recorded).to_owned(),
    })
}

impl fmt::Display for Expiry {
    /// `ends in 6d 3h (retention 7 days)`, followed by contradictions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.state, self.seconds_left) {
            (ExpiryState::Never, _) => f.write_str("never ends")?,
            (ExpiryState::At, _) if self.saturated => f.write_str("ends after the year 9999")?,
            (ExpiryState::At, Some(left)) => write!(f, "ends in {}", Span(left))?,
            (ExpiryState::Ended, Some(left)) => {
                write!(f, "ended {} ago", Span(left.saturating_neg()))?
            }
            (_, None) => return self.fmt_without_start(f),
        }
        write!(f, " ({})", self.reason)?;
        if let Some(ahead) = self.created_ahead {
            write!(f, "; created {} ahead of this clock", Span(ahead))?;
        }
        if let (Some(recorded), Some(_)) = (self.recorded, &self.disagreement) {
            write!(f, "; recorded: {recorded}")?;
        }
        Ok(())
    }
}

impl Expiry {
    /// Reports whether the cache may expire within this number of seconds: it does, or its end is unknown because a fact
    /// could not be read or is invalid.
    #[must_use]
    pub fn may_end_within(&self, seconds: i64) -> bool {
        let unknown = self.unreadable.is_some() || self.reason == ExpiryReason::RetentionInvalid;
        self.seconds_left.map_or(unknown, |left| left <= seconds)
    }

    /// Reports whether the end is unknown because the cache has no creation time yet: it was never stored.
    #[must_use]
    pub fn start_is_unset(&self) -> bool {
        self.state == ExpiryState::At && self.at.is_none() && self.unreadable.is_none()
    }

    /// Writes the end of a cache whose start is unknown: `ends 7 days after its creation`.
    fn fmt_without_start(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.unreadable {
            return write!(f, "end unknown: {name} cannot be read");
        }
        match self.reason {
            ExpiryReason::Failed => f.write_str("ends 24 h after its failure"),
            ExpiryReason::Retention(None) => f.write_str("ends after its retention"),
            ExpiryReason::Retention(Some(1)) => f.write_str("ends 1 day after its creation"),
            ExpiryReason::Retention(Some(days)) => write!(f, "ends {days} days after its creation"),
            _ => write!(
                f,
                "ends {AUTOMATIC_UNUSED_DAYS} days after its creation, unless used"
            ),
        }
    }
}

/// A span of seconds in its two largest units: `6d 3h`, `3h 5m`, `5m 1s`.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (DAY, 3600, "d", "h"),
            (3600, 60, "h", "m"),
            (60, 1, "m", "s"),
        ];
        for (large, small, large_unit, small_unit) in units {
            if self.0 >= large {
                write!(f, "{}{large_unit}", self.0 / large)?;
                let rest = self.0 % large / small;
                return if rest == 0 {
                    Ok(())
                } else {
                    write!(f, " {rest}{small_unit}")
                };
            }
        }
        write!(f, "{}s", self.0)
    }
}
