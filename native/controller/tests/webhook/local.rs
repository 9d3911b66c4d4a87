//! Beside the API server of one machine: what people do to objects there is what the webhook answers by.

use imagecache_apiserver::cluster::Cluster;
use imagecache_controller::webhook::{Caches, Policy};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Client, Config as Address};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::answers::{pod, review};
use crate::server::{Server, now};

#[tokio::test(flavor = "multi_thread")]
async fn pods_follow_changes_of_image_caches() {
    let cluster = Cluster::open(imagecache_simulator::cluster::config(None, None))
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let serving = tokio::spawn({
        let (cluster, stop) = (cluster.clone(), stop.clone());
        async move { cluster.serve(listener, stop).await }
    });
    let client = Client::try_from(Address::new(url.parse().unwrap())).unwrap();

    let settings = json!({"mode": "pin", "ifNotPresent": true, "onMiss": "reject"});
    let settings = imagecache::admission::AdmissionSettings::parse(&settings).unwrap();
    let policy = Policy::fixed(&settings);
    let server = Server::start(policy, Caches::default(), now, Some(client.clone())).await;
    server.until("/readyz", |answer| answer.status == 200).await;

    let asked = review("Pod", &pod(&["nginx:1.27"]));
    let pinned = async |wanted: Value| {
        for _ in 0..500 {
            let answer = server.post("/mutate", &asked).await.json();
            if answer["response"]["auditAnnotations"]["matched-image-cache"] == wanted {
                return answer;
            }
        }
        panic!("never {wanted}");
    };
    assert_eq!(pinned(Value::Null).await["response"]["status"]["code"], 403);

    let resource = ApiResource {
        group: "eci.alibabacloud.com".to_owned(),
        version: "v1".to_owned(),
        api_version: "eci.alibabacloud.com/v1".to_owned(),
        kind: "ImageCache".to_owned(),
        plural: "imagecaches".to_owned(),
    };
    let caches = Api::<DynamicObject>::all_with(client, &resource);
    let object =
        DynamicObject::new("base", &resource).data(json!({"spec": {"images": ["nginx:1.27"]}}));
    caches
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    let ready = json!({"status": {"phase": "Ready", "imageCacheId": "imc-base"}});
    caches
        .patch_status("base", &PatchParams::default(), &Patch::Merge(ready))
        .await
        .unwrap();
    let answer = pinned("imc-base".into()).await;
    assert_eq!(answer["response"]["patchType"], "JSONPatch");

    let failed = json!({"status": {"phase": "Failed"}});
    caches
        .patch_status("base", &PatchParams::default(), &Patch::Merge(failed))
        .await
        .unwrap();
    pinned(Value::Null).await;
    let again = json!({"status": {"phase": "Ready"}});
    caches
        .patch_status("base", &PatchParams::default(), &Patch::Merge(again))
        .await
        .unwrap();
    pinned("imc-base".into()).await;
    caches
        .delete("base", &DeleteParams::default())
        .await
        .unwrap();
    pinned(Value::Null).await;

    stop.cancel();
    serving.await.unwrap();
}
