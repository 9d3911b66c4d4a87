//! What must be done so that cluster and cloud agree about one `ImageCache`?
//!
//! [`step`] is a pure function: the object, what was seen of the cloud, what is remembered, and `now`, to at most one
//! act and the words that go with it. A host performs the act, records the outcome in [`ReconcileRecord`], and asks again until there
//! is nothing left to do.
//!
//! # How a cache comes into being
//!
//! ```text
//!            finalizer        intent in the status        CreateImageCache          answer in the status
//! (object) ─────────────► ○ ─────────────────────► ○ ───────────────────────► ○ ─────────────────────────► ○ ─► listing
//! ```
//!
//! The process may die between any two of these, and any answer may be lost. What is sent is therefore written down
//! first: the condition `Synced` is `False` from the intent until ECI has accepted, and its `observedGeneration` and
//! `lastTransitionTime` are in the `ClientToken`. The next process sends the same token, and ECI makes no second cache.
//! Every cache also carries a tag with the object's uid ([`crate::resource::annotation::OWNER_TAG`]), by which one that no status
//! noted is found again. An act on the cloud is only decided on an object that was read just now ([`Observed::live`]).
//!
//! # What is believed
//!
//! A [`Listing`] that began before the last call about the object was answered says nothing about that call. A cache is
//! absent only when such a fresh listing lacks it, and a call whose answer was lost may still arrive for [`SETTLE`].
//!
//! A listing may lag, or lack a cache. Before another cache is made for a generation that had one, ECI is therefore asked
//! by the id ([`Effect::Describe`]), until [`GONE_ANSWERS`] answers over [`GONE_AFTER`] say that there is no such cache.
//! One answer is enough when the end of the cache has passed, and before an object is let go. When all caches of the
//! region disappear at once, nothing is made for [`EMPTY_FOR`].
//!
//! Nor is the status believed: somebody may have taken the id of a cache out of it. What this process made within the hour
//! is known without it. An object is only let go, where no id proves it, when two listings in a row agree that no cache has
//! its tag (for [`EMPTY_FOR`] if they are empty). After the first listing of a process no new creation begins for an object
//! of an earlier process.
//!
//! # Trust and budgets
//!
//! What an object may use ([`Trust`]) and what caches may cost ([`Budget`]) is decided by the operator; by default nothing
//! is allowed. What the status names does not prove ownership either: a cache is the object's own only if it has the object's tag, or
//! if the object adopts it by annotation, adoption of it is allowed and it has no tag yet. The update that follows an
//! adoption writes the tag.
//!
//! # Adoption
//!
//! Two objects may want the same cache, and what a host sees of the one may be old when it decides about the other. So an
//! object first announces in its status that it is `Adopting`, and takes the cache only on a copy of itself out of the
//! watch that holds the announcement. A watch reports changes in the order in which they were stored: by then it has reported
//! every announcement before this one, and an object that announces later will see this one. Of two who see each other the one
//! that comes first ([`AdoptionClaim`]) waits until the other has taken its announcement back.
//!
//! A server that stores something else than it was sent is not sent the same again until the generation, what ECI reports or
//! what is stored changes; an Event reports it. Where it does not keep what is written down before a call, none is made.
//!
//! # The conditions
//!
//! | condition | `True` when |
//! |---|---|
//! | `Synced` | ECI has accepted what generation `observedGeneration` asks |
//! | `Ready` | pods can start from a cache that is what generation `observedGeneration` asks |
//! | `Fresh` | the tags in the cache mean what they meant when it was made; only with [`FreshnessSettings`] |
//!
//! Each carries a reason and a sentence; a Kubernetes Event has the same words when they change.
//!
//! # What is done when
//!
//! | seen | done |
//! |---|---|
//! | no cache yet | make one |
//! | `spec` has changed | update the cache once it is `Ready` or `UpdateFailed`; replace one that is `Failed` |
//! | the update failed, or ECI holds something else | another update, an hour after the last |
//! | a tag has moved, with [`OnDrift::Rebuild`] | another update, once for each change, when no pod that names the cache is starting |
//! | creation failed | nothing; ECI removes the cache after 24 h, then another is made |
//! | retention ended and the cache is gone | nothing, until `spec` changes |
//! | marked `LRU` and gone | nothing, until `spec` changes: two such objects could evict each other forever |
//! | gone without a reason | make another |
//! | deleted | delete the cache, unless pods name it; let the object go when a fresh listing lacks it |
//! | refused | wait, longer each time; a new generation is tried at once |
//! | paused | nothing |
//!
//! Once a cache has come to its end and is gone, the status has no `phase`: ECI knows none for a cache that is not there.
//! The condition `Ready` says `Expired` or `Eliminated`, and `imageCacheId` which cache it was.

mod budget;
mod call;
mod condition;
mod drift;
mod effect;
mod fresh;
mod inputs;
mod listing;
mod record;
mod removal;
mod status;
mod step;
mod subject;
mod trust;

use std::time::Duration;

pub use budget::{Budget, Spending};
pub use condition::{FRESH, READY, SYNCED};
pub use effect::{Effect, EventNote, Outcome, ReconcileDecision, TagQuestion, patched};
pub use fresh::{FreshnessSettings, OnDrift, is_stale};
pub use inputs::{SecretFault, SecretLogins};
pub use listing::Listing;
pub use record::{ReconcileRecord, backoff};
pub use step::step;
pub use subject::{AdoptionClaim, claim, refusal};
pub use trust::{Allowed, Trust};

use crate::eci::object::CallDefaults;

/// A point on a clock that never goes back: the time since the host started.
pub type Monotonic = Duration;

/// A call whose answer was lost has had its effect by now, or never will. Calls are given up within a minute.
pub const SETTLE: Duration = Duration::from_secs(60);
/// Seconds after an accepted update until it is tried again, if the cache is not what was asked.
pub const UPDATE_AGAIN: i64 = 3600;
/// Time after which an accepted deletion is repeated if the cache is still listed.
pub const DELETE_AGAIN: Duration = Duration::from_secs(60);

/// A cache that listings lack is gone when ECI has answered, asked by its id, at least [`GONE_ANSWERS`] times and over at
/// least this time that there is no such cache.
pub const GONE_AFTER: Duration = Duration::from_secs(300);
/// See [`GONE_AFTER`].
pub const GONE_ANSWERS: u32 = 2;
/// For this time after all caches of a region have disappeared at once nothing is created.
pub const EMPTY_FOR: Duration = Duration::from_secs(300);

/// What holds for all objects.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReconcileSettings {
    /// The region.
    pub region_id: String,
    /// For what an object does not say.
    pub defaults: CallDefaults,
    /// Touch nothing.
    pub paused: bool,
    /// What objects may use.
    pub trust: Trust,
    /// What caches may cost.
    pub budget: Budget,
    /// Whether to compare the tags of caches with their registries; by default no registry is asked.
    pub freshness: Option<FreshnessSettings>,
}

/// What was seen besides the object.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The caches of the region; `None` until there was a listing.
    pub listing: Option<&'a Listing>,
    /// The object is an answer of the API server to this host, given just now. Otherwise it is out of the watch, or such
    /// an answer from before the last call.
    pub live: bool,
    /// The logins in the secrets that the object names, in order; `None` until [`Effect::ReadSecrets`] was performed.
    pub logins: Option<&'a [SecretLogins]>,
    /// Pods that name the object's cache, as `namespace/name`, sorted; `None` when that is not known.
    pub pods: Option<&'a [String]>,
    /// Pods that name the object's cache and are starting, as `namespace/name`, sorted, or why that is not known; `None`
    /// until [`Effect::ReadStarting`] was performed.
    pub starting: Option<Result<&'a [String], &'a str>>,
    /// Other objects that [`claim`] the cache that this one wants to adopt; out of the same watch as the object, and seen
    /// no earlier.
    pub rivals: &'a [AdoptionClaim],
    /// What was created for all objects within the last hour.
    pub spending: &'a Spending,
    /// The present on the clock of [`Listing::begun`].
    pub moment: Monotonic,
}
