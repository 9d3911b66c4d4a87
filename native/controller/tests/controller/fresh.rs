//! Tags that move: what is recorded, reported and rebuilt, with a registry of this test.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use imagecache::reconcile::{Allowed, FreshnessSettings, OnDrift};
use imagecache_controller::controller::{Config, Controller};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::stage::{Stage, condition};

const DIGESTS: &str = "imagecache.eci.alibabacloud.com/digests";

/// The login that the registry wants, if any: `robot`, `hunter2-hunter2`.
const BASIC: &str = "Basic cm9ib3Q6aHVudGVyMi1odW50ZXIy";

/// A registry in which every tag has one image.
#[derive(Clone)]
struct Registry {
    host: String,
    state: Arc<Mutex<State>>,
}

struct State {
    /// What the tags mean.
    image: char,
    arch: &'static str,
    /// Answers every request if it is not 200.
    status: u16,
    locked: bool,
    requests: usize,
    /// Requests with a login.
    logins: usize,
}

type Answer = Response<Full<Bytes>>;

impl State {
    fn answer(&mut self, request: &Request<Incoming>) -> Answer {
        self.requests += 1;
        let login = request.headers().get("authorization");
        self.logins += usize::from(login.is_some());
        let refused = self.locked && login.is_none_or(|login| login != BASIC);
        if refused || self.status != 200 {
            let status = if refused { 401 } else { self.status };
            let response = Response::builder().status(status);
            let response = response.header("www-authenticate", "Basic realm=\"test\"");
            return response.body(Full::default()).unwrap();
        }
        let config = config(self.image, self.arch);
        let body = match request.uri().path().split_once("/blobs/") {
            Some(_) => config,
            None => manifest(&config),
        };
        let response = Response::builder().header("content-type", MANIFEST);
        let response = response.header("docker-content-digest", digest(&body));
        response.body(Full::from(body)).unwrap()
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn config(image: char, arch: &str) -> Vec<u8> {
    let config = json!({"architecture": arch, "os": "linux", "author": image, "history": [],
        "rootfs": {"type": "layers", "diff_ids": []}});
    config.to_string().into_bytes()
}

fn manifest(config: &[u8]) -> Vec<u8> {
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config),
        "size": config.len()});
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []});
    manifest.to_string().into_bytes()
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}

/// The digest of an image of the registry.
fn whole(image: char) -> String {
    digest(&manifest(&config(image, "amd64")))
}

impl Registry {
    async fn start(image: char) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State {
            image,
            arch: "amd64",
            status: 200,
            locked: false,
            requests: 0,
            logins: 0,
        }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = shared.lock().unwrap().answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Registry { host, state }
    }

    fn image(&self) -> String {
        format!("{}/web:1", self.host)
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    fn tag(&self, image: char) {
        self.set(|state| state.image = image);
    }

    fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    /// Waits until there were this many more requests.
    async fn until_asked(&self, more: usize) {
        let before = self.requests();
        let start = Instant::now();
        while self.requests() < before + more {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "the registry is not asked"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
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
    registry.until_asked(4).await;
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
        registry.until_asked(2).await;
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
    registry.until_asked(1).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(registry.requests(), polls + 1);
    work.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_of_unknown_state_is_named_and_not_rebuilt() {
    let (stage, registry) = (Stage::new().await, Registry::start('a').await);
    registry.set(|state| state.locked = true);
    let auth =
        json!({"auths": {&registry.host: {"username": "robot", "password": "hunter2-hunter2"}}});
    let secrets: Api<Secret> = Api::namespaced(stage.client.clone(), "default");
    let secret = json!({
        "metadata": {"name": "login"}, "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": auth.to_string()},
    });
    let secret: Secret = serde_json::from_value(secret).unwrap();
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    let second = Duration::from_secs(1);
    let work = Work::start(&stage, comparing(OnDrift::Rebuild, second));
    let spec = json!({"images": [registry.image()], "imagePullSecrets": ["default:login"]});
    stage.create("base", spec, json!({})).await;
    stage.until_ready("base").await;
    stage.until("base", "fresh", 0, is_fresh("True")).await;
    let because =
        |reason: &'static str| move |object: &Value| condition(object, "Fresh")["reason"] == reason;
    // from here on a rebuild would be due
    stage.hand.pass(3_700);

    // another architecture: the image cannot be pulled for this cache
    registry.set(|state| (state.image, state.arch) = ('b', "arm64"));
    let moved = stage.until("base", "moved", 0, because("Moved")).await;
    let message = condition(&moved, "Fresh")["message"].as_str().unwrap();
    assert!(message.contains("it is not rebuilt, because"), "{message}");
    registry.set(|state| state.status = 403);
    let unknown = stage.until("base", "refused", 0, because("Unauthorized"));
    assert_eq!(condition(&unknown.await, "Fresh")["status"], "Unknown");
    registry.set(|state| state.status = 404);
    let gone = stage.until("base", "gone", 0, because("Gone")).await;
    assert_eq!(condition(&gone, "Fresh")["status"], "False");

    // an annotation that was edited is named, and stays
    registry.set(|state| (state.status, state.arch) = (200, "amd64"));
    let junk = json!({"metadata": {"annotations": {DIGESTS: "junk"}}});
    stage.patch("base", junk).await;
    let unknown = stage.until("base", "junk", 0, because("NotRecorded")).await;
    let message = condition(&unknown, "Fresh")["message"].as_str().unwrap();
    assert!(message.contains(DIGESTS), "{message}");
    registry.until_asked(3).await;
    let object = stage.get("base").await;
    assert_eq!(object["metadata"]["annotations"][DIGESTS], "junk");
    assert!(!work.has("imagecache_sync_acts_total{act=\"update\""));
    assert!(!work.controller.metrics().contains("hunter2"));
    work.end().await;

    // a Secret of a namespace that is not allowed is not read, and nothing is asked without it
    let before = registry.requests();
    let settings = comparing(OnDrift::Rebuild, second);
    let work = Work::start(&stage, |config| {
        settings(config);
        config.settings.trust.secret_namespaces = Allowed::default();
    });
    let unknown = stage.until("base", "held", 0, because("SecretNotFound"));
    assert_eq!(condition(&unknown.await, "Fresh")["status"], "Unknown");
    assert!(!work.has("imagecache_sync_acts_total{act=\"read-secrets\""));
    assert_eq!(registry.requests(), before);
    work.end().await;

    // a login is not sent to a registry that is asked over plain HTTP
    let logins = registry.state.lock().unwrap().logins;
    let settings = comparing(OnDrift::Rebuild, second);
    let work = Work::start(&stage, |config| {
        settings(config);
        let plain = &mut config.settings.trust.plain_http_registries;
        plain.insert(registry.host.clone());
    });
    stage
        .until("base", "not logged in", 0, because("Unauthorized"))
        .await;
    assert!(registry.requests() > before);
    assert_eq!(registry.state.lock().unwrap().logins, logins);
    assert!(logins > 0);
    work.end().await;

    // a registry that is down is reported after three polls, and is not asked each time
    registry.set(|state| state.status = 503);
    let work = Work::start(&stage, comparing(OnDrift::Rebuild, second));
    stage.until("base", "down", 0, because("Unreachable")).await;
    let asked = registry.requests();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(registry.requests(), asked);
    assert!(!work.has("imagecache_sync_acts_total{act=\"update\""));
    work.end().await;
}
