//! Image references, with exactly the grammar and the errors of Docker's `distribution/reference`
//! (commit `0965666a6ade`) and of `opencontainers/go-digest` 1.0.0, which containerd, the kubelet and Docker use.
//!
//! | result | function | in Go |
//! |---|---|---|
//! | The image that a text of a manifest names | [`Named::parse`] | `ParseNormalizedNamed` |
//! | The image that a container runtime pulls for it | [`Named::parse_docker`] | `ParseDockerRef` |
//! | The reference as written, if it is well-formed | [`ParsedReference::parse`] | `Parse` |
//! | A name or an image id | [`AnyReference::parse`] | `ParseAnyReference` |
//! | A description with all of these | [`describe`] | |
//!
//! Parsing is one pass over the bytes, borrows the text and allocates nothing. Only an invalid text may be lower-cased
//! once, to distinguish "must be lowercase" from other errors. Two names of one repository are equal:
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
//! Known quirks, kept because every runtime has them: `docker.io` alone is the image `docker.io/library/docker.io`;
//! `a.b_c/x` has no domain, since a host name cannot contain `_`, and the whole text is a path.

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

/// The maximum length of a path in bytes, without the domain and with `library/`. A longer path is
/// [`ReferenceFaultClass::TooLong`].
pub const PATH_LENGTH_MAX: usize = 255;

/// The maximum length of a tag in bytes.
pub const TAG_LENGTH_MAX: usize = 128;
