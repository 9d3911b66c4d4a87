//! Questions drawn at random, the same ones at every run: the seed is fixed and so is the generator.
//!
//! Values are drawn from pools of what is right, what is nearly right and what people write by mistake, so that most
//! objects have one or two faults rather than none or all.

use serde_json::{Map, Value, json};

use crate::case::{Case, Corpus};
use crate::dice::Dice;
use crate::pools::{
    DOUBTFUL_IMAGES, DOUBTFUL_SECRETS, IMAGES, ON_BOTH, ON_CACHES, ON_PODS, POPULAR, SECRETS,
};
use crate::writing;

const SEED: u64 = 0x1C_AC4E;

fn annotations(dice: &mut Dice, pools: &[&[(&str, &[&str])]], count: usize) -> Map<String, Value> {
    let mut all = Map::new();
    for _ in 0..count {
        let pool = dice.pick(pools);
        let (name, values) = dice.pick(pool);
        // The first value of a row is a good one.
        let value = if dice.once_in(2) {
            values.first().copied().unwrap_or_default()
        } else {
            dice.pick(values)
        };
        all.insert(format!("k8s.aliyun.com/{name}"), json!(value));
    }
    if dice.once_in(12) {
        all.insert("k8s.aliyun.com/eci-use-specs".to_owned(), json!("2-4Gi"));
    }
    if dice.once_in(15) {
        all.insert("k8s.aliyun.com/imc-enable-flsh".to_owned(), json!("true"));
    }
    if dice.once_in(20) {
        all.insert("imc-perfect-match".to_owned(), json!("true"));
    }
    all
}

fn image(dice: &mut Dice) -> String {
    match dice.below(14) {
        0 => dice.pick(DOUBTFUL_IMAGES).to_owned(),
        1 => format!(
            "registry.example.com/team{}/app:{}",
            dice.below(9),
            dice.below(99)
        ),
        2 => format!(
            "registry.example.com/{}:1",
            "long-name/".repeat(12 + dice.below(4)) + "end"
        ),
        _ => dice.pick(IMAGES).to_owned(),
    }
}

fn image_cache(dice: &mut Dice) -> Value {
    let mut spec = Map::new();
    if !dice.once_in(25) {
        let count = match dice.below(12) {
            0 => 0,
            1 => 18 + dice.below(8),
            _ => 1 + dice.below(5),
        };
        let images: Vec<Value> = (0..count).map(|_| json!(image(dice))).collect();
        spec.insert("images".to_owned(), json!(images));
    }
    if dice.once_in(2) {
        let count = if dice.once_in(8) {
            9 + dice.below(4)
        } else {
            dice.below(4)
        };
        let secret = |dice: &mut Dice| match dice.below(4) {
            0 => dice.pick(DOUBTFUL_SECRETS).to_owned(),
            1 => format!("team{}:pull", dice.below(20)),
            _ => dice.pick(SECRETS).to_owned(),
        };
        let secrets: Vec<Value> = (0..count).map(|_| json!(secret(dice))).collect();
        spec.insert("imagePullSecrets".to_owned(), json!(secrets));
    }
    if dice.once_in(2) {
        let size = dice.pick(&[20, 25, 40, 100, 32768, 19, 0, -1, 32769, 1_000_000]);
        spec.insert("imageCacheSize".to_owned(), json!(size));
    }
    if dice.once_in(2) {
        let days = dice.pick(&[1, 7, 30, 365, 65536, 0, -7, 65537]);
        spec.insert("retentionDays".to_owned(), json!(days));
    }
    if dice.once_in(20) {
        spec.insert("imageCacheSize".to_owned(), dice_value(dice));
    }
    let mut metadata = Map::new();
    let name = dice.pick(&["web", "base-images", "a.b", "web", "cache-1", "Web_1", "-a"]);
    metadata.insert("name".to_owned(), json!(name));
    if dice.once_in(2) {
        let count = 1 + dice.below(3);
        let pools: &[&[(&str, &[&str])]] =
            &[ON_CACHES, ON_CACHES, ON_CACHES, ON_BOTH, ON_BOTH, ON_PODS];
        metadata.insert(
            "annotations".to_owned(),
            Value::Object(annotations(dice, pools, count)),
        );
    }
    let mut object = json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": metadata});
    if let Some(fields) = object.as_object_mut().filter(|_| !dice.once_in(40)) {
        fields.insert("spec".to_owned(), Value::Object(spec));
    }
    object
}

/// A value of a wrong type, mostly.
fn dice_value(dice: &mut Dice) -> Value {
    match dice.below(6) {
        0 => json!("25"),
        1 => json!(true),
        2 => json!(25.5),
        3 => json!(25.0),
        4 => Value::Null,
        _ => json!([25]),
    }
}

/// `metadata` and `spec` of a pod or a pod template.
fn pod(dice: &mut Dice) -> Map<String, Value> {
    let mut metadata = Map::new();
    if dice.once_in(2) {
        metadata.insert(
            "labels".to_owned(),
            json!({"alibabacloud.com/eci": "true", "app": "web"}),
        );
    } else if dice.once_in(4) {
        metadata.insert(
            "labels".to_owned(),
            json!({"alibabacloud.com/burst-resource": "eci_only"}),
        );
    }
    if !dice.once_in(3) {
        let count = 1 + dice.below(4);
        let pools: &[&[(&str, &[&str])]] = &[ON_PODS, ON_PODS, ON_PODS, ON_BOTH, ON_CACHES];
        metadata.insert(
            "annotations".to_owned(),
            Value::Object(annotations(dice, pools, count)),
        );
    }
    let mut spec = Map::new();
    let containers = |dice: &mut Dice, count: usize| -> Value {
        let one = |(at, dice): (usize, &mut Dice)| {
            let mut container = json!({"name": format!("c{at}"), "image": image(dice)});
            let policy = dice.pick(&["", "", "IfNotPresent", "Always", "Never"]);
            if let Some(fields) = container.as_object_mut().filter(|_| !policy.is_empty()) {
                fields.insert("imagePullPolicy".to_owned(), json!(policy));
            }
            container
        };
        Value::Array((0..count).map(|at| one((at, dice))).collect())
    };
    let count = 1 + dice.below(3);
    spec.insert("containers".to_owned(), containers(dice, count));
    if dice.once_in(4) {
        spec.insert("initContainers".to_owned(), containers(dice, 1));
    }
    match dice.below(12) {
        0 => spec.insert(
            "nodeName".to_owned(),
            json!("virtual-kubelet-cn-hangzhou-k"),
        ),
        1 => spec.insert(
            "nodeSelector".to_owned(),
            json!({"type": "virtual-kubelet"}),
        ),
        2 => spec.insert(
            "tolerations".to_owned(),
            json!([{"key": "virtual-kubelet.io/provider", "operator": "Exists"}]),
        ),
        _ => None,
    };
    let mut pod = Map::new();
    pod.insert("metadata".to_owned(), Value::Object(metadata));
    pod.insert("spec".to_owned(), Value::Object(spec));
    pod
}

fn workload(dice: &mut Dice) -> Value {
    let (kind, version) = dice.pick(&[
        ("Pod", "v1"),
        ("Pod", "v1"),
        ("Pod", "v1"),
        ("Deployment", "apps/v1"),
        ("Deployment", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("Job", "batch/v1"),
        ("CronJob", "batch/v1"),
        ("CronJob", "batch/v1"),
        ("PodTemplate", "v1"),
        ("Namespace", "v1"),
    ]);
    let mut above = Map::new();
    above.insert("name".to_owned(), json!("web"));
    if dice.once_in(3) {
        let count = 1 + dice.below(2);
        above.insert(
            "annotations".to_owned(),
            Value::Object(annotations(
                dice,
                &[ON_PODS, ON_PODS, ON_BOTH, ON_CACHES],
                count,
            )),
        );
    }
    let template = Value::Object(pod(dice));
    match kind {
        "Pod" => {
            let mut pod = template;
            if let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("name".to_owned(), json!("web"));
            }
            if let Some(fields) = pod.as_object_mut() {
                fields.insert("apiVersion".to_owned(), json!(version));
                fields.insert("kind".to_owned(), json!(kind));
            }
            pod
        }
        "Namespace" => json!({"apiVersion": version, "kind": kind, "metadata": above}),
        "PodTemplate" => {
            json!({"apiVersion": version, "kind": kind, "metadata": above, "template": template})
        }
        "CronJob" => {
            let mut job = Map::new();
            if dice.once_in(3) {
                let annotations = annotations(dice, &[ON_PODS], 1);
                job.insert("metadata".to_owned(), json!({ "annotations": annotations }));
            }
            job.insert("spec".to_owned(), json!({ "template": template }));
            json!({"apiVersion": version, "kind": kind, "metadata": above, "spec": {"schedule": "0 3 * * *", "jobTemplate": job}})
        }
        _ => {
            json!({"apiVersion": version, "kind": kind, "metadata": above, "spec": {"template": template}})
        }
    }
}

fn reference(dice: &mut Dice) -> String {
    const PARTS: &[&str] = &[
        "nginx",
        "library",
        "docker.io",
        "registry.example.com",
        "LOCALHOST",
        "localhost",
        "a",
        "b-c",
        "d__e",
        "f.g",
        "h_i",
        "UP",
        "-",
        "_",
        ".",
        "..",
        "5000",
        "latest",
        "1.0",
        "v2_x",
        "",
        "é",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha512:ab",
        "[::1]",
    ];
    let mut text = String::new();
    for at in 0..1 + dice.below(6) {
        if at > 0 {
            text.push_str(dice.pick(&["/", "/", ":", "@", "/", ":", ""]));
        }
        text.push_str(dice.pick(PARTS));
    }
    text
}

/// A cache of the cluster, with a status.
fn made_cache(dice: &mut Dice, number: usize) -> Value {
    let images: Vec<&str> = (0..1 + dice.below(4)).map(|_| dice.pick(POPULAR)).collect();
    let phase = dice.pick(&["Ready", "Ready", "Ready", "Creating", "Failed", "Updating"]);
    let mut annotations = Map::new();
    if dice.once_in(6) {
        annotations.insert("k8s.aliyun.com/imc-cpu-arch".to_owned(), json!("arm64"));
    }
    json!({
        "apiVersion": "eci.alibabacloud.com/v1",
        "kind": "ImageCache",
        "metadata": {
            "name": format!("cache-{number}"),
            "annotations": annotations,
            "creationTimestamp": format!("2026-01-{:02}T08:00:00Z", 1 + dice.below(28)),
        },
        "spec": {"images": images, "imageCacheSize": dice.pick(&[20, 20, 40, 100])},
        "status": {"phase": phase, "imageCacheId": format!("imc-{number}")},
    })
}

fn matched(dice: &mut Dice) -> Value {
    let caches: Vec<Value> = (0..1 + dice.below(5))
        .map(|number| made_cache(dice, number))
        .collect();
    let containers: Vec<Value> = (0..1 + dice.below(3))
        .map(|at| json!({"name": format!("c{at}"), "image": dice.pick(POPULAR)}))
        .collect();
    let mut annotations = Map::new();
    for (name, pool) in [
        ("eci-imc-id", ["imc-0", "imc-9"]),
        ("eci-auto-imc", ["true", "false"]),
        ("imc-perfect-match", ["true", "false"]),
        ("imc-match-count-request", ["1", "2"]),
        ("eci-extra-ephemeral-storage", ["30Gi", "60Gi"]),
    ] {
        if dice.once_in(7) {
            annotations.insert(format!("k8s.aliyun.com/{name}"), json!(dice.pick(&pool)));
        }
    }
    json!({"caches": caches, "pod": {"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "labels": {"alibabacloud.com/eci": "true"}, "annotations": annotations},
        "spec": {"containers": containers}}})
}

/// Caches among which some cannot be read, or not whole.
fn matched_among_broken(dice: &mut Dice) -> Value {
    let mut question = matched(dice);
    let broken = [
        json!({"kind": "ImageCacheList", "items": [17, {"metadata": {"name": "listed"}, "spec": {"images": ["nginx:1.27"]}}, null]}),
        json!({"kind": "List", "items": ["nginx:1.27", [], {"kind": "Pod"}]}),
        json!({"kind": "ImageCache", "metadata": 7}),
        json!({"kind": "ImageCache", "spec": {"images": ["nginx:1.27"]}}),
        json!({"kind": "ImageCache", "metadata": {"name": "text"}, "spec": {"images": "nginx:1.27"}}),
        json!({"kind": "ImageCache", "metadata": {"name": "mixed"}, "spec": {"images": ["nginx:1.27", 7, null, "NGINX:1"]},
            "status": {"phase": "Ready", "imageCacheId": "imc-mixed"}}),
        json!({"kind": "ImageCache", "metadata": {"name": "odd", "creationTimestamp": "yesterday"},
            "spec": {"images": ["redis:7.2"], "imageCacheSize": "40"}, "status": {"phase": "Redy", "imageCacheId": 5}}),
        json!({"ImageCaches": [{"ImageCacheId": "imc-reply", "Images": ["redis:7.2"], "Status": "Ready"}, 17]}),
        json!({}),
    ];
    let caches = question.get_mut("caches").and_then(Value::as_array_mut);
    for cache in caches.into_iter().flatten() {
        if dice.once_in(2) {
            *cache = broken
                .get(dice.below(broken.len()))
                .cloned()
                .unwrap_or_default();
        }
    }
    question
}

fn judged(dice: &mut Dice) -> Value {
    match dice.below(3) {
        0 => workload(dice),
        _ => image_cache(dice),
    }
}

fn written_as_json(dice: &mut Dice) -> Value {
    let object = judged(dice);
    json!({"text": writing::json(dice, &object)})
}

fn written_as_yaml(dice: &mut Dice) -> Value {
    let objects: Vec<Value> = (0..1 + dice.below(8) / 6).map(|_| judged(dice)).collect();
    json!({"text": writing::yaml(dice, &objects)})
}

fn expired(dice: &mut Dice) -> Value {
    let day = 1 + dice.below(28);
    let created = format!("2026-01-{day:02}T{:02}:30:00Z", dice.below(24));
    let mut spec = json!({"images": ["nginx:1.27"]});
    if let Some(fields) = spec.as_object_mut().filter(|_| !dice.once_in(3)) {
        fields.insert(
            "retentionDays".to_owned(),
            json!(dice.pick(&[1, 3, 7, 30, 65536, 0])),
        );
    }
    let mut status = Map::new();
    status.insert(
        "phase".to_owned(),
        json!(dice.pick(&["Ready", "Creating", "Failed", "UpdateFailed"])),
    );
    if dice.once_in(3) {
        status.insert(
            "expireDateTime".to_owned(),
            json!(format!("2026-02-{:02}T12:30:00Z", 1 + dice.below(28))),
        );
    }
    if dice.once_in(2) {
        status.insert(
            "lastUpdatedTime".to_owned(),
            json!(format!("2026-01-{day:02}T23:59:59Z")),
        );
    }
    let name = dice.pick(&["base", "web", "auto-create-for-eci-1"]);
    json!({
        "now": format!("2026-{:02}-{:02}T00:00:00Z", 1 + dice.below(3), 1 + dice.below(28)),
        "cache": {"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": name, "creationTimestamp": created}, "spec": spec, "status": status},
    })
}

fn admitted(dice: &mut Dice) -> Value {
    let cache = dice.once_in(3);
    let object = if cache {
        image_cache(dice)
    } else {
        workload(dice)
    };
    let (group, version) = match object
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .split_once('/')
    {
        Some((group, version)) => (group.to_owned(), version.to_owned()),
        None => (String::new(), "v1".to_owned()),
    };
    let mut input = json!({
        "settings": {
            "mode": dice.pick(&["pin", "pin", "auto", "off"]),
            "ifNotPresent": dice.once_in(2),
            "onMiss": dice.pick(&["allow", "warn", "reject"]),
        },
        "request": {
            "uid": "b0a1a1c6-0d1c-4d68-9d1f-000000000000",
            "kind": {"group": group, "version": version, "kind": object.get("kind")},
            "operation": "CREATE",
            "object": object,
            "oldObject": null,
            "dryRun": false,
        },
    });
    if let Some(fields) = input.as_object_mut() {
        let caches: Vec<Value> = (0..dice.below(3))
            .map(|number| made_cache(dice, number))
            .collect();
        fields.insert("caches".to_owned(), json!(caches));
    }
    input
}

/// Workloads, caches and sizes; some sizes are missing, some hours are given.
fn planned(dice: &mut Dice) -> Value {
    let workloads = 1 + dice.below(6);
    let mut objects: Vec<Value> = (0..workloads).map(|_| workload(dice)).collect();
    objects.extend((0..dice.below(3)).map(|number| made_cache(dice, number)));
    let mut sizes = Map::new();
    for image in POPULAR {
        if !dice.once_in(8) {
            let mib = 20 + dice.below(8_000);
            sizes.insert((*image).to_owned(), json!(format!("{mib}Mi")));
        }
    }
    let prices = json!({"currency": "USD", "prices": [{
        "source": "corpus", "date": "2026-01-01", "useGibHour": 0.0005, "storeGibMonth": 0.02,
        "builderVcpuSecond": 0.0000077, "builderGibSecond": 0.00000096,
    }]});
    let options = json!({
        "objective": dice.pick(&["cost", "cost", "seconds", "costPerSecond"]),
        "microsPerSecond": 20_000,
        "now": "2026-01-20T00:00:00Z",
    });
    json!({"objects": objects, "facts": {"sizes": sizes, "prices": prices}, "options": options})
}

/// Every question.
#[must_use]
pub fn corpus() -> Corpus {
    let mut dice = Dice::new(SEED);
    let mut corpus = Corpus::new();
    let mut draw =
        |file: &str, call: &str, count: usize, one: &mut dyn FnMut(&mut Dice) -> Value| {
            let cases = corpus.entry(file.to_owned()).or_default();
            for _ in 0..count {
                let name = format!("random#{}", cases.len());
                cases.push(Case::ask(name, call, one(&mut dice)));
            }
        };
    let mut object = |dice: &mut Dice| json!({"object": image_cache(dice)});
    draw("objects", "validate", 160, &mut object);
    let mut object = |dice: &mut Dice| json!({"object": workload(dice)});
    draw("workloads", "validate", 155, &mut object);
    let mut text = |dice: &mut Dice| json!({"text": reference(dice)});
    draw("references", "reference", 150, &mut text);
    draw("matches", "match", 45, &mut matched);
    draw("expiries", "expire", 60, &mut expired);
    draw("requests", "admit", 50, &mut admitted);
    // What is drawn last changes nothing above.
    draw("matches", "match", 20, &mut matched_among_broken);
    draw("json-texts", "validate", 40, &mut written_as_json);
    draw("yaml-texts", "validate", 95, &mut written_as_yaml);
    draw("plans", "plan", 60, &mut planned);
    corpus
}
