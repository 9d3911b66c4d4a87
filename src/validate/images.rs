//! The images of an `ImageCache`.
//!
//! Sources: the CRD's schema (required, a list of strings, at least one), the vendor's limits (20 images), Docker's
//! grammar of references, and user reports: a cache made from a mutable tag keeps the old content.

use std::fmt;

use serde_json::{Map, Value};

use super::messages::define;
use super::registry;
use super::value::{not_a, not_a_string};
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::reference::{Named, ReferenceError, ReferenceFaultClass, ascii_lower};
use crate::resource::MAX_IMAGES;
use crate::type_error::TypeError;

define! { images:
    spec_required() "required, an object with images";
    required() "required, 1 to 20 images";
    none() "no images, at least 1 required";
    too_many(count, limit) "{count} images, at most {limit} allowed";
    unread(limit) "; only the first {limit} were read";
    empty() "empty, an image reference is required";
    invalid(image) "{image} is not a valid image reference";
    duplicate(image, earlier, whole) "{image} is a duplicate of {earlier}: both are `{whole}`";
    mutable(image, tag) "{image} has the mutable tag `{tag}`";
    no_tag(image) "{image} has no tag and defaults to the mutable tag `latest`";
}

/// The number of items of one list (images, secrets, containers) that are validated. Further items are only counted, so
/// that the work on a hostile list is bounded. The number is far above every limit of ECI.
pub const MAX_ITEMS: usize = 256;

/// The registry access that the rest of the object configures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    /// `spec.imagePullSecrets` has items.
    pub(super) secrets: bool,
    /// The annotation that names enterprise registry instances for password-free pulls is set.
    pub(super) acr_instances: bool,
}

/// Validates `spec.images`.
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
        None | Some(Value::Null) => {
            report.add(Code::IC020, &path, required(), "List the images to cache.")
        }
        Some(Value::Array(images)) => list(images, access, &path, report),
        Some(image @ Value::String(_)) => report.add(
            Code::IC016,
            &path,
            TypeError {
                expected: "a list of strings",
                found: image,
            },
            "Write it as a list item: put `- ` before it.",
        ),
        Some(other) => not_a("a list of strings", other, &path, report),
    }
}

fn list(images: &[Value], access: Access, path: &Path<'_>, report: &mut Report<'_>) {
    if images.is_empty() {
        report.add(Code::IC021, path, none(), "List the images to cache.");
    }
    if images.len() > MAX_IMAGES {
        report.add(
            Code::IC022,
            path,
            format_args!(
                "{}{}",
                too_many(images.len(), MAX_IMAGES),
                Unread(images.len())
            ),
            "Use several caches. A pod uses one cache, so keep the images of one pod together.",
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
                duplicate(Quoted(text), list.index(earlier), whole),
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

/// A note that a list of this length was not read to its end; empty if it was.
pub(super) struct Unread(pub(super) usize);

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > MAX_ITEMS {
            unread(MAX_ITEMS).fmt(f)?;
        }
        Ok(())
    }
}

/// Parses one image of any kind of object, and reports an invalid reference.
pub(super) fn reference<'v>(
    text: &'v str,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> Option<Named<'v>> {
    if text.is_empty() {
        report.add(
            Code::IC023,
            path,
            empty(),
            "Write an image reference or remove the item.",
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
                format_args!("{}: {}", invalid(Quoted(text)), error.rule()),
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
            return f.write_str("Replace the placeholder before you apply the object.");
        }
        match self.error.class() {
            ReferenceFaultClass::Uppercase => {
                let (name, version) = text.split_at_checked(version(text)).unwrap_or((text, ""));
                let lower = ascii_lower(name).unwrap_or_else(|| name.to_ascii_lowercase());
                let lower = [&lower, version].concat();
                write!(f, "Write it in lower case: {}.", Quoted(&lower))
            }
            ReferenceFaultClass::Hex64Identifier => {
                f.write_str("Write the repository and its digest: `name@sha256:…`.")
            }
            ReferenceFaultClass::TooLong => f.write_str("Shorten the path."),
            ReferenceFaultClass::DigestUnsupported => {
                f.write_str("Use the digest that the registry reports: `sha256:…`.")
            }
            ReferenceFaultClass::DigestLength => f.write_str("Copy the complete digest."),
            ReferenceFaultClass::DigestFormat => f.write_str("Write the digest in lower case."),
            ReferenceFaultClass::InvalidFormat | ReferenceFaultClass::Empty => {
                f.write_str("Use the form `host[:port]/path:tag` or `…@sha256:digest`.")
            }
        }
    }
}

/// Returns the offset of the `:` or `@` before the tag or digest. The text need not be a valid reference.
fn version(text: &str) -> usize {
    let path = text.rfind('/').unwrap_or_default();
    let begin = text
        .bytes()
        .skip(path)
        .position(|byte| matches!(byte, b':' | b'@'));
    begin.map_or(text.len(), |begin| path + begin)
}

/// Returns the mutable tag `latest`, written or implied, unless a digest pins the image.
pub(super) fn moving_tag<'a>(named: &Named<'a>) -> Option<&'a str> {
    match (named.digest(), named.effective_tag()) {
        (None, Some(tag)) if tag == crate::reference::DEFAULT_TAG => Some(tag),
        _ => None,
    }
}

/// Reports a mutable tag.
pub(super) fn mutable_tag(text: &str, named: &Named<'_>, path: &Path<'_>, report: &mut Report<'_>) {
    if moving_tag(named).is_none() {
        return;
    }
    const HELP: &str = "Use a version tag or a digest: the cache keeps the content that the tag had when the cache was created.";
    match named.tag() {
        None => report.add(Code::IC025, path, no_tag(Quoted(text)), HELP),
        Some(tag) => report.add_part(
            Code::IC025,
            path,
            QuotedPart::Bytes(text.len().saturating_sub(tag.len())..text.len()),
            mutable(Quoted(text), tag),
            HELP,
        ),
    }
}
