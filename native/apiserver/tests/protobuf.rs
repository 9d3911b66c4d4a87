//! The media types of bodies and answers: protobuf for what has it, JSON for the rest, events over WebSocket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use http::Request;
use imagecache_apiserver::cluster::Cluster;
use kube::client::Body;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_util::sync::CancellationToken;

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const GO: &str = "application/vnd.kubernetes.protobuf,application/json";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const CACHES: &str = "/apis/eci.alibabacloud.com/v1/imagecaches";

struct Server {
    client: Client,
    address: SocketAddr,
    _stop: tokio_util::sync::DropGuard,
}

async fn server() -> Server {
    let cluster = Cluster::open(support::config()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move { cluster.serve(listener, token).await });
    let url = format!("http://{address}").parse().unwrap();
    Server {
        client: Client::try_from(Config::new(url)).unwrap(),
        address,
        _stop: stop.drop_guard(),
    }
}

struct Answer {
    code: u16,
    media: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    fn is(self, code: u16, media: &str) -> Answer {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!((self.code, self.media.as_str()), (code, media), "{text}");
        assert_eq!(self.body.starts_with(b"k8s\0"), media == PROTOBUF);
        self
    }
}

impl Server {
    async fn ask(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", accept);
        let mut bytes = Vec::new();
        if let Some((media, body)) = body {
            request = request.header("content-type", media);
            bytes = body;
        }
        let request = request.body(Body::from(bytes)).unwrap();
        let response = self.client.send(request).await.unwrap();
        let media = response.headers().get("content-type");
        Answer {
            code: response.status().as_u16(),
            media: media.map_or("", |media| media.to_str().unwrap()).to_owned(),
            body: response.into_body().collect_bytes().await.unwrap().to_vec(),
        }
    }

    async fn get(&self, path: &str, accept: &str) -> Answer {
        self.ask("GET", path, accept, None).await
    }

    async fn create(&self, path: &str, object: Value) -> Answer {
        let body = ("application/json", object.to_string().into_bytes());
        self.ask("POST", path, "application/json", Some(body)).await
    }
}

/// A body of the fixtures of the protobuf module.
fn fixture(kind: &str) -> Vec<u8> {
    let all = include_str!("../src/api/protobuf/fixtures.json");
    let all: Value = serde_json::from_str(all).unwrap();
    let of = all["objects"].as_array().unwrap();
    let of = of.iter().find(|of| of["json"]["kind"] == kind).unwrap();
    STANDARD.decode(of["protobuf"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn protobuf_answers_can_be_sent_back() {
    let server = server().await;
    let body = Some((PROTOBUF, fixture("Lease")));
    let made = server.ask("POST", LEASES, GO, body).await.is(201, PROTOBUF);
    let path = format!("{LEASES}/controller");
    let before = server.get(&path, "application/json").await.json();
    assert_eq!(before["spec"]["renewTime"], "2026-01-01T00:01:01.123456Z");
    // what was answered says all of the object: writing it changes nothing
    let body = Some((PROTOBUF, made.body.clone()));
    let same = server.ask("PUT", &path, GO, body).await.is(200, PROTOBUF);
    assert_eq!(same.body, made.body);
    let read = server.get(&path, GO).await.is(200, PROTOBUF);
    assert_eq!(read.body, made.body);
    assert_eq!(server.get(&path, "application/json").await.json(), before);
    let list = server.get(LEASES, GO).await.is(200, PROTOBUF);
    assert!(list.body.windows(9).any(|part| part == b"LeaseList"));
    for kind in ["Pod", "ConfigMap", "Namespace", "Event", "Secret"] {
        let path = match kind {
            "Namespace" => "/api/v1/namespaces".to_owned(),
            kind => format!("/api/v1/namespaces/default/{}s", kind.to_lowercase()),
        };
        let body = Some((PROTOBUF, fixture(kind)));
        server.ask("POST", &path, GO, body).await.is(201, PROTOBUF);
    }
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let body = Some((PROTOBUF, fixture("CustomResourceDefinition")));
    server
        .ask("POST", definitions, GO, body)
        .await
        .is(201, PROTOBUF);
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let body = Some((PROTOBUF, fixture("Deployment")));
    server
        .ask("POST", deployments, GO, body)
        .await
        .is(201, PROTOBUF);
}

#[tokio::test]
async fn protobuf_of_custom_resources_is_metadata_only() {
    let server = server().await;
    let cache = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "a"},
        "spec": {"images": ["nginx:1"]},
    });
    server
        .create(CACHES, cache)
        .await
        .is(201, "application/json");
    let path = format!("{CACHES}/a");
    server.get(&path, GO).await.is(200, "application/json");
    server.get(&path, PROTOBUF).await.is(406, PROTOBUF);
    let metadata = format!("{PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
    server.get(&path, &metadata).await.is(200, PROTOBUF);
    let table = "as=Table;g=meta.k8s.io;v=v1";
    let table = format!("{PROTOBUF};{table},application/json;{table}");
    let table = server.get(CACHES, &table).await.is(200, "application/json");
    assert_eq!(table.json()["kind"], "Table");
    // options of a deletion are read for every kind; these ask for a dry run of an object with another uid
    let body = Some((PROTOBUF, fixture("DeleteOptions")));
    server
        .ask("DELETE", &path, GO, body)
        .await
        .is(409, PROTOBUF);
    server.get(&path, GO).await.is(200, "application/json");
}

#[tokio::test]
async fn protobuf_watches_send_events_with_their_length() {
    let server = server().await;
    let body = Some((PROTOBUF, fixture("Lease")));
    server.ask("POST", LEASES, GO, body).await.is(201, PROTOBUF);
    let path = format!("{LEASES}?watch=1&timeoutSeconds=1");
    let watched = server.get(&path, GO).await;
    assert_eq!(watched.code, 200);
    assert_eq!(watched.media, format!("{PROTOBUF};stream=watch"));
    let (length, event) = watched.body.split_first_chunk::<4>().unwrap();
    assert_eq!(u32::from_be_bytes(*length) as usize, event.len());
    assert!(event.starts_with(b"\x0a\x05ADDED"));
    let yaml = server.get(&path, "application/yaml").await;
    assert_eq!(yaml.code, 406);
}

#[tokio::test]
async fn websocket_watches_send_a_message_for_each_event() {
    let server = server().await;
    let body = Some((PROTOBUF, fixture("Lease")));
    server.ask("POST", LEASES, GO, body).await.is(201, PROTOBUF);
    for accept in ["application/json", PROTOBUF] {
        let url = format!("ws://{}{LEASES}?watch=1&timeoutSeconds=2", server.address);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("accept", accept.parse().unwrap());
        headers.insert(
            "sec-websocket-protocol",
            "base64.binary.k8s.io".parse().unwrap(),
        );
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (mut socket, response) = tokio_tungstenite::client_async(request, stream)
            .await
            .unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(
            response.headers()["sec-websocket-protocol"],
            "base64.binary.k8s.io"
        );
        let first = timeout(Duration::from_secs(20), socket.next())
            .await
            .unwrap();
        let first = first.unwrap().unwrap();
        assert_eq!(first.is_text(), accept != PROTOBUF);
        if first.is_text() {
            let event: Value = serde_json::from_str(first.to_text().unwrap()).unwrap();
            assert_eq!(event["type"], "ADDED");
            assert_eq!(event["object"]["metadata"]["name"], "controller");
        } else {
            assert!(first.into_data().starts_with(b"\x0a\x05ADDED"));
        }
        // the watch ends, and closes the socket
        let end = timeout(Duration::from_secs(20), socket.next())
            .await
            .unwrap();
        assert!(end.is_none_or(|end| end.is_ok_and(|end| end.is_close())));
    }
}

#[tokio::test]
async fn openapi_v2_is_served_as_clients_ask() {
    let server = server().await;
    let new = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    let old = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    for (accept, code, media) in [
        ("*/*", 200, "application/json"),
        ("application/json", 200, "application/json"),
        (old, 200, new),
        (new, 200, new),
        ("text/html", 406, "text/plain; charset=utf-8"),
    ] {
        let answer = server.get("/openapi/v2", accept).await.is(code, media);
        assert_eq!(answer.body.is_empty(), code == 406, "{accept}");
        // the first field is `swagger`
        assert_eq!(answer.body.starts_with(b"\x0a\x032.0"), media == new);
    }
}

#[tokio::test]
async fn built_in_objects_take_their_type_from_the_path() {
    let server = server().await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let made = server
        .create(maps, json!({"metadata": {"name": "a"}}))
        .await;
    let made = made.is(201, "application/json").json();
    assert_eq!(
        (&made["kind"], &made["apiVersion"]),
        (&json!("ConfigMap"), &json!("v1"))
    );
    let of = |kind: &str, version: &str| json!({"kind": kind, "apiVersion": version, "metadata": {"name": "b"}});
    for (object, words) in [
        (
            of("Secret", ""),
            "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion",
        ),
        (
            of("", "v2"),
            "ConfigMap in version \"v2\" cannot be handled as a ConfigMap: no kind \"ConfigMap\" is registered for version \"v2\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
    ] {
        let refused = server
            .create(maps, object)
            .await
            .is(400, "application/json");
        assert_eq!(refused.json()["message"], words);
    }
    let refused = server
        .create(CACHES, json!({"metadata": {"name": "a"}}))
        .await;
    assert!(
        refused.json()["message"]
            .as_str()
            .unwrap()
            .contains("Object 'Kind' is missing in")
    );
}

#[tokio::test]
async fn paths_of_resources_that_are_not_served_are_unknown() {
    let server = server().await;
    for path in [
        "/api/v1/namespaces/default/widgets",
        "/api/v1/namespaces/default/widgets/a",
        "/api/v1/namespaces/default/pods/a/widgets",
        "/apis/apps/v1/namespaces/default/widgets",
    ] {
        let answer = server.get(path, "application/json").await;
        let answer = answer.is(404, "text/plain; charset=utf-8");
        assert_eq!(answer.body, b"404 page not found\n", "{path}");
    }
    let part = server
        .get(&format!("{CACHES}/a/widgets"), "application/json")
        .await;
    let part = part.is(404, "application/json").json();
    assert_eq!(
        part["message"],
        "imagecaches.eci.alibabacloud.com \"a\" not found"
    );
}
