//! Releases: which pods are covered, what is made, and what is retired.
#![cfg(feature = "plan")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use imagecache::cover::{APP, CoverOptions, CoverState, Coverage, RELEASE, cover, retired};
use imagecache::diagnostic::{Levels, Report};
use imagecache::matching::{Cache, Image, Inventory, MatchRules, Pod};
use imagecache::resource::{ImageCache, Phase};
use serde_json::{Value, json};

fn pods(objects: &[Value]) -> Vec<Pod> {
    let levels = Levels::default();
    let mut inventory = Inventory::default();
    for object in objects {
        inventory.add(object, &mut Report::new(&levels));
    }
    inventory.pods
}

fn deployment(name: &str, images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(number, image)| json!({"name": format!("c{number}"), "image": image}))
        .collect();
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": containers, "imagePullSecrets": [{"name": "login"}]}}}})
}

fn annotated(name: &str, images: &[&str], annotation: &str, value: &str) -> Value {
    let mut object = deployment(name, images);
    object["spec"]["template"]["metadata"] = json!({"annotations": {annotation: value}});
    object
}

fn cache(id: &str, phase: Phase, images: &[&str]) -> Cache {
    let mut cache = Cache::ready(id, images.iter().map(|image| Image::new(image)));
    cache.phase = Some(phase);
    cache
}

fn covered(objects: &[Value], caches: Vec<Cache>) -> Coverage {
    cover(
        &pods(objects),
        caches,
        &MatchRules::default(),
        &CoverOptions::default(),
    )
}

fn states(coverage: &Coverage) -> Vec<&'static str> {
    let states = coverage.needs.iter().map(|need| match &need.state {
        CoverState::Covered { .. } => "covered",
        CoverState::Waiting { .. } => "waiting",
        CoverState::Failed { .. } => "failed",
        CoverState::Missing => "missing",
        CoverState::Blocked { .. } => "blocked",
        _ => "unknown",
    });
    states.collect()
}

#[test]
fn cover_state_follows_the_caches() {
    let web = || deployment("web", &["web:1", "proxy:2"]);
    let all = ["web:1", "proxy:2"];
    for (what, caches, state) in [
        ("none", vec![], "missing"),
        (
            "all images",
            vec![cache("imc-1", Phase::Ready, &all)],
            "covered",
        ),
        (
            "one image",
            vec![cache("imc-1", Phase::Ready, &["web:1"])],
            "missing",
        ),
        (
            "another tag",
            vec![cache("imc-1", Phase::Ready, &["web:2", "proxy:2"])],
            "missing",
        ),
        (
            "on its way",
            vec![cache("imc-1", Phase::Creating, &all)],
            "waiting",
        ),
        (
            "updating",
            vec![cache("imc-1", Phase::Updating, &all)],
            "waiting",
        ),
        (
            "of others, failed",
            vec![cache("imc-1", Phase::Failed, &all)],
            "missing",
        ),
        (
            "ready beside one on its way",
            vec![
                cache("imc-1", Phase::Creating, &all),
                cache("imc-2", Phase::Ready, &all),
            ],
            "covered",
        ),
        (
            "two halves",
            vec![
                cache("imc-1", Phase::Ready, &["web:1"]),
                cache("imc-2", Phase::Ready, &["proxy:2"]),
            ],
            "missing",
        ),
    ] {
        let coverage = covered(&[web()], caches);
        assert_eq!(states(&coverage), [state], "{what}");
        assert_eq!(coverage.is_covered(), state == "covered", "{what}");
        assert_eq!(
            coverage.is_settled(),
            !["missing", "waiting"].contains(&state),
            "{what}"
        );
        assert_eq!(
            coverage.needs[0].manifest.is_some(),
            state == "missing",
            "{what}"
        );
    }
}

#[test]
fn cover_pods_with_the_same_images_share_a_cache() {
    let coverage = covered(
        &[
            deployment("a", &["web:1", "proxy:2"]),
            deployment("b", &["docker.io/library/proxy:2", "web:1"]),
            deployment("c", &["web:1"]),
            annotated(
                "d",
                &["web:1"],
                "k8s.aliyun.com/eci-extra-ephemeral-storage",
                "50Gi",
            ),
        ],
        vec![],
    );
    let pods: Vec<_> = coverage
        .needs
        .iter()
        .map(|need| need.pods.clone())
        .collect();
    assert_eq!(
        pods,
        [
            vec!["Deployment/shop/a", "Deployment/shop/b"],
            vec!["Deployment/shop/c"],
            vec!["Deployment/shop/d"]
        ]
    );
    let sizes: Vec<_> = coverage
        .needs
        .iter()
        .map(|need| need.manifest.as_ref().unwrap().spec.image_cache_size)
        .collect();
    assert_eq!(sizes[..2], [None, None]);
    assert!(sizes[2] >= Some(50), "{sizes:?}");
}

#[test]
fn cover_manifest_has_secrets_label_and_settings() {
    let mut options = CoverOptions::default();
    options.app = Some("shop".to_owned());
    options.size_gib = Some(40);
    options.retention_days = Some(14);
    let mut rules = MatchRules::default();
    rules.arch = Some("arm64".to_owned());
    let pods = pods(&[deployment("web", &["web:1"])]);
    let coverage = cover(&pods, [], &rules, &options);
    let made = coverage.needs[0].manifest.as_ref().unwrap();
    assert_eq!(made.spec.secrets(), ["shop:login"]);
    assert_eq!(
        (made.spec.image_cache_size, made.spec.retention_days),
        (Some(40), Some(14))
    );
    assert_eq!(made.metadata.labels.as_ref().unwrap()[APP], "shop");
    assert_eq!(
        made.metadata.annotation("k8s.aliyun.com/imc-cpu-arch"),
        Some("arm64")
    );
    let again = cover(&pods, [], &rules, &options);
    assert_eq!(again, coverage);
}

#[test]
fn cover_failed_cache_of_its_name_is_named() {
    let objects = [deployment("web", &["web:1"])];
    let name = covered(&objects, vec![]).needs[0]
        .manifest
        .as_ref()
        .unwrap()
        .metadata
        .name
        .clone();
    for (phase, images, message) in [
        (
            Phase::Failed,
            "web:1",
            "is Failed: delete it to make it again",
        ),
        (
            Phase::Ready,
            "web:2",
            "has other images, or cannot be used by the pods",
        ),
    ] {
        let mut failed = cache("imc-1", phase, &[images]);
        failed.name = name.clone().unwrap();
        let coverage = covered(&objects, vec![failed]);
        let CoverState::Failed { message: found, .. } = &coverage.needs[0].state else {
            panic!("{coverage:?}")
        };
        assert_eq!(found, message);
    }
}

#[test]
fn cover_pods_that_use_no_cache_are_skipped_by_name() {
    let mut acs = deployment("acs", &["web:1"]);
    acs["spec"]["template"]["metadata"] = json!({"labels": {"alibabacloud.com/acs": "true"}});
    let off = annotated("off", &["web:1"], "k8s.aliyun.com/eci-auto-imc", "false");
    let coverage = covered(&[acs, off], vec![]);
    assert!(coverage.needs.is_empty() && coverage.is_covered());
    let skipped: Vec<_> = coverage
        .skipped
        .iter()
        .map(|skipped| format!("{}: {}", skipped.pod, skipped.reason))
        .collect();
    assert_eq!(
        skipped,
        [
            "Deployment/shop/acs: runs on ACS, which has image caches of its own",
            "Deployment/shop/off: automatic matching is off: k8s.aliyun.com/eci-auto-imc",
        ]
    );
}

#[test]
fn cover_what_no_cache_can_hold_is_blocked() {
    let many: Vec<String> = (0..21).map(|number| format!("image-{number}:1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let pin = |id| annotated("pin", &["web:1"], "k8s.aliyun.com/eci-imc-id", id);
    for (object, caches, message) in [
        (
            deployment("many", &many),
            vec![],
            "spec.images: 21 images, at most 20 allowed",
        ),
        (
            deployment("bad", &["Web:1"]),
            vec![],
            "`Web:1` is not an image reference: ",
        ),
        (
            pin("imc-9"),
            vec![],
            "the pod names image cache `imc-9`, which does not exist",
        ),
        (
            pin("imc-1"),
            vec![cache("imc-1", Phase::Failed, &["web:1"])],
            "the pod names image cache `imc-1`, which is Failed, must be Ready",
        ),
        (
            pin("imc-1"),
            vec![cache("imc-1", Phase::Ready, &["other:1"])],
            "the pod names image cache `imc-1`, which does not have all its images",
        ),
    ] {
        let coverage = covered(&[object], caches);
        let CoverState::Blocked { message: found } = &coverage.needs[0].state else {
            panic!("{message}: {coverage:?}")
        };
        assert!(found.contains(message), "{found}");
        assert!(coverage.is_settled() && !coverage.is_covered());
    }
    let waiting = covered(
        &[pin("imc-1")],
        vec![cache("imc-1", Phase::Creating, &["web:1"])],
    );
    assert_eq!(states(&waiting), ["waiting"]);
}

/// Every release of two pods over three images, beside every set of up to two ready caches: what is to be made is enough,
/// nothing is made where a cache is there, and nothing is made twice.
#[test]
fn cover_made_caches_cover_every_small_release() {
    let images = ["a:1", "b:1", "c:1"];
    let subset = |bits: usize| -> Vec<&str> {
        let chosen = images.iter().enumerate();
        let chosen = chosen.filter(|(bit, _)| bits & (1 << bit) != 0);
        chosen.map(|(_, image)| *image).collect()
    };
    let mut worlds = 0;
    for (one, two) in (1..8).flat_map(|one| (one..8).map(move |two| (one, two))) {
        let release = [
            deployment("one", &subset(one)),
            deployment("two", &subset(two)),
        ];
        for (left, right) in (0..8).flat_map(|left| (left..8).map(move |right| (left, right))) {
            let there = || -> Vec<Cache> {
                let sets = [left, right].into_iter().enumerate();
                let sets = sets.filter(|(_, bits)| *bits != 0);
                sets.map(|(number, bits)| {
                    cache(&format!("imc-{number}"), Phase::Ready, &subset(bits))
                })
                .collect()
            };
            let coverage = covered(&release, there());
            let holds = |need: usize| [left, right].iter().any(|set| set & need == need);
            let mut made = there();
            let missing = coverage
                .needs
                .iter()
                .filter_map(|need| need.manifest.as_ref());
            for (number, manifest) in missing.enumerate() {
                let images: Vec<&str> = manifest.spec.images.iter().map(String::as_str).collect();
                let bits = images.iter().map(|image| {
                    1 << ["a:1", "b:1", "c:1"]
                        .iter()
                        .position(|one| one == image)
                        .unwrap()
                });
                assert!(!holds(bits.sum()), "{one} {two} {left} {right}");
                made.push(cache(&format!("imc-new-{number}"), Phase::Ready, &images));
            }
            let wanted: std::collections::BTreeSet<usize> = [one, two]
                .into_iter()
                .filter(|need| !holds(*need))
                .collect();
            assert_eq!(made.len() - there().len(), wanted.len());
            assert!(
                covered(&release, made).is_covered(),
                "{one} {two} {left} {right}"
            );
            worlds += 1;
        }
    }
    assert_eq!(worlds, 28 * 36);
}

fn marked(name: &str, app: &str, mark: &str) -> ImageCache {
    let object = json!({"metadata": {"name": name, "labels": {APP: app}, "annotations": {RELEASE: mark}},
        "spec": {"images": ["web:1"]}});
    serde_json::from_value(object).unwrap()
}

#[test]
fn retired_caches_are_those_of_releases_before_the_last() {
    let mut paused = marked("paused", "shop", "2026-11-01T00:00:00Z 1");
    let annotations = paused.metadata.annotations.as_mut().unwrap();
    annotations.insert(
        "imagecache.eci.alibabacloud.com/paused".to_owned(),
        "true".to_owned(),
    );
    let mut deleting = marked("deleting", "shop", "2026-11-01T00:00:00Z 1");
    deleting.metadata.deletion_timestamp = Some("2026-11-04T00:00:00Z".to_owned());
    let mut unmarked = marked("unmarked", "shop", "");
    unmarked.metadata.annotations = None;
    let caches = [
        marked("a", "shop", "2026-11-01T00:00:00Z 1"),
        marked("b", "shop", "2026-11-02T00:00:00Z 2"),
        marked("c", "shop", "2026-11-03T00:00:00Z 3"),
        marked("c2", "shop", "2026-11-03T00:00:00Z 3"),
        // release 1 was rolled out again
        marked("a2", "shop", "2026-11-04T00:00:00Z 1"),
        marked("other", "blog", "2026-10-01T00:00:00Z 1"),
        marked("unreadable", "shop", "yesterday"),
        paused,
        deleting,
        unmarked,
    ];
    for (keep, in_use, expected) in [
        (1, vec![], vec!["b", "c", "c2"]),
        (2, vec![], vec!["b"]),
        (2, vec!["b"], vec![]),
        (3, vec![], vec![]),
        (9, vec![], vec![]),
    ] {
        assert_eq!(retired(&caches, "shop", keep, &in_use), expected, "{keep}");
    }
}
