//! Server-side apply and the ownership of fields, as stories: who writes what, who owns it then, who is in the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)] // a test fails by panic

mod support;

use std::sync::LazyLock;

use imagecache_apiserver::api::options::WriteOptions;
use imagecache_apiserver::api::patch::PatchKind;
use imagecache_apiserver::api::write::{self, Context, Effect, Subresource};
use imagecache_apiserver::api::{ApiError, Resource, Resources};
use serde_json::{Value, json};

static RESOURCES: LazyLock<Resources> =
    LazyLock::new(|| Resources::new([&support::own_definition()]));

/// An object and everybody who writes it.
struct Story {
    resource: &'static Resource,
    namespace: Option<&'static str>,
    object: Option<Value>,
    version: u64,
}

impl Story {
    fn of(group: &str, plural: &str) -> Self {
        let resource = RESOURCES.find(group, "v1", plural).unwrap();
        Story {
            resource,
            namespace: resource.namespaced.then_some("default"),
            object: None,
            version: 0,
        }
    }

    fn cache() -> Self {
        Story::of("eci.alibabacloud.com", "imagecaches")
    }

    fn patch(
        &mut self,
        manager: &str,
        kind: PatchKind,
        body: &Value,
        force: bool,
    ) -> Result<Value, ApiError> {
        let options = WriteOptions {
            force,
            ..WriteOptions::default()
        };
        let context = Context {
            now: "2026-11-21T23:58:10Z".parse().unwrap(),
            uid: "11111111-1111-1111-1111-111111111111",
            suffix: "abcde",
            namespace: self.namespace,
            name: Some("a"),
            subresource: Subresource::None,
            manager,
            options: &options,
            admit: None,
            approve: None,
        };
        let body = body.to_string();
        let outcome = write::patch(
            self.resource,
            self.object.as_ref(),
            kind,
            body.as_bytes(),
            &context,
        )?;
        let mut object = outcome.object;
        if outcome.effect != Effect::Keep {
            self.version += 1;
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
        }
        self.object = Some(object.clone());
        Ok(object)
    }

    fn apply(&mut self, manager: &str, body: Value, force: bool) -> Result<Value, ApiError> {
        let mut whole = json!({
            "apiVersion": self.resource.api_version(),
            "kind": self.resource.kind,
            "metadata": {"name": "a"},
        });
        json_patch::merge(&mut whole, &body);
        self.patch(manager, PatchKind::Apply, &whole, force)
    }

    fn owners(&self) -> Vec<(String, Value)> {
        let entries = self.object.as_ref().unwrap()["metadata"]["managedFields"]
            .as_array()
            .unwrap();
        entries
            .iter()
            .map(|entry| {
                let operation = entry["operation"].as_str().unwrap();
                (
                    format!("{} {operation}", entry["manager"].as_str().unwrap()),
                    entry["fieldsV1"].clone(),
                )
            })
            .collect()
    }
}

fn pod(containers: Value) -> Value {
    json!({"spec": {"containers": containers}})
}

fn deployment(containers: Value) -> Value {
    json!({"spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}},
    }})
}

#[test]
fn two_managers_own_parts_of_one_container() {
    let mut story = Story::of("apps", "deployments");
    let first =
        deployment(json!([{"name": "a", "image": "x:1", "env": [{"name": "A", "value": "1"}]}]));
    story.apply("one", first, false).unwrap();
    let second = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "a", "env": [{"name": "B", "value": "2"}]},
    ]}}}});
    let object = story.apply("two", second, false).unwrap();
    let container = &object["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "x:1");
    assert_eq!(
        container["env"],
        json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    );
    let owners = story.owners();
    let item = &owners[1].1["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"a\"}"];
    assert_eq!(owners[1].0, "two Apply");
    assert_eq!(
        *item,
        json!({
            ".": {}, "f:name": {},
            "f:env": {"k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:value": {}}},
        })
    );
}

#[test]
fn apply_items_keep_order_and_new_ones_follow_the_applier() {
    let mut story = Story::of("apps", "deployments");
    let names = |object: &Value| -> Vec<String> {
        let containers = object["spec"]["template"]["spec"]["containers"]
            .as_array()
            .unwrap();
        containers
            .iter()
            .map(|container| container["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let container = |name: &str| json!({"name": name, "image": "x:1"});
    let first = deployment(json!([container("a"), container("b"), container("c")]));
    assert_eq!(
        names(&story.apply("one", first, false).unwrap()),
        ["a", "b", "c"]
    );
    let second = deployment(json!([container("c"), container("d"), container("a")]));
    assert_eq!(
        names(&story.apply("two", second, false).unwrap()),
        ["b", "c", "d", "a"]
    );
    let third = deployment(json!([container("a"), container("b")]));
    // What the first one no longer applies stays, for the second one does.
    assert_eq!(
        names(&story.apply("one", third, false).unwrap()),
        ["c", "d", "a", "b"]
    );
}

#[test]
fn apply_removes_dropped_fields_without_other_owner() {
    let mut story = Story::cache();
    let images = json!({"spec": {"images": ["x:1"], "retentionDays": 3, "imageCacheSize": 30}});
    story.apply("one", images, false).unwrap();
    story
        .apply(
            "two",
            json!({"spec": {"images": ["x:1"], "retentionDays": 3}}),
            false,
        )
        .unwrap();
    let object = story
        .apply("one", json!({"spec": {"images": ["x:1"]}}), false)
        .unwrap();
    assert_eq!(
        object["spec"],
        json!({"images": ["x:1"], "retentionDays": 3})
    );
    let object = story
        .apply("two", json!({"spec": {"images": ["x:1"]}}), false)
        .unwrap();
    assert_eq!(object["spec"], json!({"images": ["x:1"]}));
}

#[test]
fn labels_of_others_survive() {
    let mut story = Story::cache();
    let body = |labels: Value| json!({"metadata": {"labels": labels}, "spec": {"images": ["x:1"]}});
    story
        .apply("one", body(json!({"a": "1", "b": "1"})), false)
        .unwrap();
    story
        .patch(
            "two",
            PatchKind::Merge,
            &json!({"metadata": {"labels": {"c": "2"}}}),
            false,
        )
        .unwrap();
    let object = story
        .apply("one", json!({"spec": {"images": ["x:1"]}}), false)
        .unwrap();
    assert_eq!(object["metadata"]["labels"], json!({"c": "2"}));
}

#[test]
fn conflicts_name_every_owner_and_force_takes_over() {
    let mut story = Story::cache();
    story
        .apply("one", json!({"spec": {"images": ["x:1"]}}), false)
        .unwrap();
    story
        .patch(
            "two",
            PatchKind::Merge,
            &json!({"spec": {"retentionDays": 3}}),
            false,
        )
        .unwrap();
    let body = || json!({"spec": {"images": ["y:1"], "retentionDays": 4}});
    let error = story.apply("three", body(), false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 2 conflicts: conflicts with \"one\":\n- .spec.images\n\
         conflicts with \"two\" using eci.alibabacloud.com/v1:\n- .spec.retentionDays"
    );
    story.apply("three", body(), true).unwrap();
    let owners = story.owners();
    assert_eq!(owners.len(), 1, "{owners:?}");
    assert_eq!(
        owners[0].1,
        json!({"f:spec": {"f:images": {}, "f:retentionDays": {}}})
    );
}

#[test]
fn apply_takes_over_fields_of_client_side_apply() {
    let last = "kubectl.kubernetes.io/last-applied-configuration";
    let manifest = |size: u32| {
        json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": "a"}, "spec": {"images": ["x:1"], "imageCacheSize": size},
        })
    };
    let mut story = Story::cache();
    story
        .apply("nobody", json!({"spec": {"images": ["w:1"]}}), false)
        .unwrap();
    let mut body = manifest(25);
    body["metadata"]["annotations"] = json!({last: manifest(25).to_string()});
    story
        .patch("kubectl-client-side-apply", PatchKind::Merge, &body, false)
        .unwrap();
    // Another manager meets a conflict; kubectl does not, and keeps the annotation true.
    let error = story.apply("other", manifest(40), false).unwrap_err();
    assert!(
        error
            .message
            .contains("conflict with \"kubectl-client-side-apply\""),
        "{}",
        error.message
    );
    let object = story.apply("kubectl", manifest(40), false).unwrap();
    assert_eq!(object["spec"]["imageCacheSize"], 40);
    let noted: Value =
        serde_json::from_str(object["metadata"]["annotations"][last].as_str().unwrap()).unwrap();
    assert_eq!(noted["spec"]["imageCacheSize"], 40);
    // kubectl does not remove a field that another manager has changed since.
    story
        .patch(
            "edit",
            PatchKind::Merge,
            &json!({"spec": {"retentionDays": 5}}),
            false,
        )
        .unwrap();
    let mut more = manifest(40);
    more["spec"]["retentionDays"] = 6.into();
    let error = story.apply("kubectl", more, false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"edit\" using eci.alibabacloud.com/v1: .spec.retentionDays"
    );
}

#[test]
fn ownership_can_be_moved_by_a_patch_of_managed_fields() {
    let mut story = Story::cache();
    story.patch("nobody", PatchKind::Apply, &json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "a"},
        "spec": {"images": ["x:1"]},
    }), false).unwrap();
    let rename = json!([{"op": "replace", "path": "/metadata/managedFields/0/manager", "value": "somebody"}]);
    story
        .patch("mover", PatchKind::Json, &rename, false)
        .unwrap();
    assert_eq!(story.owners()[0].0, "somebody Apply");
    let forget = json!([{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]);
    let object = story
        .patch("mover", PatchKind::Json, &forget, false)
        .unwrap();
    assert_eq!(object["metadata"].get("managedFields"), None);
}

#[test]
fn many_updaters_are_put_together() {
    let mut story = Story::cache();
    story
        .apply("one", json!({"spec": {"images": ["x:1"]}}), false)
        .unwrap();
    for number in 0..30 {
        let label = json!({"metadata": {"labels": {format!("l{number}"): "x"}}});
        story
            .patch(
                &format!("updater-{number:02}"),
                PatchKind::Merge,
                &label,
                false,
            )
            .unwrap();
    }
    let owners = story.owners();
    let updaters = owners
        .iter()
        .filter(|(name, _)| name.ends_with("Update"))
        .count();
    assert_eq!(updaters, 10);
    let ancient = owners
        .iter()
        .find(|(name, _)| name == "ancient-changes Update")
        .unwrap();
    assert!(ancient.1["f:metadata"]["f:labels"].get("f:l0").is_some());
    // No label lost its owner.
    let all: Vec<String> = owners
        .iter()
        .map(|(_, fields)| fields.to_string())
        .collect();
    assert!((0..30).all(|number| {
        all.iter()
            .any(|fields| fields.contains(&format!("\"f:l{number}\"")))
    }));
}

#[test]
fn rules_of_our_definition_hold() {
    let mut story = Story::cache();
    let body = json!({"spec": {"images": ["https://x/y:1"], "imagePullSecrets": ["a"]}});
    let error = story.apply("one", body, false).unwrap_err();
    assert_eq!(error.code, 422);
    let fields: Vec<&str> = error
        .details
        .as_ref()
        .unwrap()
        .causes
        .iter()
        .map(|cause| cause.field.as_str())
        .collect();
    assert_eq!(fields, ["spec.imagePullSecrets[0]", "spec.images[0]"]);
    let right = json!({"spec": {"images": ["x/y:1"], "imagePullSecrets": ["default:a"]}});
    story.apply("one", right, false).unwrap();
}

#[test]
fn apply_duplicate_items_are_refused() {
    let mut story = Story::of("", "pods");
    let twice = pod(json!([{"name": "a", "image": "x"}, {"name": "a", "image": "y"}]));
    let error = story.apply("one", twice, false).unwrap_err();
    assert_eq!(
        error.message,
        "failed to create typed patch object (/a; v1, Kind=Pod): \
         .spec.containers: duplicate entries for key [name=\"a\"]"
    );
}

#[test]
fn fields_without_an_owner_conflict_with_the_first_apply() {
    let mut story = Story::of("", "configmaps");
    story
        .apply("one", json!({"data": {"a": "1", "b": "2"}}), false)
        .unwrap();
    let forget = json!({"metadata": {"managedFields": [{}]}});
    story
        .patch("other", PatchKind::Merge, &forget, false)
        .unwrap();
    assert!(
        story.object.as_ref().unwrap()["metadata"]
            .get("managedFields")
            .is_none()
    );
    let refused = story
        .apply("two", json!({"data": {"a": "x"}}), false)
        .unwrap_err();
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.a"
    );
    story
        .apply("two", json!({"data": {"a": "1"}}), false)
        .unwrap();
    let data = json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}});
    assert_eq!(
        story.owners(),
        [
            ("two Apply".to_owned(), json!({"f:data": {"f:a": {}}})),
            ("before-first-apply Update".to_owned(), data),
        ]
    );
}

#[test]
fn a_manager_has_one_entry_in_whatever_version_it_applies() {
    static VERSIONS: LazyLock<Resources> = LazyLock::new(|| {
        let mut definition = support::own_definition();
        let versions = definition["spec"]["versions"].as_array_mut().unwrap();
        let mut beta = versions[0].clone();
        beta["name"] = "v2".into();
        beta["storage"] = false.into();
        versions.push(beta);
        Resources::new([&definition])
    });
    let mut story = Story::cache();
    let images = json!({"spec": {"images": ["a:1"], "retentionDays": 7}});
    story.apply("one", images, false).unwrap();
    // the server shows the object in the version of the request
    story.resource = VERSIONS
        .find("eci.alibabacloud.com", "v2", "imagecaches")
        .unwrap();
    story.object.as_mut().unwrap()["apiVersion"] = story.resource.api_version().into();
    let object = story
        .apply("one", json!({"spec": {"images": ["a:1"]}}), false)
        .unwrap();
    assert!(object["spec"].get("retentionDays").is_none());
    assert_eq!(
        story.owners(),
        [("one Apply".to_owned(), json!({"f:spec": {"f:images": {}}}))]
    );
}

#[test]
fn quantities_may_be_applied_as_numbers() {
    let mut story = Story::of("", "pods");
    let container = json!({"name": "a", "image": "b", "resources": {"limits": {"cpu": 1}}});
    let object = story.apply("one", pod(json!([container])), false).unwrap();
    assert_eq!(
        object["spec"]["containers"][0]["resources"]["limits"]["cpu"],
        "1"
    );
}
