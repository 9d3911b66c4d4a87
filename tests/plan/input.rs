//! Input that cannot be used is named with its place; the rest is planned.

use imagecache::diagnostic::{Levels, Report};
use imagecache::matching::Image;
use imagecache::plan::{
    Action, Demand, Life, PlanInput, PriceTable, SAMPLE_PRICES, plan, prices_schema,
};
use serde_json::{Value, json};

use super::{cache, deployment, input, options, planned, prices, sample, summary};

fn found(input: &PlanInput, table: &PriceTable, value: &Value) -> Vec<String> {
    let plan = plan(input, table, &options(value));
    plan.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn prices_that_cannot_be_used_are_named() {
    let mut table = PriceTable::default();
    table.add("a.yaml", &json!({"currency": "USD", "colour": 1, "prices": [
        {"region": "r1", "source": "bill", "date": "2026-01-01", "useGibHour": 0.1},
        {"region": "r2", "source": "bill", "useGibHour": 0.1},
        {"region": "r3", "source": "bill", "date": "soon", "useGibHour": 0.1},
        {"region": "r4", "source": "bill", "date": "2026-01-01", "useGibHour": -0.1},
        {"region": "r5", "source": "bill", "date": "2026-01-01", "useGibHour": "much", "unit": 1},
        {"region": "r6", "source": "bill", "date": "2026-01-01", "currency": "CNY"},
        {"region": "r1", "source": "bill", "date": "2026-01-01"},
        {"region": 7, "source": " ", "date": "2026-01-01"},
        true,
    ]}));
    table.add("b.yaml", &json!([]));
    table.add("c.yaml", &json!({"currency": "USD"}));
    let texts: Vec<String> = table.findings().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "a.yaml: colour: unknown field",
            "a.yaml: prices[1].date: required",
            "a.yaml: prices[2].date: `soon` is not a date, such as 2026-11-30",
            "a.yaml: prices[3].useGibHour: `-0.1`, must be at least 0",
            "a.yaml: prices[4].unit: unknown field",
            "a.yaml: prices[4].useGibHour: `much` is not a price",
            "a.yaml: prices[5].currency: `CNY`, but the prices before are in USD; the row is not used",
            "a.yaml: prices[6].region: duplicate prices of r1; the first ones are used",
            "a.yaml: prices[7].source: required",
            "a.yaml: prices[7].region: expected a string, found the number `7`",
            "a.yaml: prices[8]: expected an object, found the boolean `true`",
            "b.yaml: expected an object with `currency` and `prices`, found a list",
            "c.yaml: prices: required",
        ]
    );
    assert!(table.of(Some("r1")).is_some());
    assert!(
        ["r2", "r3", "r4", "r5", "r6"]
            .iter()
            .all(|region| table.of(Some(region)).is_none())
    );
}

#[test]
fn prices_of_the_sample_follow_the_schema() {
    let schema = jsonschema::draft7::new(&prices_schema()).unwrap();
    assert!(schema.is_valid(&SAMPLE_PRICES.parse().unwrap()));
    for wrong in [
        json!({"prices": []}),
        json!({"currency": "USD", "prices": [{"source": "a"}]}),
        json!({"currency": "USD", "prices": [{"source": "a", "date": "2026-01-01", "useGibHour": -1}]}),
        json!({"currency": "USD", "prices": [{"source": "a", "date": "2026-01-01", "price": 1}]}),
    ] {
        assert!(!schema.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn sizes_that_contradict_are_named_and_the_larger_is_used() {
    let mut input = input(&[deployment("web", 1, &["web:1"])]);
    input.size("--image-size[0]", "web:1", 10 << 30);
    input.size("--image-size[1]", "docker.io/library/web:1", 20 << 30);
    input.size("--image-size[2]", "Web", 1);
    input.size("--image-size[3]", "other", 0);
    input.sizes("sizes.json", &json!({"a": "1.5Gi", "b": "-1", "c": true}));
    assert_eq!(
        found(&input, &sample(), &json!({})),
        [
            "--image-size[1]: `docker.io/library/web:1`: 21474836480 bytes, but 10737418240 in --image-size[0]; the larger is used",
            "--image-size[2]: `Web` is not an image reference: invalid reference format: repository name (library/Web) must be lowercase",
            "--image-size[3]: `other`: 0 bytes, must be at least 1",
            "sizes.json[b]: `\"-1\"` is not a size, such as 405022965 or 1.5Gi",
            "sizes.json[c]: `true` is not a size, such as 405022965 or 1.5Gi",
        ]
    );
    let plan = planned(&input, &sample(), &json!({}));
    assert_eq!(summary(&plan), ["create 40 web:1"]);
}

#[test]
fn workloads_that_cannot_be_covered_are_named() {
    let many: Vec<String> = (0..21).map(|n| format!("many-{n}:1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut acs = deployment("acs", 1, &["web:1"]);
    acs["spec"]["template"]["metadata"] = json!({"labels": {"alibabacloud.com/acs": "true"}});
    let mut off = deployment("off", 1, &["web:1"]);
    off["spec"]["template"]["metadata"] =
        json!({"annotations": {"k8s.aliyun.com/eci-auto-imc": "false"}});
    let mut pinned = deployment("pinned", 1, &["web:1"]);
    pinned["spec"]["template"]["metadata"] =
        json!({"annotations": {"k8s.aliyun.com/eci-imc-id": "imc-none"}});
    let mut input = input(&[
        deployment("web", 1, &["web:1"]),
        deployment("many", 1, &many),
        deployment("large", 1, &["large:1"]),
        deployment("unknown", 1, &["unknown:1", "web:1"]),
        deployment("bad", 1, &["Bad"]),
        acs,
        off,
        pinned,
    ]);
    input.sizes("s", &json!({"web:1": "1Gi", "large:1": "17Ti"}));
    let plan = planned(&input, &sample(), &json!({}));
    let reasons: Vec<String> = plan
        .uncovered
        .iter()
        .map(|pod| format!("{}: {}", pod.pod, pod.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            "Deployment/many: 21 images, at most 20 fit into a cache",
            "Deployment/large: images of 17408.0 GiB are too large, a cache has at most 32768 GiB",
            "Deployment/unknown: unknown size of `unknown:1`",
            "Deployment/bad: `Bad` is not an image reference: invalid reference format: repository name (library/Bad) must be lowercase",
            "Deployment/acs: runs on ACS, which has image caches of its own",
            "Deployment/off: automatic matching is off: k8s.aliyun.com/eci-auto-imc",
            "Deployment/pinned: the pod names image cache `imc-none`, which does not exist in its region",
        ]
    );
    assert_eq!(plan.covered.len(), 1);
    let blocked = plan
        .caches
        .iter()
        .filter(|cache| cache.action == Action::Blocked);
    assert_eq!(blocked.count(), 4);
    assert!(plan.differs());
}

#[test]
fn size_unknown_elsewhere_is_bounded_by_a_cache_that_holds_it() {
    let mut input = input(&[
        deployment("web", 1, &["web:1", "side:1"]),
        cache("old", &["web:1", "helper:1"], 60),
    ]);
    input.sizes("s", &json!({"side:1": "1Gi", "helper:1": "20Gi"}));
    let plan = planned(&input, &sample(), &json!({}));
    // 60 GiB hold twice 30 GiB, 20 of them are the helper's.
    assert_eq!(plan.caches[0].size_gib, 22);
    let said = "size of `docker.io/library/web:1`: 10.0 GiB at most, because cache `imc-old` of 60 GiB holds it";
    assert!(
        plan.assumptions.iter().any(|text| text == said),
        "{:?}",
        plan.assumptions
    );
}

#[test]
fn prices_unknown_are_named_and_never_zero() {
    let mut input = input(&[deployment("web", 2, &["web:1"])]);
    input.sizes("s", &json!({"web:1": "1Gi"}));
    let plan = planned(
        &input,
        &PriceTable::default(),
        &json!({"region": "cn-beijing"}),
    );
    assert_eq!((plan.cost, plan.currency.as_deref()), (None, None));
    assert_eq!(plan.after.costs.use_, None);
    assert_eq!(plan.caches.len(), 1, "planned all the same");
    assert_eq!(
        plan.assumptions[0],
        "prices of cn-beijing are unknown: planned for the fewest GiB-hours"
    );
    let some = prices("USD", json!({"useGibHour": 0.1}));
    let plan = planned(&input, &some, &json!({"region": "cn-beijing"}));
    assert!(
        plan.assumptions[0].contains("a GiB of snapshot"),
        "{:?}",
        plan.assumptions
    );
    assert_eq!(plan.after.costs.keep, None);
    assert!(plan.after.costs.use_.is_some());
}

#[test]
fn hours_follow_schedules_autoscalers_and_what_the_user_says() {
    let job = |name: &str, spec: Value| {
        let pod = json!({"spec": {"containers": [{"image": "web:1"}], "restartPolicy": "Never"}});
        let mut spec = spec;
        spec["jobTemplate"] = json!({"spec": {"template": pod}});
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": spec})
    };
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}});
    let mut input = input(&[
        deployment("web", 1, &["web:1"]),
        deployment("given", 3, &["web:1"]),
        job("daily", json!({"schedule": "0 3 * * *"})),
        job("asleep", json!({"schedule": "0 3 * * *", "suspend": true})),
        job("odd", json!({"schedule": "sometimes"})),
        scaler,
    ]);
    assert_eq!(input.demands[2].runs.life, Life::Scheduled(30_438));
    input.sizes("s", &json!({"web:1": "1Gi"}));
    let value = json!({"hours": {"Deployment/given": 100.5, "Deployment/none": 1, "web": 1, "CronJob/odd": "x"}});
    let plan = planned(&input, &sample(), &value);
    let hours: Vec<(&str, u64)> = plan
        .covered
        .iter()
        .map(|pod| (&*pod.pod, pod.milli_hours))
        .collect();
    assert_eq!(
        hours,
        [
            ("Deployment/web", 2_555_000),
            ("Deployment/given", 301_500),
            ("CronJob/daily", 30_438),
            ("CronJob/asleep", 0),
            ("CronJob/odd", 1_000),
        ]
    );
    let findings: Vec<String> = plan.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        findings,
        [
            "hours[CronJob/odd]: `x`, must be a number of hours a month, 0 to 744",
            "hours[web]: must be `Kind/name` or `Kind/namespace/name`",
            "hours[Deployment/none]: no such workload in the input",
        ]
    );
    for said in [
        "Deployment/web: autoscaler `web` has 2 to 5 pods: counted as 3.5, their mean",
        "CronJob/daily: the time of a run is unknown: counted as 1 h",
        "CronJob/asleep: suspended: counted with 0 hours",
        "CronJob/odd: schedule `sometimes` cannot be read: counted as one start a month",
    ] {
        assert!(
            plan.assumptions.iter().any(|text| text == said),
            "{said}: {:?}",
            plan.assumptions
        );
    }
}

#[test]
fn sizes_on_nodes_are_used_where_no_other_is_given() {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {"images": [
        {"names": ["web@sha256:7173b809ca12ec5dee4506cd86be934c4596dd234ee82c0662eac04a8c2c71dc", "docker.io/library/web:1"],
         "sizeBytes": 16_106_127_360_u64},
    ]}});
    let plan = planned(
        &input(&[deployment("web", 1, &["web:1"]), node]),
        &sample(),
        &json!({}),
    );
    assert_eq!(summary(&plan), ["create 30 web:1"]);
    assert_eq!(plan.caches[0].images[0].source.as_deref(), Some("node n1"));
    assert!(Image::new("web:1").bytes().is_none());
}

/// A pod that a StatefulSet controls, as a cluster returns it.
fn controlled(uid: &str, annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db-0", "uid": "pod", "annotations": annotations,
        "ownerReferences": [
            {"kind": "Cluster", "name": "other", "uid": "set-0"},
            {"kind": "StatefulSet", "name": "db", "uid": uid, "controller": true}]},
        "spec": {"containers": [{"name": "db", "image": "db:1"}]}})
}

fn names(objects: &Value) -> Vec<String> {
    let mut input = PlanInput::default();
    input.add(objects, &mut Report::new(&Levels::DEFAULT));
    input.apply_defaults();
    input.demands.iter().map(Demand::name).collect()
}

#[test]
fn input_counts_controlled_pods_once() {
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "uid": "set"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "db", "image": "db:1"}]}}}});
    let pod = |uid| controlled(uid, &json!({}));
    assert_eq!(names(&json!([set, pod("set")])), ["StatefulSet/db"]);
    assert_eq!(names(&json!([pod("set"), set])), ["StatefulSet/db"]);
    assert_eq!(
        names(&json!([set, pod("other")])),
        ["StatefulSet/db", "Pod/db-0"]
    );
    assert_eq!(names(&pod("set")), ["Pod/db-0"]);
    // not its controller, only its owner
    let mut owned = pod("set");
    owned["metadata"]["ownerReferences"][1]["controller"] = json!(false);
    assert_eq!(names(&json!([set, owned])), ["StatefulSet/db", "Pod/db-0"]);
}

#[test]
fn input_keeps_caches_that_controlled_pods_name() {
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "uid": "set"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "db", "image": "db:1"}]}}}});
    let action = |annotations: Value| {
        let mut input = PlanInput::default();
        let mut report = Report::new(&Levels::DEFAULT);
        input.add(&set, &mut report);
        input.add(&controlled("set", &annotations), &mut report);
        input.add(&cache("old", &["gone:1"], 20), &mut report);
        input.size("here", "db:1", 1 << 30);
        input.apply_defaults();
        let plan = plan(&input, &sample(), &options(&json!({})));
        let old = plan
            .caches
            .iter()
            .find(|cache| cache.name == "old")
            .unwrap();
        old.action
    };
    assert_eq!(action(json!({})), Action::Drop);
    assert_eq!(
        action(json!({"k8s.aliyun.com/eci-imc-id": "imc-old"})),
        Action::Keep
    );
}

#[test]
fn input_reads_kinds_with_a_pod_path() {
    let farm = json!({"apiVersion": "example.com/v1", "kind": "Farm", "metadata": {"name": "f"},
        "spec": {"pods": [{"spec": {"containers": [{"name": "a", "image": "a:1"}]}}]}});
    let mut input = PlanInput::default();
    let options = options(&json!({"podPaths": ["example.com/Farm=/spec/pods/*"]}));
    input.pod_paths.clone_from(&options.pod_paths);
    let mut report = Report::new(&Levels::DEFAULT);
    input.add(&farm, &mut report);
    assert_eq!(input.demands.len(), 1);
    assert_eq!(report.finish().len(), 0);
    assert_eq!(input.unread, 0);
}

#[test]
fn input_counts_items_that_are_no_objects() {
    let mut input = PlanInput::default();
    let mut report = Report::new(&Levels::DEFAULT);
    input.add(&json!([deployment("web", 1, &["web:1"]), 7]), &mut report);
    assert_eq!((input.demands.len(), input.unread), (1, 1));
    assert_eq!(report.finish().len(), 1);
}
