//! The client against small registries of these tests: logins, tokens, redirects, pauses, broken answers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use imagecache::registry::{FailureReason, RegistryAnswer, RegistryAsk, RegistryFailure};
use imagecache_registry::{Client, Depth, Logins, Options};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

/// The login of these tests: `robot`, `hunter2-hunter2`.
const BASIC: &str = "Basic cm9ib3Q6aHVudGVyMi1odW50ZXIy";
const PASSWORD: &str = "hunter2-hunter2";

/// What a request looked like: method, path with query, authorization.
type Seen = (String, String, Option<String>);

type Answer = Response<Full<Bytes>>;

/// A server of a test.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                let service = service_fn(move |request: Request<Incoming>| {
                    let header = request.headers().get("authorization");
                    let seen = (
                        request.method().to_string(),
                        request.uri().to_string(),
                        header.map(|value| value.to_str().unwrap().to_owned()),
                    );
                    let response = answer(&seen);
                    log.lock().unwrap().push(seen);
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Server { address, seen }
    }

    fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn logins(&self) -> Logins {
        let auth = BASIC.strip_prefix("Basic ").unwrap();
        let config = json!({"auths": {self.address.to_string(): {"auth": auth}}});
        Logins::of_config(&config.to_string()).unwrap()
    }
}

fn status(code: u16) -> Answer {
    let response = Response::builder().status(code);
    response.body(Full::default()).unwrap()
}

fn with(code: u16, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut response = Response::builder().status(code);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::from(body.to_vec())).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}

fn part(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// Documents of an image for amd64 and arm64: configurations, manifests, and the index last.
fn image() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut manifests = Vec::new();
    for (arch, size) in [("amd64", 1_000), ("arm64", 2_000)] {
        let config = json!({"architecture": arch, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []},
            "history": []})
        .to_string()
        .into_bytes();
        let mut layer = part("application/vnd.oci.image.layer.v1.tar+gzip", b"layer");
        layer["size"] = json!(size);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": part("application/vnd.oci.image.config.v1+json", &config), "layers": [layer]})
            .to_string()
            .into_bytes();
        let mut described = part("application/vnd.oci.image.manifest.v1+json", &manifest);
        described["platform"] = json!({"os": "linux", "architecture": arch});
        manifests.push(described);
        all.extend([config, manifest]);
    }
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests});
    all.push(index.to_string().into_bytes());
    all
}

/// Answers as a registry that holds [`image`] under every name and the tag `1`.
fn registry((method, path, _): &Seen) -> Answer {
    let all = image();
    let reference = path.rsplit('/').next().unwrap();
    let found = match reference {
        "1" => all.last(),
        reference => all.iter().find(|bytes| digest(bytes) == reference),
    };
    match found {
        Some(bytes) => {
            let digest = digest(bytes);
            let body = if method == "HEAD" { &[][..] } else { bytes };
            with(200, &[("docker-content-digest", &digest)], body)
        }
        None => status(404),
    }
}

fn ask(image: &str, platform: &str) -> RegistryAsk {
    RegistryAsk::new(image, platform.parse().unwrap())
}

fn client() -> Client {
    Client::new(Options::default()).unwrap()
}

/// Returns the failure of a question for a digest, which shows no password.
async fn failure(client: &Client, image: &str, logins: &Logins) -> RegistryFailure {
    let failure = client.digest(image, logins).await.unwrap_err();
    assert!(!failure.message.contains(PASSWORD), "{failure}");
    failure
}

#[tokio::test]
async fn image_has_digest_platforms_and_size_of_one() {
    let server = Server::start(registry).await;
    let client = client();
    let none = Logins::default();
    let expected = digest(image().last().unwrap());
    let config = u64::try_from(image()[0].len()).unwrap();
    for (platform, bytes) in [
        ("linux/amd64", Some(config + 1_000)),
        ("linux/arm64", Some(config + 2_000)),
        ("linux/s390x", None),
    ] {
        let found = client
            .image(&ask(&server.image("a/b:1"), platform), &none)
            .await
            .unwrap();
        assert_eq!(
            (found.digest.as_str(), found.bytes),
            (expected.as_str(), bytes)
        );
        assert_eq!(found.platforms.unwrap().len(), 2);
    }
    // By digest: only the document of the question is asked for again, so that the login is tried.
    let before = server.seen().len();
    let one = client
        .image(
            &ask(&server.image(&format!("a/b@{expected}")), "linux/amd64"),
            &none,
        )
        .await;
    assert_eq!(one.unwrap().digest, expected);
    let path = format!("/v2/a/b/manifests/{expected}");
    let seen = server.seen();
    assert_eq!(seen.len(), before + 1);
    assert_eq!(seen[before].1, path);
    assert_eq!(
        client.digest(&server.image("c:1"), &none).await.unwrap(),
        expected
    );
    let head = server.seen().pop().unwrap();
    assert_eq!(
        (head.0.as_str(), head.1.as_str()),
        ("HEAD", "/v2/c/manifests/1")
    );
}

#[tokio::test]
async fn manifest_without_index_has_the_platform_of_its_configuration() {
    let server = Server::start(|seen: &Seen| {
        let all = image();
        match seen.1.rsplit('/').next().unwrap() {
            "1" => with(200, &[], &all[3]),
            _ => registry(seen),
        }
    })
    .await;
    let found = client()
        .image(
            &ask(&server.image("a:1"), "linux/arm64"),
            &Logins::default(),
        )
        .await;
    let found = found.unwrap();
    assert_eq!(found.digest, digest(&image()[3]));
    assert_eq!(
        found.platforms.unwrap()[0].platform.to_string(),
        "linux/arm64"
    );
    assert!(found.bytes.unwrap() > 2_000);
}

#[tokio::test]
async fn token_is_got_with_the_login_and_used_again() {
    let server = Server::start(|seen: &Seen| {
        let (_, path, authorization) = seen;
        if let Some(query) = path.strip_prefix("/token?") {
            return match authorization.as_deref() {
                Some(BASIC) => {
                    let scope = query.split("scope=").nth(1).unwrap();
                    let scope = scope.split('&').next().unwrap();
                    with(
                        200,
                        &[],
                        json!({"token": format!("t-{scope}")})
                            .to_string()
                            .as_bytes(),
                    )
                }
                _ => status(401),
            };
        }
        status(404)
    })
    .await;
    let port = server.address.port();
    let challenge = move |repository: &str| {
        format!(
            r#"Bearer realm="http://127.0.0.1:{port}/token",service="s",scope="repository:{repository}:pull""#
        )
    };
    let front = Server::start(move |seen: &Seen| {
        let (_, path, authorization) = seen;
        let repository = path.split('/').nth(2).unwrap();
        let token = format!("Bearer t-repository%3A{repository}%3Apull");
        match authorization {
            Some(authorization) if *authorization == token => registry(seen),
            _ => with(401, &[("www-authenticate", &challenge(repository))], b""),
        }
    })
    .await;
    let (client, logins) = (client(), front.logins());
    for name in ["a:1", "a:1", "b:1"] {
        client.digest(&front.image(name), &logins).await.unwrap();
    }
    let count = |server: &Server| server.seen().len();
    // One challenge; then the token for the second repository is got before it is asked for.
    assert_eq!((count(&front), count(&server)), (4, 2));
    assert!(server.seen().iter().all(|(_, path, sent)| {
        path.contains("service=s&scope=repository%3A") && sent.as_deref() == Some(BASIC)
    }));

    let refused = failure(&client, &front.image("a:1"), &Logins::default()).await;
    assert_eq!(refused.reason, FailureReason::Unauthorized);
    assert!(refused.message.contains("none is known"), "{refused}");
    let wrong = json!({"auths": {front.address.to_string(): {"username": "robot", "password": format!("{PASSWORD}x")}}});
    let wrong = Logins::of_config(&wrong.to_string()).unwrap();
    let refused = failure(&client, &front.image("a:1"), &wrong).await;
    assert!(refused.message.contains("refuses the login"), "{refused}");
}

#[tokio::test]
async fn basic_login_is_sent_once_it_is_asked_for() {
    let server = Server::start(|seen: &Seen| match seen.2.as_deref() {
        Some(BASIC) => registry(seen),
        _ => with(
            401,
            &[("www-authenticate", r#"Basic realm="r""#)],
            b"hunter2-hunter2",
        ),
    })
    .await;
    let (client, logins) = (client(), server.logins());
    client.digest(&server.image("a:1"), &logins).await.unwrap();
    client.digest(&server.image("b:1"), &logins).await.unwrap();
    let sent: Vec<bool> = server.seen().iter().map(|seen| seen.2.is_some()).collect();
    assert_eq!(sent, [false, true, true]);
    let wrong = Logins::of_config(&format!(
        r#"{{"auths":{{"{}":{{"username":"robot","password":"wrong"}}}}}}"#,
        server.address
    ));
    let refused = failure(&client, &server.image("a:1"), &wrong.unwrap()).await;
    assert_eq!(refused.reason, FailureReason::Unauthorized);
    // A wrong login is sent once.
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn token_service_over_plain_http_elsewhere_is_refused() {
    for realm in [
        "http://auth.example.com/token",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "/token",
    ] {
        let server = Server::start(move |_: &Seen| {
            with(
                401,
                &[("www-authenticate", &format!(r#"Bearer realm="{realm}""#))],
                b"",
            )
        })
        .await;
        let refused = failure(&client(), &server.image("a:1"), &server.logins()).await;
        assert_eq!(refused.reason, FailureReason::Unauthorized, "{realm}");
        assert!(
            refused.message.contains("names a token service"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn redirect_is_followed_without_the_login() {
    let target = Server::start(registry).await;
    let to = target.address;
    let server = Server::start(move |seen: &Seen| match seen.2 {
        None => with(401, &[("www-authenticate", "Basic realm=r")], b""),
        Some(_) => with(307, &[("location", &format!("http://{to}{}", seen.1))], b""),
    })
    .await;
    client()
        .digest(&server.image("a:1"), &server.logins())
        .await
        .unwrap();
    assert_eq!(target.seen()[0].2, None);
    assert!(server.seen()[1].2.is_some());

    for (location, words) in [
        ("http://example.com/v2/", "plain HTTP"),
        ("", "not one"),
        ("ftp://example.com/", "not an HTTPS"),
        ("/v2/a/manifests/1", "on and on"),
    ] {
        let server = Server::start(move |_: &Seen| with(302, &[("location", location)], b"")).await;
        let moved = failure(&client(), &server.image("a:1"), &Logins::default()).await;
        assert_eq!(moved.reason, FailureReason::Moved, "{location}");
        assert!(moved.message.contains(words), "{location}: {moved}");
    }
}

#[tokio::test]
async fn short_pause_is_waited_for_and_a_long_one_fails() {
    let first = Mutex::new(true);
    let server = Server::start(move |seen: &Seen| {
        if std::mem::take(&mut *first.lock().unwrap()) {
            return with(429, &[("retry-after", "1")], b"");
        }
        registry(seen)
    })
    .await;
    let start = Instant::now();
    client()
        .digest(&server.image("a:1"), &Logins::default())
        .await
        .unwrap();
    assert!(start.elapsed() >= Duration::from_millis(990));

    let server = Server::start(|_: &Seen| with(429, &[("retry-after", "3600")], b"")).await;
    let client = client();
    for _ in 0..3 {
        let failed = failure(&client, &server.image("a:1"), &Logins::default()).await;
        assert_eq!(failed.reason, FailureReason::TooManyRequests);
    }
    // It asked for no request, so it gets none.
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn broken_answers_have_their_reason() {
    let none = Logins::default();
    let wrong = format!("sha256:{}", "0".repeat(64));
    let server = Server::start(move |seen: &Seen| match seen.1.split('/').nth(2).unwrap() {
        "missing" => status(404),
        "teapot" => status(418),
        "forbidden" => status(403),
        "other" => with(200, &[("docker-content-digest", &wrong)], b"{}"),
        "large" => with(200, &[], &vec![b' '; (4 << 20) + 1]),
        "page" => with(200, &[("content-type", "text/html")], b"<html>"),
        "challenge" => with(401, &[("www-authenticate", "Negotiate")], b""),
        _ => registry(seen),
    })
    .await;
    let client = client();
    for (name, reason) in [
        ("missing", FailureReason::NotFound),
        ("teapot", FailureReason::Unreachable),
        ("forbidden", FailureReason::Unauthorized),
        ("other", FailureReason::Unreachable),
        ("large", FailureReason::NotAnImage),
        ("page", FailureReason::NotAnImage),
        ("challenge", FailureReason::Unauthorized),
    ] {
        let image = server.image(&format!("{name}:1"));
        let failed = client
            .image(&ask(&image, "linux/amd64"), &none)
            .await
            .unwrap_err();
        assert_eq!(failed.reason, reason, "{name}: {failed}");
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let failed = failure(&client, &format!("{closed}/a:1"), &none).await;
    assert_eq!(failed.reason, FailureReason::Unreachable);
}

#[tokio::test]
async fn mirror_is_asked_first_and_the_registry_after_it() {
    let mirror = Server::start(|seen: &Seen| {
        if seen.1.contains("/only-there/") {
            status(404)
        } else {
            registry(seen)
        }
    })
    .await;
    let server = Server::start(registry).await;
    let mut options = Options::default();
    let (from, to) = (server.address.to_string(), mirror.address.to_string());
    options.mirrors.insert(from, to);
    let client = Client::new(options).unwrap();
    let none = Logins::default();
    client.digest(&server.image("a:1"), &none).await.unwrap();
    assert_eq!((mirror.seen().len(), server.seen().len()), (1, 0));
    client
        .digest(&server.image("only-there:1"), &none)
        .await
        .unwrap();
    assert_eq!((mirror.seen().len(), server.seen().len()), (2, 1));
}

#[tokio::test]
async fn one_failure_leaves_the_other_answers_alone() {
    let server = Server::start(|seen: &Seen| {
        if seen.1.contains("/bad-") {
            status(404)
        } else {
            registry(seen)
        }
    })
    .await;
    let (client, none) = (client(), Logins::default());
    let asks = (0..100).map(|n| {
        let kind = if n % 10 == 0 { "bad" } else { "good" };
        ask(&server.image(&format!("{kind}-{n}:1")), "linux/amd64")
    });
    let (mut found, mut failed) = (0, 0);
    let count = |ask: RegistryAsk, answer| match answer {
        RegistryAnswer::Image(_) => found += 1,
        RegistryAnswer::Failed(failure) => {
            assert_eq!(failure.reason, FailureReason::NotFound);
            assert!(ask.image.contains("bad-"));
            failed += 1;
        }
        _ => panic!("another answer"),
    };
    client.all(asks, Depth::Digest, |_| &none, count).await;
    assert_eq!((found, failed), (90, 10));
    assert_eq!(server.seen().len(), 100);
}
