//! The status of an object: built on what is there, written only when something changes.

use serde_json::{Map, Value, json};

use super::condition::{Condition, FRESH, READY, SYNCED, Truth, reason, sentence, transition};
use super::effect::{Effect, EventNote, ReconcileDecision};
use super::subject::Subject;
use crate::eci::object;
use crate::eci::reply::ImageCacheEntry;
use crate::expiry;
use crate::resource::Phase;
use crate::time::Timestamp;

/// Fields about a cache in ECI.
const FIELDS: [&str; 6] = [
    "phase",
    "progress",
    "imageCacheId",
    "startTime",
    "expireDateTime",
    "events",
];

/// A status in the making.
pub(super) struct Draft<'a> {
    subject: &'a Subject<'a>,
    now: Timestamp,
    fields: Map<String, Value>,
    ready: Option<Condition>,
    synced: Option<Condition>,
    fresh: Option<Condition>,
    opens: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, now: Timestamp) -> Self {
        Draft {
            subject,
            now,
            fields: subject.status().as_object().cloned().unwrap_or_default(),
            ready: Condition::read(subject.status(), READY),
            synced: subject.synced.clone(),
            fresh: Condition::read(subject.status(), FRESH),
            // nothing is ever sent before it is stored there
            opens: subject.synced.is_none(),
        }
    }

    /// Forgets the cache that was.
    pub(super) fn without_cache(mut self) -> Self {
        for field in FIELDS {
            self.fields.remove(field);
        }
        self
    }

    pub(super) fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    pub(super) fn without(mut self, field: &str) -> Self {
        self.fields.remove(field);
        self
    }

    pub(super) fn phase(self, phase: Phase) -> Self {
        self.set("phase", String::from(phase))
    }

    /// Copies the fields that ECI reports. Invalid times are left out, because the API server would refuse the status.
    pub(super) fn entry(mut self, entry: &ImageCacheEntry) -> Self {
        let told = object::status(entry, None, self.now);
        let told = serde_json::to_value(told).unwrap_or_default();
        for field in FIELDS {
            let value = told.get(field).filter(|value| match (field, value) {
                ("startTime" | "expireDateTime", Value::String(text)) => {
                    text.parse::<Timestamp>().is_ok()
                }
                (_, Value::Null) => false,
                _ => true,
            });
            match value {
                Some(value) => self.fields.insert(field.to_owned(), value.clone()),
                None => self.fields.remove(field),
            };
        }
        self.expiry()
    }

    /// The expiry by the rule, if ECI reports none.
    fn expiry(mut self) -> Self {
        if self.fields.contains_key("expireDateTime") {
            return self;
        }
        let mut status = self.fields.clone();
        if self.subject.phase == Some("Failed") {
            // a failure has the time of the status that reported it first
            if let Some(time) = self.subject.status().get("lastUpdatedTime") {
                status.insert("lastUpdatedTime".to_owned(), time.clone());
            }
            if let Some(told) = self.subject.status().get("expireDateTime") {
                self.fields
                    .insert("expireDateTime".to_owned(), told.clone());
                return self;
            }
        } else {
            status.insert("lastUpdatedTime".to_owned(), json!(self.now));
        }
        let mut metadata = self
            .subject
            .object
            .get("metadata")
            .cloned()
            .unwrap_or_default();
        if let (Some(metadata), Some(start)) = (metadata.as_object_mut(), status.get("startTime")) {
            metadata.insert("creationTimestamp".to_owned(), start.clone());
        }
        let told = json!({
            "kind": crate::resource::KIND,
            "metadata": metadata,
            "spec": self.subject.object.get("spec"),
            "status": status,
        });
        if let Some(end) = expiry::end(&expiry::ExpiryFacts::read(&told)) {
            self.fields.insert("expireDateTime".to_owned(), json!(end));
        }
        self
    }

    pub(super) fn ready(mut self, holds: bool, reason: &str, message: &str) -> Self {
        self.ready = Some(self.stated(READY, self.ready.as_ref(), holds.into(), reason, message));
        self
    }

    pub(super) fn fresh(mut self, truth: Truth, reason: &str, message: &str) -> Self {
        self.fresh = Some(self.stated(FRESH, self.fresh.as_ref(), truth, reason, message));
        self
    }

    /// The condition as it is now; it keeps its time while its status stays.
    fn stated(
        &self,
        kind: &'static str,
        before: Option<&Condition>,
        truth: Truth,
        reason: &str,
        message: &str,
    ) -> Condition {
        let same = before.filter(|before| before.truth == truth);
        Condition {
            kind,
            truth,
            generation: self.subject.generation,
            since: same.map_or(self.now, |before| before.since),
            reason: reason.to_owned(),
            message: sentence(message),
        }
    }

    pub(super) fn synced(
        mut self,
        holds: bool,
        generation: i64,
        reason: &str,
        message: &str,
    ) -> Self {
        let before = self.synced.take();
        let same = before.as_ref().filter(|before| before.holds() == holds);
        self.synced = Some(Condition {
            kind: SYNCED,
            truth: holds.into(),
            generation,
            since: same.map_or_else(
                || transition(before.as_ref(), self.now),
                |before| before.since,
            ),
            reason: reason.to_owned(),
            message: sentence(message),
        });
        self
    }

    /// A new intent: from here on another token is sent.
    pub(super) fn intent(self, message: &str) -> Self {
        let since = transition(self.synced.as_ref(), self.now);
        self.intent_of(reason::SUBMITTING, since, message)
    }

    /// A new intent with a reason and a time of its own, which no intent before it may have.
    pub(super) fn intent_of(mut self, reason: &str, since: Timestamp, message: &str) -> Self {
        self.synced = Some(Condition {
            kind: SYNCED,
            truth: Truth::False,
            generation: self.subject.generation,
            since,
            reason: reason.to_owned(),
            message: sentence(message),
        });
        self
    }

    /// Nothing that was sent can still be under way.
    pub(super) fn opens(mut self) -> Self {
        self.opens = true;
        self
    }

    /// Returns the patch of the status and its Event; nothing if the status is already so.
    pub(super) fn decide(mut self) -> ReconcileDecision {
        let before = self.subject.status();
        let mut notes = Vec::new();
        let mut conditions = before
            .get("conditions")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let stated = [&self.ready, &self.synced, &self.fresh];
        for condition in stated.into_iter().flatten() {
            let old = Condition::read(before, condition.kind);
            if old.as_ref() != Some(condition) {
                condition.put(&mut conditions);
                notes.extend(note(old.as_ref(), condition));
            }
        }
        if !conditions.is_empty() {
            self.fields
                .insert("conditions".to_owned(), conditions.into());
        }
        let empty = Map::new();
        let before = before.as_object().unwrap_or(&empty);
        let mut patch = Map::new();
        for key in before.keys().filter(|key| !self.fields.contains_key(*key)) {
            patch.insert(key.clone(), Value::Null);
        }
        for (key, value) in &self.fields {
            if before.get(key) != Some(value) {
                patch.insert(key.clone(), value.clone());
            }
        }
        if patch.is_empty() {
            return ReconcileDecision::rest();
        }
        patch.insert("lastUpdatedTime".to_owned(), json!(self.now));
        let patch = json!({
            "metadata": {"resourceVersion": self.subject.version, "uid": self.subject.uid},
            "status": patch,
        });
        ReconcileDecision {
            notes,
            ..ReconcileDecision::act(Effect::Status {
                patch,
                opens: self.opens,
            })
        }
    }
}

/// Returns the Event of a change of a condition. Only the condition reports the progress.
fn note(before: Option<&Condition>, after: &Condition) -> Option<EventNote> {
    let same = before.is_some_and(|before| {
        (before.truth, &before.reason) == (after.truth, &after.reason)
            && (before.generation == after.generation || after.kind != SYNCED)
    });
    let quiet = [
        reason::SUBMITTING,
        reason::ADOPTING,
        reason::STALE,
        Phase::Pending.as_str(),
        Phase::Preparing.as_str(),
        Phase::Creating.as_str(),
        Phase::Updating.as_str(),
    ];
    let first = after.kind == FRESH && after.holds() && before.is_none();
    let unknown = after.truth == Truth::Unknown;
    if same || first || unknown || (!after.holds() && quiet.contains(&after.reason.as_str())) {
        return None;
    }
    let calm = [reason::EXPIRED, reason::ELIMINATED, reason::REBUILDING];
    let calm = after.holds() || calm.contains(&after.reason.as_str());
    Some(EventNote {
        warning: !calm,
        reason: after.reason.clone(),
        message: after.message.clone(),
    })
}
