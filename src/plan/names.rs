//! Names of new caches: from the largest image, and a hash of all of them.

use std::collections::BTreeSet;

pub(crate) use super::prepare::Scope;
use super::report::PlannedImage;
use crate::matching::Image;

/// Longest part of a name that is an image's.
const LONGEST: usize = 40;

/// The names that are in use.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn take(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }

    /// Returns a name for a cache of these images: the same images have the same name.
    pub(super) fn make(&mut self, images: &[PlannedImage], scope: &Scope) -> String {
        let largest = images
            .iter()
            .max_by(|a, b| (a.bytes, &b.image).cmp(&(b.bytes, &a.image)));
        let largest = largest.map_or("", |image| &image.image);
        let all = images.iter().map(|image| image.image.as_str());
        let mut name = GeneratedName::new(largest, all, scope);
        while !self.0.insert(name.text()) {
            name.again();
        }
        name.text()
    }
}

/// A name that the images of a cache, its region, architecture and operating system decide.
pub(crate) struct GeneratedName {
    stem: String,
    hash: Fnv,
}

impl GeneratedName {
    /// Makes the name of a cache of `images`; it begins like `first`, one of them.
    pub(crate) fn new<'i>(
        first: &str,
        images: impl IntoIterator<Item = &'i str>,
        (region, arch, os): &Scope,
    ) -> Self {
        let mut hash = Fnv::default();
        for part in [region.as_deref().unwrap_or_default(), arch, os] {
            hash.add(part);
        }
        for image in images {
            hash.add(Image::new(image).normalized().unwrap_or(image));
        }
        GeneratedName {
            stem: if first.is_empty() {
                String::new()
            } else {
                stem(first)
            },
            hash,
        }
    }

    /// Returns the name.
    pub(crate) fn text(&self) -> String {
        format!("{}{:08x}", self.stem, self.hash.folded())
    }

    /// Makes the next name, for when this one is in use.
    pub(crate) fn again(&mut self) {
        self.hash.add("again");
    }
}

/// Returns the last part of a repository, as a name of Kubernetes may begin, with `-` after it.
fn stem(image: &str) -> String {
    let read = Image::new(image);
    let repository = read.repository().unwrap_or("images");
    let last = repository.rsplit('/').next().unwrap_or_default();
    let kept = last.chars().map(|c| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            c
        } else {
            '-'
        }
    });
    let kept: String = kept.take(LONGEST).collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() {
        String::new()
    } else {
        format!("{kept}-")
    }
}

/// FNV-1a: a hash that never changes, because names depend on it.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn folded(&self) -> u64 {
        (self.0 ^ (self.0 >> 32)) & 0xffff_ffff
    }
}
