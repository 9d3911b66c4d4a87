//! The CustomResourceDefinition, as a value. Writing it as YAML is the host's matter.

use serde_json::{Value, json};

use super::{
    CATEGORIES, COLUMNS, CRD_NAME, DEFAULT_SIZE_GIB, GROUP, KIND, LIST_KIND, MAX_IMAGE_LENGTH,
    MAX_IMAGES, MAX_RETENTION_DAYS, MAX_SECRET_LENGTH, MAX_SECRETS, MAX_SIZE_GIB,
    MIN_RETENTION_DAYS, MIN_SIZE_GIB, PLURAL, SHORT_NAMES, SINGULAR, VERSION,
};

/// Which CustomResourceDefinition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CrdVersion {
    /// `apiextensions.k8s.io/v1`: bounds, rules and words for `kubectl explain`. Kubernetes 1.16 and newer; the CEL
    /// rules work from 1.25 on and are dropped by older clusters.
    #[default]
    V1,
    /// `apiextensions.k8s.io/v1beta1` in the vendor's shape, without bounds. Kubernetes 1.21 and older.
    VendorV1beta1,
}

/// `namespace:name` of a secret, as a regular expression that RE2 (CEL), ECMA (JSON Schema) and Rust read alike:
/// an RFC 1123 label of at most 63 characters, a colon, an RFC 1123 subdomain.
pub const SECRET_PATTERN: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?:[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// The CustomResourceDefinition of `ImageCache`.
///
/// The `v1` definition refuses only what ECI refuses or what cannot work: duplicates, for one, pass, since they do
/// no harm. It has no defaults, so a stored object is never rewritten: readers apply them
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

/// `spec`, with a length on every string and list: without them Kubernetes cannot bound what the rules cost.
fn spec() -> Value {
    json!({
        "type": "object",
        "description": "What is cached. ECI pulls the images once, keeps them on a disk and snapshots it; pods on ECI \
            that use these images then start from a disk made of the snapshot. Everything else (architecture, \
            network, registries without TLS, flash) is an annotation k8s.aliyun.com/*.",
        "required": ["images"],
        "properties": {
            "images": {
                "type": "array",
                "description": format!(
                    "Images to cache, 1 to {MAX_IMAGES}, written as in pods. A pod finds the cache by repository and \
                     tag, so write tags that do not move: behind latest the cache keeps the old content."
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
                            "message": "an image has no white space",
                        },
                        {
                            "rule": "!self.contains('://')",
                            "message": "an image has no scheme; write registry.example.com/app:1.0 without https://",
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
                        "message": "a secret is written namespace:name, such as default:my-registry",
                    }],
                },
            },
            "imageCacheSize": {
                "type": "integer",
                "format": "int32",
                "description": format!(
                    "Size of the cache in GiB, {MIN_SIZE_GIB} to {MAX_SIZE_GIB}; {DEFAULT_SIZE_GIB} if absent. Take \
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
                     {MAX_RETENTION_DAYS}. If absent the cache stays, and its snapshot costs, until it is deleted."
                ),
                "minimum": MIN_RETENTION_DAYS,
                "maximum": MAX_RETENTION_DAYS,
            },
        },
    })
}

/// `status`: every field that is known, no bound, for what a controller found must never be refused.
fn status() -> Value {
    let time = |description: &str| json!({"type": "string", "format": "date-time", "description": description});
    json!({
        "type": "object",
        "description": "What ECI made of it. Written by the controller.",
        "properties": {
            "phase": {
                "type": "string",
                "description": "Pending, Preparing, Creating, Ready, Failed, Updating or UpdateFailed. Pods start only \
                    from a Ready cache. A Failed one is removed 24 hours after it failed.",
            },
            "progress": {"type": "string", "description": "Part of the work done, in percent: 45%."},
            "imageCacheId": {
                "type": "string",
                "description": "Id of the cache in ECI, imc-…: the value for the pod annotation k8s.aliyun.com/eci-imc-id.",
            },
            "startTime": time("When ECI began to make the cache."),
            "lastUpdatedTime": time("When the cache last changed."),
            "lastUpdateTime": time("Older spelling of lastUpdatedTime: read, never written."),
            "expireDateTime": time(
                "When ECI removes the cache: creation and retentionDays, or failure and 24 hours."
            ),
            "events": {
                "type": "array",
                "description": "What happened while the cache was made: one event an image, named like the image, and \
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
        "description": "Conditions that kubectl wait can wait for, one of each type.",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status"],
            "properties": {
                "type": {"type": "string", "description": "What the condition is about: Ready."},
                "status": {"type": "string", "description": "True, False or Unknown."},
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "description": "The metadata.generation that the condition speaks of.",
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When status last changed.",
                },
                "reason": {"type": "string", "description": "One word on why."},
                "message": {"type": "string", "description": "A sentence on why."},
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
