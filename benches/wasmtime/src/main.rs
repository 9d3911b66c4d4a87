//! `imagecache-bench-wasmtime POLICY.wasm`: how long the Kubewarden policy takes for a request in wasmtime, with an
//! instance of its own for each. Prints one JSON object a line: what, the least, the 50th and the 99th percentile in
//! nanoseconds, of how many requests, and how many instructions of the policy one request takes: the only figure that a
//! busy machine does not change.

mod host;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use wasmtime::error::Context;
use wasmtime::{Result, ensure};

use host::Policy;

fn main() -> Result<()> {
    let path = std::env::args_os()
        .nth(1)
        .context("usage: imagecache-bench-wasmtime POLICY.wasm")?;
    let wasm = std::fs::read(path)?;
    let (policy, counted) = (Policy::load(&wasm)?, Policy::load_counted(&wasm)?);
    for question in questions() {
        question.check(&policy)?;
        let [least, p50, p99, count] = question.measure(&policy)?;
        let (_, instructions) = question.ask(&counted)?;
        let figures = json!({
            "what": question.what, "least": least, "p50": p50, "p99": p99, "count": count,
            "instructions": instructions,
        });
        println!("{figures}");
    }
    Ok(())
}

/// A request, and what must come of it.
struct Question {
    what: &'static str,
    request: Value,
    settings: Value,
    caches: Arc<Value>,
    accepted: bool,
    matched: Option<&'static str>,
}

impl Question {
    fn ask(&self, policy: &Policy) -> Result<(Value, u64)> {
        policy.validate(&self.request, &self.settings, &self.caches)
    }

    /// A wrong answer is an error, however fast it came.
    fn check(&self, policy: &Policy) -> Result<()> {
        let (answer, _) = self.ask(policy)?;
        ensure!(
            answer["accepted"] == self.accepted,
            "{}: {answer}",
            self.what
        );
        let matched = answer["audit_annotations"]["matched-image-cache"].as_str();
        ensure!(matched == self.matched, "{}: {answer}", self.what);
        Ok(())
    }

    /// The least time, the 50th and the 99th percentile, and of how many requests.
    fn measure(&self, policy: &Policy) -> Result<[u64; 4]> {
        for _ in 0..200 {
            self.ask(policy)?;
        }
        let mut times = Vec::new();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(4) {
            let start = Instant::now();
            std::hint::black_box(self.ask(policy)?);
            times.push(u64::try_from(start.elapsed().as_nanos())?);
        }
        times.sort_unstable();
        let at = |hundredth: usize| {
            times
                .get(times.len() * hundredth / 100)
                .copied()
                .unwrap_or_default()
        };
        Ok([at(0), at(50), at(99), u64::try_from(times.len())?])
    }
}

fn questions() -> Vec<Question> {
    let pin = json!({"mode": "pin"});
    let judged = |what, images: usize, accepted| Question {
        what,
        request: request("eci.alibabacloud.com", "ImageCache", &image_cache(images)),
        settings: json!({"mode": "off"}),
        caches: Arc::default(),
        accepted,
        matched: None,
    };
    let matched = |what, count, masked| Question {
        what,
        request: request("", "Pod", &pod()),
        settings: pin.clone(),
        caches: Arc::new(list(count, masked)),
        accepted: true,
        matched: Some("imc-2"),
    };
    vec![
        judged("ImageCache of 3 images", 3, true),
        judged("ImageCache of 21 images, denied", 21, false),
        matched("Pod, 3 listed caches", 3, true),
        matched("Pod, 500 listed caches", 500, true),
        matched(
            "Pod, 500 listed caches, whole objects of older hosts",
            500,
            false,
        ),
    ]
}

/// As an API server sends it.
fn request(group: &str, kind: &str, object: &Value) -> Value {
    json!({
        "uid": "1299d386-525b-4032-98ae-1949f69f9cfc",
        "kind": {"group": group, "version": "v1", "kind": kind},
        "resource": {"group": group, "version": "v1", "resource": format!("{}s", kind.to_lowercase())},
        "name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"], "operation": "CREATE",
        "userInfo": {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]},
        "object": object, "oldObject": null, "dryRun": false, "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    })
}

fn image_cache(images: usize) -> Value {
    let images: Vec<String> = (0..images)
        .map(|at| format!("registry.cn-hangzhou.aliyuncs.com/acme/app-{at}:1.4.2"))
        .collect();
    json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": "web-release-2026-11", "annotations": {
            "k8s.aliyun.com/vswitch-ids": "vsw-bp1example1,vsw-bp1example2",
            "k8s.aliyun.com/security-group-id": "sg-bp1example", "k8s.aliyun.com/imc-enable-reuse": "true"}},
        "spec": {"images": images, "imagePullSecrets": ["default:registry-login"], "imageCacheSize": 40, "retentionDays": 30},
    })
}

/// What Kubernetes makes of a plain pod of two containers.
fn pod() -> Value {
    let container = |name: &str, image: &str| {
        json!({
            "name": name, "image": image, "imagePullPolicy": "IfNotPresent", "resources": {},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "volumeMounts": [{"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "token", "readOnly": true}],
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "shop", "namespace": "default", "labels": {"app": "shop", "alibabacloud.com/eci": "true"},
            "creationTimestamp": "2026-01-19T08:00:00Z", "uid": "04dc7a5e-e1f1-4e34-8d65-2c9337a43e64"},
        "spec": {
            "containers": [container("web", "registry.cn-hangzhou.aliyuncs.com/acme/app-2:1.4.2"), container("side", "registry.cn-hangzhou.aliyuncs.com/acme/side-2:1.4.2")],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default", "serviceAccount": "default", "securityContext": {}, "schedulerName": "default-scheduler",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
        },
    })
}

/// The caches of a cluster, each of three images; `masked` as hosts answer that know field masks.
fn list(count: usize, masked: bool) -> Value {
    let cache = |at: usize| {
        let images = ["app", "side", "job"]
            .map(|name| format!("registry.cn-hangzhou.aliyuncs.com/acme/{name}-{at}:1.4.2"));
        let mut cache = json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": format!("cache-{at}"), "uid": format!("6a1bd1a0-0000-4000-8000-{at:012}"), "generation": 1,
                "resourceVersion": (1000 + at).to_string(), "creationTimestamp": "2026-01-18T13:40:56Z"},
            "spec": {"images": images, "imageCacheSize": 40},
            "status": {"imageCacheId": format!("imc-{at}"), "phase": "Ready"},
        });
        if !masked {
            cache["spec"]["imagePullSecrets"] = json!(["default:registry-login"]);
            cache["spec"]["retentionDays"] = json!(30);
            cache["status"] = json!({
                "imageCacheId": format!("imc-{at}"), "snapshotId": format!("s-bp1example{at}"), "phase": "Ready", "progress": "100%",
                "startTime": "2026-01-18T13:40:58Z", "lastUpdatedTime": "2026-01-18T13:45:58Z",
                "containerGroupId": format!("eci-bp1example{at}"), "events": [
                    {"type": "Normal", "name": "Pulling", "message": "pulling images", "count": 3, "firstTimestamp": "2026-01-18T13:41:00Z", "lastTimestamp": "2026-01-18T13:44:00Z"},
                    {"type": "Normal", "name": "Ready", "message": "the image cache is ready", "count": 1, "firstTimestamp": "2026-01-18T13:45:58Z", "lastTimestamp": "2026-01-18T13:45:58Z"}],
            });
        }
        cache
    };
    json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCacheList", "metadata": {"resourceVersion": "90210"},
        "items": (0..count).map(cache).collect::<Vec<_>>()})
}
