//! What changes while the webhook runs: certificates, settings, its own end.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use imagecache::time::Timestamp;
use imagecache_controller::webhook::{Caches, Certificate, Policy, SelfSigned, Webhook};
use serde_json::json;

use crate::answers::{pod, review};
use crate::server::{Client, Server, localhost, now};

fn write(folder: &Path, made: &SelfSigned) {
    fs::write(folder.join("tls.crt"), &made.certificate).unwrap();
    fs::write(folder.join("tls.key"), &made.key).unwrap();
}

#[tokio::test]
async fn certificate_reload_drops_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (localhost(), localhost());
    write(folder.path(), &first);
    let files = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
    let [chain, key] = files.clone();
    let certificate = Certificate::open(chain, key, Duration::ZERO).unwrap();
    let policy = Policy::fixed(&Default::default());
    let webhook = Webhook::new(policy, Caches::never("not listed"), certificate, now);
    let server = Server::run(webhook.unwrap(), first.authority.clone(), None).await;

    let mut old = server.connect().await;
    assert_eq!(old.send("GET", "/healthz", None, "").await.status, 200);

    // Half of a change: the key of the new one is not there yet, so the old one stays.
    fs::write(&files[0], &second.certificate).unwrap();
    assert_eq!(server.connect().await.certificate, old.certificate);
    fs::write(&files[1], &second.key).unwrap();

    // While the hourly look at the certificate reads the files, connections still get the old one.
    let mut attempts = 0;
    let new = loop {
        match Client::connect(server.address, &second.authority).await {
            Ok(new) => break new,
            Err(error) => assert!(attempts < 500, "{error}"),
        }
        attempts += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_ne!(new.certificate, old.certificate);
    assert!(
        Client::connect(server.address, &first.authority)
            .await
            .is_err()
    );
    assert_eq!(old.send("GET", "/healthz", None, "").await.status, 200);

    // An invalid certificate or a missing file changes nothing.
    fs::write(&files[0], "nonsense").unwrap();
    fs::remove_file(&files[1]).unwrap();
    let same = Client::connect(server.address, &second.authority)
        .await
        .unwrap();
    assert_eq!(same.certificate, new.certificate);
}

#[test]
fn invalid_certificates_are_refused_without_showing_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (localhost(), localhost());
    let open = || {
        let file = |name| folder.path().join(name);
        Certificate::open(file("tls.crt"), file("tls.key"), Duration::ZERO)
            .unwrap_err()
            .to_string()
    };
    assert!(open().contains("tls.crt: cannot be read: "), "{}", open());
    for (certificate, key, said) in [
        ("", one.key.as_str(), "missing `BEGIN CERTIFICATE`"),
        (&one.certificate, "", "the private key cannot be read"),
        (
            &one.certificate,
            &one.certificate,
            "the private key cannot be read",
        ),
        (
            &one.certificate,
            &other.key,
            "the certificate and the private key: keys may not be consistent: KeyMismatch",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
            &one.key,
            "the certificate cannot be read",
        ),
    ] {
        fs::write(folder.path().join("tls.crt"), certificate).unwrap();
        fs::write(folder.path().join("tls.key"), key).unwrap();
        let fault = open();
        assert!(fault.contains(said), "{fault}");
        let secret = one.key.lines().nth(1).unwrap();
        assert!(
            !fault.contains(secret) && !fault.contains("PRIVATE"),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn settings_reload_keeps_the_old_ones_if_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.yaml");
    fs::write(&path, "levels: {IC025: warning}\n").unwrap();
    let policy = Policy::open(path.clone(), Duration::ZERO).unwrap();
    let server = Server::start(policy, Caches::never("not listed"), now, None).await;
    let cache = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "base"},
        "spec": {"images": ["nginx:latest"], "retentionDays": 7},
    });
    let allowed = async || {
        let answer = server.post("/validate", review("ImageCache", &cache)).await;
        answer.json()["response"]["allowed"].as_bool().unwrap()
    };
    assert!(allowed().await);
    fs::write(&path, "levels: {IC025: error}\n").unwrap();
    assert!(!allowed().await);
    fs::write(&path, "levels: {IC025: hm}\nmoed: pin\n").unwrap();
    assert!(!allowed().await);
    let fault = Policy::open(path.clone(), Duration::ZERO)
        .unwrap_err()
        .to_string();
    assert!(
        fault.contains("settings.yaml: levels[IC025]: ") && fault.contains("; moed: unknown field"),
        "{fault}"
    );
    fs::write(&path, "").unwrap();
    assert!(allowed().await);
}

/// A core that thinks for long: its clock is slow to answer.
fn slow() -> Timestamp {
    std::thread::sleep(Duration::from_millis(1500));
    now()
}

#[tokio::test]
async fn review_beyond_half_the_timeout_fails() {
    let policy = Policy::fixed(&Default::default());
    let server = Server::start(policy, Caches::never("not listed"), slow, None).await;
    let start = Instant::now();
    let answer = server
        .post("/validate?timeout=1s", review("Pod", &pod(&["nginx:1.27"])))
        .await;
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(answer.status, 504);
    let message = answer.json()["message"].clone();
    assert_eq!(
        message,
        "no answer within 0.5 s, half of the time that the API server gives"
    );
    let metrics = server.get("/metrics").await.text;
    assert!(
        metrics.contains("reviews_total{webhook=\"validate\",outcome=\"late\"} 1"),
        "{metrics}"
    );
    // With enough time the same is answered.
    let answer = server
        .post(
            "/validate?timeout=10s",
            review("Pod", &pod(&["nginx:1.27"])),
        )
        .await;
    assert_eq!(answer.json()["response"]["allowed"], true);
}

#[tokio::test]
async fn a_review_under_way_is_answered_before_the_end() {
    let policy = Policy::fixed(&Default::default());
    let server = Server::start(policy, Caches::never("not listed"), slow, None).await;
    let mut client = server.connect().await;
    let body = review("Pod", &pod(&["nginx:1.27"])).to_string();
    let under_way = tokio::spawn(async move {
        client
            .send("POST", "/validate", Some("application/json"), body)
            .await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.stop.cancel();
    assert_eq!(under_way.await.unwrap().json()["response"]["allowed"], true);
    tokio::time::timeout(Duration::from_secs(5), server.ended)
        .await
        .unwrap()
        .unwrap();
    assert!(
        Client::connect(server.address, &server.authority)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn webhook_answers_probes_and_metrics() {
    let server = Server::start(
        Policy::fixed(&Default::default()),
        Caches::default(),
        now,
        None,
    )
    .await;
    let answer = server.get("/healthz").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (200, "ok\n")
    );
    let answer = server.get("/readyz").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (503, "they have not been listed yet\n")
    );
    server
        .post("/validate", review("Pod", &pod(&["nginx:1.27"])))
        .await;
    server.post("/validate", "nonsense").await;
    let answer = server.get("/metrics").await;
    assert!(
        answer
            .content_type
            .starts_with("application/openmetrics-text")
    );
    for line in [
        "# TYPE imagecache_webhook_reviews counter",
        "imagecache_webhook_reviews_total{webhook=\"validate\",outcome=\"allowed\"} 1",
        "imagecache_webhook_reviews_total{webhook=\"validate\",outcome=\"unreadable\"} 1",
        "imagecache_webhook_review_seconds_count 2",
        "imagecache_webhook_caches 0",
        "# EOF",
    ] {
        assert!(answer.text.contains(line), "{line}: {}", answer.text);
    }
}
