//! What ECI writes into its replies: in no condition, Event, metric or log line is a secret or a character that steers.

use std::io::Write;
use std::sync::{Arc, Mutex};

use imagecache::eci::encoding::encode;
use imagecache::foreign::steers;
use imagecache_http::{Limits, Visitors, whole};
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::{Api, ListParams, PostParams};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::stage::{Stage, condition};

const PASSWORD: &str = "p=w ~*+/\"hunter2";
/// The secret of the stage's access key.
const KEY: &str = "testsecret";

fn forms() -> Vec<String> {
    let once = encode(PASSWORD);
    let json = Value::from(PASSWORD).to_string();
    let hex = PASSWORD.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        PASSWORD.to_owned(),
        encode(&once),
        once,
        json.trim_matches('"').to_owned(),
        hex,
        // base64 of `robot:` and the password
        "cm9ib3Q6cD13IH4qKy8iaHVudGVyMg".to_owned(),
        KEY.to_owned(),
    ]
}

fn hostile() -> String {
    format!(
        "\n::error::x\u{1b}[31m\u{9b}\u{202e}\u{2028} {}",
        forms().join(" | ")
    )
}

/// An ECI that refuses each creation with the next of these codes, and has one cache, which failed.
async fn cloud(codes: &'static [(u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(0_usize));
    tokio::spawn(imagecache_http::serve(
        listener,
        None,
        Limits::default(),
        Visitors::of_any_name(),
        CancellationToken::new(),
        move |request, _| {
            let action = request.headers().get("x-acs-action").cloned();
            let create = action.is_some_and(|action| action == "CreateImageCache");
            let (status, body) = if create {
                let mut asked = asked.lock().unwrap();
                let (status, code) = codes[*asked % codes.len()];
                *asked += 1;
                let text = hostile();
                let code = if code.is_empty() {
                    text.clone()
                } else {
                    code.to_owned()
                };
                let body =
                    json!({"Code": code, "Message": text, "RequestId": text, "HostId": text});
                (status, body)
            } else {
                (200, json!({"RequestId": hostile(), "ImageCaches": []}))
            };
            let answer = http::Response::builder().status(status);
            std::future::ready(answer.body(whole(body.to_string())).unwrap())
        },
    ));
    url
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn foreign_replies_leave_no_secret_in_status_events_and_logs() {
    let sink = Sink::default();
    let writer = sink.clone();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(log).unwrap();
    let mut stage = Stage::new().await;
    let secrets: Api<Secret> = Api::namespaced(stage.client.clone(), "default");
    let config =
        json!({"auths": {"registry.example.com": {"username": "robot", "password": PASSWORD}}});
    let secret = json!({
        "metadata": {"name": "registry"}, "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": config.to_string()},
    });
    let secret: Secret = serde_json::from_value(secret).unwrap();
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    // the log of the cluster may hold what was written to it; the controller's begins here
    sink.0.lock().unwrap().clear();
    let cases: [(&str, &'static [(u16, &'static str)]); 4] = [
        ("refused", &[(400, "InvalidParameter.Format")]),
        ("mismatch", &[(403, "SignatureDoesNotMatch")]),
        ("unknown", &[(400, "")]),
        (
            "retried",
            &[
                (500, "InternalError"),
                (503, "ServiceUnavailable"),
                (400, ""),
            ],
        ),
    ];
    for (name, codes) in cases {
        stage.endpoint = cloud(codes).await;
        let (work, stop) = stage.work();
        let spec = json!({
            "images": ["registry.example.com/private/app:1"], "imagePullSecrets": ["default:registry"],
        });
        stage.create(name, spec, json!({})).await;
        let reported = |object: &Value| {
            let synced = condition(object, "Synced");
            synced["status"] == "False" && !synced["message"].as_str().unwrap().contains("ECI is")
        };
        let object = stage.until(name, "refused", 5, reported).await;
        stop.cancel();
        work.await.unwrap();
        let events: Api<Event> = Api::all(stage.client.clone());
        let events = events.list(&ListParams::default()).await.unwrap();
        let events = serde_json::to_value(&events.items).unwrap();
        for value in [&object, &events] {
            texts(value, &mut |text| check(name, text));
        }
        let text = serde_json::to_string(&object).unwrap();
        assert!(text.contains("***"), "{name}: {text}");
        let log = String::from_utf8(std::mem::take(&mut *sink.0.lock().unwrap())).unwrap();
        assert!(log.contains("performed"), "{name}: nothing was logged");
        for form in forms() {
            let line = log.lines().find(|line| line.contains(&form));
            assert!(line.is_none(), "{name}: {form} in the log: {line:?}");
        }
    }
}

fn texts(value: &Value, check: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => check(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, check)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, check)),
        _ => {}
    }
}

fn check(what: &str, text: &str) {
    assert!(!text.contains(steers), "{what}: {text:?}");
    for form in forms() {
        assert!(!text.contains(&form), "{what}: {form} in {text}");
    }
}
