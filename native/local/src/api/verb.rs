//! The verbs: what is stored after a request, made of what is stored and what the request says.
//!
//! The store calls one of these functions, and when it answers with an [`Outcome`], acts by its [`Effect`] under the
//! condition that the live object it passed is still the stored one; otherwise it calls again. The store gives each
//! stored object its `metadata.resourceVersion`; nothing here makes one.

use imagecache::time::Timestamp;
use serde_json::Value;

use super::error::ApiError;
use super::options::{DeleteOptions, WriteOptions};
use super::patch::PatchKind;
use super::resource::Resource;

/// Which part of an object a write is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subresource {
    /// The object, without its status where the resource has the subresource `status`.
    #[default]
    None,
    /// Only its status.
    Status,
}

/// An object after admission, with what is to be said about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Admitted {
    /// The object, changed or not.
    pub object: Value,
    /// `Warning` headers.
    pub warnings: Vec<String>,
}

/// Looks at an object between decoding and validation; gets the live object, if any, and the new one, and may change
/// or refuse the new one.
pub type Admit<'a> = dyn Fn(&Resource, Option<&Value>, Value) -> Result<Admitted, ApiError> + 'a;

/// Everything about a write that is neither the object nor the body.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Time of the request.
    pub now: Timestamp,
    /// UID for an object that comes to be: a fresh random UUID.
    pub uid: &'a str,
    /// Five random characters of `bcdfghjklmnpqrstvwxz2456789`, for `generateName`.
    pub suffix: &'a str,
    /// Namespace of the URL.
    pub namespace: Option<&'a str>,
    /// Name of the URL.
    pub name: Option<&'a str>,
    /// Status or the rest.
    pub subresource: Subresource,
    /// Who writes: [`super::options::manager`].
    pub manager: &'a str,
    /// The query.
    pub options: &'a WriteOptions,
    /// Admission, if any is switched on.
    pub admit: Option<&'a Admit<'a>>,
}

/// What the store has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Store a new object; [`ApiError::already_exists`] if there is one.
    Create,
    /// Replace the live object.
    Update,
    /// Nothing: the request changes nothing, and the resource version stays.
    Keep,
    /// Remove the live object: its last finalizer went, or it had none.
    Remove,
}

/// The result of a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The object as it is to be stored, and as the answer shows it. Its `resourceVersion` is that of the live object,
    /// or absent where there was none.
    pub object: Value,
    /// What the store has to do with it. A dry run does nothing, and answers the same.
    pub effect: Effect,
    /// `Warning` headers.
    pub warnings: Vec<String>,
}

/// `POST`: an object comes to be.
///
/// # Errors
/// Whatever the real server refuses, but not that the name is taken: the store knows that.
pub fn create(
    resource: &Resource,
    body: &[u8],
    content_type: Option<&str>,
    context: &Context<'_>,
) -> Result<Outcome, ApiError> {
    let _ = (resource, body, content_type, context);
    Err(ApiError::internal("create is not supported yet"))
}

/// `PUT`: an object, or its status, is replaced. `live` is the stored object, if there is one.
///
/// # Errors
/// Whatever the real server refuses.
pub fn update(
    resource: &Resource,
    live: Option<&Value>,
    body: &[u8],
    content_type: Option<&str>,
    context: &Context<'_>,
) -> Result<Outcome, ApiError> {
    let _ = (resource, live, body, content_type, context);
    Err(ApiError::internal("update is not supported yet"))
}

/// `PATCH`: an object, or its status, is changed; [`PatchKind::Apply`] may also create it. `live` is the stored object,
/// if there is one.
///
/// # Errors
/// Whatever the real server refuses.
pub fn patch(
    resource: &Resource,
    live: Option<&Value>,
    kind: PatchKind,
    body: &[u8],
    context: &Context<'_>,
) -> Result<Outcome, ApiError> {
    let _ = (resource, live, kind, body, context);
    Err(ApiError::internal("patch is not supported yet"))
}

/// `DELETE`: an object goes, or waits for its finalizers ([`Effect::Update`] or [`Effect::Keep`]).
///
/// The answer is [`super::Status::deleted`] where the effect is [`Effect::Remove`] and the resource does not
/// [return deleted objects](Resource::returns_deleted), else the object. Whoever runs the garbage collection removes
/// dependents and then the finalizers `foregroundDeletion` and `orphan`.
///
/// # Errors
/// 409 for preconditions that do not hold.
pub fn delete(
    resource: &Resource,
    live: &Value,
    options: &DeleteOptions,
    now: Timestamp,
) -> Result<Outcome, ApiError> {
    let _ = (resource, options, now);
    Ok(Outcome {
        object: live.clone(),
        effect: Effect::Remove,
        warnings: Vec::new(),
    })
}
