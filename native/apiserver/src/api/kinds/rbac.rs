//! Roles and their bindings: stored and validated. The server itself has no authorization.

use serde_json::{Value, json};

use super::{
    CREATED, age_column, builtin, choice_fault, column, default, list, name_column, text, wide,
};
use crate::api::cause::Cause;
use crate::api::meta::{NameRule, name_faults};
use crate::api::resource::{Cell, Column, Resource};

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn roles() -> Resource {
    role("Role", "roles", "role")
}

pub(super) fn cluster_roles() -> Resource {
    Resource {
        namespaced: false,
        ..role("ClusterRole", "clusterroles", "clusterrole")
    }
}

pub(super) fn role_bindings() -> Resource {
    binding("RoleBinding", "rolebindings", "rolebinding")
}

pub(super) fn cluster_role_bindings() -> Resource {
    Resource {
        namespaced: false,
        ..binding(
            "ClusterRoleBinding",
            "clusterrolebindings",
            "clusterrolebinding",
        )
    }
}

fn role(kind: &'static str, plural: &'static str, singular: &'static str) -> Resource {
    let created = Column {
        kind: "string".into(),
        ..column(
            "Created At",
            "string",
            CREATED,
            Cell::path(&["metadata", "creationTimestamp"]),
        )
    };
    Resource {
        names: NameRule::Any,
        columns: vec![name_column(), created],
        validate: |object, _| {
            let rules = list(object, "rules").iter().enumerate();
            rules
                .filter_map(|(index, rule)| rule_fault(rule, index))
                .collect()
        },
        ..builtin(GROUP, kind, plural, singular)
    }
}

fn rule_fault(rule: &Value, index: usize) -> Option<Cause> {
    let field = |name: &str| format!("rules[{index}].{name}");
    if list(rule, "verbs").is_empty() {
        let why = "verbs must contain at least one value";
        return Some(Cause::required(&field("verbs"), why));
    }
    if !list(rule, "nonResourceURLs").is_empty() {
        return None;
    }
    if list(rule, "apiGroups").is_empty() {
        let why = "resource rules must supply at least one api group";
        return Some(Cause::required(&field("apiGroups"), why));
    }
    list(rule, "resources").is_empty().then(|| {
        let why = "resource rules must supply at least one resource";
        Cause::required(&field("resources"), why)
    })
}

fn binding(kind: &'static str, plural: &'static str, singular: &'static str) -> Resource {
    Resource {
        names: NameRule::Any,
        columns: vec![
            name_column(),
            column(
                "Role",
                "string",
                "RoleRef can only reference a Role in the current namespace or a ClusterRole in the global namespace.",
                Cell::Computed(|object| {
                    let role = text(object, "/roleRef/kind");
                    format!("{role}/{}", text(object, "/roleRef/name")).into()
                }),
            ),
            age_column(),
            wide(column(
                "Users",
                "string",
                "Users in the roleBinding",
                Cell::Computed(|object| subjects(object, "User")),
            )),
            wide(column(
                "Groups",
                "string",
                "Groups in the roleBinding",
                Cell::Computed(|object| subjects(object, "Group")),
            )),
            wide(column(
                "ServiceAccounts",
                "string",
                "ServiceAccounts in the roleBinding",
                Cell::Computed(|object| subjects(object, "ServiceAccount")),
            )),
        ],
        blank: json!({"roleRef": {}}),
        prepare: |object| {
            if let Some(role) = object.get_mut("roleRef") {
                default(role, "apiGroup", GROUP.into());
            }
            let subjects = object.get_mut("subjects").and_then(Value::as_array_mut);
            for subject in subjects.into_iter().flatten() {
                if matches!(text(subject, "/kind"), "User" | "Group") {
                    default(subject, "apiGroup", GROUP.into());
                }
            }
            Ok(())
        },
        validate: validate_binding,
        ..builtin(GROUP, kind, plural, singular)
    }
}

fn validate_binding(object: &Value, live: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let kinds: &[&str] = if text(object, "/kind") == "RoleBinding" {
        &["ClusterRole", "Role"]
    } else {
        &["ClusterRole"]
    };
    causes.extend(choice_fault(
        object,
        "/roleRef/apiGroup",
        "roleRef.apiGroup",
        &[GROUP],
    ));
    causes.extend(choice_fault(object, "/roleRef/kind", "roleRef.kind", kinds));
    for (index, subject) in list(object, "subjects").iter().enumerate() {
        let field = |name: &str| format!("subjects[{index}].{name}");
        let (kind, name) = (text(subject, "/kind"), text(subject, "/name"));
        causes.extend(choice_fault(
            subject,
            "/kind",
            &field("kind"),
            &["ServiceAccount", "User", "Group"],
        ));
        if kind == "ServiceAccount" {
            let faults = name_faults(NameRule::Subdomain, name).into_iter();
            causes.extend(faults.map(|fault| Cause::invalid(&field("name"), &name.into(), &fault)));
            if text(subject, "/namespace").is_empty() {
                causes.push(Cause::required(&field("namespace"), ""));
            }
        }
    }
    let role = |object: &Value| object.get("roleRef").cloned().unwrap_or_default();
    if live.is_some_and(|live| role(live) != role(object)) {
        causes.push(Cause::invalid(
            "roleRef",
            &role(object),
            "cannot change roleRef",
        ));
    }
    causes
}

fn subjects(object: &Value, kind: &str) -> Value {
    let subjects = list(object, "subjects").iter();
    let subjects = subjects.filter(|subject| text(subject, "/kind") == kind);
    let names: Vec<String> = subjects
        .map(|subject| match text(subject, "/namespace") {
            "" => text(subject, "/name").to_owned(),
            namespace => format!("{namespace}/{}", text(subject, "/name")),
        })
        .collect();
    names.join(", ").into()
}
