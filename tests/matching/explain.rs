//! What a person or a script reads of an answer, word for word.

use std::fmt::Write;

#[cfg(feature = "oci")]
use imagecache::matching::ImageFactsError;
use imagecache::matching::{
    Cache, Explanation, Image, ImageFacts, Index, MAX_CANDIDATES, MatchRules, Pod, PodSource,
    SearchBuffers, SizeTie,
};
#[cfg(feature = "oci")]
use oci_spec::image::ImageManifest;
use serde_json::{Value, json};

use super::{cache, explain};

fn entry(id: &str, images: &[&str], more: Value) -> Cache {
    let mut entry = json!({
        "ImageCacheId": id, "ImageCacheName": format!("{id}-name"), "Images": images,
        "ImageCacheSize": 40, "Status": "Ready", "RegionId": "cn-hangzhou",
        "CreationTime": "2026-01-02T00:00:00Z",
    });
    for (name, value) in more.as_object().unwrap() {
        entry[name] = value.clone();
    }
    cache(&entry)
}

const PODS: [&str; 2] = [
    "registry.example.com/demo/nginx:1",
    "registry.example.com/demo/redis:6",
];

fn pod() -> Pod {
    let mut pod = Pod::new("web", PODS.map(Image::new));
    pod.namespace = Some("shop".to_owned());
    pod.region = Some("cn-hangzhou".to_owned());
    pod.storage_gib = 30;
    pod
}

/// One cache for every reason to lose.
fn losers() -> Vec<Cache> {
    let [nginx, redis] = PODS;
    let mut arm = entry("imc-arm", &PODS, json!({}));
    arm.arch = Some("arm64".to_owned());
    let mut windows = entry("imc-windows", &PODS, json!({}));
    windows.os = Some("windows".to_owned());
    let mut unnamed = entry("imc-x", &PODS, json!({}));
    (unnamed.id, unnamed.name) = (None, "no-id-yet".to_owned());
    vec![
        entry("imc-winner", &PODS, json!({})),
        arm,
        windows,
        unnamed,
        entry("imc-beijing", &PODS, json!({"RegionId": "cn-beijing"})),
        entry("imc-creating", &PODS, json!({"Status": "Creating"})),
        entry("imc-no-phase", &PODS, json!({"Status": ""})),
        entry(
            "imc-ended",
            &PODS,
            json!({"ExpireDateTime": "2026-01-18T03:18:02Z"}),
        ),
        entry("imc-small", &PODS, json!({"ImageCacheSize": 20})),
        entry("imc-one", &[nginx], json!({})),
        entry(
            "imc-one-and-other",
            &[nginx, "registry.example.com/demo/redis:5"],
            json!({}),
        ),
        entry(
            "imc-other",
            &["registry.example.com/demo/redis:5"],
            json!({}),
        ),
        entry("imc-large", &PODS, json!({"ImageCacheSize": 100})),
        entry(
            "imc-older",
            &PODS,
            json!({"CreationTime": "2026-01-01T00:00:00Z"}),
        ),
        entry("imc-ageless", &PODS, json!({"CreationTime": null})),
        entry("imc-z-last", &PODS, json!({})),
        entry(
            "imc-stranger",
            &["registry.example.com/demo/mysql:8"],
            json!({}),
        ),
        entry("imc-no-images", &[], json!({})),
        entry("imc-redis", &[redis], json!({"ImageCacheSize": 200})),
    ]
}

fn rules() -> MatchRules {
    let mut rules = MatchRules::default();
    rules.now = Some("2026-02-01T00:00:00Z".parse().unwrap());
    rules
}

fn index() -> Index {
    losers().into_iter().collect()
}

/// The candidates, one a line.
fn table(answer: &Explanation) -> String {
    let mut text = format!("{} {:?}\n", answer.decision.as_str(), answer.winner);
    for candidate in &answer.candidates {
        let name = candidate
            .cache
            .image_cache_id
            .as_ref()
            .unwrap_or(&candidate.cache.name);
        let (exact, other) = (candidate.exact, candidate.repository_only);
        let reason = candidate
            .reason
            .as_ref()
            .map_or("-", |reason| reason.as_str());
        writeln!(text, "{exact}+{other} {name}: {reason}: {}", candidate.why).unwrap();
    }
    writeln!(text, "{} unrelated", answer.unrelated).unwrap();
    for event in &answer.events {
        writeln!(text, "{} {}: {}", event.kind, event.reason, event.message).unwrap();
    }
    for warning in &answer.warnings {
        writeln!(text, "warning: {warning}").unwrap();
    }
    text
}

fn contract(answer: &Explanation) -> String {
    serde_json::to_string_pretty(answer).unwrap()
}

#[test]
fn explain_every_other_cache_has_a_reason() {
    insta::assert_snapshot!(table(&explain(&index(), &pod(), &rules())));
}

#[test]
fn on_demand_strangers_are_listed_too() {
    let mut rules = rules();
    rules.explain_all = true;
    rules.max_candidates = usize::MAX;
    let answer = explain(&index(), &pod(), &rules);
    assert_eq!(answer.candidates.len(), losers().len());
    let strangers = &answer.candidates[answer.candidates.len() - 2..];
    let names = strangers
        .iter()
        .map(|last| last.cache.image_cache_id.as_deref().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["imc-no-images", "imc-stranger"]);
    assert_eq!(
        strangers[0].why,
        "has no image from a repository that the pod uses"
    );
}

#[test]
fn explain_perfect_match_and_strictness_reasons() {
    let [nginx, redis] = PODS;
    let caches = [
        entry("imc-one", &[nginx], json!({})),
        entry(
            "imc-other",
            &["registry.example.com/demo/redis:5"],
            json!({}),
        ),
    ];
    let index: Index = caches.into_iter().collect();
    let mut text = String::new();
    let mut perfect = pod();
    perfect.wish.perfect = true;
    text.push_str(&table(&explain(&index, &perfect, &rules())));
    let mut count = pod();
    count.wish.count = Some(2);
    text.push_str(&table(&explain(&index, &count, &rules())));
    let mut strict = rules();
    strict.strict = true;
    text.push_str(&table(&explain(
        &index,
        &Pod::new("redis", [Image::new(redis)]),
        &strict,
    )));
    insta::assert_snapshot!(text);
}

#[test]
fn partial_answer_as_json_is_the_contract() {
    let caches = [
        entry(
            "imc-a",
            &[PODS[0], "registry.example.com/demo/redis:5"],
            json!({}),
        ),
        entry("imc-b", &[PODS[1]], json!({"Status": "Updating"})),
        entry("imc-c", &["registry.example.com/demo/mysql:8"], json!({})),
    ];
    let mut facts = ImageFacts::default();
    facts.size(PODS[0], 405_022_965).unwrap();
    let mut pod = pod();
    pod.extra_storage_gib = 10;
    pod.apply(&facts);
    let answer = explain(&caches.into_iter().collect(), &pod, &rules());
    insta::assert_snapshot!(contract(&answer));
}

#[test]
fn refused_answer_as_json_is_the_contract() {
    let mut pod = pod();
    pod.wish.explicit = Some("imc-creating".to_owned());
    let caches = losers().into_iter().take(6);
    insta::assert_snapshot!(contract(&explain(&caches.collect(), &pod, &rules())));
}

#[test]
fn named_cache_is_used_even_where_it_does_not_fit() {
    let mut text = String::new();
    for id in [
        "imc-winner",
        "imc-arm",
        "imc-small",
        "imc-stranger",
        "imc-beijing",
        "imc-ended",
        "imc-creating",
        "imc-no-phase",
        "imc-none",
    ] {
        let mut pod = pod();
        pod.wish.explicit = Some(id.to_owned());
        pod.wish.auto = Some(false);
        let answer = explain(&index(), &pod, &rules());
        assert!(answer.pin.is_none() && !answer.auto_create && answer.next.create.is_none());
        let head = answer.candidates.first().filter(|_| id != "imc-none");
        writeln!(text, "{id}: {}", answer.decision.as_str()).unwrap();
        if let Some(head) = head {
            assert_eq!(head.cache.image_cache_id.as_deref(), Some(id));
            writeln!(text, "  {}", head.why).unwrap();
        }
        if let Some(error) = &answer.error {
            writeln!(text, "  {} {}: {}", error.http, error.code, error.message).unwrap();
        }
        writeln!(text, "  {}", answer.candidates.last().unwrap().why).unwrap();
        for event in &answer.events {
            writeln!(text, "  {} {}: {}", event.kind, event.reason, event.message).unwrap();
        }
        for warning in &answer.warnings {
            writeln!(text, "  warning: {warning}").unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn automatic_matching_follows_pod_then_cluster_then_surface() {
    let caches = || {
        [entry("imc-1", &PODS, json!({}))]
            .into_iter()
            .collect::<Index>()
    };
    for (pod_says, cluster_says, surface, matched) in [
        (None, None, PodSource::Kubernetes, true),
        (None, None, PodSource::OpenApi, false),
        (None, Some(false), PodSource::Kubernetes, false),
        (None, Some(true), PodSource::OpenApi, true),
        (Some(true), Some(false), PodSource::OpenApi, true),
        (Some(false), Some(true), PodSource::Kubernetes, false),
    ] {
        let mut pod = pod();
        (pod.wish.auto, pod.surface) = (pod_says, surface);
        let answer = explain(&caches(), &pod, &{
            let mut rules = rules();
            rules.auto_match = cluster_says;
            rules
        });
        assert_eq!(
            answer.winner.is_some(),
            matched,
            "{pod_says:?} {cluster_says:?} {surface:?}"
        );
        if !matched {
            assert!(answer.events.is_empty() && !answer.auto_create);
            assert_eq!(
                answer.candidates[0].why,
                "not considered: automatic matching is off for the pod"
            );
        }
    }
}

#[test]
fn pod_speaks_before_the_rules() {
    let mut rules = rules();
    rules.region = Some("cn-beijing".to_owned());
    rules.arch = Some("arm64".to_owned());
    rules.os = Some("windows".to_owned());
    rules.require_storage = 50;
    let mut pod = pod();
    let why = |pod: &Pod, rules: &MatchRules| {
        let index = [entry("imc-1", &PODS, json!({}))].into_iter().collect();
        explain(&index, pod, rules).candidates.remove(0).why
    };
    pod.region = None;
    assert_eq!(
        why(&pod, &rules),
        "is in region `cn-hangzhou`, the pod is in `cn-beijing`"
    );
    pod.region = Some("cn-hangzhou".to_owned());
    assert_eq!(
        why(&pod, &rules),
        "holds images for amd64, the pod runs on arm64"
    );
    pod.arch = Some("amd64".to_owned());
    assert_eq!(
        why(&pod, &rules),
        "holds images for linux, the pod runs on windows"
    );
    pod.os = Some("linux".to_owned());
    assert_eq!(
        why(&pod, &rules),
        "40 GiB; the pod requests 50 GiB of temporary storage"
    );
    pod.storage_gib = 60;
    assert_eq!(
        why(&pod, &rules),
        "40 GiB; the pod requests 60 GiB of temporary storage"
    );
    let mut less = rules;
    less.require_storage = 40;
    pod.storage_gib = 0;
    assert_eq!(why(&pod, &less), "has 2 of 2 images exactly");
}

#[test]
fn explain_invalid_image_matches_nothing() {
    let bad = "registry.example.com/demo/Nginx:1";
    let caches = [cache(
        &json!({"ImageCacheId": "imc-1", "Images": [PODS[0]], "Status": "Ready"}),
    )];
    let mut broken = Cache::ready("imc-2", [Image::new(bad)]);
    broken.size_gib = 20;
    let index: Index = caches.into_iter().chain([broken]).collect();
    let pod = Pod::new("web", [Image::new(bad), Image::new(PODS[0])]);
    let answer = explain(&index, &pod, &rules());
    assert_eq!(
        answer.winner.as_ref().unwrap().image_cache_id.as_deref(),
        Some("imc-1")
    );
    assert_eq!(answer.decision.as_str(), "Partial");
    assert_eq!(
        answer.warnings,
        [
            "image `registry.example.com/demo/Nginx:1` is invalid and matches nothing: invalid reference format: \
          repository name (demo/Nginx) must be lowercase"
        ]
    );
    assert_eq!(answer.next.pull, Vec::<String>::new());
}

#[test]
fn explain_savings_need_known_sizes() {
    let saved = |sizes: &[(&str, u64)], rate: u64| {
        let mut facts = ImageFacts::default();
        for (reference, bytes) in sizes {
            facts.size(reference, *bytes).unwrap();
        }
        let mut pod = pod();
        pod.apply(&facts);
        let index = [entry("imc-1", &PODS, json!({}))].into_iter().collect();
        let answer = explain(&index, &pod, &{
            let mut rules = rules();
            rules.bytes_per_second = rate;
            rules
        });
        (answer.bytes_saved, answer.seconds_saved)
    };
    let documented = imagecache::matching::BYTES_PER_SECOND;
    assert_eq!(saved(&[], documented), (None, None));
    // The documented image: 386.26 MiB, 45 s.
    assert_eq!(
        saved(&[(PODS[0], 405_022_966)], documented),
        (Some(405_022_966), Some(45))
    );
    assert_eq!(
        saved(&[(PODS[0], 10), (PODS[1], 5)], 10),
        (Some(15), Some(2))
    );
    assert_eq!(saved(&[(PODS[0], 14)], 10), (Some(14), Some(1)));
    assert_eq!(saved(&[(PODS[0], 14)], 0), (Some(14), None));
    assert_eq!(
        saved(&[(PODS[0], u64::MAX), (PODS[1], 5)], 1),
        (Some(u64::MAX), Some(u64::MAX))
    );
    assert_eq!(
        saved(&[("registry.example.com/other", 14)], 10),
        (None, None)
    );
}

#[test]
fn larger_matched_images_win_where_bytes_break_ties() {
    let [nginx, redis] = PODS;
    let caches = [
        entry("imc-nginx", &[nginx], json!({})),
        entry("imc-redis", &[redis], json!({})),
    ];
    let index: Index = caches.into_iter().collect();
    let mut facts = ImageFacts::default();
    facts.size(nginx, 100).unwrap();
    facts.size(redis, 200).unwrap();
    let mut pod = pod();
    pod.apply(&facts);
    let mut bytes = rules();
    bytes.size_tie = SizeTie::MatchedBytes;
    let answer = explain(&index, &pod, &bytes);
    assert_eq!(
        answer.candidates[0].cache.image_cache_id.as_deref(),
        Some("imc-redis")
    );
    assert_eq!(
        answer.candidates[1].why,
        "100 bytes in matching images; the winner has 200"
    );
    let closest = explain(&index, &pod, &rules());
    assert_eq!(
        closest.candidates[0].cache.image_cache_id.as_deref(),
        Some("imc-nginx")
    );
}

#[test]
fn digests_make_two_tags_one_image() {
    let digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let by_digest = format!("nginx@{digest}");
    let mut facts = ImageFacts::default();
    facts.digest("nginx:stable", digest).unwrap();
    let decision = |cached: &str, wanted: &str, facts: &ImageFacts| {
        let mut cache = Cache::ready("imc-1", [Image::new(cached)]);
        cache.apply(facts);
        let mut pod = Pod::new("web", [Image::new(wanted)]);
        pod.apply(facts);
        explain(&[cache].into_iter().collect(), &pod, &rules())
            .decision
            .as_str()
    };
    let nothing = ImageFacts::default();
    assert_eq!(decision(&by_digest, "nginx:stable", &nothing), "Partial");
    assert_eq!(decision(&by_digest, "nginx:stable", &facts), "Hit");
    assert_eq!(decision("nginx:stable", &by_digest, &facts), "Hit");
    assert_eq!(decision("nginx:1.27", "nginx:stable", &facts), "Partial");
    assert_eq!(
        decision(&format!("nginx:1.27@{digest}"), "nginx:stable", &facts),
        "Hit"
    );
    assert_eq!(
        decision(&format!("nginx:1.27@{digest}"), &by_digest, &nothing),
        "Partial"
    );
}

#[test]
fn registry_aliases_are_used_only_where_given() {
    let [public, vpc, other] = ["public.example.com", "vpc.example.com", "third.example.com"]
        .map(|host| format!("{host}/a:1"));
    let decision = |facts: &ImageFacts, wanted: &str| {
        let mut cache = Cache::ready("imc-1", [Image::new(&public)]);
        cache.apply(facts);
        let mut pod = Pod::new("web", [Image::new(wanted)]);
        pod.apply(facts);
        explain(&[cache].into_iter().collect(), &pod, &rules())
            .decision
            .as_str()
    };
    assert_eq!(decision(&ImageFacts::default(), &vpc), "Miss");
    // Three addresses, reported in pairs, in any order.
    let pairs = [
        ("vpc.example.com", "third.example.com"),
        ("third.example.com", "public.example.com"),
    ];
    for order in [[0, 1], [1, 0]] {
        let mut facts = ImageFacts::default();
        for pair in order {
            facts.alias(pairs[pair].0, pairs[pair].1);
        }
        assert_eq!(decision(&facts, &vpc), "Hit");
        assert_eq!(decision(&facts, &other), "Hit");
    }
    let mut facts = ImageFacts::default();
    facts.alias("docker.io", "mirror.example.com");
    assert!(
        facts
            .size("Bad", 1)
            .unwrap_err()
            .to_string()
            .starts_with("`Bad` is not an image reference: ")
    );
    let image = Image::read("nginx", &facts);
    let mirrored = Image::read("mirror.example.com/library/nginx:latest", &facts);
    assert_eq!(image.normalized(), mirrored.normalized());
}

#[cfg(feature = "oci")]
#[test]
fn image_manifest_gives_the_bytes_of_a_pull() {
    let part = |kind: &str, size: u64| json!({"mediaType": kind, "size": size, "digest": format!("sha256:{}", "a".repeat(64))});
    let oci = "application/vnd.oci.image";
    let docker = "application/vnd.docker";
    for (config, layer) in [
        (
            format!("{oci}.config.v1+json"),
            format!("{oci}.layer.v1.tar+gzip"),
        ),
        (
            format!("{docker}.container.image.v1+json"),
            format!("{docker}.image.rootfs.diff.tar.gzip"),
        ),
    ] {
        let sizes = |config_bytes, layers: &[u64]| {
            let layers: Vec<_> = layers.iter().map(|size| part(&layer, *size)).collect();
            let manifest = json!({"schemaVersion": 2, "config": part(&config, config_bytes), "layers": layers});
            let mut facts = ImageFacts::default();
            let manifest = serde_json::from_value(manifest).unwrap();
            facts.manifest(PODS[0], &manifest).unwrap();
            let mut pod = pod();
            pod.apply(&facts);
            let index = [entry("imc-1", &PODS, json!({}))].into_iter().collect();
            explain(&index, &pod, &rules()).bytes_saved
        };
        assert_eq!(sizes(7_023, &[32_654, 16_724]), Some(56_401));
        assert_eq!(sizes(3, &[]), Some(3));
        assert_eq!(sizes(u64::MAX, &[1]), Some(u64::MAX), "sums saturate");
    }
    let manifest: ImageManifest = serde_json::from_value(json!({
        "schemaVersion": 2, "config": part("a/b", 1), "layers": [],
    }))
    .unwrap();
    let error = ImageFacts::default()
        .manifest("Bad", &manifest)
        .unwrap_err();
    assert!(
        matches!(error, ImageFactsError::Reference { .. }),
        "{error}"
    );
}

/// The JSON of the explanations for this many pods and caches of one repository.
fn explained_bytes(size: usize) -> usize {
    let image = |number: usize| format!("team/app:{number}");
    let caches =
        (0..size).map(|number| entry(&format!("imc-{number:06}"), &[&image(number)], json!({})));
    let index: Index = caches.collect();
    let rules = MatchRules::default();
    let explain = |number: usize| {
        let mut pod = Pod::new("web", [Image::new(&image(number))]);
        pod.region = Some("cn-hangzhou".to_owned());
        pod.storage_gib = 30;
        let answer = index.explain(&pod, &rules, &mut SearchBuffers::default());
        assert_eq!(answer.candidates.len(), MAX_CANDIDATES);
        assert_eq!(answer.omitted, size - MAX_CANDIDATES);
        serde_json::to_string(&answer).unwrap().len()
    };
    (0..size).map(explain).sum()
}

#[test]
fn explanation_output_grows_linearly_with_pods_and_caches() {
    let (small, large) = (explained_bytes(50), explained_bytes(500));
    assert!(large < small * 15, "{small} bytes, {large} bytes");
}
