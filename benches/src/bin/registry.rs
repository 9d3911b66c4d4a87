//! How long the registry client takes for 500 images, each of its own repository, with a token for each, from a registry
//! on loopback that takes 20 ms for every answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a broken benchmark panics

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use imagecache::registry::{RegistryAnswer, RegistryAsk};
use imagecache_registry::{Client, Depth, Logins, Options};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

const IMAGES: usize = 500;
const LATENCY: Duration = Duration::from_millis(20);

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}

fn part(kind: &str, bytes: &[u8]) -> Value {
    let media_type = format!("application/vnd.oci.image.{kind}");
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// The documents of each image by path: the index under its tag, the manifest under its digest.
fn documents() -> BTreeMap<String, Vec<u8>> {
    let mut documents = BTreeMap::new();
    for number in 0..IMAGES {
        let config = part("config.v1+json", format!("{number}").as_bytes());
        let layer = part("layer.v1.tar+gzip", b"layer");
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
        let manifest = manifest.to_string().into_bytes();
        let mut described = part("manifest.v1+json", &manifest);
        described["platform"] = json!({"os": "linux", "architecture": "amd64"});
        let index = json!({"schemaVersion": 2, "manifests": [described]});
        let folder = format!("/v2/team/app-{number}/manifests");
        documents.insert(format!("{folder}/{}", digest(&manifest)), manifest);
        documents.insert(format!("{folder}/1"), index.to_string().into_bytes());
    }
    documents
}

fn answer(
    documents: &BTreeMap<String, Vec<u8>>,
    request: &Request<Incoming>,
    host: &str,
) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if path == "/token" {
        return Response::new(Full::from(r#"{"token": "t", "expires_in": 300}"#));
    }
    if request.headers().get("authorization").is_none() {
        let repository = path
            .trim_start_matches("/v2/")
            .split("/manifests")
            .next()
            .unwrap();
        let challenge = format!(
            r#"Bearer realm="http://{host}/token",service="s",scope="repository:{repository}:pull""#
        );
        let refused = Response::builder()
            .status(401)
            .header("www-authenticate", challenge);
        return refused.body(Full::default()).unwrap();
    }
    let document = &documents[path];
    let found = Response::builder().header("docker-content-digest", digest(document));
    let body = if request.method() == "HEAD" {
        Vec::new()
    } else {
        document.clone()
    };
    found.body(Full::from(body)).unwrap()
}

#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (documents, requests) = (Arc::new(documents()), Arc::new(AtomicUsize::new(0)));
    let (server_host, counted) = (host.clone(), Arc::clone(&requests));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (documents, host) = (Arc::clone(&documents), server_host.clone());
            let counted = Arc::clone(&counted);
            let service = service_fn(move |request: Request<Incoming>| {
                counted.fetch_add(1, Ordering::Relaxed);
                let response = answer(&documents, &request, &host);
                async move {
                    tokio::time::sleep(LATENCY).await;
                    Ok::<_, Infallible>(response)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    for (depth, name) in [
        (Depth::Digest, "digest"),
        (Depth::Platforms, "digest, platforms and size"),
    ] {
        let client = Client::new(Options::default()).unwrap();
        let logins = Logins::default();
        let platform: imagecache::registry::ImagePlatform = "linux/amd64".parse().unwrap();
        let asks = (0..IMAGES).map(|number| {
            RegistryAsk::new(&format!("{host}/team/app-{number}:1"), platform.clone())
        });
        let (start, mut found) = (Instant::now(), 0);
        requests.store(0, Ordering::Relaxed);
        let count = |_, answer| found += usize::from(matches!(answer, RegistryAnswer::Image(_)));
        client.all(asks, depth, |_| &logins, count).await;
        assert_eq!(found, IMAGES);
        println!(
            "{name} of {IMAGES} images: {:.2} s, {} requests of {} ms",
            start.elapsed().as_secs_f64(),
            requests.load(Ordering::Relaxed),
            LATENCY.as_millis()
        );
    }
}
