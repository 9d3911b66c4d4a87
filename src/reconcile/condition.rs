//! Conditions of a status, read and written as JSON: others' conditions stay as they are.

use serde_json::{Value, json};

use crate::foreign::{Foreign, cut};
use crate::time::Timestamp;

/// The condition that says whether pods can start from the cache.
pub const READY: &str = "Ready";
/// The condition that says whether ECI has accepted what the object asks.
pub const SYNCED: &str = "Synced";
/// The condition that says whether the tags in the cache mean what they meant when it was made.
pub const FRESH: &str = "Fresh";

/// The words of conditions and Events.
pub(super) mod reason {
    pub(crate) const SUBMITTING: &str = "Submitting";
    pub(crate) const SUBMITTED: &str = "Submitted";
    pub(crate) const ADOPTING: &str = "Adopting";
    pub(crate) const ADOPTED: &str = "Adopted";
    pub(crate) const INVALID: &str = "Invalid";
    pub(crate) const SECRET_NOT_FOUND: &str = "SecretNotFound";
    pub(crate) const SECRET_INVALID: &str = "SecretInvalid";
    pub(crate) const SECRET_UNREADABLE: &str = "SecretUnreadable";
    pub(crate) const NOT_OURS: &str = "NotOurs";
    pub(crate) const ADOPTION_CONFLICT: &str = "AdoptionConflict";
    pub(crate) const CACHE_NOT_FOUND: &str = "CacheNotFound";
    pub(crate) const RETENTION_STAYS: &str = "RetentionStays";
    pub(crate) const IN_USE: &str = "InUse";
    pub(crate) const USERS_UNKNOWN: &str = "UsersUnknown";
    pub(crate) const UNREACHABLE: &str = "Unreachable";
    pub(crate) const REFUSED: &str = "Refused";
    pub(crate) const GONE: &str = "Gone";
    pub(crate) const EXPIRED: &str = "Expired";
    pub(crate) const ELIMINATED: &str = "Eliminated";
    pub(crate) const DRIFTED: &str = "Drifted";
    pub(crate) const STALE: &str = "UpdatePending";
    pub(crate) const NOT_ALLOWED: &str = "NotAllowed";
    pub(crate) const BUDGET_EXCEEDED: &str = "BudgetExceeded";
    pub(crate) const LISTING_DOUBTFUL: &str = "ListingDoubtful";
    pub(crate) const REBUILDING: &str = "Rebuilding";
    pub(crate) const MOVED: &str = "Moved";
    pub(crate) const NOT_ASKED: &str = "NotAsked";
    pub(crate) const NOT_RECORDED: &str = "NotRecorded";
}

/// The status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Truth::True } else { Truth::False }
    }
}

impl Truth {
    fn as_str(self) -> &'static str {
        match self {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        }
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) kind: &'static str,
    pub(super) truth: Truth,
    /// The generation it speaks of.
    pub(super) generation: i64,
    /// When `truth` last changed.
    pub(super) since: Timestamp,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Condition {
    /// Reports whether the condition is `True`.
    pub(super) fn holds(&self) -> bool {
        self.truth == Truth::True
    }

    /// The condition of this type in a status; `None` also when it cannot be read.
    pub(super) fn read(status: &Value, kind: &'static str) -> Option<Self> {
        let conditions = status.get("conditions")?.as_array()?;
        let found = conditions
            .iter()
            .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))?;
        let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default();
        Some(Condition {
            kind,
            truth: match text("status") {
                "True" => Truth::True,
                "Unknown" => Truth::Unknown,
                _ => Truth::False,
            },
            generation: found.get("observedGeneration").and_then(Value::as_i64)?,
            since: text("lastTransitionTime").parse().ok()?,
            reason: text("reason").to_owned(),
            message: text("message").to_owned(),
        })
    }

    pub(super) fn to_value(&self) -> Value {
        json!({
            "type": self.kind,
            "status": self.truth.as_str(),
            "observedGeneration": self.generation,
            "lastTransitionTime": self.since,
            "reason": self.reason,
            "message": self.message,
        })
    }

    /// Puts the condition in the place of the one of its type, or after the others.
    pub(super) fn put(&self, conditions: &mut Vec<Value>) {
        let place = conditions
            .iter_mut()
            .find(|condition| condition.get("type").and_then(Value::as_str) == Some(self.kind));
        match place {
            Some(place) => *place = self.to_value(),
            None => conditions.push(self.to_value()),
        }
    }
}

/// The time of a change of a condition: never the time of an earlier one, since a `ClientToken` is made of it.
pub(super) fn transition(before: Option<&Condition>, now: Timestamp) -> Timestamp {
    before.map_or(now, |before| now.max(before.since.plus(1)))
}

/// A text as the reason of a condition: letters and digits.
pub(super) fn word(text: &str) -> String {
    let word: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .skip_while(char::is_ascii_digit)
        .take(128)
        .collect();
    if word.is_empty() {
        reason::REFUSED.to_owned()
    } else {
        word
    }
}

/// Longest message of a condition or an Event, in characters; Kubernetes takes 1024 bytes of an Event's.
const MAX_MESSAGE: usize = 250;

/// A message within its length, as one line: ECI's and the manifest's words are in it.
pub(super) fn sentence(text: &str) -> String {
    let shown = Foreign(text).line().to_string();
    if shown.chars().count() <= MAX_MESSAGE {
        return shown;
    }
    cut(&shown, MAX_MESSAGE - 1)
}
