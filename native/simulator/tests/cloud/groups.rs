use imagecache::eci::group::matched_cache;
use imagecache::eci::reply::ContainerGroupEntry;
use imagecache::eci::request::*;
use imagecache::time::DAY;
use imagecache_simulator::cloud::Cloud;
use imagecache_simulator::cloud::world::{Quotas, Settings};
use insta::assert_snapshot;

use crate::{NGINX, REGION, create, find, get, list, stepped};

fn group(name: &str, image: &str) -> CreateContainerGroup {
    CreateContainerGroup {
        region_id: REGION.into(),
        container_group_name: name.into(),
        match_image_cache: Some(true),
        container: vec![Container {
            name: "main".into(),
            image: image.into(),
            cpu: Some("0.5".into()),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn started(cloud: &Cloud, call: &CreateContainerGroup) -> String {
    cloud.call(call).unwrap().container_group_id
}

fn describe(cloud: &Cloud, id: &str) -> ContainerGroupEntry {
    let call = DescribeContainerGroups {
        region_id: REGION.into(),
        container_group_ids: JsonList(vec![id.into()]),
        ..Default::default()
    };
    cloud.call(&call).unwrap().container_groups.pop().unwrap()
}

/// Status and events of a group, ids replaced.
fn report(cloud: &Cloud, id: &str) -> String {
    let group = describe(cloud, id);
    let events = group.events.iter().map(|event| {
        let (kind, reason) = (
            event.r#type.as_deref().unwrap(),
            event.reason.as_deref().unwrap(),
        );
        let words = event.message.as_deref().unwrap().split(' ').map(|word| {
            match word.strip_prefix("imc-") {
                Some(rest) => format!(
                    "imc-…{}",
                    rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric())
                ),
                None => word.to_owned(),
            }
        });
        format!("{kind} {reason}: {}\n", words.collect::<Vec<_>>().join(" "))
    });
    format!("{}\n{}", group.status.unwrap(), events.collect::<String>())
}

#[test]
fn group_with_cache_names_it_and_pulls_nothing() {
    let (cloud, hand) = stepped(Settings::default());
    let cache = cloud
        .call(&create("base", &[NGINX]))
        .unwrap()
        .image_cache_id;
    hand.pass(100);
    let id = started(&cloud, &group("web", NGINX));
    assert_snapshot!(report(&cloud, &id), @"Pending");
    let matched = cloud.now().to_string();
    hand.pass(20);
    assert_snapshot!(report(&cloud, &id), @r#"
    Running
    Normal SuccessfulHitImageCache: [eci.imagecache]Successfully hit image cache imc-…, eci will be scheduled with this image cache.
    Normal Pulled: Container image "registry.example.com/demo/nginx:1.27" already present on machine
    Normal Started: Started container main
    "#);
    let group = describe(&cloud, &id);
    assert_eq!(matched_cache(&group.events), Some(cache.as_str()));
    assert_eq!(get(&cloud, &cache).last_matched_time, Some(matched));
    // the group goes on without its cache
    let delete = DeleteImageCache {
        region_id: REGION.into(),
        image_cache_id: cache,
        ..Default::default()
    };
    cloud.call(&delete).unwrap();
    assert_eq!(describe(&cloud, &id).status.as_deref(), Some("Running"));
}

#[test]
fn group_without_full_match_starts_an_automatic_cache() {
    let (cloud, hand) = stepped(Settings::default());
    cloud
        .call(&create("base", &["registry.example.com/demo/nginx:1.26"]))
        .unwrap();
    hand.pass(100);
    let missed = started(&cloud, &group("miss", "busybox"));
    let partly = started(&cloud, &group("part", NGINX));
    hand.pass(100);
    assert_snapshot!(report(&cloud, &missed), @r#"
    Running
    Warning ImageCacheMissed: [eci.imagecache]Missed image cache.
    Normal ImageCacheAutoCreated: [eci.imagecache]Image cache imc-… is auto created
    Normal Pulled: Successfully pulled image "busybox"
    Normal Started: Started container main
    "#);
    assert_snapshot!(report(&cloud, &partly), @r#"
    Running
    Normal SuccessfulHitImageCache: [eci.imagecache]Successfully hit image cache imc-…, eci will be scheduled with this image cache.
    Normal ImageCacheAutoCreated: [eci.imagecache]Image cache imc-… is auto created
    Normal Pulled: Successfully pulled image "registry.example.com/demo/nginx:1.27"
    Normal Started: Started container main
    "#);
    let filters = DescribeImageCaches {
        image_cache_name: Some(format!("auto-create-for-{missed}")),
        ..Default::default()
    };
    let automatic = list(&cloud, filters).pop().unwrap();
    assert_eq!(
        (automatic.status.as_str(), automatic.image_cache_size),
        ("Ready", Some(30))
    );
    // the same again hits it
    let again = started(&cloud, &group("again", "docker.io/library/busybox:latest"));
    hand.pass(20);
    assert_eq!(
        matched_cache(&describe(&cloud, &again).events),
        Some(automatic.image_cache_id.as_str())
    );
}

#[test]
fn group_without_matching_gets_no_cache() {
    let (cloud, hand) = stepped(Settings::default());
    let quiet = CreateContainerGroup {
        match_image_cache: None,
        ..group("web", "busybox")
    };
    let id = started(&cloud, &quiet);
    hand.pass(20);
    assert_snapshot!(report(&cloud, &id), @r#"
    Running
    Normal Pulled: Successfully pulled image "busybox"
    Normal Started: Started container main
    "#);
    assert!(list(&cloud, DescribeImageCaches::default()).is_empty());
}

#[test]
fn automatic_cache_lives_7_days_or_30_after_use() {
    let (cloud, hand) = stepped(Settings::default());
    let begun = cloud.now();
    started(&cloud, &group("one", "busybox"));
    started(&cloud, &group("two", "alpine"));
    let auto = |image: &str| {
        let filters = DescribeImageCaches {
            image: Some(image.into()),
            ..Default::default()
        };
        list(&cloud, filters)
            .pop()
            .map(|cache| cache.image_cache_id)
    };
    let (used, unused) = (auto("busybox").unwrap(), auto("alpine").unwrap());
    assert_eq!(
        get(&cloud, &used).expire_date_time,
        Some(begun.plus(7 * DAY).to_string())
    );
    hand.pass(6 * DAY);
    started(&cloud, &group("three", "busybox"));
    let matched = cloud.now();
    assert_eq!(
        get(&cloud, &used).expire_date_time,
        Some(matched.plus(30 * DAY).to_string())
    );
    hand.pass(DAY);
    assert_eq!((auto("busybox").is_some(), auto("alpine")), (true, None));
    assert!(find(&cloud, &unused).is_none());
    hand.pass(29 * DAY);
    assert!(find(&cloud, &used).is_none());
}

#[test]
fn at_their_quota_automatic_caches_give_way_to_new_ones() {
    let (cloud, hand) = stepped(Settings {
        quotas: Quotas {
            automatic_caches: 1,
            ..Quotas::default()
        },
        ..Settings::default()
    });
    started(&cloud, &group("one", "busybox"));
    // the only one is being built
    let late = started(&cloud, &group("two", "alpine"));
    hand.pass(100);
    assert!(
        report(&cloud, &late)
            .contains("Image cache auto create failed for image cache quota is full.")
    );
    started(&cloud, &group("three", "alpine"));
    let images: Vec<_> = list(&cloud, DescribeImageCaches::default())
        .into_iter()
        .map(|cache| cache.images)
        .collect();
    assert_eq!(images, [["alpine"]]);
}

#[test]
fn group_waits_if_its_image_cannot_be_pulled() {
    let (cloud, hand) = stepped(Settings::default());
    let id = started(&cloud, &group("web", "registry.example.com/missing/app:1"));
    hand.pass(100);
    assert_snapshot!(report(&cloud, &id), @r"
    Pending
    Warning ImageCacheMissed: [eci.imagecache]Missed image cache.
    Normal ImageCacheAutoCreated: [eci.imagecache]Image cache imc-… is auto created
    Warning Failed: failed to pull image registry.example.com/missing/app:1: not found
    Warning ImageCacheAutoCreateFailed: [eci.imagecache]Image cache auto create failed for failed to pull image registry.example.com/missing/app:1: not found
    ");
}

#[test]
fn a_group_that_names_a_cache_gets_it_or_is_refused() {
    let (cloud, hand) = stepped(Settings::default());
    let cache = cloud
        .call(&create("base", &[NGINX]))
        .unwrap()
        .image_cache_id;
    let naming = |id: &str| CreateContainerGroup {
        image_snapshot_id: Some(id.into()),
        ..group("web", "busybox")
    };
    let code = |call| cloud.call(&call).unwrap_err().code.to_string();
    assert_eq!(code(naming("imc-none")), "ImageSnapshot.NotFound");
    assert_eq!(code(naming(&cache)), "ImageSnapshot.IncorrectStatus");
    hand.pass(100);
    let elsewhere = CreateContainerGroup {
        region_id: "cn-shanghai".into(),
        ..naming(&cache)
    };
    assert_eq!(code(elsewhere), "ImageSnapshot.NotFound");
    let id = started(&cloud, &naming(&cache));
    hand.pass(100);
    assert_eq!(
        matched_cache(&describe(&cloud, &id).events),
        Some(cache.as_str())
    );
    // a named cache makes no other
    assert_eq!(list(&cloud, DescribeImageCaches::default()).len(), 1);
}

#[test]
fn names_containers_and_vcpus_are_checked() {
    let (cloud, _) = stepped(Settings {
        quotas: Quotas {
            cpu: 1,
            ..Quotas::default()
        },
        auto_create: false,
        ..Settings::default()
    });
    let code =
        |call: &CreateContainerGroup| cloud.call(call).map_err(|refusal| refusal.code.to_string());
    for name in ["w", "Web", "-web", "web-", &"w".repeat(129)] {
        assert_eq!(
            code(&group(name, NGINX)),
            Err("InvalidParameter.Format".to_owned()),
            "{name}"
        );
    }
    let empty = CreateContainerGroup {
        container: vec![],
        ..group("web", NGINX)
    };
    assert_eq!(code(&empty), Err("MissingContainer".to_owned()));
    let mut odd = group("web", NGINX);
    odd.container[0].cpu = Some("NaN".into());
    assert_eq!(code(&odd), Err("InvalidParameter.Format".to_owned()));
    let first = started(&cloud, &group("web", NGINX));
    started(&cloud, &group("web", NGINX));
    assert_eq!(code(&group("web", NGINX)), Err("QuotaExceeded".to_owned()));
    let delete = DeleteContainerGroup {
        region_id: REGION.into(),
        container_group_id: first,
        ..Default::default()
    };
    cloud.call(&delete).unwrap();
    started(&cloud, &group("web", NGINX));
}
