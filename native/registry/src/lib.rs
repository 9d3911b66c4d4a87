//! A client of the OCI distribution API, for what image caches need to know of an image: its digest now, its platforms,
//! and its compressed size. It pulls no layer and changes nothing.
//!
//! The answers are the types of [`imagecache::registry`]; a failure is a [`RegistryFailure`](imagecache::registry::RegistryFailure)
//! of a known reason, and never affects the questions about other images. A [`Client`]
//!
//! - uses HTTPS, and plain HTTP only for a registry on the loopback interface or one in [`Options::plain_http`];
//! - sends a login to the registry that it is for, and to the token service that this registry names over HTTPS; not to an
//!   address that a redirect leads to;
//! - reads at most [`MAX_DOCUMENT`] bytes of a document, and checks its digest;
//! - waits when a registry asks for it (`Retry-After`), at most [`MAX_PAUSE`];
//! - asks at most [`Options::concurrent`] questions at a time, and keeps documents by digest in memory.
//!
//! No text of a server is shown: a message has the host, the status and the words of this crate, so that no secret that a
//! server repeats is printed.
//!
//! ```no_run
//! use imagecache::registry::RegistryAsk;
//! use imagecache_registry::{Client, Logins, Options};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Options::default())?;
//! let ask = RegistryAsk::new("docker.io/library/nginx:1.27", "linux/arm64".parse()?);
//! let image = client.image(&ask, &Logins::default()).await?;
//! println!("{}: {:?} bytes", image.digest, image.bytes);
//! # Ok(())
//! # }
//! ```
//!
//! `oci-client` is not used: it brings `reqwest`, a second HTTP stack beside the one of this project.

mod auth;
mod client;
mod document;
mod logins;
mod transport;

pub use client::{Client, Depth, Options};
pub use logins::{BadConfig, Logins};
pub use transport::{MAX_DOCUMENT, MAX_PAUSE};
