//! The cloud side by the clock: how many signed requests a second the simulator believes, and what a call of our client
//! costs. `cloud verify` sends no request; `cloud call URL` asks a simulator.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a benchmark that cannot run should say so loudly

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use imagecache::eci::request::{ListUsage, Request as _};
use imagecache::eci::signature::{ApiCall, Credential, Received, Scheme, SignedCall};
use imagecache::time::Timestamp;
use imagecache_eci::{Client, Config, Credentials};
use imagecache_simulator::cloud::gateway::Gateway;

/// Requests that are verified, and calls that are made, for one figure.
const REQUESTS: u32 = 20_000;
const CALLS: u32 = 2_000;
/// Calls at once where a server is to be kept busy.
const AT_ONCE: u32 = 8;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["verify"] => {
            println!("v1 {:.0}", verified(Scheme::V1));
            println!("v3 {:.0}", verified(Scheme::V3));
        }
        ["call", url] => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap();
            println!("call {:.0}", runtime.block_on(one_by_one(url)));
            println!("served {:.0}", runtime.block_on(at_once(url)));
        }
        _ => println!("cloud verify | cloud call URL"),
    }
}

fn credential() -> Credential {
    Credential {
        access_key_id: "testid".to_owned(),
        access_key_secret: "testsecret".into(),
        security_token: None,
        provider: "static_ak",
    }
}

fn usage() -> ListUsage {
    ListUsage {
        region_id: "cn-hangzhou".into(),
    }
}

/// Requests that are read, verified and remembered in a second, in one thread.
fn verified(scheme: Scheme) -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap());
    let (credential, params) = (credential(), usage().to_params());
    let signed = |number: u32| {
        let call = ApiCall {
            action: ListUsage::ACTION,
            version: imagecache::eci::VERSION,
            params: &params,
            host: "127.0.0.1:8080",
            user_agent: "bench/1",
            date: now,
            nonce: &format!("{number:032x}"),
        };
        call.sign(scheme, &credential)
    };
    let requests: Vec<SignedCall> = (0..REQUESTS).map(signed).collect();
    let keys = vec![("testid".to_owned(), "testsecret".into())];
    let mut gateway = Gateway::new(keys, None);
    let start = Instant::now();
    for request in &requests {
        let received = Received::read(&request.as_http()).unwrap();
        gateway.admit(&received, now, Duration::ZERO).unwrap();
    }
    f64::from(REQUESTS) / start.elapsed().as_secs_f64()
}

fn client(url: &str) -> Client {
    let config = Config {
        rate: 0.0,
        ..Config::new(url.parse().unwrap())
    };
    Client::new(config, Credentials::fixed(credential())).unwrap()
}

/// Nanoseconds of a call, one after the other.
async fn one_by_one(url: &str) -> f64 {
    let client = client(url);
    client.call(&usage()).await.unwrap();
    let start = Instant::now();
    for _ in 0..CALLS {
        client.call(&usage()).await.unwrap();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

/// Calls that are answered in a second, some at once.
async fn at_once(url: &str) -> f64 {
    let client = client(url);
    let start = Instant::now();
    let many = (0..AT_ONCE).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..CALLS {
                client.call(&usage()).await.unwrap();
            }
        })
    });
    for task in many.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    f64::from(CALLS * AT_ONCE) / start.elapsed().as_secs_f64()
}
