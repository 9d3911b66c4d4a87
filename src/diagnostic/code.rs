//! The stable codes of the rules.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Severity;

/// The table of codes: number, name, severity unless configured, one line. One row makes a code; its page is
/// `docs/codes/<number>.md`.
macro_rules! codes {
    ($($code:ident $name:literal $severity:ident $summary:literal;)*) => {
        /// A stable code of a rule, `IC001` and up.
        ///
        /// ```
        /// use imagecache::diagnostic::Code;
        /// let code: Code = "IC022".parse().unwrap();
        /// assert_eq!(code.name(), "too-many-images");
        /// assert_eq!(code, "too-many-images".parse().unwrap());
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $summary] $code,)* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// The code as written: `IC022`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// The rule's name in words: `too-many-images`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => $name,)* }
            }

            /// The severity a finding has unless [`Levels`] say otherwise.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$code => Severity::$severity,)* }
            }

            /// One line on what the rule holds.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $(Code::$code => $summary,)* }
            }

            /// The page that explains the rule: why, examples, source. Markdown.
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
    IC001 "syntax" Error "the text is neither YAML nor JSON";
    IC002 "duplicate-key" Error "a key stands twice in one mapping; the API server keeps the last";
    IC003 "limit" Error "the input passes a named limit: bytes, depth, nodes, documents or findings";
    IC004 "not-an-object" Error "a document is not a Kubernetes object";
    IC005 "unreadable" Error "an input that was named could not be read as text";
    // Identity
    IC010 "api-version" Error "apiVersion is missing or not the one that serves this kind";
    IC011 "kind" Error "kind is missing or not one that its API group has";
    IC012 "namespace-set" Warning "ImageCache is cluster scoped: a namespace is dropped in silence";
    IC013 "name-missing" Error "metadata.name is missing, and so is metadata.generateName";
    IC014 "name-invalid" Error "metadata.name is not an RFC 1123 subdomain of at most 253 characters";
    IC015 "unknown-field" Error "a field that no ImageCache has: it is refused or dropped in silence";
    IC016 "wrong-type" Error "a value has the wrong type";
    IC017 "label-form" Error "a label, or the key of an annotation, breaks the rules of Kubernetes";
    IC018 "annotations-too-long" Error "all annotations of one object together pass 256 KiB";
    // Images
    IC020 "images-missing" Error "spec or spec.images is missing";
    IC021 "images-empty" Error "spec.images is an empty list";
    IC022 "too-many-images" Error "one cache holds at most 20 images";
    IC023 "bad-reference" Error "an image is not a valid reference";
    IC024 "duplicate-image" Warning "two images are the same after normalisation";
    IC025 "mutable-tag" Warning "a tag that moves (latest, or none): the cache keeps the old content";
    // Secrets
    IC030 "secret-form" Error "an image pull secret is not written namespace:name";
    IC031 "duplicate-secret" Warning "an image pull secret stands twice";
    IC032 "too-many-secrets" Error "one cache takes at most 10 registry credentials";
    IC033 "private-without-secret" Hint "an image of a private-looking registry, and no way to log in";
    // Size and retention
    IC040 "size-range" Error "spec.imageCacheSize is not within 20 to 32768 GiB";
    IC041 "retention-range" Error "spec.retentionDays is not within 1 to 65536 days";
    IC042 "retention-missing" Hint "without spec.retentionDays the cache never expires and keeps costing";
    // Annotations
    IC050 "annotation-type" Error "the value of an annotation is not a string";
    IC051 "annotation-value" Error "the value of a known annotation has the wrong form";
    IC052 "annotation-unknown" Hint "a k8s.aliyun.com annotation that is not known here; it passes through";
    IC053 "annotation-misspelt" Warning "an unknown annotation that looks like a known one";
    IC054 "annotation-old" Hint "an old name of an annotation";
    IC055 "annotation-old-beside-new" Warning "the old and the new name of one annotation together";
    IC056 "annotation-misplaced" Warning "an annotation that has no effect on this kind of object";
    // Workloads
    IC060 "annotation-level" Warning "a pod annotation above the pod template: no effect";
    IC061 "explicit-beside-auto" Warning "an explicit cache beside automatic matching: the explicit one wins";
    IC062 "perfect-beside-count" Warning "perfect match beside a match count: perfect match wins";
    IC063 "match-count" Warning "a match count that asks for nothing, or for more images than the pod has";
    IC064 "pull-policy" Warning "an image pull policy that throws the benefit of the cache away";
    IC065 "not-on-eci" Hint "image cache annotations on a pod that does not ask for ECI";
    IC066 "cache-id-form" Warning "an image cache id that does not look like imc-…";
    IC067 "result-by-hand" Warning "an annotation that ECI writes was written by hand";
    // Status
    IC080 "phase-unknown" Warning "a phase that no document names";
    IC081 "status-form" Warning "a status field whose form no reader expects";
    IC082 "expiry-disagrees" Warning "the recorded expiry is not what the rules give";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No rule has this code or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCode(
    /// What was asked for.
    pub String,
);

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no diagnostic code; codes look like `IC022` or `too-many-images`",
            self.0
        )
    }
}

impl std::error::Error for UnknownCode {}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads a code (`IC022`, in any case) or a rule's name (`too-many-images`).
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
