//! Random cases: the plan costs what the slow planner finds, its bound holds, and each covered pod hits its cache.

use std::collections::{BTreeMap, BTreeSet};

use imagecache::diagnostic::{Levels, Report};
use imagecache::document::{TextFormat, read};
use imagecache::matching::{Index, Inventory, MatchRules};
use imagecache::plan::{Amount, Plan, PlanInput, PlanOptions, PriceTable, plan};
use imagecache::resource::Phase;
use imagecache::time::Timestamp;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::reference::{Setup, UNIT, Workload};
use super::{deployment, input, options, prices};

fn setups(images: usize, workloads: usize) -> impl Strategy<Value = Setup> {
    let size = prop_oneof![3 => 1_u64..16, 2 => 16_u64..50, 1 => 50_u64..90];
    let workload = (
        btree_set(0..images, 1..4.min(images)),
        1_u64..4,
        prop_oneof![Just(0), 1_u64..20, Just(730)],
        prop_oneof![5 => Just(0), 1 => 20_u64..60],
    );
    let workload = workload.prop_map(|(images, pods, hours, storage)| Workload {
        images,
        pods,
        hours,
        storage,
    });
    (
        vec(size, images),
        vec(workload, 1..=workloads),
        vec((btree_set(0..images, 1..4.min(images)), 20_u64..70), 0..3),
        3_usize..7,
        prop_oneof![2 => Just(None), 1 => (0_u64..3_000).prop_map(Some)],
    )
        .prop_map(|(sizes, workloads, mut caches, max_images, worth)| {
            caches.sort();
            caches.dedup_by(|a, b| a.0 == b.0);
            Setup {
                sizes,
                workloads,
                caches,
                max_images,
                worth,
            }
        })
}

fn image(number: usize) -> String {
    format!("example.com/i{number}:1")
}

fn texts(images: &BTreeSet<usize>) -> Vec<String> {
    images.iter().map(|number| image(*number)).collect()
}

/// The documents of a setup.
fn documents(setup: &Setup) -> Vec<Value> {
    let mut documents = Vec::new();
    for (number, workload) in setup.workloads.iter().enumerate() {
        let images = texts(&workload.images);
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let mut object = deployment(&format!("w{number}"), workload.pods, &images);
        if workload.storage > 0 {
            let storage = json!({"k8s.aliyun.com/eci-extra-ephemeral-storage": format!("{}Gi", workload.storage)});
            object["spec"]["template"]["metadata"] = json!({"annotations": storage});
        }
        documents.push(object);
    }
    for (number, (images, size)) in setup.caches.iter().enumerate() {
        documents.push(json!({"ImageCaches": [{"ImageCacheId": format!("imc-{number}"), "Status": "Ready",
            "ImageCacheName": format!("c{number}"), "Images": texts(images), "ImageCacheSize": size}]}));
    }
    documents
}

fn read_setup(setup: &Setup, reversed: bool) -> (PlanInput, PlanOptions) {
    let mut documents = documents(setup);
    if reversed {
        documents.reverse();
    }
    let mut input = input(&documents);
    for (number, quarters) in setup.sizes.iter().enumerate() {
        input.size("s", &image(number), quarters << 28);
    }
    let mut options = options(&json!({
        "buildSecondsPerGib": 40, "bytesPerSecond": 1 << 20, "maxImages": setup.max_images,
    }));
    if let Some(worth) = setup.worth {
        options.objective = imagecache::plan::Objective::CostPerSecond;
        options.micros_per_second = worth;
    }
    for (number, workload) in setup.workloads.iter().enumerate() {
        options
            .hours
            .insert(format!("Deployment/w{number}"), json!(workload.hours));
    }
    (input, options)
}

fn table() -> PriceTable {
    prices(
        "USD",
        json!({"useGibHour": 0.0005, "storeGibMonth": 0.02, "builderVcpuSecond": 0.0000077,
        "builderGibSecond": 0.00000096}),
    )
}

/// Each pod that the plan calls covered hits the cache that it names, by the manifests that it prints.
fn agrees_with_the_matcher(setup: &Setup, plan: &Plan, options: &PlanOptions) {
    let levels = Levels::default();
    let mut inventory = Inventory::default();
    for document in documents(setup) {
        inventory.add(&document, &mut Report::new(&levels));
    }
    // After the plan: of the caches that exist only those that are kept, and what the manifests make.
    inventory.caches.retain(|cache| {
        let id = cache.id.as_deref().unwrap();
        plan.cache(id)
            .is_some_and(|cache| cache.action.as_str() == "keep")
    });
    let (texts, found) = read(&plan.yaml(), TextFormat::Yaml, &levels);
    assert_eq!(found, []);
    for document in &texts {
        inventory.add(document.value(), &mut Report::new(&levels));
    }
    for cache in inventory
        .caches
        .iter_mut()
        .filter(|cache| cache.phase.is_none())
    {
        cache.phase = Some(Phase::Ready);
        cache.created = Some(Timestamp::MAX);
    }
    for grown in plan
        .caches
        .iter()
        .filter(|cache| cache.is_live() && !cache.is_object && cache.action.as_str() == "grow")
    {
        let images = grown
            .images
            .iter()
            .map(|image| imagecache::matching::Image::new(&image.image));
        let mut cache =
            imagecache::matching::Cache::ready(grown.image_cache_id.as_deref().unwrap(), images);
        (cache.size_gib, cache.name) = (grown.size_gib, grown.name.clone());
        cache.created = Some(Timestamp::MAX);
        inventory.caches.push(cache);
    }
    let index: Index = inventory.caches.into_iter().collect();
    let covered: BTreeMap<&str, &str> = plan
        .covered
        .iter()
        .map(|pod| (&*pod.pod, &*pod.cache))
        .collect();
    let mut hits = 0;
    for pod in &inventory.pods {
        let mut rules = MatchRules::default();
        rules.now = options.now;
        let selection = index.winner(pod, &rules);
        let name = format!("Deployment/{}", pod.name);
        if let Some(cache) = covered.get(&*name) {
            hits += 1;
            assert_eq!(
                selection.decision.as_str(),
                "Hit",
                "{name}\n{}",
                plan.yaml()
            );
            let winner = selection.winner.unwrap();
            let intended = plan.cache(cache).unwrap();
            assert_eq!(
                (&*winner.name, winner.size_gib),
                (&*intended.name, intended.size_gib),
                "{name}\n{}",
                plan.yaml()
            );
        }
    }
    assert_eq!(hits, plan.covered.len());
    assert_eq!(
        plan.covered.len() + plan.uncovered.len(),
        setup.workloads.len()
    );
}

/// Units as millionths, rounded half up.
fn micros(units: u128) -> u64 {
    ((units + UNIT * 500) / (UNIT * 1_000)) as u64
}

/// The cost and the bound of a plan, with what it leaves out: a plan reports only what is paid.
fn values(setup: &Setup, plan: &Plan) -> (u64, u64) {
    let mut left_out = 0;
    for pod in &plan.uncovered {
        let number = pod.pod.strip_prefix("Deployment/w").unwrap();
        left_out += setup.skip(number.parse().unwrap()).unwrap();
    }
    let all = |paid: Amount| micros(paid.units() + left_out);
    let bound = plan.bound.unwrap();
    // Nothing is a bound, too: then what is left out is worth more than any plan costs.
    let bound = if bound == Amount::ZERO { 0 } else { all(bound) };
    (all(plan.cost.unwrap()), bound)
}

fn run(cases: u32, strategy: impl Strategy<Value = Setup>, check: impl Fn(&Setup)) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner
        .run(&strategy, |setup| {
            check(&setup);
            Ok(())
        })
        .unwrap();
}

#[test]
fn plan_costs_what_the_slow_planner_finds() {
    run(250, setups(5, 6), |setup| {
        let (input, options) = read_setup(setup, false);
        let plan = plan(&input, &table(), &options);
        agrees_with_the_matcher(setup, &plan, &options);
        let impossible = plan
            .caches
            .iter()
            .any(|cache| cache.action.as_str() == "blocked");
        if impossible {
            return;
        }
        assert!(plan.exact);
        let (cost, bound) = values(setup, &plan);
        assert_eq!(cost, micros(setup.best().unwrap()), "{}", plan.yaml());
        assert!(bound == cost || plan.covered.is_empty());
    });
}

#[test]
fn plan_without_steps_is_above_its_bound_and_below_no_best() {
    let close = std::cell::Cell::new(0_u32);
    run(250, setups(5, 6), |setup| {
        let (input, mut options) = read_setup(setup, false);
        options.steps = 0;
        let plan = plan(&input, &table(), &options);
        agrees_with_the_matcher(setup, &plan, &options);
        if plan
            .caches
            .iter()
            .any(|cache| cache.action.as_str() == "blocked")
        {
            return;
        }
        let best = micros(setup.best().unwrap());
        let (cost, bound) = values(setup, &plan);
        assert!(bound <= best && best <= cost, "{bound} {best} {cost}");
        assert!(!plan.exact || cost == best);
        close.set(close.get() + u32::from(cost - best <= best / 20));
    });
    // Greedy plans are mostly within 5 % of the best.
    assert!(close.get() > 190, "{}", close.get());
}

#[test]
fn plan_does_not_depend_on_the_order_of_its_input() {
    run(100, setups(12, 14), |setup| {
        let (forward, options) = read_setup(setup, false);
        let (backward, _) = read_setup(setup, true);
        let mut one = plan(&forward, &table(), &options);
        let mut two = plan(&backward, &table(), &options);
        // Workloads are listed in the order of the input.
        for plan in [&mut one, &mut two] {
            plan.covered.sort_by(|a, b| a.pod.cmp(&b.pod));
            plan.uncovered.sort_by(|a, b| a.pod.cmp(&b.pod));
            plan.assumptions.sort();
            plan.caches.iter_mut().for_each(|cache| cache.pods.sort());
        }
        assert_eq!(one, two);
        agrees_with_the_matcher(setup, &one, &options);
    });
}
