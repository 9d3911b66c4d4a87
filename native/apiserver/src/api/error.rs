//! What a Kubernetes API server answers when it refuses: a `Status`, with the recorded words and order of fields.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::cause::Cause;
use super::go_fmt;
use super::resource::Resource;

/// Media types of bodies and answers, as the real server lists them. Protobuf is that of built-in kinds only.
pub(crate) const MEDIA_TYPES: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

/// A refusal: an HTTP status code, a reason for machines, a message for people.
///
/// ```
/// use imagecache_apiserver::api::{ApiError, BUILT_IN_RESOURCES};
/// let deployments = BUILT_IN_RESOURCES.find("apps", "v1", "deployments").unwrap();
/// let error = ApiError::not_found(deployments, "nope");
/// assert_eq!((error.code, error.reason), (404, "NotFound"));
/// assert_eq!(error.message, "deployments.apps \"nope\" not found");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status code.
    pub code: u16,
    /// `NotFound`, `Conflict`, …; empty where the real server gives none (its internal errors).
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// What it is about.
    pub details: Option<Box<Details>>,
    /// `Warning` headers that go with the refusal.
    pub warnings: Vec<String>,
}

/// What a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group of `kind`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Plural of the resource, or the kind where a body was refused.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// UID of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Every single fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// When to ask again, in seconds; also sent as the `Retry-After` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    /// The token that continues a list whose resource version was compacted; returned in the metadata.
    #[serde(skip)]
    pub continues: Option<String>,
}

/// All faults in one line: one as it is, several in brackets, each once.
fn joined(causes: &[Cause]) -> String {
    let mut texts: Vec<String> = Vec::with_capacity(causes.len());
    let mut seen = std::collections::HashSet::new();
    for cause in causes {
        let text = cause.to_string();
        if seen.insert(text.clone()) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl ApiError {
    /// A refusal with nothing but these.
    #[must_use]
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        ApiError {
            code,
            reason,
            message: message.into(),
            details: None,
            warnings: Vec::new(),
        }
    }

    fn on(mut self, resource: &Resource, name: &str) -> Self {
        self.details = Some(Box::new(Details {
            name: name.to_owned(),
            group: resource.group.to_string(),
            kind: resource.plural.to_string(),
            ..Details::default()
        }));
        self
    }

    /// 404: the object does not exist.
    #[must_use]
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {} not found", resource.qualified(), go_fmt::quote(name));
        Self::new(404, "NotFound", message).on(resource, name)
    }

    /// 404 of a path that no resource answers.
    #[must_use]
    pub fn no_such_path() -> Self {
        let mut error = Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        );
        error.details = Some(Box::new(Details::default()));
        error
    }

    /// 404: objects are to be in a namespace that is not there.
    #[must_use]
    pub fn no_namespace(name: &str) -> Self {
        let message = format!("namespaces {} not found", go_fmt::quote(name));
        let mut error = Self::new(404, "NotFound", message);
        error.details = Some(Box::new(Details {
            name: name.to_owned(),
            kind: "namespaces".to_owned(),
            ..Details::default()
        }));
        error
    }

    /// 409: the name is taken; by an object that is being deleted if `deleting`.
    #[must_use]
    pub fn already_exists(resource: &Resource, name: &str, deleting: bool) -> Self {
        let prefix = if deleting {
            "object is being deleted: "
        } else {
            ""
        };
        let message = format!(
            "{prefix}{} {} already exists",
            resource.qualified(),
            go_fmt::quote(name)
        );
        Self::new(409, "AlreadyExists", message).on(resource, name)
    }

    /// 409: `why` the object cannot be written.
    #[must_use]
    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {}: {why}",
            resource.qualified(),
            go_fmt::quote(name)
        );
        Self::new(409, "Conflict", message).on(resource, name)
    }

    /// 409: a precondition of a delete does not hold. The real server names the kind here, not the resource.
    #[must_use]
    pub fn precondition(resource: &Resource, name: &str, why: &str) -> Self {
        let kind = if resource.group.is_empty() {
            resource.kind.to_string()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        let message = format!(
            "Operation cannot be fulfilled on {kind} {}: {why}",
            go_fmt::quote(name)
        );
        let mut error = Self::new(409, "Conflict", message).on(resource, name);
        if let Some(details) = &mut error.details {
            details.kind = resource.kind.to_string();
        }
        error
    }

    /// 409: somebody else wrote in between.
    #[must_use]
    pub fn modified(resource: &Resource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409: fields that another manager owns. `message` names them all, each of `causes` one.
    #[must_use]
    pub fn apply_conflict(message: String, causes: Vec<Cause>) -> Self {
        let causes = Cause::limited(causes);
        let mut error = Self::new(409, "Conflict", message);
        error.details = Some(Box::new(Details {
            causes,
            ..Details::default()
        }));
        error
    }

    /// 422: a body of `kind` in `group` has faults.
    #[must_use]
    pub fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let qualified = if group.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}.{group}")
        };
        let causes = Cause::limited(causes);
        let message = format!(
            "{qualified} {} is invalid: {}",
            go_fmt::quote(name),
            joined(&causes)
        );
        let mut error = Self::new(422, "Invalid", message);
        error.details = Some(Box::new(Details {
            name: name.to_owned(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            causes,
            ..Details::default()
        }));
        error
    }

    /// 422: options of a request, such as `CreateOptions` or `ListOptions`, have faults.
    #[must_use]
    pub fn invalid_options(kind: &str, causes: Vec<Cause>) -> Self {
        Self::invalid("meta.k8s.io", kind, "", causes)
    }

    /// 422 without a word of why: what the real server says when a JSON patch does not fit.
    #[must_use]
    pub fn unprocessable() -> Self {
        let mut error = Self::new(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
        );
        error.details = Some(Box::new(Details::default()));
        error
    }

    /// 400.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 403: not allowed, for a given reason.
    #[must_use]
    pub fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!(
            "{} {} is forbidden: {why}",
            resource.qualified(),
            go_fmt::quote(name)
        );
        Self::new(403, "Forbidden", message).on(resource, name)
    }

    /// What an admission policy denies, with the code of its reason.
    #[must_use]
    pub fn denied(resource: &Resource, name: &str, why: &str, reason: &'static str) -> Self {
        let mut error = Self::forbidden(resource, name, why);
        error.code = match reason {
            "Forbidden" => 403,
            "RequestEntityTooLarge" => 413,
            "Unauthorized" => 401,
            _ => 422,
        };
        error.reason = reason;
        if let Some(details) = &mut error.details {
            details.causes = vec![Cause {
                reason: "",
                message: why.to_owned(),
                field: String::new(),
                more: 0,
            }];
        }
        error
    }

    /// 415: a body whose type is none of `accepted`.
    #[must_use]
    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 406: no type that the client accepts can be made.
    #[must_use]
    pub fn not_acceptable() -> Self {
        let message = format!(
            "only the following media types are accepted: {}",
            MEDIA_TYPES.join(", ")
        );
        Self::new(406, "NotAcceptable", message)
    }

    /// 405: the resource has no such verb; `verb` is empty for methods that Kubernetes has no verb for.
    #[must_use]
    pub fn method_not_supported(resource: &Resource, verb: &str) -> Self {
        let message = format!(
            "{verb} is not supported on resources of kind {}",
            go_fmt::quote(&resource.qualified())
        );
        Self::new(405, "MethodNotAllowed", message).on(resource, "")
    }

    /// 413: a body beyond `limit` bytes.
    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        Self::request_too_large(&format!("limit is {limit}"))
    }

    /// 413, for any reason.
    #[must_use]
    pub fn request_too_large(why: &str) -> Self {
        let message = format!("Request entity too large: {why}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// 504: a write took longer to compute than it may.
    #[must_use]
    pub fn too_slow(limit: std::time::Duration) -> Self {
        let seconds = limit.as_secs_f64();
        let message = format!("Timeout: the request took longer to process than {seconds} s");
        Self::new(504, "Timeout", message)
    }

    /// 410: the resource version was compacted; the client must list again.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 410: a list has lost the moment that its pages showed; the token leads on through the present.
    #[must_use]
    pub fn expired_page(message: impl Into<String>, continues: String) -> Self {
        let mut error = Self::expired(message);
        error.details = Some(Box::new(Details {
            continues: Some(continues),
            ..Details::default()
        }));
        error
    }

    /// 504: the asked resource version lies in the future.
    #[must_use]
    pub fn version_too_large(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut error = Self::new(504, "Timeout", message);
        error.details = Some(Box::new(Details {
            causes: vec![Cause::new(
                "ResourceVersionTooLarge",
                "",
                "Too large resource version".to_owned(),
            )],
            retry_after_seconds: Some(1),
            ..Details::default()
        }));
        error
    }

    /// 429: too much at once.
    #[must_use]
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        let mut error = Self::new(429, "TooManyRequests", message);
        error.details = Some(Box::new(Details {
            retry_after_seconds: Some(retry_after_seconds),
            ..Details::default()
        }));
        error
    }

    /// 500 in plain words and without a reason, as the real server answers what it did not foresee.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// The same refusal with `Warning` headers.
    #[must_use]
    pub fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }

    /// Seconds for the `Retry-After` header.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.details.as_ref()?.retry_after_seconds
    }

    /// The body of the answer.
    #[must_use]
    pub fn status(&self) -> Status {
        let details = self.details.as_ref();
        let continues = details.and_then(|details| details.continues.as_ref());
        Status {
            kind: "Status",
            api_version: "v1",
            metadata: match continues {
                Some(token) => json!({"continue": token}),
                None => json!({}),
            },
            status: "Failure",
            message: self.message.clone(),
            reason: self.reason,
            details: details.filter(|_| continues.is_none()).cloned(),
            code: self.code,
        }
    }
}

/// A `Status` with its fields in the order of the real server.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    kind: &'static str,
    api_version: &'static str,
    metadata: Value,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Box<Details>>,
    #[serde(skip_serializing_if = "is_zero")]
    code: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(code: &u16) -> bool {
    *code == 0
}

impl Status {
    /// The answer to a deletion that is done.
    #[must_use]
    pub fn deleted(resource: &Resource, object: &Value) -> Self {
        let text = |name| super::meta::text(object, name).to_owned();
        Status {
            kind: "Status",
            api_version: "v1",
            metadata: json!({}),
            status: "Success",
            message: String::new(),
            reason: "",
            details: Some(Box::new(Details {
                name: text("name"),
                group: resource.group.to_string(),
                kind: resource.plural.to_string(),
                uid: text("uid"),
                ..Details::default()
            })),
            code: 0,
        }
    }
}
