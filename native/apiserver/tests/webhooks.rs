//! Webhook configurations: a webhook in this process is called by a server in this process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use imagecache_apiserver::api::ApiError;
use imagecache_apiserver::api::options::DeleteOptions;
use imagecache_apiserver::api::patch::PatchKind;
use imagecache_apiserver::cluster::place::Place;
use imagecache_apiserver::cluster::requests::{Body, Written};
use imagecache_apiserver::cluster::{Cluster, Config};
use imagecache_http::{Limits, Visitors};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const GROUP: &str = "admissionregistration.k8s.io";

/// A webhook that remembers requests. Its answer is a function of the path and the request.
struct Webhook {
    address: SocketAddr,
    bundle: String,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
    stop: CancellationToken,
}

impl Webhook {
    async fn start(answer: fn(&str, &Value) -> Value) -> Webhook {
        let names = ["127.0.0.1", "hook.default.svc"].map(str::to_owned);
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certified.cert.der().clone()],
                PrivateKeyDer::Pkcs8(key),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, stop) = (
            Arc::<Mutex<Vec<(String, Value)>>>::default(),
            CancellationToken::new(),
        );
        tokio::spawn({
            let (requests, stop) = (Arc::clone(&requests), stop.clone());
            async move {
                let limits = Limits::default();
                let visitors = Visitors::of_any_name();
                imagecache_http::serve(listener, Some(Arc::new(tls)), limits, visitors, stop, {
                    move |request, _| {
                        let requests = Arc::clone(&requests);
                        async move {
                            let path = request.uri().path().to_owned();
                            let body = request.into_body().collect().await.unwrap().to_bytes();
                            let review: Value = serde_json::from_slice(&body).unwrap();
                            let request = review["request"].clone();
                            let mut response = answer(&path, &request);
                            if response.get("uid").is_none() {
                                response["uid"] = request["uid"].clone();
                            }
                            requests.lock().unwrap().push((path, request));
                            let review = json!({
                                "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response,
                            });
                            http::Response::new(imagecache_http::whole(review.to_string()))
                        }
                    }
                })
                .await;
            }
        });
        Webhook {
            address,
            bundle: STANDARD.encode(certified.cert.pem()),
            requests,
            stop,
        }
    }

    /// The requests since the last call, as `path operation name`.
    fn taken(&self) -> Vec<String> {
        let requests = std::mem::take(&mut *self.requests.lock().unwrap());
        let shown = requests.into_iter().map(|(path, request)| {
            let text = |name: &str| request[name].as_str().unwrap_or("-").to_owned();
            format!("{path} {} {}", text("operation"), text("name"))
        });
        shown.collect()
    }

    fn url(&self, path: &str) -> Value {
        json!({"url": format!("https://{}{path}", self.address), "caBundle": self.bundle})
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A webhook for config maps, with other fields.
fn hook(name: &str, client: Value, fields: Value) -> Value {
    let mut hook = json!({
        "name": format!("{name}.example.com"),
        "clientConfig": client,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"]}],
    });
    for (name, value) in fields.as_object().unwrap() {
        hook[name] = value.clone();
    }
    hook
}

async fn configure(cluster: &Cluster, kind: &str, hooks: Value) {
    let plural = format!("{}s", kind.to_lowercase());
    let place = cluster
        .place((GROUP, "v1", &plural), None, Some("hooks"))
        .unwrap();
    let object = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"name": "hooks"}, "webhooks": hooks,
    });
    let mut body = Body::json(&object, "test");
    body.options.force = true;
    cluster.patch(&place, PatchKind::Apply, body).await.unwrap();
}

async fn validating(cluster: &Cluster, hooks: Value) {
    configure(cluster, "ValidatingWebhookConfiguration", hooks).await;
}

async fn mutating(cluster: &Cluster, hooks: Value) {
    configure(cluster, "MutatingWebhookConfiguration", hooks).await;
}

fn place(cluster: &Cluster, name: Option<&str>) -> Place {
    cluster
        .place(("", "v1", "configmaps"), Some("default"), name)
        .unwrap()
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}})
}

async fn create(cluster: &Cluster, object: &Value) -> Result<Written, ApiError> {
    cluster
        .create(&place(cluster, None), Body::json(object, "test"))
        .await
}

fn patch(operations: Value) -> Value {
    json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations.to_string())})
}

#[tokio::test]
async fn a_denied_request_has_the_words_of_the_webhook() {
    let webhook = Webhook::start(|path, _| match path {
        "/why" => json!({"allowed": false, "status": {"code": 403, "reason": "Forbidden", "message": "no"}, "warnings": ["w"]}),
        "/reason" => json!({"allowed": false, "status": {"reason": "Conflict"}}),
        _ => json!({"allowed": false}),
    })
    .await;
    let cluster = Cluster::open(Config::default()).await.unwrap();
    for (path, code, message) in [
        ("/why", 403, "denied the request: no"),
        ("/reason", 400, "denied the request: Conflict"),
        ("/", 400, "denied the request without explanation"),
    ] {
        validating(&cluster, json!([hook("a", webhook.url(path), json!({}))])).await;
        let refused = create(&cluster, &config_map("a")).await.unwrap_err();
        assert_eq!(refused.code, code);
        assert_eq!(
            refused.message,
            format!("admission webhook \"a.example.com\" {message}")
        );
        assert_eq!(refused.warnings.len(), usize::from(path == "/why"));
    }
    assert_eq!(webhook.taken().len(), 3);
}

#[tokio::test]
async fn webhooks_are_called_for_what_their_rules_select() {
    let webhook = Webhook::start(|_, _| json!({"allowed": true, "warnings": ["seen"]})).await;
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let rule = |fields: Value| {
        let mut rule = json!({
            "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"],
        });
        for (name, value) in fields.as_object().unwrap() {
            rule[name] = value.clone();
        }
        json!({"rules": [rule]})
    };
    let labels = |key: &str| json!({"matchExpressions": [{"key": key, "operator": "Exists"}]});
    for (fields, called) in [
        (json!({}), true),
        (rule(json!({})), true),
        (rule(json!({"resources": ["*"]})), true),
        (
            rule(json!({"resources": ["*/*"], "scope": "Namespaced"})),
            true,
        ),
        (rule(json!({"resources": ["configmaps/status"]})), false),
        (rule(json!({"resources": ["pods"]})), false),
        (rule(json!({"apiVersions": ["v2"]})), false),
        (rule(json!({"apiGroups": ["apps"]})), false),
        (rule(json!({"operations": ["UPDATE", "DELETE"]})), false),
        (rule(json!({"scope": "Cluster"})), false),
        (
            json!({"namespaceSelector": labels("kubernetes.io/metadata.name")}),
            true,
        ),
        (json!({"namespaceSelector": labels("other")}), false),
        (
            json!({"objectSelector": {"matchLabels": {"a": "b"}}}),
            false,
        ),
        (
            json!({"objectSelector": {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}}),
            true,
        ),
        (
            json!({"matchConditions": [{"name": "a", "expression": "object.data.a == 'b'"}]}),
            true,
        ),
        (
            json!({"matchConditions": [{"name": "a", "expression": "request.operation == 'DELETE'"}]}),
            false,
        ),
    ] {
        validating(
            &cluster,
            json!([hook("a", webhook.url("/"), fields.clone())]),
        )
        .await;
        let mut body = Body::json(&config_map("a"), "test");
        body.options.dry_run = true;
        let written = cluster.create(&place(&cluster, None), body).await.unwrap();
        assert_eq!(written.warnings == ["seen"], called, "{fields}");
        assert_eq!(webhook.taken().len(), usize::from(called), "{fields}");
    }
}

#[tokio::test]
async fn every_operation_is_reviewed() {
    let webhook = Webhook::start(|_, request| json!({"allowed": request["name"] != "kept" || request["operation"] != "DELETE"})).await;
    let cluster = Cluster::open(Config::default()).await.unwrap();
    validating(&cluster, json!([hook("a", webhook.url("/"), json!({}))])).await;
    create(&cluster, &config_map("kept")).await.unwrap();
    let kept = place(&cluster, Some("kept"));
    let change = Body::json(&json!({"data": {"a": "c"}}), "test");
    cluster
        .patch(&kept, PatchKind::Merge, change)
        .await
        .unwrap();
    let refused = cluster
        .delete(&kept, DeleteOptions::default())
        .await
        .unwrap_err();
    assert!(
        refused
            .message
            .ends_with("denied the request without explanation"),
        "{refused}"
    );
    assert_eq!(
        webhook.taken(),
        ["/ CREATE kept", "/ UPDATE kept", "/ DELETE kept"]
    );
    // a configuration itself is sent to no webhook
    let everything = json!({"rules": [{
        "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"],
    }]});
    validating(&cluster, json!([hook("a", webhook.url("/"), everything)])).await;
    validating(&cluster, json!([hook("a", webhook.url("/"), json!({}))])).await;
    assert!(webhook.taken().is_empty());
}

#[tokio::test]
async fn patches_of_mutating_webhooks_are_applied_in_order() {
    let webhook = Webhook::start(|path, request| {
        let data = &request["object"]["data"];
        match path {
            "/label" => patch(
                json!([{"op": "add", "path": "/metadata/labels", "value": {"seen": data["a"]}}]),
            ),
            "/data" if data["a"] == "b" => {
                patch(json!([{"op": "replace", "path": "/data/a", "value": "c"}]))
            }
            "/bad" => patch(json!([{"op": "replace", "path": "/data/x/y", "value": 1}])),
            "/wrong" => patch(json!([{"op": "add", "path": "/data/x", "value": 1}])),
            _ => json!({"allowed": true}),
        }
    })
    .await;
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let again = json!({"reinvocationPolicy": "IfNeeded"});
    let hooks = json!([
        hook("a", webhook.url("/label"), again.clone()),
        hook("b", webhook.url("/data"), again),
    ]);
    mutating(&cluster, hooks).await;
    validating(
        &cluster,
        json!([hook("c", webhook.url("/validate"), json!({}))]),
    )
    .await;
    let written = create(&cluster, &config_map("a")).await.unwrap().object;
    assert_eq!(written["data"]["a"], "c");
    // each is called once more, because the other one has changed the object
    assert_eq!(written["metadata"]["labels"], json!({"seen": "c"}));
    let called = [
        "/label CREATE a",
        "/data CREATE a",
        "/label CREATE a",
        "/data CREATE a",
        "/validate CREATE a",
    ];
    assert_eq!(webhook.taken(), called);
    for (path, words) in [
        (
            "/bad",
            "failed calling webhook \"a.example.com\": the patch does not apply",
        ),
        (
            "/wrong",
            "failed calling webhook \"a.example.com\": the patched object is invalid: json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
    ] {
        mutating(&cluster, json!([hook("a", webhook.url(path), json!({}))])).await;
        let refused = create(&cluster, &config_map("b")).await.unwrap_err();
        assert!(refused.message.contains(words), "{refused}");
    }
}

// The slow webhook blocks a thread, which must not be that of the caller's clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn failure_policy_decides_when_a_webhook_fails() {
    let webhook = Webhook::start(|path, request| match path {
        "/slow" => {
            std::thread::sleep(std::time::Duration::from_millis(1500));
            json!({"allowed": true})
        }
        "/uid" => json!({"allowed": true, "uid": "x"}),
        _ => json!({"allowed": request["dryRun"] == false}),
    })
    .await;
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("https://{}/", closed.local_addr().unwrap());
    drop(closed);
    let untrusted = json!({"url": format!("https://{}/", webhook.address)});
    let service = json!({"service": {"namespace": "default", "name": "hook"}});
    for (client, words) in [
        (json!({"url": nowhere}), "connect: connection refused"),
        (webhook.url("/slow"), "context deadline exceeded"),
        (webhook.url("/uid"), "expected response.uid="),
        (untrusted, "tls: "),
        (
            service,
            "Post \"https://hook.default.svc:443/?timeout=1s\": service \"hook\" not found",
        ),
    ] {
        let timeout = json!({"timeoutSeconds": 1});
        validating(&cluster, json!([hook("a", client.clone(), timeout)])).await;
        let refused = create(&cluster, &config_map("a")).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (500, "InternalError"));
        let begin = "Internal error occurred: failed calling webhook \"a.example.com\": ";
        assert!(refused.message.starts_with(begin), "{refused}");
        assert!(refused.message.contains(words), "{refused}");
        let ignore = json!({"timeoutSeconds": 1, "failurePolicy": "Ignore"});
        validating(&cluster, json!([hook("a", client, ignore)])).await;
        let mut body = Body::json(&config_map("a"), "test");
        body.options.dry_run = true;
        cluster.create(&place(&cluster, None), body).await.unwrap();
    }
}

#[tokio::test]
async fn dry_runs_are_marked() {
    let webhook = Webhook::start(|_, request| json!({"allowed": request["dryRun"] == true})).await;
    let cluster = Cluster::open(Config::default()).await.unwrap();
    validating(&cluster, json!([hook("a", webhook.url("/"), json!({}))])).await;
    let mut body = Body::json(&config_map("a"), "test");
    body.options.dry_run = true;
    cluster.create(&place(&cluster, None), body).await.unwrap();
    create(&cluster, &config_map("a")).await.unwrap_err();
}

#[tokio::test]
async fn services_are_resolved_by_their_endpoints() {
    let webhook = Webhook::start(|_, _| json!({"allowed": true, "warnings": ["seen"]})).await;
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let make = async |group: &str, plural: &str, object: Value| {
        let place = cluster
            .place((group, "v1", plural), Some("default"), None)
            .unwrap();
        cluster
            .create(&place, Body::json(&object, "test"))
            .await
            .unwrap();
    };
    let client = json!({
        "service": {"namespace": "default", "name": "hook", "path": "/x"}, "caBundle": webhook.bundle,
    });
    validating(&cluster, json!([hook("a", client, json!({}))])).await;
    make(
        "",
        "services",
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "hook"},
            "spec": {"ports": [{"name": "https", "port": 443, "targetPort": 8443}]},
        }),
    )
    .await;
    let refused = create(&cluster, &config_map("a")).await.unwrap_err();
    assert!(
        refused
            .message
            .ends_with("no endpoints available for service \"hook\""),
        "{refused}"
    );
    make(
        "discovery.k8s.io",
        "endpointslices",
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "hook-1", "labels": {"kubernetes.io/service-name": "hook"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["127.0.0.1"]}],
            "ports": [{"name": "https", "port": webhook.address.port()}],
        }),
    )
    .await;
    let written = create(&cluster, &config_map("a")).await.unwrap();
    assert_eq!(written.warnings, ["seen"]);
    assert_eq!(webhook.taken(), ["/x CREATE a"]);
}
