//! Disruption budgets, which are stored only, and admission policies, which `cluster::webhooks` evaluates.

use serde_json::{Value, json};

use super::{
    age_column, builtin, choice_fault, column, count, default, list, name_column, names,
    selector_faults, text, webhook,
};
use crate::api::cause::Cause;
use crate::api::resource::{Cell, Resource};
use crate::api::schema::{Expression, POLICY};

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
        prepare: |policy| {
            if let Some(spec) = policy.get_mut("spec") {
                default(spec, "failurePolicy", "Fail".into());
                prepare_match(spec.get_mut("matchConstraints"));
            }
            Ok(())
        },
        validate: |policy, _| policy_faults(policy),
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
        prepare: |binding| {
            prepare_match(binding.pointer_mut("/spec/matchResources"));
            Ok(())
        },
        validate: |binding, _| binding_faults(binding),
        ..builtin(
            ADMISSION,
            "ValidatingAdmissionPolicyBinding",
            "validatingadmissionpolicybindings",
            "validatingadmissionpolicybinding",
        )
    }
}

/// Fills in the defaults of `matchConstraints` and `matchResources`.
fn prepare_match(part: Option<&mut Value>) {
    let Some(part) = part.filter(|part| part.is_object()) else {
        return;
    };
    for (name, value) in [
        ("matchPolicy", json!("Equivalent")),
        ("namespaceSelector", json!({})),
        ("objectSelector", json!({})),
    ] {
        default(part, name, value);
    }
    for rules in ["resourceRules", "excludeResourceRules"] {
        let rules = part.get_mut(rules).and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten() {
            default(rule, "scope", "*".into());
        }
    }
}

fn policy_faults(policy: &Value) -> Vec<Cause> {
    let spec = policy.get("spec").unwrap_or(&Value::Null);
    let mut causes = Vec::new();
    let constraints = spec.get("matchConstraints").unwrap_or(&Value::Null);
    if constraints.is_null() {
        causes.push(Cause::required("spec.matchConstraints", ""));
    } else if list(constraints, "resourceRules").is_empty() {
        let field = "spec.matchConstraints.resourceRules";
        causes.push(Cause::required(field, ""));
    }
    causes.extend(match_faults(constraints, "spec.matchConstraints"));
    causes.extend(choice_fault(
        policy,
        "/spec/failurePolicy",
        "spec.failurePolicy",
        &["Fail", "Ignore"],
    ));
    if list(spec, "validations").is_empty() && list(spec, "auditAnnotations").is_empty() {
        let why = "validations or auditAnnotations must contain at least one item";
        causes.push(Cause::required("spec.validations", why));
    }
    let kind = spec.get("paramKind");
    for name in ["apiVersion", "kind"] {
        let part = kind.map(|kind| text(kind, &format!("/{name}")));
        if part == Some("") {
            causes.push(Cause::required(&format!("spec.paramKind.{name}"), ""));
        }
    }
    for part in ["matchConditions", "variables", "validations"] {
        for (index, item) in list(spec, part).iter().enumerate() {
            let at = format!("spec.{part}[{index}]");
            if part != "validations" && text(item, "/name").is_empty() {
                causes.push(Cause::required(&format!("{at}.name"), ""));
            }
            for name in ["expression", "messageExpression"] {
                let expression = text(item, &format!("/{name}"));
                let field = format!("{at}.{name}");
                if expression.trim().is_empty() {
                    let required = name == "expression";
                    causes.extend(required.then(|| Cause::required(&field, "")));
                } else if let Err(why) = Expression::compile(expression, POLICY) {
                    let why = format!("compilation failed: {why}");
                    causes.push(Cause::invalid(&field, &expression.into(), &why));
                }
            }
            let reasons = [
                "Forbidden",
                "Invalid",
                "RequestEntityTooLarge",
                "Unauthorized",
            ];
            causes.extend(choice_fault(
                item,
                "/reason",
                &format!("{at}.reason"),
                &reasons,
            ));
        }
    }
    causes
}

fn match_faults(part: &Value, at: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for rules in ["resourceRules", "excludeResourceRules"] {
        for (index, rule) in list(part, rules).iter().enumerate() {
            causes.extend(webhook::rule_faults(
                rule,
                &format!("{at}.{rules}[{index}]"),
            ));
        }
    }
    for name in ["namespaceSelector", "objectSelector"] {
        let selector = part.get(name).unwrap_or(&Value::Null);
        causes.extend(selector_faults(selector, &format!("{at}.{name}")));
    }
    causes
}

fn binding_faults(binding: &Value) -> Vec<Cause> {
    let spec = binding.get("spec").unwrap_or(&Value::Null);
    let mut causes = Vec::new();
    if text(spec, "/policyName").is_empty() {
        causes.push(Cause::required("spec.policyName", ""));
    }
    let actions = list(spec, "validationActions");
    if actions.is_empty() {
        causes.push(Cause::required("spec.validationActions", ""));
    }
    for (index, action) in actions.iter().enumerate() {
        let field = format!("spec.validationActions[{index}]");
        let choices = ["Audit", "Deny", "Warn"];
        causes.extend(choice_fault(action, "", &field, &choices));
        if actions.iter().take(index).any(|other| other == action) {
            causes.push(Cause::duplicate(&field, action));
        }
    }
    if actions.iter().any(|action| action == "Deny")
        && actions.iter().any(|action| action == "Warn")
    {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API \
                   response and headers serves no purpose)";
        let shown = actions.to_vec().into();
        causes.push(Cause::invalid("spec.validationActions", &shown, why));
    }
    if let Some(reference) = spec.get("paramRef").filter(|part| part.is_object()) {
        let named = !text(reference, "/name").is_empty();
        if named == reference.get("selector").is_some_and(Value::is_object) {
            let why = "exactly one of name or selector must be specified";
            causes.push(Cause::required("spec.paramRef.name", why));
        }
        if text(reference, "/parameterNotFoundAction").is_empty() {
            let field = "spec.paramRef.parameterNotFoundAction";
            causes.push(Cause::required(field, ""));
        }
    }
    let resources = spec.get("matchResources").unwrap_or(&Value::Null);
    causes.extend(match_faults(resources, "spec.matchResources"));
    causes
}
