use std::time::Duration;

use imagecache::eci::error::{ErrorCode, ErrorReply, MAX_RETRY_AFTER, Retry};
use imagecache::eci::reply::*;
use imagecache::resource::Phase;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::json_files;

fn round_trip<T: Serialize + DeserializeOwned>(name: &str, body: &Value) -> T {
    let typed: T =
        serde_json::from_value(body.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(&serde_json::to_value(&typed).unwrap(), body, "{name}");
    typed
}

#[test]
fn reply_documented_round_trips() {
    let mut read = 0;
    for (name, fixture) in json_files("openapi") {
        let Some(name) = name.strip_suffix(".response.json") else {
            continue;
        };
        let body = &fixture["body"];
        match name.split('-').next().unwrap() {
            "create" => drop(round_trip::<CreateImageCacheReply>(name, body)),
            "describe" => {
                let page: DescribeImageCachesReply = round_trip(name, body);
                for cache in page.image_caches {
                    assert!(!matches!(cache.status, Phase::Unknown(_)), "{name}");
                    assert!(cache.unknown.is_empty(), "{name}: {:?}", cache.unknown);
                }
            }
            "createcontainergroup" => drop(round_trip::<CreateContainerGroupReply>(name, body)),
            "describecontainergroups" => {
                let page: DescribeContainerGroupsReply = round_trip(name, body);
                assert!(!page.container_groups[0].events.is_empty(), "{name}");
            }
            "listusage" => {
                let usage: ListUsageReply = round_trip(name, body);
                assert_eq!(usage.attributes.max_image_cache_count, Some(500));
            }
            _ => {
                let done: Done = round_trip(name, body);
                assert!(done.unknown.is_empty(), "{name}");
            }
        }
        read += 1;
    }
    assert_eq!(read, 19);
}

#[test]
fn unknown_states_fields_and_codes_are_kept() {
    let body = json!({
        "RequestId": "1", "TotalCount": 1, "Region": {"a": [1]},
        "ImageCaches": [{"ImageCacheId": "imc-1", "ImageCacheName": "", "Status": "Archived", "Layers": 3,
            "Images": [], "Events": [{"Kind": "x"}], "Tags": [{"Key": "k", "Value": "", "Scope": null}]}],
    });
    let page: DescribeImageCachesReply = round_trip("unknown", &body);
    assert_eq!(page.image_caches[0].status, Phase::from("Archived"));
    let error = json!({"RequestId": "1", "HostId": "", "Code": "Brand.New", "Message": "",
        "Recommend": "", "AccessDeniedDetail": {"AuthAction": "eci:CreateImageCache"}});
    let reply: ErrorReply = round_trip("error", &error);
    assert_eq!(reply.code, ErrorCode::Other("Brand.New".into()));
}

#[test]
fn every_documented_error_has_a_name_and_its_status() {
    let errors = json_files("errors");
    assert_eq!(errors.len(), 35);
    for (name, fixture) in errors {
        let typed: ErrorReply = round_trip(&name, &fixture["body"]);
        assert!(!matches!(typed.code, ErrorCode::Other(_)), "{name}");
        assert_eq!(
            typed.code.status().map(u64::from),
            fixture["http_status"].as_u64(),
            "{name}"
        );
        let body = serde_json::to_vec(&fixture["body"]).unwrap();
        assert_eq!(ErrorReply::read(&body), Some(typed), "{name}");
    }
}

#[test]
fn codes_are_one_to_one_with_their_text() {
    let mut seen = std::collections::HashSet::new();
    for code in ErrorCode::KNOWN {
        assert_eq!(&ErrorCode::from(code.to_string().as_str()), code);
        assert!(seen.insert(code.to_string()));
    }
    let missing = ErrorCode::from("MissingRegionId");
    assert_eq!(missing.to_string(), "MissingRegionId");
    assert_eq!(missing.status(), Some(400));
    assert_eq!(
        ErrorCode::from("Missing"),
        ErrorCode::Other("Missing".into())
    );
}

#[test]
fn retries_are_for_throttling_failures_and_conflicts_only() {
    let millis = |millis| Some(Duration::from_millis(millis));
    let pause = |code: &str, status: u16, hint| match ErrorCode::from(code).retry(status, hint) {
        Retry::Never => "never".to_owned(),
        Retry::WithNewCredentials => "new credentials".to_owned(),
        Retry::After(pause) => format!("{pause:?}"),
    };
    for (code, status, hint, expected) in [
        ("Throttling", 400, None, "1s"),
        ("Throttling.User", 400, millis(2500), "2.5s"),
        ("Throttling.Brand.New", 400, None, "1s"),
        ("Throttling.Api", 400, millis(0), "0ns"),
        ("Throttling.User", 400, millis(u64::MAX), "60s"),
        ("Throttling.Vcpu.PerDay", 403, millis(5), "never"),
        ("InternalError", 500, None, "200ms"),
        ("ServiceUnavailable", 503, millis(700), "700ms"),
        ("Brand.New", 502, None, "200ms"),
        ("Brand.New", 400, millis(5), "never"),
        ("OperationConflict", 400, None, "2s"),
        ("SignatureNonceUsed", 400, None, "0ns"),
        ("InvalidSecurityToken.Expired", 400, None, "new credentials"),
        ("SignatureDoesNotMatch", 400, None, "never"),
        ("QuotaExceeded", 403, None, "never"),
        ("IdempotentParameterMismatch", 400, None, "never"),
        ("containerRepositoryAuthorizationFailed", 503, None, "never"),
    ] {
        assert_eq!(pause(code, status, hint), expected, "{code}");
    }
    assert_eq!(MAX_RETRY_AFTER, Duration::from_secs(60));
}

#[test]
fn reply_body_not_an_error_is_not_read_as_one() {
    for body in [
        "",
        "<html>502</html>",
        "[]",
        "{}",
        r#"{"Code":400}"#,
        r#"{"Code":"Throttl"#,
        r#"{"Message":"x"}"#,
    ] {
        assert_eq!(ErrorReply::read(body.as_bytes()), None, "{body}");
    }
    let odd = br#"{"Code":"NoPermission","Message":{"en":"no"},"Detail":"denied","requestId":"7"}"#;
    let read = ErrorReply::read(odd).unwrap();
    assert_eq!(read.to_string(), "NoPermission: denied (request 7)");
}

#[test]
fn xml_errors_are_escaped() {
    let reply = imagecache::eci::error::ApiError::new(ErrorCode::QuotaExceeded, "a<b>&\u{1}")
        .reply("R", "h");
    insta::assert_snapshot!(reply.to_xml(), @"<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>R</RequestId><HostId>h</HostId><Code>QuotaExceeded</Code><Message>a&lt;b&gt;&amp;�</Message><Recommend></Recommend></Error>");
}
