//! The stable codes of the rules.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Severity;

/// Defines the codes. Each row has a number, a name, a default severity and a one-line summary. The page of a code is
/// `docs/codes/<number>.md`.
macro_rules! codes {
    ($($code:ident $name:literal $severity:ident $summary:literal;)*) => {
        /// A stable code of a rule: `IC001`, `IC002`, …
        ///
        /// ```
        /// use imagecache::diagnostic::Code;
        /// let code: Code = "IC022".parse().unwrap();
        /// assert_eq!(code.name(), "too-many-images");
        /// assert_eq!(code, "too-many-images".parse().unwrap());
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $summary] $code,)* }

        impl Code {
            /// All codes, in order.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// Returns the code as text: `IC022`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// Returns the name of the rule: `too-many-images`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => $name,)* }
            }

            /// Returns the default severity of a finding. [`Levels`](super::Levels) can change it.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$code => Severity::$severity,)* }
            }

            /// Returns the one-line summary of the rule.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $(Code::$code => $summary,)* }
            }

            /// Returns the page that explains the rule, with examples and source, in Markdown.
            #[cfg(feature = "explain")]
            #[must_use]
            pub fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("../../docs/codes/", stringify!($code), ".md")),)* }
            }
        }
    };
}

codes! {
    // The text
    IC001 "syntax" Error "the text is not valid YAML or JSON";
    IC002 "duplicate-key" Error "duplicate key in a mapping; the API server keeps the last value";
    IC003 "limit" Error "the input exceeds a limit: bytes, depth, nodes, documents or findings";
    IC004 "not-an-object" Error "a document is not a Kubernetes object";
    IC005 "unreadable" Error "an input could not be read as text";
    // Identity
    IC010 "api-version" Error "apiVersion is missing or does not serve this kind";
    IC011 "kind" Error "kind is missing or unknown in its API group";
    IC012 "namespace-set" Warning "ImageCache is cluster-scoped: the API server ignores a namespace";
    IC013 "name-missing" Error "metadata.name and metadata.generateName are both missing";
    IC014 "name-invalid" Error "metadata.name is not a valid RFC 1123 subdomain of at most 253 characters";
    IC015 "unknown-field" Error "unknown field: it is rejected or ignored";
    IC016 "wrong-type" Error "a value has the wrong type";
    IC017 "label-form" Error "a label or an annotation key does not follow the rules of Kubernetes";
    IC018 "annotations-too-long" Error "the annotations of one object together exceed 256 KiB";
    IC019 "other-product" Hint "an ImageCache of another product, which is not read";
    // Images
    IC020 "images-missing" Error "spec or spec.images is missing";
    IC021 "images-empty" Error "spec.images is an empty list";
    IC022 "too-many-images" Error "a cache can have at most 20 images";
    IC023 "bad-reference" Error "an image is not a valid image reference";
    IC024 "duplicate-image" Warning "duplicate image after normalisation";
    IC025 "mutable-tag" Warning "mutable tag (latest, or no tag): the cache keeps the old content";
    // Secrets
    IC030 "secret-form" Error "an image pull secret must be namespace:name";
    IC031 "duplicate-secret" Warning "duplicate image pull secret";
    IC032 "too-many-secrets" Error "a cache can have at most 10 image pull secrets";
    IC033 "private-without-secret" Hint "an image of a private-looking registry without a way to log in";
    // Size and retention
    IC040 "size-range" Error "spec.imageCacheSize must be between 20 and 32768 GiB";
    IC041 "retention-range" Error "spec.retentionDays must be between 1 and 65536 days";
    IC042 "retention-missing" Hint "spec.retentionDays is not set: the cache never expires and keeps costing money";
    // Annotations
    IC050 "annotation-type" Error "the value of an annotation is not a string";
    IC051 "annotation-value" Error "the value of a known annotation is invalid";
    IC052 "annotation-unknown" Hint "unknown k8s.aliyun.com annotation; it passes through";
    IC053 "annotation-misspelt" Warning "unknown annotation that is similar to a known one";
    IC054 "annotation-old" Hint "deprecated name of an annotation";
    IC055 "annotation-old-beside-new" Warning "both the deprecated and the current name of an annotation are set";
    IC056 "annotation-misplaced" Warning "annotation without effect on this kind of object";
    // Workloads
    IC060 "annotation-level" Warning "pod annotation outside the pod template: no effect";
    IC061 "explicit-beside-auto" Warning "explicit cache and automatic matching are both set: the explicit cache wins";
    IC062 "perfect-beside-count" Warning "perfect match and a match count are both set: perfect match wins";
    IC063 "match-count" Warning "match count is 0 or larger than the number of images";
    IC064 "pull-policy" Warning "image pull policy that contacts the registry despite the cache";
    IC065 "not-on-eci" Hint "image cache annotations on a pod that does not request ECI";
    IC066 "cache-id-form" Warning "an image cache id must look like imc-…";
    IC067 "result-by-hand" Warning "an annotation that only ECI writes is set by hand";
    IC068 "unknown-workload" Warning "a pod spec in an object of an unknown kind, which is not validated";
    IC069 "made-elsewhere" Hint "pods are made from another object, which the object names";
    // Status
    IC080 "phase-unknown" Warning "unknown phase";
    IC081 "status-form" Warning "a status field has an unexpected form";
    IC082 "expiry-disagrees" Warning "the recorded expiry differs from the calculated one";
    IC083 "shared-id" Warning "two image caches have one id and differ";
    // Registries; only where a registry is asked
    IC090 "image-missing" Error "the registry does not have the image";
    IC091 "image-unauthorized" Error "the registry refuses the login for the image, or wants one";
    IC092 "image-platform" Error "the image is not made for the architecture";
    IC093 "cache-too-small" Warning "the cache is smaller than twice the compressed size of its images";
    IC094 "image-unchecked" Error "the registry gave no answer about the image";
    IC095 "not-an-image" Error "the reference leads to something that is not an image";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An unknown code or name of a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown diagnostic code `{0}`; codes look like `IC022` or `too-many-images`")]
pub struct UnknownCode(
    /// The unknown text.
    pub String,
);

impl FromStr for Code {
    type Err = UnknownCode;

    /// Parses a code (`IC022`, in any case) or the name of a rule (`too-many-images`).
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.as_str().eq_ignore_ascii_case(text) || code.name() == text)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
