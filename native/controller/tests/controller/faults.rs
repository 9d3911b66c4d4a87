//! What goes wrong.

use std::time::Duration;

use imagecache::resource::{CrdVersion, crd};
use imagecache_controller::controller::{Config, Controller};
use imagecache_http::{Limits, whole};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::stage::{REGION, Stage};

const FAULTS: &str = "
seed: 7
faults:
- {chance: 0.15, fault: lost-reply}
- {chance: 0.1, fault: half-body}
- {chance: 0.1, fault: html-page}
- {chance: 0.1, fault: error, code: ServiceUnavailable}
- {chance: 0.1, fault: throttle, milliseconds: 50}
- {chance: 0.1, fault: refuse}
";

#[tokio::test(flavor = "multi_thread")]
async fn eci_failures_create_no_duplicates_and_lose_no_cache() {
    let stage = Stage::with_faults(FAULTS).await;
    let _work = stage.work();
    for number in 0..12 {
        stage
            .create(
                &format!("c{number}"),
                json!({"images": [format!("nginx:{number}")]}),
                json!({}),
            )
            .await;
    }
    for number in 0..12 {
        stage.until_ready(&format!("c{number}")).await;
    }
    assert_eq!(stage.caches().len(), 12);
    for number in 0..12 {
        stage.delete(&format!("c{number}")).await;
    }
    for number in 0..12 {
        stage.until_gone(&format!("c{number}")).await;
    }
    assert_eq!(stage.caches(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn controller_crashes_create_no_duplicates() {
    let stage = Stage::new().await;
    for number in 0..8 {
        stage
            .create(
                &format!("c{number}"),
                json!({"images": [format!("nginx:{number}")]}),
                json!({}),
            )
            .await;
    }
    for life in 0..12 {
        let (work, _stop) = stage.work();
        tokio::time::sleep(Duration::from_millis(20 + 17 * life)).await;
        work.abort();
        let _ = work.await;
        stage.hand.pass(10);
        if life == 5 {
            stage
                .patch("c0", json!({"spec": {"images": ["redis:7"]}}))
                .await;
            stage.delete("c1").await;
        }
    }
    let _work = stage.work();
    for number in (0..8).filter(|number| *number != 1) {
        stage.until_ready(&format!("c{number}")).await;
    }
    stage
        .until("c1", "gone", 20, serde_json::Value::is_null)
        .await;
    assert_eq!(stage.caches().len(), 7);
}

/// A server that gives one answer to everything.
async fn answering(status: u16, body: &'static str) -> (kube::Client, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(imagecache_http::serve(
        listener,
        None,
        Limits::default(),
        imagecache_http::Visitors::of_any_name(),
        stop.clone(),
        move |_, _| async move {
            let answer = http::Response::builder()
                .status(status)
                .header("content-type", "application/json");
            answer.body(whole(body)).unwrap()
        },
    ));
    (
        kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap(),
        stop,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_cluster_and_eci_are_reported_in_one_line() {
    let stage = Stage::new().await;
    for (status, body, words) in [
        (
            404,
            "404 page not found",
            "the cluster has no ImageCache definition; install it with `imagecache crd | kubectl apply -f -`",
        ),
        (
            403,
            r#"{"kind":"Status","status":"Failure","code":403,"reason":"Forbidden","message":"imagecaches is forbidden"}"#,
            "not permitted: imagecaches is forbidden",
        ),
        (
            401,
            r#"{"kind":"Status","status":"Failure","code":401,"reason":"Unauthorized","message":"Unauthorized"}"#,
            "the cluster does not accept these credentials",
        ),
    ] {
        let (client, stop) = answering(status, body).await;
        let controller = Controller::new(client, stage.eci("testsecret"), Config::new(REGION));
        let said = controller.once().await.unwrap_err().to_string();
        assert!(
            said.contains(words) && !said.contains('\n'),
            "{status}: {said}"
        );
        stop.cancel();
    }
    let nowhere =
        kube::Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
    let controller = Controller::new(nowhere, stage.eci("testsecret"), Config::new(REGION));
    let said = controller.once().await.unwrap_err().to_string();
    assert!(said.starts_with("the cluster does not respond: "), "{said}");

    let controller = Controller::new(
        stage.client.clone(),
        stage.eci("another"),
        Config::new(REGION),
    );
    let said = controller.once().await.unwrap_err().to_string();
    assert!(said.contains("the credentials are wrong"), "{said}");
}

/// This project's definition, whose status lacks a field.
fn definition_without(field: &str) -> serde_json::Value {
    let mut definition = crd(CrdVersion::V1);
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let status = &mut schema["properties"]["status"];
    status["properties"]
        .as_object_mut()
        .unwrap()
        .remove(field)
        .unwrap();
    definition
}

/// The version of everything in the cluster, once it has stayed the same for a while.
async fn rest(stage: &Stage) -> u64 {
    let mut before = 0;
    for _ in 0..100 {
        let version = stage.cluster.store().version();
        if version == before {
            return version;
        }
        before = version;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    panic!("something is written again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_reported_and_stops_further_writes() {
    let stage = Stage::with_definition(definition_without("events")).await;
    let (work, stop) = stage.work();
    stage
        .create("base", json!({"images": ["nginx:1.27"]}), json!({}))
        .await;
    let ready = stage.until_ready("base").await;
    assert_eq!(ready["status"].get("events"), None);
    rest(&stage).await;
    let events = stage.events("base").await;
    let count = |reason: &str| events.iter().filter(|event| *event == reason).count();
    assert_eq!(
        (count("Ready"), count("StatusAltered")),
        (1, 1),
        "{events:?}"
    );
    stop.cancel();
    work.await.unwrap();
    // another controller reports it once more, and rests
    let before = stage.cluster.store().version();
    let _work = stage.work();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = rest(&stage).await;
    assert!(after <= before + 2, "{} writes", after - before);

    let stage = Stage::with_definition(definition_without("conditions")).await;
    let _work = stage.work();
    stage
        .create("base", json!({"images": ["nginx:1.27"]}), json!({}))
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    rest(&stage).await;
    assert_eq!(stage.events("base").await, ["StatusAltered"]);
    assert_eq!(stage.caches(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_reports_effects_and_performs_none() {
    use std::sync::{Arc, Mutex};
    let stage = Stage::new().await;
    stage
        .create("base", json!({"images": ["nginx:1.27"]}), json!({}))
        .await;
    let version = stage.cluster.store().version();
    let performed = Arc::new(Mutex::new(Vec::new()));
    let mut config = Config::new(REGION);
    let lines = Arc::clone(&performed);
    config.dry_run = Some(Arc::new(move |object, act| {
        lines.lock().unwrap().push(format!("{object}: {act}"));
    }));
    let controller = Controller::new(stage.client.clone(), stage.eci("testsecret"), config);
    controller.once().await.unwrap();
    let performed = performed.lock().unwrap().clone();
    let verbs: Vec<_> = performed
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        verbs,
        ["patch", "patch", "CreateImageCache"],
        "{performed:#?}"
    );
    assert_eq!(stage.cluster.store().version(), version);
    assert_eq!(stage.caches(), []);
}
