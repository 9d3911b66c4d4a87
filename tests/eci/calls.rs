use imagecache::eci::Secret;
use imagecache::eci::error::ApiError;
use imagecache::eci::params::Params;
use imagecache::eci::request::*;
use imagecache::eci::signature::{HttpRequest, Received};
use proptest::prelude::*;
use serde_json::Value;

use crate::{files, json_files, text};

fn params(value: &Value) -> Params {
    value
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect()
}

fn sorted(params: &Params) -> Vec<(String, String)> {
    let mut sorted: Vec<_> = params
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    sorted.sort();
    sorted
}

#[test]
fn request_documented_round_trips() {
    let mut read = 0;
    for (name, fixture) in json_files("openapi") {
        if !name.ends_with(".request.json") {
            continue;
        }
        let given = params(&fixture["params"]);
        let (call, unknown) = Operation::read(text(&fixture, "/action"), &given)
            .unwrap()
            .unwrap();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
        assert_eq!(call.action(), text(&fixture, "/action"));
        let mut expected = sorted(&given);
        for (name, _) in &mut expected {
            *name = name.replace("1Domain", "1.Domain");
        }
        expected.sort();
        assert_eq!(sorted(&call.to_params()), expected, "{name}");
        read += 1;
    }
    assert_eq!(read, 16);
}

#[test]
fn every_recorded_call_of_the_official_clients_is_read_whole() {
    for (name, lines) in files("recordings") {
        for line in lines.lines() {
            let recorded: Value = serde_json::from_str(line).unwrap();
            let headers = recorded["headers"].as_array().unwrap().iter();
            let request = HttpRequest {
                method: text(&recorded, "/method"),
                target: text(&recorded, "/path"),
                headers: headers
                    .map(|pair| (text(pair, "/0"), text(pair, "/1")))
                    .collect(),
                body: text(&recorded, "/body").as_bytes(),
            };
            let received = Received::read(&request).unwrap();
            let (call, unknown) = Operation::read(&received.action, &received.params)
                .unwrap()
                .unwrap();
            assert!(unknown.is_empty(), "{name}: {unknown:?}");
            if let Operation::CreateImageCache(call) = call {
                let registries = call.acr_registry_info.iter();
                for registry in registries {
                    assert_eq!(registry.instance_id, "cri-x", "{name}");
                    assert_eq!(registry.domain.first().unwrap(), "a.example.com", "{name}");
                }
                assert_eq!(
                    call.image_registry_credential[0].password,
                    Some(Secret::from("p=w ~*+/"))
                );
                assert!(matches!(call.flash, Some(true) | None), "{name}");
            }
        }
    }
}

fn create(pairs: &[(&str, &str)]) -> Result<(CreateImageCache, Params), BadParameter> {
    let mut params = Params::from_iter(pairs.iter().copied());
    for (name, value) in [("RegionId", "cn-hangzhou"), ("ImageCacheName", "demo")] {
        params.push(name, value);
    }
    CreateImageCache::from_params(&params)
}

#[test]
fn lists_go_by_their_numbers_and_gaps_close() {
    let (call, unknown) = create(&[
        ("Image.10", "ten"),
        ("Image.2", "two"),
        ("Image.4294967295", "last"),
        ("Image.1", "one"),
    ])
    .unwrap();
    assert_eq!(call.image, ["one", "two", "ten", "last"]);
    assert!(unknown.is_empty());
    for name in ["Image.0", "Image.01", "Image.4294967296", "Image.00"] {
        let bad = create(&[(name, "x")]).unwrap_err();
        assert_eq!(
            bad.to_string(),
            format!("{name}: lists are counted 1, 2, 3, …")
        );
    }
}

#[test]
fn switches_are_read_in_any_case_and_empty_ones_are_absent() {
    for (text, expected) in [
        ("True", Some(true)),
        ("true", Some(true)),
        ("FALSE", Some(false)),
        ("", None),
    ] {
        assert_eq!(create(&[("Flash", text)]).unwrap().0.flash, expected);
    }
    for (name, text, message) in [
        ("Flash", "yes", "Flash: must be true or false"),
        (
            "ImageCacheSize",
            "20GiB",
            "ImageCacheSize: must be a whole number of 32 bits",
        ),
        (
            "ImageCacheSize",
            "2147483648",
            "ImageCacheSize: must be a whole number of 32 bits",
        ),
    ] {
        let refusal = ApiError::from(create(&[(name, text)]).unwrap_err());
        assert_eq!(
            refusal.to_string(),
            format!("InvalidParameter.Format: {message}")
        );
    }
}

#[test]
fn request_unknown_parameters_are_kept() {
    let strange = [
        ("Image", "no list"),
        ("Image.1.Digest", "sha256"),
        ("Image.x", "y"),
        ("New", "1"),
        ("Tag.1.Scope", "all"),
        ("a.b.c.d.e.f.g.h", "deep"),
    ];
    let mut given = strange.to_vec();
    given.extend([("Image.1", "nginx"), ("Tag.1.Key", "team")]);
    let (call, unknown) = create(&given).unwrap();
    assert_eq!(call.image, ["nginx"]);
    assert_eq!(call.tag[0].value, None);
    let kept = sorted(&unknown);
    let strange: Vec<_> = strange
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    assert_eq!(kept, strange);
}

#[test]
fn missing_and_doubled_parameters_are_named() {
    let message = |params: &[(&str, &str)]| {
        let params = Params::from_iter(params.iter().copied());
        ApiError::from(CreateImageCache::from_params(&params).unwrap_err()).to_string()
    };
    assert_eq!(
        message(&[]),
        "MissingRegionId: RegionId is mandatory for this action."
    );
    assert_eq!(
        message(&[("RegionId", "r"), ("ImageCacheName", "")]),
        "MissingImageCacheName: ImageCacheName is mandatory for this action."
    );
    assert_eq!(
        message(&[
            ("RegionId", "r"),
            ("ImageCacheName", "n"),
            ("AcrRegistryInfo.1.Domain.1", "d")
        ]),
        "MissingAcrRegistryInfo.1.InstanceId: AcrRegistryInfo.1.InstanceId is mandatory for this action."
    );
    assert_eq!(
        message(&[("RegionId", "a"), ("RegionId", "b")]),
        "InvalidParameter.Format: RegionId: given twice, with different values"
    );
    let twice = Params::from_iter([("RegionId", "a"), ("RegionId", "a")]);
    assert!(ListUsage::from_params(&twice).is_ok());
}

#[test]
fn lists_are_limited() {
    let list = |item: &str, count: usize| -> Vec<(String, String)> {
        (1..=count)
            .map(|number| {
                (
                    item.replacen(".N", &format!(".{number}"), 1),
                    "x".to_owned(),
                )
            })
            .collect()
    };
    let read = |action: &str, pairs: Vec<(String, String)>| {
        let mut params = Params::from_iter(pairs);
        for name in ["RegionId", "ImageCacheName", "ContainerGroupName"] {
            params.push(name, "x");
        }
        Operation::read(action, &params)
            .unwrap()
            .map(|_| ())
            .map_err(|bad| bad.to_string())
    };
    for (action, item, limit) in [
        ("CreateImageCache", "Image.N", MAX_IMAGES),
        (
            "CreateImageCache",
            "AcrRegistryInfo.N.InstanceId",
            MAX_ACR_REGISTRIES,
        ),
        ("CreateImageCache", "Tag.N.Key", MAX_TAGS),
        ("DescribeImageCaches", "MatchImage.N", MAX_MATCH_IMAGES),
    ] {
        assert_eq!(read(action, list(item, limit)), Ok(()));
        let name = item.split('.').next().unwrap();
        assert_eq!(
            read(action, list(item, limit + 1)),
            Err(format!(
                "{name}: {} items, at most {limit} allowed",
                limit + 1
            ))
        );
    }
    let credentials = |count: usize| {
        ["Server", "UserName", "Password"]
            .iter()
            .flat_map(|field| list(&format!("ImageRegistryCredential.N.{field}"), count))
            .collect::<Vec<_>>()
    };
    let limit = MAX_REGISTRY_CREDENTIALS;
    assert_eq!(read("CreateImageCache", credentials(limit)), Ok(()));
    assert!(read("CreateImageCache", credentials(limit + 1)).is_err());
    let mut domains = list("AcrRegistryInfo.1.Domain.N", MAX_DOMAINS + 1);
    domains.push((
        "AcrRegistryInfo.1.InstanceId".to_owned(),
        "cri-a".to_owned(),
    ));
    assert_eq!(
        read("CreateImageCache", domains),
        Err("AcrRegistryInfo.1.Domain: 101 items, at most 100 allowed".to_owned())
    );
    let ids: Vec<String> = (0..=MAX_CONTAINER_GROUP_IDS)
        .map(|id| id.to_string())
        .collect();
    let ids = vec![(
        "ContainerGroupIds".to_owned(),
        serde_json::to_string(&ids).unwrap(),
    )];
    assert!(read("DescribeContainerGroups", ids).is_err());
}

fn name() -> impl Strategy<Value = String> {
    ".{1,10}"
}

fn credential() -> impl Strategy<Value = ImageRegistryCredential> {
    (prop::option::of(name()), prop::option::of(name()), name()).prop_map(
        |(server, user_name, password)| ImageRegistryCredential {
            server,
            user_name,
            password: Some(password.into()),
        },
    )
}

fn registry() -> impl Strategy<Value = AcrRegistryInfo> {
    (
        name(),
        prop::option::of(".{0,5}"),
        prop::collection::vec(name(), 0..12),
        prop::option::of(name()),
    )
        .prop_map(
            |(instance_id, region_id, domain, arn_user)| AcrRegistryInfo {
                instance_id,
                region_id,
                domain,
                arn_user,
                ..Default::default()
            },
        )
}

fn tag() -> impl Strategy<Value = Tag> {
    (name(), prop::option::of(".{0,5}")).prop_map(|(key, value)| Tag { key, value })
}

fn any_create() -> impl Strategy<Value = CreateImageCache> {
    (
        (name(), name(), prop::option::of(".{0,5}")),
        (
            any::<Option<i32>>(),
            any::<Option<bool>>(),
            any::<Option<bool>>(),
        ),
        prop::collection::vec(name(), 0..=MAX_IMAGES),
        prop::collection::vec(credential(), 0..=MAX_REGISTRY_CREDENTIALS),
        prop::collection::vec(registry(), 0..4),
        prop::collection::vec(tag(), 0..4),
    )
        .prop_map(
            |(
                (region_id, image_cache_name, annotations),
                (image_cache_size, flash, reuse_layers),
                image,
                image_registry_credential,
                acr_registry_info,
                tag,
            )| CreateImageCache {
                region_id,
                image_cache_name,
                annotations,
                image_cache_size,
                flash,
                reuse_layers,
                image,
                image_registry_credential,
                acr_registry_info,
                tag,
                ..Default::default()
            },
        )
}

proptest! {
    #![proptest_config(crate::cases(150))]

    #[test]
    fn request_round_trips_in_any_order(call in any_create(), seed in any::<u64>()) {
        let mut flat: Vec<_> = sorted(&call.to_params());
        let len = flat.len().max(1) as u64;
        for at in (1..flat.len()).rev() {
            let other = (seed.rotate_left(u32::try_from(at).unwrap() % 64) % len) as usize % (at + 1);
            flat.swap(at, other);
        }
        let (back, unknown) = CreateImageCache::from_params(&Params::from_iter(flat)).unwrap();
        prop_assert_eq!(back, call);
        prop_assert!(unknown.is_empty());
    }

    #[test]
    fn request_any_parameter_name_is_kept(
        pairs in prop::collection::btree_map(
            "(Image|Tag|Flash|AcrRegistryInfo|New|1Domain|Domain|1|2|07|Key|\\.){1,6}", "true|1|", 0..8
        ),
    ) {
        let mut params = Params::from_iter(pairs);
        params.push("RegionId", "r");
        params.push("ImageCacheName", "n");
        if let Ok((call, unknown)) = CreateImageCache::from_params(&params) {
            // a lone empty switch says nothing, so it may go
            let told = params.iter().filter(|(name, value)| !(*name == "Flash" && value.is_empty())).count();
            prop_assert_eq!(call.to_params().len() + unknown.len(), told, "{:?} {:?} {:?}", params, call, unknown);
        }
    }
}

#[test]
fn a_printed_call_shows_no_password() {
    let call = CreateImageCache {
        image_registry_credential: vec![ImageRegistryCredential {
            server: Some("harbor.example.com".into()),
            user_name: Some("robot".into()),
            password: Some(Secret::from("hunter2")),
        }],
        ..Default::default()
    };
    let shown = format!("{call:?} {:?}", call.to_params());
    assert!(
        shown.contains("robot") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn calls_that_make_or_change_something_take_a_client_token() {
    let takes = |parameters: &[&str]| parameters.contains(&"ClientToken");
    assert!(takes(CreateImageCache::PARAMETERS));
    assert!(takes(UpdateImageCache::PARAMETERS));
    assert!(takes(DeleteImageCache::PARAMETERS));
    assert!(takes(CreateContainerGroup::PARAMETERS));
    assert!(!takes(DescribeImageCaches::PARAMETERS));
    assert_eq!(ListUsage::PARAMETERS, ["RegionId"]);
}
