//! A client for the image caches of the ECI OpenAPI.
//!
//! What a call holds, how it is signed and what an answer means is decided in [`imagecache::eci`]; here are the socket,
//! the clock and the credentials. A [`Client`] keeps connections open, waits its turn, signs every attempt anew and
//! tries again what is worth it: throttling, failures of the service and lost connections. Calls that make or change
//! something carry a `ClientToken`, so that a repeated one has no second effect.
//!
//! ```no_run
//! use futures_util::TryStreamExt as _;
//! use imagecache::eci::request::{CreateImageCache, DescribeImageCaches};
//! use imagecache_eci::{Client, Config, Credentials, Endpoint, Setting};
//!
//! # async fn example() -> Result<(), imagecache_eci::Error> {
//! let config = Config::new(Endpoint::of_region("cn-hangzhou", Default::default())?);
//! let client = Client::new(config, Credentials::chain(Setting::of_process()))?;
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
mod http;
mod rate;

pub use client::{Client, Config};
pub use credentials::{Credentials, NoCredentials, ProcessEnvironment};
pub use endpoint::{BadEndpoint, Endpoint};
pub use environment::{Environment, Real};
pub use error::Error;

/// What this client calls itself.
pub const USER_AGENT: &str = concat!("imagecache/", env!("CARGO_PKG_VERSION"));
