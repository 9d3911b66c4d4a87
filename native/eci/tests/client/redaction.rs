//! Whatever a server answers: no secret of the call is in what the client returns, in no encoding.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use imagecache::eci::encoding::encode;
use imagecache::eci::request::{CreateImageCache, DescribeImageCaches, ImageRegistryCredential};
use imagecache::eci::signature::{Credential, Scheme};
use imagecache::foreign::steers;
use imagecache_eci::{Client, Config, Credentials};
use serde_json::{Value, json};

use crate::loopback::{Reply, Server, Still, ok};

/// Key, token and password of the calls.
const SECRETS: [&str; 3] = [
    "key-secret/+1",
    "STS.token=with%and\"quotes",
    "p=w ~*+/hunter2",
];

/// The forms in which a server may quote a secret.
fn forms(secret: &str) -> Vec<String> {
    let once = encode(secret);
    let json = Value::from(secret).to_string();
    vec![
        secret.to_owned(),
        once.clone(),
        encode(&once),
        json[1..json.len() - 1].to_owned(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(format!("robot:{secret}")),
        STANDARD.encode(format!("ab{secret}c")),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ]
}

fn all_forms() -> Vec<String> {
    SECRETS.iter().flat_map(|secret| forms(secret)).collect()
}

/// A text with every form of every secret, and with characters that steer a terminal.
fn hostile() -> String {
    format!(
        "imc \u{1b}[31m\u{9b}\u{202e}\n::error::x {}",
        all_forms().join(" | ")
    )
}

/// Puts the hostile text in every text of a value, and under every key.
fn plant(value: &mut Value) {
    match value {
        Value::String(text) => *text = hostile(),
        Value::Array(items) => items.iter_mut().for_each(plant),
        Value::Object(fields) => {
            fields.values_mut().for_each(plant);
            fields.insert("Unknown".to_owned(), hostile().into());
            fields.insert(hostile(), json!(1));
        }
        _ => {}
    }
}

fn check(what: &str, text: &str) {
    // what `Debug` escapes is found too
    let plain = text.replace("\\\"", "\"").replace("\\\\", "\\");
    for form in all_forms() {
        assert!(
            !text.contains(&form) && !plain.contains(&form),
            "{what}: {form} in {text}"
        );
    }
}

fn create() -> CreateImageCache {
    CreateImageCache {
        region_id: "cn-hangzhou".into(),
        image_cache_name: "base".into(),
        image: vec!["registry.example.com/demo/nginx:1.27".into()],
        image_registry_credential: vec![ImageRegistryCredential {
            server: Some("registry.example.com".into()),
            user_name: Some("robot".into()),
            password: Some(SECRETS[2].into()),
        }],
        ..Default::default()
    }
}

async fn client(replies: Vec<Reply>, scheme: Scheme) -> Client {
    let server = Server::script(replies).await;
    let config = Config {
        environment: Still::new(),
        scheme,
        attempts: 2,
        ..Config::new(server.address.parse().unwrap())
    };
    let credential = Credential {
        access_key_id: "testid".to_owned(),
        access_key_secret: SECRETS[0].into(),
        security_token: Some(SECRETS[1].into()),
        provider: "static_sts",
    };
    Client::new(config, Credentials::fixed(credential)).unwrap()
}

#[tokio::test]
async fn secrets_of_a_call_never_come_back_in_an_error() {
    let mut replies = Vec::new();
    for code in [
        "SignatureDoesNotMatch",
        "InternalError",
        "Throttling",
        "Brand.New",
    ] {
        for status in [400, 403, 503] {
            let message = hostile();
            let body = json!({
                "Code": code, "Message": message, "RequestId": message, "HostId": message, "Recommend": message,
                "Unknown": message,
            });
            replies.push(Reply::Answer(status, vec![], body.to_string()));
        }
    }
    let coded = json!({"code": hostile(), "Description": hostile()});
    replies.push(Reply::Answer(400, vec![], coded.to_string()));
    let missing = json!({"Code": format!("Missing{}", hostile())});
    replies.push(Reply::Answer(400, vec![], missing.to_string()));
    replies.push(Reply::Answer(
        502,
        vec![],
        format!("<html>{}</html>", hostile()),
    ));
    // of the wrong form, so that the parser quotes it
    replies.push(ok(json!({"ImageCacheId": {"a": hostile()}})));
    replies.push(ok(
        json!({"ImageCacheId": "imc-1", "ContainerGroupId": [hostile()]}),
    ));
    replies.push(ok(json!(hostile())));
    for reply in replies {
        for scheme in [Scheme::V1, Scheme::V3] {
            let what = format!("{reply:?}");
            let error = client(vec![reply.clone()], scheme)
                .await
                .call(&create())
                .await
                .unwrap_err();
            check(&what, &error.to_string());
            check(&what, &format!("{error:?}"));
            assert!(!error.to_string().contains(steers), "{error:?}");
            assert!(error.to_string().chars().count() < 2_000, "{error}");
        }
    }
}

#[tokio::test]
async fn secrets_of_a_call_never_come_back_in_a_value() {
    let mut made = json!({"RequestId": "", "ImageCacheId": "", "ContainerGroupId": ""});
    let event = json!({
        "Count": 1, "Type": "", "Reason": "", "Name": "", "Message": "", "FirstTimestamp": "", "LastTimestamp": "",
    });
    let mut page = json!({
        "RequestId": "", "TotalCount": 1, "ImageCaches": [{
            "ImageCacheId": "", "ImageCacheName": "", "Status": "", "Progress": "", "ContainerGroupId": "",
            "RegionId": "", "ResourceGroupId": "", "SnapshotId": "", "FlashSnapshotId": "", "Images": [""],
            "ImageCacheSize": 20, "CreationTime": "", "ExpireDateTime": "", "LastMatchedTime": "",
            "EliminationStrategy": "", "Events": [event], "Tags": [{"Key": "", "Value": ""}],
        }],
    });
    plant(&mut made);
    plant(&mut page);
    let client = client(vec![ok(made), ok(page)], Scheme::V3).await;
    let made = client.call(&create()).await.unwrap();
    check("create", &format!("{made:?}"));
    check("create", &serde_json::to_string(&made).unwrap());
    assert!(made.image_cache_id.contains("***"), "{made:?}");
    // the password was sent with an earlier call
    let listed = client.call(&DescribeImageCaches::default()).await.unwrap();
    check("list", &format!("{listed:?}"));
    check("list", &serde_json::to_string(&listed).unwrap());
}
