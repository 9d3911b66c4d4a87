//! Validating admission policies: what they deny, warn of and leave alone.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panic

use imagecache_apiserver::api::ApiError;
use imagecache_apiserver::api::options::DeleteOptions;
use imagecache_apiserver::cluster::place::Place;
use imagecache_apiserver::cluster::requests::{Body, Written};
use imagecache_apiserver::cluster::{Cluster, Config};
use serde_json::{Value, json};

const GROUP: &str = "admissionregistration.k8s.io";

fn rules(operations: &[&str]) -> Value {
    json!({"resourceRules": [
        {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": operations},
    ]})
}

async fn stored(cluster: &Cluster, kind: &str, spec: Value) -> Result<Written, ApiError> {
    let plural = match kind {
        "ValidatingAdmissionPolicy" => "validatingadmissionpolicies",
        _ => "validatingadmissionpolicybindings",
    };
    let place = cluster.place((GROUP, "v1", plural), None, None).unwrap();
    let object = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"name": "a"}, "spec": spec,
    });
    cluster.create(&place, Body::json(&object, "test")).await
}

/// A cluster with a policy and its binding.
async fn cluster(policy: Value, binding: Value) -> Cluster {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let mut spec = json!({"matchConstraints": rules(&["*"])});
    for (name, value) in policy.as_object().unwrap() {
        spec[name] = value.clone();
    }
    stored(&cluster, "ValidatingAdmissionPolicy", spec)
        .await
        .unwrap();
    let mut spec = json!({"policyName": "a", "validationActions": ["Deny"]});
    for (name, value) in binding.as_object().unwrap() {
        spec[name] = value.clone();
    }
    stored(&cluster, "ValidatingAdmissionPolicyBinding", spec)
        .await
        .unwrap();
    cluster
}

fn place(cluster: &Cluster, name: Option<&str>) -> Place {
    cluster
        .place(("", "v1", "configmaps"), Some("default"), name)
        .unwrap()
}

async fn create(cluster: &Cluster, name: &str, data: Value) -> Result<Written, ApiError> {
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
    cluster
        .create(&place(cluster, None), Body::json(&object, "test"))
        .await
}

fn no_secrets() -> Value {
    json!({
        "variables": [
            {"name": "keys", "expression": "has(object.data) ? object.data.map(k, k) : []"},
            {"name": "bad", "expression": "variables.keys.filter(k, k.startsWith('secret'))"},
        ],
        "validations": [{
            "expression": "variables.bad.size() == 0", "message": "no secrets",
            "messageExpression": "'`' + variables.bad[0] + '` is a secret in ' + namespaceObject.metadata.name",
        }],
    })
}

#[tokio::test]
async fn policies_deny_in_the_words_of_a_real_server() {
    let cluster = cluster(no_secrets(), json!({})).await;
    create(&cluster, "good", json!({"a": "b"})).await.unwrap();
    let refused = create(&cluster, "bad", json!({"secret1": "b"})).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.code, refused.reason), (422, "Invalid"));
    assert_eq!(
        refused.message,
        "configmaps \"bad\" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'a' denied request: \
         `secret1` is a secret in default"
    );
    let live = place(&cluster, Some("good"));
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "good"}, "data": {"secret": "b"},
    });
    let refused = cluster.update(&live, Body::json(&object, "test")).await;
    assert_eq!(refused.unwrap_err().code, 422);
}

#[tokio::test]
async fn policies_evaluate_deletions_without_an_object() {
    let policy = json!({
        "matchConstraints": rules(&["DELETE"]),
        "validations": [{
            "expression": "object == null && oldObject.metadata.name != 'kept'", "reason": "Forbidden",
        }],
    });
    let cluster = cluster(policy, json!({})).await;
    for (name, code) in [("kept", Some(403)), ("other", None)] {
        create(&cluster, name, json!({})).await.unwrap();
        let deleted = cluster
            .delete(&place(&cluster, Some(name)), DeleteOptions::default())
            .await;
        assert_eq!(deleted.err().map(|error| error.code), code, "{name}");
    }
}

#[tokio::test]
async fn bindings_warn_and_select() {
    let warn = json!({"validationActions": ["Warn", "Audit"]});
    let cluster_that_warns = cluster(no_secrets(), warn).await;
    let written = create(&cluster_that_warns, "a", json!({"secret": "b"}))
        .await
        .unwrap();
    assert_eq!(
        written.warnings,
        [
            "Validation failed for ValidatingAdmissionPolicy 'a' with binding 'a': `secret` is a secret in default"
        ]
    );
    for (resources, code) in [
        (
            json!({"namespaceSelector": {"matchLabels": {"a": "b"}}}),
            None,
        ),
        (
            json!({"objectSelector": {"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}}),
            Some(422),
        ),
        (
            json!({"excludeResourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"],
                "resourceNames": ["a"],
            }]}),
            None,
        ),
        (
            json!({"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"],
                "resourceNames": ["other"],
            }]}),
            None,
        ),
    ] {
        let cluster = cluster(no_secrets(), json!({"matchResources": resources})).await;
        let written = create(&cluster, "a", json!({"secret": "b"})).await;
        assert_eq!(written.err().map(|error| error.code), code, "{resources}");
    }
}

#[tokio::test]
async fn parameters_are_found_by_name_and_selector() {
    let policy = json!({
        "matchConstraints": rules(&["CREATE"]),
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "validations": [{
            "expression": "size(object.data) <= int(params.data.most)",
            "messageExpression": "'at most ' + params.data.most",
        }],
    });
    for (reference, action, refused) in [
        (json!({"name": "limit"}), "Deny", "at most 1"),
        (json!({"selector": {}}), "Allow", "at most 1"),
        (
            json!({"selector": {"matchLabels": {"is": "limit"}}}),
            "Allow",
            "",
        ),
        (
            json!({"name": "other"}),
            "Deny",
            "no params found for policy binding",
        ),
        (
            json!({"name": "limit", "namespace": "other"}),
            "Deny",
            "no params found for policy binding",
        ),
    ] {
        let cluster = Cluster::open(Config::default()).await.unwrap();
        create(&cluster, "limit", json!({"most": "1"}))
            .await
            .unwrap();
        let mut reference = reference;
        reference["parameterNotFoundAction"] = action.into();
        let binding = json!({
            "policyName": "a", "validationActions": ["Deny"], "paramRef": reference,
        });
        for (kind, spec) in [
            ("ValidatingAdmissionPolicy", &policy),
            ("ValidatingAdmissionPolicyBinding", &binding),
        ] {
            stored(&cluster, kind, spec.clone()).await.unwrap();
        }
        let written = create(&cluster, "b", json!({"a": "1", "b": "2"})).await;
        let message = written.err().map(|error| error.message).unwrap_or_default();
        assert_eq!(message.is_empty(), refused.is_empty(), "{message}");
        assert!(message.contains(refused), "{message}");
    }
}

#[tokio::test]
async fn errors_of_expressions_follow_the_failure_policy() {
    for (failure, code) in [("Fail", Some(422)), ("Ignore", None)] {
        let policy = json!({
            "failurePolicy": failure,
            "variables": [{"name": "missing", "expression": "object.data.missing"}],
            "validations": [{"expression": "variables.missing == ''"}],
        });
        let cluster = cluster(policy, json!({})).await;
        let written = create(&cluster, "a", json!({"a": "b"})).await;
        let error = written.err();
        assert_eq!(error.as_ref().map(|error| error.code), code);
        if let Some(error) = error {
            assert!(
                error.message.contains("variable missing: "),
                "{}",
                error.message
            );
        }
    }
}

#[tokio::test]
async fn policies_that_cannot_be_evaluated_are_refused() {
    let cluster = Cluster::open(Config::default()).await.unwrap();
    let valid = json!({
        "matchConstraints": rules(&["CREATE"]), "validations": [{"expression": "true"}],
    });
    for (pointer, value, message) in [
        (
            "/validations",
            json!([{"expression": "authorizer.group('').check('get').allowed()"}]),
            "authorizer is not known here",
        ),
        (
            "/validations",
            json!([{"expression": "object.a =="}]),
            "spec.validations[0].expression: Invalid value: \"object.a ==\": compilation failed",
        ),
        (
            "/validations",
            json!([]),
            "validations or auditAnnotations must contain at least one item",
        ),
        (
            "/matchConstraints",
            json!({}),
            "spec.matchConstraints.resourceRules: Required value",
        ),
        (
            "/variables",
            json!([{"name": "a", "expression": "semver('1.0.0')"}]),
            "the function 'semver' is not evaluated by this server",
        ),
    ] {
        let mut spec = valid.clone();
        spec[pointer.trim_start_matches('/')] = value;
        let refused = stored(&cluster, "ValidatingAdmissionPolicy", spec).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code, 422);
        assert!(refused.message.contains(message), "{}", refused.message);
    }
    let binding = json!({"policyName": "a", "validationActions": ["Deny", "Warn"]});
    let refused = stored(&cluster, "ValidatingAdmissionPolicyBinding", binding).await;
    let message = refused.unwrap_err().message;
    assert!(
        message.contains("must not contain both Deny and Warn"),
        "{message}"
    );
}
