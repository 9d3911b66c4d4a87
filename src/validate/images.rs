//! The images of an `ImageCache`.
//!
//! Sources: the CRD's schema (required, a list of strings, at least one), the vendor's limits (20 images), Docker's
//! grammar of references, and what users report: a cache made from a tag that moves keeps the old content.

use std::fmt;

use serde_json::{Map, Value};

use super::registry;
use super::value::{not_a, not_a_string};
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::reference::{Named, ReferenceError, ReferenceFaultClass, ascii_lower};
use crate::resource::MAX_IMAGES;
use crate::type_error::TypeError;

/// Items of one list (images, secrets, containers) that are looked at; the rest is only counted, so that the work on a
/// hostile list is bounded. Far above every limit of ECI.
pub const MAX_ITEMS: usize = 256;

/// What a rule on images has to know of the rest of the object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    /// `spec.imagePullSecrets` has items.
    pub(super) secrets: bool,
    /// The annotation that names enterprise registry instances for pulls without a password is set.
    pub(super) acr_instances: bool,
}

/// `spec.images`.
///
/// | images | finding |
/// |---|---|
/// | absent, null | IC020 |
/// | `[]` | IC021 |
/// | 21 items | IC022 |
/// | an empty string, `nginx::1` | IC023 at the second `:` |
/// | `nginx`, `docker.io/library/nginx:latest` | IC024 at the second |
/// | `nginx`, `nginx:latest`, not `nginx:latest@sha256:…` | IC025 |
/// | `app-registry.cn-hangzhou.cr.aliyuncs.com/a/b:1` without a secret | IC033 |
pub(super) fn check(
    spec: &Map<String, Value>,
    access: Access,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    let path = path.field("images");
    match spec.get("images") {
        None | Some(Value::Null) => report.add(
            Code::IC020,
            &path,
            "missing, 1 to 20 images needed",
            "List the images that the cache shall hold.",
        ),
        Some(Value::Array(images)) => list(images, access, &path, report),
        Some(image @ Value::String(_)) => report.add(
            Code::IC016,
            &path,
            TypeError {
                expected: "a list of strings",
                found: image,
            },
            "Write it as the item of a list: put `- ` before it.",
        ),
        Some(other) => not_a("a list of strings", other, &path, report),
    }
}

fn list(images: &[Value], access: Access, path: &Path<'_>, report: &mut Report<'_>) {
    if images.is_empty() {
        report.add(
            Code::IC021,
            path,
            "no images, 1 to 20 needed",
            "List the images that the cache shall hold.",
        );
    }
    if images.len() > MAX_IMAGES {
        report.add(
            Code::IC022,
            path,
            format_args!("{} images, at most {MAX_IMAGES} allowed{}", images.len(), Unread(images.len())),
            "Spread them over several caches; a pod uses one cache, so keep the images of one pod together.",
        );
    }
    // A list of legal length is compared on the stack.
    let mut few = [None; MAX_IMAGES];
    let mut many = Vec::new();
    let seen: &mut [Option<Named<'_>>] = if images.len() > MAX_IMAGES {
        many.resize(images.len().min(MAX_ITEMS), None);
        &mut many
    } else {
        &mut few
    };
    let mut guarded = access.secrets;
    let list = path;
    for (index, image) in images.iter().take(MAX_ITEMS).enumerate() {
        let path = list.index(index);
        let Value::String(text) = image else {
            not_a_string(image, &path, report);
            continue;
        };
        let Some(named) = reference(text, &path, report) else {
            continue;
        };
        let whole = named.with_default_tag();
        let earlier = seen
            .iter()
            .take(index)
            .position(|other| *other == Some(whole));
        if let Some(earlier) = earlier {
            report.add(
                Code::IC024,
                &path,
                format_args!(
                    "{} is the same image as {}: `{whole}`",
                    Quoted(text),
                    list.index(earlier)
                ),
                "Remove one of them.",
            );
        } else {
            mutable_tag(text, &named, &path, report);
        }
        if !guarded {
            guarded = registry::check(&named, access.acr_instances, &path, report);
        }
        if let Some(slot) = seen.get_mut(index) {
            *slot = Some(whole);
        }
    }
}

/// Says that a list was not read to its end.
pub(super) struct Unread(pub(super) usize);

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > MAX_ITEMS {
            write!(f, "; only the first {MAX_ITEMS} were read")?;
        }
        Ok(())
    }
}

/// Reads one image of any kind of object; reports what is no reference.
pub(super) fn reference<'v>(
    text: &'v str,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> Option<Named<'v>> {
    if text.is_empty() {
        report.add(
            Code::IC023,
            path,
            "empty, an image reference is needed",
            "Name an image or remove the item.",
        );
        return None;
    }
    match Named::parse(text) {
        Ok(named) => Some(named),
        Err(error) => {
            report.add_part(
                Code::IC023,
                path,
                QuotedPart::Bytes(error.at()),
                format_args!("{} is no image reference: {}", Quoted(text), error.rule()),
                Remedy {
                    text,
                    error: &error,
                },
            );
            None
        }
    }
}

struct Remedy<'a> {
    text: &'a str,
    error: &'a ReferenceError<'a>,
}

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text;
        if text.trim() != text {
            return f.write_str("Remove the white space around it.");
        }
        if let Some((_, rest)) = text.split_once("://") {
            return write!(f, "Leave the scheme out: {}.", Quoted(rest));
        }
        if ["${", "$(", "{{"].iter().any(|part| text.contains(part)) {
            return f.write_str("Fill the placeholder in first: nothing replaces it later.");
        }
        match self.error.class() {
            ReferenceFaultClass::Uppercase => {
                let (name, version) = text.split_at_checked(version(text)).unwrap_or((text, ""));
                let lower = ascii_lower(name).unwrap_or_else(|| name.to_ascii_lowercase());
                let lower = [&lower, version].concat();
                write!(f, "Write it in lower case: {}.", Quoted(&lower))
            }
            ReferenceFaultClass::Hex64Identifier => {
                f.write_str("Name the repository, and this as its digest: `name@sha256:…`.")
            }
            ReferenceFaultClass::TooLong => f.write_str("Shorten the path."),
            ReferenceFaultClass::DigestUnsupported => {
                f.write_str("Take the digest that the registry gives: `sha256:…`.")
            }
            ReferenceFaultClass::DigestLength => f.write_str("Copy the digest again, whole."),
            ReferenceFaultClass::DigestFormat => f.write_str("Write the digest in lower case."),
            ReferenceFaultClass::InvalidFormat | ReferenceFaultClass::Empty => {
                f.write_str("The form is `host[:port]/path:tag` or `…@sha256:digest`.")
            }
        }
    }
}

/// Where tag or digest begin, with their `:` or `@`, in a text that need not be a reference.
fn version(text: &str) -> usize {
    let path = text.rfind('/').unwrap_or_default();
    let begin = text
        .bytes()
        .skip(path)
        .position(|byte| matches!(byte, b':' | b'@'));
    begin.map_or(text.len(), |begin| path + begin)
}

/// The tag that moves, if the image has one and no digest pins it: `latest`, written or meant.
pub(super) fn moving_tag<'a>(named: &Named<'a>) -> Option<&'a str> {
    match (named.digest(), named.effective_tag()) {
        (None, Some(tag)) if tag == crate::reference::DEFAULT_TAG => Some(tag),
        _ => None,
    }
}

/// Warns of a tag that moves.
pub(super) fn mutable_tag(text: &str, named: &Named<'_>, path: &Path<'_>, report: &mut Report<'_>) {
    if moving_tag(named).is_none() {
        return;
    }
    const HELP: &str =
        "Name a version or a digest: the cache keeps what the tag meant on the day it was made.";
    match named.tag() {
        None => report.add(
            Code::IC025,
            path,
            format_args!(
                "{} has no tag, so `latest` is meant, and `latest` moves",
                Quoted(text)
            ),
            HELP,
        ),
        Some(tag) => report.add_part(
            Code::IC025,
            path,
            QuotedPart::Bytes(text.len().saturating_sub(tag.len())..text.len()),
            format_args!("{} has the tag `{tag}`, which moves", Quoted(text)),
            HELP,
        ),
    }
}
