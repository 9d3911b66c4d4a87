//! Bodies to values: JSON and YAML, with the real server's words for what is wrong with them.

use imagecache::diagnostic::{Code, Diagnostic, Levels};
use imagecache::document::{self, TextFormat};
use serde_json::{Map, Value};

use super::error::{ApiError, MEDIA_TYPES};

use super::cause::Cause;
use super::resource::Resource;
use super::schema::{self, prune, trim};
use super::{go_fmt, json, meta, protobuf};
use crate::limits::{BODY_BYTES, LISTED_ERRORS};

/// What happens to unknown and duplicate fields of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Drop them in silence.
    Ignore,
    /// Drop them and warn: the server's default.
    #[default]
    Warn,
    /// Refuse the body.
    Strict,
}

/// A media type without its parameters, in lower case.
#[must_use]
pub(crate) fn media_type(content_type: &str) -> String {
    let media = content_type.split(';').next().unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

/// A decoded object, with what is to be said about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Decoded {
    /// The object, pruned to its schema.
    pub object: Value,
    /// `Warning` headers about unknown and duplicate fields.
    pub warnings: Vec<String>,
}

/// A text that was read: the value, and what is wrong with it but does not hinder.
struct Text {
    value: Value,
    /// One message for each duplicate field.
    duplicates: Vec<String>,
    is_yaml: bool,
}

/// Decodes the body of a create or update.
///
/// # Errors
/// 415 for another media type, 400 for a body that is not an object of the resource or, with
/// [`FieldValidation::Strict`], has unknown or duplicate fields.
pub(crate) fn object(
    resource: &Resource,
    body: &[u8],
    content_type: Option<&str>,
    validation: FieldValidation,
) -> Result<Decoded, ApiError> {
    let unrecognized = |words: String| {
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): {words} ({})",
            resource.kind,
            summary(body)
        ))
    };
    let text = match media_type(content_type.unwrap_or_default()).as_str() {
        // Only built-in kinds have this form; the real server drops the connection for others.
        protobuf::MEDIA_TYPE if !resource.custom => Text {
            value: protobuf::read(body, (&resource.api_version(), &resource.kind))
                .map_err(unrecognized)?,
            duplicates: Vec::new(),
            is_yaml: false,
        },
        _ => read(body, content_type).map_err(|fault| fault.into_error(unrecognized))?,
    };
    let (kind, version) = type_of(&text.value).map_err(|words| unrecognized(in_json(&words)))?;
    let (mut kind, mut api_version) = (kind.to_owned(), version.to_owned());
    let mut value = text.value;
    if !resource.custom {
        // The path says what a body leaves out.
        for (name, found, default) in [
            ("kind", &mut kind, resource.kind.to_string()),
            ("apiVersion", &mut api_version, resource.api_version()),
        ] {
            if let (true, Some(fields)) = (found.is_empty(), value.as_object_mut()) {
                fields.insert(name.to_owned(), default.as_str().into());
                *found = default;
            }
        }
    }
    if kind.is_empty() {
        let words = format!(
            "Object 'Kind' is missing in '{}'",
            String::from_utf8_lossy(body)
        );
        return Err(unrecognized(words));
    }
    let cannot = |words: &str| {
        let version = api_version.rsplit('/').next().unwrap_or_default();
        ApiError::bad_request(format!(
            "{kind} in version {} cannot be handled as a {}: {words}",
            go_fmt::quote(version),
            resource.kind
        ))
    };
    if !resource.custom && !protobuf::is_registered(&api_version, &kind) {
        return Err(cannot(&protobuf::not_registered(&api_version, &kind)));
    }
    let mut strict = text.duplicates;
    let faults =
        take_in(resource, &kind, &api_version, &mut value).map_err(|words| cannot(&words))?;
    strict.extend(faults);
    if validation == FieldValidation::Strict && !strict.is_empty() {
        return Err(cannot(&strict_words(&strict, text.is_yaml)));
    }
    let warnings = match validation {
        FieldValidation::Warn => strict,
        FieldValidation::Ignore | FieldValidation::Strict => Vec::new(),
    };
    let expected = resource.api_version();
    if api_version != expected {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({expected})"
        ))
        .with_warnings(warnings));
    }
    if !resource.custom && kind != resource.kind {
        return Err(cannot(&format!(
            "converting ({}.{kind}) to ({}.{}): unknown conversion",
            resource.version,
            internal_package(&resource.group),
            resource.kind
        )));
    }
    Ok(Decoded {
        object: value,
        warnings,
    })
}

/// The Go package of the internal types of a group.
fn internal_package(group: &str) -> &str {
    match group.split('.').next() {
        // both kinds of events have one internal type
        None | Some("" | "events") => "core",
        Some(name) => name,
    }
}

/// Makes an object of a decoded value: metadata as the server knows it, fields as the schema knows them. Says what was
/// dropped: `unknown field "spec.bar"`.
///
/// # Errors
/// Go's words for metadata of the wrong shape.
pub(crate) fn take_in(
    resource: &Resource,
    kind: &str,
    api_version: &str,
    value: &mut Value,
) -> Result<Vec<String>, String> {
    let Value::Object(fields) = value else {
        return Ok(Vec::new());
    };
    let mut unknown = Vec::new();
    let metadata = match fields.remove("metadata") {
        None | Some(Value::Null) => Map::new(),
        Some(metadata) => meta::decode(metadata, &mut unknown)?,
    };
    if resource.custom {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        if group == resource.group && kind == resource.kind {
            if version == resource.version {
                let pruned = prune(&resource.schema, value);
                unknown.extend(pruned.paths);
                trim(&resource.schema, value);
            } else if let Value::Object(fields) = value {
                // A version without a schema knows no field at all.
                fields.retain(|name, _| {
                    let known = matches!(name.as_str(), "apiVersion" | "kind");
                    if !known {
                        unknown.push(name.clone());
                    }
                    known
                });
            }
        }
    } else {
        unknown.extend(read_built_in(resource, value)?);
    }
    unknown.sort_unstable();
    if let Value::Object(fields) = value {
        fields.insert("metadata".to_owned(), metadata.into());
    }
    (resource.prepare)(value)?;
    Ok(unknown
        .iter()
        .map(|path| format!("unknown field {}", go_fmt::quote(path)))
        .collect())
}

/// Reads the fields of an object of a built-in kind as the server's own type does, and returns the unknown ones.
///
/// # Errors
/// Go's words for a value of the wrong type.
pub(crate) fn read_built_in(resource: &Resource, value: &mut Value) -> Result<Vec<String>, String> {
    let unknown = schema::decode(&resource.schema, value)?;
    trim(&resource.schema, value);
    Ok(unknown)
}

/// All strict faults in one text.
#[must_use]
pub(crate) fn strict_words(faults: &[String], yaml: bool) -> String {
    let (lines, rest): (Vec<&String>, Vec<&String>) = faults
        .iter()
        .take(LISTED_ERRORS)
        .partition(|fault| yaml && fault.starts_with("line "));
    let mut words = Vec::new();
    if !lines.is_empty() {
        let lines: Vec<String> = lines.iter().map(|line| format!("\n  {line}")).collect();
        words.push(format!("yaml: unmarshal errors:{}", lines.concat()));
    }
    let more = faults.len().saturating_sub(LISTED_ERRORS);
    words.extend(rest.into_iter().cloned());
    words.extend((more > 0).then(|| Cause::more(more).to_string()));
    format!("strict decoding error: {}", words.join(", "))
}

/// Decodes the body of a server-side apply: one YAML (or JSON) document, as it is, with the lines of keys that stand
/// twice.
///
/// # Errors
/// 400 for a text that is not YAML, or not an object.
pub(crate) fn apply(body: &[u8]) -> Result<(Value, Vec<String>), ApiError> {
    let text = yaml(body).map_err(|words| {
        ApiError::bad_request(format!(
            "error decoding YAML: error converting YAML to JSON: {words}"
        ))
    })?;
    let mut value = text.value;
    if !value.is_object() && !value.is_null() {
        return Err(ApiError::bad_request(format!(
            "error decoding YAML: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go_fmt::json_kind(&value)
        )));
    }
    normalize(&mut value);
    Ok((value, text.duplicates))
}

/// Whole numbers without a fraction, everywhere.
fn normalize(value: &mut Value) {
    trim(&schema::Schema::anything(), value);
}

/// Decodes a JSON or merge patch.
///
/// # Errors
/// 400 for a text that is not JSON.
pub(crate) fn patch(body: &[u8]) -> Result<(Value, Vec<String>), ApiError> {
    json::read(body)
        .map_err(|words| ApiError::bad_request(format!("error decoding patch: {words}")))
        .map(|(mut value, duplicates)| {
            normalize(&mut value);
            let duplicates = duplicates
                .iter()
                .map(|path| format!("duplicate field {}", go_fmt::quote(path)))
                .collect();
            (value, duplicates)
        })
}

/// Decodes the body of a delete.
///
/// # Errors
/// 415 for another media type, 400 for a body that is not a `DeleteOptions`.
pub(crate) fn delete_options(body: &[u8], content_type: Option<&str>) -> Result<Value, ApiError> {
    let value = if media_type(content_type.unwrap_or_default()) == protobuf::MEDIA_TYPE {
        protobuf::read(body, ("v1", "DeleteOptions")).map_err(ApiError::bad_request)?
    } else {
        read(body, content_type)
            .map_err(|fault| fault.into_error(ApiError::bad_request))?
            .value
    };
    let (kind, version) =
        type_of(&value).map_err(|words| ApiError::bad_request(in_json(&words)))?;
    if !matches!(kind, "" | "DeleteOptions") {
        return Err(ApiError::bad_request(format!(
            "no kind {} is registered for version {} in scheme \
             \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27\"",
            go_fmt::quote(kind),
            go_fmt::quote(version)
        )));
    }
    Ok(value)
}

/// Why a body could not be read.
enum Fault {
    MediaType,
    Words(String),
}

impl Fault {
    fn into_error(self, say: impl FnOnce(String) -> ApiError) -> ApiError {
        match self {
            Fault::MediaType => ApiError::unsupported_media_type(&MEDIA_TYPES),
            Fault::Words(words) => say(words),
        }
    }
}

fn read(body: &[u8], content_type: Option<&str>) -> Result<Text, Fault> {
    match media_type(content_type.unwrap_or_default()).as_str() {
        "" | "application/json" => {
            let (value, duplicates) =
                json::read(body).map_err(|words| Fault::Words(in_json(&words)))?;
            Ok(Text {
                value,
                duplicates: duplicates
                    .iter()
                    .map(|path| format!("duplicate field {}", go_fmt::quote(path)))
                    .collect(),
                is_yaml: false,
            })
        }
        "application/yaml" => yaml(body).map_err(Fault::Words),
        _ => Err(Fault::MediaType),
    }
}

fn in_json(words: &str) -> String {
    format!("couldn't get version/kind; json parse error: {words}")
}

/// `kind` and `apiVersion` of a value.
fn type_of(value: &Value) -> Result<(&str, &str), String> {
    match value {
        Value::Null => Ok(("", "")),
        Value::Object(fields) => {
            let text = |name: &str| match fields.get(name) {
                None | Some(Value::Null) => Ok(""),
                Some(Value::String(text)) => Ok(text.as_str()),
                Some(other) => Err(format!(
                    "json: cannot unmarshal {} into Go struct field .{name} of type string",
                    go_fmt::json_kind(other)
                )),
            };
            Ok((text("kind")?, text("apiVersion")?))
        }
        other => Err(format!(
            "json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \
             \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
            go_fmt::json_kind(other)
        )),
    }
}

/// The begin of a body as the real server shows it: text if it looks like JSON, else hexadecimal.
fn summary(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let Some(first) = body.first() else {
        return "<empty>".to_owned();
    };
    let shown = body.get(..SHOWN).unwrap_or(body);
    let more = if body.len() > SHOWN { " ..." } else { "" };
    if *first == b'{' {
        format!("{}{more}", String::from_utf8_lossy(shown))
    } else {
        let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{hex}{more}")
    }
}

/// Reads the first document of a YAML text, by the rules that `kubectl` reads YAML by.
fn yaml(body: &[u8]) -> Result<Text, String> {
    let text = String::from_utf8_lossy(body);
    let mut limits = document::TextLimits::default();
    limits.bytes = BODY_BYTES;
    let (documents, findings) =
        document::read_within(&text, TextFormat::Yaml, &Levels::default(), &limits);
    let first = documents.first();
    let mut duplicates = Vec::new();
    for finding in &findings {
        match finding.code {
            Code::IC002 => duplicates.extend(twice(finding, &text)),
            _ if first.is_none_or(|document| document.index() > 0) => return Err(words(finding)),
            _ => {}
        }
    }
    Ok(Text {
        value: first.map_or(Value::Null, |document| document.value().clone()),
        duplicates,
        is_yaml: true,
    })
}

fn twice(finding: &Diagnostic, text: &str) -> Option<String> {
    let span = finding.span.as_ref()?;
    let key = text
        .get(span.start.offset..span.end.offset)?
        .trim_matches(['"', '\'']);
    Some(format!(
        "line {}: key {} already set in map",
        span.start.line,
        go_fmt::quote(key)
    ))
}

/// Messages of the project's YAML reader, with those of Go's reader for the same errors.
const YAML_WORDS: [(&str, &str); 4] = [
    (
        "unexpected mapping key",
        "mapping values are not allowed in this context",
    ),
    (
        "found a tab where only spaces are allowed",
        "found character that cannot start any token",
    ),
    ("`[` is not closed", "did not find expected ',' or ']'"),
    ("`{` is not closed", "did not find expected ',' or '}'"),
];

/// Returns Go's message for a YAML syntax error, or the project's if Go's is not known.
fn words(finding: &Diagnostic) -> String {
    let words = YAML_WORDS
        .iter()
        .find(|(ours, _)| *ours == finding.message)
        .map_or(finding.message.as_str(), |(_, go)| go);
    match &finding.span {
        Some(span) => format!("yaml: line {}: {words}", span.start.line),
        None => format!("yaml: {words}"),
    }
}
