//! The controller with many ImageCaches, between an API server and the ECI simulator in the same process: how long until
//! all are ready, how many requests that takes, and what one look at rest costs.
//!
//! `cargo run --release -p imagecache-bench --bin sync-scale -- 10000` prints rows of a table.
#![allow(clippy::unwrap_used)] // a benchmark fails by panicking

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use imagecache::eci::signature::Credential;
use imagecache::resource::kube::ImageCacheObject;
use imagecache_apiserver::cluster::Cluster;
use imagecache_controller::controller::{Config, Controller};
use imagecache_eci::Credentials;
use imagecache_simulator::cloud::world::{Quotas, Settings};
use imagecache_simulator::cloud::{self, Clock, Cloud, Log};
use kube::api::{Api, PostParams};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const REGION: &str = "cn-hangzhou";

/// What the process holds in memory, in MiB; 0 where the system does not report it.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

#[tokio::main]
async fn main() {
    let count: usize = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000);
    let stop = CancellationToken::new();
    let cluster = Cluster::open(imagecache_simulator::cluster::config(None, None))
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn({
        let (cluster, stop) = (cluster.clone(), stop.clone());
        async move { cluster.serve(listener, stop).await }
    });
    let (clock, hand) = Clock::stepped("2026-01-18T13:40:56Z".parse().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let cloud = Cloud::open(cloud::Config {
        clock,
        settings: Settings {
            quotas: Quotas {
                caches: count,
                ..Quotas::default()
            },
            ..Settings::default()
        },
        log: Some(Log::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        })),
        ..cloud::Config::default()
    })
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn({
        let (cloud, stop) = (cloud.clone(), stop.clone());
        async move { cloud.serve(listener, stop).await }
    });
    let client = kube::Client::try_from(kube::Config::new(server.parse().unwrap())).unwrap();
    let api: Api<ImageCacheObject> = Api::all(client.clone());
    for number in 0..count {
        let object = json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": format!("cache-{number}")}, "spec": {"images": [format!("nginx:{number}")]},
        });
        let object: ImageCacheObject = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
    }
    let before = resident_mib();
    let (version, begun) = (cluster.store().version(), Instant::now());

    let mut eci = imagecache_eci::Config::new(endpoint.parse().unwrap());
    (eci.rate, eci.burst) = (1e6, 1000);
    let credentials = Credentials::fixed(Credential {
        access_key_id: "testid".to_owned(),
        access_key_secret: "testsecret".into(),
        security_token: None,
        provider: "static_ak",
    });
    let mut config = Config::new(REGION);
    config.rest = Duration::from_secs(5);
    let eci = imagecache_eci::Client::new(eci, credentials).unwrap();
    let controller = Controller::new(client, eci, config);
    let work = tokio::spawn({
        let (controller, stop) = (controller.clone(), stop.clone());
        async move { controller.run(None, stop).await }
    });
    let ready = || {
        let text = controller.metrics();
        let value = |name: &str| -> usize {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
                .unwrap_or(0)
        };
        (
            value("imagecache_sync_ready "),
            value("imagecache_sync_listings_total "),
        )
    };
    let mut made = None;
    while ready().0 < count {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if made.is_none() && calls.load(Ordering::Relaxed) >= count {
            made = Some(begun.elapsed());
        }
        hand.pass(30);
    }
    let all = begun.elapsed();
    println!(
        "| {count} ImageCaches, all asked for | {:.1} s |",
        made.unwrap_or(all).as_secs_f64()
    );
    println!(
        "| {count} ImageCaches, all ready | {:.1} s |",
        all.as_secs_f64()
    );
    println!(
        "| writes to the cluster, an object | {:.2} |",
        (cluster.store().version() - version) as f64 / count as f64
    );
    println!(
        "| calls of ECI, an object | {:.2} |",
        calls.load(Ordering::Relaxed) as f64 / count as f64
    );
    println!(
        "| memory of controller, cluster and cloud in one process, above the objects' own | {} MiB |",
        resident_mib() - before
    );

    // at rest: from the end of one listing to the end of the next but one
    tokio::time::sleep(Duration::from_secs(6)).await;
    let listed = async |times: usize| {
        let from = ready().1;
        while ready().1 < from + times {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    listed(1).await;
    let (version, first) = (cluster.store().version(), calls.load(Ordering::Relaxed));
    listed(2).await;
    println!(
        "| writes to the cluster at rest | {} |",
        cluster.store().version() - version
    );
    println!(
        "| calls of ECI a listing at rest | {:.0} |",
        (calls.load(Ordering::Relaxed) - first) as f64 / 2.0
    );
    stop.cancel();
    work.await.unwrap();
}
