//! A cluster in this process, and the kube crates as its client: what a controller does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use imagecache::time::Timestamp;
use imagecache_apiserver::api::options::DeleteOptions;
use imagecache_apiserver::api::patch::PatchKind;
use imagecache_apiserver::api::selector::Selector;
use imagecache_apiserver::cluster::requests::Body;
use imagecache_apiserver::cluster::serve::Limits;
use imagecache_apiserver::cluster::{Cluster, Config};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Pod, Secret};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
};
use kube::runtime::watcher::{self, Config as Watching, InitialListStrategy, watcher};
use kube::runtime::{WatchStreamExt as _, reflector, wait};
use kube::{Client, Config as Connection};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Long enough for anything that is going to happen.
const EVER: Duration = Duration::from_secs(30);

struct Server {
    cluster: Cluster,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(config: Config) -> Server {
        let cluster = Cluster::open(config).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (cluster, stop) = (cluster.clone(), stop.clone());
            async move { cluster.serve(listener, stop).await }
        });
        Server {
            cluster,
            address,
            stop,
            task,
        }
    }

    fn client(&self) -> Client {
        let url = format!("http://{}", self.address).parse().unwrap();
        Client::try_from(Connection::new(url)).unwrap()
    }

    fn caches(&self) -> Api<DynamicObject> {
        Api::all_with(self.client(), &caches())
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(EVER, self.task).await.unwrap().unwrap();
    }
}

fn caches() -> ApiResource {
    ApiResource {
        group: "eci.alibabacloud.com".to_owned(),
        version: "v1".to_owned(),
        api_version: "eci.alibabacloud.com/v1".to_owned(),
        kind: "ImageCache".to_owned(),
        plural: "imagecaches".to_owned(),
    }
}

fn cache(name: &str) -> DynamicObject {
    DynamicObject::new(name, &caches()).data(json!({"spec": {"images": ["nginx:1.27"]}}))
}

async fn create<K>(api: &Api<K>, object: &K) -> K
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    api.create(&PostParams::default(), object).await.unwrap()
}

fn names(objects: &[DynamicObject]) -> Vec<&str> {
    let names = objects.iter();
    names
        .map(|object| object.metadata.name.as_deref().unwrap())
        .collect()
}

#[tokio::test]
async fn controller_sees_writes_and_finalizes_objects() {
    let server = Server::start(support::config()).await;
    let caches = server.caches();
    let manager = PatchParams::apply("controller");
    for name in ["a", "b"] {
        create(&caches, &cache(name)).await;
    }
    // the two ways in which a watcher begins
    for strategy in [
        InitialListStrategy::ListWatch,
        InitialListStrategy::StreamingList,
    ] {
        let config = Watching {
            initial_list_strategy: strategy,
            ..Watching::default()
        };
        let mut events = watcher(caches.clone(), config).boxed();
        let mut next = async || {
            timeout(EVER, events.try_next())
                .await
                .unwrap()
                .unwrap()
                .unwrap()
        };
        let mut known = BTreeSet::new();
        loop {
            match next().await {
                watcher::Event::Init => {}
                watcher::Event::InitApply(object) => {
                    known.insert(object.metadata.name.unwrap());
                }
                watcher::Event::InitDone => break,
                other => panic!("{other:?} before the end of the list"),
            }
        }
        assert_eq!(known, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        create(&caches, &cache("c")).await;
        let watcher::Event::Apply(created) = next().await else {
            panic!("no object")
        };
        assert_eq!(created.metadata.name.as_deref(), Some("c"));
        caches.delete("c", &DeleteParams::default()).await.unwrap();
        assert!(matches!(next().await, watcher::Event::Delete(_)));
    }
    // a finalizer and a status, each by server-side apply of its own
    let finalizer = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": "a", "finalizers": ["eci.alibabacloud.com/imagecache"]},
    });
    caches
        .patch("a", &manager, &Patch::Apply(finalizer))
        .await
        .unwrap();
    let status = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": "a"}, "status": {"phase": "Ready", "imageCacheId": "imc-1"},
    });
    let force = manager.clone().force();
    let ready = caches
        .patch_status("a", &force, &Patch::Apply(status))
        .await
        .unwrap();
    assert_eq!(ready.data["status"]["phase"], "Ready");
    let deleted = caches.delete("a", &DeleteParams::default()).await.unwrap();
    let waiting = deleted.left().expect("it waits for its finalizer");
    assert!(waiting.metadata.deletion_timestamp.is_some());
    let (uid, watched) = (waiting.metadata.uid.unwrap(), caches.clone());
    let gone = tokio::spawn(async move {
        let gone = wait::conditions::is_deleted(&uid);
        wait::await_condition(watched, "a", gone).await
    });
    let none: Value = json!({"metadata": {"finalizers": null}});
    caches
        .patch("a", &PatchParams::default(), &Patch::Merge(none))
        .await
        .unwrap();
    timeout(EVER, gone).await.unwrap().unwrap().unwrap();
    assert_eq!(
        names(&caches.list(&ListParams::default()).await.unwrap().items),
        ["b"]
    );
    server.end().await;
}

#[tokio::test]
async fn a_store_of_objects_follows_a_watch_across_its_end() {
    let server = Server::start(support::config()).await;
    let caches = server.caches();
    let writer = reflector::store::Writer::new(self::caches());
    let reader = writer.as_reader();
    // short watches: the store is filled over several of them
    let config = Watching::default().timeout(1);
    let follow = watcher(caches.clone(), config)
        .reflect(writer)
        .applied_objects()
        .for_each(|_| async {});
    let follow = tokio::spawn(follow);
    reader.wait_until_ready().await.unwrap();
    for number in 0..8 {
        let name = format!("n{number}");
        create(&caches, &cache(&name)).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let all = async {
        while reader.len() < 8 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(EVER, all).await.unwrap();
    follow.abort();
    server.end().await;
}

#[tokio::test]
async fn built_in_kinds_are_stored_and_read_by_typed_clients() {
    let server = Server::start(support::config()).await;
    let client = server.client();
    let create = PostParams::default();

    let secrets: Api<Secret> = Api::namespaced(client.clone(), "default");
    let secret = json!({
        "metadata": {"name": "acr"}, "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": "{\"auths\":{}}"},
    });
    let secret = secrets
        .create(&create, &serde_json::from_value(secret).unwrap())
        .await
        .unwrap();
    assert_eq!(
        secret.data.unwrap()[".dockerconfigjson"].0,
        b"{\"auths\":{}}"
    );
    assert_eq!(
        secrets
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .len(),
        1
    );

    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-system");
    let lease = json!({"metadata": {"name": "leader"}, "spec": {"holderIdentity": "a"}});
    let lease = leases
        .create(&create, &serde_json::from_value(lease).unwrap())
        .await
        .unwrap();
    let mut mine = lease.clone();
    mine.spec.as_mut().unwrap().holder_identity = Some("b".to_owned());
    leases.replace("leader", &create, &mine).await.unwrap();
    let stale = leases.replace("leader", &create, &lease).await.unwrap_err();
    assert!(matches!(stale, kube::Error::Api(status) if status.code == 409));

    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let pod = json!({
        "metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]},
    });
    pods.create(&create, &serde_json::from_value(pod).unwrap())
        .await
        .unwrap();
    let running = json!({"status": {"phase": "Running"}});
    let patched = pods
        .patch_status("web", &PatchParams::default(), &Patch::Strategic(running))
        .await
        .unwrap();
    assert_eq!(patched.status.unwrap().phase.as_deref(), Some("Running"));

    let events: Api<Event> = Api::namespaced(client.clone(), "default");
    let event = json!({
        "metadata": {"generateName": "web-"}, "reason": "SuccessfulHitImageCache", "type": "Normal",
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web"},
    });
    let event = events
        .create(&create, &serde_json::from_value(event).unwrap())
        .await
        .unwrap();
    let newer: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(client, "default");
    let same = newer
        .get(event.metadata.name.as_deref().unwrap())
        .await
        .unwrap();
    assert_eq!(same.reason.as_deref(), Some("SuccessfulHitImageCache"));
    assert_eq!(same.regarding.unwrap().name.as_deref(), Some("web"));
    server.end().await;
}

#[tokio::test]
async fn in_process_callers_and_clients_see_the_same_objects() {
    let server = Server::start(support::config()).await;
    let cluster = &server.cluster;
    let resource = ("eci.alibabacloud.com", "v1", "imagecaches");
    let all = cluster.place(resource, None, None).unwrap();
    let version = cluster.list(&all, &Selector::default()).version;
    let mut watch = cluster.watch(&all, version);
    create(&server.caches(), &cache("a")).await;
    let changes = timeout(EVER, watch.next()).await.unwrap().unwrap();
    assert_eq!(changes[0].object.meta("name"), "a");
    let one = cluster.place(resource, None, Some("a")).unwrap();
    let ready = Body::json(&json!({"status": {"phase": "Ready"}}), "node");
    cluster
        .patch(&one.clone().status(), PatchKind::Merge, ready)
        .await
        .unwrap();
    let seen = server.caches().get("a").await.unwrap();
    assert_eq!(seen.data["status"]["phase"], "Ready");
    let status = json!({"spec": {"images": []}});
    let refused = cluster
        .patch(&one, PatchKind::Merge, Body::json(&status, "node"))
        .await;
    assert_eq!(refused.unwrap_err().code, 422);
    server.end().await;
}

#[tokio::test]
async fn watch_of_compacted_version_expires_and_clients_relist() {
    let server = Server::start(support::config()).await;
    let caches = server.caches();
    for name in ["a", "b", "c"] {
        create(&caches, &cache(name)).await;
    }
    let page = caches.list(&ListParams::default().limit(1)).await.unwrap();
    let token = page.metadata.continue_.clone().unwrap();
    let version = page.metadata.resource_version.unwrap();
    caches.delete("b", &DeleteParams::default()).await.unwrap();
    let rest = ListParams::default().limit(5).continue_token(&token);
    let before = caches.list(&rest).await.unwrap();
    assert_eq!(names(&before.items), ["b", "c"], "pages show one moment");
    create(&caches, &cache("d")).await;
    server.cluster.store().compact().await.unwrap();
    let code = |error: kube::Error| match error {
        kube::Error::Api(status) => (status.code, status.reason),
        other => panic!("{other}"),
    };
    let gone = (410, "Expired".to_owned());
    assert_eq!(code(caches.list(&rest).await.unwrap_err()), gone);
    // the refusal carries a token that leads on, through the present
    let url = format!("/apis/eci.alibabacloud.com/v1/imagecaches?limit=1&continue={token}");
    let request = http::Request::get(url).body(Vec::new()).unwrap();
    let refused = match server.client().request_text(request).await {
        Err(kube::Error::Api(status)) => status,
        other => panic!("{other:?}"),
    };
    assert!(
        refused
            .message
            .contains("use the continue token in this response")
    );
    let on = refused.metadata.unwrap().continue_.unwrap();
    let mut left = Vec::new();
    let mut next = Some(on);
    while let Some(token) = next.take().filter(|token| !token.is_empty()) {
        let page = ListParams::default().limit(1).continue_token(&token);
        let page = caches.list(&page).await.unwrap();
        left.extend(names(&page.items).into_iter().map(str::to_owned));
        next = page.metadata.continue_;
    }
    assert_eq!(left, ["c", "d"]);
    // {"v":"meta.k8s.io/v1","rv":900000000,"start":"/a\u0000"}: a moment that has not come yet
    let forged = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6OTAwMDAwMDAwLCJzdGFydCI6Ii9hXHUwMDAwIn0";
    let future = ListParams::default().limit(1).continue_token(forged);
    assert_eq!(code(caches.list(&future).await.unwrap_err()), gone);
    let exact = ListParams::default()
        .at(&version)
        .matching(kube::api::VersionMatch::Exact);
    assert_eq!(code(caches.list(&exact).await.unwrap_err()), gone);
    let watch = caches
        .watch(&kube::api::WatchParams::default(), &version)
        .await
        .unwrap();
    let event = timeout(EVER, watch.boxed().try_next())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(event, Some(kube::api::WatchEvent::Error(status)) if status.code == 410));
    server.end().await;
}

#[tokio::test]
async fn dependents_go_with_their_owner_and_after_a_crash_too() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        directory: Some(directory.path().to_owned()),
        ..support::config()
    };
    let server = Server::start(config.clone()).await;
    let caches = server.caches();
    let owner = create(&caches, &cache("owner")).await;
    let owned = |name: &str| {
        let mut object = cache(name);
        object.metadata.owner_references = serde_json::from_value(json!([{
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "name": "owner",
            "uid": owner.metadata.uid, "blockOwnerDeletion": true,
        }]))
        .unwrap();
        object
    };
    for name in ["child", "other"] {
        create(&caches, &owned(name)).await;
    }
    caches
        .delete("owner", &DeleteParams::foreground())
        .await
        .unwrap();
    let empty = async {
        while !caches
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(EVER, empty).await.unwrap();
    server.end().await;
    // without a collector at work, as when the process died in between
    let cluster = Cluster::open(config.clone()).await.unwrap();
    let all = cluster
        .place(("eci.alibabacloud.com", "v1", "imagecaches"), None, None)
        .unwrap();
    let child = serde_json::to_value(owned("late")).unwrap();
    cluster
        .create(&all, Body::json(&child, "test"))
        .await
        .unwrap();
    drop(cluster);
    let server = Server::start(config).await;
    let caches = server.caches();
    let empty = async {
        while !caches
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(EVER, empty).await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn watch_connections_leave_room_for_requests() {
    let limits = Limits {
        watches: 2,
        ..Limits::default()
    };
    let server = Server::start(Config {
        limits,
        ..support::config()
    })
    .await;
    let path = "/apis/eci.alibabacloud.com/v1/imagecaches?watch=1&timeoutSeconds=60";
    let first = ask(server.address, path).await;
    let second = ask(server.address, path).await;
    assert_eq!((first.1.as_str(), second.1.as_str()), ("200", "200"));
    assert_eq!(ask(server.address, path).await.1, "429");
    let list = "/apis/eci.alibabacloud.com/v1/imagecaches";
    assert_eq!(ask(server.address, list).await.1, "200");
    drop(first);
    let again = async {
        while ask(server.address, path).await.1 != "200" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(EVER, again).await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn a_watch_of_any_length_ends_with_its_definition() {
    let server = Server::start(support::config()).await;
    let seconds = i64::MAX;
    let path =
        format!("/apis/eci.alibabacloud.com/v1/imagecaches?watch=1&timeoutSeconds={seconds}");
    let (mut stream, status) = ask(server.address, &path).await;
    assert_eq!(status, "200");
    create(&server.caches(), &cache("a")).await;
    let resource = ("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let name = "imagecaches.eci.alibabacloud.com";
    let place = server.cluster.place(resource, None, Some(name)).unwrap();
    let deleted = server
        .cluster
        .delete(&place, DeleteOptions::default())
        .await;
    deleted.unwrap();
    let mut events = Vec::new();
    let ended = async {
        let mut chunk = [0; 4096];
        // the connection stays open, so the end of the body is looked for
        while !events.ends_with(b"0\r\n\r\n") {
            let length = stream.read(&mut chunk).await.unwrap();
            assert!(length > 0);
            events.extend_from_slice(&chunk[..length]);
        }
    };
    timeout(EVER, ended).await.unwrap();
    let events = String::from_utf8(events).unwrap();
    assert!(events.contains(r#"{"type":"ADDED""#), "{events}");
    assert!(events.contains(r#"{"type":"DELETED""#), "{events}");
    server.end().await;
}

/// Asks without a client that tries again by itself: the connection, and the status of the answer.
async fn ask(address: SocketAddr, path: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    timeout(EVER, stream.read_exact(&mut head))
        .await
        .unwrap()
        .unwrap();
    let status = String::from_utf8_lossy(&head[9..]).into_owned();
    (stream, status)
}

#[tokio::test]
async fn events_end_an_hour_after_they_were_written_last() {
    let server = Server::start(support::config()).await;
    let cluster = &server.cluster;
    let events: Api<Event> = Api::default_namespaced(server.client());
    let event = |name: &str| -> Event {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "default"},
            "involvedObject": {"kind": "ImageCache", "name": "a"}, "reason": "Test", "type": "Normal",
        }))
        .unwrap()
    };
    for number in 0..501 {
        let event = event(&format!("old-{number}"));
        create(&events, &event).await;
    }
    create(&server.caches(), &cache("a")).await;
    let last = events.get("old-500").await.unwrap();
    let written: Value = serde_json::to_value(&last.metadata.creation_timestamp).unwrap();
    let written: Timestamp = written.as_str().unwrap().parse().unwrap();
    assert_eq!(cluster.expire(written.plus(3_000)).await.unwrap(), 0);
    // one was written again since, as the managed fields show
    let again = json!({"metadata": {"managedFields": [{
        "manager": "later", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:reason": {}}, "time": written.plus(1_000).to_string(),
    }]}});
    let params = PatchParams {
        field_manager: Some("test".to_owned()),
        ..PatchParams::default()
    };
    events
        .patch("old-0", &params, &Patch::Merge(again))
        .await
        .unwrap();
    let watch = cluster.store().watch("/events/", cluster.store().version());
    assert_eq!(cluster.expire(written.plus(3_601)).await.unwrap(), 500);
    let left = events.list(&ListParams::default()).await.unwrap();
    assert_eq!(left.items.len(), 1);
    assert_eq!(left.items[0].metadata.name.as_deref(), Some("old-0"));
    // a watcher sees them deleted
    let mut watch = watch;
    let gone = timeout(EVER, watch.next()).await.unwrap().unwrap();
    assert!(gone.iter().all(|change| change.deleted));
    assert_eq!(cluster.expire(written.plus(4_599)).await.unwrap(), 0);
    assert_eq!(cluster.expire(written.plus(8_000)).await.unwrap(), 1);
    server.caches().get("a").await.unwrap();
    server.end().await;
}
