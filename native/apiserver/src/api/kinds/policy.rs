//! Disruption budgets and admission policies: stored and validated. Nothing is evicted here, and no policy is evaluated.

use serde_json::{Value, json};

use super::{age_column, builtin, column, count, name_column, names, selector_faults, text};
use crate::api::cause::Cause;
use crate::api::resource::{Cell, Resource};

const ADMISSION: &str = "admissionregistration.k8s.io";

pub(super) fn disruption_budgets() -> Resource {
    Resource {
        short_names: names(["pdb"]),
        has_status: true,
        has_generation: true,
        unconditional_update: false,
        columns: vec![
            name_column(),
            column(
                "Min Available",
                "string",
                "The minimum number of pods that must be available.",
                Cell::Computed(|budget| amount(budget, "/spec/minAvailable")),
            ),
            column(
                "Max Unavailable",
                "string",
                "The maximum number of pods that may be unavailable.",
                Cell::Computed(|budget| amount(budget, "/spec/maxUnavailable")),
            ),
            column(
                "Allowed Disruptions",
                "integer",
                "Calculated number of pods that may be disrupted at this time.",
                Cell::Computed(|budget| {
                    let allowed = budget.pointer("/status/disruptionsAllowed");
                    allowed.cloned().unwrap_or_else(|| 0.into())
                }),
            ),
            age_column(),
        ],
        blank: json!({"spec": {}, "status": {
            "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0,
        }}),
        status: |_| json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}),
        validate: |budget, _| {
            let spec = budget.get("spec").unwrap_or(&Value::Null);
            let mut causes = Vec::new();
            if spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some() {
                let why = "minAvailable and maxUnavailable cannot be both set";
                causes.push(Cause::invalid("spec", spec, why));
            }
            for name in ["minAvailable", "maxUnavailable"] {
                causes.extend(amount_fault(spec.get(name), &format!("spec.{name}")));
            }
            let selector = spec.get("selector").unwrap_or(&Value::Null);
            causes.extend(selector_faults(selector, "spec.selector"));
            causes
        },
        ..builtin(
            "policy",
            "PodDisruptionBudget",
            "poddisruptionbudgets",
            "poddisruptionbudget",
        )
    }
}

/// A number or a percentage that is not negative.
fn amount_fault(amount: Option<&Value>, field: &str) -> Option<Cause> {
    let amount = amount?;
    let why = match amount {
        Value::Number(number) if number.as_i64().is_some_and(|number| number < 0) => {
            "must be greater than or equal to 0"
        }
        Value::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or_default();
            if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex \
             used for validation is '[0-9]+%')"
        }
        _ => return None,
    };
    Some(Cause::invalid(field, amount, why))
}

fn amount(budget: &Value, pointer: &str) -> Value {
    match budget.pointer(pointer) {
        Some(Value::String(text)) => text.as_str().into(),
        Some(number @ Value::Number(_)) => number.to_string().into(),
        _ => "N/A".into(),
    }
}

pub(super) fn admission_policies() -> Resource {
    Resource {
        namespaced: false,
        has_status: true,
        has_generation: true,
        columns: vec![
            name_column(),
            column(
                "Validations",
                "integer",
                "Validations indicates the number of validation rules defined in this configuration",
                Cell::Computed(|policy| count(policy, "/spec/validations").into()),
            ),
            column(
                "ParamKind",
                "string",
                "ParamKind specifies the kind of resources used to parameterize this policy",
                Cell::Computed(|policy| {
                    let version = text(policy, "/spec/paramKind/apiVersion");
                    match text(policy, "/spec/paramKind/kind") {
                        "" => "<unset>".into(),
                        kind => format!("{version}/{kind}").into(),
                    }
                }),
            ),
            age_column(),
        ],
        blank: json!({"spec": {}, "status": {}}),
        status: |_| json!({}),
        ..builtin(
            ADMISSION,
            "ValidatingAdmissionPolicy",
            "validatingadmissionpolicies",
            "validatingadmissionpolicy",
        )
    }
}

pub(super) fn admission_policy_bindings() -> Resource {
    Resource {
        namespaced: false,
        has_generation: true,
        columns: vec![
            name_column(),
            column(
                "PolicyName",
                "string",
                "PolicyName indicates the policy definition which the policy binding binded to",
                Cell::path(&["spec", "policyName"]),
            ),
            column(
                "ParamRef",
                "string",
                "ParamRef indicates the param resource which sets the configration param",
                Cell::Computed(|binding| {
                    let namespace = text(binding, "/spec/paramRef/namespace");
                    match (namespace, text(binding, "/spec/paramRef/name")) {
                        ("", "") => "<unset>".into(),
                        (namespace, name) => format!("{namespace}/{name}").into(),
                    }
                }),
            ),
            age_column(),
        ],
        blank: json!({"spec": {}}),
        ..builtin(
            ADMISSION,
            "ValidatingAdmissionPolicyBinding",
            "validatingadmissionpolicybindings",
            "validatingadmissionpolicybinding",
        )
    }
}
