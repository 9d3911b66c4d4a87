//! The digests of running containers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::image::Image;
use crate::reference::Named;
use crate::resource::annotation::POD_MATCHED;

/// A container that runs, or has run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Container {
    /// `namespace/name` of its pod.
    pub(super) pod: String,
    /// The cache that the pod was started from, where ECI has written it.
    pub(super) cache_id: Option<String>,
    /// The digest in `imageID`, if it has one.
    pub(super) digest: Option<String>,
}

/// Containers by the full name of their image.
pub(super) type Containers = BTreeMap<String, BTreeSet<Container>>;

/// Adds the containers of a Pod with a status.
pub(super) fn add_pod(pod: &Value, containers: &mut Containers) {
    let metadata = |name: &str| pod.get("metadata")?.get(name)?.as_str();
    let name = metadata("name").unwrap_or_default();
    let namespace = metadata("namespace").unwrap_or("default");
    let annotations = pod.get("metadata").and_then(|all| all.get("annotations"));
    let matched = annotations.and_then(|all| all.get(POD_MATCHED)?.as_str());
    for (statuses, specs) in [
        ("containerStatuses", "containers"),
        ("initContainerStatuses", "initContainers"),
    ] {
        let statuses = list(pod, "status", statuses);
        for status in statuses {
            let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
            let id = text(status, "imageID").filter(|id| !id.is_empty());
            let Some(id) = id else { continue };
            let named = text(status, "name");
            // The status may have another name of the image than the pod asked for.
            let spec = list(pod, "spec", specs)
                .iter()
                .find(|container| named.is_some() && text(container, "name") == named);
            let image = spec
                .and_then(|container| text(container, "image"))
                .or_else(|| text(status, "image"));
            let Some(image) = image else { continue };
            if let Some(full) = Image::new(&image).normalized() {
                let container = Container {
                    pod: format!("{namespace}/{name}"),
                    cache_id: matched.map(str::to_owned),
                    digest: digest(&id),
                };
                containers
                    .entry(full.to_owned())
                    .or_default()
                    .insert(container);
            }
        }
    }
}

fn list<'v>(pod: &'v Value, part: &str, name: &str) -> &'v [Value] {
    let found = pod.get(part).and_then(|part| part.get(name)?.as_array());
    found.map_or(&[], Vec::as_slice)
}

/// Returns the digest of an `imageID`: `docker-pullable://nginx@sha256:…`. The id of a configuration, `sha256:…` alone,
/// is not the digest of a manifest.
fn digest(id: &str) -> Option<String> {
    let (_, digest) = id.rsplit_once('@')?;
    let whole = format!("example.com/a@{digest}");
    let named = Named::parse(&whole).ok()?;
    named.digest().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn digest_is_read_from_image_id() {
        let sha = format!("sha256:{}", "a".repeat(64));
        for id in [
            "nginx@",
            "docker-pullable://docker.io/library/nginx@",
            "a.example.com:5000/x/y@",
        ] {
            assert_eq!(digest(&format!("{id}{sha}")), Some(sha.clone()));
        }
        for id in [sha.as_str(), "", "nginx:1", "nginx@sha256:aa"] {
            assert_eq!(digest(id), None, "{id}");
        }
    }
}
