//! What may be asked.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::{Failure, FailureCode};
use super::{MAX_BYTES, MAX_DEPTH};
use crate::document::TextFormat;
use crate::matching::MatchRules;
use crate::time::Timestamp;
use crate::validate::{ValidateOptions, nearest};

/// What may be asked. As JSON an object with one member: the name, and the arguments.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call {
    /// What is wrong with this manifest?
    Validate(Validate),
    /// Which cache does this pod hit, and why?
    Match(Match),
    /// When do these caches end?
    Expire(Expire),
    /// What becomes of this AdmissionReview?
    Admit(Admit),
    /// What does this text mean as an image?
    Reference(Reference),
    /// What does this code mean?
    Explain(Explain),
    /// The CustomResourceDefinition.
    Crd(Crd),
    /// The version, the calls and their limits.
    Version(Version),
    /// Adds caches to an index, in place of those with the same ids. Makes the index.
    #[serde(rename = "caches.insert")]
    Insert(Insert),
    /// Removes a cache from an index.
    #[serde(rename = "caches.remove")]
    Remove(Remove),
    /// Forgets an index.
    #[serde(rename = "caches.clear")]
    Clear(Clear),
    /// Counts the caches of an index.
    #[serde(rename = "caches.len")]
    Len(Len),
}

/// Arguments of `validate`: one of `text` and `object`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Validate {
    /// YAML or JSON; findings carry their place in it.
    pub text: Option<String>,
    /// An object, or a list.
    pub object: Option<Value>,
    /// How the text is written.
    pub format: FormatName,
    /// How strict to be.
    pub options: ValidateOptions,
}

/// [`TextFormat`], by name.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FormatName {
    /// By the text itself.
    #[default]
    Auto,
    /// JSON only.
    Json,
    /// YAML.
    Yaml,
}

impl From<FormatName> for TextFormat {
    fn from(format: FormatName) -> Self {
        match format {
            FormatName::Auto => TextFormat::Auto,
            FormatName::Json => TextFormat::Json,
            FormatName::Yaml => TextFormat::Yaml,
        }
    }
}

/// Arguments of `match`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// A Pod, or a workload with a pod template.
    pub pod: Value,
    /// Caches for this call alone: objects, lists, replies of the API, arrays of those.
    #[serde(default)]
    pub caches: Option<Value>,
    /// The index to ask, where `caches` is left out.
    #[serde(default)]
    pub index: String,
    /// The rules of matching.
    #[serde(default)]
    pub rules: MatchRules,
}

/// Arguments of `expire`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expire {
    /// A cache, or any document that holds caches.
    pub cache: Value,
    /// The present.
    pub now: Timestamp,
}

/// Arguments of `admit`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admit {
    /// The AdmissionReview.
    pub review: Value,
    /// See [`crate::admission::Settings`].
    #[serde(default)]
    pub settings: Value,
    /// Caches for this call alone.
    #[serde(default)]
    pub caches: Option<Value>,
    /// The index to ask, where `caches` is left out. Where there is none, caches are unavailable.
    #[serde(default)]
    pub index: String,
    /// The present.
    #[serde(default)]
    pub now: Option<Timestamp>,
}

/// Arguments of `reference`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// An image as a manifest names it.
    pub text: String,
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// A code or the name of a rule.
    pub code: String,
}

/// Arguments of `crd`: which definition.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crd {
    /// `v1` unless set.
    #[serde(default)]
    pub version: CrdName,
}

/// Which definition, by its version of `apiextensions.k8s.io`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrdName {
    /// With bounds, rules and words.
    #[default]
    V1,
    /// In the vendor's shape.
    V1beta1,
}

/// Arguments of `version`: none.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {}

/// Arguments of `caches.insert`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insert {
    /// Name of the index; empty unless set.
    #[serde(default)]
    pub index: String,
    /// Objects, lists, replies of the API, arrays of those.
    pub caches: Value,
}

/// Arguments of `caches.remove`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Name of the index; empty unless set.
    #[serde(default)]
    pub index: String,
    /// Id of the cache, or the name of one that has no id yet.
    pub id: String,
}

/// Arguments of `caches.clear`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clear {
    /// Name of the index; empty unless set.
    pub index: String,
}

/// Arguments of `caches.len`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Len {
    /// Name of the index; empty unless set.
    pub index: String,
}

impl Call {
    /// The names of all calls.
    pub const NAMES: [&str; 12] = [
        "validate",
        "match",
        "expire",
        "admit",
        "reference",
        "explain",
        "crd",
        "version",
        "caches.insert",
        "caches.remove",
        "caches.clear",
        "caches.len",
    ];

    /// Reads a call from JSON text.
    ///
    /// # Errors
    /// What is wrong with it: the JSON, the name, an argument, or a limit that it passes.
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        if text.len() > MAX_BYTES {
            let message = format!("{} bytes, at most {MAX_BYTES} allowed", text.len());
            return Err(Failure::new(FailureCode::Limit, message));
        }
        serde_json::from_str(text).map_err(|error| {
            let names = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(text);
            let names = names.map(|names| names.into_keys().collect());
            // JSON, but no object: it has no names.
            let other = |_| serde_json::from_str::<IgnoredAny>(text).map(|_| Vec::new());
            failure(&error, names.or_else(other).ok())
        })
    }

    /// Reads a call from a JSON value.
    ///
    /// # Errors
    /// As [`Call::from_text`].
    pub fn from_value(value: &Value) -> Result<Self, Failure> {
        if deeper_than(value, MAX_DEPTH) {
            let message = format!("values are nested deeper than {MAX_DEPTH}");
            return Err(Failure::new(FailureCode::Limit, message));
        }
        Call::deserialize(value).map_err(|error| {
            let names = value.as_object().map(Map::keys);
            failure(&error, Some(names.into_iter().flatten().cloned().collect()))
        })
    }
}

fn deeper_than(value: &Value, limit: usize) -> bool {
    let mut left = vec![(value, 0)];
    while let Some((value, depth)) = left.pop() {
        if depth > limit {
            return true;
        }
        match value {
            Value::Array(items) => left.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => left.extend(members.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    false
}

/// What an error of the JSON reader means, given the names that the call has; `None` when it is no JSON.
fn failure(error: &serde_json::Error, names: Option<Vec<String>>) -> Failure {
    let message = error.to_string();
    if message.starts_with("recursion limit") {
        let message = format!("values are nested deeper than {MAX_DEPTH}");
        return Failure::new(FailureCode::Limit, message);
    }
    let Some(names) = names else {
        return Failure::new(
            FailureCode::Syntax,
            format!("the call is no JSON: {message}"),
        );
    };
    match names.as_slice() {
        [name] if Call::NAMES.contains(&name.as_str()) => {
            // The argument is named; where it stands only text would know.
            let message = message
                .rsplit_once(" at line ")
                .map_or(&*message, |(fault, _)| fault);
            Failure::new(FailureCode::BadArgument, message.to_owned()).of(name)
        }
        [name] => {
            let message = match nearest(name, Call::NAMES) {
                Some(meant) => format!("no call is named `{name}`, did you mean `{meant}`?"),
                None => format!(
                    "no call is named `{name}`; the calls are {}",
                    Call::NAMES.join(", ")
                ),
            };
            Failure::new(FailureCode::UnknownCall, message).of(name)
        }
        _ => {
            let message = "a call is an object with one member, named after what is asked";
            Failure::new(FailureCode::UnknownCall, message.to_owned())
        }
    }
}
