use imagecache::eci::error::ErrorCode;
use imagecache::eci::request::*;
use imagecache::time::DAY;
use imagecache_simulator::cloud::world::{Quotas, Settings};
use imagecache_simulator::cloud::{Clock, Cloud, Config};
use insta::assert_snapshot;

use crate::{NGINX, REGION, create, find, get, list, names, stepped};

fn code<T: std::fmt::Debug>(result: Result<T, imagecache::eci::error::ApiError>) -> String {
    result.unwrap_err().code.to_string()
}

fn update(id: &str) -> UpdateImageCache {
    UpdateImageCache {
        region_id: REGION.into(),
        image_cache_id: id.into(),
        ..Default::default()
    }
}

fn delete(cloud: &Cloud, id: &str) {
    let call = DeleteImageCache {
        region_id: REGION.into(),
        image_cache_id: id.into(),
        ..Default::default()
    };
    cloud.call(&call).unwrap();
}

/// The life of a cache, a line each time that something has changed.
fn life(call: &CreateImageCache, seconds: i64) -> String {
    let (cloud, hand) = stepped(Settings::default());
    let id = cloud.call(call).unwrap().image_cache_id;
    let (mut lines, mut before) = (String::new(), String::new());
    for second in 0..=seconds {
        let line = match find(&cloud, &id) {
            None => "gone".to_owned(),
            Some(cache) => {
                let newest = cache.events.last().and_then(|event| event.message.clone());
                format!(
                    "{} {} {}",
                    cache.status.as_str(),
                    if cache.is_settled() {
                        cache.progress.unwrap()
                    } else {
                        "…".to_owned()
                    },
                    newest.unwrap_or_default()
                )
            }
        };
        if line != before {
            lines.push_str(&format!("{second:>3} {line}\n"));
            before = line;
        }
        hand.pass(1);
    }
    lines
}

#[test]
fn cache_build_is_prepared_pulls_images_and_gets_ready() {
    let call = create("base", &[NGINX, "busybox"]);
    assert_snapshot!(life(&call, 60), @r"
      0 Preparing … 
      5 Creating … Successfully check image cache resource.
      6 Creating … Successfully pulled image registry-vpc.cn-beijing.aliyuncs.com/acs/pause-amd64:3.0
     10 Creating … Successfully pulled image registry.example.com/demo/nginx:1.27
     11 Creating … Successfully pulled image busybox
     41 Ready 100% Successfully pulled image busybox
    ");
}

#[test]
fn a_flash_cache_is_ready_before_its_snapshot_is() {
    let call = CreateImageCache {
        flash: Some(true),
        ..create("base", &["busybox"])
    };
    let (cloud, hand) = stepped(Settings::default());
    let id = cloud.call(&call).unwrap().image_cache_id;
    hand.pass(15);
    let cache = get(&cloud, &id);
    assert_eq!(cache.status.as_str(), "Ready");
    assert!(cache.flash_snapshot_id.is_some() && cache.snapshot_id.is_none());
    assert!(cache.percent().unwrap() < 100);
    hand.pass(30);
    let cache = get(&cloud, &id);
    assert!(cache.flash_snapshot_id.is_none() && cache.snapshot_id.is_some());
    assert_eq!(cache.percent(), Some(100));
}

#[test]
fn a_failed_cache_says_why_and_goes_after_24_hours() {
    for (images, why) in [
        (
            vec!["registry.example.com/missing/app:1"],
            "failed to pull image registry.example.com/missing/app:1: not found",
        ),
        (
            vec![NGINX, "registry.example.com/private/app:1"],
            "pull access denied",
        ),
        (
            vec!["registry.example.com/huge/a:1"],
            "no space left, the cache has 20 GiB",
        ),
    ] {
        let (cloud, hand) = stepped(Settings::default());
        let id = cloud.call(&create("base", &images)).unwrap().image_cache_id;
        hand.pass(60);
        let cache = get(&cloud, &id);
        assert_eq!(cache.status.as_str(), "Failed", "{why}");
        let last = cache.events.last().unwrap();
        assert_eq!(last.r#type.as_deref(), Some("Warning"));
        assert!(last.message.as_deref().unwrap().contains(why), "{last:?}");
        let failed: imagecache::time::Timestamp =
            last.last_timestamp.as_deref().unwrap().parse().unwrap();
        assert_eq!(cache.expire_date_time, Some(failed.plus(DAY).to_string()));
        hand.pass(failed.plus(DAY - 1).since(cloud.now()));
        assert!(find(&cloud, &id).is_some());
        hand.pass(1);
        assert!(find(&cloud, &id).is_none());
    }
}

#[test]
fn private_images_need_logins_and_no_secret_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::stepped("2026-01-18T03:18:02Z".parse().unwrap());
    let config = Config {
        clock,
        data: Some(folder.path().into()),
        ..Config::default()
    };
    let cloud = Cloud::open(config).unwrap();
    let login = |password: &str| ImageRegistryCredential {
        server: Some("registry.example.com".into()),
        user_name: Some("robot".into()),
        password: Some(password.into()),
    };
    let with = |name: &str, password: &str| CreateImageCache {
        image_registry_credential: vec![login(password)],
        client_token: Some(name.into()),
        ..create(name, &["registry.example.com/private/app:1"])
    };
    let right = cloud
        .call(&with("right", "hunter2"))
        .unwrap()
        .image_cache_id;
    let wrong = cloud
        .call(&with("wrong", "hunter3"))
        .unwrap()
        .image_cache_id;
    let acr = CreateImageCache {
        acr_registry_info: vec![AcrRegistryInfo {
            instance_id: "cri-example".into(),
            ..Default::default()
        }],
        ..create("acr", &["registry.example.com/acr/app:1"])
    };
    let acr = cloud.call(&acr).unwrap().image_cache_id;
    hand.pass(100);
    let status = |id: &str| get(&cloud, id).status.as_str().to_owned();
    assert_eq!(
        [status(&right), status(&wrong), status(&acr)],
        ["Ready", "Failed", "Ready"]
    );
    // an update that does not repeat the login still may pull what it opened
    let more = UpdateImageCache {
        image: vec!["registry.example.com/private/app:1".into(), NGINX.into()],
        ..update(&right)
    };
    cloud.call(&more).unwrap();
    hand.pass(100);
    assert_eq!(status(&right), "Ready");
    drop(cloud);
    let kept = std::fs::read(folder.path().join("cloud.redb")).unwrap();
    assert!(kept.windows(7).any(|part| part == b"private"));
    assert!(!kept.windows(7).any(|part| part == b"hunter2"));
}

#[test]
fn retention_counts_from_creation_and_follows_updates() {
    let (cloud, hand) = stepped(Settings::default());
    let created = cloud.now();
    let call = CreateImageCache {
        retention_days: Some(2),
        ..create("base", &[NGINX])
    };
    let id = cloud.call(&call).unwrap().image_cache_id;
    let ends = || get(&cloud, &id).expire_date_time;
    assert_eq!(ends(), Some(created.plus(2 * DAY).to_string()));
    hand.pass(DAY);
    let longer = UpdateImageCache {
        retention_days: Some(3),
        ..update(&id)
    };
    cloud.call(&longer).unwrap();
    hand.pass(10);
    assert_eq!(ends(), Some(created.plus(3 * DAY).to_string()));
    hand.pass(2 * DAY - 11);
    assert!(find(&cloud, &id).is_some());
    hand.pass(1);
    assert!(find(&cloud, &id).is_none());
    let forever = cloud
        .call(&create("forever", &[NGINX]))
        .unwrap()
        .image_cache_id;
    hand.pass(100_000 * DAY);
    assert_eq!(get(&cloud, &forever).expire_date_time, None);
}

#[test]
fn update_needs_a_finished_cache_and_a_change() {
    let (cloud, hand) = stepped(Settings::default());
    let call = CreateImageCache {
        tag: vec![Tag {
            key: "team".into(),
            value: Some("ml".into()),
        }],
        ..create("base", &[NGINX])
    };
    let id = cloud.call(&call).unwrap().image_cache_id;
    let rename = UpdateImageCache {
        image_cache_name: Some("renamed".into()),
        ..update(&id)
    };
    assert_eq!(code(cloud.call(&rename)), "ImageCache.IncorrectStatus");
    hand.pass(100);
    assert_eq!(code(cloud.call(&update(&id))), "NoNeedUpdate");
    assert_eq!(
        code(cloud.call(&update("imc-none"))),
        "InvalidImageCache.NotFound"
    );
    let before = get(&cloud, &id);
    cloud.call(&rename).unwrap();
    assert_eq!(get(&cloud, &id).status.as_str(), "Updating");
    hand.pass(3);
    let after = get(&cloud, &id);
    assert_eq!(
        (after.status.as_str(), after.image_cache_name.as_str()),
        ("Ready", "renamed")
    );
    assert_eq!(
        (&after.snapshot_id, &after.tags, &after.images),
        (&before.snapshot_id, &before.tags, &before.images)
    );

    let broken = UpdateImageCache {
        image: vec!["registry.example.com/missing/app:1".into()],
        ..update(&id)
    };
    cloud.call(&broken).unwrap();
    hand.pass(100);
    let failed = get(&cloud, &id);
    assert_eq!(failed.status.as_str(), "UpdateFailed");
    assert_eq!(
        (
            &failed.images,
            &failed.snapshot_id,
            &failed.expire_date_time
        ),
        (&before.images, &before.snapshot_id, &None)
    );
    let mended = UpdateImageCache {
        image: vec!["busybox".into()],
        ..update(&id)
    };
    cloud.call(&mended).unwrap();
    hand.pass(100);
    let mended = get(&cloud, &id);
    assert_eq!(
        (mended.status.as_str(), mended.images),
        ("Ready", vec!["busybox".to_owned()])
    );
    assert_ne!(mended.snapshot_id, before.snapshot_id);
}

#[test]
fn quota_evicts_the_least_recently_used_cache() {
    let (cloud, hand) = stepped(Settings {
        quotas: Quotas {
            caches: 3,
            ..Quotas::default()
        },
        ..Settings::default()
    });
    let lru = |name: &str| CreateImageCache {
        elimination_strategy: Some("LRU".into()),
        ..create(name, &[&format!("a.example.com/{name}:1")])
    };
    for call in [create("kept", &[NGINX]), lru("used"), lru("unused")] {
        cloud.call(&call).unwrap();
        hand.pass(100);
    }
    let use_it = CreateContainerGroup {
        region_id: REGION.into(),
        container_group_name: "web".into(),
        match_image_cache: Some(true),
        container: vec![Container {
            name: "a".into(),
            image: "a.example.com/used:1".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    cloud.call(&use_it).unwrap();
    cloud.call(&lru("fourth")).unwrap();
    assert_eq!(names(&cloud), ["fourth", "kept", "used"]);
    // what is being built does not go
    cloud.call(&create("fifth", &[NGINX])).unwrap();
    assert_eq!(names(&cloud), ["fifth", "fourth", "kept"]);
    assert_eq!(
        code(cloud.call(&create("sixth", &[NGINX]))),
        "QuotaExceeded"
    );
    assert_eq!(names(&cloud), ["fifth", "fourth", "kept"]);
    // another region has a quota of its own
    let elsewhere = CreateImageCache {
        region_id: "cn-shanghai".into(),
        ..create("elsewhere", &[NGINX])
    };
    cloud.call(&elsewhere).unwrap();
    let usage = cloud
        .call(&ListUsage {
            region_id: REGION.into(),
        })
        .unwrap()
        .attributes;
    assert_eq!(
        (usage.used_image_cache_count, usage.max_image_cache_count),
        (Some(3), Some(3))
    );
}

#[test]
fn a_token_is_remembered_for_a_day_and_makes_one_cache() {
    let (cloud, hand) = stepped(Settings::default());
    let with = |token: &str, name: &str| CreateImageCache {
        client_token: Some(token.into()),
        ..create(name, &[NGINX])
    };
    let first = cloud.call(&with("t", "a")).unwrap();
    hand.pass(DAY - 1);
    assert_eq!(cloud.call(&with("t", "a")).unwrap(), first);
    assert_eq!(
        code(cloud.call(&with("t", "b"))),
        "IdempotentParameterMismatch"
    );
    assert_ne!(cloud.call(&with("T", "a")).unwrap(), first);
    hand.pass(1);
    assert_ne!(cloud.call(&with("t", "b")).unwrap(), first);
    assert_eq!(names(&cloud), ["a", "a", "b"]);
    // a refused request is not remembered
    assert_eq!(
        code(cloud.call(&CreateImageCache {
            client_token: Some("u".into()),
            ..create("x", &[])
        })),
        "MissingImage"
    );
    cloud.call(&with("u", "c")).unwrap();
}

#[test]
fn interrupted_builds_are_deleted_or_fail() {
    let (cloud, hand) = stepped(Settings::default());
    let gone = cloud.call(&create("gone", &[NGINX])).unwrap();
    let lost = cloud.call(&create("lost", &[NGINX])).unwrap();
    hand.pass(6);
    delete(&cloud, &gone.image_cache_id);
    delete(&cloud, &gone.image_cache_id);
    let builder = DeleteContainerGroup {
        region_id: REGION.into(),
        container_group_id: lost.container_group_id.unwrap(),
        ..Default::default()
    };
    cloud.call(&builder).unwrap();
    hand.pass(100);
    assert_eq!(names(&cloud), ["lost"]);
    assert_eq!(get(&cloud, &lost.image_cache_id).status.as_str(), "Failed");
}

#[test]
fn size_below_minimum_is_raised_with_event_or_refused() {
    let (cloud, _) = stepped(Settings::default());
    let small = CreateImageCache {
        image_cache_size: Some(10),
        ..create("small", &[NGINX])
    };
    let id = cloud.call(&small).unwrap().image_cache_id;
    let cache = get(&cloud, &id);
    assert_eq!((cache.image_cache_size, cache.events.len()), (Some(20), 1));
    let (strict, _) = stepped(Settings {
        raise_small: false,
        ..Settings::default()
    });
    assert_eq!(code(strict.call(&small)), "InvalidParameter.Format");
    for size in [0, -1, 32_769] {
        let call = CreateImageCache {
            image_cache_size: Some(size),
            ..small.clone()
        };
        assert_eq!(code(cloud.call(&call)), "InvalidParameter.Format", "{size}");
    }
}

#[test]
fn values_beyond_limits_are_refused_without_effect() {
    let (cloud, _) = stepped(Settings::default());
    let base = create("base", &[NGINX]);
    for (bad, expected) in [
        (
            CreateImageCache {
                region_id: "eci.example.com/".into(),
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                image_cache_name: "n".repeat(129),
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                image: vec![NGINX.into(); 21],
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                image: vec!["Upper/Case".into()],
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                retention_days: Some(0),
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                retention_days: Some(65_537),
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                elimination_strategy: Some("FIFO".into()),
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                client_token: Some("t".repeat(65)),
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                client_token: Some("ü".into()),
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                standard_copy_count: Some(0),
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                tag: vec![
                    Tag {
                        key: "k".into(),
                        value: None
                    };
                    21
                ],
                ..base.clone()
            },
            ErrorCode::InvalidParameterFormat,
        ),
        (
            CreateImageCache {
                image_cache_name: String::new(),
                ..base.clone()
            },
            ErrorCode::Missing("ImageCacheName".into()),
        ),
    ] {
        assert_eq!(cloud.call(&bad).unwrap_err().code, expected, "{bad:?}");
    }
    for bad in [
        DescribeImageCaches {
            limit: Some(0),
            ..Default::default()
        },
        DescribeImageCaches {
            limit: Some(101),
            ..Default::default()
        },
        DescribeImageCaches {
            next_token: Some("&&".into()),
            ..Default::default()
        },
        DescribeImageCaches {
            match_image: vec![NGINX.into()],
            image_match_count_request: Some(0),
            ..Default::default()
        },
    ] {
        let bad = DescribeImageCaches {
            region_id: REGION.into(),
            ..bad
        };
        assert_eq!(
            cloud.call(&bad).unwrap_err().code,
            ErrorCode::InvalidParameterFormat,
            "{bad:?}"
        );
    }
    assert!(list(&cloud, DescribeImageCaches::default()).is_empty());
}

#[test]
fn pages_stay_true_while_caches_come_and_go() {
    let (cloud, hand) = stepped(Settings::default());
    let mut ids = Vec::new();
    for number in 0..9 {
        ids.push(
            cloud
                .call(&create(&format!("c{number}"), &[NGINX]))
                .unwrap()
                .image_cache_id,
        );
        hand.pass(1);
    }
    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let call = DescribeImageCaches {
            region_id: REGION.into(),
            limit: Some(2),
            next_token: token,
            ..Default::default()
        };
        let page = cloud.call(&call).unwrap();
        seen.extend(
            page.image_caches
                .into_iter()
                .map(|cache| cache.image_cache_id),
        );
        // the last one seen goes, a new one comes
        delete(&cloud, seen.last().unwrap());
        cloud.call(&create("new", &[NGINX])).unwrap();
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    ids.reverse();
    assert_eq!(seen, ids);
}
