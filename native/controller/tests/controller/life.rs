//! From creation to deletion.

use std::sync::atomic::Ordering;
use std::time::Duration;

use imagecache::eci::request::{Container, CreateContainerGroup, DescribeContainerGroups};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::stage::{REGION, Stage, condition};

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_is_made_is_hit_is_updated_expires_and_goes() {
    let stage = Stage::new().await;
    let (work, stop) = stage.work();
    stage
        .create(
            "base",
            json!({"images": ["nginx:1.27"], "retentionDays": 3}),
            json!({}),
        )
        .await;
    let made = stage
        .until("base", "on its way", 0, |object| {
            object["status"]["imageCacheId"].is_string()
        })
        .await;
    assert_eq!(condition(&made, "Ready")["status"], "False");
    assert_eq!(condition(&made, "Synced")["observedGeneration"], 1);
    stage
        .until("base", "half done", 5, |object| {
            object["status"]["phase"] == "Creating" && object["status"]["progress"].is_string()
        })
        .await;
    let ready = stage.until_ready("base").await;
    let id = ready["status"]["imageCacheId"].as_str().unwrap().to_owned();
    assert_eq!(ready["status"]["progress"], "100%");
    assert!(ready["status"]["expireDateTime"].is_string() && ready["status"]["events"].is_array());

    let events = stage.events("base").await;
    assert!(!events.contains(&"StatusAltered".to_owned()), "{events:?}");

    // a pod hits it
    let group = CreateContainerGroup {
        region_id: REGION.to_owned(),
        container_group_name: "web".to_owned(),
        match_image_cache: Some(true),
        container: vec![Container {
            name: "web".to_owned(),
            image: "nginx:1.27".to_owned(),
            ..Container::default()
        }],
        ..CreateContainerGroup::default()
    };
    stage.cloud.call(&group).unwrap();
    stage.hand.pass(60);
    let groups = DescribeContainerGroups {
        region_id: REGION.to_owned(),
        ..DescribeContainerGroups::default()
    };
    let events = stage
        .cloud
        .call(&groups)
        .unwrap()
        .container_groups
        .remove(0)
        .events;
    let hit = events
        .iter()
        .find(|event| event.reason.as_deref() == Some("SuccessfulHitImageCache"))
        .unwrap();
    assert!(hit.message.as_deref().unwrap().contains(&id), "{hit:?}");

    // an update keeps the id, and is never called ready before it is
    stage
        .patch("base", json!({"spec": {"images": ["redis:7"]}}))
        .await;
    let updated = stage
        .until("base", "updated", 20, |object| {
            condition(object, "Ready")["observedGeneration"] == 2
                && condition(object, "Ready")["status"] == "True"
        })
        .await;
    assert_eq!(updated["status"]["imageCacheId"], id.as_str());
    assert_eq!(stage.caches()[0].images, ["redis:7"]);

    // at rest nothing is written to the cluster, and the cloud is only listed
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (version, calls) = (
        stage.cluster.store().version(),
        stage.calls.load(Ordering::SeqCst),
    );
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(
        stage.cluster.store().version(),
        version,
        "something was written at rest"
    );
    assert!(
        stage.calls.load(Ordering::SeqCst) > calls,
        "the cloud is not listed any longer"
    );

    // its retention ends
    stage.hand.pass(4 * 86_400);
    let ended = stage
        .until("base", "expired", 60, |object| {
            condition(object, "Ready")["reason"] == "Expired"
        })
        .await;
    assert!(ended["status"].get("phase").is_none(), "{ended:#}");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(stage.caches(), []);

    let events = stage.events("base").await;
    for reason in ["Submitted", "Ready", "Expired"] {
        assert!(
            events.iter().any(|event| event == reason),
            "{reason} in {events:?}"
        );
    }
    stage.delete("base").await;
    stage.until_gone("base").await;
    stop.cancel();
    work.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_a_pod_names_stays_until_the_pod_goes() {
    let stage = Stage::new().await;
    let _work = stage.work();
    stage
        .create("base", json!({"images": ["nginx:1.27"]}), json!({}))
        .await;
    let ready = stage.until_ready("base").await;
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), "default");
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "web", "annotations": {"k8s.aliyun.com/eci-imc-id": ready["status"]["imageCacheId"]}},
        "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]},
    }))
    .unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.delete("base").await;
    let kept = stage
        .until("base", "kept", 0, |object| {
            condition(object, "Synced")["reason"] == "InUse"
        })
        .await;
    assert!(
        condition(&kept, "Synced")["message"]
            .as_str()
            .unwrap()
            .contains("default/web")
    );
    assert_eq!(stage.caches().len(), 1);
    let now = DeleteParams {
        grace_period_seconds: Some(0),
        ..DeleteParams::default()
    };
    pods.delete("web", &now).await.unwrap();
    stage.until_gone("base").await;
    assert_eq!(stage.caches(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_secret_is_awaited_sent_and_not_exposed() {
    let stage = Stage::new().await;
    let _work = stage.work();
    let spec = json!({
        "images": ["registry.example.com/private/app:1"], "imagePullSecrets": ["default:registry"],
    });
    stage.create("private", spec, json!({})).await;
    stage
        .until("private", "waiting for its secret", 0, |object| {
            condition(object, "Synced")["reason"] == "SecretNotFound"
        })
        .await;
    let secrets: Api<Secret> = Api::namespaced(stage.client.clone(), "default");
    let config =
        json!({"auths": {"registry.example.com": {"username": "robot", "password": "hunter2"}}});
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "registry"}, "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": config.to_string()},
    }))
    .unwrap();
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    // an edit is looked at at once
    stage
        .patch("private", json!({"spec": {"imageCacheSize": 40}}))
        .await;
    stage.until_ready("private").await;
    let texts = format!(
        "{}{:?}{:?}",
        stage.get("private").await,
        stage.events("private").await,
        stage.caches()
    );
    assert!(!texts.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_ready_caches() {
    let stage = Stage::new().await;
    let controller = stage.controller();
    let stop = tokio_util::sync::CancellationToken::new();
    let work = tokio::spawn({
        let (controller, stop) = (controller.clone(), stop.clone());
        async move { controller.run(None, stop).await }
    });
    stage
        .create(
            "base",
            json!({"images": ["nginx:1.27"], "retentionDays": 7}),
            json!({}),
        )
        .await;
    stage.until_ready("base").await;
    let counted = |line: &'static str| controller.metrics().lines().any(|found| found == line);
    while !counted("imagecache_sync_ready 1") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(counted("imagecache_sync_objects 1") && counted("imagecache_sync_leads 1"));
    let expires = || {
        let lines = controller.metrics();
        let line = lines
            .lines()
            .find(|line| line.starts_with("imagecache_cache_expires_timestamp_seconds{"))?;
        line.rsplit(' ').next()?.parse::<i64>().ok()
    };
    let object = stage.get("base").await;
    let expected = imagecache::expiry::end(&imagecache::expiry::ExpiryFacts::read(&object));
    assert!(expected.is_some());
    assert_eq!(
        expires(),
        expected.map(imagecache::time::Timestamp::seconds)
    );
    stage.delete("base").await;
    stage.until_gone("base").await;
    while !counted("imagecache_sync_ready 0") || expires().is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    work.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_reports_its_reason_and_new_spec_creates_another() {
    let stage = Stage::new().await;
    let _work = stage.work();
    stage
        .create(
            "base",
            json!({"images": ["registry.example.com/missing/app:1"]}),
            json!({}),
        )
        .await;
    let failed = stage
        .until("base", "failed", 20, |object| {
            object["status"]["phase"] == "Failed"
        })
        .await;
    let message = condition(&failed, "Ready")["message"].as_str().unwrap();
    assert!(
        message.contains("registry.example.com/missing/app:1"),
        "{message}"
    );
    stage
        .patch("base", json!({"spec": {"images": ["nginx:1.27"]}}))
        .await;
    let ready = stage.until_ready("base").await;
    assert_ne!(
        ready["status"]["imageCacheId"],
        failed["status"]["imageCacheId"]
    );
    assert_eq!(stage.caches().len(), 1);
    assert!(stage.events("base").await.contains(&"Failed".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn adoption_retention_and_pause_are_respected() {
    let stage = Stage::new().await;
    let _work = stage.work();
    let made = imagecache::eci::request::CreateImageCache {
        region_id: REGION.to_owned(),
        image_cache_name: "by-hand".to_owned(),
        image: vec!["nginx:1.27".to_owned()],
        ..Default::default()
    };
    let id = stage.cloud.call(&made).unwrap().image_cache_id;
    let own = "imagecache.eci.alibabacloud.com";
    // Of two in the same second the first by name has it.
    stage
        .create(
            "early",
            json!({"images": ["nginx:1.27"]}),
            json!({format!("{own}/adopt"): id}),
        )
        .await;
    stage
        .create(
            "late",
            json!({"images": ["nginx:1.27"]}),
            json!({format!("{own}/adopt"): id}),
        )
        .await;
    stage
        .create(
            "still",
            json!({"images": ["redis:7"]}),
            json!({format!("{own}/paused"): "true"}),
        )
        .await;
    let taken = stage.until_ready("early").await;
    assert_eq!(taken["status"]["imageCacheId"], id.as_str());
    stage
        .until("late", "refused", 0, |object| {
            condition(object, "Synced")["reason"] == "AdoptionConflict"
        })
        .await;
    stage.delete("late").await;
    stage.until_gone("late").await;
    stage.delete("early").await;
    stage.until_gone("early").await;
    assert_eq!(stage.caches().len(), 1, "an adopted cache stays");
    let still = stage.get("still").await;
    assert_eq!(still.get("status"), None::<&Value>);
}
