//! A client for the image caches of the ECI OpenAPI.
//!
//! [`imagecache::eci`] defines the calls, signs them and interprets the responses; this crate adds connections, the clock
//! and credentials. A [`Client`] keeps connections open, observes a rate limit, signs every attempt anew and retries
//! after throttling, failures of the service and lost connections. Calls that create or change something carry a
//! `ClientToken`, so a repeated call has no second effect.
//!
//! What comes back is searched for the secrets of the call (the key's secret, the security token, the registries'
//! passwords) in every encoding before a value or an [`Error`] is made of it. The texts of an error are cut to
//! [`MAX_MESSAGE`] and [`MAX_NAME`].
//!
//! ```no_run
//! use futures_util::TryStreamExt as _;
//! use imagecache::eci::request::{CreateImageCache, DescribeImageCaches};
//! use imagecache_eci::{Client, Config, Credentials, Endpoint, ProcessEnvironment};
//!
//! # async fn example() -> Result<(), imagecache_eci::Error> {
//! let config = Config::new(Endpoint::of_region("cn-hangzhou", Default::default())?);
//! let client = Client::new(config, Credentials::chain(ProcessEnvironment::of_process()))?;
//! let made = client
//!     .call(&CreateImageCache {
//!         region_id: "cn-hangzhou".into(),
//!         image_cache_name: "base".into(),
//!         image: vec!["registry.example.com/demo/nginx:1.27".into()],
//!         ..Default::default()
//!     })
//!     .await?;
//! let all = DescribeImageCaches { region_id: "cn-hangzhou".into(), ..Default::default() };
//! let caches: Vec<_> = client.caches(all).try_collect().await?;
//! assert!(caches.iter().any(|cache| cache.image_cache_id == made.image_cache_id));
//! # Ok(())
//! # }
//! ```

mod client;
pub mod credentials;
mod endpoint;
mod environment;
mod error;
mod rate;
mod redact;

pub use client::{Client, Config};
pub use credentials::{Credentials, ProcessEnvironment};
pub use endpoint::{BadEndpoint, Endpoint};
pub use environment::{Environment, Real};
pub use error::{Error, NoCredentials};
pub use redact::{MAX_MESSAGE, MAX_NAME, MIN_IN_REPLY};

/// The user agent of this client.
pub const USER_AGENT: &str = concat!("imagecache/", env!("CARGO_PKG_VERSION"));
