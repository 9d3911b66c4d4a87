//! Pods run on the simulated cloud: started, updated with status and events, deleted.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may stop at the first surprise

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use imagecache::eci::object::CallDefaults;
use imagecache::eci::request::{CreateImageCache, DescribeContainerGroups, DescribeImageCaches};
use imagecache_apiserver::cluster::requests::Body;
use imagecache_simulator::cloud::{Clock, Cloud, Config, Hand};
use imagecache_simulator::node::{ClusterPods, Name, Node, Pods, PodsError};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const REGION: &str = "cn-beijing";

/// A cluster that holds pods, secrets and events, and nothing else.
#[derive(Debug, Clone, Default)]
struct Cluster {
    pods: Arc<Mutex<BTreeMap<String, Value>>>,
    events: Arc<Mutex<Vec<Value>>>,
    secrets: Arc<Mutex<BTreeMap<String, Value>>>,
    woken: Arc<Notify>,
    writes: Arc<Mutex<usize>>,
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        merge(&mut target[key], value);
    }
}

impl Cluster {
    fn apply(&self, pod: Value) {
        let key = pod["metadata"]["name"].as_str().unwrap().to_owned();
        self.pods.lock().unwrap().insert(key, pod);
        self.woken.notify_one();
    }

    fn delete(&self, name: &str) {
        let mut pods = self.pods.lock().unwrap();
        pods.get_mut(name).unwrap()["metadata"]["deletionTimestamp"] =
            json!("2026-01-18T04:00:00Z");
        self.woken.notify_one();
    }

    fn pod(&self, name: &str) -> Value {
        self.pods.lock().unwrap()[name].clone()
    }

    fn events(&self, pod: &str) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let of_pod = events.iter();
        let of_pod = of_pod.filter(|event| event["involvedObject"]["name"] == pod);
        let mut of_pod: Vec<_> = of_pod.collect();
        // in the order in which a server lists them
        of_pod.sort_by_key(|event| event["metadata"]["name"].as_str());
        let of_pod = of_pod.into_iter();
        of_pod
            .map(|event| event["reason"].as_str().unwrap().to_owned())
            .collect()
    }

    fn change(&self, pod: &Name, patch: &Value) -> Result<(), PodsError> {
        *self.writes.lock().unwrap() += 1;
        let mut pods = self.pods.lock().unwrap();
        let found = pods
            .get_mut(&pod.name)
            .ok_or_else(|| PodsError("no such pod".to_owned()))?;
        assert_eq!(found["metadata"]["uid"], pod.uid);
        merge(found, patch);
        Ok(())
    }
}

impl Pods for Cluster {
    async fn list(&self) -> Result<Vec<Value>, PodsError> {
        Ok(self.pods.lock().unwrap().values().cloned().collect())
    }

    async fn changed(&self) {
        self.woken.notified().await;
    }

    async fn patch(&self, pod: &Name, patch: Value) -> Result<(), PodsError> {
        assert!(patch.get("status").is_none());
        self.change(pod, &patch)
    }

    async fn patch_status(&self, pod: &Name, patch: Value) -> Result<(), PodsError> {
        assert_eq!(
            patch.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["status"]
        );
        self.change(pod, &patch)
    }

    async fn remove(&self, pod: &Name) -> Result<(), PodsError> {
        self.pods.lock().unwrap().remove(&pod.name);
        Ok(())
    }

    async fn create_event(&self, event: Value) -> Result<(), PodsError> {
        let mut events = self.events.lock().unwrap();
        if !events
            .iter()
            .any(|known| known["metadata"]["name"] == event["metadata"]["name"])
        {
            events.push(event);
        }
        Ok(())
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Value>, PodsError> {
        Ok(self
            .secrets
            .lock()
            .unwrap()
            .get(&format!("{namespace}/{name}"))
            .cloned())
    }
}

fn pod(name: &str, image: &str, annotations: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-of-{name}"), "annotations": annotations},
        "spec": {
            "imagePullSecrets": [{"name": "login"}, {"name": "absent"}],
            "containers": [{"name": "main", "image": image, "resources": {"requests": {"cpu": "500m"}}}],
        },
    })
}

fn stage() -> (Cluster, Cloud, Hand) {
    let (clock, hand) = Clock::stepped("2026-01-18T03:18:02Z".parse().unwrap());
    let cloud = Cloud::open(Config {
        clock,
        ..Config::default()
    })
    .unwrap();
    (Cluster::default(), cloud, hand)
}

fn node(cluster: &Cluster, cloud: &Cloud) -> Node<Cluster> {
    Node::new(
        cluster.clone(),
        cloud.clone(),
        REGION,
        CallDefaults::default(),
    )
}

fn cache(cloud: &Cloud, name: &str, image: &str) -> String {
    let call = CreateImageCache {
        region_id: REGION.into(),
        image_cache_name: name.into(),
        image: vec![image.into()],
        ..Default::default()
    };
    cloud.call(&call).unwrap().image_cache_id
}

fn groups(cloud: &Cloud) -> usize {
    let call = DescribeContainerGroups {
        region_id: REGION.into(),
        ..Default::default()
    };
    cloud.call(&call).unwrap().container_groups.len()
}

#[tokio::test]
async fn pod_starts_from_its_cache_runs_and_ends() {
    let (cluster, cloud, hand) = stage();
    let id = cache(&cloud, "base", "nginx:1.27");
    hand.pass(100);
    let mut node = node(&cluster, &cloud);
    cluster.apply(pod("web", "nginx:1.27", json!({"team": "a"})));
    assert!(node.pass().await.unwrap());
    assert_eq!(groups(&cloud), 1);
    assert!(node.pass().await.unwrap());
    assert_eq!(cluster.pod("web")["status"]["phase"], "Pending");
    hand.pass(20);
    assert!(!node.pass().await.unwrap(), "nothing more is to come");
    let web = cluster.pod("web");
    assert_eq!(web["status"]["phase"], "Running");
    assert_eq!(
        web["status"]["conditions"][3],
        json!({
            "type": "Ready", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-01-18T03:19:47Z",
        })
    );
    assert_eq!(
        web["metadata"]["annotations"]["k8s.aliyun.com/eci-matched-image-cache"],
        *id
    );
    assert!(
        web["metadata"]["annotations"]["k8s.aliyun.com/eci-instance-id"]
            .as_str()
            .unwrap()
            .starts_with("eci-")
    );
    assert_eq!(web["metadata"]["annotations"]["team"], "a");
    assert_eq!(
        cluster.events("web"),
        ["SuccessfulHitImageCache", "Pulled", "Started"]
    );

    // who looks again finds nothing to do, and so does one that has forgotten everything
    let writes = *cluster.writes.lock().unwrap();
    node.pass().await.unwrap();
    self::node(&cluster, &cloud).pass().await.unwrap();
    assert_eq!(*cluster.writes.lock().unwrap(), writes);
    assert_eq!((groups(&cloud), cluster.events("web").len()), (1, 3));

    cluster.delete("web");
    node.pass().await.unwrap();
    assert_eq!(groups(&cloud), 0);
    node.pass().await.unwrap();
    assert!(cluster.pods.lock().unwrap().is_empty());
}

#[tokio::test]
async fn pod_without_cache_starts_an_automatic_one() {
    let (cluster, cloud, hand) = stage();
    let mut node = node(&cluster, &cloud);
    cluster.apply(pod("web", "nginx:1.27", json!({})));
    cluster.apply(pod(
        "old",
        "redis:7",
        json!({"k8s.aliyun.com/eci-image-cache": "false"}),
    ));
    node.pass().await.unwrap();
    hand.pass(60);
    node.pass().await.unwrap();
    assert_eq!(
        cluster.events("web"),
        [
            "ImageCacheMissed",
            "ImageCacheAutoCreated",
            "Pulled",
            "Started"
        ]
    );
    assert_eq!(cluster.events("old"), ["Pulled", "Started"]);
    let call = DescribeImageCaches {
        region_id: REGION.into(),
        ..Default::default()
    };
    let caches = cloud.call(&call).unwrap().image_caches;
    assert_eq!(caches.len(), 1);
    assert!(
        caches[0]
            .image_cache_name
            .starts_with("auto-create-for-eci-")
    );
}

#[tokio::test]
async fn pod_waits_for_its_named_cache_with_a_reason() {
    let (cluster, cloud, hand) = stage();
    let id = cache(&cloud, "base", "nginx:1.27");
    let mut node = node(&cluster, &cloud);
    cluster.apply(pod(
        "early",
        "nginx:1.27",
        json!({"k8s.aliyun.com/eci-imc-id": id}),
    ));
    cluster.apply(pod(
        "lost",
        "nginx:1.27",
        json!({"k8s.aliyun.com/eci-image-snapshot-id": "imc-none"}),
    ));
    cluster.apply(pod(
        "perfect",
        "redis:7",
        json!({"k8s.aliyun.com/imc-perfect-match": "true"}),
    ));
    node.pass().await.unwrap();
    assert_eq!(cluster.events("early"), ["ImageCacheNotComplete"]);
    assert_eq!(cluster.events("lost"), ["ImageCacheNotFound"]);
    hand.pass(100);
    // a node that has just started does not wait until it may try again
    let mut fresh = self::node(&cluster, &cloud);
    fresh.pass().await.unwrap();
    hand.pass(20);
    fresh.pass().await.unwrap();
    assert_eq!(cluster.pod("early")["status"]["phase"], "Running");
    assert_eq!(
        cluster.pod("early")["metadata"]["annotations"]["k8s.aliyun.com/eci-matched-image-cache"],
        *id
    );
    assert_eq!(cluster.pod("lost").get("status"), None);
    assert_eq!(cluster.events("perfect")[0], "ImageCacheMissed");
}

#[tokio::test]
async fn secrets_of_the_pod_open_private_images() {
    let (cluster, cloud, hand) = stage();
    let image = "registry.example.com/private/app:1";
    let mut node = node(&cluster, &cloud);
    cluster.apply(pod("denied", image, json!({})));
    node.pass().await.unwrap();
    hand.pass(60);
    node.pass().await.unwrap();
    let waiting = &cluster.pod("denied")["status"]["containerStatuses"][0]["state"]["waiting"];
    assert_eq!(waiting["reason"], "ErrImagePull");
    assert!(
        waiting["message"]
            .as_str()
            .unwrap()
            .contains("pull access denied")
    );
    let config =
        r#"{"auths": {"registry.example.com": {"username": "robot", "password": "hunter2"}}}"#;
    let secret = json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": config}});
    cluster
        .secrets
        .lock()
        .unwrap()
        .insert("shop/login".into(), secret);
    cluster.apply(pod("allowed", image, json!({})));
    node.pass().await.unwrap();
    hand.pass(60);
    node.pass().await.unwrap();
    assert_eq!(cluster.pod("allowed")["status"]["phase"], "Running");
}

#[tokio::test]
async fn pod_that_cannot_be_created_delays_no_other() {
    let (cluster, cloud, hand) = stage();
    let mut node = node(&cluster, &cloud);
    cluster.apply(pod("bad", "nginx", json!({"k8s.aliyun.com/acr-service-arns": "a,b", "k8s.aliyun.com/acr-instance-ids": "cri-a"})));
    cluster.apply(json!({"metadata": {"name": "nobody"}, "spec": {}}));
    cluster.apply(pod("good", "nginx", json!({})));
    node.pass().await.unwrap();
    hand.pass(60);
    node.pass().await.unwrap();
    assert_eq!(cluster.events("bad"), ["ProviderCreateFailed"]);
    assert_eq!(cluster.pod("good")["status"]["phase"], "Running");
    // a pod that vanishes without a word takes its group along
    cluster.pods.lock().unwrap().remove("good");
    node.pass().await.unwrap();
    assert_eq!(groups(&cloud), 0);
}

#[tokio::test]
async fn the_loop_follows_changes_until_it_is_stopped() {
    let cluster = Cluster::default();
    let clock = Clock::running(10_000);
    let cloud = Cloud::open(Config {
        clock,
        ..Config::default()
    })
    .unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(node(&cluster, &cloud).run(stop.clone()));
    cluster.apply(pod("web", "nginx", json!({})));
    let phase = async || {
        while cluster.pod("web")["status"]["phase"] != "Running" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), phase())
        .await
        .unwrap();
    cluster.delete("web");
    let gone = async || {
        while !cluster.pods.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone())
        .await
        .unwrap();
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_of_in_process_cluster_run_on_in_process_cloud() {
    let cluster = imagecache_apiserver::cluster::Cluster::open(Default::default())
        .await
        .unwrap();
    let cloud = Cloud::open(Config {
        clock: Clock::running(10_000),
        ..Config::default()
    })
    .unwrap();
    let stop = CancellationToken::new();
    let node = Node::new(
        ClusterPods::new(cluster.clone()),
        cloud.clone(),
        REGION,
        CallDefaults::default(),
    );
    let running = tokio::spawn(node.run(stop.clone()));
    let pods = |name| {
        cluster
            .place(("", "v1", "pods"), Some("default"), name)
            .unwrap()
    };
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": r#"{"auths": {"registry.example.com": {"username": "robot", "password": "hunter2"}}}"#}});
    let secrets = cluster
        .place(("", "v1", "secrets"), Some("default"), None)
        .unwrap();
    let created = cluster.create(&secrets, Body::json(&secret, "test"));
    created.await.unwrap();
    let image = "registry.example.com/private/app:1";
    let mut web = pod("web", image, json!({}));
    web["metadata"] = json!({"name": "web", "namespace": "default"});
    cluster
        .create(&pods(None), Body::json(&web, "test"))
        .await
        .unwrap();
    let seen = async || {
        loop {
            let web = cluster.get(&pods(Some("web"))).unwrap().value.clone();
            if web["status"]["phase"] == "Running" {
                return web;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let web = tokio::time::timeout(Duration::from_secs(30), seen())
        .await
        .unwrap();
    assert!(
        web["metadata"]["annotations"]["k8s.aliyun.com/eci-instance-id"].is_string(),
        "{web}"
    );
    let events = cluster
        .place(("", "v1", "events"), Some("default"), None)
        .unwrap();
    let reported = async || {
        loop {
            let page = cluster.list(&events, &Default::default());
            let reasons: Vec<_> = page
                .items
                .iter()
                .map(|event| event.value["reason"].as_str().unwrap().to_owned())
                .collect();
            if ["ImageCacheMissed", "ImageCacheAutoCreated", "Pulled"]
                .iter()
                .all(|reason| reasons.iter().any(|known| known == reason))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reported())
        .await
        .unwrap();
    cluster
        .delete(&pods(Some("web")), Default::default())
        .await
        .unwrap();
    let gone = async || {
        while groups(&cloud) > 0 || cluster.get(&pods(Some("web"))).is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone())
        .await
        .unwrap();
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running)
        .await
        .unwrap()
        .unwrap();
}
