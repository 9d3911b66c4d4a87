//! What one request may cost: each limit at its edge, in every form of a write.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)] // a test fails by panic

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use imagecache_apiserver::api::ApiError;
use imagecache_apiserver::api::patch::PatchKind;
use imagecache_apiserver::api::write::Admitted;
use imagecache_apiserver::cluster::place::Place;
use imagecache_apiserver::cluster::requests::{Body, Written};
use imagecache_apiserver::cluster::serve::Limits;
use imagecache_apiserver::cluster::{Admission, Cluster, Config};
use imagecache_apiserver::limits::{
    COLUMN_PATH_BYTES, JSON_PATCH_COPY_BYTES, LISTED_ERRORS, OBJECT_DEPTH, OBJECT_VALUES,
    RULE_BYTES, RULE_DEPTH, RULE_OPERATORS, WRITE_ATTEMPTS,
};
use serde_json::{Value, json};

const THINGS: (&str, &str, &str) = ("example.com", "v1", "things");
const MAPS: (&str, &str, &str) = ("", "v1", "configmaps");

/// A definition of objects with any content below `spec` and `status`.
fn definition(spec: Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Cluster", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": spec,
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    })
}

fn anything() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// The limits of this test do not depend on how fast the machine is.
fn patient() -> Config {
    let limits = Limits {
        write_time: Duration::from_secs(120),
        ..Limits::default()
    };
    Config {
        limits,
        ..Config::default()
    }
}

async fn open(config: Config, spec: Value) -> Cluster {
    let cluster = Cluster::open(config).await.unwrap();
    define(&cluster, spec).await.unwrap();
    cluster
}

async fn define(cluster: &Cluster, spec: Value) -> Result<Written, ApiError> {
    let resource = ("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let place = cluster.place(resource, None, Some("things.example.com"))?;
    let body = Body::json(&definition(spec), "test");
    cluster.patch(&place, PatchKind::Apply, body).await
}

fn thing(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": name}, "spec": spec})
}

fn place(cluster: &Cluster, name: Option<&str>) -> Place {
    cluster.place(THINGS, None, name).unwrap()
}

async fn create(cluster: &Cluster, object: &Value) -> Result<Written, ApiError> {
    let body = Body::json(object, "test");
    cluster.create(&place(cluster, None), body).await
}

async fn patch(
    cluster: &Cluster,
    place: &Place,
    kind: PatchKind,
    text: impl Into<Bytes>,
) -> Result<Written, ApiError> {
    let body = Body {
        bytes: text.into(),
        manager: "test".to_owned(),
        ..Body::default()
    };
    cluster.patch(place, kind, body).await
}

/// Lists in each other.
fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| json!([inner]))
}

fn nested(error: &ApiError, levels: usize) {
    assert_eq!((error.code, error.reason), (413, "RequestEntityTooLarge"));
    let limit = format!("nested {levels} levels deep, limit {OBJECT_DEPTH}");
    assert!(error.message.contains(&limit), "{}", error.message);
}

#[tokio::test]
async fn depth_has_one_edge_in_every_form_of_a_write() {
    let directory = tempfile::tempdir().unwrap();
    let config = || Config {
        directory: Some(directory.path().to_owned()),
        ..patient()
    };
    let cluster = open(config(), anything()).await;
    // object, spec and x are around the lists
    let most = OBJECT_DEPTH - 2;
    for (levels, fits) in [(most, true), (most + 1, false), (120, false)] {
        let name = format!("a{levels}");
        let object = thing(&name, json!({"x": deep(levels)}));
        let merge = json!({"spec": {"x": deep(levels)}});
        let json = json!([{"op": "add", "path": "/spec/x", "value": deep(levels)}]);
        let status = json!({"status": {"x": deep(levels)}});
        let base = format!("base{levels}");
        create(&cluster, &thing(&base, json!({}))).await.unwrap();
        let base = place(&cluster, Some(&base));
        let apply = thing(&format!("apply{levels}"), json!({"x": deep(levels)}));
        let applied = place(&cluster, Some(&format!("apply{levels}")));
        let mut replaced = cluster.get(&base).unwrap().value.clone();
        replaced["spec"] = json!({"x": deep(levels)});
        let outcomes = [
            create(&cluster, &object).await,
            patch(&cluster, &base, PatchKind::Merge, merge.to_string()).await,
            patch(&cluster, &base, PatchKind::Json, json.to_string()).await,
            patch(
                &cluster,
                &base.clone().status(),
                PatchKind::Merge,
                status.to_string(),
            )
            .await,
            patch(&cluster, &applied, PatchKind::Apply, apply.to_string()).await,
            cluster.update(&base, Body::json(&replaced, "other")).await,
        ];
        for (form, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(_) => assert!(fits, "{form}, {levels}"),
                // the update is of an object that has changed in between
                Err(error) if error.code == 409 => assert!(fits && form == 5, "{error}"),
                // the reader of YAML has a limit of its own
                Err(error) if form == 4 => assert!(!fits && error.code == 400, "{error}"),
                Err(error) => nested(&error, levels + 2),
            }
        }
    }
    let before = cluster.list(&place(&cluster, None), &Default::default());
    drop(cluster);
    let cluster = Cluster::open(config()).await.unwrap();
    let after = cluster.list(&place(&cluster, None), &Default::default());
    let values = |page: &[Arc<imagecache_apiserver::cluster::store::Object>]| -> Vec<Value> {
        page.iter().map(|object| object.value.clone()).collect()
    };
    assert_eq!(values(&before.items), values(&after.items));
    assert!(cluster.store().report().aside.is_empty());
}

#[tokio::test]
async fn number_of_values_has_an_edge() {
    let cluster = open(patient(), anything()).await;
    // object, apiVersion, kind, metadata and name, spec and the list
    for (values, fits) in [(OBJECT_VALUES - 7, true), (OBJECT_VALUES - 6, false)] {
        let object = thing(&format!("a{values}"), json!({"x": vec![0; values]}));
        let error = create(&cluster, &object).await.err();
        if fits {
            // the metadata of the server comes on top: the gate before the store counts it
            let message = error.unwrap().message;
            assert!(message.contains("limit 500000"), "{message}");
            continue;
        }
        let message = error.unwrap().message;
        assert!(message.contains("500001 values, limit 500000"), "{message}");
    }
    create(
        &cluster,
        &thing("b", json!({"x": vec![0; OBJECT_VALUES - 100]})),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn json_patches_that_copy_or_nest_without_end_are_refused() {
    let cluster = open(patient(), anything()).await;
    create(&cluster, &thing("a", json!({"x": {"y": "z".repeat(1000)}})))
        .await
        .unwrap();
    let a = place(&cluster, Some("a"));
    let copy = |from: &str, path: &str| json!({"op": "copy", "from": from, "path": path});
    let doubles: Vec<Value> = (0..60)
        .map(|n| copy("/spec/x", &format!("/spec/x/{n}")))
        .collect();
    let error = patch(&cluster, &a, PatchKind::Json, json!(doubles).to_string()).await;
    let error = error.unwrap_err();
    assert_eq!(error.code, 413);
    let bytes = "may copy 3145728 bytes in all";
    // the copies nest, too: whichever limit comes first
    assert!(
        error.message.contains(bytes) || error.message.contains("levels deep"),
        "{error}"
    );
    let wide: Vec<Value> = (0..4000)
        .map(|n| copy("/spec/x", &format!("/spec/w{n}")))
        .collect();
    let error = patch(&cluster, &a, PatchKind::Json, json!(wide).to_string()).await;
    assert!(error.unwrap_err().message.contains(bytes));
    let mut nest = vec![json!({"op": "add", "path": "/spec/n", "value": {}})];
    let mut path = "/spec/n".to_owned();
    for _ in 0..5000 {
        path.push_str("/n");
        nest.push(json!({"op": "add", "path": path, "value": {}}));
        if path.len() > 600 {
            nest.push(json!({"op": "move", "from": "/spec/n", "path": "/spec/m"}));
            nest.push(json!({"op": "add", "path": "/spec/n", "value": {}}));
            nest.push(json!({"op": "move", "from": "/spec/m", "path": "/spec/n/n"}));
            "/spec/n".clone_into(&mut path);
        }
    }
    let error = patch(&cluster, &a, PatchKind::Json, json!(nest).to_string()).await;
    nested(&error.unwrap_err(), OBJECT_DEPTH + 1);
    // one copy is the braces, the key and the text
    let copies = JSON_PATCH_COPY_BYTES / (2 + 5 + 1003);
    for (count, fault) in [
        (copies, "etcdserver: request is too large"),
        (copies + 1, bytes),
    ] {
        let exact: Vec<Value> = (0..count)
            .map(|n| copy("/spec/x", &format!("/spec/e{n}")))
            .collect();
        let error = patch(&cluster, &a, PatchKind::Json, json!(exact).to_string()).await;
        let error = error.unwrap_err();
        assert!(error.message.contains(fault), "{count}: {error}");
    }
    let small =
        json!([copy("/spec/x", "/spec/b"), {"op": "move", "from": "/spec/b", "path": "/spec/c"}]);
    patch(&cluster, &a, PatchKind::Json, small.to_string())
        .await
        .unwrap();
}

fn rule(rule: &str) -> Value {
    json!({
        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-validations": [{"rule": rule, "message": "no"}],
    })
}

#[tokio::test]
async fn rules_have_limits_before_they_are_parsed() {
    let cluster = open(patient(), anything()).await;
    let brackets = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    let unary = |count: usize| format!("{}true", "!!".repeat(count / 2));
    let sum = |operators: usize| format!("1{} > 0", "+1".repeat(operators - 1));
    let conditional = |depth: usize| format!("{}true", "true ? true : ".repeat(depth));
    let fields = |dots: usize| format!("self == self || self{} == 1", ".a".repeat(dots - 6));
    let text = |length: usize| format!("'{}' != ''", "x".repeat(length - 8));
    for (fits, over, limit) in [
        (
            brackets(RULE_DEPTH),
            brackets(RULE_DEPTH + 1),
            "nested 49 levels deep, limit 48",
        ),
        (
            conditional(RULE_DEPTH),
            conditional(RULE_DEPTH + 1),
            "nested 49 levels deep, limit 48",
        ),
        (
            unary(90),
            unary(RULE_OPERATORS + 2),
            "502 operators, limit 500",
        ),
        (
            sum(RULE_OPERATORS),
            sum(RULE_OPERATORS + 1),
            "501 operators, limit 500",
        ),
        (sum(90), sum(20_000), "40003 bytes, limit 8192"),
        (
            fields(RULE_OPERATORS),
            fields(RULE_OPERATORS + 1),
            "501 operators, limit 500",
        ),
        (
            text(RULE_BYTES),
            text(RULE_BYTES + 1),
            "8193 bytes, limit 8192",
        ),
        (
            "self.a == '((((' || true".to_owned(),
            "self == 'x".to_owned(),
            "not closed",
        ),
    ] {
        let refused = define(&cluster, rule(&over)).await.unwrap_err();
        assert_eq!(refused.code, 422);
        assert!(
            refused.message.contains(limit),
            "{limit}: {}",
            &refused.message[..400.min(refused.message.len())]
        );
        if let Err(error) = define(&cluster, rule(&fits)).await {
            panic!("{fits}: {error}");
        }
        let created = create(&cluster, &thing("a", json!({"a": "b"})))
            .await
            .unwrap();
        assert_eq!(created.object["spec"]["a"], "b");
        let a = place(&cluster, Some("a"));
        cluster.delete(&a, Default::default()).await.unwrap();
    }
}

#[test]
fn columns_of_a_definition_have_limits() {
    for (path, limit) in [
        (
            format!(".{}", "a".repeat(COLUMN_PATH_BYTES)),
            "is 1025 bytes long, limit 1024",
        ),
        (
            format!(".a[?({}@.b{})]", "(".repeat(15), ")".repeat(15)),
            "is nested 17 levels deep, limit 16",
        ),
    ] {
        let mut definition = definition(anything());
        let column = json!([{"name": "x", "type": "string", "jsonPath": path}]);
        definition["spec"]["versions"][0]["additionalPrinterColumns"] = column;
        let faults = imagecache_apiserver::api::definition_faults(&definition);
        let [fault] = faults.as_slice() else {
            panic!("{faults:?}")
        };
        assert!(fault.to_string().ends_with(limit), "{fault}");
    }
}

#[tokio::test]
async fn rules_that_multiply_run_out_of_budget() {
    let cubic = "!has(self.x) || self.x.all(a, self.x.all(b, self.x.all(c, a + b + c >= 0)))";
    let cluster = open(patient(), rule(cubic)).await;
    create(&cluster, &thing("few", json!({"x": vec![1; 20]})))
        .await
        .unwrap();
    let start = Instant::now();
    let many = create(&cluster, &thing("many", json!({"x": vec![1; 5000]}))).await;
    let message = many.unwrap_err().message;
    assert!(message.contains("running out of cost budget"), "{message}");
    assert!(message.contains("limit 10000000 steps"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn errors_beyond_the_limit_are_counted_in_the_response() {
    const COUNT: usize = 300_000;
    let items = json!({"type": "string", "pattern": "^[a-z]+$"});
    let spec = json!({"type": "object", "properties": {"x": {"type": "array", "items": items}}});
    let cluster = open(patient(), spec).await;
    let error = create(&cluster, &thing("a", json!({"x": vec!["A"; COUNT]}))).await;
    let error = error.unwrap_err();
    assert_eq!(error.code, 422);
    let more = COUNT - LISTED_ERRORS;
    let end = format!("{more} more errors, at most 100 are listed]");
    assert!(
        error.message.ends_with(&end),
        "{}",
        &error.message[error.message.len() - 200..]
    );
    assert_eq!(
        error.details.as_ref().unwrap().causes.len(),
        LISTED_ERRORS + 1
    );
    assert!(serde_json::to_string(&error.status()).unwrap().len() < 50_000);
    // wrong in type, and unknown fields
    let error = create(&cluster, &thing("a", json!({"x": vec![1; COUNT]})))
        .await
        .unwrap_err();
    assert!(error.message.len() < 50_000);
    let unknown: serde_json::Map<_, _> = (0..50_000).map(|n| (n.to_string(), 1.into())).collect();
    let created = create(&cluster, &thing("a", unknown.into())).await.unwrap();
    assert_eq!(created.object["spec"], json!({}));
}

#[tokio::test]
async fn strategic_patches_of_long_lists_are_linear() {
    let cluster = Cluster::open(patient()).await.unwrap();
    let place = |name: Option<&str>| {
        let pods = cluster.place(("", "v1", "pods"), Some("default"), name);
        pods.unwrap()
    };
    let containers = |count: usize, image: &str| -> Vec<Value> {
        let names = 0..count;
        names
            .map(|n| json!({"name": format!("c{n}"), "image": image}))
            .collect()
    };
    let time = async |name: &str, count: usize| {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": containers(count, "x:1")},
        });
        let created = cluster.create(&place(None), Body::json(&pod, "test")).await;
        created.unwrap();
        let change = json!({"spec": {"containers": containers(count, "x:2")}}).to_string();
        let start = Instant::now();
        let patched = patch(&cluster, &place(Some(name)), PatchKind::Strategic, change).await;
        let time = start.elapsed();
        let patched = patched.unwrap().object;
        let patched = patched["spec"]["containers"].as_array().unwrap();
        assert_eq!(patched.len(), count);
        assert!(patched.iter().all(|container| container["image"] == "x:2"));
        time
    };
    let (few, many) = (time("few", 500).await, time("many", 4000).await);
    // eight times as many; if each were compared with each, sixty-four times as long
    assert!(
        many < few * 30 + Duration::from_secs(1),
        "{few:?}, {many:?}"
    );
}

/// Admission that waits for a word of the test where objects have the name `slow`.
fn slow() -> (Admission, std::sync::mpsc::Sender<()>) {
    let (go, gone) = std::sync::mpsc::channel();
    let gone = std::sync::Mutex::new(gone);
    let admission = Admission::new(move |review| {
        if review.object["metadata"]["name"] == "slow" {
            let _ = gone.lock().unwrap().recv();
        }
        Ok(Admitted {
            object: review.object,
            warnings: Vec::new(),
        })
    });
    (admission, go)
}

fn map(name: &str, data: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": data}})
}

#[tokio::test]
async fn a_write_that_computes_long_does_not_hold_up_others() {
    let (admission, go) = slow();
    let config = Config {
        admission: Some(admission),
        ..patient()
    };
    let cluster = Cluster::open(config).await.unwrap();
    let maps = cluster.place(MAPS, Some("default"), None).unwrap();
    let create = async |name: &str| {
        let body = Body::json(&map(name, ""), "test");
        cluster.create(&maps, body).await
    };
    let others = async {
        for n in 0..20 {
            create(&format!("fast{n}")).await.unwrap();
        }
        assert_eq!(cluster.list(&maps, &Default::default()).items.len(), 20);
        go.send(()).unwrap();
    };
    // the first one is polled first, and waits until the others are done
    let (long, ()) = tokio::join!(create("slow"), others);
    long.unwrap();
    assert_eq!(cluster.list(&maps, &Default::default()).items.len(), 21);
}

#[tokio::test]
async fn a_write_that_computes_too_long_is_refused() {
    let (admission, go) = slow();
    let limits = Limits {
        write_time: Duration::from_millis(500),
        ..Limits::default()
    };
    let config = Config {
        admission: Some(admission),
        limits,
        ..Config::default()
    };
    let cluster = Cluster::open(config).await.unwrap();
    let maps = cluster.place(MAPS, Some("default"), None).unwrap();
    let body = Body::json(&map("slow", ""), "test");
    let late = cluster.create(&maps, body).await.unwrap_err();
    assert_eq!((late.code, late.reason), (504, "Timeout"));
    let message = "took longer to process than 0.5 s";
    assert!(late.message.ends_with(message), "{late}");
    go.send(()).unwrap();
    assert!(cluster.list(&maps, &Default::default()).items.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_always_overtaken_is_a_conflict() {
    // each admission asks the test to change the object first
    let (ask, asked) = std::sync::mpsc::channel();
    let (done, changed) = std::sync::mpsc::channel();
    let both = std::sync::Mutex::new((ask, changed));
    let admission = Admission::new(move |review| {
        if review.request["operation"] == "UPDATE" {
            let both = both.lock().unwrap();
            both.0.send(()).unwrap();
            let () = both.1.recv().unwrap();
        }
        Ok(Admitted {
            object: review.object,
            warnings: Vec::new(),
        })
    });
    let config = Config {
        admission: Some(admission),
        ..Config::default()
    };
    let cluster = Cluster::open(config).await.unwrap();
    let maps = cluster.place(MAPS, Some("default"), None).unwrap();
    cluster
        .create(&maps, Body::json(&map("a", ""), "test"))
        .await
        .unwrap();
    let a = cluster.place(MAPS, Some("default"), Some("a")).unwrap();
    let overtaker = tokio::task::spawn_blocking({
        let (cluster, runtime) = (cluster.clone(), tokio::runtime::Handle::current());
        move || {
            let mut attempts = 0_usize;
            while attempts < WRITE_ATTEMPTS {
                asked.recv().unwrap();
                attempts += 1;
                let written = cluster.store().write(|transaction| {
                    let key = "/configmaps/default/a";
                    let object = transaction.get(key).unwrap().value.clone();
                    transaction.put(key, object).map(drop)
                });
                runtime.block_on(written).unwrap();
                done.send(()).unwrap();
            }
            asked
        }
    });
    let change = json!({"data": {"b": "c"}}).to_string();
    let refused = patch(&cluster, &a, PatchKind::Merge, change)
        .await
        .unwrap_err();
    assert_eq!((refused.code, refused.reason), (409, "Conflict"));
    assert!(
        refused.message.contains("the object has been modified"),
        "{refused}"
    );
    let asked = overtaker.await.unwrap();
    assert!(asked.try_recv().is_err(), "an attempt beyond the limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_one_object_all_succeed() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let maps = cluster.place(MAPS, Some("default"), None).unwrap();
    cluster
        .create(&maps, Body::json(&map("a", ""), "test"))
        .await
        .unwrap();
    let writers: Vec<_> = (0..50)
        .map(|n| {
            let cluster = cluster.clone();
            tokio::spawn(async move {
                let a = cluster.place(MAPS, Some("default"), Some("a")).unwrap();
                let change = json!({"data": {format!("k{n}"): "v"}}).to_string();
                patch(&cluster, &a, PatchKind::Merge, change).await.unwrap();
                let maps = cluster.place(MAPS, Some("default"), None).unwrap();
                let mut made = map("", "");
                made["metadata"] = json!({"generateName": "made-"});
                cluster
                    .create(&maps, Body::json(&made, "test"))
                    .await
                    .unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let a = cluster.place(MAPS, Some("default"), Some("a")).unwrap();
    let data = &cluster.get(&a).unwrap().value["data"];
    assert_eq!(data.as_object().unwrap().len(), 51);
    assert_eq!(cluster.list(&maps, &Default::default()).items.len(), 51);
}
