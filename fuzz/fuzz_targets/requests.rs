//! Any request to the API server is refused or gives an object that its store takes and reads. The first byte is the verb,
//! the second the resource, the third the form of the body.
#![no_main]

use std::sync::{Arc, LazyLock};

use imagecache::time::Timestamp;
use imagecache_apiserver::api::Resource;
use imagecache_apiserver::api::options::{DeleteOptions, WriteOptions};
use imagecache_apiserver::api::patch::PatchKind;
use imagecache_apiserver::api::selector::Selector;
use imagecache_apiserver::api::write::{self, Context, Effect, Subresource};
use imagecache_apiserver::cluster::Cluster;
use imagecache_apiserver::cluster::store::{Object, Unwritten};
use imagecache_simulator::cluster;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// A resource, and an object of it.
type Known = (Arc<Resource>, Value);

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build().expect("a runtime");
    let cluster = runtime.block_on(Cluster::open(cluster::config(None, None)));
    let cluster = cluster.expect("a cluster in memory");
    let eci = "eci.alibabacloud.com";
    let pod = json!({"containers": [{"name": "app", "image": "nginx:1.27"}]});
    let labels = json!({"app": "a"});
    let deployment = json!({
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    });
    let definition = cluster::own_definition(true);
    let kinds = [
        ((eci, "v1", "imagecaches"), json!({"spec": {"images": ["nginx:1.27"]}})),
        (("", "v1", "pods"), json!({"spec": pod})),
        (("", "v1", "configmaps"), json!({"data": {"a": "b"}})),
        (("apps", "v1", "deployments"), json!({"spec": deployment})),
        (("", "v1", "namespaces"), json!({})),
        (("apiextensions.k8s.io", "v1", "customresourcedefinitions"), definition),
    ];
    let known = kinds.map(|((group, version, plural), mut object)| {
        let place = cluster.place((group, version, plural), None, None);
        let resource = place.expect("a resource").resource;
        object["apiVersion"] = resource.api_version().into();
        object["kind"] = resource.kind.as_ref().into();
        if object["metadata"]["name"].is_null() {
            object["metadata"]["name"] = "a".into();
        }
        let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
        let options = WriteOptions::default();
        let context = context(&resource, &name, &options, Subresource::None);
        let body = object.to_string();
        let made = write::create(&resource, body.as_bytes(), None, &context).expect("an object");
        let stored = Object::checked(made.object, 6).expect("it is stored");
        (resource, stored.value)
    });
    known.into()
});

fn context<'a>(
    resource: &Resource,
    name: &'a str,
    options: &'a WriteOptions,
    subresource: Subresource,
) -> Context<'a> {
    Context {
        now: Timestamp::from_seconds(1_800_000_000),
        uid: "00000000-0000-4000-8000-000000000001",
        suffix: "bcdfg",
        namespace: resource.namespaced.then_some("default"),
        name: Some(name),
        subresource,
        manager: "fuzz",
        options,
        admit: None,
        approve: None,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [verb, kind, form, body @ ..] = bytes else {
        return;
    };
    let (resource, live) = &KNOWN[usize::from(*kind) % KNOWN.len()];
    let name = live["metadata"]["name"].as_str().expect("a name");
    let options = WriteOptions::default();
    let part = if form & 1 == 0 { Subresource::None } else { Subresource::Status };
    let context = context(resource, name, &options, part);
    let types = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
    let content_type = Some(types[usize::from(form >> 1) % types.len()]);
    let patch = |kind| write::patch(resource, Some(live), kind, body, &context);
    let outcome = match verb % 8 {
        0 => write::create(resource, body, content_type, &context),
        1 => write::update(resource, Some(live), body, content_type, &context),
        2 => patch(PatchKind::Json),
        3 => patch(PatchKind::Merge),
        4 => patch(PatchKind::Strategic),
        5 => patch(PatchKind::Apply),
        6 => DeleteOptions::read([], body, content_type)
            .and_then(|options| write::delete(resource, live, &options, context.now)),
        _ => {
            let Ok(text) = str::from_utf8(body) else { return };
            let (labels, fields) = text.split_once('\n').unwrap_or((text, ""));
            if let Ok(selector) = Selector::parse(resource, Some(labels), Some(fields)) {
                let _ = selector.matches(live);
            }
            return;
        }
    };
    match outcome {
        Err(error) => assert!((400..600).contains(&error.code), "{error:?}"),
        Ok(outcome) if outcome.effect == Effect::Remove => {}
        Ok(outcome) => match Object::checked(outcome.object, 7) {
            Ok(_) | Err(Unwritten::TooHeavy(_) | Unwritten::TooLarge) => {}
            Err(error) => panic!("{error}"),
        },
    }
});
