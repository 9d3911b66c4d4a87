//! `imagecache eci` against a server of the test's own: what is sent, what is printed, and the exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};

use common::{imagecache, run, stderr, stdout};
use imagecache::eci::params::Params;
use imagecache::eci::signature::{HttpRequest, Received};
use serde_json::{Value, json};
use snapbox::assert_data_eq;
use snapbox::str;

/// Answers each call with `script(action, parameters, how many calls of this action came before)`.
struct Server {
    url: String,
    calls: Arc<Mutex<Vec<(String, Params)>>>,
}

impl Server {
    fn start(
        script: impl Fn(&str, &Params, usize) -> (u16, Value) + Send + Sync + 'static,
    ) -> Server {
        Self::listen("http", script, |stream, call| {
            serve(stream, call);
        })
    }

    /// The same server over TLS, with a certificate for `localhost`.
    fn start_tls(
        issued: &rcgen::CertifiedKey<rcgen::KeyPair>,
        script: impl Fn(&str, &Params, usize) -> (u16, Value) + Send + Sync + 'static,
    ) -> Server {
        let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key.unwrap())
            .unwrap();
        let config = Arc::new(config);
        Self::listen("https", script, move |stream, call| {
            let session = rustls::ServerConnection::new(config.clone()).unwrap();
            serve(rustls::StreamOwned::new(session, stream), call);
        })
    }

    fn listen(
        scheme: &str,
        script: impl Fn(&str, &Params, usize) -> (u16, Value) + Send + Sync + 'static,
        serve: impl Fn(TcpStream, &dyn Fn(&Received) -> (u16, Value)) + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!(
            "{scheme}://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let calls: Arc<Mutex<Vec<(String, Params)>>> = Arc::default();
        let seen = calls.clone();
        let answer = move |received: &Received| {
            let before = {
                let mut seen = seen.lock().unwrap();
                let same = seen.iter().filter(|(action, _)| *action == received.action);
                let before = same.count();
                seen.push((received.action.clone(), received.params.clone()));
                before
            };
            script(&received.action, &received.params, before)
        };
        let (answer, serve) = (Arc::new(answer), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, serve) = (answer.clone(), serve.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &*answer));
            }
        });
        Server { url, calls }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut all = vec!["eci"];
        all.extend(args);
        all.extend(["--endpoint", &self.url]);
        with_key(&all)
    }

    /// The actions in order.
    fn actions(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(action, _)| action.clone()).collect()
    }

    fn parameter(&self, call: usize, name: &str) -> Option<String> {
        let calls = self.calls.lock().unwrap();
        calls[call].1.get(name).map(str::to_owned)
    }
}

fn with_key(args: &[&str]) -> Output {
    imagecache(args)
        .env_clear()
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
        .env("ALIBABA_CLOUD_REGION_ID", "cn-beijing")
        .output()
        .unwrap()
}

/// Answers every request of a connection that a key signed; any other ends the connection.
fn serve(
    stream: impl std::io::Read + std::io::Write,
    answer: &dyn Fn(&Received) -> (u16, Value),
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_owned());
        }
        let mut first = head[0].split(' ');
        let headers: Vec<(&str, &str)> = head[1..]
            .iter()
            .map(|line| line.split_once(':').unwrap())
            .collect();
        let length = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.trim().parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let request = HttpRequest {
            method: first.next().unwrap(),
            target: first.next().unwrap(),
            headers,
            body: &body,
        };
        let received = Received::read(&request).unwrap();
        received.verify(&"testsecret".into()).unwrap();
        let (status, body) = answer(&received);
        let body = body.to_string();
        let length = body.len();
        let whole = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
        reader.get_mut().write_all(whole.as_bytes()).ok()?;
        reader.get_mut().flush().ok()?;
    }
}

fn cache(id: &str, name: &str, status: &str, progress: &str) -> Value {
    json!({
        "ImageCacheId": id, "ImageCacheName": name, "Status": status, "Progress": progress,
        "RegionId": "cn-beijing", "ImageCacheSize": 60, "Images": ["harbor.example.com:5000/ml/trainer:2.3"],
        "CreationTime": "2026-01-18T03:18:02Z", "ContainerGroupId": "eci-1", "NewField": {"kept": true},
        "Events": [], "Tags": [{"Key": "team", "Value": "ml"}],
    })
}

fn page(caches: &[Value]) -> (u16, Value) {
    let page = json!({"RequestId": "R", "TotalCount": caches.len(), "NextToken": "", "ImageCaches": caches});
    (200, page)
}

fn refuse(status: u16, code: &str, message: &str) -> (u16, Value) {
    (
        status,
        json!({"RequestId": "R-1", "Code": code, "Message": message}),
    )
}

const NOW: [&str; 2] = ["--now", "2026-01-18T03:28:02Z"];
const MANIFEST: &str = "tests/data/eci/cache.yaml";

/// A cache that is built while it is looked at.
fn building(ends_as: &'static str) -> Server {
    Server::start(move |action, _, before| match action {
        "CreateImageCache" => (
            200,
            json!({"RequestId": "R", "ImageCacheId": "imc-1", "ContainerGroupId": "eci-1"}),
        ),
        "DescribeImageCaches" if before < 2 => {
            page(&[cache("imc-1", "trainer", "Preparing", "0%")])
        }
        "DescribeImageCaches" if before < 3 => {
            page(&[cache("imc-1", "trainer", "Creating", "45%")])
        }
        "DescribeImageCaches" => {
            let mut end = cache("imc-1", "trainer", ends_as, "100%");
            end["Events"] = json!([
                {"Type": "Normal", "Reason": "Started", "Message": "started", "LastTimestamp": "2026-01-18T03:18:05Z"},
                {"Type": "Warning", "Reason": "Failed", "Message": "failed to pull images", "LastTimestamp": "2026-01-18T03:20:00Z"},
            ]);
            page(&[end])
        }
        _ => refuse(404, "InvalidAction.NotFound", "no"),
    })
}

#[test]
fn create_watches_until_the_cache_is_ready() {
    let server = building("Ready");
    let mut args = vec!["create", "-f", MANIFEST, "--watch", "--poll", "0.01"];
    args.extend(NOW);
    let output = server.run(&args);
    assert_data_eq!(
        stderr(&output),
        str![[r#"
trainer  imc-1  Preparing  0%
trainer  imc-1  Creating  45%
trainer  imc-1  Ready  100%

"#]]
    );
    assert_data_eq!(
        stdout(&output),
        str![[r#"
NAME     ID     STATUS  PROGRESS  SIZE    IMAGES  AGE  EXPIRES
trainer  imc-1  Ready   100%      60 GiB  1       10m  never

"#]]
    );
    assert_eq!(output.status.code(), Some(0));
    let sent = |name| server.parameter(0, name);
    assert_eq!(sent("Flash").as_deref(), Some("true"));
    assert_eq!(sent("SecurityGroupId").as_deref(), Some("sg-example"));
    assert_eq!(
        sent("ImageRegistryCredential.1.UserName").as_deref(),
        Some("robot")
    );
    assert_eq!(sent("ImageRegistryCredential.2.UserName"), None);
    let token = "e83a1c53-f663-11e9-a0d4-fa13fc175b32.1.create.0";
    assert_eq!(sent("ClientToken").as_deref(), Some(token));
}

#[test]
fn create_failed_cache_prints_events_and_fails() {
    let server = building("Failed");
    let mut args = vec![
        "create", "-f", MANIFEST, "--watch", "--poll", "0.01", "-o", "name",
    ];
    args.extend(NOW);
    let output = server.run(&args);
    assert_data_eq!(
        stderr(&output),
        str![[r#"
trainer  imc-1  Preparing  0%
trainer  imc-1  Creating  45%
trainer  imc-1  Failed  100%
error: trainer (imc-1): Failed
AGE   TYPE     REASON  MESSAGE
8m2s  Warning  Failed  failed to pull images

"#]]
    );
    assert_data_eq!(
        stdout(&output),
        str![[r#"
imc-1

"#]]
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn create_dry_run_masks_secrets_and_sends_nothing() {
    let server = Server::start(|_, _, _| refuse(500, "InternalError", "no"));
    let output = server.run(&["create", "-f", MANIFEST, "--dry-run"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = stdout(&output).replace(&server.url, "http://[SERVER]");
    let shown = shown.replace(server.url.trim_start_matches("http://"), "[SERVER]");
    let fresh = ["x-acs-date: ", "x-acs-signature-nonce: "];
    let shown: String = shown
        .lines()
        .map(
            |line| match fresh.iter().find(|name| line.starts_with(*name)) {
                Some(name) => format!("{name}[FRESH]\n"),
                None => format!("{line}\n"),
            },
        )
        .collect();
    assert_data_eq!(
        shown,
        str![[r#"
# http://[SERVER]
POST /
accept: application/json
host: [SERVER]
user-agent: imagecache/0.1.0
x-acs-action: CreateImageCache
x-acs-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
x-acs-credentials-provider: static_ak
x-acs-date: [FRESH]
x-acs-signature-nonce: [FRESH]
x-acs-version: 2018-08-08
authorization: ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=***

ClientToken=e83a1c53-f663-11e9-a0d4-fa13fc175b32.1.create.0
Flash=true
Image.1=harbor.example.com:5000/ml/trainer:2.3
ImageCacheName=trainer
ImageCacheSize=60
ImageRegistryCredential.1.Password=***
ImageRegistryCredential.1.Server=harbor.example.com:5000
ImageRegistryCredential.1.UserName=robot
RegionId=cn-beijing
SecurityGroupId=sg-example
VSwitchId=vsw-example1,vsw-example2


"#]]
    );
    assert!(server.actions().is_empty());
    let keyless = imagecache(&[
        "eci",
        "create",
        "-f",
        MANIFEST,
        "--dry-run",
        "--region",
        "cn-beijing",
    ])
    .env_clear()
    .env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
    .output()
    .unwrap();
    assert_eq!(keyless.status.code(), Some(0), "{}", stderr(&keyless));
    assert!(stderr(&keyless).starts_with("signed without a key: no credentials\n  environment: "));
    assert!(stdout(&keyless).starts_with("# https://eci.cn-beijing.aliyuncs.com\n"));
}

#[test]
fn create_takes_options_in_place_of_a_manifest() {
    let server = building("Ready");
    let output = server.run(&[
        "create",
        "--name",
        "base",
        "--image",
        "nginx:1",
        "--image",
        "node:22",
        "--size",
        "40",
        "--retention-days",
        "7",
        "--annotation",
        "k8s.aliyun.com/imc-enable-reuse=true",
        "--client-token",
        "mine",
        "--signature",
        "v1",
    ]);
    assert_data_eq!(
        stdout(&output),
        str![[r#"
creating base as imc-1

"#]]
    );
    assert_eq!(output.status.code(), Some(0));
    for (name, value) in [
        ("ImageCacheName", "base"),
        ("Image.2", "node:22"),
        ("ImageCacheSize", "40"),
        ("RetentionDays", "7"),
        ("AutoMatchImageCache", "true"),
        ("ClientToken", "mine"),
    ] {
        assert_eq!(server.parameter(0, name).as_deref(), Some(value), "{name}");
    }
    let json = server.run(&[
        "create", "--name", "base", "--image", "nginx:1", "-o", "json",
    ]);
    let made: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(made[0]["ImageCacheId"], "imc-1");
}

#[test]
fn a_manifest_with_errors_or_without_its_secret_is_not_sent() {
    let server = building("Ready");
    let manifest = include_str!("data/eci/cache.yaml");
    let create = |text: String| {
        imagecache(&[
            "eci",
            "create",
            "-f",
            "-",
            "--region",
            "cn-beijing",
            "--endpoint",
            &server.url,
        ])
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
        .stdin(text)
        .output()
        .unwrap()
    };
    let invalid = create(manifest.replace("imageCacheSize: 60", "imageCacheSize: 4"));
    assert_eq!(invalid.status.code(), Some(1));
    assert_data_eq!(
        stderr(&invalid),
        str![[r#"
error: trainer: spec.imageCacheSize: 4 GiB, at least 20 required [IC040]

"#]]
    );
    let without = create(manifest.split("---").next().unwrap().to_owned());
    assert_eq!(without.status.code(), Some(3));
    assert_data_eq!(
        stderr(&without),
        str![[r#"
error: trainer: secret ml:harbor is not in the input; add it with -f, or take it out of spec.imagePullSecrets

"#]]
    );
    let empty = create("kind: Pod\napiVersion: v1\nmetadata: {name: a}\n".to_owned());
    assert_eq!(empty.status.code(), Some(3));
    assert_data_eq!(
        stderr(&empty),
        str![[r#"
error: there is no ImageCache in the input

"#]]
    );
    assert!(server.actions().is_empty());
}

fn two_pages() -> Server {
    Server::start(|_, params, _| {
        let (caches, next) = match params.get("NextToken") {
            None => (vec![cache("imc-1", "trainer", "Ready", "100%")], "page-2"),
            Some(_) => {
                let mut second = cache("imc-2", "base\u{1b}[31m", "Creating", "5%");
                second["ExpireDateTime"] = "2026-02-17T03:18:02Z".into();
                (vec![second], "")
            }
        };
        (
            200,
            json!({"RequestId": "R", "TotalCount": 2, "NextToken": next, "ImageCaches": caches}),
        )
    })
}

#[test]
fn list_prints_all_pages_in_every_form() {
    let server = two_pages();
    let listed = |args: &[&str]| {
        let output = server.run(args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        output
    };
    let mut args = vec![
        "list",
        "--tag",
        "team=ml",
        "--match-image",
        "a",
        "--full-match",
        "--page-size",
        "1",
    ];
    args.extend(NOW);
    assert_data_eq!(
        stdout(&listed(&args)),
        str![[r#"
NAME            ID     STATUS    PROGRESS  SIZE    IMAGES  AGE  EXPIRES
trainer         imc-1  Ready     100%      60 GiB  1       10m  never
base/u{1b}[31m  imc-2  Creating  5%        60 GiB  1       10m  2026-02-17T03:18:02Z

"#]]
    );
    for (name, value) in [
        ("Tag.1.Key", "team"),
        ("MatchImage.1", "a"),
        ("ImageFullMatch", "true"),
        ("Limit", "1"),
    ] {
        assert_eq!(server.parameter(1, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(stdout(&listed(&["list", "-o", "name"])), "imc-1\nimc-2\n");
    let json: Value = serde_json::from_slice(&listed(&["list", "-o", "json"]).stdout).unwrap();
    assert_eq!(json[0]["NewField"]["kept"], true);
    assert_eq!(json[1]["ImageCacheId"], "imc-2");
    assert!(stdout(&listed(&["list", "-o", "yaml"])).starts_with("- ImageCacheId: imc-1\n"));
    // what list prints, other verbs read
    let printed = listed(&["list", "-o", "json"]);
    let ends = imagecache(&["expire", "-f", "-", "-o", "name"])
        .stdin(printed.stdout)
        .output()
        .unwrap();
    assert_eq!(ends.status.code(), Some(0), "{}", stderr(&ends));
}

#[test]
fn get_prints_every_field_of_a_cache() {
    let server = building("Failed");
    for _ in 0..3 {
        server.run(&["get", "trainer"]);
    }
    let mut args = vec!["get", "trainer"];
    args.extend(NOW);
    let output = server.run(&args);
    assert_data_eq!(
        stdout(&output),
        str![[r#"
name      trainer
id        imc-1
status    Failed
progress  100%
region    cn-beijing
size      60 GiB
builder   eci-1
created   2026-01-18T03:18:02Z, 10m ago
ends      never
tags      team=ml
images    harbor.example.com:5000/ml/trainer:2.3
AGE    TYPE     REASON   MESSAGE
9m57s  Normal   Started  started
8m2s   Warning  Failed   failed to pull images

"#]]
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        server.parameter(0, "ImageCacheName").as_deref(),
        Some("trainer")
    );
    let nothing = Server::start(|_, _, _| page(&[]));
    let output = nothing.run(&["get", "imc-9", "base"]);
    assert_eq!(output.status.code(), Some(3));
    assert_data_eq!(
        stderr(&output),
        str![[r#"
error: no cache is called imc-9 in cn-beijing
error: no cache is called base in cn-beijing

"#]]
    );
}

#[test]
fn update_by_name_works_and_delete_by_ambiguous_name_fails() {
    let server = Server::start(
        |action, params, _| match (action, params.get("ImageCacheName")) {
            ("DescribeImageCaches", Some("trainer")) => {
                page(&[cache("imc-1", "trainer", "Ready", "100%")])
            }
            ("DescribeImageCaches", Some("twins")) => page(&[
                cache("imc-2", "twins", "Ready", "100%"),
                cache("imc-3", "twins", "Ready", "100%"),
            ]),
            ("DescribeImageCaches", _) => page(&[]),
            ("UpdateImageCache", _) if params.get("RetentionDays") == Some("1") => {
                refuse(400, "ImageCache.IncorrectStatus", "it is Updating")
            }
            _ => (200, json!({"RequestId": "R"})),
        },
    );
    let output = server.run(&["update", "-f", MANIFEST]);
    assert_data_eq!(
        stdout(&output),
        str![[r#"
updating imc-1

"#]]
    );
    assert_eq!(
        server.actions(),
        ["DescribeImageCaches", "UpdateImageCache"]
    );
    assert_eq!(
        server.parameter(1, "ImageCacheId").as_deref(),
        Some("imc-1")
    );
    assert_eq!(server.parameter(1, "ImageCacheSize").as_deref(), Some("60"));
    server.run(&["update", "--cache", "imc-7", "--retention-days", "14"]);
    assert_eq!(server.parameter(2, "RetentionDays").as_deref(), Some("14"));
    assert_eq!(server.parameter(2, "ImageCacheSize"), None);
    let refused = server.run(&["update", "--cache", "imc-7", "--retention-days", "1"]);
    assert_eq!(refused.status.code(), Some(3));
    assert_data_eq!(
        stderr(&refused),
        str![[r#"
error: imc-7: UpdateImageCache: ImageCache.IncorrectStatus: it is Updating (request R-1), HTTP status 400

"#]]
    );

    let output = server.run(&[
        "delete", "imc-7", "trainer", "twins", "nobody", "--watch", "--poll", "0.01",
    ]);
    assert_eq!(output.status.code(), Some(3));
    assert_data_eq!(
        stdout(&output),
        str![[r#"
imc-7 deleted
imc-1 deleted

"#]]
    );
    assert_data_eq!(
        stderr(&output),
        str![[r#"
error: twins: 2 caches are called twins; name one by its id: imc-2, imc-3
error: nobody: no cache is called nobody in cn-beijing

"#]]
    );
}

#[test]
fn help_lists_credential_sources() {
    let output = run(&["eci", "--help"]);
    let order = [
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
        "~/.aliyun/config.json",
        "~/.alibabacloud/credentials.ini",
        "the role of the ECS instance",
        "ALIBABA_CLOUD_CREDENTIALS_URI",
    ];
    let places = order.map(|source| stdout(&output).find(source).expect(source));
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn usage_prints_quotas() {
    let server = Server::start(|_, _, _| {
        let attributes = json!({"MaxImageCacheCount": 500, "UsedImageCacheCount": 3, "MaxAutoImageCacheCount": 25, "MaxCpu": 1000});
        (200, json!({"RequestId": "R", "Attributes": attributes}))
    });
    assert_data_eq!(
        stdout(&server.run(&["usage"])),
        str![[r#"
KIND                    USED  AT MOST
image caches            3     500
automatic image caches  -     25
data caches             -     -

"#]]
    );
    let json: Value = serde_json::from_slice(&server.run(&["usage", "-o", "json"]).stdout).unwrap();
    assert_eq!(json["MaxCpu"], 1000);
}

#[test]
fn usage_error_sends_no_request() {
    for (args, words) in [
        (&["eci", "create"][..], "nothing to make"),
        (&["eci", "update", "--cache", "imc-1"], "nothing to change"),
        (
            &["eci", "list", "--endpoint", "http://eci.aliyuncs.com"],
            "plain http is for loopback only",
        ),
        (&["eci", "list", "--region", "example.com/"], "no region"),
        (
            &[
                "eci", "create", "--name", "a", "--image", "b", "-f", MANIFEST,
            ],
            "cannot be used with",
        ),
        (&["eci", "get"], "required"),
    ] {
        let output = with_key(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    let output = imagecache(&["eci", "list"]).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--region: required"));
}

#[test]
fn refused_call_and_missing_keys_fail_with_message() {
    let server = Server::start(|_, _, _| {
        refuse(
            404,
            "InvalidAccessKeyId.NotFound",
            "Specified access key is not found.",
        )
    });
    let output = server.run(&["list"]);
    assert_eq!(output.status.code(), Some(3));
    assert_data_eq!(
        stderr(&output),
        str![[r#"
error: DescribeImageCaches: InvalidAccessKeyId.NotFound: Specified access key is not found. (request R-1), HTTP status 404

"#]]
    );
    let output = imagecache(&[
        "eci",
        "list",
        "--region",
        "cn-beijing",
        "--endpoint",
        &server.url,
    ])
    .env_clear()
    .env("HOME", "/nowhere")
    .env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_data_eq!(
        stderr(&output),
        str![[r#"
error: no credentials
  environment: ALIBABA_CLOUD_ACCESS_KEY_ID is not set
  OIDC: ALIBABA_CLOUD_ROLE_ARN is not set
  profile of the aliyun command: /nowhere/.aliyun/config.json: No such file or directory
  ini file: /nowhere/.alibabacloud/credentials.ini: No such file or directory
  role of the instance: ALIBABA_CLOUD_ECS_METADATA_DISABLED is true
  URI: ALIBABA_CLOUD_CREDENTIALS_URI is not set

"#]]
    );
}

#[test]
fn https_is_for_servers_whose_certificate_is_trusted() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let server = Server::start_tls(&issued, |_, _, _| page(&[]));
    let trusted = std::env::temp_dir().join(format!("imagecache-{}.pem", std::process::id()));
    std::fs::write(&trusted, issued.cert.pem()).unwrap();
    let list = |endpoint: &str, trust: bool| {
        let mut command = imagecache(&["eci", "list", "-o", "name", "--endpoint", endpoint])
            .env_clear()
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
            .env("ALIBABA_CLOUD_REGION_ID", "cn-beijing");
        if trust {
            command = command.env("SSL_CERT_FILE", &trusted);
        }
        command.output().unwrap()
    };
    let known = list(&server.url, true);
    assert_eq!(known.status.code(), Some(0), "{}", stderr(&known));
    let unknown = list(&server.url, false);
    assert_eq!(unknown.status.code(), Some(3));
    assert!(
        stderr(&unknown).contains("invalid peer certificate")
            && !stderr(&unknown).contains("attempts"),
        "{}",
        stderr(&unknown)
    );
    let other_name = list(&server.url.replace("localhost", "127.0.0.1"), true);
    assert!(
        stderr(&other_name).contains("invalid peer certificate"),
        "{}",
        stderr(&other_name)
    );
    assert_eq!(server.actions().len(), 1);
    std::fs::remove_file(trusted).unwrap();
}

/// Passes bytes on to whom a client names with `CONNECT`; returns its address and who was named.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://robot:hunter2@{}", listener.local_addr().unwrap());
    let named: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = named.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let seen = seen.clone();
            std::thread::spawn(move || tunnel(client.unwrap(), &seen));
        }
    });
    (address, named)
}

fn tunnel(mut client: TcpStream, seen: &Mutex<Vec<String>>) -> Option<()> {
    use std::io::Write as _;
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let to = head.split(' ').nth(1)?.to_owned();
    let known = head.contains("Basic cm9ib3Q6aHVudGVyMg==");
    seen.lock()
        .unwrap()
        .push(format!("{} {known}", head.split(' ').next()?));
    let mut server = TcpStream::connect(to).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from_server, mut to_client) = (server.try_clone().ok()?, client);
    let back = std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    let _ = std::io::copy(&mut reader, &mut server);
    let _ = server.shutdown(std::net::Shutdown::Both);
    let _ = back.join();
    Some(())
}

#[test]
fn https_uses_the_proxy_and_plain_http_does_not() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Server::start_tls(&issued, |_, _, _| page(&[]));
    let plain = Server::start(|_, _, _| page(&[]));
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, issued.cert.pem()).unwrap();
    let (address, named) = proxy();
    let list = |endpoint: &str, proxy: &str, except: &str| {
        imagecache(&["eci", "list", "-o", "name", "--endpoint", endpoint])
            .env_clear()
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
            .env("ALIBABA_CLOUD_REGION_ID", "cn-beijing")
            .env("SSL_CERT_FILE", &trusted)
            .env("HTTPS_PROXY", proxy)
            .env("HTTP_PROXY", proxy)
            .env("NO_PROXY", except)
            .output()
            .unwrap()
    };
    let done = list(&tls.url, &address, "");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    assert_eq!(*named.lock().unwrap(), ["CONNECT true"]);
    assert_eq!(list(&tls.url, &address, "localhost").status.code(), Some(0));
    assert_eq!(list(&plain.url, &address, "").status.code(), Some(0));
    assert_eq!(named.lock().unwrap().len(), 1);
    let socks = list(&tls.url, "socks5://127.0.0.1:1", "");
    assert_eq!(socks.status.code(), Some(3));
    assert!(
        stderr(&socks).contains("only http:// proxies are supported"),
        "{}",
        stderr(&socks)
    );
}
