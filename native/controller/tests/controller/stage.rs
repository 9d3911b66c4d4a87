//! A cluster, a cloud with a stepped clock, and controllers between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::DescribeImageCaches;
use imagecache::eci::signature::Credential;
use imagecache::reconcile::Allowed;
use imagecache::resource::kube::ImageCacheObject;
use imagecache_apiserver::cluster::{self, Cluster};
use imagecache_controller::controller::{Config, Controller};
use imagecache_eci::Credentials;
use imagecache_simulator::cloud::faults::Faults;
use imagecache_simulator::cloud::{self, Clock, Cloud, Hand, Log};
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const REGION: &str = "cn-hangzhou";
/// Longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Stage {
    pub(crate) client: kube::Client,
    pub(crate) cluster: Cluster,
    pub(crate) cloud: Cloud,
    pub(crate) hand: Hand,
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) endpoint: String,
    stop: CancellationToken,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with_faults("faults: []").await
    }

    pub(crate) async fn with_faults(faults: &str) -> Self {
        Self::with(faults, imagecache_simulator::cluster::config(None, None)).await
    }

    /// In a cluster with this definition of `ImageCache`.
    pub(crate) async fn with_definition(definition: Value) -> Self {
        let config = imagecache_simulator::cluster::config(Some(definition), None);
        Self::with("faults: []", config).await
    }

    async fn with(faults: &str, config: cluster::Config) -> Self {
        let stop = CancellationToken::new();
        let cluster = Cluster::open(config).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn({
            let (cluster, stop) = (cluster.clone(), stop.clone());
            async move { cluster.serve(listener, stop).await }
        });
        let (clock, hand) = Clock::stepped("2026-01-18T13:40:56Z".parse().unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let cloud = Cloud::open(cloud::Config {
            clock,
            faults: Faults::read(faults).unwrap(),
            log: Some(Log::new(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
            })),
            ..cloud::Config::default()
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn({
            let (cloud, stop) = (cloud.clone(), stop.clone());
            async move { cloud.serve(listener, stop).await }
        });
        let client = kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap();
        Stage {
            client,
            cluster,
            cloud,
            hand,
            calls,
            endpoint,
            stop,
        }
    }

    pub(crate) fn controller(&self) -> Controller {
        self.controller_with(|_| {})
    }

    pub(crate) fn controller_with(&self, change: impl FnOnce(&mut Config)) -> Controller {
        let mut config = Config::new(REGION);
        config.poll = Duration::from_millis(30);
        config.rest = Duration::from_millis(300);
        config.settings.trust.secret_namespaces = Allowed::of(["default"]);
        config.settings.trust.adoption = Allowed::All;
        let cloud = self.cloud.clone();
        config.clock = Some(Arc::new(move || cloud.now()));
        change(&mut config);
        Controller::new(self.client.clone(), self.eci("testsecret"), config)
    }

    pub(crate) fn eci(&self, secret: &str) -> imagecache_eci::Client {
        let mut config = imagecache_eci::Config::new(self.endpoint.parse().unwrap());
        (config.rate, config.burst) = (10_000.0, 1_000);
        let credentials = Credentials::fixed(Credential {
            access_key_id: "testid".to_owned(),
            access_key_secret: secret.into(),
            security_token: None,
            provider: "static_ak",
        });
        imagecache_eci::Client::new(config, credentials).unwrap()
    }

    /// A controller at work; it dies when the handle is aborted, and ends when the token is cancelled.
    pub(crate) fn work(&self) -> (tokio::task::JoinHandle<()>, CancellationToken) {
        let stop = self.stop.child_token();
        let (controller, token) = (self.controller(), stop.clone());
        (
            tokio::spawn(async move { controller.run(None, token).await }),
            stop,
        )
    }

    pub(crate) fn api(&self) -> Api<ImageCacheObject> {
        Api::all(self.client.clone())
    }

    pub(crate) async fn create(&self, name: &str, spec: Value, annotations: Value) {
        let object = json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": name, "annotations": annotations}, "spec": spec,
        });
        let object: ImageCacheObject = serde_json::from_value(object).unwrap();
        self.api()
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    }

    pub(crate) async fn patch(&self, name: &str, patch: Value) {
        let params = PatchParams::default();
        self.api()
            .patch(name, &params, &Patch::Merge(patch))
            .await
            .unwrap();
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.api()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// An object as JSON; `null` when there is none.
    pub(crate) async fn get(&self, name: &str) -> Value {
        let object = self.api().get_opt(name).await.unwrap();
        object.map_or(Value::Null, |object| serde_json::to_value(object).unwrap())
    }

    pub(crate) fn caches(&self) -> Vec<ImageCacheEntry> {
        let all = DescribeImageCaches {
            region_id: REGION.to_owned(),
            limit: Some(100),
            ..DescribeImageCaches::default()
        };
        self.cloud.call(&all).unwrap().image_caches
    }

    /// Waits until an object is so; lets time pass in the cloud meanwhile.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        seconds: i64,
        so: impl Fn(&Value) -> bool,
    ) -> Value {
        let start = Instant::now();
        loop {
            let object = self.get(name).await;
            if so(&object) {
                return object;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{name} is not {what}: {object:#}\n{:#?}",
                self.caches()
            );
            self.hand.pass(seconds);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    pub(crate) async fn until_ready(&self, name: &str) -> Value {
        self.until(name, "ready", 20, |object| {
            object["status"]["phase"] == "Ready" && condition(object, "Ready")["status"] == "True"
        })
        .await
    }

    pub(crate) async fn until_gone(&self, name: &str) {
        self.until(name, "gone", 0, Value::is_null).await;
    }

    /// Reasons of the Events of an object.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        let api: Api<Event> = Api::all(self.client.clone());
        let events = api.list(&ListParams::default()).await.unwrap();
        let of_object = events
            .items
            .into_iter()
            .filter(|event| event.involved_object.name.as_deref() == Some(name));
        of_object.filter_map(|event| event.reason).collect()
    }
}

pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|condition| condition["type"] == kind));
    found.unwrap_or(&Value::Null)
}
