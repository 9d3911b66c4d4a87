//! Annotations of the product, on an `ImageCache`, on a pod, and above a pod template.
//!
//! Sources: the vendor's annotation tables for names, forms and holders; users who wrote pod annotations on a Deployment
//! or a Namespace and saw nothing happen. A `k8s.aliyun.com/*` name that is not in the table passes: the vendor's list is
//! known to be cut off.

use std::fmt;

use serde_json::{Map, Value};

use super::images::MAX_ITEMS;
use super::messages::define;
use super::value::InQuotes;
use super::{form, labels};
use crate::diagnostic::{Code, QuotedPart, Report};
use crate::path::Path;
use crate::pod::{Placement, no_effect};
use crate::resource::annotation::{
    self, AnnotationHolder, KNOWN, KnownAnnotation, PREFIX, ValueForm,
};
use crate::spelling::nearest;
use crate::type_error::TypeError;

define! { annotations:
    for_pods() "an annotation for pods, has no effect on an ImageCache";
    for_caches() "an annotation for ImageCaches, has no effect on pods";
    written_by_eci() "has no effect: ECI writes this annotation and does not read it";
    eci_on_acs() "an annotation for ECI, has no effect on a pod that runs on ACS";
    acs_on_eci() "an annotation for ACS, has no effect on a pod that runs on ECI";
    written_by_acs() "has no effect: ACS writes this annotation and does not read it";
    beside_new(successor) "the old name of `{successor}`, which is set too";
}

/// What has the annotations.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    ImageCache,
    /// A pod or a pod template; `live` after ECI or ACS has written to it.
    Pod {
        live: bool,
        placement: Placement,
    },
    /// A place where pod annotations have no effect. They belong to another one, which is empty if there are no pods.
    Above {
        kind: &'a str,
        belongs: &'a str,
    },
}

/// Validates each annotation of the product.
///
/// | annotation | on | finding |
/// |---|---|---|
/// | `imc-enable-flash: true`, `note: true` (booleans) | any | IC050 |
/// | `imc-enable-flash: "yes"` | any | IC051 |
/// | `vswitch-ids: "vsw-a,,vsw-b"` | ImageCache | IC051 at item 1 |
/// | `colour: "red"` | ImageCache | IC052 |
/// | `imc-enable-flsh: "true"` | any | IC053 |
/// | `eci-image-cache: "true"` | Pod | IC054; IC055 beside `eci-auto-imc` |
/// | `eci-imc-id: imc-1` | ImageCache | IC056 |
/// | `eci-imc-id: imc-1` | Deployment | IC060 |
/// | `eci-imc-id: "1"` | Pod | IC066 |
/// | `eci-matched-image-cache: imc-1` | Pod that never ran | IC067 |
/// | `eci-imc-id: imc-1` | Pod on ACS | IC056 |
/// | `enable-image-cache: "true"` of ACS | Pod on ECI, ImageCache | IC056 |
/// | `enable-image-cache: "true"` of ACS | Deployment | IC060 |
pub(super) fn check(
    annotations: &Map<String, Value>,
    place: Place<'_>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    // A hostile manifest may have a hundred thousand annotations: only some are searched for a similar name.
    let mut searches = MAX_ITEMS;
    for (key, value) in annotations {
        let path = path.key(key);
        // ECI writes it on each pod that it runs; it says nothing about caches.
        if key == annotation::ECI_INSTANCE_ID {
            continue;
        }
        if let Some(known) = annotation::find(key) {
            judge(known, value, annotations, place, &path, report);
            continue;
        }
        if matches!(place, Place::ImageCache) {
            labels::annotation_key(key, &path, report);
        }
        labels::annotation_type(value, &path, report);
        match key.strip_prefix(PREFIX) {
            Some(name) => {
                let search = searches > 0 && !report.is_full();
                searches -= usize::from(search);
                unknown(name, search, place, &path, report);
            }
            None => foreign(key, &path, report),
        }
    }
}

fn judge(
    known: &KnownAnnotation,
    value: &Value,
    annotations: &Map<String, Value>,
    place: Place<'_>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    if !belongs(known, place, path, report) {
        return;
    }
    if let Some(successor) = known.successor {
        if annotations.contains_key(successor) {
            report.add_part(
                Code::IC055,
                path,
                QuotedPart::Key,
                beside_new(successor),
                REMOVE_OLD,
            );
        } else {
            report.add_part(
                Code::IC054,
                path,
                QuotedPart::Key,
                old_name(successor),
                USE_NEW,
            );
        }
    }
    let text = match value {
        Value::String(text) => text.as_str(),
        // The API server stores null as an empty string.
        Value::Null => "",
        other => {
            return report.add(
                Code::IC050,
                path,
                TypeError {
                    expected: "a string",
                    found: other,
                },
                InQuotes(other),
            );
        }
    };
    // A wrong switch or count is wrong by its form; an id of a strange form may still be one.
    let code = if known.form == ValueForm::CacheId {
        Code::IC066
    } else {
        Code::IC051
    };
    form::check(text, known.form, |fault| {
        report.add_part(
            code,
            path,
            QuotedPart::Bytes(fault.at.clone()),
            &fault,
            form::example(known.form),
        );
    });
}

/// Reports an annotation that has no effect here. Returns whether its value is validated: where only the level is wrong,
/// the value is kept when the annotation is moved.
fn belongs(
    known: &KnownAnnotation,
    place: Place<'_>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> bool {
    match (place, known.holder) {
        (Place::ImageCache, AnnotationHolder::Pod) => {
            let help = match known.name {
                annotation::ACR_INSTANCE_ID => {
                    "On an ImageCache, write `k8s.aliyun.com/acr-instance-ids`."
                }
                annotation::POD_AUTO | annotation::POD_AUTO_OLD => {
                    "Pods match caches with it. To reuse layers while building, write `k8s.aliyun.com/imc-enable-reuse`."
                }
                _ => "Remove it, and write it on the pods that use the cache.",
            };
            report.add_part(Code::IC056, path, QuotedPart::Key, for_pods(), help);
            false
        }
        (Place::ImageCache, AnnotationHolder::AcsPod) => {
            report.add_part(
                Code::IC056,
                path,
                QuotedPart::Key,
                FOR_ACS_PODS,
                "Remove it.",
            );
            false
        }
        (Place::Pod { placement, .. }, AnnotationHolder::AcsPod)
            if placement == Placement::Eci && !known.result =>
        {
            report.add_part(Code::IC056, path, QuotedPart::Key, acs_on_eci(), ECI_SWITCH);
            false
        }
        (Place::Pod { placement, .. }, AnnotationHolder::Pod)
            if placement == Placement::Acs && !known.is_of_pulls() =>
        {
            // Annotations on pulls are read by both; those on ECI's image caches are not.
            if !known.result {
                report.add_part(Code::IC056, path, QuotedPart::Key, eci_on_acs(), ACS_SWITCH);
            }
            false
        }
        (Place::Pod { .. } | Place::Above { .. }, AnnotationHolder::ImageCache) => {
            let help = match known.name {
                annotation::ENABLE_REUSE | annotation::ENABLE_REUSE_OLD => {
                    "It applies to building a cache. To match caches automatically, write `k8s.aliyun.com/eci-auto-imc`."
                }
                _ => "Remove it, and write it on the ImageCache.",
            };
            report.add_part(Code::IC056, path, QuotedPart::Key, for_caches(), help);
            false
        }
        (Place::Pod { live: true, .. }, _) => true,
        (Place::Pod { .. } | Place::Above { .. }, AnnotationHolder::AcsPod) if known.result => {
            report.add_part(
                Code::IC067,
                path,
                QuotedPart::Key,
                written_by_acs(),
                "Remove it.",
            );
            true
        }
        (Place::Pod { .. } | Place::Above { .. }, _) if known.result => {
            report.add_part(
                Code::IC067,
                path,
                QuotedPart::Key,
                written_by_eci(),
                CHOOSE_CACHE,
            );
            true
        }
        (Place::Above { kind, belongs }, _) => {
            let help = Belongs(belongs);
            report.add_part(Code::IC060, path, QuotedPart::Key, no_effect(kind), help);
            true
        }
        (Place::ImageCache | Place::Pod { .. }, _) => true,
    }
}

const FOR_ACS_PODS: &str = "an annotation for pods on ACS, has no effect on an ImageCache";
const ECI_SWITCH: &str =
    "To match image caches on ECI, write `k8s.aliyun.com/eci-auto-imc: \"true\"`.";
const ACS_SWITCH: &str =
    "To use image caches on ACS, write `image.alibabacloud.com/enable-image-cache: \"true\"`.";
const CHOOSE_CACHE: &str = "Remove it; to choose a cache, write `k8s.aliyun.com/eci-imc-id`.";
const REMOVE_OLD: &str = "Remove the old one: no document says which of them takes precedence.";
const USE_NEW: &str = "Use the new name, unless the virtual node is too old for it.";
const NOT_KNOWN: &str = "unknown annotation";
const OTHER_PREFIX: &str = "unknown annotation: a known one has another prefix";
const NOT_LISTED: &str = "unknown annotation, passed through unchanged";

fn old_name(successor: &str) -> String {
    format!("an old name of `{successor}`")
}

/// The help for an annotation at a place where it has no effect.
struct Belongs<'a>(&'a str);

impl fmt::Display for Belongs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("Move it to the metadata of pods and pod templates, or let an eci-profile selector add it.");
        }
        f.write_str("Move it to ")?;
        for (index, place) in self.0.split(" and ").enumerate() {
            let (path, rest) = place.split_once(' ').unwrap_or((place, ""));
            f.write_str(if index > 0 { " and " } else { "" })?;
            write!(
                f,
                "`{path}`{}{rest}",
                if rest.is_empty() { "" } else { " " }
            )?;
        }
        f.write_str(".")
    }
}

/// Reports an annotation of the product that is not in the table. Pods have dozens that do not concern image caches, so
/// on pods only a name similar to one in the table is reported.
fn unknown(name: &str, search: bool, place: Place<'_>, path: &Path<'_>, report: &mut Report<'_>) {
    let meant = if search {
        nearest(name, KNOWN.iter().map(KnownAnnotation::short))
    } else {
        None
    };
    match meant {
        Some(meant) => report.add_part(
            Code::IC053,
            path,
            QuotedPart::Key,
            NOT_KNOWN,
            format_args!("Did you mean `{}`?", full_name(meant)),
        ),
        None if matches!(place, Place::ImageCache) => report.add_part(
            Code::IC052,
            path,
            QuotedPart::Key,
            NOT_LISTED,
            "Check its spelling; the vendor's list is not complete.",
        ),
        None => {}
    }
}

/// Returns the name of a known annotation with its prefix.
fn full_name(short: &str) -> &str {
    let mut known = KNOWN.iter();
    known
        .find(|known| known.short() == short)
        .map_or(short, |known| known.name)
}

/// Reports an annotation with the name of a known one and another prefix or none. Only names that no other product
/// uses.
fn foreign(key: &str, path: &Path<'_>, report: &mut Report<'_>) {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    if !["imc-", "-imc", "image-cache", "imagecache"]
        .iter()
        .any(|part| name.contains(part))
    {
        return;
    }
    if let Some(known) = KNOWN.iter().find(|known| known.short() == name) {
        report.add_part(
            Code::IC053,
            path,
            QuotedPart::Key,
            OTHER_PREFIX,
            format_args!("Did you mean `{}`?", known.name),
        );
    }
}
