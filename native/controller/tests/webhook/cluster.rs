//! A cluster that lists its image caches, or does not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::{Request, Response, StatusCode};
use imagecache_controller::webhook::{Caches, Policy};
use imagecache_http::{Body, Limits, Visitors, serve, whole};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::answers::{pod, review};
use crate::server::{Server, now};

/// An API server with one resource, whose list and changes the test says.
#[derive(Clone)]
struct Fake {
    list: Arc<Mutex<(u16, Value)>>,
    watches: Arc<Mutex<Vec<UnboundedSender<Value>>>>,
}

impl Fake {
    async fn start(code: u16, list: Value) -> (Fake, Client) {
        let fake = Fake {
            list: Arc::new(Mutex::new((code, list))),
            watches: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let handler = {
            let fake = fake.clone();
            move |request: Request<_>, _| {
                let answer = fake.answer(
                    request.uri().path(),
                    request.uri().query().unwrap_or_default(),
                );
                async move { answer }
            }
        };
        let stop = CancellationToken::new();
        let visitors = Visitors::of_any_name();
        tokio::spawn(serve(
            listener,
            None,
            Limits::default(),
            visitors,
            stop,
            handler,
        ));
        let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
        (fake, client)
    }

    fn answer(&self, path: &str, query: &str) -> Response<Body> {
        assert_eq!(path, "/apis/eci.alibabacloud.com/v1/imagecaches");
        if !query.contains("watch=true") {
            let (code, list) = self.list.lock().unwrap().clone();
            let mut response = Response::new(whole(list.to_string()));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            return response;
        }
        let (sender, receiver) = unbounded_channel();
        self.watches.lock().unwrap().push(sender);
        let lines = futures_util::stream::unfold(receiver, |mut receiver| async {
            let event: Value = receiver.recv().await?;
            Some((Ok(Frame::data(format!("{event}\n").into())), receiver))
        });
        Response::new(StreamBody::new(lines.boxed()).boxed_unsync())
    }

    async fn send(&self, kind: &str, object: &Value) {
        for _ in 0..500 {
            if let Some(watch) = self.watches.lock().unwrap().last() {
                watch.send(json!({"type": kind, "object": object})).unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no watch is open");
    }
}

fn cache(name: &str, version: u32, image: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": name, "resourceVersion": version.to_string()},
        "spec": {"images": [image]},
        "status": {"imageCacheId": format!("imc-{name}"), "phase": phase},
    })
}

fn list(items: &[Value]) -> Value {
    json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCacheList",
        "metadata": {"resourceVersion": "10"}, "items": items,
    })
}

fn refusal(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {},
        "code": code, "reason": reason, "message": message,
    })
}

fn pinning() -> Policy {
    let settings = json!({"mode": "pin", "onMiss": "warn"});
    Policy::fixed(&imagecache::admission::AdmissionSettings::parse(&settings).unwrap())
}

fn counts(expected: usize) -> impl Fn(&crate::server::Answer) -> bool {
    move |answer| {
        answer
            .text
            .contains(&format!("imagecache_webhook_caches {expected}\n"))
    }
}

#[tokio::test]
async fn a_pod_gets_the_best_cache_and_the_watch_is_followed() {
    let items = [
        cache("old", 1, "nginx:1.27", "Ready"),
        // Neither a cache without a spec of the right form nor one that is not ready is in anybody's way.
        json!({"metadata": {"name": "broken", "resourceVersion": "2"}, "spec": {"images": 7}}),
        cache("creating", 3, "redis:7", "Creating"),
    ];
    let (fake, client) = Fake::start(200, list(&items)).await;
    let server = Server::start(pinning(), Caches::default(), now, Some(client)).await;
    let ready = server.until("/readyz", |answer| answer.status == 200).await;
    assert!(ready.text.contains("image caches are known"), "{ready:?}");

    let pinned = |answer: &crate::server::Answer| {
        let audit = answer.json()["response"]["auditAnnotations"]["matched-image-cache"].clone();
        audit.as_str().map(str::to_owned)
    };
    let nginx = review("Pod", &pod(&["nginx:1.27"]));
    let redis = review("Pod", &pod(&["redis:7"]));
    assert_eq!(
        pinned(&server.post("/mutate", &nginx).await),
        Some("imc-old".to_owned())
    );
    let missed = server.post("/mutate", &redis).await;
    let warnings = missed.json()["response"]["warnings"].clone();
    assert_eq!(warnings, json!(["no image cache fits the pod: 1 image"]));

    fake.send("MODIFIED", &cache("creating", 11, "redis:7", "Ready"))
        .await;
    fake.send("DELETED", &cache("old", 12, "nginx:1.27", "Ready"))
        .await;
    server.until("/metrics", counts(2)).await;
    assert_eq!(
        pinned(&server.post("/mutate", &redis).await),
        Some("imc-creating".to_owned())
    );
    assert_eq!(pinned(&server.post("/mutate", &nginx).await), None);

    // An object that is given another id is not two caches.
    let mut renamed = cache("creating", 13, "redis:7", "Ready");
    renamed["status"]["imageCacheId"] = "imc-again".into();
    fake.send("MODIFIED", &renamed).await;
    for _ in 0..500 {
        if pinned(&server.post("/mutate", &redis).await) == Some("imc-again".to_owned()) {
            return;
        }
    }
    panic!("the change was never seen");
}

#[tokio::test]
async fn unavailable_caches_are_explained_and_settings_decide() {
    for (code, answer, said) in [
        (
            404,
            refusal(
                404,
                "NotFound",
                "the server could not find the requested resource",
            ),
            "`imagecache crd | kubectl apply -f -`",
        ),
        (
            403,
            refusal(
                403,
                "Forbidden",
                "imagecaches is forbidden: User \"a\" cannot list",
            ),
            "not permitted to list imagecaches: imagecaches is forbidden",
        ),
        (
            401,
            refusal(401, "Unauthorized", "Unauthorized"),
            "does not accept these credentials",
        ),
        (
            500,
            refusal(500, "InternalError", "etcd is away"),
            "etcd is away",
        ),
        (200, json!({"items": 7}), "cannot be listed"),
        (200, json!("<html>"), "cannot be listed"),
    ] {
        let (_fake, client) = Fake::start(code, answer).await;
        let server = Server::start(pinning(), Caches::default(), now, Some(client)).await;
        // Ready all the same: a webhook that waits for a list that never comes would stop every pod.
        let ready = server.until("/readyz", |answer| answer.status == 200).await;
        assert!(
            ready.text.starts_with("ok, without image caches: "),
            "{ready:?}"
        );
        let answer = server
            .post("/mutate", review("Pod", &pod(&["nginx:1.27"])))
            .await;
        let response = &answer.json()["response"];
        assert_eq!(response["allowed"], true);
        let warning = response["warnings"][0].as_str().unwrap();
        assert!(warning.contains(said), "{warning}");
        assert!(
            warning.ends_with("the pod was not matched") || warning.ends_with('…'),
            "{warning}"
        );
    }
}

#[tokio::test]
async fn webhook_uses_last_known_caches_while_disconnected() {
    let (fake, client) = Fake::start(200, list(&[cache("a", 1, "nginx:1.27", "Ready")])).await;
    let server = Server::start(pinning(), Caches::default(), now, Some(client)).await;
    server.until("/metrics", counts(1)).await;
    *fake.list.lock().unwrap() = (500, refusal(500, "InternalError", "etcd is away"));
    fake.send(
        "ERROR",
        &refusal(410, "Expired", "too old resource version"),
    )
    .await;
    let broke = |answer: &crate::server::Answer| !answer.text.contains("watch_faults_total 0\n");
    server.until("/metrics", broke).await;
    let answer = server
        .post("/mutate", review("Pod", &pod(&["nginx:1.27"])))
        .await;
    let audit = &answer.json()["response"]["auditAnnotations"];
    assert_eq!(audit["matched-image-cache"], "imc-a");
}
