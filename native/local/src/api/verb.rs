//! The verbs: what is stored after a request, made of what is stored and what the request says.
//!
//! The store calls one of these functions, and when it answers with an [`Outcome`], acts by its [`Effect`] under the
//! condition that the live object it passed is still the stored one; otherwise it calls again. The store gives each
//! stored object its `metadata.resourceVersion`; nothing here makes one.

use imagecache::time::Timestamp;
use serde_json::Value;

use super::error::{ApiError, Cause};
use super::fields::Writer;
use super::options::{DeleteOptions, FieldValidation, Propagation, WriteOptions};
use super::patch::PatchKind;
use super::resource::Resource;
use super::{decode, fields, go, meta, patch, schema};

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
    /// Are the CEL rules of the definition evaluated? Without them the server refuses exactly what the vendor's
    /// definition refuses, and takes a pull secret without a namespace; with them, what ours does.
    pub rules: bool,
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

/// Largest object that is stored, in bytes of JSON: the limit of the database under the real server.
pub const MAX_OBJECT: usize = 3 << 19;

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
    let decoded = decode::object(
        resource,
        body,
        content_type,
        context.options.field_validation,
    )?;
    let (mut object, warnings) = (decoded.object, decoded.warnings);
    let result = (|| {
        if body.len() > MAX_OBJECT {
            check_size(&object)?;
        }
        if let Some(name) = context.name {
            check_name(&object, name)?;
        }
        fields::record(resource, &resource.blank, &mut object, &context.writer());
        bring_to_life(resource, object, context)
    })();
    say_also(result, warnings)
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
    if let (true, Some(fields)) = (resource.has_status, object.as_object_mut()) {
        fields.remove("status");
        if !resource.status.is_null() {
            fields.insert("status".to_owned(), resource.status.clone());
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
    if !meta::text(&object, "resourceVersion").is_empty() {
        return Err(ApiError::internal(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    warnings.extend(meta::finalizer_warnings(&object, None));
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
    let decoded = decode::object(
        resource,
        body,
        content_type,
        context.options.field_validation,
    )?;
    let (mut object, warnings) = (decoded.object, decoded.warnings);
    let result = (|| {
        if body.len() > MAX_OBJECT {
            check_size(&object)?;
        }
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
    })();
    say_also(result, warnings)
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
        tidy_metadata(&mut object).map_err(ApiError::bad_request)?;
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
        fields.insert("kind".to_owned(), resource.kind.into());
    }
    blank
}

/// Metadata as the server's own type would hold it.
fn tidy_metadata(object: &mut Value) -> Result<(), String> {
    if let Some(metadata) = object.get_mut("metadata") {
        *metadata = meta::decode(metadata.take(), &mut Vec::new())?.into();
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
            // The real server checks metadata twice, and tells each fault twice.
            let metadata = meta::validate_update(&object, live);
            let mut causes = metadata.clone();
            causes.extend(metadata);
            causes.extend(content_faults(resource, &object, Some(live), context));
            causes
        }
    };
    refuse(&object, causes)?;
    warnings.extend(meta::finalizer_warnings(&object, Some(live)));
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

/// Compares resource versions, and fills in one that may be left out.
fn check_version(
    resource: &Resource,
    live: &Value,
    object: &mut Value,
    name: &str,
) -> Result<(), ApiError> {
    let asked = meta::text(object, "resourceVersion");
    let known = meta::text(live, "resourceVersion");
    if asked == known {
        return Ok(());
    }
    let number = if asked.is_empty() {
        0
    } else {
        asked.parse::<u64>().map_err(|_| {
            ApiError::internal(format!(
                "strconv.ParseUint: parsing {}: invalid syntax",
                go::quote(asked)
            ))
        })?
    };
    if number != 0 {
        return Err(ApiError::modified(resource, name));
    }
    if resource.unconditional_update {
        meta::set(object, "resourceVersion", known.into());
        return Ok(());
    }
    Err(ApiError::invalid(
        resource.group,
        resource.plural,
        name,
        vec![Cause::invalid(
            "metadata.resourceVersion",
            &0.into(),
            "must be specified for an update",
        )],
    ))
}

/// Puts back what the request does not write: the status, or all but the status; metadata of the server; and counts
/// the generation.
fn keep_what_is_not_written(
    resource: &Resource,
    live: &Value,
    object: &mut Value,
    subresource: Subresource,
) {
    let put = |object: &mut Value, name: &str, value: Option<Value>| {
        if let Some(fields) = object.as_object_mut() {
            match value {
                Some(value) => fields.insert(name.to_owned(), value),
                None => fields.remove(name),
            };
        }
    };
    if subresource == Subresource::Status {
        let status = object.get_mut("status").map(Value::take);
        let managed = meta::get(object, "managedFields").clone();
        let asked = meta::get(object, "uid").clone();
        *object = live.clone();
        put(object, "status", status);
        meta::set(object, "managedFields", managed);
        if !asked.is_null() {
            meta::set(object, "uid", asked);
        }
        return;
    }
    if resource.has_status {
        put(object, "status", live.get("status").cloned());
    }
    for name in ["generation", "creationTimestamp"] {
        meta::set(object, name, meta::get(live, name).clone());
    }
    meta::set(object, "selfLink", Value::Null);
    if meta::get(object, "uid").is_null() {
        meta::set(object, "uid", meta::get(live, "uid").clone());
    }
    if meta::is_deleting(live) {
        for name in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
            meta::set(object, name, meta::get(live, name).clone());
        }
    }
    if resource.has_generation && content(object) != content(live) {
        let generation = meta::get(live, "generation").as_i64().unwrap_or_default();
        meta::set(object, "generation", generation.saturating_add(1).into());
    }
}

/// The fields of an object but for its metadata.
fn content(object: &Value) -> Vec<(&String, &Value)> {
    let fields = object.as_object().into_iter().flatten();
    fields.filter(|(name, _)| *name != "metadata").collect()
}

/// A custom object must be of its kind and version.
fn type_faults(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (field, expected) in [
        ("kind", resource.kind),
        ("apiVersion", &resource.api_version()),
    ] {
        let found = text_of(object, field);
        if resource.custom && found != expected {
            causes.push(Cause::invalid(
                field,
                &found.into(),
                &format!("must be {expected}"),
            ));
        }
    }
    causes
}

fn content_faults(
    resource: &Resource,
    object: &Value,
    live: Option<&Value>,
    context: &Context<'_>,
) -> Vec<Cause> {
    let mut causes = Vec::new();
    if resource.custom {
        if context.subresource == Subresource::Status {
            if let (Some(schema), Some(status)) =
                (resource.schema.field("status"), object.get("status"))
            {
                causes.extend(schema::validate(schema, status, "status", context.rules));
            }
        } else {
            causes.extend(schema::validate(
                &resource.schema,
                object,
                "",
                context.rules,
            ));
        }
    }
    if context.subresource == Subresource::None {
        causes.extend((resource.validate)(object, live));
    }
    causes
}

/// 422 if there are faults. The object says of which kind it believes to be.
fn refuse(object: &Value, causes: Vec<Cause>) -> Result<(), ApiError> {
    if causes.is_empty() {
        return Ok(());
    }
    let api_version = text_of(object, "apiVersion");
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    // Events are validated as those of the core group, whatever group they come by.
    let group = if group == "events.k8s.io" { "" } else { group };
    let kind = text_of(object, "kind");
    Err(ApiError::invalid(
        group,
        &kind,
        meta::text(object, "name"),
        causes,
    ))
}

fn text_of(object: &Value, name: &str) -> String {
    object
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn admit(
    resource: &Resource,
    live: Option<&Value>,
    object: &mut Value,
    context: &Context<'_>,
) -> Result<Vec<String>, ApiError> {
    let Some(admit) = context
        .admit
        .filter(|_| context.subresource == Subresource::None)
    else {
        return Ok(Vec::new());
    };
    let admitted = admit(resource, live, std::mem::take(object))?;
    *object = admitted.object;
    Ok(admitted.warnings)
}

fn check_size(object: &Value) -> Result<(), ApiError> {
    if object.to_string().len() > MAX_OBJECT {
        return Err(ApiError::internal("etcdserver: request is too large"));
    }
    Ok(())
}

fn check_name(object: &Value, name: &str) -> Result<(), ApiError> {
    let found = meta::text(object, "name");
    if found.is_empty() {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )));
    }
    if found != name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({found}) does not match the name on the URL ({name})"
        )));
    }
    Ok(())
}

/// Gives the object the namespace of the URL.
fn settle_namespace(
    resource: &Resource,
    object: &mut Value,
    context: &Context<'_>,
) -> Result<(), ApiError> {
    let asked = context
        .namespace
        .filter(|_| resource.namespaced)
        .unwrap_or_default();
    let found = meta::text(object, "namespace");
    if found != asked {
        if !found.is_empty() && !asked.is_empty() {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        let namespace = if asked.is_empty() {
            Value::Null
        } else {
            asked.into()
        };
        meta::set(object, "namespace", namespace);
    }
    Ok(())
}

/// A name from its begin and five random characters; the begin is cut so that the whole fits a label.
fn generated(begin: &str, suffix: &str) -> String {
    const LONGEST: usize = 58;
    let mut end = begin.len().min(LONGEST);
    while !begin.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", begin.get(..end).unwrap_or_default())
}

fn wrong_uid(resource: &Resource, live: &Value, asked: &str) -> String {
    let mut key = String::from("/registry/");
    if resource.custom {
        key.push_str(&format!("{}/", resource.group));
    }
    key.push_str(resource.plural);
    for name in ["namespace", "name"] {
        let part = meta::text(live, name);
        if !part.is_empty() {
            key.push_str(&format!("/{part}"));
        }
    }
    format!(
        "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
         failed: UID in precondition: {asked}, UID in object meta: {}",
        meta::text(live, "uid")
    )
}

/// Does a write change nothing but the times in `managedFields`? Then it is none.
fn same_but_for_times(object: &Value, live: &Value) -> bool {
    if object == live {
        return true;
    }
    let fields = |object: &'_ Value| object.get("metadata").and_then(Value::as_object).cloned();
    if content(object) != content(live) {
        return false;
    }
    let (Some(mut new), Some(mut old)) = (fields(object), fields(live)) else {
        return false;
    };
    for metadata in [&mut new, &mut old] {
        let entries = metadata
            .get_mut("managedFields")
            .and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            entry.as_object_mut().map(|entry| entry.remove("time"));
        }
    }
    new == old
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

/// `DELETE`: an object goes, or waits for its finalizers ([`Effect::Update`] or [`Effect::Keep`]).
///
/// The answer is [`super::Status::deleted`] where the effect is [`Effect::Remove`] and the resource does not
/// [return deleted objects](Resource::returns_deleted), else the object. Whoever runs the garbage collection removes
/// dependents and then the finalizers `foregroundDeletion` and `orphan`. Pods go at once, without a grace period: there
/// is no process here that would need one.
///
/// # Errors
/// 409 for preconditions that do not hold.
pub fn delete(
    resource: &Resource,
    live: &Value,
    options: &DeleteOptions,
    now: Timestamp,
) -> Result<Outcome, ApiError> {
    check_preconditions(resource, live, options)?;
    let mut object = live.clone();
    let mut finalizers: Vec<&str> = meta::finalizers(live)
        .filter(|name| !matches!(*name, "orphan" | "foregroundDeletion"))
        .collect();
    match options.propagation {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push("foregroundDeletion"),
        Propagation::Orphan => finalizers.push("orphan"),
    }
    let effect = if finalizers.is_empty() {
        Effect::Remove
    } else {
        meta::set(&mut object, "finalizers", finalizers.into());
        if !meta::is_deleting(live) {
            meta::set(&mut object, "deletionTimestamp", now.to_string().into());
            meta::set(&mut object, "deletionGracePeriodSeconds", 0.into());
            if let Some(generation) = meta::get(live, "generation").as_i64() {
                meta::set(
                    &mut object,
                    "generation",
                    generation.saturating_add(1).into(),
                );
            }
        }
        if object == *live {
            Effect::Keep
        } else {
            Effect::Update
        }
    };
    Ok(Outcome {
        object,
        effect,
        warnings: Vec::new(),
    })
}

fn check_preconditions(
    resource: &Resource,
    live: &Value,
    options: &DeleteOptions,
) -> Result<(), ApiError> {
    let name = meta::text(live, "name");
    let uid = meta::text(live, "uid");
    if let Some(asked) = options.uid.as_deref().filter(|asked| *asked != uid) {
        let why = format!(
            "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The object might have \
             been deleted and then recreated"
        );
        return Err(ApiError::precondition(resource, name, &why));
    }
    let version = meta::text(live, "resourceVersion");
    if let Some(asked) = options
        .resource_version
        .as_deref()
        .filter(|asked| *asked != version)
    {
        let why = format!(
            "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record \
             ({version}). The object might have been modified"
        );
        return Err(ApiError::precondition(resource, name, &why));
    }
    Ok(())
}
