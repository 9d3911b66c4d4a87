//! What is decided, and how it went.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::eci::error::{ErrorCode, Retry};
use crate::eci::reply::ImageCacheEntry;
use crate::eci::request::{
    CreateImageCache, DeleteImageCache, DescribeImageCaches, Request as _, UpdateImageCache,
};
use crate::registry::{RegistryAnswer, RegistryAsk};

/// What to do about an object now.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ReconcileDecision {
    /// The one act, if there is any. When it is performed and learnt ([`super::ReconcileRecord::record`]), ask again.
    pub act: Option<Effect>,
    /// The Events of the object, published after the effect has succeeded.
    pub notes: Vec<EventNote>,
    /// Ask again after this time, whatever happens.
    pub after: Option<Duration>,
    /// A listing newer than the last is needed to go on.
    pub listing: bool,
    /// What is wrong, when the object's status cannot carry it: for the log and an Event, once.
    pub problem: Option<EventNote>,
}

impl ReconcileDecision {
    pub(super) fn rest() -> Self {
        ReconcileDecision::default()
    }

    pub(super) fn act(effect: Effect) -> Self {
        ReconcileDecision {
            act: Some(effect),
            ..ReconcileDecision::default()
        }
    }

    /// Waits for a new listing.
    pub(super) fn listing() -> Self {
        ReconcileDecision {
            listing: true,
            ..ReconcileDecision::default()
        }
    }

    pub(super) fn within(mut self, wait: Duration) -> Self {
        self.after = Some(self.after.map_or(wait, |after| after.min(wait)));
        self
    }

    pub(super) fn watching(mut self, busy: bool) -> Self {
        self.listing |= busy;
        self
    }
}

/// A question about a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagQuestion {
    /// The image and its platform.
    pub ask: RegistryAsk,
    /// The digest that was recorded when the cache was made, if there is one.
    pub recorded: Option<String>,
}

/// An act.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Read the object again, from the API server itself.
    Read,
    /// Read these secrets, each `namespace:name`, for [`super::Observed::logins`].
    ReadSecrets(Vec<String>),
    /// Describe one cache by its id: a listing that lacks it does not prove that it is gone.
    Describe {
        /// The call; it names the id.
        call: Box<DescribeImageCaches>,
    },
    /// Ask registries which digests these tags have now: one HEAD request each, with the logins of
    /// [`super::Observed::logins`]. If the digest differs from the recorded one, the digests of the platforms are asked
    /// for, too.
    AskRegistries(Vec<TagQuestion>),
    /// List the pods that name the cache of this id and are `Pending`, for [`super::Observed::starting`].
    ReadStarting(String),
    /// Send this JSON merge patch for the object's annotations.
    Annotations {
        /// With the `resourceVersion` it was made for.
        patch: Value,
    },
    /// Send this JSON merge patch for the object's finalizers.
    Finalizers {
        /// With the `resourceVersion` it was made for: of two writers one gets a conflict.
        patch: Value,
    },
    /// Send this JSON merge patch to the object's `status`.
    Status {
        /// With the `resourceVersion` it was made for.
        patch: Value,
        /// The status notes what is about to be sent, and nothing can be under way: nothing was ever sent, or what was
        /// is answered.
        opens: bool,
    },
    /// Make a cache.
    Create {
        /// The call.
        call: Box<CreateImageCache>,
        /// The generation that the token names.
        generation: i64,
    },
    /// Change a cache.
    Update {
        /// The call.
        call: Box<UpdateImageCache>,
        /// The generation that it brings the cache to.
        generation: i64,
    },
    /// Remove a cache.
    Delete {
        /// The call.
        call: DeleteImageCache,
    },
}

impl Effect {
    /// Whether it changes the cluster or the cloud.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(
            self,
            Effect::Read
                | Effect::ReadSecrets(_)
                | Effect::ReadStarting(_)
                | Effect::AskRegistries(_)
                | Effect::Describe { .. }
        )
    }
}

/// One line that holds no secret: `create ImageCacheName=base Image.1=nginx:1.27`.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params = match self {
            Effect::Read => return f.write_str("read the object"),
            Effect::ReadSecrets(names) => {
                return write!(f, "read the secrets {}", names.join(", "));
            }
            Effect::AskRegistries(tags) => {
                let images: Vec<&str> = tags.iter().map(|tag| tag.ask.image.as_str()).collect();
                return write!(f, "ask registries for {}", images.join(", "));
            }
            Effect::ReadStarting(id) => return write!(f, "list the pods that start from {id}"),
            Effect::Annotations { patch } => return write!(f, "patch the object {patch}"),
            Effect::Describe { call } => {
                f.write_str(DescribeImageCaches::ACTION)?;
                call.to_params()
            }
            Effect::Finalizers { patch } => return write!(f, "patch the object {patch}"),
            Effect::Status { patch, .. } => return write!(f, "patch the status {patch}"),
            Effect::Create { call, .. } => {
                f.write_str(CreateImageCache::ACTION)?;
                call.to_params()
            }
            Effect::Update { call, .. } => {
                f.write_str(UpdateImageCache::ACTION)?;
                call.to_params()
            }
            Effect::Delete { call } => {
                f.write_str(DeleteImageCache::ACTION)?;
                call.to_params()
            }
        };
        params
            .masked()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// An Event of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventNote {
    /// `Warning`, not `Normal`.
    pub warning: bool,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// How an act went.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The API server stored or read the object, which is now this.
    Object(Value),
    /// The object does not exist anymore.
    NoObject,
    /// The object has changed since it was read.
    Conflict,
    /// ECI makes the cache of this id.
    Created(String),
    /// ECI described the cache that was asked for; `None` if it has no such cache.
    Described(Option<Box<ImageCacheEntry>>),
    /// Registries answered, or not, by the full name of the image.
    Answered(BTreeMap<String, RegistryAnswer>),
    /// ECI accepted an update or a deletion.
    Accepted,
    /// ECI said no.
    Refused {
        /// The code.
        code: ErrorCode,
        /// Its words, without the secrets of the call: they become a part of the status. The client takes them out.
        message: String,
        /// Whether the same call may help later.
        retry: Retry,
    },
    /// No answer came, or none that could be read. It may have had its effect.
    Lost(String),
    /// It was never sent, for this reason.
    Unsent(String),
}

/// The object after a JSON merge patch (RFC 7386), as the API server stores it: `null` in the objects of a list is dropped
/// as well, which the RFC does not say and Kubernetes does.
///
/// ```
/// use imagecache::reconcile::patched;
/// use serde_json::json;
/// let object = json!({"status": {"phase": "Ready", "progress": "100%"}});
/// let after = patched(&object, &json!({"status": {"phase": "Updating", "progress": null}}));
/// assert_eq!(after, json!({"status": {"phase": "Updating"}}));
/// let after = patched(&object, &json!({"status": {"events": [{"count": 1, "eventTime": null}]}}));
/// assert_eq!(after["status"]["events"], json!([{"count": 1}]));
/// ```
#[must_use]
pub fn patched(object: &Value, patch: &Value) -> Value {
    let changes = match patch {
        Value::Object(changes) => changes,
        Value::Array(items) => {
            let stored = items.iter().map(|item| patched(&Value::Null, item));
            return stored.collect();
        }
        other => return other.clone(),
    };
    let mut fields = object.as_object().cloned().unwrap_or_default();
    apply(&mut fields, changes);
    Value::Object(fields)
}

fn apply(fields: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (key, change) in changes {
        if change.is_null() {
            fields.remove(key);
        } else {
            let before = fields.get(key).unwrap_or(&Value::Null);
            let after = patched(before, change);
            fields.insert(key.clone(), after);
        }
    }
}
