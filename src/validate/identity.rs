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
    unknown_core_kind(kind) "unknown kind {kind} in the core group";
    wrong_version(kind, version, expected) "no matches for kind {kind} in version {version}, expected `{expected}`";
}

/// The type that an object is validated as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
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

/// Reports whether an object is an `ImageCache`, also one whose type is misspelt or missing: [`classify`] has the table.
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
fn workload_of(meta: TypeMeta<'_>) -> Option<&'static Workload> {
    // No kind of this product's group is a workload: a kind of Kubernetes was meant.
    let meant = if meta.group() == GROUP {
        "v1"
    } else {
        meta.api_version
    };
    workload::resolve(meant, meta.kind)
        .filter(|workload| workload.is_built_in() || !meta.api_version.is_empty())
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
/// | `apps/v1` | `deployment`, `Deploymnet` | workload | IC011 |
/// | `app/v1` | `Deployment` | workload | IC010 |
/// | any | none | nothing | IC011 |
/// | any | any other | nothing | none |
pub(crate) fn classify(
    meta: TypeMeta<'_>,
    object: &Map<String, Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> Subject {
    let TypeMeta { api_version, kind } = meta;
    if is_image_cache(meta, object) {
        report_cache_type(meta, path, report);
        return Subject::ImageCache;
    }
    if kind.is_empty() {
        const HELP: &str = "Set apiVersion and kind: every Kubernetes object has both.";
        let at = path.field("kind");
        if api_version.is_empty() {
            report.add(Code::IC011, &at, both_required(), HELP);
        } else {
            report.add(Code::IC011, &at, required(), HELP);
        }
        return Subject::Foreign;
    }
    if let Some(workload) = workload_of(meta) {
        let removed = meta.group() == "extensions" && workload.group == "apps";
        if meta.group() != workload.group && !removed || api_version.is_empty() {
            expect_version(meta, &workload.api_version(), path, report);
        }
        return Subject::Workload(workload);
    }
    if kind == KIND {
        // Of another product.
        return Subject::Foreign;
    }
    if let Some(workload) = workload::resolve_near(api_version, kind) {
        report_near(meta, workload, path, report);
        return Subject::Workload(workload);
    }
    Subject::Foreign
}

/// Reports a kind of the table of workloads, or its group, that is misspelt.
fn report_near(meta: TypeMeta<'_>, workload: &Workload, path: &Path<'_>, report: &mut Report<'_>) {
    if meta.group() != workload.group {
        expect_version(meta, &workload.api_version(), path, report);
    }
    if meta.kind == workload.kind {
        return;
    }
    let help = format_args!("Did you mean `{}`?", workload.kind);
    let (at, kind) = (path.field("kind"), Quoted(meta.kind));
    if workload.group.is_empty() {
        report.add(Code::IC011, &at, unknown_core_kind(kind), help);
    } else {
        report.add(Code::IC011, &at, unknown_kind(kind, workload.group), help);
    }
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
