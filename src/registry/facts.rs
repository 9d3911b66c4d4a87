//! What registries answered, and the JSON document that keeps it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::platform::ImagePlatform;
use crate::image::{Image, ImageFacts};
use crate::time::Timestamp;

/// The version of the document that [`RegistryFacts::to_json`] writes.
const VERSION: u64 = 1;

/// A question to a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RegistryAsk {
    /// The image, with its registry and its tag or digest in full.
    pub image: String,
    /// The platform that the image is used on.
    pub platform: ImagePlatform,
    /// The Secrets to log in with, as `namespace:name`, sorted. None: the logins of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

impl RegistryAsk {
    /// Creates a question with the logins of the host. `image` is in full: see
    /// [`Image::normalized`](crate::matching::Image::normalized).
    #[must_use]
    pub fn new(image: &str, platform: ImagePlatform) -> Self {
        RegistryAsk {
            image: image.to_owned(),
            platform,
            secrets: Vec::new(),
        }
    }
}

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlatformImage {
    /// The platform.
    pub platform: ImagePlatform,
    /// The digest of the manifest.
    pub digest: String,
}

impl PlatformImage {
    /// Creates the image of a platform.
    #[must_use]
    pub fn new(platform: ImagePlatform, digest: &str) -> Self {
        PlatformImage {
            platform,
            digest: digest.to_owned(),
        }
    }
}

/// An image as a registry describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageRecord {
    /// The digest of the manifest, or of the index if the image has several platforms.
    pub digest: String,
    /// The platforms of the image, each with the digest of its manifest. `None` if only the digest was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platforms: Option<Vec<PlatformImage>>,
    /// The compressed bytes of configuration and layers for the platform of the question, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl ImageRecord {
    /// Creates a record of which only the digest is known.
    #[must_use]
    pub fn new(digest: &str) -> Self {
        ImageRecord {
            digest: digest.to_owned(),
            platforms: None,
            bytes: None,
        }
    }

    /// Reports whether a digest is that of the image, or of its manifest for one platform: a node reports either.
    #[must_use]
    pub fn has_digest(&self, digest: &str) -> bool {
        let platforms = self.platforms.iter().flatten();
        self.digest == digest || platforms.into_iter().any(|of| of.digest == digest)
    }
}

/// The reason why a registry did not describe an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FailureReason {
    /// The registry refuses the login, or wants one.
    Unauthorized,
    /// The registry does not have the image.
    NotFound,
    /// The registry sends the client to an address that the client does not follow.
    Moved,
    /// There was no answer, or not one of a registry.
    Unreachable,
    /// The registry limits the rate of requests.
    TooManyRequests,
    /// The reference is there, but is not an image that can be pulled.
    NotAnImage,
}

impl FailureReason {
    /// Reports whether the same question may have another answer soon. Such answers are not kept.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            FailureReason::Moved | FailureReason::Unreachable | FailureReason::TooManyRequests
        )
    }
}

/// The failure of a question, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct RegistryFailure {
    /// The kind of failure.
    pub reason: FailureReason,
    /// The failure in words, with the host that was asked.
    pub message: String,
}

impl RegistryFailure {
    /// Creates a failure.
    #[must_use]
    pub fn new(reason: FailureReason, message: impl fmt::Display) -> Self {
        RegistryFailure {
            reason,
            message: message.to_string(),
        }
    }
}

/// The answer to a [`RegistryAsk`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum RegistryAnswer {
    /// The registry described the image.
    #[serde(rename = "found")]
    Image(ImageRecord),
    /// The registry did not.
    Failed(RegistryFailure),
}

/// The answers of registries, each with its question and the time at which it was asked.
///
/// ```
/// use imagecache::registry::{ImageRecord, RegistryAnswer, RegistryAsk, RegistryFacts};
/// let ask = RegistryAsk::new("docker.io/library/nginx:1.27", "linux/amd64".parse().unwrap());
/// let mut facts = RegistryFacts::default();
/// facts.insert(ask.clone(), "2026-01-01T00:00:00Z".parse().unwrap(), RegistryAnswer::Image(ImageRecord::new("sha256:aa")));
/// let read = RegistryFacts::from_json(&facts.to_json()).unwrap();
/// assert_eq!(read.get(&ask), facts.get(&ask));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RegistryFacts {
    answers: BTreeMap<RegistryAsk, (Timestamp, RegistryAnswer)>,
}

/// A document that does not hold facts of registries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryFactsError {
    /// The text is not such a document. Holds the message of the parser.
    #[error("not the facts of registries: {0}")]
    Form(String),
    /// A version that this program does not know.
    #[error("facts of registries of version {0}, expected version {VERSION}")]
    Version(u64),
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u64,
    images: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(flatten)]
    ask: RegistryAsk,
    as_of: Timestamp,
    #[serde(flatten)]
    answer: RegistryAnswer,
}

impl RegistryFacts {
    /// Sets the answer to a question.
    pub fn insert(&mut self, ask: RegistryAsk, as_of: Timestamp, answer: RegistryAnswer) {
        self.answers.insert(ask, (as_of, answer));
    }

    /// Adds other answers, which replace those to the same questions.
    pub fn append(&mut self, other: RegistryFacts) {
        self.answers.extend(other.answers);
    }

    /// Returns the answer to a question, and the time at which it was asked.
    #[must_use]
    pub fn get(&self, ask: &RegistryAsk) -> Option<&(Timestamp, RegistryAnswer)> {
        self.answers.get(ask)
    }

    /// Returns the answers in the order of their questions.
    pub fn iter(&self) -> impl Iterator<Item = (&RegistryAsk, &RegistryAnswer)> {
        let answers = self.answers.iter();
        answers.map(|(ask, (_, answer))| (ask, answer))
    }

    /// Returns the compressed size of each image, and the platform of which it is. Of several platforms the largest counts.
    #[must_use]
    pub fn sizes(&self) -> BTreeMap<&str, (u64, &ImagePlatform)> {
        let mut sizes = BTreeMap::new();
        for (ask, answer) in self.iter() {
            if let RegistryAnswer::Image(ImageRecord {
                bytes: Some(bytes), ..
            }) = answer
            {
                let size = sizes
                    .entry(ask.image.as_str())
                    .or_insert((*bytes, &ask.platform));
                if *bytes > size.0 {
                    *size = (*bytes, &ask.platform);
                }
            }
        }
        sizes
    }

    /// Adds the sizes of images to facts that have none of them.
    pub fn add_sizes(&self, facts: &mut ImageFacts) {
        for (image, (bytes, _)) in self.sizes() {
            if Image::read(image, facts).bytes().is_none() {
                // A question has a reference.
                let _ = facts.size(image, bytes);
            }
        }
    }

    /// Reports whether the answer to a question is here. With `detail`, an answer that has the digest only does not count.
    #[must_use]
    pub fn has(&self, ask: &RegistryAsk, detail: bool) -> bool {
        match self.get(ask) {
            Some((_, RegistryAnswer::Image(image))) => !detail || image.platforms.is_some(),
            Some((_, RegistryAnswer::Failed(_))) => true,
            None => false,
        }
    }

    /// Reads a document that [`RegistryFacts::to_json`] wrote.
    ///
    /// # Errors
    /// Returns [`RegistryFactsError`] if the text is not such a document.
    pub fn from_json(text: &str) -> Result<Self, RegistryFactsError> {
        let form = |error: serde_json::Error| RegistryFactsError::Form(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(form)?;
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if let Some(version) = version.filter(|version| *version != VERSION) {
            return Err(RegistryFactsError::Version(version));
        }
        let document: Document = serde_json::from_value(value).map_err(form)?;
        let rows = document.images.into_iter();
        Ok(RegistryFacts {
            answers: rows.map(|row| (row.ask, (row.as_of, row.answer))).collect(),
        })
    }

    /// Writes the answers as JSON, sorted. Transient failures are left out: the next run asks again.
    #[must_use]
    pub fn to_json(&self) -> String {
        let kept = self.answers.iter().filter(|(_, (_, answer))| match answer {
            RegistryAnswer::Failed(failure) => !failure.reason.is_transient(),
            RegistryAnswer::Image(_) => true,
        });
        let document = Document {
            version: VERSION,
            images: kept
                .map(|(ask, (as_of, answer))| Row {
                    ask: ask.clone(),
                    as_of: *as_of,
                    answer: answer.clone(),
                })
                .collect(),
        };
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }
}
