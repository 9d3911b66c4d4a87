//! What comes in over HTTP without being a good request: each gets its documented error, and nothing changes.

use std::time::Duration;

use imagecache::eci::params::Params;
use imagecache::eci::request::Request as _;
use imagecache::eci::signature::{ApiCall, Credential, Scheme, SignedCall};
use imagecache::time::Timestamp;
use imagecache_simulator::cloud::gateway::Throttle;
use imagecache_simulator::cloud::{Cloud, Config};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{NGINX, create, names};

pub(crate) struct Server {
    pub(crate) cloud: Cloud,
    pub(crate) address: String,
    _stop: tokio_util::sync::DropGuard,
}

pub(crate) async fn serve(config: Config) -> Server {
    let cloud = Cloud::open(config).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    let (served, ended) = (cloud.clone(), stop.clone());
    tokio::spawn(async move { served.serve(listener, ended).await });
    Server {
        cloud,
        address,
        _stop: stop.drop_guard(),
    }
}

/// Sends a request on a connection of its own; status, head and body of the answer, if any came.
pub(crate) async fn send(server: &Server, bytes: &[u8]) -> Option<(u16, String, String)> {
    exchange(server, bytes, false).await
}

/// Sends bytes, and closes the sending side if they are cut off.
async fn exchange(server: &Server, bytes: &[u8], cut: bool) -> Option<(u16, String, String)> {
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    if cut {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("no answer and no end");
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((
        head[9..12].parse().unwrap(),
        head.to_lowercase(),
        body.to_owned(),
    ))
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap())
}

pub(crate) struct Make {
    scheme: Scheme,
    action: &'static str,
    version: &'static str,
    params: Params,
    key: &'static str,
    secret: &'static str,
    date: Timestamp,
    nonce: String,
    host: &'static str,
}

impl Make {
    /// A good request that creates a cache.
    pub(crate) fn good(scheme: Scheme) -> Self {
        Make {
            scheme,
            action: "CreateImageCache",
            version: imagecache::eci::VERSION,
            params: create("forged", &[NGINX]).to_params(),
            key: "testid",
            secret: "testsecret",
            date: now(),
            nonce: uuid::Uuid::new_v4().to_string(),
            host: "localhost",
        }
    }

    fn prepared(&self) -> SignedCall {
        let credential = Credential {
            access_key_id: self.key.into(),
            access_key_secret: self.secret.into(),
            security_token: None,
            provider: "static_ak",
        };
        let call = ApiCall {
            action: self.action,
            version: self.version,
            params: &self.params,
            host: self.host,
            user_agent: "test/1",
            date: self.date,
            nonce: &self.nonce,
        };
        call.sign(self.scheme, &credential)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        raw("POST", &self.prepared())
    }
}

fn raw(method: &str, sent: &SignedCall) -> Vec<u8> {
    let mut text = format!("{method} {} HTTP/1.1\r\nconnection: close\r\n", sent.target);
    for (name, value) in &sent.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!(
        "content-length: {}\r\n\r\n{}",
        sent.body.len(),
        sent.body
    ));
    text.into_bytes()
}

fn code(answer: &(u16, String, String)) -> (u16, String) {
    let body: Value = serde_json::from_str(&answer.2).unwrap_or_else(|_| panic!("{answer:?}"));
    assert!(body["RequestId"].as_str().unwrap().len() == 36, "{body}");
    assert!(
        answer
            .1
            .contains("content-type: application/json;charset=utf-8"),
        "{answer:?}"
    );
    (answer.0, body["Code"].as_str().unwrap_or("-").to_owned())
}

#[tokio::test]
async fn every_bad_request_gets_its_error_and_changes_nothing() {
    let server = serve(Config::default()).await;
    for scheme in [Scheme::V1, Scheme::V3] {
        let good = || Make::good(scheme);
        let unsigned = |target: &str| {
            format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .into_bytes()
        };
        let mut tampered = good().prepared();
        tampered.target = tampered.target.replace("forged", "forget");
        tampered.body = tampered.body.replace("forged", "forget");
        let replayed = good();
        let replay = Make {
            action: "ListUsage",
            ..Make {
                nonce: replayed.nonce.clone(),
                ..good()
            }
        };
        send(
            &server,
            &Make {
                params: Params::from_iter([("RegionId", "cn-beijing")]),
                ..replay
            }
            .bytes(),
        )
        .await
        .unwrap();
        let mut odd_action = good();
        odd_action.action = "DropImageCache";
        let mut long_nonce = good();
        long_nonce.nonce = "n".repeat(129);
        let mut twice = good();
        twice.params.push("ImageCacheName", "other");
        let (bad_v1, bad_v3) = ((400, "MissingAccessKeyId"), (400, "MissingAccessKeyId"));
        for (what, bytes, expected) in [
            (
                "unsigned",
                unsigned("/?Action=CreateImageCache"),
                if scheme == Scheme::V1 { bad_v1 } else { bad_v3 },
            ),
            (
                "not to be decoded",
                unsigned("/?Action=%zz"),
                (400, "InvalidParameter.Format"),
            ),
            (
                "wrong secret",
                Make {
                    secret: "guessed",
                    ..good()
                }
                .bytes(),
                (400, "SignatureDoesNotMatch"),
            ),
            (
                "unknown key",
                Make {
                    key: "nobody",
                    ..good()
                }
                .bytes(),
                (404, "InvalidAccessKeyId.NotFound"),
            ),
            (
                "changed on the way",
                raw("POST", &tampered),
                (400, "SignatureDoesNotMatch"),
            ),
            (
                "other method",
                raw("GET", &good().prepared()),
                (400, "SignatureDoesNotMatch"),
            ),
            (
                "no such method",
                raw("PUT", &good().prepared()),
                (400, "UnsupportedHTTPMethod"),
            ),
            (
                "old",
                Make {
                    date: now().plus(-16 * 60),
                    ..good()
                }
                .bytes(),
                (400, "InvalidTimeStamp.Expired"),
            ),
            (
                "of tomorrow",
                Make {
                    date: now().plus(86_400),
                    ..good()
                }
                .bytes(),
                (400, "InvalidTimeStamp.Expired"),
            ),
            ("replayed", replayed.bytes(), (400, "SignatureNonceUsed")),
            (
                "long nonce",
                long_nonce.bytes(),
                (400, "InvalidParameter.Format"),
            ),
            (
                "no such operation",
                odd_action.bytes(),
                (404, "InvalidAction.NotFound"),
            ),
            (
                "no such version",
                Make {
                    version: "2014-05-26",
                    ..good()
                }
                .bytes(),
                (404, "InvalidApi.NotFound"),
            ),
            (
                "given twice",
                twice.bytes(),
                (400, "InvalidParameter.Format"),
            ),
        ] {
            let answer = send(&server, &bytes)
                .await
                .unwrap_or_else(|| panic!("{what}"));
            let (status, code) = code(&answer);
            assert_eq!((status, code.as_str()), expected, "{what} {scheme:?}");
            assert!(!answer.2.contains("testsecret"));
        }
    }
    assert!(names(&server.cloud).is_empty());
    for scheme in [Scheme::V1, Scheme::V3] {
        let answer = send(&server, &Make::good(scheme).bytes()).await.unwrap();
        assert_eq!(answer.0, 200, "{answer:?}");
    }
    assert_eq!(names(&server.cloud).len(), 2);
}

#[tokio::test]
async fn gateway_invalid_requests_change_nothing() {
    let server = serve(Config::default()).await;
    let mut large = Make::good(Scheme::V1);
    large.params.push("Annotations", "x".repeat(1 << 20));
    let answer = send(&server, &large.bytes()).await.unwrap();
    assert_eq!(code(&answer), (400, "InvalidParameter.Format".to_owned()));
    assert!(
        answer.2.contains("larger than 1048576 bytes"),
        "{}",
        answer.2
    );
    // a URL of that size is refused before its parameters are looked at
    let mut long = Make::good(Scheme::V3);
    long.params.push("Annotations", "x".repeat(100_000));
    assert_eq!(send(&server, &long.bytes()).await.unwrap().0, 414);

    let whole = Make::good(Scheme::V1).bytes();
    for cut in (1..whole.len()).step_by(29).chain([whole.len() - 1]) {
        let answer = exchange(&server, &whole[..cut], true).await;
        assert!(
            answer.as_ref().is_none_or(|(status, ..)| *status == 400),
            "{cut}: {answer:?}"
        );
    }
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        &[0xff; 4096],
    ] {
        let answer = exchange(&server, garbage, true).await;
        assert!(answer.is_none_or(|(status, ..)| status == 400));
    }
    assert!(names(&server.cloud).is_empty());
    assert_eq!(send(&server, &whole).await.unwrap().0, 200);
}

#[tokio::test]
async fn gateway_hosts_are_checked_and_errors_can_be_xml() {
    let server = serve(Config {
        allow_hosts: vec!["eci.cn-beijing.aliyuncs.com".parse().unwrap()],
        ..Config::default()
    })
    .await;
    for (host, status) in [
        ("eci.cn-beijing.aliyuncs.com", 200),
        ("[::1]:80", 200),
        ("eci.cn-hangzhou.aliyuncs.com", 403),
        // SDKs whose endpoint is configured with a scheme send it in `Host`
        ("http://127.0.0.1:1234", 200),
        ("http://eci.cn-hangzhou.aliyuncs.com", 403),
        ("ftp://127.0.0.1:1234", 400),
        ("a b", 400),
    ] {
        let answer = send(
            &server,
            &Make {
                host,
                ..Make::good(Scheme::V3)
            }
            .bytes(),
        )
        .await
        .unwrap();
        assert_eq!(answer.0, status, "{host} {answer:?}");
    }
    for scheme in [Scheme::V1, Scheme::V3] {
        let mut xml = Make::good(scheme);
        xml.action = "DropImageCache";
        let sent = xml.prepared();
        let bytes = match scheme {
            // V1 has the format among its parameters, which are signed
            Scheme::V1 => {
                let body = sent.body.replace("Format=JSON", "Format=XML");
                let mut params = Params::parse(&body).unwrap();
                params.extract(|name| name == "Signature");
                let text = imagecache::eci::signature::v1::string_to_sign("POST", &params);
                params.push(
                    "Signature",
                    imagecache::eci::signature::v1::signature(&"testsecret".into(), &text),
                );
                let mut again = sent.clone();
                again.body = params.canonical();
                raw("POST", &again)
            }
            _ => {
                xml.params.push("Format", "XML");
                xml.bytes()
            }
        };
        let (status, head, body) = send(&server, &bytes).await.unwrap();
        assert_eq!(status, 404);
        assert!(head.contains("content-type: text/xml"), "{head}");
        assert!(
            body.contains("<Code>InvalidAction.NotFound</Code>"),
            "{body}"
        );
    }
    let mut usage = Make {
        action: "ListUsage",
        params: Params::from_iter([("RegionId", "cn-beijing")]),
        ..Make::good(Scheme::V3)
    };
    usage.params.push("Format", "XML");
    let (status, head, body) = send(&server, &usage.bytes()).await.unwrap();
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/xml"), "{head}");
    assert!(
        body.contains("<ListUsageResponse><") && body.ends_with("</ListUsageResponse>"),
        "{body}"
    );
}

#[tokio::test]
async fn gateway_throttled_calls_get_retry_after() {
    let server = serve(Config {
        throttle: Some(Throttle {
            per_second: 0.1,
            burst: 2,
        }),
        ..Config::default()
    })
    .await;
    let usage = || Make {
        action: "ListUsage",
        params: Params::from_iter([("RegionId", "cn-beijing")]),
        ..Make::good(Scheme::V3)
    };
    // who is not let in takes no place
    send(
        &server,
        &Make {
            secret: "guessed",
            ..usage()
        }
        .bytes(),
    )
    .await
    .unwrap();
    for _ in 0..2 {
        assert_eq!(send(&server, &usage().bytes()).await.unwrap().0, 200);
    }
    let answer = send(&server, &usage().bytes()).await.unwrap();
    assert_eq!(code(&answer), (400, "Throttling.User".to_owned()));
    let hint = answer
        .1
        .lines()
        .find_map(|line| line.strip_prefix("x-acs-retry-after: "))
        .unwrap();
    let hint: u64 = hint.parse().unwrap();
    assert!((1..=10_000).contains(&hint), "{hint}");
}
