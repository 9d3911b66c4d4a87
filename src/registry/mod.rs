//! Facts of images in registries: what to ask for, and what follows from the answers.
//!
//! This module asks no registry. [`RegistryNeeds`] collects from manifests which images to ask for; a host asks, and keeps
//! the answers in [`RegistryFacts`], a JSON document that makes a run repeatable; [`check_text`] reports what follows:
//!
//! | fact | finding |
//! |---|---|
//! | the registry does not have the image | IC090 |
//! | the registry refuses the login, or wants one | IC091 |
//! | the image is not made for the architecture | IC092 |
//! | the cache is smaller than [`SIZE_FACTOR`] times the compressed size of its images | IC093 |
//! | the registry gave no answer, or was not asked | IC094 |
//! | the reference is not an image | IC095 |
//!
//! ```
//! use imagecache::registry::{ImageRecord, PlatformImage, RegistryAnswer, RegistryFacts, RegistryNeeds, check_text};
//! use imagecache::document::{TextFormat, TextLimits};
//! use imagecache::validate::ValidateOptions;
//! let manifest = "kind: ImageCache\nspec: {images: ['nginx:1.27'], imageCacheSize: 20}\n";
//! let mut needs = RegistryNeeds::default();
//! needs.add(&serde_json::json!({"kind": "ImageCache", "spec": {"images": ["nginx:1.27"]}}), &Default::default());
//! let ask = needs.asks().into_iter().next().unwrap();
//! assert_eq!((&*ask.image, &*ask.platform.to_string()), ("docker.io/library/nginx:1.27", "linux/amd64"));
//! let mut facts = RegistryFacts::default();
//! let mut record = ImageRecord::new("sha256:aa");
//! record.platforms = Some(vec![PlatformImage::new("linux/amd64".parse().unwrap(), "sha256:bb")]);
//! record.bytes = Some(15 << 30);
//! facts.insert(ask, "2026-01-01T00:00:00Z".parse().unwrap(), RegistryAnswer::Image(record));
//! let options = ValidateOptions::default();
//! let found = check_text(manifest, TextFormat::Auto, &options, &TextLimits::default(), &needs, &facts);
//! assert_eq!(found[0].to_string(), "spec.imageCacheSize: 20 GiB, but twice the compressed size of the images is 30 GiB");
//! ```

mod check;
mod facts;
mod needs;
mod platform;

pub use check::{SIZE_FACTOR, check_text};
pub use facts::{
    FailureReason, ImageRecord, PlatformImage, RegistryAnswer, RegistryAsk, RegistryFacts,
    RegistryFactsError, RegistryFailure,
};
pub use needs::RegistryNeeds;
pub(crate) use needs::{each_image, not_made_for};
pub use platform::{BadPlatform, ImagePlatform};
