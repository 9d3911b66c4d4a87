//! Documented requests are understood, and documented errors are answered with their status, in the forms that clients
//! read.

use std::path::Path;

use imagecache::eci::error::ErrorReply;
use imagecache::eci::params::Params;
use imagecache::eci::request::Operation;
use imagecache_simulator::cloud::Config;
use imagecache_simulator::cloud::faults::Faults;
use imagecache_simulator::cloud::images::Images;
use imagecache_simulator::cloud::world::Settings;
use serde_json::Value;

use crate::gateway::{Make, send, serve};
use crate::stepped;

fn files(folder: &str, end: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/eci")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(end))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (
                name,
                serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(),
            )
        })
        .collect();
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    files
}

#[test]
fn every_documented_request_is_understood() {
    let requests = files("openapi", ".request.json");
    assert!(requests.len() >= 14, "{}", requests.len());
    for (name, fixture) in requests {
        let params: Params = fixture["params"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let action = fixture["action"].as_str().unwrap();
        let (operation, unknown) = Operation::read(action, &params).unwrap().unwrap();
        assert!(
            unknown.iter().all(|(name, _)| name == "OwnerId"),
            "{name}: {unknown:?}"
        );
        let (cloud, _) = stepped(Settings::default());
        match cloud.answer(&operation) {
            Ok(_) => {}
            // the named objects do not exist in an empty cloud, and a page token is from another server
            Err(refusal) => {
                let code = refusal.code.to_string();
                let absent = ["InvalidImageCache.NotFound", "ImageSnapshot.NotFound"]
                    .contains(&code.as_str());
                let page = name == "describe-page2.request.json"
                    && refusal.message.starts_with("NextToken");
                assert!(absent || page, "{name}: {refusal}");
            }
        }
    }
}

#[tokio::test]
async fn every_documented_error_is_served_with_its_status() {
    let errors = files("errors", ".json");
    assert_eq!(errors.len(), 35);
    for (name, fixture) in errors {
        let code = fixture["body"]["Code"].as_str().unwrap();
        let server = serve(Config {
            faults: Faults::read(&format!("faults: [{{fault: error, code: '{code}'}}]")).unwrap(),
            ..Config::default()
        })
        .await;
        let good = Make::good(imagecache::eci::signature::Scheme::V3).bytes();
        let (status, _, body) = send(&server, &good).await.unwrap();
        assert_eq!(
            u64::from(status),
            fixture["http_status"].as_u64().unwrap(),
            "{name}"
        );
        let read = ErrorReply::read(body.as_bytes()).unwrap();
        assert_eq!(read.code.to_string(), code);
        let keys = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(keys(&body), keys(&fixture["body"]), "{name}");
        assert!(crate::names(&server.cloud).is_empty());
    }
}

#[test]
fn image_table_example_is_default_and_errors_have_places() {
    Images::read(Images::example()).unwrap();
    for (text, expected) in [
        (
            "images: [{image: nginx, size: big}]",
            "images[0].size: `big` is not a quantity such as 200Mi",
        ),
        (
            "images: [{image: 'nginx:['}]",
            "images[0].image: `nginx:[` is not a valid pattern",
        ),
        (
            "others: {size: -1}",
            "others.size: `-1` is not a quantity such as 200Mi",
        ),
    ] {
        assert_eq!(Images::read(text).unwrap_err().to_string(), expected);
    }
    assert!(Images::read("images: [{image: a, sise: 1}]").is_err());
}
