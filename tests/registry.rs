//! What follows from facts of registries, and which questions manifests lead to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use imagecache::diagnostic::{Levels, Report};
use imagecache::document::{TextFormat, TextLimits};
use imagecache::freshness::{Freshness, FreshnessInventory, RunningIs};
use imagecache::registry::{
    FailureReason, ImageRecord, PlatformImage, RegistryAnswer, RegistryAsk, RegistryFacts,
    RegistryFailure, RegistryNeeds, check_text,
};
use imagecache::time::Timestamp;
use imagecache::validate::ValidateOptions;
use serde_json::{Value, json};

const REASONS: [FailureReason; 6] = [
    FailureReason::Unauthorized,
    FailureReason::NotFound,
    FailureReason::Moved,
    FailureReason::Unreachable,
    FailureReason::TooManyRequests,
    FailureReason::NotAnImage,
];

fn now() -> Timestamp {
    "2026-01-02T00:00:00Z".parse().unwrap()
}

/// An image for these platforms, with this many bytes for the first.
fn image(digest: &str, platforms: &[&str], bytes: u64) -> RegistryAnswer {
    let mut record = ImageRecord::new(digest);
    let of = |platform: &&str| {
        PlatformImage::new(platform.parse().unwrap(), &format!("{digest}-{platform}"))
    };
    record.platforms = Some(platforms.iter().map(of).collect());
    record.bytes = Some(bytes);
    RegistryAnswer::Image(record)
}

fn failed(reason: FailureReason) -> RegistryAnswer {
    RegistryAnswer::Failed(RegistryFailure::new(reason, "the registry says why"))
}

/// The questions that manifests lead to, and the findings when each is answered like this.
fn check(
    manifests: &[Value],
    answer: impl Fn(&RegistryAsk) -> Option<RegistryAnswer>,
) -> (RegistryNeeds, Vec<String>) {
    let mut needs = RegistryNeeds::default();
    let options = ValidateOptions::default();
    for manifest in manifests {
        needs.add(manifest, &options.pod_paths);
    }
    let mut facts = RegistryFacts::default();
    for ask in needs.asks() {
        if let Some(answer) = answer(&ask) {
            facts.insert(ask, now(), answer);
        }
    }
    let text: Vec<String> = manifests.iter().map(ToString::to_string).collect();
    let text = text.join("\n---\n");
    let found = check_text(
        &text,
        TextFormat::Auto,
        &options,
        &TextLimits::default(),
        &needs,
        &facts,
    );
    let said = found.iter().map(|one| {
        assert!(one.span.is_some(), "{one}");
        format!("{} {one}", one.code)
    });
    (needs, said.collect())
}

fn cache(images: &[&str], spec: Value) -> Value {
    let mut all = json!({"images": images});
    for (name, value) in spec.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "web"}, "spec": all})
}

#[test]
fn needs_hold_each_image_with_its_platform_and_known_secrets() {
    let mut arm = cache(
        &["nginx", "a.example.com/x:1"],
        json!({"imagePullSecrets": ["shop:login", "shop:missing"]}),
    );
    arm["metadata"]["annotations"] = json!({"k8s.aliyun.com/imc-cpu-arch": "arm64"});
    let pod = json!({"nodeSelector": {"kubernetes.io/arch": "arm64"}, "imagePullSecrets": [{"name": "login"}],
        "containers": [{"name": "a", "image": "nginx"}, {"name": "b", "image": "not an image"}]});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": pod}}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "shop"},
        "stringData": {".dockerconfigjson": "hunter2-hunter2"}});
    let list = json!({"kind": "List", "items": [arm, secret]});
    let (needs, _) = check(
        &[list, web, cache(&["nginx:1@sha256:0"], json!({}))],
        |_| None,
    );
    let asks: Vec<_> = needs.asks().into_iter().collect();
    let asks: Vec<_> = asks
        .iter()
        .map(|ask| format!("{} {} {:?}", ask.image, ask.platform, ask.secrets))
        .collect();
    assert_eq!(
        asks,
        [
            "a.example.com/x:1 linux/arm64 [\"shop:login\"]",
            "docker.io/library/nginx:latest linux/arm64 [\"shop:login\"]",
        ]
    );
    assert!(!format!("{needs:?}").contains("hunter2"));
}

#[test]
fn failures_have_their_codes() {
    let expected = ["IC091", "IC090", "IC094", "IC094", "IC094", "IC095"];
    for (reason, code) in REASONS.into_iter().zip(expected) {
        let (_, said) = check(&[cache(&["web:1"], json!({}))], |_| Some(failed(reason)));
        assert_eq!(said.len(), 1);
        assert!(
            said[0].starts_with(&format!("{code} spec.images[0]: `web:1`")),
            "{said:?}"
        );
    }
    let (needs, said) = check(&[cache(&["web:1"], json!({}))], |_| None);
    assert_eq!(
        said,
        ["IC094 spec.images[0]: `web:1` is not checked: no registry was asked"]
    );
    assert_eq!(needs.problems(&RegistryFacts::default()).len(), 1);
}

#[test]
fn size_is_twice_the_compressed_sum_rounded_up() {
    const GIB: u64 = 1 << 30;
    // Bytes of each of two images, size of the cache, and the needed size if that is too small.
    for (bytes, size, needed) in [
        (5 * GIB, 20, None),
        (5 * GIB + 1, 20, Some("21 GiB")),
        (15 * GIB, 59, Some("60 GiB")),
        (15 * GIB, 60, None),
        (u64::MAX, 32_768, Some("17179869184 GiB")),
    ] {
        let manifest = cache(&["a:1", "b:1"], json!({"imageCacheSize": size}));
        let (_, said) = check(&[manifest], |_| Some(image("d", &["linux/amd64"], bytes)));
        match needed {
            None => assert!(said.is_empty(), "{said:?}"),
            Some(needed) => {
                let expected = format!(
                    "IC093 spec.imageCacheSize: {size} GiB, but twice the compressed size of the images is {needed}"
                );
                assert_eq!(said, [expected]);
            }
        }
    }
    // The default of 20 GiB, and an image of unknown size.
    let manifest = cache(&["a:1", "b:1"], json!({}));
    let (_, said) = check(&[manifest], |ask| {
        let known = ask.image.contains("/a:");
        Some(if known {
            image("d", &["linux/amd64"], 11 << 30)
        } else {
            failed(FailureReason::NotFound)
        })
    });
    assert!(
        said[0].starts_with("IC093 spec.images: 20 GiB, but"),
        "{said:?}"
    );
    assert!(said[0].ends_with("at least 22 GiB"), "{said:?}");
    assert!(said[1].starts_with("IC090"), "{said:?}");
}

#[test]
fn platforms_are_named_where_one_is_missing() {
    let arm = ["linux/arm64/v8", "windows/amd64"];
    let (_, said) = check(&[cache(&["a:1"], json!({}))], |_| Some(image("d", &arm, 1)));
    assert_eq!(
        said,
        [
            "IC092 spec.images[0]: `a:1` is not made for linux/amd64, only for linux/arm64/v8, windows/amd64"
        ]
    );
    let (needs, said) = check(&[cache(&["a:1"], json!({}))], |_| Some(image("d", &[], 1)));
    let why = "not made for linux/amd64, nor for another platform";
    assert_eq!(said, [format!("IC092 spec.images[0]: `a:1` is {why}")]);
    let mut facts = RegistryFacts::default();
    for ask in needs.asks() {
        facts.insert(ask, now(), image("d", &[], 1));
    }
    let problems = needs.problems(&facts).into_iter();
    assert_eq!(problems.map(|(_, why)| why).collect::<Vec<_>>(), [why]);
}

#[test]
fn facts_are_read_as_they_were_written_without_transient_failures() {
    let mut facts = RegistryFacts::default();
    for (number, reason) in REASONS.into_iter().enumerate() {
        let ask = RegistryAsk::new(
            &format!("docker.io/library/a:{number}"),
            "linux/amd64".parse().unwrap(),
        );
        facts.insert(ask, now(), failed(reason));
    }
    let mut ask = RegistryAsk::new("docker.io/library/b:1", "linux/arm64/v8".parse().unwrap());
    ask.secrets = vec!["shop:login".to_owned()];
    facts.insert(
        ask.clone(),
        now(),
        image("sha256:aa", &["linux/arm64/v8"], 7),
    );
    let text = facts.to_json();
    let read = RegistryFacts::from_json(&text).unwrap();
    assert_eq!(read.iter().count(), 4);
    assert_eq!(read.get(&ask), facts.get(&ask));
    assert_eq!(read.to_json(), text);
    assert!(read.has(&ask, true));
    for (bad, words) in [
        ("", "not the facts"),
        ("{}", "missing field"),
        (r#"{"version": 2, "images": []}"#, "version 2"),
        (
            r#"{"version": 1, "images": [{"image": 1}]}"#,
            "missing field",
        ),
    ] {
        let error = RegistryFacts::from_json(bad).unwrap_err().to_string();
        assert!(error.contains(words), "{bad}: {error}");
    }
}

/// A cache whose tag `web:1` had this digest when it was made.
fn recorded(annotation: Option<&str>) -> Value {
    let mut made = cache(&["web:1"], json!({}));
    made["status"] = json!({"imageCacheId": "imc-1", "phase": "Ready"});
    if let Some(annotation) = annotation {
        made["metadata"]["annotations"] =
            json!({"imagecache.eci.alibabacloud.com/digests": annotation});
    }
    made
}

fn compare(
    documents: &[Value],
    answer: Option<RegistryAnswer>,
) -> (Freshness, String, Vec<RunningIs>) {
    let mut inventory = FreshnessInventory::default();
    let levels = Levels::default();
    for document in documents {
        let mut part = FreshnessInventory::default();
        part.add(document, &mut Report::new(&levels));
        inventory.append(part);
    }
    let mut facts = RegistryFacts::default();
    for ask in inventory.needs().asks() {
        answer
            .iter()
            .for_each(|answer| facts.insert(ask.clone(), now(), answer.clone()));
    }
    let found = inventory.compare(&facts);
    assert_eq!(found.len(), 1, "{found:?}");
    let running = found[0].running.iter().map(|one| one.is).collect();
    (
        found[0].state,
        found[0].reason.clone().unwrap_or_default(),
        running,
    )
}

#[test]
fn freshness_is_never_green_without_both_digests() {
    let same = Some(r#"{"web:1": "aa"}"#);
    let platform = Some(r#"{"docker.io/library/web:1": "aa-linux/amd64"}"#);
    let other = Some(r#"{"web:1": "bb"}"#);
    let aa = || Some(image("aa", &["linux/amd64"], 1));
    let missing = || Some(failed(FailureReason::NotFound));
    let down = || Some(failed(FailureReason::Unreachable));
    for (annotation, answer, state, why) in [
        (same, aa(), Freshness::Fresh, ""),
        (platform, aa(), Freshness::Fresh, ""),
        (other, aa(), Freshness::Moved, ""),
        (same, missing(), Freshness::Gone, ""),
        (None, missing(), Freshness::Gone, ""),
        (same, down(), Freshness::Unknown, "the registry says why"),
        (same, None, Freshness::Unknown, "no registry was asked"),
        (None, aa(), Freshness::Unknown, "has no annotation"),
        (Some("{}"), aa(), Freshness::Unknown, "was not recorded"),
        (Some("[]"), aa(), Freshness::Unknown, "is not a JSON object"),
        (
            Some(r#"{"web:1": 1}"#),
            aa(),
            Freshness::Unknown,
            "is not a JSON object",
        ),
    ] {
        let (found, reason, _) = compare(&[recorded(annotation)], answer);
        assert_eq!(found, state, "{annotation:?}");
        assert!(reason.contains(why), "{annotation:?}: {reason}");
    }
    let pinned = cache(&[&format!("web@sha256:{}", "a".repeat(64))], json!({}));
    assert_eq!(compare(&[pinned], None).0, Freshness::Pinned);
}

#[test]
fn running_digests_are_those_of_pods_that_use_the_cache() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let pod = |name: &str, id: &str, used: Option<&str>| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "annotations": {"k8s.aliyun.com/eci-matched-image-cache": used}},
            "spec": {"containers": [{"name": "a", "image": "web:1"}]},
            "status": {"containerStatuses": [{"name": "a", "image": "mirror/web:1", "imageID": id}]}})
    };
    let id = |letter: &str| format!("docker.io/library/web@{}", digest(letter));
    let made = recorded(Some(&json!({"web:1": digest("b")}).to_string()));
    let pods = [
        pod("now", &id("a"), None),
        pod("cached", &id("b"), Some("imc-1")),
        pod("other", &id("c"), None),
        pod("bare", &digest("d"), None),
        pod("elsewhere", &id("e"), Some("imc-2")),
        pod("starting", "", None),
    ];
    let answer = image(&digest("a"), &["linux/amd64"], 1);
    let documents = [&[made], &pods[..]].concat();
    let (state, _, running) = compare(&documents, Some(answer));
    assert_eq!(state, Freshness::Moved);
    let expected = [
        RunningIs::Unknown,
        RunningIs::Now,
        RunningIs::Cached,
        RunningIs::Other,
    ];
    assert_eq!(running, expected);
}

#[test]
fn freshness_counts_what_it_cannot_read() {
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    let mut inventory = FreshnessInventory::default();
    inventory.add(
        &json!({"kind": "ImageCacheList", "items": [17, {"spec": {"images": ["a:1"]}}]}),
        &mut report,
    );
    inventory.add(&cache(&["A:1"], json!({})), &mut report);
    assert_eq!((inventory.unread, inventory.empty_lists), (3, 0));
    inventory.add(&json!({"kind": "List", "items": []}), &mut report);
    assert_eq!((inventory.empty_lists, inventory.caches()), (1, 1));

    // Nothing to compare is not green, nor is a type that is not quite that of a cache.
    let mut misspelt = cache(&[], json!({}));
    misspelt["spec"] = json!({"imagess": ["a:1"]});
    let mut kind = cache(&["a:1"], json!({}));
    kind["kind"] = json!("Imagecache");
    let mut group = cache(&["a:1"], json!({}));
    group["apiVersion"] = json!("eci.aliyun.com/v1");
    for document in [cache(&[], json!({})), misspelt, kind, group] {
        let mut inventory = FreshnessInventory::default();
        let mut report = Report::new(&levels);
        inventory.add(&document, &mut report);
        assert_eq!((inventory.unread, inventory.caches()), (1, 1), "{document}");
        assert_eq!(report.finish().len(), 1, "{document}");
    }
}
