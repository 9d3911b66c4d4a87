//! What an object is by its `apiVersion` and `kind`, also where they are misspelt. Validation, matching and expiry ask here.

use serde_json::{Map, Value};

use super::walk::TypeMeta;
use super::workload::{self, Workload};
use super::{API_VERSION, GROUP, KIND};
use crate::diagnostic::{Code, Quoted, Report};
use crate::messages::define;
use crate::path::Path;
use crate::spelling::nearest;

define! { identity:
    required() "required";
    both_required() "required; apiVersion is missing too";
    unknown_kind(kind, group) "unknown kind {kind} in group {group}";
    unknown_core_kind(kind) "unknown kind {kind} in the core group";
    wrong_version(kind, version, expected) "no matches for kind {kind} in version {version}, expected `{expected}`";
}

/// Groups of other products that also have a kind ImageCache.
const OTHER_PRODUCTS: [&str; 3] = ["kubefledged.io", "kubefledged.k8s.io", "fledged.k8s.io"];

/// Returns true when the group can only mean this product: its own, one near it, or another of its vendor.
fn means_this_product(group: &str) -> bool {
    if group.is_empty() {
        return false;
    }
    group == GROUP
        || nearest(group, [GROUP]).is_some()
        || ["aliyun", "alibaba", "eci."]
            .iter()
            .any(|part| group.contains(part))
}

/// Reports whether an object is an `ImageCache`, also one whose type is misspelt or missing: validation has the table.
pub(crate) fn is_image_cache(meta: TypeMeta<'_>, object: &Map<String, Value>) -> bool {
    match meta.kind {
        KIND => !OTHER_PRODUCTS.contains(&meta.group()),
        "" => {
            let images = object.get("spec").and_then(|spec| spec.get("images"));
            means_this_product(meta.group())
                || (meta.api_version.is_empty() && images.is_some_and(Value::is_array))
        }
        kind => {
            let ours = || means_this_product(meta.group()) || meta.api_version.is_empty();
            let meant = meta.group() == GROUP || (nearest(kind, [KIND]).is_some() && ours());
            meant && workload_of(meta).is_none()
        }
    }
}

/// Returns the kind of the table of workloads that an object has.
pub(crate) fn workload_of(meta: TypeMeta<'_>) -> Option<&'static Workload> {
    // No kind of this product's group is a workload: a kind of Kubernetes was meant.
    let meant = if meta.group() == GROUP {
        "v1"
    } else {
        meta.api_version
    };
    workload::resolve(meant, meta.kind)
        .filter(|workload| workload.is_built_in() || !meta.api_version.is_empty())
}

/// Reports the type of an `ImageCache` where it is not right.
pub(crate) fn report_cache_type(meta: TypeMeta<'_>, path: &Path<'_>, report: &mut Report<'_>) {
    let (at, kind) = (path.field("kind"), meta.kind);
    if kind.is_empty() {
        report.add(Code::IC011, &at, required(), "Write `kind: ImageCache`.");
    } else if kind != KIND {
        let help = if nearest(kind, [KIND]).is_some() {
            "Did you mean `ImageCache`?"
        } else {
            "Write `kind: ImageCache`."
        };
        let message = unknown_kind(Quoted(kind), GROUP);
        report.add(Code::IC011, &at, message, help);
    }
    expect_version(meta, API_VERSION, path, report);
}

/// Reports an `apiVersion` other than the expected one.
pub(crate) fn expect_version(
    meta: TypeMeta<'_>,
    expected: &str,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    if meta.api_version == expected {
        return;
    }
    let at = path.field("apiVersion");
    let kind = if meta.kind.is_empty() {
        KIND
    } else {
        meta.kind
    };
    let help = format_args!("Write `apiVersion: {expected}`.");
    if meta.api_version.is_empty() {
        report.add(Code::IC010, &at, required(), help);
    } else {
        report.add(
            Code::IC010,
            &at,
            wrong_version(Quoted(kind), Quoted(meta.api_version), expected),
            help,
        );
    }
}
