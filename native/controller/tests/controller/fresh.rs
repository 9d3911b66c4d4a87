//! Tags that move: what is recorded, reported and rebuilt, with a registry of this test.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Empty;
use hyper::Response;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use imagecache::reconcile::{Allowed, FreshnessSettings, OnDrift};
use imagecache_controller::controller::{Config, Controller};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::stage::{Stage, condition};

const DIGESTS: &str = "imagecache.eci.alibabacloud.com/digests";

/// A registry in which every tag has one digest.
#[derive(Clone)]
struct Registry {
    host: String,
    /// The digest, and the number of requests.
    state: Arc<Mutex<(String, usize)>>,
}

impl Registry {
    async fn start(digest: char) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new((whole(digest), 0)));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let service = service_fn(move |_| {
                    let mut state = shared.lock().unwrap();
                    state.1 += 1;
                    let response = Response::builder().header("docker-content-digest", &state.0);
                    let response = response.body(Empty::<Bytes>::new()).unwrap();
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Registry { host, state }
    }

    fn image(&self) -> String {
        format!("{}/web:1", self.host)
    }

    fn tag(&self, digest: char) {
        self.state.lock().unwrap().0 = whole(digest);
    }

    fn requests(&self) -> usize {
        self.state.lock().unwrap().1
    }
}

fn whole(digest: char) -> String {
    format!("sha256:{}", digest.to_string().repeat(64))
}

/// A controller at work, until it is stopped.
struct Work {
    controller: Controller,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Work {
    fn start(stage: &Stage, change: impl FnOnce(&mut Config)) -> Self {
        let controller = stage.controller_with(change);
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (controller, stop) = (controller.clone(), stop.clone());
            async move { controller.run(None, stop).await }
        });
        Work {
            controller,
            stop,
            task,
        }
    }

    fn has(&self, line: &str) -> bool {
        self.controller
            .metrics()
            .lines()
            .any(|found| found.starts_with(line))
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn comparing(on_drift: OnDrift, interval: Duration) -> impl FnOnce(&mut Config) {
    move |config| {
        let mut settings = FreshnessSettings::new(on_drift, Allowed::All);
        settings.interval = interval;
        config.settings.freshness = Some(settings);
    }
}

fn is_fresh(status: &'static str) -> impl Fn(&Value) -> bool {
    move |object| condition(object, "Fresh")["status"] == status
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_not_compared_unless_asked_for() {
    let (stage, registry) = (Stage::new().await, Registry::start('a').await);
    let work = Work::start(&stage, |_| {});
    let spec = json!({"images": [registry.image()]});
    stage.create("base", spec, json!({})).await;
    let ready = stage.until_ready("base").await;
    assert_eq!(ready["metadata"].get("annotations"), None);
    assert_eq!(
        (condition(&ready, "Fresh"), registry.requests()),
        (&Value::Null, 0)
    );
    work.end().await;
    // a registry that the operator has not listed is not asked either
    let only = Allowed::of(["registry.example.com"]);
    let work = Work::start(&stage, |config| {
        config.settings.freshness = Some(FreshnessSettings::new(OnDrift::Report, only));
    });
    let barred = stage.until("base", "barred", 0, is_fresh("Unknown")).await;
    assert_eq!(condition(&barred, "Fresh")["reason"], "NotAllowed");
    assert_eq!(registry.requests(), 0);
    work.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_moved_is_reported_once_and_rebuilt_once() {
    let (stage, registry) = (Stage::new().await, Registry::start('a').await);
    let second = Duration::from_secs(1);
    let work = Work::start(&stage, comparing(OnDrift::Report, second));
    let spec =
        json!({"images": [registry.image(), "127.0.0.1:9/pinned@".to_owned() + &whole('c')]});
    stage.create("base", spec, json!({})).await;
    stage.until_ready("base").await;
    let fresh = stage.until("base", "fresh", 0, is_fresh("True")).await;
    let recorded = fresh["metadata"]["annotations"][DIGESTS].as_str().unwrap();
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    assert_eq!(recorded, json!({registry.image(): whole('a')}));
    let id = fresh["status"]["imageCacheId"].as_str().unwrap().to_owned();
    let stale = format!("imagecache_cache_stale{{name=\"base\",id=\"{id}\"}}");
    while !work.has(&format!("{stale} 0")) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // a move is reported once, and changes nothing
    registry.tag('b');
    let moved = stage.until("base", "moved", 0, is_fresh("False")).await;
    assert_eq!(condition(&moved, "Fresh")["reason"], "Moved");
    let polls = registry.requests();
    while registry.requests() < polls + 4 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        work.has(&format!("{stale} 1")),
        "{}",
        work.controller.metrics()
    );
    let events = stage.events("base").await;
    assert_eq!(
        events.iter().filter(|event| *event == "Moved").count(),
        1,
        "{events:?}"
    );
    assert!(!work.has("imagecache_sync_acts_total{act=\"update\""));
    work.end().await;

    // a pod that names the cache and starts is in the way of a rebuild
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), "default");
    let pod = json!({
        "metadata": {"name": "web", "annotations": {"k8s.aliyun.com/eci-imc-id": id}},
        "spec": {"containers": [{"name": "web", "image": registry.image()}]},
    });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    stage.hand.pass(3_700);
    let work = Work::start(&stage, comparing(OnDrift::Rebuild, second));
    let waits = stage
        .until("base", "waiting for the pod", 0, |object| {
            let message = condition(object, "Fresh")["message"].as_str();
            message.is_some_and(|message| message.contains("default/web"))
        })
        .await;
    assert_eq!(condition(&waits, "Ready")["status"], "True");
    let running = json!({"status": {"phase": "Running"}});
    let params = PatchParams::default();
    pods.patch_status("web", &params, &Patch::Merge(running))
        .await
        .unwrap();
    let rebuilt = stage.until("base", "rebuilt", 20, is_fresh("True")).await;
    assert_eq!(rebuilt["status"]["imageCacheId"], id.as_str());
    let recorded = rebuilt["metadata"]["annotations"][DIGESTS]
        .as_str()
        .unwrap();
    assert!(recorded.contains(&whole('b')), "{recorded}");
    // polls go on for hours, and nothing is rebuilt again
    for _ in 0..3 {
        stage.hand.pass(3_700);
        let polls = registry.requests();
        while registry.requests() < polls + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(work.has("imagecache_sync_acts_total{act=\"update\",outcome=\"done\"} 1"));
    let events = stage.events("base").await;
    for reason in ["Rebuilding", "Fresh"] {
        assert_eq!(
            events.iter().filter(|event| *event == reason).count(),
            1,
            "{events:?}"
        );
    }
    work.end().await;

    // at rest registries are asked once an hour
    let work = Work::start(
        &stage,
        comparing(OnDrift::Rebuild, Duration::from_secs(3_600)),
    );
    let polls = registry.requests();
    while registry.requests() == polls {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(registry.requests(), polls + 1);
    work.end().await;
}
