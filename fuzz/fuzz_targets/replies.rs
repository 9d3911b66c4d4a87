//! Any reply of ECI is read or refused, and the controller decides something about whatever a listing holds: never a call
//! about a cache that has another object's tag.
#![no_main]

use std::time::Duration;

use imagecache::eci::error::ErrorReply;
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::{DescribeImageCaches, Request};
use imagecache::reconcile::{
    Effect, Listing, Observed, Outcome, ReconcileRecord, ReconcileSettings, Spending, step,
};
use imagecache::resource::annotation::{FINALIZER, OWNER_TAG};
use imagecache::time::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

type Reply = <DescribeImageCaches as Request>::Reply;

/// Steps until there is nothing to do, or a call.
fn decide(mut object: Value, listing: &Listing, memory: &mut ReconcileRecord, now: Timestamp) {
    let mut settings = ReconcileSettings::default();
    settings.region_id = "cn-hangzhou".to_owned();
    for moment in 1..12 {
        let moment = Duration::from_secs(moment * 100);
        let seen = Observed {
            listing: Some(listing),
            live: true,
            logins: None,
            pods: Some(&[]),
            starting: None,
            rivals: &[],
            spending: &Spending::default(),
            moment,
        };
        let decision = step(&object, &seen, &settings, memory, now);
        let Some(effect) = decision.act else { return };
        let id = match &effect {
            Effect::Update { call, .. } => Some(&call.image_cache_id),
            Effect::Delete { call } => Some(&call.image_cache_id),
            _ => None,
        };
        if let Some(entry) = id.and_then(|id| listing.get(id)) {
            let tag = |tag: &&imagecache::eci::reply::TagEntry| tag.key == OWNER_TAG;
            let tag = entry.tags.iter().find(tag);
            assert_eq!(tag.map(|tag| tag.value.as_str()), Some("uid-1"), "{effect}");
        }
        let outcome = match &effect {
            Effect::Status { patch, .. } | Effect::Finalizers { patch } => {
                object = imagecache::reconcile::patched(&object, patch);
                Outcome::Object(object.clone())
            }
            Effect::Describe { .. } => Outcome::Described(None),
            Effect::Create { .. } => Outcome::Created("imc-new".to_owned()),
            _ => Outcome::Accepted,
        };
        memory.record(&effect, &outcome, 1, moment);
    }
}

fuzz_target!(|body: &[u8]| {
    if let Some(error) = ErrorReply::read(body) {
        let _ = (error.code.retry(400, None), error.code.advice(), error.to_string());
    }
    let Ok(reply) = serde_json::from_slice::<Reply>(body) else {
        return;
    };
    let entries: Vec<ImageCacheEntry> = reply.image_caches;
    let written = serde_json::to_vec(&entries).expect("entries are JSON");
    let read: Vec<ImageCacheEntry> = serde_json::from_slice(&written).expect("what was written");
    assert_eq!(read, entries);
    let now = Timestamp::from_seconds(1_800_000_000);
    let full = Listing::new(entries, Duration::from_secs(1_000_000));
    let object = json!({
        "metadata": {
            "name": "base", "uid": "uid-1", "resourceVersion": "7", "generation": 1,
            "creationTimestamp": "2026-01-18T13:40:56Z", "finalizers": [FINALIZER],
        },
        "spec": {"images": ["nginx:1.27"]},
        "status": {"imageCacheId": "imc-1"},
    });
    let mut deleted = object.clone();
    deleted["metadata"]["deletionTimestamp"] = "2026-01-18T13:40:56Z".into();
    let empty = Listing::new(Vec::new(), Duration::from_secs(2_000_000));
    let empty = empty.after(Some(&full), &Spending::default(), now);
    for listing in [&full, &empty] {
        for object in [&object, &deleted] {
            decide(object.clone(), listing, &mut ReconcileRecord::default(), now);
        }
    }
});
