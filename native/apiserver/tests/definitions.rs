//! CustomResourceDefinitions: what they must be like, what is served while they are there, what goes with them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod support;

use std::time::Duration;

use imagecache_apiserver::api::options::DeleteOptions;
use imagecache_apiserver::api::patch::PatchKind;
use imagecache_apiserver::api::table::{self, Include};
use imagecache_apiserver::api::{ApiError, definition_faults};
use imagecache_apiserver::cluster::place::Place;
use imagecache_apiserver::cluster::requests::{Body, Written};
use imagecache_apiserver::cluster::{Cluster, Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const DEFINITIONS: (&str, &str, &str) = ("apiextensions.k8s.io", "v1", "customresourcedefinitions");
const OWN: &str = "imagecaches.eci.alibabacloud.com";

fn widgets() -> Value {
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage,
            "additionalPrinterColumns": [
                {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
                {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 1},
                {"name": "Owner", "type": "string", "jsonPath": ".metadata.annotations.example\\.com/owner"},
            ],
            "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "spec": {
                        "type": "object",
                        "required": ["colour"],
                        "properties": {
                            "colour": {
                                "type": "string",
                                "x-kubernetes-validations": [{"rule": "self != 'red'", "message": "no red"}],
                            },
                            "size": {"type": "integer", "default": 3, "maximum": 9},
                        },
                    },
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                },
            }},
        })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["w"]},
            "versions": [version("v1", true), version("v1beta1", false)],
        },
    })
}

fn widget(version: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("example.com/{version}"), "kind": "Widget",
        "metadata": {"name": "a", "annotations": {"example.com/owner": "me"}},
        "spec": spec, "status": {"conditions": [{"type": "Old", "status": "False"}, {"type": "Ready", "status": "True"}]},
    })
}

fn definition(cluster: &Cluster, name: &str) -> Place {
    cluster.place(DEFINITIONS, None, Some(name)).unwrap()
}

async fn define(cluster: &Cluster, definition: &Value) -> Result<Written, ApiError> {
    let place = cluster.place(DEFINITIONS, None, None).unwrap();
    cluster.create(&place, Body::json(definition, "test")).await
}

async fn merge(cluster: &Cluster, place: &Place, patch: Value) -> Result<Written, ApiError> {
    let body = Body::json(&patch, "test");
    cluster.patch(place, PatchKind::Merge, body).await
}

fn widgets_of(cluster: &Cluster, version: &str, name: Option<&str>) -> Result<Place, ApiError> {
    cluster.place(("example.com", version, "widgets"), Some("default"), name)
}

fn condition(definition: &Value, kind: &str) -> String {
    let conditions = definition["status"]["conditions"].as_array().unwrap();
    let found = conditions
        .iter()
        .find(|condition| condition["type"] == kind);
    found.map_or(String::new(), |found| {
        format!(
            "{} {}",
            found["status"].as_str().unwrap(),
            found["reason"].as_str().unwrap()
        )
    })
}

#[tokio::test]
async fn another_definition_is_served_as_it_says() {
    let cluster = Cluster::open(support::config()).await.unwrap();
    assert_eq!(
        widgets_of(&cluster, "v1", None).map(drop).unwrap_err().code,
        404
    );
    let answered = define(&cluster, &widgets()).await.unwrap().object;
    // as the real server answers: its controllers have not seen the definition yet
    assert_eq!(answered["status"]["conditions"], Value::Null);
    assert_eq!(answered["spec"]["names"]["listKind"], "WidgetList");
    let stored = cluster
        .get(&definition(&cluster, "widgets.example.com"))
        .unwrap();
    assert_eq!(
        condition(&stored.value, "Established"),
        "True InitialNamesAccepted"
    );
    assert_eq!(
        stored.value["status"]["acceptedNames"]["singular"],
        "widget"
    );
    assert_eq!(stored.value["status"]["storedVersions"], json!(["v1"]));

    let older = widgets_of(&cluster, "v1beta1", Some("a")).unwrap();
    let create = |body: Value| {
        let place = widgets_of(&cluster, "v1beta1", None).unwrap();
        let cluster = cluster.clone();
        async move { cluster.create(&place, Body::json(&body, "test")).await }
    };
    for (spec, fault) in [
        (
            json!({"colour": "red"}),
            "spec.colour: Invalid value: \"red\": no red",
        ),
        (
            json!({"colour": "blue", "size": 10}),
            "spec.size: Invalid value: 10",
        ),
        (json!({}), "spec.colour: Required value"),
    ] {
        let refused = create(widget("v1beta1", spec)).await.unwrap_err();
        assert_eq!(refused.code, 422);
        assert!(refused.message.contains(fault), "{}", refused.message);
    }
    let spec = json!({"colour": "blue", "unknown": 1});
    let created = create(widget("v1beta1", spec)).await.unwrap().object;
    assert_eq!(created["apiVersion"], "example.com/v1beta1");
    assert_eq!(created["spec"], json!({"colour": "blue", "size": 3}));
    // one object, two versions
    let newer = widgets_of(&cluster, "v1", Some("a")).unwrap();
    let object = cluster.get(&newer).unwrap();
    assert_eq!(newer.show(&object)["apiVersion"], "example.com/v1");
    assert_eq!(older.show(&object)["apiVersion"], "example.com/v1beta1");
    let value = &[newer.show(&object)];
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let list = Value::Null;
    let table = table::render(
        &newer.resource,
        value,
        &list,
        Include::None,
        "v1",
        true,
        now,
    );
    assert_eq!(table["rows"][0]["cells"], json!(["a", "True", 3, "me"]));
    assert_eq!(table["columnDefinitions"][2]["priority"], 1);
}

#[tokio::test]
async fn a_changed_definition_holds_from_then_on() {
    let cluster = Cluster::open(support::config()).await.unwrap();
    define(&cluster, &widgets()).await.unwrap();
    let place = definition(&cluster, "widgets.example.com");
    let at_most = |size: u64| {
        let mut versions = widgets()["spec"]["versions"].clone();
        for version in versions.as_array_mut().unwrap() {
            let spec = "/schema/openAPIV3Schema/properties/spec/properties/size";
            version.pointer_mut(spec).unwrap()["maximum"] = size.into();
        }
        versions
    };
    let versions = at_most(3);
    let patch = json!({"spec": {"versions": versions}});
    merge(&cluster, &place, patch).await.unwrap();
    let all = widgets_of(&cluster, "v1", None).unwrap();
    let two = widget("v1", json!({"colour": "blue", "size": 4}));
    let refused = cluster.create(&all, Body::json(&two, "test")).await;
    assert_eq!(refused.unwrap_err().code, 422);
    for (patch, fault) in [
        (
            json!({"spec": {"versions": at_most(1)}}),
            "properties[size].default: Invalid value: 3: in body should be less than or equal to 1",
        ),
        (
            json!({"spec": {"scope": "Cluster"}}),
            "spec.scope: Invalid value: \"Cluster\": field is immutable",
        ),
        (
            json!({"spec": {"group": "b.example.com"}}),
            "spec.group: Invalid value: \"b.example.com\": field is immutable",
        ),
        (
            json!({"spec": {"versions": [versions[1].clone()]}}),
            "must have exactly one version marked as storage version",
        ),
    ] {
        let refused = merge(&cluster, &place, patch).await.unwrap_err();
        assert!(refused.message.contains(fault), "{}", refused.message);
    }
    // a version that objects may be stored in stays
    let mut later = versions[1].clone();
    later["storage"] = true.into();
    let patch = json!({"spec": {"versions": [later]}});
    let refused = merge(&cluster, &place, patch).await.unwrap_err();
    assert!(
        refused
            .message
            .contains("v1 was previously a storage version"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn definition_with_taken_names_waits_until_they_are_free() {
    let cluster = Cluster::open(support::config()).await.unwrap();
    define(&cluster, &widgets()).await.unwrap();
    let mut second = widgets();
    second["metadata"]["name"] = "gadgets.example.com".into();
    second["spec"]["names"] = json!({"kind": "Gadget", "plural": "gadgets", "shortNames": ["w"]});
    define(&cluster, &second).await.unwrap();
    let place = definition(&cluster, "gadgets.example.com");
    let stored = cluster.get(&place).unwrap();
    assert_eq!(
        condition(&stored.value, "NamesAccepted"),
        "False ShortNamesConflict"
    );
    assert_eq!(condition(&stored.value, "Established"), "False NotAccepted");
    let gadgets = ("example.com", "v1", "gadgets");
    assert!(cluster.place(gadgets, None, None).is_err());
    let patch = json!({"spec": {"names": {"shortNames": ["v"]}}});
    merge(
        &cluster,
        &definition(&cluster, "widgets.example.com"),
        patch,
    )
    .await
    .unwrap();
    let stored = cluster.get(&place).unwrap();
    assert_eq!(
        condition(&stored.value, "NamesAccepted"),
        "True NoConflicts"
    );
    assert!(cluster.place(gadgets, None, None).is_ok());
}

#[tokio::test]
async fn definition_deletion_waits_for_its_objects() {
    let cluster = Cluster::open(support::config()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn({
        let (cluster, stop) = (cluster.clone(), stop.clone());
        async move { cluster.serve(listener, stop).await }
    });
    define(&cluster, &widgets()).await.unwrap();
    let all = widgets_of(&cluster, "v1", None).unwrap();
    let mut held = widget("v1", json!({"colour": "blue"}));
    held["metadata"] = json!({"name": "held", "finalizers": ["example.com/hold"]});
    for object in [widget("v1", json!({"colour": "blue"})), held] {
        cluster
            .create(&all, Body::json(&object, "test"))
            .await
            .unwrap();
    }
    let place = definition(&cluster, "widgets.example.com");
    let deleted = cluster
        .delete(&place, DeleteOptions::default())
        .await
        .unwrap();
    assert!(deleted.object["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(deleted.object["metadata"]["generation"], 2);
    let until = async |done: &dyn Fn() -> bool| {
        let wait = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .unwrap();
    };
    let one = |name| widgets_of(&cluster, "v1", Some(name)).unwrap();
    let (free, held) = (one("a"), one("held"));
    until(&|| cluster.get(&free).is_err()).await;
    let waits = cluster.get(&place).unwrap();
    assert_eq!(
        condition(&waits.value, "Terminating"),
        "True InstanceDeletionInProgress"
    );
    let late = Body::json(&widget("v1", json!({"colour": "blue"})), "test");
    let refused = cluster.create(&all, late).await.unwrap_err();
    assert_eq!((refused.code, refused.reason), (403, "Forbidden"));
    assert_eq!(
        refused.message,
        "widgets.example.com \"a\" is forbidden: create not allowed while custom resource definition is terminating"
    );
    let free = json!({"metadata": {"finalizers": null}});
    merge(&cluster, &held, free).await.unwrap();
    until(&|| cluster.get(&place).is_err()).await;
    assert!(widgets_of(&cluster, "v1", None).is_err());
    // a client that knew the resource cannot write to it
    let late = Body::json(&widget("v1", json!({"colour": "blue"})), "test");
    assert_eq!(cluster.create(&all, late).await.unwrap_err().code, 404);
    stop.cancel();
    server.await.unwrap();
}

fn own() -> Value {
    support::own_definition()
}

#[tokio::test]
async fn definition_of_a_start_stays_until_another_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let mut given = own();
    given["spec"]["names"]["shortNames"] = json!(["other"]);
    let open = async |definition: Option<Value>| {
        let config = Config {
            directory: Some(directory.path().to_owned()),
            ..support::with_definition(definition)
        };
        let cluster = Cluster::open(config).await.unwrap();
        let stored = cluster.get(&definition_of(&cluster)).unwrap();
        (cluster, stored.value["spec"]["names"]["shortNames"].clone())
    };
    fn definition_of(cluster: &Cluster) -> Place {
        definition(cluster, OWN)
    }
    assert_eq!(open(None).await.1, json!(["ic", "imc"]));
    assert_eq!(open(Some(given)).await.1, json!(["other"]));
    let (cluster, names) = open(None).await;
    assert_eq!(names, json!(["other"]));
    let patch = json!({"spec": {"names": {"shortNames": ["mine"]}}});
    merge(&cluster, &definition_of(&cluster), patch)
        .await
        .unwrap();
    drop(cluster);
    assert_eq!(open(None).await.1, json!(["mine"]));
    // one that was exported from a cluster has what that cluster wrote
    let mut exported = own();
    exported["metadata"] = json!({
        "name": OWN, "uid": "fca5bc84-e2f8-40ca-a955-62c6bd678716", "resourceVersion": "267", "generation": 4,
        "creationTimestamp": "2026-11-21T23:58:02Z", "annotations": {"kept": "yes"},
        "managedFields": [{
            "manager": "a", "operation": "Update", "apiVersion": "apiextensions.k8s.io/v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {}}, "time": "2026-11-21T23:58:02Z",
        }],
    });
    exported["status"] = json!({"conditions": [], "storedVersions": ["v0"]});
    let (cluster, names) = open(Some(exported)).await;
    assert_eq!(names, json!(["ic", "imc"]));
    let stored = cluster.get(&definition_of(&cluster)).unwrap();
    assert_eq!(
        stored.value["metadata"]["annotations"],
        json!({"kept": "yes"})
    );
    assert_eq!(stored.value["status"]["storedVersions"], json!(["v1"]));
}

#[test]
fn definition_errors_have_field_paths() {
    assert_eq!(definition_faults(&own()), []);
    let schema = "/spec/versions/0/schema/openAPIV3Schema";
    let spec = format!("{schema}/properties/spec");
    let images = format!("{spec}/properties/images");
    let shape = "spec.validation.openAPIV3Schema";
    for (pointer, value, field, message) in [
        (
            "/kind",
            json!("Pod"),
            "apiVersion",
            "must be a CustomResourceDefinition of apiextensions.k8s.io/v1",
        ),
        (
            "/metadata/name",
            json!("a.b"),
            "metadata.name",
            "must be spec.names.plural+\".\"+spec.group",
        ),
        (
            "/spec/group",
            json!("b.example.com"),
            "metadata.name",
            "must be spec.names.plural+\".\"+spec.group",
        ),
        (
            "/spec/scope",
            json!("Region"),
            "spec.scope",
            "supported values: \"Cluster\", \"Namespaced\"",
        ),
        (
            "/spec/names/kind",
            json!("Image Cache"),
            "spec.names.kind",
            "may have mixed case",
        ),
        (
            "/spec/names/listKind",
            json!("ImageCache"),
            "spec.names.listKind",
            "may not be the same",
        ),
        (
            "/spec/names/shortNames/0",
            json!("IC"),
            "spec.names.shortNames[0]",
            "DNS-1035",
        ),
        (
            "/spec/versions",
            json!([]),
            "spec.versions",
            "exactly one version marked as storage",
        ),
        (
            "/spec/versions/0/subresources",
            json!({"other": {}}),
            "spec.versions[0].subresources.other",
            "Forbidden",
        ),
        (
            schema,
            Value::Null,
            "spec.versions[0].schema.openAPIV3Schema",
            "schemas are required",
        ),
        (
            &format!("{schema}/type"),
            json!("string"),
            &format!("{shape}.type"),
            "must be object at the root",
        ),
        (
            &format!("{spec}/type"),
            json!(""),
            &format!("{shape}.properties[spec].type"),
            "must not be empty for specified object fields",
        ),
        (
            &format!("{images}/items"),
            json!({}),
            &format!("{shape}.properties[spec].properties[images].items.type"),
            "for specified array items",
        ),
        (
            &format!("{images}/items"),
            json!(7),
            &format!("{shape}.properties[spec].properties[images].items"),
            "must be of type object",
        ),
        (
            &format!("{images}/items/type"),
            json!("text"),
            &format!("{shape}.properties[spec].properties[images].items"),
            "unknown type text",
        ),
        (
            &format!("{images}/items/x-kubernetes-validations"),
            json!([{"rule": "self =="}]),
            &format!(
                "{shape}.properties[spec].properties[images].items.x-kubernetes-validations[0].rule"
            ),
            "self ==",
        ),
        (
            &format!("{images}/items/x-kubernetes-validations"),
            json!([{"rule": "self == other"}]),
            &format!(
                "{shape}.properties[spec].properties[images].items.x-kubernetes-validations[0].rule"
            ),
            "other is not known here",
        ),
        (
            &format!("{images}/items/x-kubernetes-validations"),
            json!([{"rule": "self.length == 1"}]),
            &format!(
                "{shape}.properties[spec].properties[images].items.x-kubernetes-validations[0].rule"
            ),
            "type 'string' does not support field selection",
        ),
        (
            &format!("{images}/items"),
            json!({"type": "string", "pattern": "("}),
            &format!("{shape}.properties[spec].properties[images].items"),
            "regex",
        ),
        (
            &format!("{images}/items"),
            json!({"patternProperties": {}, "type": "string"}),
            &format!("{shape}.properties[spec].properties[images].items.patternProperties"),
            "not understood",
        ),
        (
            &format!("{images}/items"),
            json!({"oneOf": [{"type": "string"}], "type": "string"}),
            &format!("{shape}.properties[spec].properties[images].items.oneOf[0].type"),
            "must be empty to be structural",
        ),
        (
            &format!("{images}/items"),
            json!({"type": "string", "default": 7}),
            &format!("{shape}.properties[spec].properties[images].items.default"),
            "must be of type string",
        ),
        (
            &format!("{spec}/additionalProperties"),
            json!({"type": "string"}),
            &format!("{shape}.properties[spec].additionalProperties"),
            "mutual exclusive",
        ),
        (
            &format!("{spec}/x-kubernetes-preserve-unknown-fields"),
            json!(false),
            &format!("{shape}.properties[spec].x-kubernetes-preserve-unknown-fields"),
            "must be true or undefined",
        ),
        (
            "/spec/versions/0/additionalPrinterColumns/0/type",
            json!("time"),
            "spec.versions[0].additionalPrinterColumns[0].type",
            "must be one of",
        ),
        (
            "/spec/versions/0/additionalPrinterColumns/0/jsonPath",
            json!(".spec.."),
            "spec.versions[0].additionalPrinterColumns[0].JSONPath",
            "not a path",
        ),
        (
            "/spec/conversion",
            json!({"strategy": "Hook"}),
            "spec.conversion.strategy",
            "supported values: \"None\", \"Webhook\"",
        ),
        (
            "/spec/preserveUnknownFields",
            json!(true),
            "spec.preserveUnknownFields",
            "must be false",
        ),
    ] {
        let mut definition = own();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match definition.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
            object => object[name] = value,
        }
        let faults = definition_faults(&definition);
        let found = faults.iter().find(|fault| fault.field == field);
        assert!(
            found.is_some_and(|fault| fault.message.contains(message)),
            "{pointer}: {field}: {message}: {faults:#?}"
        );
    }
}

#[tokio::test]
async fn conversion_by_webhook_serves_the_storage_version() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let mut object = widgets();
    object["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {
        "conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://localhost"},
    }});
    let written = define(&cluster, &object).await.unwrap();
    assert_eq!(written.warnings.len(), 1, "{:?}", written.warnings);
    let warning = "so the versions v1beta1 are not served";
    assert!(
        written.warnings[0].ends_with(warning),
        "{:?}",
        written.warnings
    );
    let place = |version| cluster.place(("example.com", version, "widgets"), Some("default"), None);
    assert!(place("v1beta1").is_err());
    let created = Body::json(&widget("v1", json!({"colour": "blue"})), "test");
    cluster
        .create(&place("v1").unwrap(), created)
        .await
        .unwrap();

    // what is stored as v1 could not be read as v1beta1
    let live = definition(&cluster, "widgets.example.com");
    let swapped = json!([
        {"op": "replace", "path": "/spec/versions/0/storage", "value": false},
        {"op": "replace", "path": "/spec/versions/1/storage", "value": true},
    ]);
    let refused = cluster
        .patch(&live, PatchKind::Json, Body::json(&swapped, "test"))
        .await
        .unwrap_err();
    let why = "objects may be stored as v1, and this server calls no webhook to convert them";
    assert!(refused.message.contains(why), "{}", refused.message);
}

#[tokio::test]
async fn rules_have_messages_reasons_and_paths_of_their_own() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let mut object = widgets();
    let versions = object["spec"]["versions"].as_array_mut().unwrap();
    versions.truncate(1);
    versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"] = json!([
        {
            "rule": "self.size < 5", "message": "too large", "fieldPath": ".size", "reason": "FieldValueForbidden",
            "messageExpression": "string(self.size) + ' is more than 4'",
        },
        {"rule": "self.size != 7", "message": "plain", "messageExpression": "self.size > 0 ? '' : 'a'"},
        {
            "rule": "!oldSelf.hasValue() || oldSelf.value().size == self.size", "optionalOldSelf": true,
            "message": "size changes", "reason": "FieldValueRequired",
        },
    ]);
    define(&cluster, &object).await.unwrap();
    let place = cluster.place(("example.com", "v1", "widgets"), Some("default"), None);
    let place = place.unwrap();
    let create = |size: u64| {
        let spec = json!({"colour": "blue", "size": size});
        cluster.create(&place, Body::json(&widget("v1", spec), "test"))
    };
    let message = create(7).await.unwrap_err().message;
    let expected = "Widget.example.com \"a\" is invalid: [spec.size: Forbidden: 7 is more than 4, \
                    spec: Invalid value: \"object\": plain]";
    assert_eq!(message, expected);
    create(4).await.unwrap();
    let one = cluster.place(("example.com", "v1", "widgets"), Some("default"), Some("a"));
    let patch = Body::json(&json!({"spec": {"size": 3}}), "test");
    let refused = cluster
        .patch(&one.unwrap(), PatchKind::Merge, patch)
        .await
        .unwrap_err();
    assert!(
        refused
            .message
            .contains("spec: Required value: size changes"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn deprecated_versions_have_a_warning() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let mut object = widgets();
    let versions = object["spec"]["versions"].as_array_mut().unwrap();
    versions[1]["deprecated"] = true.into();
    define(&cluster, &object).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn({
        let (cluster, stop) = (cluster.clone(), stop.clone());
        async move { cluster.serve(listener, stop).await }
    });
    for (path, warned) in [
        ("v1/widgets", false),
        ("v1beta1/widgets", true),
        ("v1beta1/namespaces/default/widgets/missing", true),
    ] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /apis/example.com/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let warning = "299 - \"example.com/v1beta1 Widget is deprecated\"";
        assert_eq!(answer.contains(warning), warned, "{answer}");
    }
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn combined_schemas_and_transition_rules_are_held() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let mut object = widgets();
    let spec = json!({
        "type": "object",
        "minProperties": 1,
        "properties": {
            "a": {"type": "integer", "minimum": 0, "exclusiveMinimum": true, "multipleOf": 2},
            "b": {"type": "string", "anyOf": [{"pattern": "^x"}, {"pattern": "y$"}]},
            "c": {"type": "string", "not": {"enum": ["no"]}},
            "d": {
                "type": "integer",
                "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "must not shrink"}],
            },
            "e": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        },
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}, {"required": ["c"]}, {"required": ["d"]}, {"required": ["e"]}],
    });
    for version in object["spec"]["versions"].as_array_mut().unwrap() {
        version["schema"]["openAPIV3Schema"]["properties"]["spec"] = spec.clone();
    }
    define(&cluster, &object).await.unwrap();
    let place = widgets_of(&cluster, "v1", None).unwrap();
    for (spec, fault) in [
        (json!({"a": 2}), None),
        (json!({"b": "xa"}), None),
        (json!({"c": "yes"}), None),
        (json!({"e": 1}), None),
        (json!({"e": "a"}), None),
        (json!({}), Some("Found none valid")),
        (
            json!({"a": 0}),
            Some("spec.a in body should be greater than 0"),
        ),
        (
            json!({"a": 3}),
            Some("spec.a in body should be a multiple of 2"),
        ),
        (
            json!({"b": "a"}),
            Some("\"spec.b\" must validate at least one schema (anyOf)"),
        ),
        (
            json!({"c": "no"}),
            Some("\"spec.c\" must not validate the schema (not)"),
        ),
        (
            json!({"a": 2, "b": "x"}),
            Some(
                "\"spec\" must validate one and only one schema (oneOf). Found 2 valid alternatives",
            ),
        ),
        (
            json!({"e": 1.5}),
            Some("spec.e in body must be of type integer,string: \"number\""),
        ),
    ] {
        let mut body = Body::json(&widget("v1", spec.clone()), "test");
        body.options.dry_run = true;
        let created = cluster.create(&place, body).await;
        match (created, fault) {
            (Ok(_), None) => {}
            (Err(error), Some(fault)) => assert!(error.message.contains(fault), "{spec}: {error}"),
            (created, _) => panic!("{spec}: {created:?}"),
        }
    }
    let body = Body::json(&widget("v1", json!({"d": 3})), "test");
    cluster.create(&place, body).await.unwrap();
    let place = widgets_of(&cluster, "v1", Some("a")).unwrap();
    merge(&cluster, &place, json!({"spec": {"d": 4}}))
        .await
        .unwrap();
    let refused = merge(&cluster, &place, json!({"spec": {"d": 2}}))
        .await
        .unwrap_err();
    assert!(
        refused
            .message
            .contains("spec.d: Invalid value: 2: must not shrink"),
        "{refused}"
    );
}
