//! Unknown fields of an `ImageCache`.
//!
//! Source: the schema of the CRD. `kubectl` rejects an unknown field before it sends the object; the API server drops it
//! with a warning. In both cases the field has no effect, so it is an error here. Unknown fields of `status` pass: a newer
//! controller may write them.

use std::fmt;

use serde_json::{Map, Value};

use super::messages::define;
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::resource::SPEC_FIELDS;
use crate::resource::annotation;
use crate::spelling::nearest;

define! { fields:
    unknown(field) "unknown field {field}";
}

const ROOT_FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// The fields of `metadata` that users write, for suggestions.
const METADATA_FIELDS: [&str; 7] = [
    "name",
    "generateName",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "namespace",
];

/// The object of an `ImageCache` that contains a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    Metadata,
    Spec,
}

impl Place {
    fn has(self, field: &str) -> bool {
        match self {
            Place::Root => matches!(
                field,
                "apiVersion" | "kind" | "metadata" | "spec" | "status"
            ),
            Place::Metadata => matches!(
                field,
                "name"
                    | "generateName"
                    | "namespace"
                    | "labels"
                    | "annotations"
                    | "creationTimestamp"
                    | "deletionGracePeriodSeconds"
                    | "deletionTimestamp"
                    | "finalizers"
                    | "generation"
                    | "managedFields"
                    | "ownerReferences"
                    | "resourceVersion"
                    | "selfLink"
                    | "uid"
            ),
            Place::Spec => {
                matches!(
                    field,
                    "images" | "imagePullSecrets" | "imageCacheSize" | "retentionDays"
                )
            }
        }
    }

    fn fields(self) -> &'static [&'static str] {
        match self {
            Place::Root => &ROOT_FIELDS,
            Place::Metadata => &METADATA_FIELDS,
            Place::Spec => &SPEC_FIELDS,
        }
    }
}

/// Reports the unknown fields of `object`.
///
/// | place | field | help |
/// |---|---|---|
/// | spec | `image` | did you mean `images` |
/// | spec | `flash` | use the annotation `k8s.aliyun.com/imc-enable-flash` |
/// | root | `images` | move it to `spec` |
/// | spec | `colour` | remove it; the known fields |
pub(super) fn check(
    object: &Map<String, Value>,
    place: Place,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    for field in object.keys() {
        if !place.has(field) {
            report.add_part(
                Code::IC015,
                &path.field(field),
                QuotedPart::Key,
                unknown(Quoted(field)),
                Help { field, place },
            );
        }
    }
}

struct Help<'a> {
    field: &'a str,
    place: Place,
}

impl fmt::Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Help { field, place } = *self;
        if let Some(known) = nearest(field, place.fields().iter().copied()) {
            return write!(f, "Did you mean `{known}`?");
        }
        if let Some(advice) = expected(field) {
            return advice.fmt(f);
        }
        for (other, name) in [(Place::Metadata, "metadata"), (Place::Spec, "spec")] {
            if place != other
                && let Some(known) = nearest(field, other.fields().iter().copied())
            {
                return write!(f, "Move it to `{name}.{known}`.");
            }
        }
        f.write_str("Remove it. Known fields: ")?;
        for (index, known) in place.fields().iter().enumerate() {
            write!(f, "{}`{known}`", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(".")
    }
}

/// The advice for a field that users expect because ECI's API or a similar product has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Advice {
    /// Use this annotation.
    Annotation(&'static str),
    /// Use this field of `spec`.
    Field(&'static str),
    /// Only CreateImageCache of the ECI API has it.
    ApiOnly,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Advice::Annotation(name) => write!(f, "Use the annotation `{name}`."),
            Advice::Field(name) => write!(f, "Use the field `spec.{name}`."),
            Advice::ApiOnly => {
                f.write_str("Remove it: only the ECI API (CreateImageCache) supports it.")
            }
        }
    }
}

/// Returns the advice for a field that users expect. Compares names in lower case without a plural `s`.
fn expected(field: &str) -> Option<Advice> {
    use Advice::{Annotation, ApiOnly, Field};
    if field.len() > 32 {
        return None;
    }
    let lower = field.to_ascii_lowercase().replace(['-', '_'], "");
    Some(match lower.strip_suffix('s').unwrap_or(&lower) {
        "flash" | "enableflash" | "instant" => Annotation(annotation::ENABLE_FLASH),
        "reuse" | "enablereuse" | "automatchimagecache" => Annotation(annotation::ENABLE_REUSE),
        "acrregistryinfo" | "acrinstanceid" | "acrinstance" => {
            Annotation(annotation::ACR_INSTANCE_IDS)
        }
        "insecureregistrie" | "insecureregistry" => Annotation(annotation::INSECURE_REGISTRY),
        "plainhttpregistrie" | "plainhttpregistry" => Annotation(annotation::PLAIN_HTTP_REGISTRY),
        "vswitch" | "vswitchid" | "vswitche" => Annotation(annotation::VSWITCH_IDS),
        "securitygroup" | "securitygroupid" => Annotation(annotation::SECURITY_GROUP_ID),
        "resourcegroup" | "resourcegroupid" => Annotation(annotation::RESOURCE_GROUP_ID),
        "arch" | "cpuarch" | "architecture" | "platform" | "nodeselector" => {
            Annotation(annotation::CPU_ARCH)
        }
        "o" | "ostype" => Annotation(annotation::OS_TYPE),
        "size" | "storage" | "disksize" | "cachesize" => Field("imageCacheSize"),
        "retention" | "ttl" | "expiry" | "expireday" => Field("retentionDays"),
        "pullsecret" | "secret" | "imageregistrycredential" | "credential" => {
            Field("imagePullSecrets")
        }
        "eliminationstrategy"
        | "standardcopycount"
        | "flashcopycount"
        | "copycount"
        | "tag"
        | "eip"
        | "eipinstanceid"
        | "zoneid"
        | "regionid"
        | "region"
        | "clienttoken" => ApiOnly,
        _ => return None,
    })
}
