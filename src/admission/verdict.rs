//! What becomes of a request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::patch::PatchOp;
use super::{MAX_CAUSES, warnings};
use crate::diagnostic::Diagnostic;
use crate::settings::SettingErrors;

/// One fault that a request is denied for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AdmissionCause {
    /// The code of the rule.
    pub code: crate::diagnostic::Code,
    /// The place in the object, as Kubernetes writes it.
    pub field: String,
    /// The fact and the limit.
    pub message: String,
}

/// Kubernetes' word for the status of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DenialReason {
    /// 400: the request cannot be read.
    BadRequest,
    /// 403: settings refuse the object.
    Forbidden,
    /// 422: the object has errors.
    Invalid,
    /// 500: the settings are invalid.
    InternalError,
    /// 503: the caches cannot be listed.
    ServiceUnavailable,
}

impl DenialReason {
    /// Returns the word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DenialReason::BadRequest => "BadRequest",
            DenialReason::Forbidden => "Forbidden",
            DenialReason::Invalid => "Invalid",
            DenialReason::InternalError => "InternalError",
            DenialReason::ServiceUnavailable => "ServiceUnavailable",
        }
    }
}

/// Writes a missing reason as an empty string.
mod empty_if_none {
    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StringDeserializer};
    use serde::{Deserialize, Deserializer, Serializer};

    use super::DenialReason;

    pub(super) fn serialize<S: Serializer>(
        reason: &Option<DenialReason>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(reason.map_or("", DenialReason::as_str))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DenialReason>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        let text: StringDeserializer<Error> = text.into_deserializer();
        DenialReason::deserialize(text)
            .map(Some)
            .map_err(serde::de::Error::custom)
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AdmissionVerdict {
    /// Whether the object may pass.
    pub allowed: bool,
    /// HTTP status of a denial: 422 for faults of the object, 403 where settings refuse, 400 for a request that cannot
    /// be read, 503 while caches cannot be listed, 500 for faulty settings. 200 when allowed.
    pub code: u16,
    /// Kubernetes' word for the code; `None` when allowed, in JSON an empty string.
    #[serde(with = "empty_if_none")]
    pub reason: Option<DenialReason>,
    /// Why it is denied: every cause as `path: fact, limit`, joined by `; `. Empty when allowed.
    pub message: String,
    /// The faults of the object, at most [`MAX_CAUSES`].
    pub causes: Vec<AdmissionCause>,
    /// What the caller should know, within the bounds that Kubernetes keeps.
    pub warnings: Vec<String>,
    /// For the audit log: `codes`, `matched-image-cache`, `match`, `caches-unavailable`.
    pub audit_annotations: Map<String, Value>,
    /// The change of the object.
    pub patch: Vec<PatchOp>,
    /// The object with the change; `None` when nothing changes.
    pub object: Option<Value>,
    #[serde(skip)]
    uncounted: usize,
}

impl AdmissionVerdict {
    pub(super) fn allowed() -> Self {
        AdmissionVerdict {
            allowed: true,
            code: 200,
            reason: None,
            message: String::new(),
            causes: Vec::new(),
            warnings: Vec::new(),
            audit_annotations: Map::new(),
            patch: Vec::new(),
            object: None,
            uncounted: 0,
        }
    }

    /// The answer to a malformed request.
    #[must_use]
    pub fn unreadable(fault: &str) -> Self {
        let mut verdict = Self::allowed();
        verdict.refuse(
            400,
            DenialReason::BadRequest,
            format!("the request cannot be read: {fault}"),
        );
        verdict
    }

    /// Returns the answer to every request while the settings are invalid.
    #[must_use]
    pub fn unconfigured(errors: &SettingErrors) -> Self {
        let mut verdict = Self::allowed();
        let message = format!("the settings are invalid: {errors}");
        verdict.refuse(500, DenialReason::InternalError, message);
        verdict
    }

    pub(super) fn refuse(&mut self, code: u16, reason: DenialReason, message: String) {
        self.allowed = false;
        self.code = code;
        self.reason = Some(reason);
        self.message = message;
    }

    /// Denies the object for a fault.
    pub(super) fn deny(&mut self, found: &Diagnostic) {
        if self.causes.len() == MAX_CAUSES {
            self.uncounted += 1;
            return;
        }
        let separator = if self.causes.is_empty() { "" } else { "; " };
        let message = format!("{}{separator}{found}", self.message);
        self.refuse(422, DenialReason::Invalid, message);
        let (field, message) = (found.path.clone(), found.message.clone());
        self.causes.push(AdmissionCause {
            code: found.code,
            field,
            message,
        });
    }

    /// Warns of a finding.
    pub(super) fn note(&mut self, found: &Diagnostic) {
        self.warnings.push(found.to_string());
    }

    pub(super) fn warn(mut self, warning: &str) -> Self {
        self.warnings.push(warning.to_owned());
        self
    }

    pub(super) fn audit(&mut self, key: &str, value: String) {
        self.audit_annotations.insert(key.to_owned(), value.into());
    }

    /// Drops the findings that a change has resolved and keeps the rest within the limits.
    pub(super) fn finish(mut self) -> Self {
        if self.uncounted > 0 {
            self.message
                .push_str(&format!("; and {} more", self.uncounted));
        }
        self.warnings = warnings::bounded(self.warnings);
        self
    }
}
