//! Image references, with exactly the grammar and the errors of Docker's `distribution/reference`
//! (commit `0965666a6ade`) and of `opencontainers/go-digest` 1.0.0, which containerd, the kubelet and Docker use.
//!
//! | question | answer | in Go |
//! |---|---|---|
//! | Which image does this text of a manifest name? | [`Named::parse`] | `ParseNormalizedNamed` |
//! | Which image does a container runtime pull for it? | [`Named::parse_docker`] | `ParseDockerRef` |
//! | Is it well formed, as written? | [`ParsedReference::parse`] | `Parse` |
//! | May it be an image id as well? | [`AnyReference::parse`] | `ParseAnyReference` |
//! | All of that as one record | [`describe`] | |
//!
//! Parsing is one pass over the bytes, borrows the text and allocates nothing; only a text that is refused may be
//! lower-cased once, to tell "must be lowercase" from any other fault. Two names of one repository are equal:
//!
//! ```
//! use imagecache::reference::Named;
//! let short = Named::parse("nginx").unwrap();
//! let long = Named::parse("index.docker.io/library/nginx:1.27").unwrap();
//! assert_eq!(short.repository(), long.repository());
//! assert_eq!(short.repository().to_string(), "docker.io/library/nginx");
//! assert_eq!((short.effective_tag(), long.effective_tag()), (Some("latest"), Some("1.27")));
//! ```
//!
//! Known quirks, kept on purpose because every runtime has them: `docker.io` alone is the image
//! `docker.io/library/docker.io`; `a.b_c/x` has no domain, since `_` is in no host name and the whole is a path.

mod any;
mod describe;
mod digest;
mod error;
mod familiar;
pub mod grammar;
mod kind;
mod lower;
mod named;
mod order;
mod pattern;
mod written;

pub use any::{AnyReference, Digest};
pub use describe::{Reference, ReferenceFault, describe};
pub use error::{ReferenceError, ReferenceFaultClass};
pub use familiar::{Familiar, FamiliarName};
pub(crate) use lower::ascii_lower;
pub use named::{DEFAULT_DOMAIN, DEFAULT_TAG, Named, Repository};
pub use order::sort;
pub use pattern::{BadPattern, MATCH_STEPS_MAX, familiar_match};
pub use written::ParsedReference;

/// A path longer than this (bytes, without the domain, with `library/`) is [`ReferenceFaultClass::TooLong`].
pub const PATH_LENGTH_MAX: usize = 255;

/// A tag has at most this many bytes.
pub const TAG_LENGTH_MAX: usize = 128;
