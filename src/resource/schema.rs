//! JSON Schemas of manifests, for editors.

use serde_json::{Map, Value, json};

use super::{
    API_VERSION, DEFAULT_SIZE_GIB, KIND, MAX_IMAGE_LENGTH, MAX_IMAGES, MAX_NAME_LENGTH,
    MAX_RETENTION_DAYS, MAX_SECRET_LENGTH, MAX_SECRETS, MAX_SIZE_GIB, MIN_RETENTION_DAYS,
    MIN_SIZE_GIB, Phase, SECRET_PATTERN,
};
use crate::resource::annotation::{AnnotationHolder, KNOWN, KnownAnnotation, ValueForm};

/// An RFC 1123 subdomain: the form of an object name.
const NAME_PATTERN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// Returns a JSON Schema of one `ImageCache` manifest, draft-07, which YAML language servers support best. It is stricter
/// than the CRD where an editor should report an error (a misspelt field, a name, the form of an annotation), and never
/// less strict. For `status`, which manifests do not contain, it only lists the fields.
///
/// Save it beside the manifests and reference it in their first line:
/// `# yaml-language-server: $schema=imagecache.schema.json`.
///
/// ```
/// let schema = imagecache::resource::json_schema();
/// assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
/// assert_eq!(schema["properties"]["spec"]["properties"]["images"]["maxItems"], 20);
/// ```
#[must_use]
pub fn json_schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": KIND,
        "description": "An image cache of Alibaba Cloud Elastic Container Instance (ECI): images that are pulled once \
            and kept as a disk snapshot, from which pods start without pulling.",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": KIND},
            "metadata": metadata(),
            "spec": spec(),
            "status": status(),
        },
    })
}

/// Returns a JSON Schema of the annotations of pods and pod templates, draft-07: the annotations of image caches, except
/// those that ECI writes. Other annotations are not restricted.
///
/// ```
/// let schema = imagecache::resource::pod_annotations_schema();
/// assert!(schema["properties"]["k8s.aliyun.com/eci-imc-id"]["description"].is_string());
/// ```
#[must_use]
pub fn pod_annotations_schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Annotations of pods",
        "type": ["object", "null"],
        "properties": annotations(|known| known.holder != AnnotationHolder::ImageCache && !known.result),
        "additionalProperties": {"type": "string"},
    })
}

fn annotations(wanted: impl Fn(&KnownAnnotation) -> bool) -> Map<String, Value> {
    KNOWN
        .iter()
        .filter(|known| wanted(known))
        .map(|known| (known.name.to_owned(), annotation(known)))
        .collect()
}

fn metadata() -> Value {
    let annotations = annotations(|known| known.holder != AnnotationHolder::Pod);
    json!({
        "type": "object",
        "description": "Name and annotations. An ImageCache has no namespace: every namespace of the cluster can use it.",
        "anyOf": [{"required": ["name"]}, {"required": ["generateName"]}],
        "properties": {
            "name": {
                "type": "string",
                "description": "Unique in the cluster: lower case letters, digits, `-` and `.`.",
                "pattern": NAME_PATTERN,
                "maxLength": MAX_NAME_LENGTH,
            },
            "generateName": {
                "type": "string",
                "description": "Prefix of a name that the API server completes; for `kubectl create`, not for `apply`.",
            },
            "namespace": {
                "description": "Not allowed: an ImageCache is cluster-scoped.",
                "enum": [null, ""],
                "doNotSuggest": true,
            },
            "labels": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
            "annotations": {
                "type": ["object", "null"],
                "description": "Options that are not in `spec`: architecture, network, registries, flash.",
                "properties": annotations,
                "additionalProperties": {"type": "string"},
            },
        },
    })
}

/// Returns the schema of one annotation's value. It does not limit the length of lists: `imagecache validate` reports it
/// with a position.
fn annotation(known: &KnownAnnotation) -> Value {
    const LIST: &str = "comma-separated";
    let list = |item: &str| format!("^\\s*{item}\\s*(,\\s*{item}\\s*)*$");
    let words = |words: &[&str]| {
        let any_case: Vec<String> = words.iter().map(|word| any_case(word)).collect();
        json!({"anyOf": [{"enum": words}, {"pattern": format!("^({})$", any_case.join("|"))}]})
    };
    let (form, mut schema) = match known.form {
        ValueForm::Bool => (
            "`true` or `false`, in quotes".to_owned(),
            words(&["true", "false"]),
        ),
        ValueForm::OneOf(allowed) => (allowed.join(" or "), json!({"enum": allowed})),
        ValueForm::Count => (
            "a whole number of at least 1, in quotes".to_owned(),
            json!({"pattern": "^[0-9]+$"}),
        ),
        ValueForm::CacheId => ("`imc-…`".to_owned(), json!({"pattern": "^imc-"})),
        ValueForm::Id(prefix) => (
            format!("`{prefix}…`"),
            json!({"pattern": format!("^{prefix}")}),
        ),
        ValueForm::Ids(prefix, most) => (
            format!("`{prefix}…`, {LIST}, at most {most}"),
            json!({"pattern": list(&format!("{prefix}[^,\\s]+"))}),
        ),
        ValueForm::AcrInstances => (
            format!("`cri-…` or `region:cri-…`, {LIST}"),
            json!({"pattern": list("([^,:\\s]+:)?cri-[^,\\s]+")}),
        ),
        ValueForm::Arns => (
            format!("`acs:ram::account:role/name`, {LIST}"),
            json!({"pattern": list("acs:ram::[0-9]+:role/[^,\\s]+")}),
        ),
        ValueForm::Hosts => (
            format!("`host` or `host:port`, {LIST}"),
            json!({"pattern": list("[^,\\s/]+")}),
        ),
        ValueForm::Quantity => (
            "a quantity of bytes such as `50Gi`".to_owned(),
            json!({"pattern": "^[0-9.]+"}),
        ),
    };
    if let Some(members) = schema.as_object_mut() {
        members.insert("type".to_owned(), json!("string"));
        members.insert(
            "description".to_owned(),
            json!(format!("{} Form: {form}.", known.meaning)),
        );
        if let Some(successor) = known.successor {
            members.insert(
                "deprecationMessage".to_owned(),
                json!(format!("Deprecated name; use {successor}.")),
            );
        }
    }
    schema
}

/// Returns a pattern that matches a word of ASCII letters in any case.
fn any_case(word: &str) -> String {
    word.chars()
        .flat_map(|c| ['[', c.to_ascii_uppercase(), c.to_ascii_lowercase(), ']'])
        .collect()
}

fn spec() -> Value {
    json!({
        "type": "object",
        "description": "The content of the cache. All other options are annotations.",
        "required": ["images"],
        "additionalProperties": false,
        "properties": {
            "images": {
                "type": "array",
                "description": "Images to cache, written as in pods. Use immutable tags: with `latest` the cache \
                    keeps the old content.",
                "minItems": 1,
                "maxItems": MAX_IMAGES,
                "items": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_IMAGE_LENGTH,
                    "pattern": "^((?!://)\\S)*$",
                },
                "examples": [["registry.example.com/app:1.0"]],
            },
            "imagePullSecrets": {
                "type": ["array", "null"],
                "description": "Secrets to log in to private registries with, each `namespace:name`.",
                "maxItems": MAX_SECRETS,
                "items": {"type": "string", "maxLength": MAX_SECRET_LENGTH, "pattern": SECRET_PATTERN},
                "examples": [["default:my-registry"]],
            },
            "imageCacheSize": {
                "type": ["integer", "null"],
                "description": format!("Size in GiB; default {DEFAULT_SIZE_GIB}. Use twice the size of the images."),
                "minimum": MIN_SIZE_GIB,
                "maximum": MAX_SIZE_GIB,
            },
            "retentionDays": {
                "type": ["integer", "null"],
                "description": "Days of 24 hours, from creation, after which the cache is removed. If not set, the cache never \
                    expires, and its snapshot costs money until it is deleted.",
                "minimum": MIN_RETENTION_DAYS,
                "maximum": MAX_RETENTION_DAYS,
            },
        },
    })
}

/// Returns the schema of the status, which only the controller writes. An unknown phase is not an error.
fn status() -> Value {
    let time = |description: &str| json!({"type": ["string", "null"], "format": "date-time", "description": description});
    json!({
        "type": ["object", "null"],
        "description": "The state of the cache. Not for manifests: the API server drops it.",
        "properties": {
            "phase": {
                "type": "string",
                "description": "Pods start only from a `Ready` cache; a `Failed` cache is removed 24 hours later.",
                "anyOf": [{"enum": Phase::KNOWN}, {"type": "string"}],
            },
            "progress": {"type": "string", "description": "Progress in percent."},
            "imageCacheId": {"type": "string", "description": "Id of the cache in ECI, `imc-…`."},
            "startTime": time("Time at which ECI started to create the cache."),
            "lastUpdatedTime": time("Time of the last change of the cache."),
            "lastUpdateTime": time("Older name of `lastUpdatedTime`."),
            "expireDateTime": time("Time at which ECI removes the cache."),
            "events": {"type": ["array", "null"], "items": {"type": "object"}},
            "conditions": {"type": ["array", "null"], "items": {"type": "object"}},
        },
    })
}
