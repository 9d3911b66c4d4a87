//! The local API server as `imagecache serve` opens it: the definition of `ImageCache` and the admission of the core.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use imagecache::admission::AdmissionSettings;
use imagecache_apiserver::cluster::Cluster;
use imagecache_apiserver::cluster::requests::Body;
use imagecache_simulator::cluster::{config, definition_faults, own_definition};
use serde_json::json;

#[test]
fn definition_of_another_kind_is_refused() {
    assert_eq!(definition_faults(&own_definition(true)), []);
    assert_eq!(definition_faults(&own_definition(false)), []);
    for (pointer, value, field, message) in [
        (
            "/metadata/name",
            json!("a.b"),
            "metadata.name",
            "supported values: \"imagecaches.eci.alibabacloud.com\"",
        ),
        (
            "/spec/scope",
            json!("Namespaced"),
            "spec.scope",
            "image caches are cluster-scoped",
        ),
        (
            "/spec/versions/0/name",
            json!("v2"),
            "spec.versions",
            "must serve v1",
        ),
        (
            "/kind",
            json!("Pod"),
            "apiVersion",
            "must be a CustomResourceDefinition",
        ),
    ] {
        let mut definition = own_definition(true);
        *definition.pointer_mut(pointer).unwrap() = value;
        let faults = definition_faults(&definition);
        let found = faults.iter().find(|fault| fault.field == field);
        assert!(
            found.is_some_and(|fault| fault.message.contains(message)),
            "{pointer}: {faults:#?}"
        );
    }
}

#[tokio::test]
async fn admission_agrees_with_the_core() {
    let cache = |image: &str| {
        let cache = json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "base"},
            "spec": {"images": [image]},
        });
        Body::json(&cache, "test")
    };
    let caches = ("eci.alibabacloud.com", "v1", "imagecaches");
    let settings = AdmissionSettings::default();
    let cluster = Cluster::open(config(None, Some(settings))).await.unwrap();
    let place = cluster.place(caches, None, None).unwrap();
    let refused = cluster
        .create(&place, cache("Not/a reference"))
        .await
        .unwrap_err();
    assert_eq!(refused.code, 422);
    let message = "admission denied the request: spec.images[0]: ";
    assert!(refused.message.starts_with(message), "{}", refused.message);
    cluster.create(&place, cache("nginx:1.27")).await.unwrap();

    // without admission, the definition has no rules about the text of an image
    let cluster = Cluster::open(config(None, None)).await.unwrap();
    let place = cluster.place(caches, None, None).unwrap();
    cluster
        .create(&place, cache("Not/a reference"))
        .await
        .unwrap();
}
