//! Annotations of the product, on an `ImageCache`, on a pod, and above a pod template.
//!
//! Sources: the vendor's annotation tables for names, forms and holders; users who wrote pod annotations on a Deployment
//! or a Namespace and saw nothing happen. A `k8s.aliyun.com/*` name that is not in the table passes: the vendor's list is
//! known to be cut off.

use std::fmt;

use serde_json::{Map, Value};

use super::images::MAX_ITEMS;
use super::spelling::nearest;
use super::value::{InQuotes, Typed};
use super::{form, labels};
use crate::annotation::{self, AnnotationHolder, KNOWN, KnownAnnotation, PREFIX, ValueForm};
use crate::diagnostic::{Code, QuotedPart, Report};
use crate::path::Path;

/// What the annotations stand on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    ImageCache,
    /// A pod or a pod template; `live` once ECI has written to it.
    Pod {
        live: bool,
    },
    /// An object or a template above the pod template, whose annotations belong `there`; `None` if it has no pods.
    Above {
        kind: &'a str,
        there: Option<&'a str>,
    },
}

/// Judges every annotation of the product.
///
/// | annotation | on | finding |
/// |---|---|---|
/// | `imc-enable-flash: true` (a boolean) | any | IC050 |
/// | `imc-enable-flash: "yes"` | any | IC051 |
/// | `vswitch-ids: "vsw-a,,vsw-b"` | ImageCache | IC051 at item 1 |
/// | `colour: "red"` | ImageCache | IC052 |
/// | `imc-enable-flsh: "true"` | any | IC053 |
/// | `eci-image-cache: "true"` | Pod | IC054; IC055 beside `eci-auto-imc` |
/// | `eci-imc-id: imc-1` | ImageCache | IC056 |
/// | `eci-imc-id: imc-1` | Deployment | IC060 |
/// | `eci-imc-id: "1"` | Pod | IC066 |
/// | `eci-matched-image-cache: imc-1` | Pod that never ran | IC067 |
pub(super) fn check(
    annotations: &Map<String, Value>,
    place: Place<'_>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    // What is misspelt is sought for few of them: a manifest of strangers may have a hundred thousand.
    let mut searches = MAX_ITEMS;
    for (key, value) in annotations {
        let path = path.key(key);
        if let Some(known) = annotation::find(key) {
            judge(known, value, annotations, place, &path, report);
            continue;
        }
        if matches!(place, Place::ImageCache) {
            labels::annotation(key, value, &path, report);
        }
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
                format_args!("the old name of `{successor}`, which stands here too"),
                "Remove the old one: no document says which of them wins.",
            );
        } else {
            report.add_part(
                Code::IC054,
                path,
                QuotedPart::Key,
                format_args!("an old name of `{successor}`"),
                "Use the new name, unless the virtual node is too old for it.",
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
                format_args!("{}, annotations are strings", Typed(other)),
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

/// Whether the annotation does anything where it stands; reports it when not. True also where only its level is wrong:
/// its value moves along.
fn belongs(
    known: &KnownAnnotation,
    place: Place<'_>,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> bool {
    match (place, known.holder) {
        (Place::ImageCache, AnnotationHolder::Pod) => {
            let help = match known.name {
                annotation::POD_AUTO | annotation::POD_AUTO_OLD => {
                    "Pods match caches with it. To reuse layers while building, write `k8s.aliyun.com/imc-enable-reuse`."
                }
                _ => "Remove it, and write it on the pods that shall use the cache.",
            };
            report.add_part(
                Code::IC056,
                path,
                QuotedPart::Key,
                "an annotation of pods, without effect on an ImageCache",
                help,
            );
            false
        }
        (Place::Pod { .. } | Place::Above { .. }, AnnotationHolder::ImageCache) => {
            let help = match known.name {
                annotation::ENABLE_REUSE | annotation::ENABLE_REUSE_OLD => {
                    "It is about building a cache. To match caches automatically, write `k8s.aliyun.com/eci-auto-imc`."
                }
                _ => "Remove it, and write it on the ImageCache.",
            };
            report.add_part(
                Code::IC056,
                path,
                QuotedPart::Key,
                "an annotation of ImageCache, without effect on pods",
                help,
            );
            false
        }
        (Place::Pod { live: true }, _) => true,
        (Place::Pod { .. } | Place::Above { .. }, _) if known.result => {
            report.add_part(
                Code::IC067,
                path,
                QuotedPart::Key,
                "ECI writes this annotation, nobody reads it",
                "Remove it; to choose a cache, write `k8s.aliyun.com/eci-imc-id`.",
            );
            true
        }
        (Place::Above { kind, there }, _) => {
            report.add_part(
                Code::IC060,
                path,
                QuotedPart::Key,
                format_args!("without effect on a {kind}, only pods are looked at"),
                Level(there),
            );
            true
        }
        (Place::ImageCache | Place::Pod { .. }, _) => true,
    }
}

/// Where an annotation belongs that stands above the pod template.
struct Level<'a>(Option<&'a str>);

impl fmt::Display for Level<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(there) => write!(f, "Move it to `{there}.metadata.annotations`."),
            None => f.write_str("Move it to the metadata of pods and pod templates, or let an eci-profile selector add it."),
        }
    }
}

/// An annotation of the product that the table does not have. On pods the product has dozens that are no affair of
/// image caches, so there only what looks like one of the table is reported.
fn unknown(name: &str, search: bool, place: Place<'_>, path: &Path<'_>, report: &mut Report<'_>) {
    let meant = if search {
        nearest(name, KNOWN.iter().map(short))
    } else {
        None
    };
    match meant {
        Some(known) => report.add_part(
            Code::IC053,
            path,
            QuotedPart::Key,
            "not a known annotation",
            format_args!("Did you mean `{PREFIX}{known}`?"),
        ),
        None if matches!(place, Place::ImageCache) => report.add_part(
            Code::IC052,
            path,
            QuotedPart::Key,
            "not known here, so it passes through",
            "Check its spelling; the vendor's list is not complete.",
        ),
        None => {}
    }
}

fn short(known: &'static KnownAnnotation) -> &'static str {
    known.name.strip_prefix(PREFIX).unwrap_or(known.name)
}

/// Reports an annotation that has the name of a known one under another prefix, or none. Only names that nobody else
/// uses.
fn foreign(key: &str, path: &Path<'_>, report: &mut Report<'_>) {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    if !["imc-", "-imc", "image-cache", "imagecache"]
        .iter()
        .any(|part| name.contains(part))
    {
        return;
    }
    if let Some(known) = KNOWN.iter().find(|known| short(known) == name) {
        report.add_part(
            Code::IC053,
            path,
            QuotedPart::Key,
            "not a known annotation: the prefix is another",
            format_args!("Did you mean `{}`?", known.name),
        );
    }
}
