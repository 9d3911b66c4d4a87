//! Several controllers, of which one works.

use std::time::Duration;

use imagecache_controller::controller::lease::{Candidate, Terms};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::stage::Stage;

const TERMS: Terms = Terms {
    duration: Duration::from_secs(2),
    give_up: Duration::from_millis(1500),
    every: Duration::from_millis(100),
};

fn candidate(stage: &Stage, identity: &str) -> Candidate {
    Candidate::new(
        stage.client.clone(),
        "default",
        "imagecache-sync",
        identity,
        TERMS,
    )
}

async fn holder(stage: &Stage) -> String {
    let leases: Api<Lease> = Api::namespaced(stage.client.clone(), "default");
    let lease = leases.get_opt("imagecache-sync").await.unwrap();
    lease
        .and_then(|lease| lease.spec?.holder_identity)
        .unwrap_or_default()
}

async fn until_held(stage: &Stage, by: &str) {
    for _ in 0..600 {
        if holder(stage).await == by {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{by} never held the lease");
}

#[tokio::test(flavor = "multi_thread")]
async fn election_standby_takes_over_from_a_stopped_leader() {
    let stage = Stage::new().await;
    let run = |identity: &str| {
        let (controller, candidate) = (stage.controller(), candidate(&stage, identity));
        let stop = CancellationToken::new();
        let token = stop.clone();
        (
            tokio::spawn(async move { controller.run(Some(candidate), token).await }),
            stop,
        )
    };
    let (first, stop_first) = run("first");
    until_held(&stage, "first").await;
    let (second, _stop_second) = run("second");
    stage
        .create("base", json!({"images": ["nginx:1.27"]}), json!({}))
        .await;
    stage.until_ready("base").await;
    assert_eq!(holder(&stage).await, "first");
    // it gives the lease back
    stop_first.cancel();
    first.await.unwrap();
    until_held(&stage, "second").await;
    // it dies: the lease runs out
    let (third, stop_third) = run("third");
    second.abort();
    until_held(&stage, "third").await;
    stage
        .patch("base", json!({"spec": {"images": ["redis:7"]}}))
        .await;
    stage
        .until("base", "updated", 20, |object| {
            object["status"]["phase"] == "Ready"
                && object["metadata"]["generation"] == 2
                && crate::stage::condition(object, "Ready")["observedGeneration"] == 2
        })
        .await;
    stop_third.cancel();
    third.await.unwrap();
    assert_eq!(holder(&stage).await, "");
    assert_eq!(stage.caches().len(), 1);
}
