//! The pods of the cluster in this process.

use std::sync::atomic::{AtomicU64, Ordering};

use imagecache::time::Timestamp;
use serde_json::{Value, json};

use super::{Name, Pods, PodsError};
use imagecache_apiserver::api::ApiError;
use imagecache_apiserver::api::options::DeleteOptions;
use imagecache_apiserver::api::patch::PatchKind;
use imagecache_apiserver::api::selector::Selector;
use imagecache_apiserver::cluster::place::Place;
use imagecache_apiserver::cluster::requests::Body;
use imagecache_apiserver::cluster::{self, Cluster};

/// Who writes.
const MANAGER: &str = "eci-node";

/// The pods of a [`Cluster`] of this process.
#[derive(Debug)]
pub struct ClusterPods {
    cluster: Cluster,
    /// The version of the last list.
    listed: AtomicU64,
}

impl ClusterPods {
    /// The pods of this cluster.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        ClusterPods {
            cluster,
            listed: AtomicU64::new(0),
        }
    }

    fn place(
        &self,
        plural: &str,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Result<Place, ApiError> {
        self.cluster.place(("", "v1", plural), namespace, name)
    }

    fn of_pod(&self, pod: &Name) -> Result<Place, ApiError> {
        self.place("pods", Some(&pod.namespace), Some(&pod.name))
    }

    async fn merge(&self, place: Place, pod: &Name, mut patch: Value) -> Result<(), ApiError> {
        // a later pod of the same name is refused
        if let Some(fields) = patch.as_object_mut() {
            let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("uid".to_owned(), pod.uid.clone().into());
            }
        }
        let body = Body {
            content_type: Some(PatchKind::Merge.media_type().to_owned()),
            ..Body::json(&patch, MANAGER)
        };
        self.cluster.patch(&place, PatchKind::Merge, body).await?;
        Ok(())
    }
}

/// What went wrong, unless it is that the object is gone or there already.
fn unless(reasons: &[&str], outcome: Result<(), ApiError>) -> Result<(), PodsError> {
    match outcome {
        Err(error) if !reasons.contains(&error.reason) => Err(PodsError(error.message)),
        _ => Ok(()),
    }
}

impl Pods for ClusterPods {
    async fn list(&self) -> Result<Vec<Value>, PodsError> {
        let pods = self
            .place("pods", None, None)
            .map_err(|error| PodsError(error.message))?;
        let page = self.cluster.list(&pods, &Selector::default());
        self.listed.store(page.version, Ordering::SeqCst);
        Ok(page.items.iter().map(|pod| pods.show(pod)).collect())
    }

    async fn changed(&self) {
        let Ok(pods) = self.place("pods", None, None) else {
            return std::future::pending().await;
        };
        let mut watch = self
            .cluster
            .watch(&pods, self.listed.load(Ordering::SeqCst));
        // a log that has forgotten the version has changed since
        let _ = watch.next().await;
    }

    async fn patch(&self, pod: &Name, patch: Value) -> Result<(), PodsError> {
        let patched = async { self.merge(self.of_pod(pod)?, pod, patch).await };
        unless(&["NotFound"], patched.await)
    }

    async fn patch_status(&self, pod: &Name, patch: Value) -> Result<(), PodsError> {
        let patched = async { self.merge(self.of_pod(pod)?.status(), pod, patch).await };
        unless(&["NotFound"], patched.await)
    }

    async fn remove(&self, pod: &Name) -> Result<(), PodsError> {
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            uid: Some(pod.uid.clone()),
            ..DeleteOptions::default()
        };
        let removed = async {
            self.cluster
                .delete(&self.of_pod(pod)?, options)
                .await
                .map(drop)
        };
        unless(&["NotFound", "Conflict"], removed.await)
    }

    async fn create_event(&self, mut event: Value) -> Result<(), PodsError> {
        date(&mut event, cluster::now());
        let namespace = event.pointer("/metadata/namespace").and_then(Value::as_str);
        let created = async {
            let events = self.place("events", Some(namespace.unwrap_or("default")), None)?;
            let created = self.cluster.create(&events, Body::json(&event, MANAGER));
            created.await.map(drop)
        };
        unless(&["AlreadyExists"], created.await)
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Value>, PodsError> {
        let secret = self.place("secrets", Some(namespace), Some(name));
        match secret.and_then(|secret| self.cluster.get(&secret)) {
            Ok(secret) => Ok(Some(secret.value.clone())),
            Err(error) if error.reason == "NotFound" => Ok(None),
            Err(error) => Err(PodsError(error.message)),
        }
    }
}

/// An Event of the cluster is dated by the cluster's clock: that of the cloud may run ahead, and clients show no age of
/// what has yet to happen.
fn date(event: &mut Value, now: Timestamp) {
    for field in ["firstTimestamp", "lastTimestamp"] {
        let time = event.get(field).and_then(Value::as_str);
        let time: Option<Timestamp> = time.and_then(|time| time.parse().ok());
        if time.is_some_and(|time| time > now)
            && let Some(event) = event.as_object_mut()
        {
            event.insert(field.to_owned(), json!(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::date;

    #[test]
    fn event_dates_are_never_in_the_future() {
        let mut event = json!({
            "firstTimestamp": "2026-01-18T13:40:56Z", "lastTimestamp": "2026-01-18T13:41:56Z", "eventTime": null,
        });
        date(&mut event, "2026-01-18T13:41:00Z".parse().unwrap());
        assert_eq!(
            event,
            json!({
                "firstTimestamp": "2026-01-18T13:40:56Z", "lastTimestamp": "2026-01-18T13:41:00Z", "eventTime": null,
            })
        );
    }
}
