//! Options about pods and images that `match` and `plan` share.

use anyhow::Context as _;
use imagecache::matching::{ImageFacts, storage_bytes};
use imagecache::reference::Named;
use oci_spec::image::{ImageIndex, ImageManifest};

use crate::usage::usage_error;

/// Where pods run that do not say it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Defaults of pods")]
pub(crate) struct Platform {
    /// Region of pods without one; caches of other regions are ignored
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Architecture of pods without one [default: amd64]
    #[arg(long)]
    pub(crate) arch: Option<String>,
    /// Operating system of pods without one [default: linux]
    #[arg(long)]
    pub(crate) os: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Facts about images, repeatable")]
pub(crate) struct ImageOptions {
    /// Compressed size of an image: 405022965 or 1.5Gi
    #[arg(long, value_name = "IMAGE=SIZE", value_parser = image_size)]
    pub(crate) image_size: Vec<(String, u64)>,
    /// Read the size from the image's manifest (OCI or Docker, JSON)
    #[arg(long, value_name = "IMAGE=FILE", value_parser = pair)]
    image_manifest: Vec<(String, String)>,
    /// Current digest of a tag; equal digests are equal images
    #[arg(long, value_name = "IMAGE=DIGEST", value_parser = image_digest)]
    image_digest: Vec<(String, String)>,
    /// Two addresses of one registry, such as the public one and the VPC one
    #[arg(long, value_name = "HOST=HOST", value_parser = hosts)]
    registry_alias: Vec<(String, String)>,
}

/// Splits at the first `=`: names of images and objects have none.
pub(crate) fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text
        .split_once('=')
        .ok_or("expected two parts joined by `=`")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Reads `IMAGE=SIZE`.
pub(crate) fn image_size(text: &str) -> Result<(String, u64), String> {
    let (image, size) = pair(text)?;
    let bytes = storage_bytes(&size).and_then(|bytes| u64::try_from(bytes).ok());
    match bytes {
        Some(bytes) => Ok((image, bytes)),
        None => Err(format!(
            "`{size}` is not a size, such as 405022965 or 1.5Gi"
        )),
    }
}

fn image_digest(text: &str) -> Result<(String, String), String> {
    let (image, digest) = pair(text)?;
    let whole = format!("example.com/a@{digest}");
    match Named::parse(&whole) {
        Ok(named) if named.digest() == Some(&*digest) => Ok((image, digest)),
        _ => Err(format!(
            "`{digest}` is not a digest, such as sha256:<64 hex digits>"
        )),
    }
}

/// Reads `HOST=HOST`, two hosts of registries.
pub(crate) fn hosts(text: &str) -> Result<(String, String), String> {
    let (one, other) = pair(text)?;
    Ok((host(&one)?, host(&other)?))
}

/// Reads the host of a registry.
pub(crate) fn host(text: &str) -> Result<String, String> {
    let image = format!("{text}/a");
    let known = !text.contains('/') && Named::parse(&image).is_ok();
    // A first part without dot and port is a namespace of Docker Hub.
    if !known || !(text.contains(['.', ':']) || text == "localhost") {
        return Err(format!(
            "`{text}` is not a registry, such as registry.example.com:5000"
        ));
    }
    Ok(text.to_owned())
}

impl ImageOptions {
    /// Reports whether a fact decides which names are equal.
    pub(crate) fn compare_names(&self) -> bool {
        !self.image_digest.is_empty() || !self.registry_alias.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.image_size.is_empty()
            && self.image_manifest.is_empty()
            && self.image_digest.is_empty()
            && self.registry_alias.is_empty()
    }

    pub(crate) fn facts(&self) -> anyhow::Result<ImageFacts> {
        let mut facts = ImageFacts::default();
        for (host, other) in &self.registry_alias {
            facts.alias(host, other);
        }
        for (image, bytes) in &self.image_size {
            facts.size(image, *bytes).map_err(usage_error)?;
        }
        for (image, path) in &self.image_manifest {
            facts
                .manifest(image, &manifest(path)?)
                .map_err(usage_error)?;
        }
        for (image, digest) in &self.image_digest {
            facts.digest(image, digest).map_err(usage_error)?;
        }
        Ok(facts)
    }
}

/// Reads the manifest of one image from a file.
fn manifest(path: &str) -> anyhow::Result<ImageManifest> {
    let text = std::fs::read(path).with_context(|| format!("{path}: cannot be read"))?;
    if let Ok(index) = serde_json::from_slice::<ImageIndex>(&text) {
        let platforms = index.manifests().len();
        anyhow::bail!(
            "{path}: an index of {platforms} manifests, expected the manifest of one image"
        );
    }
    serde_json::from_slice(&text).with_context(|| format!("{path}: not a manifest of one image"))
}
