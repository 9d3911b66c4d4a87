//! The objects that a new cluster begins with: a cache, and a pod that starts from it once it is there.

use imagecache::resource::{GROUP, ImageCache, PLURAL, VERSION};
use imagecache_apiserver::api::selector::Selector;
use imagecache_apiserver::cluster::Cluster;
use imagecache_apiserver::cluster::place::Place;
use imagecache_apiserver::cluster::requests::Body;
use serde_json::{Value, json};

/// The name of both.
pub(super) const NAME: &str = "sample";

/// Who writes them.
const MANAGER: &str = "imagecache-dev";

/// What the cache holds and the pod runs.
const IMAGES: [&str; 2] = ["nginx:1.27", "redis:7.4"];

const CACHES: (&str, &str, &str) = (GROUP, VERSION, PLURAL);
const PODS: (&str, &str, &str) = ("", "v1", "pods");

/// Makes the cache in a cluster that has none, and the pod when the cache is ready. A cluster that holds anything else is
/// somebody's work and left alone.
///
/// # Errors
/// What the API says.
pub(super) async fn make(cluster: &Cluster) -> anyhow::Result<()> {
    let before = cluster.store().version();
    let everything = Selector::default();
    let pods = cluster.list(&place(cluster, PODS, None, None)?, &everything);
    let caches = cluster.list(&place(cluster, CACHES, None, None)?, &everything);
    match (caches.items.as_slice(), pods.items.as_slice()) {
        ([], []) => write(cluster, CACHES, None, &cache()).await?,
        // a process before this one ended before it was ready
        ([cache], []) if is_own(&cache.value) && !is_usable(&cache.value) => {}
        _ => return Ok(()),
    }
    let here = place(cluster, CACHES, None, Some(NAME))?;
    let mut watch = cluster.watch(&here, before);
    while let Ok(changes) = watch.next().await {
        for change in changes {
            let found = &change.object.value;
            if !is_own(found) {
                continue;
            }
            if change.deleted {
                return Ok(());
            }
            if is_usable(found) {
                return write(cluster, PODS, Some("default"), &pod()).await;
            }
        }
    }
    Ok(())
}

/// Whether it is the cache that [`make`] wrote.
fn is_own(object: &Value) -> bool {
    let fields = object.pointer("/metadata/managedFields");
    let mut writers = fields.and_then(Value::as_array).into_iter().flatten();
    object.pointer("/metadata/name") == Some(&json!(NAME))
        && writers.any(|writer| writer.get("manager") == Some(&json!(MANAGER)))
}

fn is_usable(object: &Value) -> bool {
    let found = serde_json::from_value::<ImageCache>(object.clone());
    found.is_ok_and(|cache| cache.phase().is_some_and(|phase| phase.is_usable()))
}

async fn write(
    cluster: &Cluster,
    kind: (&str, &str, &str),
    namespace: Option<&str>,
    object: &Value,
) -> anyhow::Result<()> {
    let place = place(cluster, kind, namespace, None)?;
    match cluster.create(&place, Body::json(object, MANAGER)).await {
        Ok(_) => Ok(()),
        Err(error) => Err(anyhow::anyhow!(
            "the sample cannot be made: {}",
            error.message
        )),
    }
}

fn place(
    cluster: &Cluster,
    kind: (&str, &str, &str),
    namespace: Option<&str>,
    name: Option<&str>,
) -> anyhow::Result<Place> {
    let place = cluster.place(kind, namespace, name);
    place.map_err(|error| anyhow::anyhow!("{}", error.message))
}

fn cache() -> Value {
    json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": NAME},
        "spec": {"images": IMAGES, "imageCacheSize": 20, "retentionDays": 7},
    })
}

fn pod() -> Value {
    let containers: Vec<Value> = IMAGES
        .iter()
        .zip(["web", "store"])
        .map(|(image, name)| json!({"name": name, "image": image}))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": NAME, "namespace": "default", "labels": {"alibabacloud.com/eci": "true"}},
        "spec": {"containers": containers},
    })
}
