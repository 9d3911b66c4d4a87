//! The cloud side: requests and replies of the ECI OpenAPI (version 2018-08-08) as values.
//!
//! Nothing here sends anything. A client signs what [`signature`] returns and puts it on a wire; a server reads what it
//! received with [`signature::Received`]. Both sides share these names, so they cannot drift apart.
//!
//! | question | module |
//! |---|---|
//! | What does a call hold, and how is it flattened to parameters? | [`request`], [`params`] |
//! | What does an answer hold? | [`reply`] |
//! | What went wrong, and is it worth another try? | [`error`] |
//! | How is a request signed, and is this signature true? | [`signature`] |
//! | How are parameters written in a URL? | [`encoding`] |
//! | Which host serves a region? | [`region`] |
//! | What does an `ImageCache` object ask of ECI, and what does ECI's answer make of its status? | [`object`] |
//! | What does a pod ask of ECI, and what do a container group's events say of it? | [`group`] |
//! | Which caches does a person mean by this text? | [`target`] |
//! | Which logins are in a Kubernetes secret? | [`login`] |

pub mod encoding;
pub mod error;
pub mod group;
pub mod login;
pub mod object;
pub mod params;
pub mod region;
pub mod reply;
pub mod request;
mod secret;
pub mod signature;
pub mod target;
pub mod xml;

pub use secret::Secret;

/// Version of the API that every request names.
pub const VERSION: &str = "2018-08-08";

/// Longest request, in bytes of URL, headers and body together, that is worth reading. No limit is published; the
/// largest request that keeps all documented limits is far below.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
