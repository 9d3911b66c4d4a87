//! Built-in kinds: what is refused, in the words of a real server, and what is served.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

use imagecache_apiserver::api::options::DeleteOptions;
use imagecache_apiserver::api::patch::PatchKind;
use imagecache_apiserver::api::table::{self, Include};
use imagecache_apiserver::api::{ApiError, BUILT_IN_RESOURCES};
use imagecache_apiserver::cluster::place::Place;
use imagecache_apiserver::cluster::requests::Body;
use imagecache_apiserver::cluster::{Cluster, Config};
use serde_json::{Value, json};

/// The place of an object by its kind.
fn place(cluster: &Cluster, object: &Value) -> Place {
    let api_version = object["apiVersion"].as_str().unwrap();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = BUILT_IN_RESOURCES.iter().find(|resource| {
        resource.group == group && resource.kind == object["kind"].as_str().unwrap()
    });
    let resource = resource.unwrap();
    let namespace = resource.namespaced.then_some("default");
    cluster
        .place((group, version, &resource.plural), namespace, None)
        .unwrap()
}

async fn create(cluster: &Cluster, object: &Value) -> Result<Value, ApiError> {
    let place = place(cluster, object);
    let written = cluster.create(&place, Body::json(object, "test")).await;
    written.map(|written| written.object)
}

fn of(api_version: &str, kind: &str, mut fields: Value) -> Value {
    fields["apiVersion"] = api_version.into();
    fields["kind"] = kind.into();
    if fields.get("metadata").is_none() {
        fields["metadata"] = json!({"name": "a"});
    }
    fields
}

fn pod(container: Value) -> Value {
    let mut whole = json!({"name": "a", "image": "b"});
    for (name, value) in container.as_object().unwrap() {
        whole[name] = value.clone();
    }
    of("v1", "Pod", json!({"spec": {"containers": [whole]}}))
}

fn deployment(spec: Value) -> Value {
    let mut whole = json!({
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "a", "image": "b"}]},
        },
    });
    for (name, value) in spec.as_object().unwrap() {
        whole[name] = value.clone();
    }
    of("apps/v1", "Deployment", json!({"spec": whole}))
}

fn webhook(fields: Value) -> Value {
    let mut whole = json!({
        "name": "a.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/validate"},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
    });
    for (name, value) in fields.as_object().unwrap() {
        whole[name] = value.clone();
    }
    of(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        json!({"webhooks": [whole]}),
    )
}

#[tokio::test]
async fn invalid_objects_are_refused_as_by_a_real_server() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    for (object, code, message) in [
        (
            pod(json!({"ports": [{"containerPort": "80"}]})),
            400,
            "Pod in version \"v1\" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            pod(json!({"ports": [{"containerPort": 0}]})),
            422,
            "spec.containers[0].ports[0].containerPort: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            pod(json!({"name": "C_x"})),
            422,
            "spec.containers[0].name: Invalid value: \"C_x\": a lowercase RFC 1123 label must",
        ),
        (
            pod(json!({"resources": {"requests": {"cpu": "abc"}}})),
            400,
            "quantities must match the regular expression",
        ),
        (
            pod(json!({"env": [{"value": "x"}]})),
            422,
            "spec.containers[0].env[0].name: Required value",
        ),
        (
            of("v1", "ConfigMap", json!({"data": {"a": 1}})),
            400,
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            of(
                "v1",
                "ConfigMap",
                json!({"data": {"a": "x"}, "binaryData": {"a": "eA=="}}),
            ),
            422,
            "data[a]: Invalid value: \"a\": duplicate of key present in binaryData",
        ),
        (
            of("v1", "Secret", json!({"data": {"a": "%"}})),
            400,
            "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at input byte 0",
        ),
        (
            of("v1", "Secret", json!({"type": "kubernetes.io/basic-auth"})),
            422,
            "data[username]: Required value",
        ),
        (
            deployment(json!({"replicas": "2"})),
            400,
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            deployment(json!({"replicas": -1})),
            422,
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            deployment(json!({"template": {
                "metadata": {"labels": {"app": "a", "b": "not a value"}},
                "spec": {"containers": [{"name": "a", "image": "b"}]},
            }})),
            422,
            "spec.template.metadata.labels: Invalid value: \"not a value\": a valid label must",
        ),
        (
            of(
                "v1",
                "Service",
                json!({"spec": {"ports": [{"port": 70000}]}}),
            ),
            422,
            "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            of(
                "v1",
                "Service",
                json!({"spec": {"ports": [{"port": 1, "targetPort": 1.5}]}}),
            ),
            400,
            "json: cannot unmarshal number 1.5 into Go value of type int32",
        ),
        (
            of(
                "v1",
                "Service",
                json!({"spec": {"type": "X", "ports": [{"port": 1}]}}),
            ),
            422,
            "spec.type: Unsupported value: \"X\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
        ),
        (
            of(
                "rbac.authorization.k8s.io/v1",
                "Role",
                json!({"rules": [{"apiGroups": [""], "resources": ["pods"]}]}),
            ),
            422,
            "rules[0].verbs: Required value: verbs must contain at least one value",
        ),
        (
            of(
                "rbac.authorization.k8s.io/v1",
                "ClusterRoleBinding",
                json!({"roleRef": {"kind": "Role", "name": "a"}, "subjects": [{"kind": "ServiceAccount", "name": "a"}]}),
            ),
            422,
            "[roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\", subjects[0].namespace: Required value]",
        ),
        (
            of(
                "policy/v1",
                "PodDisruptionBudget",
                json!({"spec": {"minAvailable": 1, "maxUnavailable": "50"}}),
            ),
            422,
            "minAvailable and maxUnavailable cannot be both set",
        ),
        (
            of(
                "discovery.k8s.io/v1",
                "EndpointSlice",
                json!({"addressType": "IPv5", "endpoints": [{"addresses": []}]}),
            ),
            422,
            "addressType: Unsupported value: \"IPv5\"",
        ),
        (
            webhook(json!({"name": "short"})),
            422,
            "webhooks[0].name: Invalid value: \"short\": should be a domain with at least three segments separated by dots",
        ),
        (
            webhook(json!({"clientConfig": {"url": "http://127.0.0.1/"}})),
            422,
            "webhooks[0].clientConfig.url: Invalid value: \"http://127.0.0.1/\": 'https' is the only allowed URL scheme",
        ),
        (
            webhook(json!({"admissionReviewVersions": ["v1beta1"]})),
            422,
            "must include v1, the only version that this server sends",
        ),
        (
            webhook(json!({"sideEffects": null})),
            422,
            "webhooks[0].sideEffects: Required value",
        ),
        (
            webhook(json!({"matchConditions": [{"name": "a", "expression": "what.is == 1"}]})),
            422,
            "webhooks[0].matchConditions[0].expression: Invalid value: \"what.is == 1\": compilation failed",
        ),
        (
            webhook(json!({"timeoutSeconds": 31})),
            422,
            "the timeout value must be between 1 and 30 seconds",
        ),
    ] {
        let error = create(&cluster, &object)
            .await
            .expect_err(&object.to_string());
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(message), "{error}\n{message}");
    }
}

#[tokio::test]
async fn new_kinds_get_their_defaults() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let service = of("v1", "Service", json!({"spec": {"ports": [{"port": 80}]}}));
    let service = create(&cluster, &service).await.unwrap();
    assert_eq!(
        service["spec"],
        json!({
            "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}],
        })
    );
    assert_eq!(service["status"], json!({"loadBalancer": {}}));
    let stored = create(&cluster, &webhook(json!({}))).await.unwrap();
    let stored = &stored["webhooks"][0];
    assert_eq!(stored["failurePolicy"], "Fail");
    assert_eq!(stored["timeoutSeconds"], 10);
    assert_eq!(stored["rules"][0]["scope"], "*");
    let role = of(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        json!({"metadata": {"name": "system:a"}, "roleRef": {"kind": "Role", "name": "a"}}),
    );
    let role = create(&cluster, &role).await.unwrap();
    assert_eq!(role["roleRef"]["apiGroup"], "rbac.authorization.k8s.io");
}

#[tokio::test]
async fn unknown_fields_of_built_in_kinds_are_reported() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let object = pod(json!({"imgae": "c"}));
    let place = place(&cluster, &object);
    let written = cluster
        .create(&place, Body::json(&object, "test"))
        .await
        .unwrap();
    assert_eq!(
        written.warnings,
        ["unknown field \"spec.containers[0].imgae\""]
    );
    assert!(
        written.object["spec"]["containers"][0]
            .get("imgae")
            .is_none()
    );
    let applied = cluster
        .place(("", "v1", "pods"), Some("default"), Some("b"))
        .unwrap();
    let mut object = object;
    object["metadata"]["name"] = "b".into();
    let refused = cluster
        .patch(&applied, PatchKind::Apply, Body::json(&object, "test"))
        .await;
    let refused = refused.unwrap_err().message;
    assert!(
        refused.ends_with(".imgae: field not declared in schema"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_pods_node_cannot_be_patched() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    create(&cluster, &pod(json!({}))).await.unwrap();
    let place = cluster
        .place(("", "v1", "pods"), Some("default"), Some("a"))
        .unwrap();
    let patch = json!({"spec": {"nodeName": "n"}});
    let refused = cluster
        .patch(&place, PatchKind::Merge, Body::json(&patch, "test"))
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, 422);
    assert!(
        refused
            .message
            .contains("pod updates may not change fields other than"),
        "{refused}"
    );
}

#[tokio::test]
async fn system_namespaces_cannot_be_deleted() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    for name in ["default", "kube-system", "kube-public"] {
        let place = cluster
            .place(("", "v1", "namespaces"), None, Some(name))
            .unwrap();
        let refused = cluster
            .delete(&place, DeleteOptions::default())
            .await
            .unwrap_err();
        assert_eq!(refused.code, 403);
        let message =
            format!("namespaces {name:?} is forbidden: this namespace may not be deleted");
        assert_eq!(refused.message, message);
    }
    let place = cluster
        .place(("", "v1", "namespaces"), None, Some("kube-node-lease"))
        .unwrap();
    cluster
        .delete(&place, DeleteOptions::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn wide_columns_are_those_of_a_real_server() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let pod = create(&cluster, &pod(json!({}))).await.unwrap();
    let deployment = create(&cluster, &deployment(json!({}))).await.unwrap();
    for (object, columns, cells) in [
        (
            &pod,
            vec![
                "Name",
                "Ready",
                "Status",
                "Restarts",
                "Age",
                "IP*",
                "Node*",
                "Nominated Node*",
                "Readiness Gates*",
            ],
            json!(["<none>", "<none>", "<none>", "<none>"]),
        ),
        (
            &deployment,
            vec![
                "Name",
                "Ready",
                "Up-to-date",
                "Available",
                "Age",
                "Containers*",
                "Images*",
                "Selector*",
            ],
            json!(["a", "b", "app=a"]),
        ),
    ] {
        let resource = place(&cluster, object).resource;
        let now = imagecache_apiserver::cluster::now();
        let one = std::slice::from_ref(object);
        let table = table::render(&resource, one, &Value::Null, Include::None, "v1", true, now);
        let found: Vec<String> = table["columnDefinitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| {
                let wide = if column["priority"] == 1 { "*" } else { "" };
                format!("{}{wide}", column["name"].as_str().unwrap())
            })
            .collect();
        assert_eq!(found, columns);
        let row = table["rows"][0]["cells"].as_array().unwrap();
        let wide = &row[columns.iter().position(|name| name.ends_with('*')).unwrap()..];
        assert_eq!(Value::from(wide.to_vec()), cells);
    }
}

#[tokio::test]
async fn strategic_merge_puts_new_items_first() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let deployment = create(&cluster, &deployment(json!({}))).await.unwrap();
    let mut one = place(&cluster, &deployment);
    one.name = Some("a".to_owned());
    let patch =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "new", "image": "c"}]}}}});
    let written = cluster
        .patch(&one, PatchKind::Strategic, Body::json(&patch, "test"))
        .await
        .unwrap();
    let containers = written.object["spec"]["template"]["spec"]["containers"].clone();
    let names: Vec<&Value> = containers
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["new", "a"]);
}

#[tokio::test]
async fn null_in_an_apply_is_as_in_structured_merge_diff() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let properties = json!({
        "text": {"type": "string"},
        "filled": {"type": "string", "default": "x"},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
    });
    let definition = of(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        json!({
            "metadata": {"name": "foos.example.com"},
            "spec": {
                "group": "example.com", "scope": "Cluster", "names": {"plural": "foos", "kind": "Foo"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": {"type": "object", "properties": properties}},
                }}}],
            },
        }),
    );
    create(&cluster, &definition).await.unwrap();
    let apply = async |manager: &str, spec: Value, force: bool| {
        let one = cluster.place(("example.com", "v1", "foos"), None, Some("a"));
        let object = of("example.com/v1", "Foo", json!({"spec": spec}));
        let mut body = Body::json(&object, manager);
        body.options.force = force;
        let written = cluster.patch(&one.unwrap(), PatchKind::Apply, body).await;
        written.map(|written| written.object["spec"].clone())
    };
    let whole = json!({"text": "a", "map": {"a": "b"}, "set": ["a"]});
    let stored = apply("one", whole, false).await.unwrap();
    assert_eq!(stored["filled"], "x", "the default");
    // a text that another manager owns changes: a conflict; without one, `null` is not a text
    let null = json!({"text": null});
    let refused = apply("two", null.clone(), false).await.unwrap_err();
    assert_eq!(refused.code, 409);
    for manager in ["one", "two"] {
        let refused = apply(manager, null.clone(), true).await.unwrap_err();
        assert_eq!(refused.code, 422);
        let why = "spec.text in body must be of type string: \"null\"";
        assert!(refused.message.contains(why), "{}", refused.message);
    }
    // the parts of a map and of a set are owned one by one, and `null` names none
    let stored = apply(
        "two",
        json!({"map": null, "set": null, "filled": null}),
        false,
    )
    .await;
    let expected = json!({"text": "a", "map": {"a": "b"}, "set": ["a"], "filled": "x"});
    assert_eq!(stored.unwrap(), expected);
}
