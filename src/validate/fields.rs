//! Fields that no `ImageCache` has.
//!
//! Source: the schema of the CRD. `kubectl` refuses an unknown field before it sends the object; the API server drops
//! it with a warning that few read. Either way the wish is lost, so it is an error here. Unknown fields of `status` pass:
//! a newer controller may write them.

use std::fmt;

use serde_json::{Map, Value};

use super::spelling::nearest;
use crate::annotation;
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::resource::SPEC_FIELDS;

const ROOT_FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Fields of `metadata` that people write, for suggestions.
const METADATA_FIELDS: [&str; 7] = [
    "name",
    "generateName",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "namespace",
];

/// Which object of an `ImageCache` a field stands in.
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

/// Reports every field of `object` that its place does not have.
///
/// | place | field | help |
/// |---|---|---|
/// | spec | `image` | did you mean `images` |
/// | spec | `flash` | it is the annotation `k8s.aliyun.com/imc-enable-flash` |
/// | root | `images` | it belongs into `spec` |
/// | spec | `colour` | the fields there are |
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
                format_args!("no ImageCache has the field {}", Quoted(field)),
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
                return write!(f, "`{known}` belongs into `{name}`.");
            }
        }
        f.write_str("Remove it; the fields here are ")?;
        for (index, known) in place.fields().iter().enumerate() {
            write!(f, "{}`{known}`", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(".")
    }
}

/// What to do about a field that people expect because ECI's API or a neighbour has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Advice {
    /// It is this annotation.
    Annotation(&'static str),
    /// It is this field of `spec`.
    Field(&'static str),
    /// Only CreateImageCache of ECI's API has it.
    ApiOnly,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Advice::Annotation(name) => write!(f, "Write it as the annotation `{name}`."),
            Advice::Field(name) => write!(f, "The field is called `spec.{name}`."),
            Advice::ApiOnly => f.write_str(
                "Only ECI's own API (CreateImageCache) offers this; an ImageCache cannot say it.",
            ),
        }
    }
}

/// Fields that people expect: their names in lower case without a plural `s`.
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
