//! The type of an object: `apiVersion` and `kind`.
//!
//! Sources: the API server, which rejects a wrong pair; the vendor, whose other group `eci.aliyun.com` is easily confused
//! with this one. Objects of other kinds are ignored.

use serde_json::{Map, Value};

use super::value::not_a_string;
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;
use crate::resource::identity::{
    both_required, expect_version, is_image_cache, report_cache_type, required, unknown_core_kind,
    unknown_kind, workload_of,
};
use crate::resource::walk::TypeMeta;
use crate::resource::workload::{self, Workload};
use crate::resource::{API_VERSION, KIND, LIST_KIND};

/// The type that an object is validated as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    ImageCache,
    Workload(&'static Workload),
    /// Another kind, or unknown.
    Foreign,
}

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
pub(super) fn classify(
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
