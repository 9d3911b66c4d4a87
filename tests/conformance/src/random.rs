//! Questions drawn at random, the same ones at every run: the seed is fixed and so is the generator.
//!
//! Values are drawn from pools of what is right, what is nearly right and what people write by mistake, so that most
//! objects have one or two faults rather than none or all.

use serde_json::{Map, Value, json};

use crate::case::{Case, Corpus};

const SEED: u64 = 0x1C_AC4E;

/// Sebastiano Vigna's SplitMix64: a few lines, and every platform draws the same numbers.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    /// Once in so many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Copy + Default>(&mut self, pool: &[T]) -> T {
        pool.get(self.below(pool.len()))
            .copied()
            .unwrap_or_default()
    }
}

const IMAGES: &[&str] = &[
    "nginx:1.27",
    "redis:7.2",
    "docker.io/library/nginx:1.27",
    "index.docker.io/nginx:1.27",
    "registry.example.com/shop/web:1.0",
    "registry.example.com/shop/web:1.1",
    "registry.example.com/shop/cart:2.0",
    "ghcr.io/team/tool:v3",
    "localhost/app:1",
    "harbor.example.com:5000/a/b:1",
    "team/app:1",
    "docker.io/team/app:1",
    "[2001:db8::1]:5000/a/b:1",
    "nginx@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "nginx:latest@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "Registry.example.com/a/b:1",
];
/// Few enough that pods and caches meet.
const POPULAR: &[&str] = &[
    "nginx:1.27",
    "docker.io/library/nginx:1.27",
    "redis:7.2",
    "registry.example.com/shop/web:1.0",
    "registry.example.com/shop/web:1.1",
];
const DOUBTFUL_IMAGES: &[&str] = &[
    "nginx",
    "nginx:latest",
    "docker.io/nginx",
    "registry.example.com:443/a",
    "",
    "NGINX:1",
    "nginx::1",
    "nginx:1 ",
    "https://registry.example.com/a:1",
    "registry.example.com/Team/app:1",
    "a//b:1",
    "-a:1",
    "a:-1",
    "nginx@sha256:abc",
    "nginx@md5:d41d8cd98f00b204e9800998ecf8427e",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "nginx:${VERSION}",
    "my_registry/app:1",
    "a__b/c---d/e.f:1",
    "a___b:1",
    "café:1",
];
const SECRETS: &[&str] = &[
    "default:pull",
    "shop:registry.key",
    "kube-system:a-b",
    "team:x1",
];
const DOUBTFUL_SECRETS: &[&str] = &[
    "pull",
    "default/pull",
    "default:pull:x",
    "Default:pull",
    "default:Pull",
    "default:a..b",
    "default:a.-b.C",
    "default:-a",
    "-default:a",
    "default-:a",
    ":a",
    "default:",
    "",
    " default:a",
    "de fault:a",
    "default: a",
    "a.b:c",
    "default:a_b",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:a",
];

/// Known annotations of image caches with good and bad values.
const ON_CACHES: &[(&str, &[&str])] = &[
    (
        "vswitch-ids",
        &[
            "vsw-a",
            "vsw-a,vsw-b",
            "vsw-a, vsw-b",
            "sw-a",
            "",
            "vsw-a,,vsw-b",
            "vsw-",
            "vsw-1,vsw-2,vsw-3,vsw-4,vsw-5,vsw-6,vsw-7,vsw-8,vsw-9,vsw-10,vsw-11",
        ],
    ),
    (
        "security-group-id",
        &["sg-a", "sg-a,sg-b", "sg_a", "", "sg-a b"],
    ),
    ("resource-group-id", &["rg-a", "rg", "rg-ä"]),
    (
        "imc-cpu-arch",
        &["amd64", "arm64", "AMD64", "x86_64", "amd64,arm64", ""],
    ),
    ("imc-os-type", &["linux", "windows", "Windows", " linux"]),
    ("imc-enable-reuse", &["true", "False", "yes", "1", ""]),
    ("auto-match-imagecache", &["true", "on"]),
    ("imc-enable-flash", &["true", "TRUE", "maybe", "true,false"]),
];
/// Known annotations of pods.
const ON_PODS: &[(&str, &[&str])] = &[
    (
        "eci-imc-id",
        &["imc-2zeabc", "imc-", "my cache", "imc-a,imc-b", ""],
    ),
    ("eci-image-snapshot-id", &["imc-2zeold", "s-1"]),
    ("eci-auto-imc", &["true", "false", "True", "no", ""]),
    ("eci-image-cache", &["true", "false", "1"]),
    ("imc-perfect-match", &["true", "false", "perfect"]),
    (
        "imc-match-count-request",
        &["1", "2", "0", "9", "two", "-1", "1,2"],
    ),
    ("eci-matched-image-cache", &["imc-2zedone", "none"]),
    (
        "eci-extra-ephemeral-storage",
        &["50Gi", "1.5G", "50 Gi", "50GiB", "-1Gi", "1e3", ".5Ti", "."],
    ),
];
/// Known annotations of both.
const ON_BOTH: &[(&str, &[&str])] = &[
    (
        "acr-instance-ids",
        &[
            "cri-a",
            "cn-beijing:cri-a,cri-b",
            "CN:cri-a",
            "team",
            "cri-a,",
        ],
    ),
    (
        "acr-service-arns",
        &[
            "acs:ram::1234567890123456:role/a",
            "acs:ram::x:role/a",
            "role/a",
            "acs:ram::1:role/",
        ],
    ),
    (
        "acr-user-arns",
        &[
            "acs:ram::1:role/a,acs:ram::2:role/b@c",
            "acs:ram::1:role/a b",
        ],
    ),
    (
        "plain-http-registry",
        &[
            "registry.example.com",
            "192.0.2.10:5000,a",
            "http://a",
            "a/b",
            "a:0",
            "a:70000",
            "a,,b",
            "-a",
            "[::1]:80",
            "",
        ],
    ),
    (
        "insecure-registry",
        &["a.b:443", "a b", "a:x", "a:", "*.example.com"],
    ),
];

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

/// Every question.
#[must_use]
pub fn corpus() -> Corpus {
    let mut dice = Dice(SEED);
    let mut corpus = Corpus::new();
    let mut draw =
        |file: &str, call: &str, count: usize, one: &mut dyn FnMut(&mut Dice) -> Value| {
            let cases = (0..count)
                .map(|number| Case::ask(format!("random#{number}"), call, one(&mut dice)));
            corpus.insert(file.to_owned(), cases.collect());
        };
    draw(
        "objects",
        "validate",
        160,
        &mut |dice| json!({"object": image_cache(dice)}),
    );
    draw(
        "workloads",
        "validate",
        155,
        &mut |dice| json!({"object": workload(dice)}),
    );
    draw(
        "references",
        "reference",
        150,
        &mut |dice| json!({"text": reference(dice)}),
    );
    draw("matches", "match", 45, &mut matched);
    draw("expiries", "expire", 60, &mut expired);
    draw("requests", "admit", 50, &mut admitted);
    corpus
}
