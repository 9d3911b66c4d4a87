//! What a request's query says: dry run, field validation, field manager, propagation.

use serde_json::Value;

use super::cause::Cause;
use super::decode;
pub use super::decode::FieldValidation;
use super::error::ApiError;
use super::go_fmt;
use super::meta;
use super::patch::PatchKind;

/// A kind of write, with its own options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// `POST`.
    Create,
    /// `PUT`.
    Update,
    /// `PATCH` of a kind.
    Patch(PatchKind),
}

impl Write {
    fn kind(self) -> &'static str {
        match self {
            Write::Create => "CreateOptions",
            Write::Update => "UpdateOptions",
            Write::Patch(_) => "PatchOptions",
        }
    }
}

/// Options of a create, update or patch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteOptions {
    /// Do everything but store.
    pub dry_run: bool,
    /// What to do with fields that the schema does not know.
    pub field_validation: FieldValidation,
    /// Who writes, if the query says so; see [`manager`].
    pub field_manager: Option<String>,
    /// Take fields over from other managers (server-side apply only).
    pub force: bool,
}

impl WriteOptions {
    /// Reads the query of a write.
    ///
    /// # Errors
    /// 422 for every option that has no such value, as the real server says it.
    pub fn from_query<'a>(
        write: Write,
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ApiError> {
        let mut options = WriteOptions::default();
        let (mut dry_run, mut validation, mut force) = (Vec::new(), None, None);
        for (name, value) in query {
            match name {
                "dryRun" if !value.is_empty() => dry_run.push(value),
                "fieldValidation" => validation = validation.or(Some(value)),
                "fieldManager" if !value.is_empty() => {
                    options
                        .field_manager
                        .get_or_insert_with(|| value.to_owned());
                }
                "force" => force = force.or(Some(!matches!(value, "false" | "0"))),
                _ => {}
            }
        }
        let mut causes = Vec::new();
        if let Some(cause) = manager_fault(options.field_manager.as_deref().unwrap_or_default()) {
            causes.push(cause);
        }
        let apply = write == Write::Patch(PatchKind::Apply);
        if apply && options.field_manager.is_none() {
            causes.push(Cause::required(
                "fieldManager",
                "is required for apply patch",
            ));
        }
        if let (Write::Patch(_), Some(_), false) = (write, force, apply) {
            causes.push(Cause::forbidden(
                "force",
                "may not be specified for non-apply patch",
            ));
        }
        causes.extend(dry_run_fault(&dry_run));
        options.field_validation = match validation {
            None | Some("") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some("Warn") => FieldValidation::Warn,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                causes.push(Cause::not_supported(
                    "fieldValidation",
                    &go_fmt::quote(other),
                    &["", "Ignore", "Strict", "Warn"],
                ));
                FieldValidation::Warn
            }
        };
        options.dry_run = !dry_run.is_empty();
        options.force = force.unwrap_or(false);
        if causes.is_empty() {
            Ok(options)
        } else {
            Err(ApiError::invalid_options(write.kind(), causes))
        }
    }
}

fn manager_fault(manager: &str) -> Option<Cause> {
    if manager.len() > meta::MAX_MANAGER {
        return Some(Cause::too_long("fieldManager", meta::MAX_MANAGER));
    }
    manager.chars().any(|c| c.is_control()).then(|| {
        Cause::invalid(
            "fieldManager",
            &Value::from(manager),
            "should only contain printable characters",
        )
    })
}

fn dry_run_fault(values: &[&str]) -> Option<Cause> {
    if values.iter().all(|value| *value == "All") {
        return None;
    }
    let shown = values
        .iter()
        .map(|value| go_fmt::quote(value))
        .collect::<Vec<_>>()
        .join(",");
    Some(Cause::not_supported(
        "dryRun",
        &format!("[{shown}]"),
        &["All"],
    ))
}

/// Who writes: the field manager of the query, else the user agent up to its first `/`.
///
/// ```
/// use imagecache_apiserver::api::options::manager;
/// assert_eq!(manager(None, Some("curl/8.1")), "curl");
/// assert_eq!(manager(Some("me"), Some("curl/8.1")), "me");
/// assert_eq!(manager(None, None), "unknown");
/// ```
#[must_use]
pub fn manager(field_manager: Option<&str>, user_agent: Option<&str>) -> String {
    if let Some(name) = field_manager.filter(|name| !name.is_empty()) {
        return name.to_owned();
    }
    let mut name = String::new();
    for c in user_agent
        .unwrap_or_default()
        .split('/')
        .next()
        .unwrap_or_default()
        .chars()
    {
        if name.len() + c.len_utf8() > meta::MAX_MANAGER {
            break;
        }
        if !c.is_control() {
            name.push(c);
        }
    }
    if name.is_empty() {
        name.push_str("unknown");
    }
    name
}

/// What happens to objects that name the deleted one as their owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    /// They go later; the object goes at once.
    #[default]
    Background,
    /// They go first; the object waits with the finalizer `foregroundDeletion`.
    Foreground,
    /// They stay and lose their owner; the object waits with the finalizer `orphan`.
    Orphan,
}

/// Options of a delete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeleteOptions {
    /// Do everything but delete.
    pub dry_run: bool,
    /// Seconds that the object may take to end.
    pub grace_period_seconds: Option<i64>,
    /// What happens to dependents.
    pub propagation: Propagation,
    /// Delete only an object with this UID.
    pub uid: Option<String>,
    /// Delete only this version of the object.
    pub resource_version: Option<String>,
}

impl DeleteOptions {
    /// Reads the options of a delete: from the body if there is one, else from the query.
    ///
    /// # Errors
    /// 415 for a body of another type, 400 for one that is not a `DeleteOptions`, 422 for values that do not exist.
    pub fn read<'a>(
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: &[u8],
        content_type: Option<&str>,
    ) -> Result<Self, ApiError> {
        let mut options = DeleteOptions::default();
        let (mut dry_run, mut policy) = (Vec::new(), None);
        let decoded;
        if body.is_empty() {
            for (name, value) in query {
                match name {
                    "dryRun" if !value.is_empty() => dry_run.push(value),
                    "gracePeriodSeconds" => {
                        options.grace_period_seconds = Some(value.parse().map_err(|_| {
                            ApiError::bad_request(format!(
                                "strconv.ParseInt: parsing {}: invalid syntax",
                                go_fmt::quote(value)
                            ))
                        })?);
                    }
                    "propagationPolicy" if !value.is_empty() => policy = policy.or(Some(value)),
                    _ => {}
                }
            }
        } else {
            decoded = decode::delete_options(body, content_type)?;
            let text = |value: Option<&'_ Value>| value.and_then(Value::as_str).map(str::to_owned);
            if let Some(values) = decoded.get("dryRun").and_then(Value::as_array) {
                dry_run.extend(values.iter().filter_map(Value::as_str));
            }
            options.grace_period_seconds =
                decoded.get("gracePeriodSeconds").and_then(Value::as_i64);
            policy = decoded.get("propagationPolicy").and_then(Value::as_str);
            let preconditions = decoded.get("preconditions");
            options.uid = text(preconditions.and_then(|value| value.get("uid")));
            options.resource_version =
                text(preconditions.and_then(|value| value.get("resourceVersion")));
        }
        let mut causes = Vec::new();
        options.propagation = match policy {
            None | Some("" | "Background") => Propagation::Background,
            Some("Foreground") => Propagation::Foreground,
            Some("Orphan") => Propagation::Orphan,
            Some(other) => {
                causes.push(Cause::not_supported(
                    "propagationPolicy",
                    &go_fmt::quote(other),
                    &["Foreground", "Background", "Orphan", "nil"],
                ));
                Propagation::Background
            }
        };
        causes.extend(dry_run_fault(&dry_run));
        options.dry_run = !dry_run.is_empty();
        if causes.is_empty() {
            Ok(options)
        } else {
            Err(ApiError::invalid_options("DeleteOptions", causes))
        }
    }
}
