//! What a host remembers of an object between two steps. Nothing in it must survive the process.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::condition::{reason, sentence, word};
use super::drift::{self, Altered};
use super::effect::{Effect, Outcome};
use super::{GONE_AFTER, GONE_ANSWERS, Monotonic};
use crate::eci::error::{ErrorCode, Retry};
use crate::eci::reply::ImageCacheEntry;
use crate::registry::RegistryAnswer;
use crate::resource::annotation::DIGESTS_OF;

/// What is remembered of one object; the default for one that was never seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReconcileRecord {
    /// When the last call about the object was answered or given up: a listing that began before it says nothing about that call.
    pub(super) changed: Option<Monotonic>,
    /// This process has put the finalizer on the object: no other can have made a cache for it before.
    pub(super) held: bool,
    /// What ECI accepted and the status may not say yet.
    pub(super) accepted: Option<Accepted>,
    /// Whether a call that makes a cache may be under way: `None` when a process before this one may have sent one.
    pub(super) under_way: Option<bool>,
    /// When such a call was last given up.
    pub(super) lost: Option<Monotonic>,
    /// The token of the intent was used with other parameters: another is needed.
    pub(super) spent: bool,
    /// When ECI accepted a deletion.
    pub(super) deleted: Option<Monotonic>,
    /// The answers to questions by id about a cache that a listing lacks.
    pub(super) sighting: Option<Sighting>,
    /// Why the last call did not succeed.
    pub(super) fault: Option<Fault>,
    /// What the API server stored otherwise than it was sent.
    pub(super) altered: Altered,
    /// The last answers of registries.
    pub(super) poll: Option<Poll>,
    /// The request for which the digests were recorded: see [`DIGESTS_OF`].
    pub(super) recorded: Option<String>,
    /// The last write of the object itself failed so often in a row.
    failures: u32,
}

/// ECI said yes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Accepted {
    /// The cache that it makes; `None` for an update.
    pub(super) made: Option<String>,
    pub(super) generation: i64,
}

/// ECI said no, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Fault {
    /// The generation of the object for which it was tried.
    pub(super) generation: i64,
    pub(super) reason: String,
    pub(super) message: String,
    /// Worth telling people: it will not pass by itself, or it has lasted.
    pub(super) told: bool,
    /// Not to be tried before.
    pub(super) until: Monotonic,
    /// How often in a row.
    pub(super) count: u32,
}

/// The answers about one cache, asked for by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    id: String,
    /// The cache, if the last answer described it.
    entry: Option<Box<ImageCacheEntry>>,
    /// How many answers in a row said that there is no such cache.
    absences: u32,
    /// When the first of them came.
    first: Monotonic,
    /// When the last of them came.
    last: Monotonic,
    /// When ECI was asked last, whatever came of it.
    asked: Monotonic,
}

/// The first pause between two questions for one cache.
const ASK_AGAIN: Duration = Duration::from_secs(15);
/// The longest pause between two questions for one cache.
const ASK_SELDOM: Duration = Duration::from_secs(120);
/// Answers that are this old say nothing about now.
const ANSWER_HOLDS: Duration = Duration::from_secs(3600);

impl Sighting {
    fn learn(before: Option<Self>, id: &str, outcome: &Outcome, moment: Monotonic) -> Self {
        let recent = |one: &Sighting| moment < one.asked.saturating_add(ANSWER_HOLDS);
        let before = before.filter(|one| one.id == id && recent(one));
        let mut after = Sighting {
            asked: moment,
            ..before.unwrap_or_else(|| Sighting {
                id: id.to_owned(),
                entry: None,
                absences: 0,
                first: moment,
                last: moment,
                asked: moment,
            })
        };
        match outcome {
            Outcome::Described(Some(entry)) => {
                after.entry = Some(entry.clone());
                after.absences = 0;
            }
            Outcome::Described(None) => {
                if after.absences == 0 {
                    after.first = moment;
                }
                after.entry = None;
                after.last = moment;
                after.absences = after.absences.saturating_add(1);
            }
            // no answer is neither
            _ => after.entry = None,
        }
        after
    }

    pub(super) fn is_of(&self, id: &str) -> bool {
        self.id == id
    }

    pub(super) fn asked(&self) -> Monotonic {
        self.asked
    }

    pub(super) fn entry(&self) -> Option<&ImageCacheEntry> {
        self.entry.as_deref()
    }

    /// The last answer was that there is no such cache.
    pub(super) fn is_absent(&self) -> bool {
        self.absences > 0
    }

    /// The cache is gone: see [`GONE_AFTER`].
    pub(super) fn is_proof(&self) -> bool {
        self.absences >= GONE_ANSWERS && self.last >= self.first.saturating_add(GONE_AFTER)
    }

    /// The time until it is worth to ask again.
    pub(super) fn wait(&self, moment: Monotonic) -> Duration {
        let pause = backoff(self.absences, ASK_AGAIN, ASK_SELDOM);
        self.asked.saturating_add(pause).saturating_sub(moment)
    }
}

/// The answers of registries about the tags of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Poll {
    /// When they came.
    pub(super) asked: Monotonic,
    /// By the full name of the image.
    pub(super) answers: BTreeMap<String, RegistryAnswer>,
    /// How often in a row one of them was lost.
    pub(super) lost: u32,
}

impl Poll {
    fn learn(
        before: Option<Self>,
        answers: &BTreeMap<String, RegistryAnswer>,
        moment: Monotonic,
    ) -> Self {
        let is_lost = |answer: &RegistryAnswer| match answer {
            RegistryAnswer::Failed(failure) => failure.reason.is_transient(),
            RegistryAnswer::Image(_) => false,
        };
        let lost = before.map_or(0, |before| before.lost).saturating_add(1);
        Poll {
            asked: moment,
            answers: answers.clone(),
            lost: if answers.values().any(is_lost) {
                lost
            } else {
                0
            },
        }
    }
}

/// Transient errors are reported from this number in a row on.
pub(super) const TOLD_FROM: u32 = 3;

/// The wait after this many failures in a row: doubled each time from `first` up to `most`.
///
/// ```
/// use std::time::Duration;
/// use imagecache::reconcile::backoff;
/// let second = Duration::from_secs(1);
/// assert_eq!(backoff(1, second, second * 300), second);
/// assert_eq!(backoff(4, second, second * 300), second * 8);
/// assert_eq!(backoff(99, second, second * 300), second * 300);
/// ```
#[must_use]
pub fn backoff(failures: u32, first: Duration, most: Duration) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(30));
    first.saturating_mul(doubled).min(most)
}

impl ReconcileRecord {
    /// Notes how an act went. `generation` is that of the object the act was decided on.
    pub fn record(
        &mut self,
        effect: &Effect,
        outcome: &Outcome,
        generation: i64,
        moment: Monotonic,
    ) {
        match effect {
            Effect::Read | Effect::ReadSecrets(_) | Effect::ReadStarting(_) => {}
            Effect::AskRegistries(_) => {
                if let Outcome::Answered(answers) = outcome {
                    self.poll = Some(Poll::learn(self.poll.take(), answers, moment));
                }
            }
            Effect::Annotations { patch } => {
                self.wrote(outcome);
                if matches!(outcome, Outcome::Object(_)) {
                    let annotations = patch.pointer("/metadata/annotations");
                    let of = annotations.and_then(|all| all.get(DIGESTS_OF)?.as_str());
                    self.recorded = of.map(str::to_owned);
                }
            }
            Effect::Describe { call } => {
                let id = call.image_cache_id.as_deref().unwrap_or_default();
                self.sighting = Some(Sighting::learn(self.sighting.take(), id, outcome, moment));
            }
            Effect::Finalizers { patch } => {
                self.wrote(outcome);
                if let Outcome::Object(stored) = outcome {
                    self.altered.learn_finalizers(patch, stored);
                    self.held |= drift::is_held(patch);
                }
            }
            Effect::Status { patch, opens } => {
                self.wrote(outcome);
                if let Outcome::Object(stored) = outcome {
                    self.altered.learn_status(patch, stored);
                    self.accepted = None;
                    self.spent = false;
                    if *opens {
                        self.under_way = Some(false);
                    }
                }
            }
            Effect::Create {
                generation: named, ..
            } => {
                if matches!(outcome, Outcome::Lost(_)) {
                    self.under_way = Some(true);
                    self.lost = Some(moment);
                }
                self.called(outcome, generation, *named, moment);
            }
            Effect::Update {
                generation: named, ..
            } => {
                self.called(outcome, generation, *named, moment);
            }
            Effect::Delete { .. } => {
                self.deleted = matches!(outcome, Outcome::Accepted).then_some(moment);
                self.called(outcome, generation, generation, moment);
                self.accepted = None;
            }
        }
    }

    /// The object as far as it was sent: an API server may have stored something else, which stays unchanged.
    #[must_use]
    pub fn as_sent<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        self.altered.as_sent(object)
    }

    /// How long to wait before the API server is asked again.
    #[must_use]
    pub fn pause(&self) -> Duration {
        backoff(
            self.failures,
            Duration::from_millis(500),
            Duration::from_secs(60),
        )
    }

    fn wrote(&mut self, outcome: &Outcome) {
        self.failures = match outcome {
            Outcome::Lost(_) | Outcome::Unsent(_) | Outcome::Refused { .. } => {
                self.failures.saturating_add(1)
            }
            _ => 0,
        };
    }

    fn called(&mut self, outcome: &Outcome, generation: i64, named: i64, moment: Monotonic) {
        if !matches!(outcome, Outcome::Unsent(_)) {
            self.changed = Some(moment);
        }
        let accepted = |made| Accepted {
            made,
            generation: named,
        };
        match outcome {
            Outcome::Created(id) => {
                self.accepted = Some(accepted(Some(id.clone())));
                self.fault = None;
                self.under_way = Some(false);
            }
            Outcome::Accepted => {
                self.accepted = Some(accepted(None));
                self.fault = None;
            }
            Outcome::Refused {
                code,
                message,
                retry,
            } => self.refused(code, message, *retry, generation, named, moment),
            Outcome::Lost(what) | Outcome::Unsent(what) => {
                let most = Duration::from_secs(300);
                self.failed(
                    reason::UNREACHABLE,
                    what,
                    generation,
                    false,
                    Duration::from_secs(1),
                    most,
                    moment,
                );
            }
            Outcome::Object(_)
            | Outcome::NoObject
            | Outcome::Conflict
            | Outcome::Described(_)
            | Outcome::Answered(_) => {}
        }
    }

    #[allow(clippy::too_many_arguments)] // one caller
    fn refused(
        &mut self,
        code: &ErrorCode,
        message: &str,
        retry: Retry,
        generation: i64,
        named: i64,
        moment: Monotonic,
    ) {
        match code {
            // it is as it should be
            ErrorCode::NoNeedUpdate => {
                self.accepted = Some(Accepted {
                    made: None,
                    generation: named,
                });
                self.fault = None;
            }
            ErrorCode::IdempotentParameterMismatch => self.spent = true,
            // the listing was old: the next one shows it
            ErrorCode::InvalidImageCacheNotFound | ErrorCode::ImageCacheIncorrectStatus => {}
            _ => {
                let said = format!("{code}: {message}");
                let second = Duration::from_secs(1);
                let (lasting, first, most) = match retry {
                    Retry::Never => (true, second * 30, second * 1800),
                    Retry::WithNewCredentials => (true, second * 30, second * 300),
                    Retry::After(pause) => (false, pause.max(second), second * 60),
                };
                self.failed(
                    &word(&code.to_string()),
                    &said,
                    generation,
                    lasting,
                    first,
                    most,
                    moment,
                );
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // as above
    fn failed(
        &mut self,
        reason: &str,
        message: &str,
        generation: i64,
        lasting: bool,
        first: Duration,
        most: Duration,
        moment: Monotonic,
    ) {
        let before = self
            .fault
            .take()
            .filter(|fault| fault.generation == generation);
        let count = before
            .as_ref()
            .map_or(0, |fault| fault.count)
            .saturating_add(1);
        self.fault = Some(Fault {
            generation,
            reason: reason.to_owned(),
            message: sentence(message),
            told: lasting || count >= TOLD_FROM,
            until: moment.saturating_add(backoff(count, first, most.max(first))),
            count,
        });
    }
}
