//! Events of `events.k8s.io/v1` about an object.
//!
//! Each Event reports one change of a condition; Events are neither counted nor aggregated. (The recorder of the kube
//! crates keeps every Event for minutes and searches all of them for each new one.)

use imagecache::reconcile::EventNote;
use imagecache::resource::kube::ImageCacheObject;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, PostParams};
use kube::{Client, Resource as _, ResourceExt as _};

use super::context::MANAGER;

/// The namespace of Events about cluster-scoped objects.
const NAMESPACE: &str = "default";

/// Stores an Event.
pub(super) async fn publish(
    client: &Client,
    object: &ImageCacheObject,
    note: &EventNote,
) -> Result<(), kube::Error> {
    let api: Api<Event> = Api::namespaced(client.clone(), NAMESPACE);
    api.create(
        &PostParams::default(),
        &event(object, note, Timestamp::now()),
    )
    .await
    .map(drop)
}

fn event(object: &ImageCacheObject, note: &EventNote, now: Timestamp) -> Event {
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:x}", object.name_any(), now.as_nanosecond())),
            namespace: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        action: Some("Reconcile".to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(note.message.clone()),
        reason: Some(note.reason.clone()),
        regarding: Some(object.object_ref(&())),
        reporting_controller: Some(MANAGER.to_owned()),
        reporting_instance: Some(MANAGER.to_owned()),
        type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}
