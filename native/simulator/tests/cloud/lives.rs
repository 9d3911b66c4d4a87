//! The state does not depend on when it is read, and is the same after a restart.

use imagecache::eci::request::*;
use imagecache::time::Timestamp;
use imagecache_simulator::cloud::world::{Quotas, Settings, World};
use imagecache_simulator::cloud::{Clock, Cloud, Config};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{REGION, create};

/// What a client does, with the numbers of caches and groups in place of ids.
#[derive(Debug, Clone)]
enum Deed {
    Create {
        image: usize,
        lru: bool,
        flash: bool,
        days: Option<i32>,
        token: Option<u8>,
    },
    Update {
        cache: usize,
        image: usize,
    },
    Delete {
        cache: usize,
    },
    Start {
        image: usize,
        token: Option<u8>,
    },
    Stop {
        group: usize,
    },
}

const IMAGES: [&str; 5] = [
    "busybox",
    "registry.example.com/demo/nginx:1.27",
    "registry.example.com/demo/nginx:1.26",
    "registry.example.com/missing/app:1",
    "registry.example.com/huge/app:1",
];

fn deed() -> impl Strategy<Value = Deed> {
    let image = 0..IMAGES.len();
    let token = proptest::option::of(0..4_u8);
    prop_oneof![
        3 => (image.clone(), any::<bool>(), any::<bool>(), proptest::option::of(1..40), token.clone())
            .prop_map(|(image, lru, flash, days, token)| Deed::Create { image, lru, flash, days, token }),
        2 => (0..8_usize, image.clone()).prop_map(|(cache, image)| Deed::Update { cache, image }),
        1 => (0..8_usize).prop_map(|cache| Deed::Delete { cache }),
        3 => (image, token).prop_map(|(image, token)| Deed::Start { image, token }),
        1 => (0..8_usize).prop_map(|group| Deed::Stop { group }),
    ]
}

/// Seconds until the next deed: from none to weeks.
fn pauses() -> impl Strategy<Value = i64> {
    prop_oneof![0..3_i64, 0..100_i64, 0..3_000_000_i64]
}

fn settings() -> Settings {
    Settings {
        quotas: Quotas {
            caches: 3,
            automatic_caches: 2,
            cpu: 40,
        },
        ..Settings::default()
    }
}

/// The deed as a call: caches and groups by their place in the order of ids.
fn operation(deed: &Deed, caches: &Value, groups: &Value) -> Operation {
    let id = |list: &Value, kind: &str, at: usize| {
        let list = list[format!("{kind}s")].as_array().unwrap();
        let one = list.get(at % list.len().max(1));
        one.map_or("none".to_owned(), |one| {
            one[format!("{kind}Id")].as_str().unwrap().to_owned()
        })
    };
    let text = |token: &Option<u8>| token.map(|token| format!("t{token}"));
    match deed {
        Deed::Create {
            image,
            lru,
            flash,
            days,
            token,
        } => Operation::CreateImageCache(CreateImageCache {
            elimination_strategy: lru.then(|| "LRU".to_owned()),
            flash: Some(*flash),
            retention_days: *days,
            client_token: text(token),
            ..create("base", &[IMAGES[*image]])
        }),
        Deed::Update { cache, image } => Operation::UpdateImageCache(UpdateImageCache {
            region_id: REGION.into(),
            image_cache_id: id(caches, "ImageCache", *cache),
            image: vec![IMAGES[*image].into()],
            ..Default::default()
        }),
        Deed::Delete { cache } => Operation::DeleteImageCache(DeleteImageCache {
            region_id: REGION.into(),
            image_cache_id: id(caches, "ImageCache", *cache),
            ..Default::default()
        }),
        Deed::Start { image, token } => Operation::CreateContainerGroup(CreateContainerGroup {
            region_id: REGION.into(),
            container_group_name: "web".into(),
            match_image_cache: Some(true),
            client_token: text(token),
            container: vec![Container {
                name: "a".into(),
                image: IMAGES[*image].into(),
                ..Default::default()
            }],
            ..Default::default()
        }),
        Deed::Stop { group } => Operation::DeleteContainerGroup(DeleteContainerGroup {
            region_id: REGION.into(),
            container_group_id: id(groups, "ContainerGroup", *group),
            ..Default::default()
        }),
    }
}

fn all_caches() -> Operation {
    Operation::DescribeImageCaches(DescribeImageCaches {
        region_id: REGION.into(),
        limit: Some(100),
        ..Default::default()
    })
}

fn all_groups() -> Operation {
    Operation::DescribeContainerGroups(DescribeContainerGroups {
        region_id: REGION.into(),
        limit: Some(100),
        ..Default::default()
    })
}

fn usage() -> Operation {
    Operation::ListUsage(ListUsage {
        region_id: REGION.into(),
    })
}

const START: &str = "2026-01-18T03:18:02Z";

/// Runs the deeds; `looks` is how often the state is read in each pause.
fn run(deeds: &[(i64, Deed)], looks: i64) -> Vec<Value> {
    let mut now: Timestamp = START.parse().unwrap();
    let mut world = World::new(settings(), now);
    let mut drawn = 0_u64;
    let mut chance = || {
        drawn += 1;
        drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let mut seen = Vec::new();
    for (pause, deed) in deeds {
        for look in 1..looks {
            world
                .call(&usage(), now.plus(pause * look / looks), &mut chance)
                .unwrap();
        }
        now = now.plus(*pause);
        let caches = world.call(&all_caches(), now, &mut chance).unwrap();
        let groups = world.call(&all_groups(), now, &mut chance).unwrap();
        let call = operation(deed, &caches, &groups);
        let answer = match world.call(&call, now, &mut chance) {
            Ok(reply) => reply,
            Err(refusal) => json!(refusal.to_string()),
        };
        let usage = world.call(&usage(), now, &mut chance).unwrap();
        let used = &usage["Attributes"];
        assert!(used["UsedImageCacheCount"].as_u64() <= Some(3), "{usage}");
        assert!(
            used["UsedAutoImageCacheCount"].as_u64() <= Some(2),
            "{usage}"
        );
        assert!(
            used["UsedCpu"].as_f64() <= Some(40.0 + 2.0 * 5.0),
            "{usage}"
        );
        seen.extend([caches, groups, answer, usage]);
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn state_does_not_depend_on_reads(
        deeds in proptest::collection::vec((pauses(), deed()), 1..25), looks in 2..9_i64,
    ) {
        prop_assert_eq!(run(&deeds, 1), run(&deeds, looks));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..Default::default() })]

    #[test]
    fn state_is_restored_after_a_restart(deeds in proptest::collection::vec((pauses(), deed()), 1..8)) {
        let folder = tempfile::tempdir().unwrap();
        let (clock, hand) = Clock::stepped(START.parse().unwrap());
        let open = || Cloud::open(Config {
            clock: clock.clone(),
            data: Some(folder.path().into()),
            settings: settings(),
            ..Config::default()
        }).unwrap();
        let everything = |cloud: &Cloud| [all_caches(), all_groups(), usage()].map(|call| cloud.answer(&call).unwrap());
        let mut cloud = open();
        for (pause, deed) in &deeds {
            hand.pass(*pause);
            let [caches, groups, _] = everything(&cloud);
            let call = operation(deed, &caches, &groups);
            let first = cloud.answer(&call);
            let before = everything(&cloud);
            drop(cloud);
            cloud = open();
            prop_assert_eq!(&everything(&cloud), &before);
            // a client that heard nothing asks again, with its token
            if first.is_ok() && call.to_params().get("ClientToken").is_some() {
                prop_assert_eq!(&cloud.answer(&call), &first);
                prop_assert_eq!(&everything(&cloud), &before);
            }
        }
    }
}

#[test]
fn a_folder_is_used_by_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let config = || Config {
        data: Some(folder.path().into()),
        ..Config::default()
    };
    let first = Cloud::open(config()).unwrap();
    let second = Cloud::open(config()).unwrap_err().to_string();
    assert!(
        second.ends_with("another process uses this folder; end it, or name another folder"),
        "{second}"
    );
    drop(first);
    Cloud::open(config()).unwrap();
    std::fs::write(folder.path().join("cloud.redb"), "no database").unwrap();
    assert!(Cloud::open(config()).is_err());
}
