//! Any AdmissionReview is answered: about the request that it is, and with a patch of annotations at most.
#![no_main]

use imagecache::admission::{
    AdmissionSettings, CacheSource, CachesUnavailable, MAX_CAUSES, decide, review,
};
use imagecache::time::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const CACHES: &[u8] = br#"{"items":[{"metadata":{"name":"base"},"spec":{"images":["nginx:1.27"]},
    "status":{"phase":"Ready","imageCacheId":"imc-1"}}]}"#;

fuzz_target!(|text: &str| {
    let Ok(request) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let pin = json!({"mode": "pin", "pods": "all", "onMiss": "reject"});
    let pin = AdmissionSettings::parse(&pin).expect("these are settings");
    let now = Some(Timestamp::from_seconds(1_800_000_000));
    for settings in [AdmissionSettings::default(), pin] {
        let there = || Ok(CacheSource::Text(CACHES.to_vec()));
        let absent = || Err(CachesUnavailable("they are not there".to_owned()));
        if let Ok(answer) = review(&request, &settings, there, now) {
            assert_eq!(answer["response"]["uid"], request["request"]["uid"]);
            assert!(answer["response"]["allowed"].is_boolean());
        }
        for verdict in [
            decide(&request, &settings, there, now),
            decide(&request, &settings, absent, now),
        ] {
            assert!(verdict.causes.len() <= MAX_CAUSES);
            for operation in &verdict.patch {
                let operation = serde_json::to_value(operation).expect("it is an operation");
                let path = operation["path"].as_str().unwrap_or_default();
                assert!(path.starts_with("/metadata"), "{operation}");
            }
        }
    }
});
