//! The condition `Fresh`: whether the tags in a cache mean what they meant when it was made, and the rebuild if not.
//!
//! The digests are recorded before the call that makes ECI pull the images ([`Turn::record`]). A tag that moves in between
//! is then reported as moved although the cache has it; the other order could report a cache as fresh that is not. The
//! annotation [`DIGESTS_OF`] names the call, so that a repeated call does not record again.
//!
//! The record is also what a rebuild is remembered by: after it the recorded digest is that of the registry, so that one
//! change of a tag leads to one rebuild.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::condition::{Condition, FRESH, Truth, reason, transition};
use super::effect::{Effect, ReconcileDecision, TagQuestion};
use super::inputs::{Held, Intake, difference};
use super::record::{TOLD_FROM, backoff};
use super::step::Turn;
use super::trust::Allowed;
use super::{SETTLE, UPDATE_AGAIN};
use crate::eci::reply::ImageCacheEntry;
use crate::eci::request::UpdateImageCache;
use crate::freshness::{Freshness, NOT_RECORDED, recorded_digests, tag_state};
use crate::image::Image;
use crate::reference::Named;
use crate::registry::{FailureReason, ImagePlatform, RegistryAnswer, RegistryAsk, not_made_for};
use crate::resource::annotation::{DIGESTS, DIGESTS_OF};
use crate::resource::{MAX_SIZE_GIB, Phase};
use crate::time::Timestamp;

/// The default time between two polls of a registry about a cache.
const INTERVAL: Duration = Duration::from_secs(3600);

/// What to do about a cache whose tags have moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDrift {
    /// Report it: condition, Event and metric.
    Report,
    /// Report it, and update the cache in ECI: once for each change, at most once an hour for a cache, within
    /// [`super::Budget::rebuilds_per_hour`], and not while pods that name the cache are starting.
    Rebuild,
}

/// Whether and how the tags of caches are compared with their registries.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FreshnessSettings {
    /// What to do about a cache whose tags have moved.
    pub on_drift: OnDrift,
    /// The registries, `host` or `host:port`, that are asked. The author of an object names registries, and the
    /// controller is in a network of its operator: other registries are not asked.
    pub registries: Allowed,
    /// Time between two polls about one cache; each object has its own, between three and five quarters of it.
    /// Default: 1 h.
    pub interval: Duration,
}

impl FreshnessSettings {
    /// Returns settings with the default interval.
    #[must_use]
    pub fn new(on_drift: OnDrift, registries: Allowed) -> Self {
        FreshnessSettings {
            on_drift,
            registries,
            interval: INTERVAL,
        }
    }

    /// Returns the time between two polls about an object: different objects are not asked for at the same time.
    fn interval_of(&self, uid: &str) -> Duration {
        let sum = uid.bytes().fold(7_u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        let parts = 768_u32.saturating_add(sum % 513);
        self.interval.saturating_mul(parts) / 1024
    }
}

/// Returns whether a tag in the cache of an object has moved or is gone, by the condition `Fresh`; `None` if that is
/// unknown.
///
/// ```
/// use imagecache::reconcile::is_stale;
/// let fresh = serde_json::json!({
///     "type": "Fresh", "status": "False", "observedGeneration": 1, "lastTransitionTime": "2026-01-18T13:40:56Z",
///     "reason": "Moved", "message": "…",
/// });
/// assert_eq!(is_stale(&serde_json::json!({"status": {"conditions": [fresh]}})), Some(true));
/// assert_eq!(is_stale(&serde_json::json!({"status": {}})), None);
/// ```
#[must_use]
pub fn is_stale(object: &Value) -> Option<bool> {
    match Condition::read(object.get("status")?, FRESH)?.truth {
        Truth::True => Some(false),
        Truth::False => Some(true),
        Truth::Unknown => None,
    }
}

/// The size to ask for in a rebuild. ECI refuses an update that changes nothing (`NoNeedUpdate`), and makes a new snapshot
/// for another size: so the size is that of the object, or 1 GiB more. It follows from the time of the intent, so that a
/// repeated call asks for the same size.
fn rebuilt_size(asked: i64, intent: Timestamp) -> i64 {
    asked.saturating_add(intent.seconds().rem_euclid(2))
}

/// A tag of a cache.
struct Tag<'a> {
    text: &'a str,
    image: String,
    /// Why its registry is not asked.
    barred: Option<String>,
}

/// What the tags of a cache are.
struct Finding {
    truth: Truth,
    reason: &'static str,
    message: String,
    /// No answer came; the next one may.
    lost: bool,
}

impl Finding {
    fn unknown(reason: &'static str, message: String) -> Self {
        Finding {
            truth: Truth::Unknown,
            reason,
            message,
            lost: false,
        }
    }
}

/// Why a call or a poll is not made now, and how long until it is worth another look.
type Waits = (String, Duration);

impl<'a> Turn<'a> {
    /// A cache that is as its object asks.
    pub(super) fn settled(&self, entry: &ImageCacheEntry) -> ReconcileDecision {
        let ready = format!("pods can start from {}", entry.image_cache_id);
        let draft = || {
            let draft = self.draft().entry(entry);
            draft.ready(true, Phase::Ready.as_str(), &ready)
        };
        let decision = draft().decide();
        if decision.act.is_some() {
            return decision;
        }
        let before = Condition::read(self.subject.status(), FRESH);
        let Some(settings) = &self.settings.freshness else {
            return match before {
                Some(before) if before.truth != Truth::Unknown => {
                    let message = "the controller runs without --on-drift";
                    let draft = draft().fresh(Truth::Unknown, reason::NOT_ASKED, message);
                    draft.decide()
                }
                _ => decision,
            };
        };
        let mut found = None;
        if self.poll_wait().is_zero() {
            match self.ask_registries() {
                Ok(Some(ask)) => return ask,
                Ok(None) => {}
                Err((reason, message)) => found = Some(Finding::unknown(reason, message)),
            }
        }
        let mut found = found.unwrap_or_else(|| self.compare());
        let next_poll = Some(self.poll_wait()).filter(|wait| !wait.is_zero());
        let next_poll = next_poll.unwrap_or(settings.interval_of(self.subject.uid));
        let lost = self.memory.poll.as_ref().map_or(0, |poll| poll.lost);
        if found.lost && lost < TOLD_FROM && before.is_some() {
            // no answer says nothing: what was known stays
            return decision.within(next_poll);
        }
        let mut wait = next_poll;
        let mut rebuild = None;
        if found.reason == reason::MOVED && settings.on_drift == OnDrift::Rebuild {
            let outcome = match self.obstacle() {
                Some(why) => Err((format!("it is not rebuilt, because {why}"), next_poll)),
                None => self.rebuild(entry, &found.message),
            };
            match outcome {
                Ok(decision) => rebuild = Some(decision),
                Err((why, after)) => {
                    found.message = format!("{}; {why}", found.message);
                    wait = wait.min(after);
                }
            }
        }
        let reads = |decision: &ReconcileDecision| {
            let act = decision.act.as_ref();
            act.is_some_and(|act| !act.is_write())
        };
        let decision = draft().fresh(found.truth, found.reason, &found.message);
        let decision = decision.decide();
        match rebuild {
            // the condition is written before the rebuild
            Some(rebuild) if decision.act.is_none() || reads(&rebuild) => rebuild,
            _ => decision.within(wait),
        }
    }

    /// The tags in the cache; images that are named by digest never move.
    fn tags(&self) -> Vec<Tag<'a>> {
        let registries = self.settings.freshness.as_ref().map(|one| &one.registries);
        let images = self.subject.view.images().iter().filter_map(Value::as_str);
        let tags = images.filter_map(|text| {
            let named = Named::parse(text).ok()?;
            if named.digest().is_some() {
                return None;
            }
            let host = named.domain();
            let allowed = registries.is_some_and(|registries| registries.includes(host));
            let image = Image::new(text);
            Some(Tag {
                text,
                image: image.normalized()?.to_owned(),
                barred: (!allowed).then(|| format!("--ask-registries does not list `{host}`")),
            })
        });
        tags.collect()
    }

    /// Returns the time until registries are asked again about this object.
    fn poll_wait(&self) -> Duration {
        let (Some(settings), Some(poll)) = (&self.settings.freshness, &self.memory.poll) else {
            return Duration::ZERO;
        };
        if !self.has_answers() {
            return Duration::ZERO;
        }
        let interval = settings.interval_of(self.subject.uid);
        let pause = match poll.lost {
            0 => interval,
            lost => backoff(lost, SETTLE, interval),
        };
        let next = poll.asked.saturating_add(pause);
        next.saturating_sub(self.seen.moment)
    }

    /// Asks for the tags with the logins of the object; `None` if there is nothing to ask for.
    ///
    /// # Errors
    /// Returns reason and message if the object may not be asked for.
    fn ask_registries(&self) -> Result<Option<ReconcileDecision>, (&'static str, String)> {
        let view = &self.subject.view;
        let platform = ImagePlatform::of(view.os(), view.arch());
        let recorded = recorded_digests(self.subject.object).unwrap_or_default();
        let tags = self.tags().into_iter().filter(|tag| tag.barred.is_none());
        let questions: Vec<TagQuestion> = tags
            .map(|tag| TagQuestion {
                ask: RegistryAsk::new(&tag.image, platform.clone()),
                recorded: recorded.get(&tag.image).cloned(),
            })
            .collect();
        if questions.is_empty() {
            return Ok(None);
        }
        let act = match Intake::of(self.subject, self.seen, self.settings) {
            Ok(_) => Effect::AskRegistries(questions),
            Err(Held::Unread(names)) => Effect::ReadSecrets(names),
            Err(Held::Blocked { reason, message }) => return Err((reason, message)),
        };
        Ok(Some(ReconcileDecision::act(act)))
    }

    fn answer(&self, image: &str) -> Option<&'a RegistryAnswer> {
        self.memory.poll.as_ref()?.answers.get(image)
    }

    /// Reports whether there is an answer about each tag that may be asked for.
    fn has_answers(&self) -> bool {
        let tags = self.tags();
        let mut asked = tags.iter().filter(|tag| tag.barred.is_none());
        asked.all(|tag| self.answer(&tag.image).is_some())
    }

    /// Compares the tags with the last answers: what is worst counts, and is named.
    fn compare(&self) -> Finding {
        let recorded = recorded_digests(self.subject.object);
        let mut found: Vec<(u8, Finding)> = Vec::new();
        for tag in self.tags() {
            let answer = self.answer(&tag.image);
            if let Some(why) = tag.barred {
                let message = format!("`{}`: {why}", tag.text);
                found.push((1, Finding::unknown(reason::NOT_ALLOWED, message)));
                continue;
            }
            let record = recorded.as_ref().map_err(String::as_str);
            let record = record.and_then(|all| {
                let digest = all.get(&tag.image).map(String::as_str);
                digest.ok_or(NOT_RECORDED)
            });
            let text = tag.text;
            let (state, why) = tag_state(record, answer);
            let (rank, truth, reason, message) = match state {
                Freshness::Fresh | Freshness::Pinned => continue,
                Freshness::Moved => {
                    let now = match answer {
                        Some(RegistryAnswer::Image(image)) => image.digest.as_str(),
                        _ => "",
                    };
                    let (then, now) = (short(record.unwrap_or_default()), short(now));
                    let message =
                        format!("`{text}` was {then} when the cache was made, and is {now} now");
                    (3, Truth::False, reason::MOVED, message)
                }
                Freshness::Gone => {
                    let message = format!("`{text}` is not in its registry any longer");
                    (2, Truth::False, reason::GONE, message)
                }
                Freshness::Unknown => {
                    let message = format!("`{text}`: {}", why.unwrap_or_default());
                    (1, Truth::Unknown, unknown(answer), message)
                }
            };
            let lost = is_lost(answer);
            let finding = Finding {
                truth,
                reason,
                message,
                lost,
            };
            found.push((if lost { 0 } else { rank }, finding));
        }
        let Some(worst) = found.iter().map(|(rank, _)| *rank).max() else {
            return Finding {
                truth: Truth::True,
                reason: FRESH,
                message: "its tags mean what they meant when it was made".to_owned(),
                lost: false,
            };
        };
        let mut worst_found = found.into_iter().filter(|(rank, _)| *rank == worst);
        let first = worst_found.next().map(|(_, finding)| finding);
        let Some(mut finding) = first else {
            return Finding::unknown(reason::NOT_ASKED, String::new());
        };
        let more = worst_found.count();
        if more > 0 {
            finding.message = format!("{}; {more} more", finding.message);
        }
        finding
    }

    /// Returns the reason why a rebuild would fail, or would pull an image that was not looked at: an update pulls all of them.
    fn obstacle(&self) -> Option<String> {
        let view = &self.subject.view;
        let platform = ImagePlatform::of(view.os(), view.arch());
        let mut problems = self.tags().into_iter().filter_map(|tag| {
            let why = match (tag.barred, self.answer(&tag.image)) {
                (Some(why), _) => why,
                (None, None) => "no registry was asked".to_owned(),
                (None, Some(RegistryAnswer::Failed(failure))) => failure.message.clone(),
                // only of an image that has moved the platforms are known
                (None, Some(RegistryAnswer::Image(image))) => {
                    let platforms = image.platforms.as_ref()?.iter();
                    let made: Vec<_> = platforms.map(|one| &one.platform).collect();
                    if platform.choose(made.iter().copied()).is_some() {
                        return None;
                    }
                    not_made_for(&platform, &made)
                }
            };
            Some(format!("`{}`: {why}", tag.text))
        });
        problems.next()
    }

    /// Begins a rebuild, or lists the pods that could be in its way.
    ///
    /// # Errors
    /// Returns why the rebuild waits.
    fn rebuild(&self, entry: &ImageCacheEntry, why: &str) -> Result<ReconcileDecision, Waits> {
        let (subject, now, settings) = (self.subject, self.now, self.settings);
        let id = entry.image_cache_id.as_str();
        let due = subject.synced.as_ref().map_or(now, |synced| synced.since);
        let due = due.plus(UPDATE_AGAIN);
        if due > now {
            return Err((format!("it is rebuilt at {due} or later"), until(due, now)));
        }
        let Some(held) = entry.image_cache_size else {
            let why = "it is not rebuilt, because ECI does not report its size";
            return Err((why.to_owned(), SETTLE));
        };
        let asked = i64::try_from(subject.view.size_gib()).unwrap_or(i64::MAX);
        if asked >= MAX_SIZE_GIB {
            let why = "it is not rebuilt, because spec.imageCacheSize is the largest; with 1 GiB less it is";
            return Err((why.to_owned(), SETTLE));
        }
        let since = transition(subject.synced.as_ref(), now);
        let since = match rebuilt_size(asked, since) == held {
            true => since.plus(1),
            false => since,
        };
        let sizes = (Some(held), i32::try_from(rebuilt_size(asked, since)).ok());
        let spending = self.seen.spending;
        let growth = |listing| spending.growth(&settings.budget, listing, sizes, now);
        if let Some(message) = self.seen.listing.and_then(growth) {
            return Err((format!("it is not rebuilt: {message}"), SETTLE));
        }
        if let Some(next) = spending.next_rebuild(&settings.budget, subject.uid, now) {
            let limit = settings.budget.rebuilds_per_hour;
            let message = format!(
                "the {limit} rebuilds within an hour (--max-rebuilds-per-hour) are used; the next is possible at {next}"
            );
            return Err((message, until(next, now)));
        }
        if let Some(waits) = self.starting(id) {
            return waits;
        }
        let updating = format!("{id} is rebuilt, because its tags have moved");
        let draft = self.draft().entry(entry).phase(Phase::Updating);
        let draft = draft.ready(false, reason::STALE, &updating);
        let message = format!("{id} is rebuilt: {why}");
        Ok(draft
            .intent_of(reason::REBUILDING, since, &message)
            .decide())
    }

    /// Lists the pods that start from a cache, or says why a rebuild waits; `None` if no pod does.
    fn starting(&self, id: &str) -> Option<Result<ReconcileDecision, Waits>> {
        let why = match self.seen.starting {
            None => {
                let list = Effect::ReadStarting(id.to_owned());
                return Some(Ok(ReconcileDecision::act(list)));
            }
            Some(Ok(pods)) => format!(
                "it is rebuilt when the pods that name it have started, such as {}",
                pods.first()?
            ),
            Some(Err(why)) => format!("it is not rebuilt, because pods cannot be listed: {why}"),
        };
        Some(Err((why, SETTLE)))
    }

    /// Reports whether the intent in the status is to rebuild the cache.
    pub(super) fn is_rebuild(&self) -> bool {
        let synced = self.subject.synced.as_ref();
        synced.is_some_and(|synced| !synced.holds() && synced.reason == reason::REBUILDING)
    }

    /// Changes the size in the call of a rebuild.
    pub(super) fn resize(&self, call: &mut UpdateImageCache, intent: Timestamp) {
        let asked = call.image_cache_size.map(i64::from);
        let size = asked.map(|asked| rebuilt_size(asked, intent));
        let size = size.and_then(|size| i32::try_from(size).ok());
        call.image_cache_size = size.or(call.image_cache_size);
    }

    /// What has to be done before a rebuild is sent: each tag needs an answer of this minute, and no pod that names the
    /// cache may be starting.
    ///
    /// The rebuild is not given up: the call may have been sent before.
    pub(super) fn before_rebuild(&self, entry: &ImageCacheEntry) -> Option<ReconcileDecision> {
        let id = entry.image_cache_id.as_str();
        // without registries to ask, the rebuild of a controller before this one is finished
        let asks = self.settings.freshness.is_some();
        if asks && let Some(ask) = self.ask_again() {
            return Some(ask);
        }
        let (why, after) = match self.obstacle().filter(|_| asks) {
            Some(why) => (why, self.poll_wait().max(SETTLE)),
            None => match self.starting(id)? {
                Ok(list) => return Some(list),
                Err(waits) => waits,
            },
        };
        let message = format!("{id} is to be rebuilt; {why}");
        let draft = self.draft().entry(entry);
        let draft = if entry.status == Phase::Ready {
            // until then pods start from it as before
            let ready = format!("pods can start from {id}");
            draft.ready(true, Phase::Ready.as_str(), &ready)
        } else {
            draft.ready(false, reason::STALE, &message)
        };
        let generation = self.subject.generation;
        let draft = draft.synced(false, generation, reason::REBUILDING, &message);
        Some(draft.decide().within(after))
    }

    /// Asks the registries, if there is no answer of this minute about each tag.
    fn ask_again(&self) -> Option<ReconcileDecision> {
        let poll = self.memory.poll.as_ref();
        let age = poll.map(|poll| self.seen.moment.saturating_sub(poll.asked));
        let old = age.is_none_or(|age| age >= SETTLE);
        if !old && self.has_answers() {
            return None;
        }
        self.ask_registries().ok().flatten()
    }

    /// What has to be done before an update is sent that makes ECI pull the images.
    pub(super) fn record_update(
        &self,
        entry: &ImageCacheEntry,
        call: &UpdateImageCache,
        attempt: (i64, Timestamp),
    ) -> Option<ReconcileDecision> {
        let sizes = call
            .image_cache_size
            .map(i64::from)
            .zip(entry.image_cache_size);
        let pulls = entry.status == Phase::UpdateFailed
            || sizes.is_some_and(|(asked, held)| asked != held)
            || difference(self.subject, entry).is_some();
        // otherwise the images may stay those of the last call, and so does the record
        if pulls { self.record(attempt) } else { None }
    }

    /// Records the digests that the tags have, once for each call that makes ECI pull the images: asks the registries if
    /// there is no answer of this minute, and writes the annotation. A tag without an answer is not recorded.
    pub(super) fn record(
        &self,
        (generation, since): (i64, Timestamp),
    ) -> Option<ReconcileDecision> {
        let of = format!("{generation}/{since}");
        let written = self.subject.annotation(DIGESTS_OF);
        if written == Some(&of) || self.memory.recorded.as_ref() == Some(&of) {
            return None;
        }
        let annotations = if self.settings.freshness.is_none() {
            // a record of this controller that is not true any longer
            written?;
            json!({DIGESTS: null, DIGESTS_OF: null})
        } else {
            if let Some(ask) = self.ask_again() {
                return Some(ask);
            }
            let digests: BTreeMap<String, &str> = self
                .tags()
                .into_iter()
                .filter_map(|tag| match self.answer(&tag.image) {
                    Some(RegistryAnswer::Image(image)) => Some((tag.image, image.digest.as_str())),
                    _ => None,
                })
                .collect();
            let digests = (!digests.is_empty()).then(|| json!(digests).to_string());
            json!({DIGESTS: digests, DIGESTS_OF: of})
        };
        let patch = json!({"metadata": {
            "resourceVersion": self.subject.version,
            "uid": self.subject.uid,
            "annotations": annotations,
        }});
        Some(ReconcileDecision::act(Effect::Annotations { patch }))
    }
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(then.since(now)).unwrap_or(0)).max(Duration::from_secs(1))
}

/// Returns the start of a digest, which is enough to distinguish digests.
fn short(digest: &str) -> &str {
    let start = digest
        .find(':')
        .map_or(12, |colon| colon.saturating_add(13));
    digest.get(..start).unwrap_or(digest)
}

fn is_lost(answer: Option<&RegistryAnswer>) -> bool {
    match answer {
        Some(RegistryAnswer::Failed(failure)) => failure.reason.is_transient(),
        _ => false,
    }
}

/// Returns the reason of an unknown state.
fn unknown(answer: Option<&RegistryAnswer>) -> &'static str {
    match answer {
        None => reason::NOT_ASKED,
        Some(RegistryAnswer::Image(_)) => reason::NOT_RECORDED,
        Some(RegistryAnswer::Failed(failure)) => match failure.reason {
            FailureReason::Unauthorized => "Unauthorized",
            FailureReason::Moved => "Redirected",
            FailureReason::TooManyRequests => "TooManyRequests",
            FailureReason::NotAnImage => "NotAnImage",
            FailureReason::NotFound => reason::GONE,
            FailureReason::Unreachable => reason::UNREACHABLE,
        },
    }
}
