//! The CustomResourceDefinition, as a value. Hosts write it as YAML.

use serde_json::{Value, json};

use super::{
    CATEGORIES, COLUMNS, CRD_NAME, DEFAULT_SIZE_GIB, GROUP, KIND, LIST_KIND, MAX_IMAGE_LENGTH,
    MAX_IMAGES, MAX_RETENTION_DAYS, MAX_SECRET_LENGTH, MAX_SECRETS, MAX_SIZE_GIB,
    MIN_RETENTION_DAYS, MIN_SIZE_GIB, PLURAL, SHORT_NAMES, SINGULAR, VERSION,
};

/// A version of the CustomResourceDefinition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CrdVersion {
    /// `apiextensions.k8s.io/v1`: bounds, rules and descriptions for `kubectl explain`. Kubernetes 1.16 and newer; the
    /// CEL rules apply from 1.25 on, and older clusters drop them.
    #[default]
    V1,
    /// `apiextensions.k8s.io/v1beta1` in the vendor's shape, without bounds. Kubernetes 1.21 and older.
    VendorV1beta1,
}

/// The form `namespace:name` of a secret, as a regular expression with the same meaning in RE2 (CEL), ECMA (JSON Schema)
/// and Rust:
/// an RFC 1123 label of at most 63 characters, a colon, an RFC 1123 subdomain.
pub const SECRET_PATTERN: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?:[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// Returns the CustomResourceDefinition of `ImageCache`.
///
/// The `v1` definition rejects only objects that ECI rejects or that cannot work; duplicates, for example, pass. It has
/// no defaults, so a stored object is never rewritten: readers apply them
/// ([`super::Spec::size_gib`]).
///
/// ```
/// use imagecache::resource::{CrdVersion, crd};
/// let crd = crd(CrdVersion::V1);
/// assert_eq!(crd["metadata"]["name"], "imagecaches.eci.alibabacloud.com");
/// assert_eq!(crd["spec"]["names"]["shortNames"], serde_json::json!(["ic", "imc"]));
/// ```
#[must_use]
pub fn crd(version: CrdVersion) -> Value {
    match version {
        CrdVersion::V1 => v1(),
        CrdVersion::VendorV1beta1 => vendor_v1beta1(),
    }
}

fn columns(path_key: &str) -> Vec<Value> {
    COLUMNS
        .iter()
        .map(|column| json!({"name": column.name, "type": column.kind, path_key: column.json_path}))
        .collect()
}

fn v1() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {
                "kind": KIND,
                "listKind": LIST_KIND,
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": SHORT_NAMES,
                "categories": CATEGORIES,
            },
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns("jsonPath"),
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "description": "ImageCache caches container images as a disk snapshot.",
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "kind": {"type": "string"},
                        "metadata": {"type": "object"},
                        "spec": spec(),
                        "status": status(),
                    },
                }},
            }],
        },
    })
}

/// Returns the schema of `spec`. Each string and list has a maximum length, from which Kubernetes estimates the cost of the
/// CEL rules.
fn spec() -> Value {
    json!({
        "type": "object",
        "description": "The content of the cache. ECI pulls the images once, keeps them on a disk and snapshots it; pods on ECI \
            that use these images then start from a disk made of the snapshot. Everything else (architecture, \
            network, registries without TLS, flash) is an annotation k8s.aliyun.com/*.",
        "required": ["images"],
        "properties": {
            "images": {
                "type": "array",
                "description": format!(
                    "Images to cache, 1 to {MAX_IMAGES}, written as in pods. A pod finds the cache by repository and \
                     tag, so use immutable tags: with latest the cache keeps the old content."
                ),
                "minItems": 1,
                "maxItems": MAX_IMAGES,
                "items": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_IMAGE_LENGTH,
                    "x-kubernetes-validations": [
                        {
                            "rule": "!self.matches('\\\\s')",
                            "message": "an image must not contain white space",
                        },
                        {
                            "rule": "!self.contains('://')",
                            "message": "an image must not have a scheme; write registry.example.com/app:1.0 without https://",
                        },
                    ],
                },
            },
            "imagePullSecrets": {
                "type": "array",
                "description": "Secrets to log in to private registries with, each written namespace:name, as in \
                    default:my-registry. Public images and registries reached without a password need none.",
                "maxItems": MAX_SECRETS,
                "items": {
                    "type": "string",
                    "maxLength": MAX_SECRET_LENGTH,
                    "x-kubernetes-validations": [{
                        "rule": format!("self.matches('{}')", SECRET_PATTERN.replace('\\', "\\\\")),
                        "message": "a secret must be namespace:name, such as default:my-registry",
                    }],
                },
            },
            "imageCacheSize": {
                "type": "integer",
                "format": "int32",
                "description": format!(
                    "Size of the cache in GiB, {MIN_SIZE_GIB} to {MAX_SIZE_GIB}; default {DEFAULT_SIZE_GIB}. Use \
                     at least twice the size of the images: a full disk fails the creation after the whole pull."
                ),
                "minimum": MIN_SIZE_GIB,
                "maximum": MAX_SIZE_GIB,
            },
            "retentionDays": {
                "type": "integer",
                "format": "int32",
                "description": format!(
                    "Days of 24 hours, from creation, after which ECI removes the cache, {MIN_RETENTION_DAYS} to \
                     {MAX_RETENTION_DAYS}. If not set, the cache never expires, and its snapshot costs money until it is deleted."
                ),
                "minimum": MIN_RETENTION_DAYS,
                "maximum": MAX_RETENTION_DAYS,
            },
        },
    })
}

/// Returns the schema of `status`: all known fields, without bounds, because a status must never be rejected.
fn status() -> Value {
    let time = |description: &str| json!({"type": "string", "format": "date-time", "description": description});
    json!({
        "type": "object",
        "description": "The state of the cache in ECI. Written by the controller.",
        "properties": {
            "phase": {
                "type": "string",
                "description": "Pending, Preparing, Creating, Ready, Failed, Updating or UpdateFailed. Pods start only \
                    from a Ready cache. A Failed cache is removed 24 hours after its failure.",
            },
            "progress": {"type": "string", "description": "Progress in percent: 45%."},
            "imageCacheId": {
                "type": "string",
                "description": "Id of the cache in ECI, imc-…: the value for the pod annotation k8s.aliyun.com/eci-imc-id.",
            },
            "startTime": time("Time at which ECI started to create the cache."),
            "lastUpdatedTime": time("Time of the last change of the cache."),
            "lastUpdateTime": time("Older name of lastUpdatedTime: read, never written."),
            "expireDateTime": time(
                "Time at which ECI removes the cache: creation plus retentionDays, or failure plus 24 hours."
            ),
            "events": {
                "type": "array",
                "description": "Events of the creation of the cache: one for each image, named like the image, and \
                    one for the pause image.",
                "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            },
            "conditions": conditions(),
        },
    })
}

fn conditions() -> Value {
    json!({
        "type": "array",
        "description": "Conditions for kubectl wait, one of each type.",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status"],
            "properties": {
                "type": {"type": "string", "description": "Type of the condition: Ready."},
                "status": {"type": "string", "description": "True, False or Unknown."},
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "description": "The metadata.generation that the condition describes.",
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "Time of the last change of status.",
                },
                "reason": {"type": "string", "description": "Reason in one word."},
                "message": {"type": "string", "description": "Reason in a sentence."},
            },
        },
    })
}

fn vendor_v1beta1() -> Value {
    let strings = json!({"type": "array", "items": {"type": "string"}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1beta1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME},
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "scope": "Cluster",
            "names": {
                "kind": KIND,
                "plural": PLURAL,
                "shortNames": ["ic"],
                "categories": CATEGORIES,
            },
            "subresources": {"status": {}},
            "additionalPrinterColumns": columns("JSONPath"),
            "validation": {"openAPIV3Schema": {
                "required": ["spec"],
                "properties": {"spec": {
                    "type": "object",
                    "required": ["images"],
                    "properties": {
                        "imagePullSecrets": strings,
                        "images": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                        "imageCacheSize": {"type": "integer"},
                        "retentionDays": {"type": "integer"},
                    },
                }},
            }},
        },
    })
}
