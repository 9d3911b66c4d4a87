//! Our own client against the simulated cloud: the whole script, and every fault, without losing or doubling a cache.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use imagecache::eci::request::*;
use imagecache::eci::signature::{Credential, Scheme};
use imagecache_eci::{Client, Credentials};
use imagecache_simulator::cloud::faults::Faults;
use imagecache_simulator::cloud::{Clock, Config, Entry, Log};

use crate::gateway::{Server, serve};
use crate::{NGINX, REGION, create, names};

fn client(server: &Server, scheme: Scheme) -> Client {
    let config = imagecache_eci::Config {
        scheme,
        attempts: 12,
        rate: 0.0,
        ..imagecache_eci::Config::new(format!("http://{}", server.address).parse().unwrap())
    };
    let credential = Credential {
        access_key_id: "testid".to_owned(),
        access_key_secret: "testsecret".into(),
        security_token: None,
        provider: "static_ak",
    };
    Client::new(config, Credentials::fixed(credential)).unwrap()
}

#[tokio::test]
async fn client_manages_a_cache_with_both_signatures() {
    let (clock, hand) = Clock::stepped("2026-01-18T03:18:02Z".parse().unwrap());
    let server = serve(Config {
        clock,
        ..Config::default()
    })
    .await;
    for scheme in [Scheme::V1, Scheme::V3] {
        let client = client(&server, scheme);
        let call = CreateImageCache {
            tag: vec![Tag {
                key: "k =&".into(),
                value: Some("镜 ~*+/".into()),
            }],
            ..create("base", &[NGINX])
        };
        let id = client.call(&call).await.unwrap().image_cache_id;
        let by_id = || DescribeImageCaches {
            region_id: REGION.into(),
            image_cache_id: Some(id.clone()),
            ..Default::default()
        };
        let status = async || -> Vec<String> {
            let caches: Vec<_> = client.caches(by_id()).try_collect().await.unwrap();
            caches
                .iter()
                .map(|cache| cache.status.as_str().to_owned())
                .collect()
        };
        assert_eq!(status().await, ["Preparing"]);
        hand.pass(10);
        assert_eq!(status().await, ["Creating"]);
        hand.pass(100);
        assert_eq!(status().await, ["Ready"]);
        let update = UpdateImageCache {
            region_id: REGION.into(),
            image_cache_id: id.clone(),
            image: vec!["busybox".into()],
            ..Default::default()
        };
        client.call(&update).await.unwrap();
        assert_eq!(status().await, ["Updating"]);
        hand.pass(100);
        assert_eq!(status().await, ["Ready"]);
        let refused = client.call(&update).await.unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "NoNeedUpdate");
        let delete = DeleteImageCache {
            region_id: REGION.into(),
            image_cache_id: id.clone(),
            ..Default::default()
        };
        client.call(&delete).await.unwrap();
        assert!(status().await.is_empty());
    }
}

/// Each fault alone, then all of them at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn injected_failures_lose_or_double_no_cache() {
    let each = [
        "{fault: lost-reply, chance: 0.4}",
        "{fault: half-body, chance: 0.4}",
        "{fault: html-page, chance: 0.4}",
        "{fault: refuse, chance: 0.4}",
        "{fault: error, code: InternalError, chance: 0.4}",
        "{fault: error, code: ServiceUnavailable, chance: 0.4}",
        "{fault: throttle, milliseconds: 5, chance: 0.4}",
        "{fault: delay, milliseconds: 5, chance: 0.4}",
    ];
    let mut runs: Vec<String> = each.iter().map(|fault| (*fault).to_owned()).collect();
    runs.push(each.map(|fault| fault.replace("0.4", "0.06")).join(", "));
    let runs = runs.into_iter().map(|faults| tokio::spawn(run(faults)));
    for run in futures_util::future::join_all(runs).await {
        run.unwrap();
    }
}

async fn run(faults: String) {
    let seen: Arc<Mutex<Vec<Entry>>> = Arc::default();
    let log = seen.clone();
    let server = serve(Config {
        faults: Faults::read(&format!("seed: 7\nfaults: [{faults}]")).unwrap(),
        log: Some(Log::new(move |entry| {
            log.lock().unwrap().push(entry.clone())
        })),
        ..Config::default()
    })
    .await;
    let client = client(&server, Scheme::V3);
    let expected: Vec<String> = (0..10).map(|number| format!("cache-{number}")).collect();
    let mut ids = Vec::new();
    for name in &expected {
        let made = client.call(&create(name, &[NGINX])).await;
        ids.push(
            made.unwrap_or_else(|error| panic!("{faults}: {error}"))
                .image_cache_id,
        );
    }
    assert_eq!(names(&server.cloud), expected, "{faults}");
    let all = DescribeImageCaches {
        region_id: REGION.into(),
        limit: Some(3),
        ..Default::default()
    };
    let listed: Vec<_> = client.caches(all).try_collect().await.unwrap();
    let mut listed: Vec<_> = listed
        .into_iter()
        .map(|cache| cache.image_cache_id)
        .collect();
    listed.sort();
    ids.sort();
    assert_eq!(listed, ids, "{faults}");
    for id in &ids {
        let delete = DeleteImageCache {
            region_id: REGION.into(),
            image_cache_id: id.clone(),
            ..Default::default()
        };
        client.call(&delete).await.unwrap();
    }
    assert!(names(&server.cloud).is_empty());
    let seen = seen.lock().unwrap();
    let met = seen
        .iter()
        .filter(|entry| entry.status != 200 || entry.outcome.contains('['))
        .count();
    assert!(met > 0, "no fault was met: {faults}");
}

#[tokio::test]
async fn call_without_response_ends_at_its_deadline() {
    let server = serve(Config {
        faults: Faults::read("faults: [{fault: delay, milliseconds: 60000}]").unwrap(),
        ..Config::default()
    })
    .await;
    let config = imagecache_eci::Config {
        deadline: Duration::from_millis(300),
        attempt_time: Duration::from_millis(100),
        ..imagecache_eci::Config::new(format!("http://{}", server.address).parse().unwrap())
    };
    let credential = Credential {
        access_key_id: "testid".to_owned(),
        access_key_secret: "testsecret".into(),
        security_token: None,
        provider: "static_ak",
    };
    let client = Client::new(config, Credentials::fixed(credential)).unwrap();
    let error = client
        .call(&create("base", &[NGINX]))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("CreateImageCache: no answer within "),
        "{error}"
    );
}
