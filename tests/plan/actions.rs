//! What is to be done with caches that exist, and manifests.

use imagecache::diagnostic::{Levels, Report};
use imagecache::document::{TextFormat, read};
use imagecache::plan::{Plan, PlanInput, plan};
use imagecache::validate::{self, ValidateOptions};
use serde_json::json;

use super::{cache, deployment, input, options, planned, sample, summary};

fn with_sizes(documents: &[serde_json::Value]) -> PlanInput {
    let mut input = input(documents);
    let sizes = json!({"web:1": "1Gi", "web:2": "1Gi", "db:1": "4Gi", "side:1": "2Gi", "big:1": "15Gi",
        "registry.cn-hangzhou.aliyuncs.com/a/b:1": "40Gi"});
    input.sizes("s", &sizes);
    input
}

fn actions(documents: &[serde_json::Value]) -> Plan {
    planned(&with_sizes(documents), &sample(), &json!({}))
}

#[test]
fn action_keep_when_the_cache_is_what_would_be_made() {
    let plan = actions(&[
        deployment("web", 1, &["web:1"]),
        cache("web", &["web:1"], 20),
    ]);
    assert_eq!(summary(&plan), ["keep 20 docker.io/library/web:1"]);
    assert!(!plan.differs());
    assert_eq!(plan.before, plan.after);
}

#[test]
fn action_create_drop_grow_and_replace() {
    let plan = actions(&[
        deployment("new", 1, &["db:1"]),
        deployment("grown", 1, &["web:1", "side:1"]),
        deployment("moved", 1, &["big:1"]),
        cache("web", &["web:1"], 20),
        cache("gone", &["unused:1"], 20),
        cache("wide", &["big:1", "unused:2"], 100),
    ]);
    assert_eq!(
        summary(&plan),
        [
            "create 20 db:1",
            "grow 20 side:1 web:1",
            "replace 30 big:1",
            "drop 20 docker.io/library/unused:1",
        ]
    );
    let grown = plan.cache("web").unwrap();
    assert_eq!(grown.image_cache_id.as_deref(), Some("imc-web"));
    assert_eq!(
        grown.reasons.last().unwrap(),
        "updates `imc-web`: adds `docker.io/library/side:1`"
    );
    let replaced = plan.caches[2].replaces.as_ref().unwrap();
    assert_eq!(replaced.name, "wide");
    assert!(plan.differs());
}

#[test]
fn action_replace_when_a_tag_moves_on() {
    let plan = actions(&[
        deployment("web", 1, &["web:2"]),
        cache("old", &["web:1"], 20),
    ]);
    assert_eq!(summary(&plan), ["replace 20 web:2"]);
    let reason = plan.caches[0].reasons.last().unwrap();
    assert_eq!(
        reason,
        "replaces `imc-old`: adds `docker.io/library/web:2`; leaves out `docker.io/library/web:1`"
    );
}

#[test]
fn cache_that_a_pod_names_is_kept() {
    let mut pinned = deployment("pinned", 1, &["web:1"]);
    pinned["spec"]["template"]["metadata"] =
        json!({"annotations": {"k8s.aliyun.com/eci-imc-id": "imc-wide"}});
    let plan = actions(&[pinned, cache("wide", &["web:1", "db:1"], 100)]);
    assert_eq!(
        summary(&plan),
        ["keep 100 docker.io/library/db:1 docker.io/library/web:1"]
    );
    assert_eq!(plan.caches[0].reasons, ["a pod names it"]);
    assert_eq!(plan.covered.len(), 1);
}

#[test]
fn quota_below_the_need_is_named_and_the_rest_planned() {
    let documents = [
        deployment("a", 1, &["web:1"]),
        deployment("b", 1, &["db:1"]),
        deployment("c", 1, &["big:1"]),
    ];
    let found = planned(&with_sizes(&documents), &sample(), &json!({"quota": 2}));
    assert_eq!(
        found.findings[0].to_string(),
        "quota: 2 caches, but 3 are needed: workloads share caches or are left out"
    );
    assert_eq!((found.covered.len(), found.exact), (3, false));
    // No two of them fit together.
    let options = options(&json!({"quota": 1, "maxImages": 1}));
    let found = plan(&with_sizes(&documents), &sample(), &options);
    assert_eq!((found.covered.len(), found.uncovered.len()), (1, 2));
    assert_eq!(
        found.uncovered[0].reason,
        "more caches are needed than the quota of 1"
    );
}

#[test]
fn objective_leaves_out_what_a_saved_second_is_not_worth() {
    let documents = [
        deployment("a", 1, &["web:1"]),
        deployment("b", 100, &["db:1"]),
    ];
    for (micros, covered) in [(0, 0), (60_000, 1), (100_000_000, 2)] {
        let value =
            json!({"objective": "costPerSecond", "microsPerSecond": micros, "startsPerPod": 1});
        let mut options = options(&value);
        // Pods of `b` start often.
        options.hours.insert("Deployment/b".to_owned(), json!(1));
        let found = plan(&with_sizes(&documents), &sample(), &options);
        assert_eq!(found.covered.len(), covered, "{micros}");
        assert!(found.exact);
    }
}

#[test]
fn manifests_validate_clean_and_are_what_was_planned() {
    let mut web = deployment(
        "web",
        2,
        &["web:1", "side:1", "registry.cn-hangzhou.aliyuncs.com/a/b:1"],
    );
    web["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "login"}]);
    let mut arm = deployment("arm", 1, &["db:1"]);
    arm["spec"]["template"]["spec"]["nodeSelector"] = json!({"kubernetes.io/arch": "arm64"});
    let plan = actions(&[
        web,
        deployment("other", 2, &["web:1", "side:1"]),
        arm,
        cache("gone", &["unused:1"], 20),
        cache("kept", &["web:1", "side:1"], 20),
    ]);
    let text = plan.yaml();
    let found = validate::text(&text, TextFormat::Yaml, &ValidateOptions::default());
    // The cache that exists never expires, as it was written.
    let codes: Vec<&str> = found
        .diagnostics
        .iter()
        .map(|found| found.code.as_str())
        .collect();
    assert_eq!(codes, ["IC042"], "{text}");
    assert!(
        text.contains("k8s.aliyun.com/imc-cpu-arch: \"arm64\""),
        "{text}"
    );
    assert!(
        text.contains(
            "# drop: gone\n#   no workload needs it\n#   kubectl delete imagecache gone\n"
        ),
        "{text}"
    );
    let (documents, _) = read(&text, TextFormat::Yaml, &Levels::DEFAULT);
    let mut again = PlanInput::default();
    for document in &documents {
        again.add(document.value(), &mut Report::new(&Levels::DEFAULT));
    }
    assert_eq!(again.caches.len(), 3);
    assert!(
        text.contains("  imagePullSecrets:\n  - \"default:login\"\n"),
        "{text}"
    );
}
