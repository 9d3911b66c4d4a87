//! What an object must be before it is sent: valid, with the logins that it names.

use std::fmt;

use serde_json::Value;

use super::condition::{reason, sentence};
use super::subject::Subject;
use super::trust::not_found;
use super::{Observed, ReconcileSettings};
use crate::diagnostic::Severity;
use crate::eci::login::{BadSecret, RegistryLogin};
use crate::eci::object::{CallContext, client_token, create, update};
use crate::eci::request::{CreateImageCache, Tag, UpdateImageCache};
use crate::resource::annotation::OWNER_TAG;
use crate::resource::{API_VERSION, ImageCache, KIND};
use crate::time::Timestamp;
use crate::validate;

/// What reading one secret came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretLogins {
    /// The secret, `namespace:name`.
    pub secret: String,
    /// The logins in it.
    pub found: Result<Vec<RegistryLogin>, SecretFault>,
}

/// Why a secret gives no login.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretFault {
    /// There is none, or it may not be used.
    Missing,
    /// It holds no readable docker config.
    Bad(BadSecret),
    /// It could not be read; the words say why, and hold nothing of the secret.
    Unreadable(String),
}

impl fmt::Display for SecretFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretFault::Missing => f.write_str("not found or not allowed"),
            SecretFault::Bad(bad) => bad.fmt(f),
            SecretFault::Unreadable(why) => f.write_str(why),
        }
    }
}

/// Why an object is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// The secrets have not been read yet.
    Unread(Vec<String>),
    /// The condition `Synced` reports it.
    Blocked {
        reason: &'static str,
        message: String,
    },
}

pub(super) fn blocked(reason: &'static str, message: &str) -> Held {
    Held::Blocked {
        reason,
        message: sentence(message),
    }
}

/// The token of a call: of the generation and the time of the intent in the status.
fn token(subject: &Subject<'_>, verb: &str, generation: i64, since: Timestamp) -> String {
    let attempt = u32::try_from(since.seconds()).unwrap_or(u32::MAX);
    client_token(subject.uid, generation, verb, attempt)
}

/// An object that may be sent.
pub(super) struct Intake {
    cache: ImageCache,
    logins: Vec<RegistryLogin>,
}

impl Intake {
    pub(super) fn of(
        subject: &Subject<'_>,
        seen: &Observed<'_>,
        settings: &ReconcileSettings,
    ) -> Result<Self, Held> {
        let mut object = subject.object.clone();
        if let Some(fields) = object.as_object_mut() {
            // items of a list lack them
            fields.insert("apiVersion".to_owned(), API_VERSION.into());
            fields.insert("kind".to_owned(), KIND.into());
            // the recorded value is not validated, and what is to be sent does not depend on it
            fields.remove("status");
        }
        let found = validate::object(&object, &validate::ValidateOptions::default());
        if let Some(error) = found.iter().find(|one| one.severity == Severity::Error) {
            return Err(blocked(
                reason::INVALID,
                &format!("{error} ({})", error.code.as_str()),
            ));
        }
        let cache: ImageCache = serde_json::from_value(object)
            .map_err(|error| blocked(reason::INVALID, &error.to_string()))?;
        settings.trust.check_annotations(&cache)?;
        let names = cache.spec.secrets();
        settings.trust.check_secrets(names)?;
        if names.is_empty() {
            return Ok(Intake {
                cache,
                logins: Vec::new(),
            });
        }
        let Some(read) = seen.logins else {
            return Err(Held::Unread(names.to_vec()));
        };
        let mut logins = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let found = read.iter().find(|login| login.secret == *name);
            match found.map(|login| &login.found) {
                Some(Ok(found)) => logins.extend(found.iter().cloned()),
                Some(Err(fault)) => {
                    let reason = match fault {
                        SecretFault::Missing => return Err(not_found(index, name)),
                        SecretFault::Bad(_) => reason::SECRET_INVALID,
                        SecretFault::Unreadable(_) => reason::SECRET_UNREADABLE,
                    };
                    let message =
                        format!("spec.imagePullSecrets[{index}]: secret `{name}`: {fault}");
                    return Err(blocked(reason, &message));
                }
                None => return Err(Held::Unread(names.to_vec())),
            }
        }
        settings.trust.check_logins(&cache, &logins)?;
        Ok(Intake { cache, logins })
    }

    fn context<'a>(&'a self, settings: &'a ReconcileSettings) -> CallContext<'a> {
        CallContext {
            region_id: &settings.region_id,
            defaults: &settings.defaults,
            logins: &self.logins,
            attempt: 0,
        }
    }

    pub(super) fn create(
        &self,
        subject: &Subject<'_>,
        settings: &ReconcileSettings,
        (generation, since): (i64, Timestamp),
    ) -> Result<CreateImageCache, Held> {
        let unfit = |error: crate::eci::object::Unfit| blocked(reason::INVALID, &error.to_string());
        let mut call = create(&self.cache, &self.context(settings)).map_err(unfit)?;
        call.client_token = Some(token(subject, "create", generation, since));
        call.tag = owner_tag(subject);
        Ok(call)
    }

    pub(super) fn update(
        &self,
        subject: &Subject<'_>,
        id: &str,
        settings: &ReconcileSettings,
        (generation, since): (i64, Timestamp),
    ) -> Result<UpdateImageCache, Held> {
        let unfit = |error: crate::eci::object::Unfit| blocked(reason::INVALID, &error.to_string());
        let mut call = update(&self.cache, id, &self.context(settings)).map_err(unfit)?;
        call.client_token = Some(token(subject, "update", generation, since));
        // a cache that was adopted has it from here on: no other cluster takes it over
        call.tag = owner_tag(subject);
        Ok(call)
    }
}

fn owner_tag(subject: &Subject<'_>) -> Vec<Tag> {
    vec![Tag {
        key: OWNER_TAG.to_owned(),
        value: Some(subject.uid.to_owned()),
    }]
}

/// Describes the differences between a cache and its object, as far as ECI reports them.
pub(super) fn difference(
    subject: &Subject<'_>,
    entry: &crate::eci::reply::ImageCacheEntry,
) -> Option<String> {
    let view = &subject.view;
    if view.lacks_images() {
        return None;
    }
    let mut wanted: Vec<&str> = view.images().iter().filter_map(Value::as_str).collect();
    let mut held: Vec<&str> = entry.images.iter().map(String::as_str).collect();
    for images in [&mut wanted, &mut held] {
        images.sort_unstable();
        images.dedup();
    }
    if !held.is_empty() && held != wanted {
        let odd = held.iter().find(|image| !wanted.contains(image));
        let odd = odd.map(|image| format!("`{image}` is in it"));
        let lacking = || wanted.iter().find(|image| !held.contains(image));
        let odd = odd.or_else(|| lacking().map(|image| format!("`{image}` is not in it")));
        return Some(odd.unwrap_or_default());
    }
    match (view.written_size_gib(), entry.image_cache_size) {
        // ECI raises a size that is too small, and says so
        (Some(wanted), Some(held)) if held < wanted => {
            Some(format!("it has {held} GiB, {wanted} are asked for"))
        }
        _ => None,
    }
}
