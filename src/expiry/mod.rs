//! When does a cache end, why, and how long is left?
//!
//! | the cache | ends | [`ExpiryReason`] |
//! |---|---|---|
//! | failed while it was created | 24 h after the failure | `failed` |
//! | has a retention of N days | N × 24 h after its creation | `retention` |
//! | was made automatically, never used | 7 days after its creation | `automatic-unused` |
//! | was made automatically, and used | 30 days after its last use | `automatic-used` |
//! | its retention is not told, but an end is recorded | then | `recorded` |
//! | has no retention | never | `no-retention` |
//! | has a retention that ECI does not take | never, as far as one can tell | `retention-invalid` |
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
//! one of more than [`TOLERANCE_INFERRED`]. Where the rule lacks a start, the recorded time stands in.

use std::fmt;

use serde::Serialize;

mod facts;
mod rule;

pub use crate::resource::MAX_LIST_DEPTH as MAX_NESTING;
pub use facts::{ExpiryFacts, ExpirySource, Retention, facts, reported_facts};
pub use rule::ExpiryReason;

use crate::diagnostic::Code;
use crate::resource::view::CacheView;
use crate::time::{DAY, Timestamp};
use rule::Rule;

/// A failed cache is removed so many seconds after its failure: 24 h. Source: the vendor's field table.
pub const FAILED_KEPT: i64 = DAY;
/// An automatic cache that was never used is removed so many days after its creation. Source: the vendor's
/// comparison of manual and automatic caches.
pub const AUTOMATIC_UNUSED_DAYS: i64 = 7;
/// An automatic cache is removed so many days after its last use. Source: as before.
pub const AUTOMATIC_USED_DAYS: i64 = 30;
/// Recorded and computed ends agree within so many seconds. The vendor's samples show creation and start 1 to 2 s
/// apart; a minute leaves room for clocks.
pub const TOLERANCE: i64 = 60;
/// The same where the start is inferred: a controller may write a status minutes after what it tells of.
pub const TOLERANCE_INFERRED: i64 = 900;

/// Whether a cache ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpiryState {
    /// It stays until somebody deletes it.
    Never,
    /// It will end.
    At,
    /// It ended; ECI has removed it or is about to.
    Ended,
}

/// When a cache ends. [`fmt::Display`] says it in a sentence: `ends in 6d 3h (retention 7 days)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Expiry {
    /// Name of the cache.
    pub name: Option<String>,
    /// Its id in ECI.
    pub image_cache_id: Option<String>,
    /// Whether it ends.
    pub state: ExpiryState,
    /// When, by the rule. `None` if never, and for a cache whose start is unknown.
    pub at: Option<Timestamp>,
    /// Why.
    pub reason: ExpiryReason,
    /// Seconds from `now` to `at`; once it ended, negative.
    pub seconds_left: Option<i64>,
    /// The end lies behind the year 9999, and `at` is that year's last second.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub saturated: bool,
    /// The cache was created so many seconds after `now`, more than [`TOLERANCE`]: one of the clocks is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_ahead: Option<i64>,
    /// When it ends, as recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Timestamp>,
    /// How the record contradicts the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<Disagreement>,
}

/// A recorded end that is not what the rule gives: a finding of [`Code::IC082`], in its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// [`Code::IC082`].
    pub code: Code,
    /// Where the record stands: `status.expireDateTime`, or `ExpireDateTime` in a reply.
    pub path: &'static str,
    /// Fact and rule.
    pub message: String,
    /// What to make of it.
    pub help: &'static str,
}

/// When the cache ends, seen from `now`.
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
    }
}

/// The instant at which the cache ends, whatever the time is now: the rule's, or the recorded one where the rule has no
/// start. `None`: never, or unknown.
#[must_use]
pub fn end(cache: &ExpiryFacts) -> Option<Timestamp> {
    let rule = Rule::of(cache);
    let at = rule.end().or(cache.recorded);
    at.filter(|_| !rule.reason.is_never())
}

/// [`end`] of a cache as a document describes it.
pub(crate) fn end_of(cache: &CacheView<'_>) -> Option<Timestamp> {
    end(&ExpiryFacts::unnamed(cache))
}

/// How the recorded end of a cache contradicts the rule, if it does. Needs no clock.
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
        path,
        message,
        help: rule.help(cache, recorded),
    })
}

impl fmt::Display for Expiry {
    /// `ends in 6d 3h (retention 7 days)`, with what is odd behind it.
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
    /// `ends 7 days after its creation`: what is known of a cache whose start is not.
    fn fmt_without_start(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            ExpiryReason::Failed => f.write_str("ends 24 h after its failure"),
            ExpiryReason::Retention(1) => f.write_str("ends 1 day after its creation"),
            ExpiryReason::Retention(days) => write!(f, "ends {days} days after its creation"),
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
