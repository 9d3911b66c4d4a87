//! The verbs: what is stored after a request, made of what is stored and what the request says.
//!
//! The store calls one of these functions, and when it answers with an [`Outcome`], acts by its [`Effect`] under the
//! condition that the live object it passed is still the stored one; otherwise it calls again. The store gives each
//! stored object its `metadata.resourceVersion`; nothing here makes one.

mod check;
mod delete;

use imagecache::time::Timestamp;
use serde_json::Value;

use super::cause::Cause;
use super::decode::FieldValidation;
use super::error::ApiError;
use super::fields::Writer;
use super::options::WriteOptions;
use super::patch::PatchKind;
use super::resource::Resource;
use super::{decode, fields, meta, patch, schema};
use crate::limits::OBJECT_BYTES;
use check::{
    admit, check_name, check_size, check_version, check_weight, content_faults, generated,
    keep_what_is_not_written, refuse, same_but_for_times, settle_namespace, text_of, type_faults,
    wrong_uid,
};

pub use delete::delete;

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

/// Looks at an object after validation, which is about to be stored; gets the live object, if any, and returns warnings or
/// refuses.
pub type Approve<'a> = dyn Fn(Option<&Value>, &Value) -> Result<Vec<String>, ApiError> + 'a;

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
    /// What is asked last, if anything is.
    pub approve: Option<&'a Approve<'a>>,
}

impl Context<'_> {
    fn writer(&self) -> Writer<'_> {
        Writer {
            manager: self.manager,
            subresource: match self.subresource {
                Subresource::None => "",
                Subresource::Status => "status",
            },
            now: self.now,
        }
    }
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
    with_body(resource, body, content_type, context, |mut object| {
        if let Some(name) = context.name {
            check_name(&object, name)?;
        }
        fields::record(resource, &resource.blank, &mut object, &context.writer());
        bring_to_life(resource, object, context)
    })
}

/// Reads a body as an object, does something with it, and says also what there is to say about the body.
fn with_body(
    resource: &Resource,
    body: &[u8],
    content_type: Option<&str>,
    context: &Context<'_>,
    act: impl FnOnce(Value) -> Result<Outcome, ApiError>,
) -> Result<Outcome, ApiError> {
    let validation = context.options.field_validation;
    let decoded = decode::object(resource, body, content_type, validation)?;
    let fits = check_weight(&decoded.object).and_then(|()| {
        if body.len() > OBJECT_BYTES {
            check_size(&decoded.object)
        } else {
            Ok(())
        }
    });
    say_also(fits.and_then(|()| act(decoded.object)), decoded.warnings)
}

/// Everything that happens to a new object after its fields have owners.
fn bring_to_life(
    resource: &Resource,
    mut object: Value,
    context: &Context<'_>,
) -> Result<Outcome, ApiError> {
    settle_namespace(resource, &mut object, context)?;
    if meta::text(&object, "name").is_empty() && !meta::text(&object, "generateName").is_empty() {
        let name = generated(meta::text(&object, "generateName"), context.suffix);
        meta::set(&mut object, "name", name.into());
    }
    let mut warnings = admit(resource, None, &mut object, context)?;
    for (name, value) in [
        ("creationTimestamp", context.now.to_string().into()),
        ("uid", context.uid.into()),
        ("deletionTimestamp", Value::Null),
        ("deletionGracePeriodSeconds", Value::Null),
        ("selfLink", Value::Null),
        (
            "generation",
            if resource.has_generation {
                1.into()
            } else {
                Value::Null
            },
        ),
    ] {
        meta::set(&mut object, name, value);
    }
    let has_status = resource.has_status || !resource.kept;
    if let (true, Some(fields)) = (has_status, object.as_object_mut()) {
        fields.remove("status");
        let status = (resource.status)(&object);
        if let (false, Some(fields)) = (status.is_null(), object.as_object_mut()) {
            fields.insert("status".to_owned(), status);
        }
    }
    let causes = match type_faults(resource, &object) {
        wrong if !wrong.is_empty() => wrong,
        _ => {
            let mut causes = meta::validate(&object, resource.names, resource.namespaced);
            causes.extend(content_faults(resource, &object, None, context));
            causes
        }
    };
    refuse(&object, causes)?;
    if let Some(approve) = context.approve {
        warnings.extend(approve(None, &object)?);
    }
    if !meta::text(&object, "resourceVersion").is_empty() {
        return Err(ApiError::internal(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    warnings.extend(meta::finalizer_warnings(&object, None));
    warnings.extend((resource.warnings)(&object));
    Ok(Outcome {
        object,
        effect: Effect::Create,
        warnings,
    })
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
    with_body(resource, body, content_type, context, |mut object| {
        let name = context.name.unwrap_or_default();
        check_name(&object, name)?;
        settle_namespace(resource, &mut object, context)?;
        let live = live.ok_or_else(|| ApiError::not_found(resource, name))?;
        let (asked, known) = (meta::text(&object, "uid"), meta::text(live, "uid"));
        if !asked.is_empty() && asked != known {
            return Err(ApiError::conflict(
                resource,
                name,
                &wrong_uid(resource, live, asked),
            ));
        }
        fields::record(resource, live, &mut object, &context.writer());
        replace(resource, live, object, context)
    })
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
    if kind == PatchKind::Apply {
        return apply(resource, live, body, context);
    }
    let name = context.name.unwrap_or_default();
    let live = live.ok_or_else(|| ApiError::not_found(resource, name))?;
    let patched = patch::apply(resource, live, kind, body)?;
    let mut object = patched.object;
    let validation = context.options.field_validation;
    // The real server shows the whole patched object when it refuses it; that is worked out only when needed.
    let shown = |object: &Value| Value::from(object.to_string());
    let before = (validation == FieldValidation::Strict).then(|| shown(&object));
    let refuse_patch = |shown: &Value, words: &str| {
        ApiError::invalid("", "", "", vec![Cause::invalid("patch", shown, words)])
    };
    let (kind_of, version) = (text_of(&object, "kind"), text_of(&object, "apiVersion"));
    check_weight(&object)?;
    let faults = match decode::take_in(resource, &kind_of, &version, &mut object) {
        Ok(faults) => faults,
        Err(words) => {
            let patched = patch::apply(resource, live, kind, body)?.object;
            return Err(refuse_patch(&shown(&patched), &words));
        }
    };
    let mut strict = patched.duplicates;
    strict.extend(faults);
    if let (Some(before), false) = (before, strict.is_empty()) {
        return Err(refuse_patch(&before, &decode::strict_words(&strict, false)));
    }
    let warnings = if validation == FieldValidation::Warn {
        strict
    } else {
        Vec::new()
    };
    let result = (|| {
        check_name(&object, name)?;
        settle_namespace(resource, &mut object, context)?;
        fields::record(resource, live, &mut object, &context.writer());
        replace(resource, live, object, context)
    })();
    say_also(result, warnings)
}

/// Server-side apply.
fn apply(
    resource: &Resource,
    live: Option<&Value>,
    body: &[u8],
    context: &Context<'_>,
) -> Result<Outcome, ApiError> {
    let name = context.name.unwrap_or_default();
    let (config, duplicates) = decode::apply(body)?;
    let warnings = match context.options.field_validation {
        FieldValidation::Strict if !duplicates.is_empty() => {
            return Err(ApiError::bad_request(decode::strict_words(
                &duplicates,
                true,
            )));
        }
        FieldValidation::Warn => duplicates,
        _ => Vec::new(),
    };
    let result = (|| {
        if live.is_none() && context.subresource == Subresource::Status {
            return Err(ApiError::not_found(resource, name));
        }
        let blank;
        let base = match live {
            Some(live) => live,
            None => {
                blank = blank_of(resource);
                &blank
            }
        };
        let mut object = fields::apply(
            resource,
            base,
            config,
            &context.writer(),
            context.options.force,
        )?;
        check_weight(&object)?;
        tidy(resource, &mut object).map_err(ApiError::bad_request)?;
        if resource.custom {
            schema::fill(&resource.schema, &mut object);
        }
        (resource.prepare)(&mut object).map_err(ApiError::bad_request)?;
        check_name(&object, name)?;
        settle_namespace(resource, &mut object, context)?;
        match live {
            Some(live) => replace(resource, live, object, context),
            None => bring_to_life(resource, object, context),
        }
    })();
    say_also(result, warnings)
}

fn blank_of(resource: &Resource) -> Value {
    let mut blank = resource.blank.clone();
    if let Some(fields) = blank.as_object_mut() {
        fields.insert("apiVersion".to_owned(), resource.api_version().into());
        fields.insert("kind".to_owned(), resource.kind.as_ref().into());
    }
    blank
}

/// Makes metadata, and the fields of a built-in kind, what the server's own type would hold.
fn tidy(resource: &Resource, object: &mut Value) -> Result<(), String> {
    let Some(fields) = object.as_object_mut() else {
        return Ok(());
    };
    let metadata = fields.remove("metadata");
    if !resource.custom {
        decode::read_built_in(resource, object)?;
    }
    if let (Some(metadata), Some(fields)) = (metadata, object.as_object_mut()) {
        let metadata = meta::decode(metadata, &mut Vec::new())?;
        fields.insert("metadata".to_owned(), metadata.into());
    }
    Ok(())
}

/// Everything that happens to a changed object after its fields have owners.
fn replace(
    resource: &Resource,
    live: &Value,
    mut object: Value,
    context: &Context<'_>,
) -> Result<Outcome, ApiError> {
    let name = context.name.unwrap_or_default();
    let mut warnings = admit(resource, Some(live), &mut object, context)?;
    check_version(resource, live, &mut object, name)?;
    keep_what_is_not_written(resource, live, &mut object, context.subresource);
    let causes = match type_faults(resource, &object) {
        wrong if !wrong.is_empty() => wrong,
        _ => {
            // The real server checks metadata twice, and reports each error twice.
            let metadata = meta::validate_update(&object, live);
            let mut causes = metadata.clone();
            causes.extend(metadata);
            causes.extend(content_faults(resource, &object, Some(live), context));
            causes
        }
    };
    refuse(&object, causes)?;
    if let Some(approve) = context.approve {
        warnings.extend(approve(Some(live), &object)?);
    }
    warnings.extend(meta::finalizer_warnings(&object, Some(live)));
    if context.subresource == Subresource::None {
        warnings.extend((resource.warnings)(&object));
    }
    let ends = meta::is_deleting(live) && meta::finalizers(&object).next().is_none();
    let effect = if ends {
        Effect::Remove
    } else if same_but_for_times(&object, live) {
        object = live.clone();
        Effect::Keep
    } else {
        Effect::Update
    };
    Ok(Outcome {
        object,
        effect,
        warnings,
    })
}

/// Adds warnings to a result, before those that it has.
fn say_also(
    result: Result<Outcome, ApiError>,
    mut warnings: Vec<String>,
) -> Result<Outcome, ApiError> {
    match result {
        Ok(mut outcome) => {
            warnings.append(&mut outcome.warnings);
            outcome.warnings = warnings;
            Ok(outcome)
        }
        Err(mut error) => {
            warnings.append(&mut error.warnings);
            error.warnings = warnings;
            Err(error)
        }
    }
}
