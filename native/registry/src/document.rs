//! Manifests and indexes: what kind a document is, and its digest.

use imagecache::registry::{FailureReason, ImagePlatform, RegistryFailure};
use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest, Platform};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// The documents that are asked for.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// A document that describes an image.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    Index(Box<ImageIndex>),
    Manifest(Box<ImageManifest>),
}

fn not_an_image(message: &str) -> RegistryFailure {
    RegistryFailure::new(FailureReason::NotAnImage, message)
}

impl Document {
    /// Reads a document. `content_type` is the header of the response, used where the document names no type.
    pub(crate) fn read(body: &[u8], content_type: Option<&str>) -> Result<Self, RegistryFailure> {
        let value: Value =
            serde_json::from_slice(body).map_err(|_| not_an_image("the document is not JSON"))?;
        let is_list = |name: &str| value.get(name).is_some_and(Value::is_array);
        if is_list("manifests") && (is_list("layers") || value.get("config").is_some()) {
            // The specification warns of such documents: two clients would read two images.
            return Err(not_an_image("the document is an index and a manifest"));
        }
        let header = content_type.and_then(|header| header.split(';').next());
        let written = value.get("mediaType").and_then(Value::as_str);
        let media_type = written.or(header.map(str::trim)).unwrap_or_default();
        let broken = |what: &str| not_an_image(&format!("the document is not {what}"));
        match media_type {
            OCI_INDEX | DOCKER_LIST => index(value).ok_or_else(|| broken("an index of images")),
            OCI_MANIFEST | DOCKER_MANIFEST => {
                manifest(value).ok_or_else(|| broken("a manifest of an image"))?
            }
            _ if is_list("fsLayers") || media_type.contains("manifest.v1") => Err(not_an_image(
                "the manifest is of schema 1, the format of Docker before 2017",
            )),
            _ if is_list("manifests") => index(value).ok_or_else(|| broken("an index of images")),
            _ if is_list("layers") => {
                manifest(value).ok_or_else(|| broken("a manifest of an image"))?
            }
            _ => Err(broken("a manifest or an index")),
        }
    }
}

fn index(value: Value) -> Option<Document> {
    let index = serde_json::from_value(value).ok()?;
    Some(Document::Index(Box::new(index)))
}

/// Reads a manifest: `None` if it is none, an error if it is the manifest of something else.
fn manifest(value: Value) -> Option<Result<Document, RegistryFailure>> {
    let manifest: ImageManifest = serde_json::from_value(value).ok()?;
    let config = manifest.config().media_type().to_string();
    if ![OCI_CONFIG, DOCKER_CONFIG].contains(&&*config) {
        return Some(Err(not_an_image(
            "the manifest is that of another artifact, such as a chart or a signature",
        )));
    }
    Some(Ok(Document::Manifest(Box::new(manifest))))
}

/// Returns the compressed bytes of configuration and layers.
pub(crate) fn bytes(manifest: &ImageManifest) -> u64 {
    let layers = manifest.layers().iter().map(Descriptor::size);
    layers.fold(manifest.config().size(), u64::saturating_add)
}

/// Returns the images of an index: digest and platform, which a descriptor may leave out. Attestations are not images.
pub(crate) fn images(index: &ImageIndex) -> Vec<(Option<ImagePlatform>, String)> {
    let manifests = index.manifests().iter();
    let images = manifests.filter(|one| {
        let media_type = one.media_type().to_string();
        [OCI_MANIFEST, DOCKER_MANIFEST].contains(&&*media_type)
    });
    images
        .filter_map(|one| {
            let platform = one.platform().as_ref().map(platform);
            if platform
                .as_ref()
                .is_some_and(|platform| platform.os == "unknown")
            {
                return None;
            }
            Some((platform, one.digest().to_string()))
        })
        .collect()
}

fn platform(platform: &Platform) -> ImagePlatform {
    let (os, architecture) = (
        platform.os().to_string(),
        platform.architecture().to_string(),
    );
    ImagePlatform::of(Some(&os), Some(&architecture)).with_variant(platform.variant().as_deref())
}

/// Returns the platform that the configuration of an image names.
pub(crate) fn platform_of_config(config: &[u8]) -> Result<ImagePlatform, RegistryFailure> {
    let config: ImageConfiguration = serde_json::from_slice(config)
        .map_err(|_| not_an_image("the configuration is not that of an image"))?;
    let (os, architecture) = (config.os().to_string(), config.architecture().to_string());
    let platform = ImagePlatform::of(Some(&os), Some(&architecture));
    Ok(platform.with_variant(config.variant().as_deref()))
}

/// Returns the SHA-256 digest of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reports whether bytes have a digest. `None` for an unknown algorithm.
pub(crate) fn verify(digest: &str, bytes: &[u8]) -> Option<bool> {
    match digest.split_once(':')? {
        ("sha256", hash) => Some(hex(&Sha256::digest(bytes)) == hash),
        ("sha512", hash) => Some(hex(&Sha512::digest(bytes)) == hash),
        _ => None,
    }
}

/// Reports whether a text is a digest of a known algorithm.
pub(crate) fn is_digest(text: &str) -> bool {
    let hex = |hash: &str| {
        hash.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match text.split_once(':') {
        Some(("sha256", hash)) => hash.len() == 64 && hex(hash),
        Some(("sha512", hash)) => hash.len() == 128 && hex(hash),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(media_type: &str, size: u64) -> Value {
        json!({"mediaType": media_type, "digest": format!("sha256:{}", "a".repeat(64)), "size": size})
    }

    fn read(value: &Value, header: Option<&str>) -> Result<Document, String> {
        Document::read(value.to_string().as_bytes(), header).map_err(|error| {
            assert_eq!(error.reason, FailureReason::NotAnImage);
            error.message
        })
    }

    #[test]
    fn documents_are_recognised_by_type_header_and_form() {
        let layers = json!([part("application/vnd.oci.image.layer.v1.tar+gzip", 32_654)]);
        for config in [OCI_CONFIG, DOCKER_CONFIG] {
            let manifest =
                json!({"schemaVersion": 2, "config": part(config, 7_023), "layers": layers});
            for header in [
                None,
                Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
            ] {
                match read(&manifest, header).unwrap() {
                    Document::Manifest(manifest) => assert_eq!(bytes(&manifest), 39_677),
                    Document::Index(_) => panic!("an index"),
                }
            }
        }
        let mut arm = part(DOCKER_MANIFEST, 1);
        arm["platform"] = json!({"os": "linux", "architecture": "arm64", "variant": "v8"});
        let mut attestation = part(OCI_MANIFEST, 1);
        attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        let index =
            json!({"schemaVersion": 2, "manifests": [arm, attestation, part(OCI_MANIFEST, 1)]});
        let Document::Index(index) = read(&index, None).unwrap() else {
            panic!("a manifest");
        };
        let platforms: Vec<_> = images(&index)
            .into_iter()
            .map(|(platform, _)| platform.map(|platform| platform.to_string()))
            .collect();
        assert_eq!(platforms, [Some("linux/arm64/v8".to_owned()), None]);
    }

    #[test]
    fn documents_of_other_things_are_refused() {
        let chart = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
            "config": part("application/vnd.cncf.helm.config.v1+json", 1)});
        let cases = [
            (chart, "another artifact"),
            (json!({"schemaVersion": 1, "fsLayers": []}), "schema 1"),
            (
                json!({"manifests": [], "layers": []}),
                "an index and a manifest",
            ),
            (json!({}), "not a manifest or an index"),
            (json!({"mediaType": OCI_INDEX}), "not an index"),
            (
                json!({"mediaType": OCI_MANIFEST, "layers": 7}),
                "not a manifest of an image",
            ),
        ];
        for (document, expected) in cases {
            let said = read(&document, None).unwrap_err();
            assert!(said.contains(expected), "{said}: {expected}");
        }
        assert!(Document::read(b"<html>", Some("text/html")).is_err());
    }

    #[test]
    fn digests_are_checked() {
        assert_eq!(verify(&sha256(b"a"), b"a"), Some(true));
        assert_eq!(verify(&sha256(b"a"), b"b"), Some(false));
        assert_eq!(verify("md5:0", b"b"), None);
        assert!(is_digest(&sha256(b"")));
        let whole = sha256(b"");
        for bad in ["", "sha256:", "sha256:ABC", whole.get(..70).unwrap()] {
            assert!(!is_digest(bad), "{bad}");
        }
    }
}
