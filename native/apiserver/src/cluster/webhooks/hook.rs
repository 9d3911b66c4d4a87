//! One webhook of a configuration.

use std::time::Duration;

use serde_json::Value;

use super::internal;
use crate::api::schema::{Expression, REQUEST, Scope};
use crate::api::{ApiError, Resource};

/// A webhook: which requests it is for, where it is, what its failure means.
#[derive(Debug)]
pub(super) struct Hook {
    pub name: String,
    /// `url`, `service` and `caBundle`.
    pub client: Value,
    pub timeout: Duration,
    /// Is its failure ignored?
    pub ignores: bool,
    /// Do its rules mean the other versions of a resource too?
    pub equivalent: bool,
    /// May it be called for a dry run?
    pub dry_run: bool,
    /// Is it called again after later webhooks changed the object?
    pub again: bool,
    pub namespace_selector: Value,
    pub object_selector: Value,
    rules: Vec<Value>,
    conditions: Vec<Value>,
}

impl Hook {
    /// Reads a webhook of a stored configuration, which is valid and has its defaults.
    pub(super) fn read(webhook: &Value) -> Self {
        let text = |name: &str| {
            webhook
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let list = |name: &str| {
            let items = webhook.get(name).and_then(Value::as_array);
            items.cloned().unwrap_or_default()
        };
        let seconds = webhook.get("timeoutSeconds").and_then(Value::as_u64);
        let part = |name: &str| webhook.get(name).cloned().unwrap_or_default();
        Hook {
            name: text("name").to_owned(),
            client: part("clientConfig"),
            timeout: Duration::from_secs(seconds.unwrap_or(10)),
            ignores: text("failurePolicy") == "Ignore",
            equivalent: text("matchPolicy") != "Exact",
            dry_run: matches!(text("sideEffects"), "None" | "NoneOnDryRun"),
            again: text("reinvocationPolicy") == "IfNeeded",
            namespace_selector: part("namespaceSelector"),
            object_selector: part("objectSelector"),
            rules: list("rules"),
            conditions: list("matchConditions"),
        }
    }

    /// Has it a rule for an operation on a resource, or on its `part`?
    pub(super) fn has_rule(&self, resource: &Resource, part: &str, operation: &str) -> bool {
        let scope = if resource.namespaced {
            "Namespaced"
        } else {
            "Cluster"
        };
        self.rules.iter().any(|rule| {
            let has = |list: &str, wanted: &str| {
                let items = rule
                    .get(list)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten();
                let mut items = items.filter_map(Value::as_str);
                items.any(|item| item == "*" || item == wanted)
            };
            let resources = rule.get("resources").and_then(Value::as_array);
            let mut resources = resources.into_iter().flatten().filter_map(Value::as_str);
            let of_scope = rule.get("scope").and_then(Value::as_str).unwrap_or("*");
            has("operations", operation)
                && has("apiGroups", &resource.group)
                && has("apiVersions", &resource.version)
                && (of_scope == "*" || of_scope == scope)
                && resources.any(|item| {
                    let (plural, of) = item.split_once('/').unwrap_or((item, ""));
                    (plural == "*" || plural == resource.plural) && (of == "*" || of == part)
                })
        })
    }

    /// Are all its conditions true?
    ///
    /// # Errors
    /// Says which condition has no answer, if none is false.
    pub(super) fn meets_conditions(&self, request: &Value) -> Result<bool, String> {
        if self.conditions.is_empty() {
            return Ok(true);
        }
        let (mut scope, mut fault) = (Scope::new(request), None);
        for condition in &self.conditions {
            let text = |name: &str| {
                condition
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let holds = Expression::compile(text("expression"), REQUEST)
                .and_then(|condition| scope.holds(&condition));
            match holds {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(why) => {
                    fault.get_or_insert(format!(
                        "admission webhook {:?}: match condition {:?} cannot be evaluated: {why}",
                        self.name,
                        text("name")
                    ));
                }
            }
        }
        fault.map_or(Ok(true), Err)
    }

    /// 500: the webhook could not be called, or did not answer as a webhook does.
    pub(super) fn failed(&self, why: &str) -> ApiError {
        internal(&format!("failed calling webhook {:?}: {why}", self.name))
    }
}
