//! What an object is: `apiVersion` and `kind`.
//!
//! Sources: the API server, which refuses a wrong pair; the vendor, whose other group `eci.aliyun.com` is easily taken
//! for this one. Objects of other kinds are none of this project's business and pass in silence.

use std::fmt;

use serde_json::{Map, Value};

use super::spelling::nearest;
use super::value::not_a_string;
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;
use crate::resource::workload::{self, Workload, group_of};
use crate::resource::{API_VERSION, GROUP, KIND, LIST_KIND};

/// What an object is judged as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    ImageCache,
    Workload(&'static Workload),
    /// A list whose items are objects of their own; `strict` when every item must be one.
    List {
        strict: bool,
    },
    /// Of no interest here, or not to be told.
    Foreign,
}

/// Groups of other products that have a kind ImageCache too.
const OTHER_PRODUCTS: [&str; 3] = ["kubefledged.io", "kubefledged.k8s.io", "fledged.k8s.io"];

/// `apiVersion` and `kind` of an object as written; empty where absent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TypeMeta<'v> {
    pub(super) api_version: &'v str,
    pub(super) kind: &'v str,
}

impl<'v> TypeMeta<'v> {
    /// Reads both fields and reports those that are not strings, giving up on the object.
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

    pub(super) fn group(self) -> &'v str {
        group_of(self.api_version)
    }

    /// Whether the group can only be meant for this product: its own, near it, or another of its vendor.
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

/// Tells what an object is and reports what is wrong with its `apiVersion` and `kind`.
///
/// | apiVersion | kind | judged as | finding |
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
        return tell_without_kind(meta, object, path, report);
    }
    if let Some(item) = kind.strip_suffix("List") {
        if kind == LIST_KIND {
            expect_version(meta, API_VERSION, path, report);
        }
        return Subject::List {
            strict: kind == LIST_KIND || (item.is_empty() && meta.group().is_empty()),
        };
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
    if meta.group() == GROUP || (near && (meta.means_this_product() || api_version.is_empty())) {
        report.add(
            Code::IC011,
            &path.field("kind"),
            format_args!("{} is no kind of {GROUP}", Quoted(kind)),
            if near {
                "Did you mean `ImageCache`?"
            } else {
                "The kind is `ImageCache`."
            },
        );
        expect_version(meta, API_VERSION, path, report);
        return Subject::ImageCache;
    }
    Subject::Foreign
}

/// An object without a kind: an ImageCache if its group or its spec says so.
fn tell_without_kind(
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
            "missing",
            "Write `kind: ImageCache`.",
        );
        expect_version(meta, API_VERSION, path, report);
        return Subject::ImageCache;
    }
    let message = if meta.api_version.is_empty() {
        "missing, and so is apiVersion"
    } else {
        "missing"
    };
    report.add(
        Code::IC011,
        &path_of_kind,
        message,
        "Every object of Kubernetes says what it is.",
    );
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
        report.add(Code::IC010, &at, "missing", help);
    } else {
        report.add(
            Code::IC010,
            &at,
            WrongVersion {
                meta,
                kind,
                expected,
            },
            help,
        );
    }
}

struct WrongVersion<'a> {
    meta: TypeMeta<'a>,
    kind: &'a str,
    expected: &'a str,
}

impl fmt::Display for WrongVersion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (written, kind) = (Quoted(self.meta.api_version), Quoted(self.kind));
        write!(
            f,
            "{written} does not serve {kind}, `{}` does",
            self.expected
        )
    }
}
