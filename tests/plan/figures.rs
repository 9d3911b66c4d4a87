//! Figures that the vendor and users published.

use imagecache::plan::plan;
use serde_json::json;

use super::{deployment, input, options, planned, prices, sample};

const GIB: u64 = 1 << 30;

#[test]
fn figures_of_the_vendor_for_hangzhou_are_reproduced() {
    // A cache of 40 GiB is made in 300 s from images of 1 GiB, whose snapshot has 2 GiB, kept for 3 days; a pod uses it for
    // 3 hours. The page prints 0.007449 for making it; its own unit prices give 0.007439.
    let mut pod = deployment("web", 1, &["example.com/web:1"]);
    let storage = json!({"requests": {"ephemeral-storage": "40Gi"}});
    pod["spec"]["template"]["spec"]["containers"][0]["resources"] = storage;
    let mut input = input(&[pod]);
    input.size("--image-size", "example.com/web:1", GIB);
    let options =
        json!({"buildSecondsPerGib": 300, "retentionDays": 3, "hours": {"Deployment/web": 3}});
    let plan = planned(&input, &sample(), &options);
    let costs = plan.caches[0].costs;
    assert_eq!(plan.caches[0].size_gib, 40);
    assert_eq!(costs.make.unwrap().micros(), 7_439);
    assert_eq!(costs.keep.unwrap().micros(), 4_000);
    assert_eq!(costs.use_.unwrap().micros(), 60_000);
    assert_eq!(plan.prices[0].date, "2024-03-08");
}

#[test]
fn figures_of_a_user_of_acs_are_reproduced() {
    // An image of 4 GiB, one pod that always runs, 0.00231 CNY for a GiB and hour: 6.65 CNY a month of 720 h.
    let mut input = input(&[deployment("web", 1, &["example.com/web:1"])]);
    input.size("--image-size", "example.com/web:1", 4 * GIB);
    let options = json!({"sizePercent": 100, "minSizeGib": 1, "hoursPerMonth": 720});
    let plan = planned(
        &input,
        &prices("CNY", json!({"useGibHour": 0.00231})),
        &options,
    );
    assert_eq!(plan.caches[0].costs.use_.unwrap().to_string(), "6.65");
    assert_eq!(
        plan.caches[0].costs.keep, None,
        "the price of a snapshot is unknown, not nothing"
    );
}

#[test]
fn figures_of_beijing_in_2020_are_reproduced() {
    // 20 GiB cost 0.04 CNY an hour for each pod.
    let mut input = input(&[deployment("web", 1, &["example.com/web:1"])]);
    input.size("--image-size", "example.com/web:1", GIB);
    let options = json!({"hours": {"deployment/web": "1"}});
    let plan = planned(
        &input,
        &prices("CNY", json!({"useGibHour": "0.002"})),
        &options,
    );
    assert_eq!(plan.caches[0].costs.use_.unwrap().to_string(), "0.040000");
}

#[test]
fn figures_of_thirty_pods_keep_two_images_apart() {
    let web = "example.com/web:1";
    let job = "example.com/job:1";
    let mut input = input(&[
        deployment("web", 30, &[web]),
        deployment("job", 1, &[web, job]),
    ]);
    input.size("a", web, 5 * GIB);
    input.size("b", job, 15 * GIB);
    let found = plan(&input, &sample(), &options(&json!({})));
    assert!(found.exact);
    let [small, large] = [0, 1].map(|at| &found.caches[at]);
    let (small, large) = if small.size_gib < large.size_gib {
        (small, large)
    } else {
        (large, small)
    };
    assert_eq!((small.size_gib, large.size_gib), (20, 40));
    assert_eq!(small.costs.use_.unwrap().to_string(), "219.00");
    let reason = small
        .reasons
        .iter()
        .find(|reason| reason.starts_with("not joined"))
        .unwrap();
    assert!(
        reason.contains("`example.com/web:1`") && reason.contains("(40 GiB)"),
        "{reason}"
    );
    // Together 31 pods would pay for 40 GiB: 452.60 for their use alone.
    assert!(reason.contains("USD 453."), "{reason}");
}
