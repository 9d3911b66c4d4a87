use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use imagecache::eci::error::ErrorCode;
use imagecache::eci::request::{
    CreateImageCache, DescribeImageCaches, ImageRegistryCredential, ListUsage,
};
use imagecache::eci::signature::{Credential, Scheme};
use imagecache_eci::{Client, Config, Credentials, Error};
use serde_json::json;

use crate::loopback::{Reply, Seen, Server, Still, ok, refusal};

fn credential() -> Credential {
    Credential {
        access_key_id: "testid".to_owned(),
        access_key_secret: "testsecret".into(),
        security_token: None,
        provider: "static_ak",
    }
}

fn config(server: &Server, environment: &Arc<Still>) -> Config {
    Config {
        environment: environment.clone(),
        attempt_time: Duration::from_secs(5),
        ..Config::new(server.address.parse().unwrap())
    }
}

fn client(server: &Server, environment: &Arc<Still>) -> Client {
    Client::new(
        config(server, environment),
        Credentials::fixed(credential()),
    )
    .unwrap()
}

fn create() -> CreateImageCache {
    CreateImageCache {
        region_id: "cn-hangzhou".into(),
        image_cache_name: "base cache *".into(),
        image: vec!["registry.example.com/demo/nginx:1.27".into()],
        image_registry_credential: vec![ImageRegistryCredential {
            server: Some("registry.example.com".into()),
            user_name: Some("robot".into()),
            password: Some("p=w ~*+/".into()),
        }],
        ..Default::default()
    }
}

fn usage() -> ListUsage {
    ListUsage {
        region_id: "cn-hangzhou".into(),
    }
}

fn made() -> Reply {
    ok(json!({"RequestId": "R", "ImageCacheId": "imc-1", "ContainerGroupId": "eci-1"}))
}

/// Every request is signed by the test's key with a nonce of its own; all carry the same `ClientToken`, which is
/// returned.
fn check_attempts(seen: &[Seen]) -> String {
    let mut nonces = BTreeSet::new();
    let mut tokens = BTreeSet::new();
    for request in seen {
        let received = request.received().unwrap();
        received.verify(&"testsecret".into()).unwrap();
        assert!(nonces.insert(received.nonce.clone()), "{}", received.nonce);
        tokens.extend(received.params.get("ClientToken").map(str::to_owned));
    }
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    tokens.into_iter().next().unwrap()
}

#[tokio::test]
async fn attempts_have_new_nonces_and_the_same_client_token() {
    let faults = vec![
        refusal(400, "Throttling.User"),
        refusal(503, "ServiceUnavailable"),
        Reply::Close,
        Reply::Half(r#"{"ImageCacheId": "imc-1"}"#.into()),
        made(),
    ];
    for scheme in [Scheme::V3, Scheme::V1] {
        let (server, environment) = (Server::script(faults.clone()).await, Still::new());
        let config = Config {
            scheme,
            ..config(&server, &environment)
        };
        let client = Client::new(config, Credentials::fixed(credential())).unwrap();
        let made = client.call(&create()).await.unwrap();
        assert_eq!(made.image_cache_id, "imc-1");
        let seen = server.seen();
        assert_eq!(seen.len(), 5);
        let token = check_attempts(&seen);
        assert_eq!(token.len(), 36);
        for request in &seen {
            assert_eq!(request.received().unwrap().scheme, scheme);
            assert!(request.target.contains("Password") == (scheme == Scheme::V3));
        }
        assert_eq!(environment.slept().len(), 4);
    }
}

#[tokio::test]
async fn client_token_of_caller_is_kept_and_reads_have_none() {
    let server = Server::script(vec![made(), ok(json!({"Attributes": {}}))]).await;
    let client = client(&server, &Still::new());
    let mine = CreateImageCache {
        client_token: Some("mine".into()),
        ..create()
    };
    client.call(&mine).await.unwrap();
    client.call(&usage()).await.unwrap();
    let seen = server.seen();
    assert_eq!(check_attempts(&seen[..1]), "mine");
    assert_eq!(seen[1].target, "/?RegionId=cn-hangzhou");
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let hint = |millis: &str| {
        let body = json!({"Code": "Throttling.User", "Message": "slow"}).to_string();
        Reply::Answer(400, vec![("x-acs-retry-after", millis.to_owned())], body)
    };
    let server = Server::script(vec![hint("7000"), hint("soon"), hint("0"), made()]).await;
    let environment = Still::new();
    client(&server, &environment).call(&create()).await.unwrap();
    let slept = environment.slept();
    assert!(
        (Duration::from_secs(7)..Duration::from_millis(8751)).contains(&slept[0]),
        "{slept:?}"
    );
    // hints that say nothing are none: the pause doubles from one second, half of it by chance
    assert!((1.0..=2.0).contains(&slept[1].as_secs_f64()), "{slept:?}");
    assert!((2.0..=4.0).contains(&slept[2].as_secs_f64()), "{slept:?}");
}

#[tokio::test]
async fn permanent_error_is_not_retried() {
    for (status, code) in [
        (403, "QuotaExceeded"),
        (400, "IdempotentParameterMismatch"),
        (400, "MissingImageCacheName"),
        (404, "InvalidAccessKeyId.NotFound"),
        (400, "InvalidSecurityToken.Expired"), // a fixed credential cannot be renewed
        (418, "Brand.New"),
    ] {
        let server = Server::script(vec![refusal(status, code)]).await;
        let error = client(&server, &Still::new())
            .call(&create())
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(&ErrorCode::from(code)));
        assert_eq!(server.seen().len(), 1, "{code}");
        assert_eq!(
            error.to_string(),
            format!("CreateImageCache: {code}: no (request R1), HTTP status {status}")
        );
    }
}

#[tokio::test]
async fn proxy_page_is_retried_only_for_server_errors() {
    let page = |status| Reply::Answer(status, vec![], "<html>Bad Gateway</html>".into());
    for (status, attempts) in [(502, 5), (429, 5), (403, 1), (302, 1)] {
        let server = Server::script(vec![page(status)]).await;
        let error = client(&server, &Still::new())
            .call(&usage())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Lost { .. }), "{error}");
        assert_eq!(server.seen().len(), attempts, "{status}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn silence_ends_with_the_time_for_an_attempt() {
    let server = Server::script(vec![Reply::Silence, made()]).await;
    let config = Config {
        attempt_time: Duration::from_millis(100),
        ..config(&server, &Still::new())
    };
    let client = Client::new(config, Credentials::fixed(credential())).unwrap();
    client.call(&create()).await.unwrap();
    check_attempts(&server.seen());
    let server = Server::script(vec![Reply::Silence]).await;
    let config = Config {
        attempt_time: Duration::from_millis(20),
        attempts: 2,
        ..self::config(&server, &Still::new())
    };
    let client = Client::new(config, Credentials::fixed(credential())).unwrap();
    let error = client.call(&create()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "CreateImageCache: no answer within 20ms, after 2 attempts"
    );
}

#[tokio::test]
async fn call_never_waits_past_the_deadline() {
    let later = json!({"Code": "Throttling", "Message": "slow"}).to_string();
    let later = Reply::Answer(400, vec![("x-acs-retry-after", "50000".into())], later);
    let (server, environment) = (Server::script(vec![later]).await, Still::new());
    let error = client(&server, &environment)
        .call(&usage())
        .await
        .unwrap_err();
    // 50 s and a bit fit into the 60 s once
    assert_eq!(error.code(), Some(&ErrorCode::Throttling));
    assert_eq!(server.seen().len(), 2);
    let closed = "http://127.0.0.1:1".parse().unwrap();
    let config = Config {
        environment: Still::new(),
        ..Config::new(closed)
    };
    let client = Client::new(config, Credentials::fixed(credential())).unwrap();
    let error = client.call(&usage()).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn calls_wait_their_turn() {
    let (server, environment) = (
        Server::script(vec![ok(json!({"Attributes": {}}))]).await,
        Still::new(),
    );
    let config = Config {
        rate: 2.0,
        burst: 2,
        deadline: Duration::from_millis(600),
        ..config(&server, &environment)
    };
    let client = Client::new(config, Credentials::fixed(credential())).unwrap();
    for _ in 0..4 {
        client.call(&usage()).await.unwrap();
    }
    assert_eq!(environment.slept(), [Duration::from_millis(500); 2]);
    let config = Config {
        rate: 0.01,
        burst: 1,
        ..self::config(&server, &environment)
    };
    let client = Client::new(config, Credentials::fixed(credential())).unwrap();
    client.call(&usage()).await.unwrap();
    let error = client.call(&usage()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ListUsage: the rate limit did not allow it within 60s"
    );
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::script(vec![ok(json!({"Attributes": {}}))]).await;
    let client = client(&server, &Still::new());
    for _ in 0..10 {
        client.clone().call(&usage()).await.unwrap();
    }
    assert_eq!(server.seen().len(), 10);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn pages_follow_one_another_until_the_last() {
    let server = Server::start(|_, request| {
        let received = request.received().unwrap();
        let page: usize = received
            .params
            .get("NextToken")
            .map_or(0, |token| token.parse().unwrap());
        assert_eq!(received.params.get("Limit"), Some("2"));
        let caches: Vec<_> = (page * 2..(page * 2 + 2).min(5))
            .map(|n| json!({"ImageCacheId": format!("imc-{n}"), "Status": "Ready"}))
            .collect();
        let next = if page < 2 {
            (page + 1).to_string()
        } else {
            String::new()
        };
        ok(json!({"TotalCount": 5, "NextToken": next, "ImageCaches": caches}))
    })
    .await;
    let all = DescribeImageCaches {
        region_id: "cn-hangzhou".into(),
        limit: Some(2),
        ..Default::default()
    };
    let client = client(&server, &Still::new());
    let caches: Vec<_> = client.caches(all.clone()).try_collect().await.unwrap();
    let ids: Vec<_> = caches.iter().map(|cache| &cache.image_cache_id).collect();
    assert_eq!(ids, ["imc-0", "imc-1", "imc-2", "imc-3", "imc-4"]);
    // who wants one page asks for one
    let first = Box::pin(client.pages(all)).try_next().await.unwrap();
    assert_eq!(first.unwrap().image_caches.len(), 2);
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn list_ends_at_repeated_token_or_failed_page() {
    let page = json!({"NextToken": "again", "ImageCaches": []});
    let server = Server::script(vec![ok(page.clone())]).await;
    let pages = client(&server, &Still::new()).pages(DescribeImageCaches::default());
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    assert_eq!(pages.len(), 2);
    let server = Server::script(vec![ok(page), refusal(403, "NoPermission")]).await;
    let pages = client(&server, &Still::new()).pages(DescribeImageCaches::default());
    let error = pages.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.code(), Some(&ErrorCode::NoPermission));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let long = json!({"Attributes": {"x": "y".repeat(9 << 20)}});
    let server = Server::script(vec![ok(long)]).await;
    let error = client(&server, &Still::new())
        .call(&usage())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "ListUsage: an answer of more than 8388608 bytes"
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_client_shows_no_secret() {
    let server = Server::script(vec![refusal(400, "SignatureDoesNotMatch")]).await;
    let client = client(&server, &Still::new());
    let prepared = client.prepare(&create()).await.unwrap();
    let error = client.call(&create()).await.unwrap_err();
    let shown = format!("{client:?} {prepared} {prepared:?} {error} {error:?}");
    for secret in ["testsecret", "p=w", "p%3Dw"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(server.seen().len(), 1);
}

/// The requests of this client, V1 and V3, checked by a verifier that shares no code with it.
#[tokio::test]
async fn an_independent_verifier_accepts_every_request() {
    let server = Server::script(vec![refusal(503, "ServiceUnavailable"), made()]).await;
    let token = Credential {
        security_token: Some("sts+token/=".into()),
        provider: "static_sts",
        ..credential()
    };
    for credential in [credential(), token] {
        for scheme in [Scheme::V3, Scheme::V1] {
            let config = Config {
                scheme,
                ..config(&server, &Still::new())
            };
            let client = Client::new(config, Credentials::fixed(credential.clone())).unwrap();
            let odd = CreateImageCache {
                image_cache_name: "镜像 +%&=*~/".into(),
                ..create()
            };
            client.call(&odd).await.unwrap();
            client
                .call(&DescribeImageCaches::default())
                .await
                .unwrap_or_default();
        }
    }
    let lines: Vec<String> = server
        .seen()
        .iter()
        .map(|seen| {
            json!({"method": seen.method, "path": seen.target, "headers": seen.headers, "body": seen.body})
                .to_string()
        })
        .collect();
    assert!(lines.len() >= 9, "{}", lines.len());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_signatures.py");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines.join("\n")).unwrap();
    let output = std::process::Command::new("python3")
        .args([script.as_ref(), file.path().as_os_str()])
        .output()
        .expect("python3 runs the independent verifier");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}");
    assert_eq!(
        printed.trim(),
        format!("{} verified, 0 failed", lines.len())
    );
}
