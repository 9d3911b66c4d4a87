//! What is answered.

use serde::Serialize;
use serde_json::{Value, json};

use super::call::Call;
use super::{MAX_BYTES, MAX_CACHES, MAX_DEPTH, MAX_INDEXES};
use crate::diagnostic::{Code, Diagnostic, Report, Severity};
use crate::expiry::Expiry;
use crate::reference::Reference;
use crate::validate::Validation;
use crate::{document, matching};

/// What is answered: success or failure, as JSON `{"ok": …}` or `{"error": …}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The call was answered.
    Ok(Reply),
    /// The call itself was wrong.
    Error(Failure),
}

impl Answer {
    pub(super) fn into_value(self) -> Value {
        serde_json::to_value(&self).unwrap_or_else(|error| unwritable(&error))
    }

    pub(super) fn into_text(self) -> String {
        serde_json::to_string(&self).unwrap_or_else(|error| unwritable(&error).to_string())
    }
}

fn unwritable(error: &serde_json::Error) -> Value {
    json!({"error": {"code": "unwritable", "message": error.to_string()}})
}

/// The answer to each call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To `validate`.
    Validated(Validation),
    /// To `match`.
    Matched(Box<Matched>),
    /// To `expire`: one for every cache of the document.
    Expiries(Vec<Expiry>),
    /// To `admit`: an AdmissionReview with its response.
    Reviewed(Value),
    /// To `reference`.
    Described(Reference),
    /// To `explain`.
    Explained(Explained),
    /// To `crd`.
    Definition(Value),
    /// To `version`.
    Version(About),
    /// To `caches.*`.
    Changed(Changed),
}

/// What becomes of a pod.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matched {
    /// What happens; `None` where the document is no pod.
    pub answer: Option<matching::Explanation>,
    /// What of the pod and of caches given with the call could not be read.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a code means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The code.
    pub code: Code,
    /// The rule's name.
    pub name: &'static str,
    /// Unless configured.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// The page in Markdown; `None` in builds without pages.
    pub page: Option<&'static str>,
}

/// What this is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    /// Version of the core.
    pub version: &'static str,
    /// Names of all calls.
    pub calls: &'static [&'static str],
    /// What input may be.
    pub limits: Limits,
}

/// The limits of the contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Bytes of a call as text.
    pub bytes: usize,
    /// Depth of values in a call.
    pub depth: usize,
    /// Indexes kept.
    pub indexes: usize,
    /// Caches kept in one index.
    pub caches: usize,
    /// Bytes of a text to validate.
    pub text_bytes: usize,
    /// Documents of a text to validate.
    pub documents: usize,
    /// Depth of a text to validate.
    pub text_depth: usize,
    /// Findings kept of one document.
    pub findings: usize,
}

impl About {
    pub(super) fn this() -> Self {
        About {
            version: env!("CARGO_PKG_VERSION"),
            calls: &Call::NAMES,
            limits: Limits {
                bytes: MAX_BYTES,
                depth: MAX_DEPTH,
                indexes: MAX_INDEXES,
                caches: MAX_CACHES,
                text_bytes: document::MAX_BYTES,
                documents: document::MAX_DOCUMENTS,
                text_depth: document::MAX_DEPTH,
                findings: Report::MAX_FINDINGS,
            },
        }
    }
}

/// What became of an index.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// Caches that were inserted or removed.
    pub changed: usize,
    /// Caches that are in it now.
    pub len: usize,
    /// What could not be read.
    pub diagnostics: Vec<Diagnostic>,
}

/// What was wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What kind of fault.
    pub code: FailureCode,
    /// The fault in words.
    pub message: String,
    /// The call, where it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
}

/// Kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// The text is no JSON.
    Syntax,
    /// No call has this name, or there is none or more than one.
    UnknownCall,
    /// An argument is missing, unknown, or of the wrong form.
    BadArgument,
    /// The call passes a limit of the contract.
    Limit,
    /// Nothing was ever inserted into an index of this name.
    NoSuchIndex,
}

impl Failure {
    pub(super) fn new(code: FailureCode, message: String) -> Self {
        Failure {
            code,
            message,
            call: None,
        }
    }

    pub(super) fn of(self, call: &str) -> Self {
        Failure {
            call: Some(call.to_owned()),
            ..self
        }
    }
}
