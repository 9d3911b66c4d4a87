use imagecache::eci::Secret;
use imagecache::eci::login::{BadSecret, RegistryLogin, credentials_for, logins};
use imagecache::eci::object::{CallContext, CallDefaults, client_token, create, status, update};
use imagecache::eci::reply::{DescribeImageCachesReply, ImageCacheEntry};
use imagecache::eci::request::Request as _;
use imagecache::resource::{ImageCache, Status};
use imagecache::time::Timestamp;
use serde_json::{Value, json};

use crate::json_files;

fn object(annotations: Value, spec: Value) -> ImageCache {
    serde_json::from_value(json!({
        "apiVersion": "eci.alibabacloud.com/v1",
        "kind": "ImageCache",
        "metadata": {
            "name": "imagecache-all-annotations",
            "uid": "e83a1c53-f663-11e9-a0d4-fa13fc175b32",
            "generation": 3,
            "annotations": annotations,
        },
        "spec": spec,
    }))
    .unwrap()
}

fn full() -> ImageCache {
    object(
        json!({
            "k8s.aliyun.com/vswitch-ids": "vsw-bp1example1, vsw-bp1example2",
            "k8s.aliyun.com/security-group-id": "sg-bp1example",
            "k8s.aliyun.com/resource-group-id": "rg-example",
            "k8s.aliyun.com/imc-cpu-arch": "arm64",
            "k8s.aliyun.com/imc-os-type": "windows",
            "k8s.aliyun.com/acr-instance-ids": "cn-beijing:cri-example, cri-other",
            "k8s.aliyun.com/acr-service-arns": "acs:ram::1609982529000000:role/role-assume",
            "k8s.aliyun.com/acr-user-arns": "acs:ram::1298452580000000:role/one,acs:ram::1298452580000000:role/two",
            "k8s.aliyun.com/plain-http-registry": "harbor.example.com:5000,192.0.2.10:5000",
            "k8s.aliyun.com/insecure-registry": "selfsigned.example.com:443",
            "k8s.aliyun.com/imc-enable-reuse": "true",
            "k8s.aliyun.com/imc-enable-flash": "True",
            "k8s.aliyun.com/imc-something-new": "kept",
            "imagecache.eci.alibabacloud.com/elimination-strategy": "LRU",
        }),
        json!({
            "images": ["harbor.example.com:5000/ml/trainer:2.3", "nginx"],
            "imageCacheSize": 60,
            "retentionDays": 7,
            "imagePullSecrets": ["default:harbor"],
        }),
    )
}

fn login(host: &str, path: &str, user: &str) -> RegistryLogin {
    RegistryLogin {
        host: host.into(),
        path: path.into(),
        user_name: user.into(),
        password: format!("password of {user}").into(),
    }
}

fn shown(params: &imagecache::eci::params::Params) -> String {
    params
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

#[test]
fn every_annotation_finds_its_parameter() {
    let logins = [login("harbor.example.com:5000", "", "robot")];
    let context = CallContext {
        region_id: "cn-hangzhou",
        defaults: &CallDefaults::default(),
        logins: &logins,
        attempt: 0,
    };
    insta::assert_snapshot!(
        "create",
        shown(&create(&full(), &context).unwrap().to_params())
    );
    insta::assert_snapshot!(
        "update",
        shown(&update(&full(), "imc-1", &context).unwrap().to_params())
    );
}

#[test]
fn object_unset_fields_come_from_profile() {
    let bare = object(
        json!({"k8s.aliyun.com/imc-cpu-arch": "amd64", "k8s.aliyun.com/imc-os-type": "linux"}),
        json!({"images": ["nginx"]}),
    );
    let profile = json!({"vpcId": "vpc-example", "vSwitchIds": "vsw-1,vsw-2", "securityGroupId": "sg-1", "selectors": "[]"});
    let context = |defaults| CallContext {
        region_id: "cn-hangzhou",
        defaults,
        logins: &[],
        attempt: 2,
    };
    let (none, profile) = (
        CallDefaults::default(),
        CallDefaults::from_profile(&profile),
    );
    let call = create(&bare, &context(&none)).unwrap();
    assert_eq!(
        shown(&call.to_params()),
        "RegionId=cn-hangzhou\nImageCacheName=imagecache-all-annotations\n\
         ClientToken=e83a1c53-f663-11e9-a0d4-fa13fc175b32.3.create.2\nImage.1=nginx\n"
    );
    let call = create(&bare, &context(&profile)).unwrap();
    assert_eq!(call.vswitch_id.as_deref(), Some("vsw-1,vsw-2"));
    assert_eq!(call.security_group_id.as_deref(), Some("sg-1"));
    let call = update(&bare, "imc-1", &context(&none)).unwrap();
    assert_eq!(
        (call.reuse_layers, call.flash, call.image_cache_size),
        (Some(false), Some(false), Some(20))
    );
    let call = create(&full(), &context(&profile)).unwrap();
    assert_eq!(call.security_group_id.as_deref(), Some("sg-bp1example"));
}

#[test]
fn the_old_name_of_reuse_works_and_the_new_one_wins() {
    let reuse = |annotations| {
        let context = CallContext {
            region_id: "r",
            defaults: &CallDefaults::default(),
            logins: &[],
            attempt: 0,
        };
        create(&object(annotations, json!({"images": ["a"]})), &context)
            .unwrap()
            .reuse_layers
    };
    let (old, new) = (
        "k8s.aliyun.com/auto-match-imagecache",
        "k8s.aliyun.com/imc-enable-reuse",
    );
    assert_eq!(reuse(json!({ old: "true" })), Some(true));
    assert_eq!(reuse(json!({ old: "true", new: "false" })), Some(false));
    // matching is another thing, with a name of the pod's own
    assert_eq!(reuse(json!({"k8s.aliyun.com/eci-auto-imc": "true"})), None);
}

#[test]
fn object_unsendable_field_has_place() {
    let told = |annotations: Value, spec: Value, logins: &[RegistryLogin]| {
        let context = CallContext {
            region_id: "r",
            defaults: &CallDefaults::default(),
            logins,
            attempt: 0,
        };
        create(&object(annotations, spec), &context)
            .unwrap_err()
            .to_string()
    };
    let images: Vec<String> = (0..21).map(|n| format!("h{n}.example.com/a")).collect();
    let logins: Vec<_> = (0..11)
        .map(|n| login(&format!("h{n}.example.com"), "", "u"))
        .collect();
    let messages = [
        told(json!({}), json!({"images": []}), &[]),
        told(json!({}), json!({"images": images}), &[]),
        told(json!({}), json!({"images": &images[..11]}), &logins),
        told(
            json!({}),
            json!({"images": ["a"], "imageCacheSize": 3_000_000_000_i64}),
            &[],
        ),
        told(
            json!({}),
            json!({"images": ["a"], "retentionDays": i64::MIN}),
            &[],
        ),
        told(
            json!({"k8s.aliyun.com/imc-enable-flash": "yes"}),
            json!({"images": ["a"]}),
            &[],
        ),
        told(
            json!({"imagecache.eci.alibabacloud.com/elimination-strategy": "lru"}),
            json!({"images": ["a"]}),
            &[],
        ),
        told(
            json!({
                "k8s.aliyun.com/acr-instance-ids": "cri-a,cri-b,cri-c",
                "k8s.aliyun.com/acr-user-arns": "acs:ram::1:role/a,acs:ram::1:role/b",
            }),
            json!({"images": ["a"]}),
            &[],
        ),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
    spec.images: no image, at least 1 needed
    spec.images: 21 images, at most 20 allowed
    spec.imagePullSecrets: 11 logins, at most 10 allowed
    spec.imageCacheSize: 3000000000, beyond the API's 32 bits
    spec.retentionDays: -9223372036854775808, beyond the API's 32 bits
    metadata.annotations[k8s.aliyun.com/imc-enable-flash]: `yes`, must be "true" or "false"
    metadata.annotations[imagecache.eci.alibabacloud.com/elimination-strategy]: `lru`, must be LRU or empty
    metadata.annotations[k8s.aliyun.com/acr-user-arns]: 2 roles for 3 instances, one or 3 needed
    "#);
}

#[test]
fn client_token_is_unique_per_attempt_and_fits() {
    let uid = "e83a1c53-f663-11e9-a0d4-fa13fc175b32";
    let tokens = [
        client_token(uid, 1, "create", 0),
        client_token(uid, 1, "create", 1),
        client_token(uid, 2, "create", 0),
        client_token(uid, 1, "update", 0),
        client_token(uid, i64::MIN, "create", u32::MAX),
        client_token("größe", 1, "create", 0),
        client_token("", 1, "create", 0),
    ];
    for (at, token) in tokens.iter().enumerate() {
        assert!(token.len() <= 64 && token.is_ascii(), "{token}");
        assert!(!tokens[..at].contains(token), "{token}");
    }
}

#[test]
fn secrets_of_both_docker_types_are_read() {
    let config = r#"{"auths": {
        "https://index.docker.io/v1/": {"username": "whale", "password": "sea"},
        "http://Harbor.example.com:5000/v2/team/": {"auth": "cm9ib3Q6cDp3AAA"},
        "ghcr.io": {"identitytoken": "tok", "username": "ignored", "password": "ignored"},
        "empty.example.com": {},
        "*.registry.example.com/v2": {"username": "star", "password": "x", "email": "a@example.com"}
    }, "credHelpers": {"x": "y"}}"#;
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(config);
    for secret in [
        json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": data}}),
        json!({"stringData": {".dockerconfigjson": config}}),
    ] {
        let found: Vec<_> = logins(&secret)
            .unwrap()
            .into_iter()
            .map(|login| {
                format!(
                    "{} {:?} {} {}",
                    login.host,
                    login.path,
                    login.user_name,
                    login.password.expose()
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                r#"*.registry.example.com "" star x"#,
                r#"ghcr.io "" <token> tok"#,
                r#"harbor.example.com:5000 "team" robot p:w"#,
                r#"docker.io "" whale sea"#,
            ]
        );
    }
    let old = json!({"type": "kubernetes.io/dockercfg", "stringData": {".dockercfg": r#"{"a.example.com": {"username": "u", "password": "p"}}"#}});
    assert_eq!(
        logins(&old).unwrap(),
        [RegistryLogin {
            password: "p".into(),
            ..login("a.example.com", "", "u")
        }]
    );
}

#[test]
fn secret_unreadable_is_reported_without_content() {
    let bad = |secret: Value| logins(&secret).unwrap_err();
    assert_eq!(
        bad(json!({"data": {"username": "YQ=="}})),
        BadSecret::NoConfig
    );
    assert_eq!(
        bad(json!({"data": {".dockerconfigjson": "hunter2!"}})),
        BadSecret::NoBase64(".dockerconfigjson")
    );
    for text in [
        r#"{"auths": "hunter2"}"#,
        r#"{"auths": {"a": {"password": {"hunter2": 1}}}}"#,
        "hunter2",
    ] {
        let error = bad(json!({"stringData": {".dockerconfigjson": text}}));
        assert!(matches!(error, BadSecret::NoDockerConfig { .. }));
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    for auth in ["hunter2", "aHVudGVyMg=="] {
        let text = json!({"auths": {"a.example.com": {"auth": auth}}}).to_string();
        let error = bad(json!({"stringData": {".dockerconfigjson": text}}));
        assert_eq!(
            error.to_string(),
            "auths[a.example.com].auth: not the base64 of user:password"
        );
    }
}

#[test]
fn logins_narrowest_of_needed_ones_is_sent() {
    let logins = [
        login("harbor.example.com", "", "everyone"),
        login("harbor.example.com", "team", "team"),
        login("harbor.example.com", "team", "second"),
        login("*.example.com", "", "star"),
        login("reg-??.example.org:5000", "", "port"),
        login("unused.example.com", "", "unused"),
    ];
    let users = |images: &[&str]| -> Vec<String> {
        credentials_for(images, &logins)
            .into_iter()
            .map(|sent| format!("{} {}", sent.server.unwrap(), sent.user_name.unwrap()))
            .collect()
    };
    assert_eq!(
        users(&["harbor.example.com/team/app:1"]),
        ["harbor.example.com team"]
    );
    assert_eq!(
        users(&["harbor.example.com/teamwork/app:1"]),
        ["harbor.example.com everyone"]
    );
    let both = [
        "harbor.example.com/team/app",
        "harbor.example.com/a",
        "harbor.example.com/team/b",
    ];
    assert_eq!(
        users(&both),
        ["harbor.example.com everyone", "harbor.example.com team"]
    );
    assert_eq!(users(&["x.example.com/a"]), ["x.example.com star"]);
    assert_eq!(
        users(&["reg-ab.example.org:5000/a"]),
        ["reg-ab.example.org:5000 port"]
    );
    for none in [
        "x.y.example.com/a",
        "reg-ab.example.org/a",
        "reg-abc.example.org:5000/a",
        "nginx",
        "Not An Image",
    ] {
        assert!(users(&[none]).is_empty(), "{none}");
    }
}

#[test]
fn stars_match_parts_of_a_label_only() {
    let fits = |pattern: &str, host: &str| {
        let image = format!("{host}/a");
        !credentials_for(&[image], &[login(pattern, "", "u")]).is_empty()
    };
    for (pattern, host, expected) in [
        ("*.*.com", "a.b.com", true),
        ("a*c*e.com", "abcde.com", true),
        ("a*c*e.com", "abcd.com", false),
        ("**.com", "a.com", true),
        ("*.com", "a.b.com", false),
        ("a.com*", "a.com", true),
        ("?.com", "ab.com", false),
        ("A.COM", "a.com", false), // keys are lower-cased when they are read
        ("", "a.com", false),
    ] {
        assert_eq!(fits(pattern, host), expected, "{pattern} {host}");
    }
}

fn entry(name: &str) -> ImageCacheEntry {
    let (_, fixture) = json_files("openapi")
        .into_iter()
        .find(|(file, _)| file == name)
        .unwrap();
    let page: DescribeImageCachesReply = serde_json::from_value(fixture["body"].clone()).unwrap();
    page.image_caches.into_iter().next().unwrap()
}

#[test]
fn status_from_reply_has_the_recorded_shape() {
    let now = Timestamp::from_seconds(1_768_743_857);
    let ready = status(&entry("describe-ready.response.json"), None, now);
    insta::assert_snapshot!("status", serde_json::to_string_pretty(&ready).unwrap());
    let failed = status(&entry("describe-failed.response.json"), None, now);
    let event = &failed.events.as_ref().unwrap()[0];
    assert_eq!(event.image(), Some("normalimage.1661f31f851a0003"));
    assert_eq!(
        failed.expire_date_time.as_deref(),
        Some("2026-01-19T03:20:00Z")
    );
}

#[test]
fn status_keeps_foreign_fields_and_unchanged_dates() {
    let before: Status = serde_json::from_value(json!({
        "phase": "Creating", "progress": "10%", "expireDateTime": "2030-01-01T00:00:00Z",
        "lastUpdatedTime": "2026-01-18T13:44:17Z", "conditions": [{"type": "Ready"}], "vendorField": 7,
    }))
    .unwrap();
    let now = Timestamp::from_seconds(1_768_743_857);
    let after = status(
        &entry("describe-creating.response.json"),
        Some(&before),
        now,
    );
    assert_eq!(after.rest, before.rest);
    assert_eq!(after.last_updated_time, Some(now.to_string()));
    assert_eq!(after.expire_date_time, None);
    let later = status(
        &entry("describe-creating.response.json"),
        Some(&after),
        now.plus(60),
    );
    assert_eq!(later, after);
}

#[test]
fn a_status_holds_the_newest_fifty_events() {
    let mut long = entry("describe-ready.response.json");
    long.events = (0..60)
        .map(|n| imagecache::eci::reply::EventEntry {
            name: Some(n.to_string()),
            ..Default::default()
        })
        .collect();
    let events = status(&long, None, Timestamp::from_seconds(0))
        .events
        .unwrap();
    assert_eq!((events.len(), events[0].image()), (50, Some("10")));
}

#[test]
fn secrets_are_equal_by_content_only() {
    assert_eq!(Secret::from("a"), Secret::from("a".to_owned()));
    assert_ne!(Secret::from("a"), Secret::from("b"));
    assert_ne!(Secret::from("a"), Secret::from("ab"));
    assert_ne!(Secret::from(""), Secret::from("a"));
}
