//! The type of an object: `apiVersion` and `kind`.
//!
//! Sources: the API server, which rejects a wrong pair; the vendor, whose other group `eci.aliyun.com` is easily confused
//! with this one. Objects of other kinds are ignored.

use serde_json::{Map, Value};

use super::messages::define;
use super::spelling::nearest;
use super::value::not_a_string;
use super::workload::{self, Workload};
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;
use crate::resource::{API_VERSION, GROUP, KIND, LIST_KIND};

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
    /// A list of objects; `strict` if every item must be one.
    List {
        strict: bool,
    },
    /// Another kind, or unknown.
    Foreign,
}

/// Groups of other products that also have a kind ImageCache.
const OTHER_PRODUCTS: [&str; 3] = ["kubefledged.io", "kubefledged.k8s.io", "fledged.k8s.io"];

/// Groups of Kubernetes itself that serve kinds of [`workload::WORKLOADS`].
const BUILT_IN: [&str; 4] = ["", "apps", "batch", "extensions"];

/// The `apiVersion` and `kind` of an object as written; empty if absent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TypeMeta<'v> {
    pub(super) api_version: &'v str,
    pub(super) kind: &'v str,
}

impl<'v> TypeMeta<'v> {
    /// Reads both fields. Reports fields that are not strings and returns `None` for them.
    pub(super) fn read(
        object: &'v Map<String, Value>,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let mut field = |name| match object.get(name) {
            None | Some(Value::Null) => Some(""),
            Some(Value::String(text)) => Some(text.as_str()),
            Some(other) => {
                not_a_string(other, &path.field(name), report);
                None
            }
        };
        let (api_version, kind) = (field("apiVersion"), field("kind"));
        Some(TypeMeta {
            api_version: api_version?,
            kind: kind?,
        })
    }

    fn group(self) -> &'v str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// Returns true if the group can only mean this product: its own group, a near one, or another group of the vendor.
    fn means_this_product(self) -> bool {
        let group = self.group();
        if group.is_empty() {
            return false;
        }
        group == GROUP
            || nearest(group, [GROUP]).is_some()
            || ["aliyun", "alibaba", "eci."]
                .iter()
                .any(|part| group.contains(part))
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
pub(super) fn tell(
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
        return subject_without_kind(meta, object, path, report);
    }
    if let Some(item) = kind.strip_suffix("List") {
        if kind == LIST_KIND {
            expect_version(meta, API_VERSION, path, report);
        }
        return Subject::List {
            strict: kind == LIST_KIND || (item.is_empty() && meta.group().is_empty()),
        };
    }
    if let Some(workload) = workload::find(kind)
        && (meta.group() == workload.group
            || BUILT_IN.contains(&meta.group())
            || meta.group() == GROUP)
    {
        let removed = meta.group() == "extensions" && workload.group == "apps";
        if meta.group() != workload.group && !removed || api_version.is_empty() {
            expect_version(meta, workload.api_version, path, report);
        }
        return Subject::Workload(workload);
    }
    let near = nearest(kind, [KIND]).is_some();
    if meta.group() == GROUP || (near && (meta.means_this_product() || api_version.is_empty())) {
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
fn subject_without_kind(
    meta: TypeMeta<'_>,
    object: &Map<String, Value>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> Subject {
    let spec = object.get("spec").and_then(Value::as_object);
    let has_images = spec.is_some_and(|spec| spec.get("images").is_some_and(Value::is_array));
    let path_of_kind = path.field("kind");
    if meta.means_this_product() || (meta.api_version.is_empty() && has_images) {
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
