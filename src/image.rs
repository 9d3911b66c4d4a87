//! The images of pods and caches, prepared for comparison, and facts about images from registries.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use serde_json::Value;

use crate::reference::Named;
use crate::type_error::TypeError;

/// An image of a pod or a cache: the text as written, and the key for comparisons.
///
/// Two images are equal when repository and version are equal. Registry, namespace and a missing tag are filled in first
/// (`nginx` is `docker.io/library/nginx:latest`); a digest is kept as written. Text that is not a reference matches
/// nothing, not even itself.
///
/// ```
/// use imagecache::matching::Image;
/// let image = Image::new("nginx");
/// assert_eq!(image.normalized(), Some("docker.io/library/nginx:latest"));
/// assert_eq!(image.repository(), Some("docker.io/library/nginx"));
/// assert!(Image::new("Nginx").fault().is_some());
/// ```
#[derive(Debug, Clone)]
pub struct Image {
    text: Box<str>,
    key: Result<Key, Box<str>>,
}

/// The key for comparisons of images.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Reference in full.
    pub(crate) name: Name,
    /// Offset of the version in the reference, which starts with `:` or `@`.
    pub(crate) split: usize,
    pub(crate) repository_hash: u64,
    /// Repository with digest, where digests are compared across tags.
    content: Option<Name>,
    pub(crate) bytes: Option<u64>,
}

/// A version of a repository: the reference in full, shared with the index, and its hash.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) text: Arc<str>,
    pub(crate) hash: u64,
}

impl Key {
    pub(crate) fn repository(&self) -> &str {
        self.name.text.get(..self.split).unwrap_or_default()
    }

    /// Returns every name of this image: the one written, and the one by digest where it is known.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        let content = self
            .content
            .as_ref()
            .filter(|content| content.text != self.name.text);
        std::iter::once(&self.name).chain(content)
    }
}

impl Image {
    /// Reads a reference without facts from registries.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::read(text, &ImageFacts::default())
    }

    /// Reads a reference with facts from registries.
    #[must_use]
    pub fn read(text: &str, facts: &ImageFacts) -> Self {
        let key = match Named::parse(text) {
            Ok(named) => Ok(key(&named, facts)),
            Err(error) => Err(error.to_string().into()),
        };
        Image {
            text: text.into(),
            key,
        }
    }

    /// Returns the image with its text as the key: two such images are equal when their texts are. The repository is the
    /// text without its version.
    pub(crate) fn as_text(&self) -> Self {
        let key = self.key.as_ref().map_err(Clone::clone).map(|key| {
            let (repository, version) = split_text(&self.text);
            let (repository_hash, hash) = hashes(repository, version);
            Key {
                name: Name {
                    text: (*self.text).into(),
                    hash,
                },
                split: repository.len(),
                repository_hash,
                content: None,
                bytes: key.bytes,
            }
        });
        Image {
            text: self.text.clone(),
            key,
        }
    }

    /// Returns an image that could not be read. It matches nothing.
    pub(crate) fn unreadable(text: &str, fault: &str) -> Self {
        Image {
            text: text.into(),
            key: Err(fault.into()),
        }
    }

    /// Returns the text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the reference in full, with the canonical registry; `None` when the text is not a reference.
    #[must_use]
    pub fn normalized(&self) -> Option<&str> {
        self.key().map(|key| &*key.name.text)
    }

    /// Returns [`Image::normalized`] without the version.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        self.key().map(Key::repository)
    }

    /// Returns the reason why the text is not a reference.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.key.as_ref().err().map(|fault| &**fault)
    }

    /// Returns the number of bytes that a pull transfers, where [`ImageFacts`] have it.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.key()?.bytes
    }

    pub(crate) fn key(&self) -> Option<&Key> {
        self.key.as_ref().ok()
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits the text of a reference before its tag or digest.
fn split_text(text: &str) -> (&str, &str) {
    let name = text.split_once('@').map_or(text, |(name, _)| name);
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    let tag = name.get(path..).and_then(|last| last.find(':'));
    let split = tag.map_or(name.len(), |tag| path + tag);
    text.split_at_checked(split).unwrap_or((text, ""))
}

/// Returns the reference in full, and the offset of its version.
fn normalized(named: &Named<'_>, facts: &ImageFacts) -> (String, usize) {
    // Enough for most references; a longer one reallocates.
    let mut text = String::with_capacity(96);
    let [domain, path @ ..] = named.repository().pieces();
    text.push_str(facts.canonical(domain));
    path.into_iter().for_each(|piece| text.push_str(piece));
    let split = text.len();
    if let Some(tag) = named.effective_tag() {
        text.push(':');
        text.push_str(tag);
    }
    if let Some(digest) = named.digest() {
        text.push('@');
        text.push_str(digest);
    }
    (text, split)
}

/// Returns the hash of the first part, and of both parts.
fn hashes(first: &str, second: &str) -> (u64, u64) {
    let mut hasher = DefaultHasher::new();
    hasher.write(first.as_bytes());
    let of_first = hasher.finish();
    hasher.write(second.as_bytes());
    (of_first, hasher.finish())
}

fn key(named: &Named<'_>, facts: &ImageFacts) -> Key {
    let (text, split) = normalized(named, facts);
    let (repository, version) = text.split_at_checked(split).unwrap_or_default();
    // Where resolved digests are compared, a written digest resolves to itself.
    let digest = match named.digest() {
        Some(written) => Some(written).filter(|_| !facts.digests.is_empty()),
        None => facts.digests.get(&text).map(String::as_str),
    };
    let content = digest.map(|digest| {
        let version = format!("@{digest}");
        Name {
            text: [repository, &version].concat().into(),
            hash: hashes(repository, &version).1,
        }
    });
    let by_content = || facts.sizes.get(&*content.as_ref()?.text);
    let bytes = facts.sizes.get(&text).or_else(by_content).copied();
    let (repository_hash, hash) = hashes(repository, version);
    Key {
        name: Name {
            text: text.as_str().into(),
            hash,
        },
        split,
        repository_hash,
        content,
        bytes,
    }
}

/// An invalid fact about an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageFactsError {
    /// The text is not an image reference.
    #[error("`{text}` is not an image reference: {why}")]
    Reference {
        /// The text.
        text: String,
        /// The message of [`ReferenceError`](crate::reference::ReferenceError).
        why: String,
    },
    /// The sizes are not an object. Holds the expected and the found type.
    #[error("{0}")]
    NotAnObject(String),
    /// A size is not a whole number of bytes.
    #[error("`{image}`: {why}")]
    Size {
        /// The image.
        image: String,
        /// The expected and the found type.
        why: String,
    },
}

/// Facts about images from registries: aliases of registries, digests of tags, sizes. Each is optional; nothing is
/// assumed.
///
/// ```
/// use imagecache::matching::{ImageFacts, Image};
/// let mut facts = ImageFacts::default();
/// facts.alias("registry-vpc.cn-hangzhou.aliyuncs.com", "registry.cn-hangzhou.aliyuncs.com");
/// facts.size("registry.cn-hangzhou.aliyuncs.com/team/app:1", 405_022_965).unwrap();
/// let [public, vpc] = ["registry", "registry-vpc"]
///     .map(|host| Image::read(&format!("{host}.cn-hangzhou.aliyuncs.com/team/app:1"), &facts));
/// assert_eq!(public.normalized(), vpc.normalized());
/// ```
#[derive(Debug, Clone, Default)]
pub struct ImageFacts {
    /// A registry host to an alias that sorts lower. The lowest alias is the canonical one.
    aliases: BTreeMap<String, String>,
    digests: BTreeMap<String, String>,
    sizes: BTreeMap<String, u64>,
}

impl ImageFacts {
    /// Returns true when there are no facts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.aliases.is_empty() && self.digests.is_empty() && self.sizes.is_empty()
    }

    /// Declares two hosts as addresses of one registry, such as its public and its VPC address. Otherwise they are
    /// distinct. Declare aliases before digests and sizes.
    pub fn alias(&mut self, host: &str, other: &str) {
        let (host, other) = (self.canonical(host), self.canonical(other));
        let (low, high) = if host < other {
            (host, other)
        } else {
            (other, host)
        };
        if low != high {
            let (low, high) = (low.to_owned(), high.to_owned());
            self.aliases.insert(high, low);
        }
    }

    fn canonical<'a>(&'a self, host: &'a str) -> &'a str {
        let mut host = host;
        while let Some(other) = self.aliases.get(host) {
            host = other;
        }
        host
    }

    /// Sets the digest (`sha256:…`) of a reference. Images of one repository with the same digest are equal, whatever
    /// their tags.
    ///
    /// # Errors
    /// Returns [`ImageFactsError::Reference`] if `reference` is not an image reference.
    pub fn digest(&mut self, reference: &str, digest: &str) -> Result<(), ImageFactsError> {
        self.digests
            .insert(self.name(reference)?, digest.to_owned());
        Ok(())
    }

    /// Sets the number of bytes that a pull of the image transfers.
    ///
    /// # Errors
    /// Returns [`ImageFactsError::Reference`] if `reference` is not an image reference.
    pub fn size(&mut self, reference: &str, bytes: u64) -> Result<(), ImageFactsError> {
        self.sizes.insert(self.name(reference)?, bytes);
        Ok(())
    }

    /// Sets sizes from an object of bytes by reference.
    ///
    /// # Errors
    /// Returns the error of the first invalid member.
    pub fn sizes(&mut self, sizes: &Value) -> Result<(), ImageFactsError> {
        let error = |expected, found| TypeError { expected, found };
        let members = sizes.as_object();
        let not_an_object = || error("an object of bytes by image", sizes).to_string();
        let members = members.ok_or_else(|| ImageFactsError::NotAnObject(not_an_object()))?;
        members.iter().try_for_each(|(image, bytes)| {
            let whole = bytes.as_u64().ok_or_else(|| ImageFactsError::Size {
                image: image.clone(),
                why: error("a whole number of bytes", bytes).to_string(),
            })?;
            self.size(image, whole)
        })
    }

    /// Sets the size of an image from its manifest (OCI, or Docker's schema 2): the bytes of its configuration and of every
    /// layer.
    ///
    /// ```
    /// use imagecache::matching::ImageFacts;
    /// let digest = format!("sha256:{}", "0".repeat(64));
    /// let part = |kind: &str, size| serde_json::json!({"mediaType": kind, "digest": digest, "size": size});
    /// let manifest = serde_json::from_value(serde_json::json!({
    ///     "schemaVersion": 2,
    ///     "config": part("application/vnd.oci.image.config.v1+json", 7_023),
    ///     "layers": [part("application/vnd.oci.image.layer.v1.tar+gzip", 32_654)],
    /// })).unwrap();
    /// ImageFacts::default().manifest("nginx:1.27", &manifest).unwrap();
    /// ```
    ///
    /// # Errors
    /// Returns [`ImageFactsError::Reference`] if `reference` is not an image reference.
    #[cfg(feature = "oci")]
    pub fn manifest(
        &mut self,
        reference: &str,
        manifest: &oci_spec::image::ImageManifest,
    ) -> Result<(), ImageFactsError> {
        let layers = manifest
            .layers()
            .iter()
            .map(oci_spec::image::Descriptor::size);
        let config = manifest.config().size();
        self.size(reference, layers.fold(config, u64::saturating_add))
    }

    fn name(&self, reference: &str) -> Result<String, ImageFactsError> {
        match Named::parse(reference) {
            Ok(named) => Ok(normalized(&named, self).0),
            Err(error) => Err(ImageFactsError::Reference {
                text: reference.to_owned(),
                why: error.to_string(),
            }),
        }
    }
}
