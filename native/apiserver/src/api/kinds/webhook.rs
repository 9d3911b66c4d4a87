//! Webhook configurations: which requests are sent to which webhook. `cluster::webhooks` calls them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{
    age_column, builtin, choice_fault, column, count, default, list, name_column, selector_faults,
    text,
};
use crate::api::cause::Cause;
use crate::api::meta::{NameRule, name_faults};
use crate::api::resource::{Cell, Resource};
use crate::api::schema::{Expression, REQUEST};

const GROUP: &str = "admissionregistration.k8s.io";

/// The version of AdmissionReview that is sent.
const REVIEW: &str = "v1";

pub(super) fn mutating() -> Resource {
    Resource {
        prepare: |object| {
            prepare(object);
            let webhooks = object.get_mut("webhooks").and_then(Value::as_array_mut);
            for webhook in webhooks.into_iter().flatten() {
                default(webhook, "reinvocationPolicy", "Never".into());
            }
            Ok(())
        },
        ..configurations(
            "MutatingWebhookConfiguration",
            "mutatingwebhookconfigurations",
            "mutatingwebhookconfiguration",
        )
    }
}

pub(super) fn validating() -> Resource {
    configurations(
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        "validatingwebhookconfiguration",
    )
}

fn configurations(kind: &'static str, plural: &'static str, singular: &'static str) -> Resource {
    Resource {
        namespaced: false,
        has_generation: true,
        columns: vec![
            name_column(),
            column(
                "Webhooks",
                "integer",
                "Webhooks indicates the number of webhooks defined in this configuration",
                Cell::Computed(|object| count(object, "/webhooks").into()),
            ),
            age_column(),
        ],
        prepare: |object| {
            prepare(object);
            Ok(())
        },
        validate: |object, _| {
            let webhooks = list(object, "webhooks");
            let mut causes = Vec::new();
            for (index, webhook) in webhooks.iter().enumerate() {
                let name = text(webhook, "/name");
                let before = webhooks.iter().take(index);
                if before.clone().any(|other| text(other, "/name") == name) {
                    let field = format!("webhooks[{index}].name");
                    causes.push(Cause::duplicate(&field, &name.into()));
                }
                causes.extend(faults(webhook, &format!("webhooks[{index}]")));
            }
            causes
        },
        ..builtin(GROUP, kind, plural, singular)
    }
}

/// Fills in the defaults of each webhook.
fn prepare(object: &mut Value) {
    let webhooks = object.get_mut("webhooks").and_then(Value::as_array_mut);
    for webhook in webhooks.into_iter().flatten() {
        for (name, value) in [
            ("failurePolicy", json!("Fail")),
            ("matchPolicy", json!("Equivalent")),
            ("namespaceSelector", json!({})),
            ("objectSelector", json!({})),
            ("timeoutSeconds", json!(10)),
        ] {
            default(webhook, name, value);
        }
        if let Some(service) = webhook.pointer_mut("/clientConfig/service") {
            default(service, "port", 443.into());
        }
        let rules = webhook.get_mut("rules").and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten() {
            default(rule, "scope", "*".into());
        }
    }
}

fn faults(webhook: &Value, at: &str) -> Vec<Cause> {
    let field = |name: &str| format!("{at}.{name}");
    let mut causes = Vec::new();
    let name = text(webhook, "/name");
    let labels = name.split('.').count();
    if let Some(fault) = name_faults(NameRule::Subdomain, name).first() {
        causes.push(Cause::invalid(&field("name"), &name.into(), fault));
    } else if labels < 3 {
        let why = "should be a domain with at least three segments separated by dots";
        causes.push(Cause::invalid(&field("name"), &name.into(), why));
    }
    let versions = list(webhook, "admissionReviewVersions");
    let shown = Value::from(versions.to_vec());
    if versions.is_empty() {
        let why = "must specify one of v1, v1beta1";
        causes.push(Cause::required(&field("admissionReviewVersions"), why));
    } else if !versions.iter().any(|version| version == REVIEW) {
        let why = "must include v1, the only version that this server sends";
        causes.push(Cause::invalid(
            &field("admissionReviewVersions"),
            &shown,
            why,
        ));
    }
    for (name, choices) in [
        ("failurePolicy", ["Fail", "Ignore"]),
        ("matchPolicy", ["Equivalent", "Exact"]),
        ("sideEffects", ["None", "NoneOnDryRun"]),
        ("reinvocationPolicy", ["IfNeeded", "Never"]),
    ] {
        causes.extend(choice_fault(
            webhook,
            &format!("/{name}"),
            &field(name),
            &choices,
        ));
    }
    let timeout = webhook.get("timeoutSeconds").and_then(Value::as_i64);
    if let Some(seconds) = timeout.filter(|seconds| !(1..=30).contains(seconds)) {
        let why = if seconds < 1 {
            "the timeout value must be greater than zero"
        } else {
            "the timeout value must be between 1 and 30 seconds"
        };
        causes.push(Cause::invalid(
            &field("timeoutSeconds"),
            &seconds.into(),
            why,
        ));
    }
    for name in ["namespaceSelector", "objectSelector"] {
        let selector = webhook.get(name).unwrap_or(&Value::Null);
        causes.extend(selector_faults(selector, &field(name)));
    }
    for (index, rule) in list(webhook, "rules").iter().enumerate() {
        causes.extend(rule_faults(rule, &field(&format!("rules[{index}]"))));
    }
    for (index, condition) in list(webhook, "matchConditions").iter().enumerate() {
        let expression = text(condition, "/expression");
        if let Err(why) = Expression::compile(expression, REQUEST) {
            let field = field(&format!("matchConditions[{index}].expression"));
            let why = format!("compilation failed: {why}");
            causes.push(Cause::invalid(&field, &expression.into(), &why));
        }
    }
    causes.extend(client_faults(webhook, &field("clientConfig")));
    causes
}

pub(super) fn rule_faults(rule: &Value, at: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for name in ["apiGroups", "apiVersions", "operations", "resources"] {
        let items = list(rule, name);
        let field = format!("{at}.{name}");
        if items.is_empty() {
            causes.push(Cause::required(&field, ""));
        }
        if items.len() > 1 && name != "resources" && items.iter().any(|item| item == "*") {
            let why = "if '*' is present, must not specify other items";
            causes.push(Cause::invalid(&field, &items.to_vec().into(), why));
        }
    }
    for (index, operation) in list(rule, "operations").iter().enumerate() {
        let field = format!("{at}.operations[{index}]");
        let choices = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
        causes.extend(choice_fault(operation, "", &field, &choices));
    }
    let scopes = ["*", "Cluster", "Namespaced"];
    causes.extend(choice_fault(
        rule,
        "/scope",
        &format!("{at}.scope"),
        &scopes,
    ));
    causes
}

fn client_faults(webhook: &Value, at: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let (url, service) = (
        webhook.pointer("/clientConfig/url").and_then(Value::as_str),
        webhook.pointer("/clientConfig/service"),
    );
    if url.is_some() == service.is_some() {
        causes.push(Cause::required(
            at,
            "exactly one of url or service is required",
        ));
    }
    if let Some(url) = url {
        let why = match url.parse::<http::Uri>() {
            Err(error) => Some(format!("url must be a valid URL: {error}")),
            Ok(uri) if uri.scheme_str() != Some("https") => Some(
                "'https' is the only allowed URL scheme; desired format: https://host[/path]"
                    .to_owned(),
            ),
            Ok(uri) if uri.query().is_some() || url.contains('#') => {
                Some("query parameters and fragments are not permitted in the URL".to_owned())
            }
            Ok(uri)
                if uri
                    .authority()
                    .is_some_and(|host| host.as_str().contains('@')) =>
            {
                Some("user information is not permitted in the URL".to_owned())
            }
            Ok(_) => None,
        };
        causes.extend(why.map(|why| Cause::invalid(&format!("{at}.url"), &url.into(), &why)));
    }
    if let Some(bundle) = webhook
        .pointer("/clientConfig/caBundle")
        .and_then(Value::as_str)
    {
        let pem = STANDARD.decode(bundle).unwrap_or_default();
        let is_pem = String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----");
        if !bundle.is_empty() && !is_pem {
            let why = "unable to load root certificates: unable to parse bytes as PEM block";
            causes.push(Cause::invalid(
                &format!("{at}.caBundle"),
                &bundle.into(),
                why,
            ));
        }
    }
    causes
}
