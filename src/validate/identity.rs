//! The type of an object: `apiVersion` and `kind`.
//!
//! Sources: the API server, which rejects a wrong pair; the vendor, whose other group `eci.aliyun.com` is easily confused
//! with this one. Objects of other kinds are ignored.

use serde_json::{Map, Value};

use super::messages::define;
use super::value::not_a_string;
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;
use crate::resource::walk::TypeMeta;
use crate::resource::workload::{self, Workload};
use crate::resource::{API_VERSION, GROUP, KIND, LIST_KIND};
use crate::spelling::nearest;

define! { identity:
    required() "required";
    both_required() "required; apiVersion is missing too";
    unknown_kind(kind, group) "unknown kind {kind} in group {group}";
    wrong_version(kind, version, expected) "no matches for kind {kind} in version {version}, expected `{expected}`";
}

/// The type that an object is validated as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    ImageCache,
    Workload(&'static Workload),
    /// Another kind, or unknown.
    Foreign,
}

/// Groups of other products that also have a kind ImageCache.
const OTHER_PRODUCTS: [&str; 3] = ["kubefledged.io", "kubefledged.k8s.io", "fledged.k8s.io"];

/// Reports `apiVersion` and `kind` where they are not strings. Returns true when one of them is not.
pub(super) fn report_types(
    object: &Map<String, Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> bool {
    let mut found = false;
    for name in ["apiVersion", "kind"] {
        if let Some(value) = object.get(name)
            && !matches!(value, Value::Null | Value::String(_))
        {
            not_a_string(value, &path.field(name), report);
            found = true;
        }
    }
    found
}

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

/// Checks the `apiVersion` of a list.
pub(super) fn check_list(meta: TypeMeta<'_>, path: &Path<'_>, report: &mut Report<'_>) {
    if meta.kind == LIST_KIND {
        expect_version(meta, API_VERSION, path, report);
    }
}

/// Returns the type of an object and reports errors in its `apiVersion` and `kind`.
///
/// | apiVersion | kind | validated as | finding |
/// |---|---|---|---|
/// | `eci.alibabacloud.com/v1` | `ImageCache` | ImageCache | none |
/// | `eci.aliyun.com/v1`, `v1`, none | `ImageCache` | ImageCache | IC010 |
/// | `kubefledged.io/v1alpha3` | `ImageCache` | nothing | none |
/// | `eci.alibabacloud.com/v1` | `Imagecache`, `Cache`, none | ImageCache | IC011 |
/// | `apps/v1` | `Deployment` | workload | none |
/// | `v1`, none | `Deployment` | workload | IC010 |
/// | `batch.volcano.sh/v1alpha1` | `Job` | nothing | none |
/// | none | none, but `spec.images` | ImageCache | IC010, IC011 |
/// | any | none | nothing | IC011 |
/// | any | any other | nothing | none |
pub(super) fn classify(
    meta: TypeMeta<'_>,
    object: &Map<String, Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> Subject {
    let TypeMeta { api_version, kind } = meta;
    if kind == KIND {
        if api_version != API_VERSION && OTHER_PRODUCTS.contains(&meta.group()) {
            return Subject::Foreign;
        }
        expect_version(meta, API_VERSION, path, report);
        return Subject::ImageCache;
    }
    if kind.is_empty() {
        return classify_without_kind(meta, object, path, report);
    }
    // No kind of this product's group is a workload: a kind of Kubernetes was meant.
    let meant = if meta.group() == GROUP {
        "v1"
    } else {
        api_version
    };
    if let Some(workload) = workload::resolve(meant, kind)
        && (workload.is_built_in() || !api_version.is_empty())
    {
        let removed = meta.group() == "extensions" && workload.group == "apps";
        if meta.group() != workload.group && !removed || api_version.is_empty() {
            expect_version(meta, &workload.api_version(), path, report);
        }
        return Subject::Workload(workload);
    }
    let near = nearest(kind, [KIND]).is_some();
    if meta.group() == GROUP
        || (near && (means_this_product(meta.group()) || api_version.is_empty()))
    {
        report.add(
            Code::IC011,
            &path.field("kind"),
            unknown_kind(Quoted(kind), GROUP),
            if near {
                "Did you mean `ImageCache`?"
            } else {
                "Write `kind: ImageCache`."
            },
        );
        expect_version(meta, API_VERSION, path, report);
        return Subject::ImageCache;
    }
    Subject::Foreign
}

/// Returns the type of an object without a kind: an ImageCache if its group or spec indicates one.
fn classify_without_kind(
    meta: TypeMeta<'_>,
    object: &Map<String, Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> Subject {
    let spec = object.get("spec").and_then(Value::as_object);
    let has_images = spec.is_some_and(|spec| spec.get("images").is_some_and(Value::is_array));
    let path_of_kind = path.field("kind");
    if means_this_product(meta.group()) || (meta.api_version.is_empty() && has_images) {
        report.add(
            Code::IC011,
            &path_of_kind,
            required(),
            "Write `kind: ImageCache`.",
        );
        expect_version(meta, API_VERSION, path, report);
        return Subject::ImageCache;
    }
    const HELP: &str = "Set apiVersion and kind: every Kubernetes object has both.";
    if meta.api_version.is_empty() {
        report.add(Code::IC011, &path_of_kind, both_required(), HELP);
    } else {
        report.add(Code::IC011, &path_of_kind, required(), HELP);
    }
    Subject::Foreign
}

fn expect_version(meta: TypeMeta<'_>, expected: &str, path: &Path<'_>, report: &mut Report<'_>) {
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
