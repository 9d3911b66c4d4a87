//! Reviews of the caller's own identity and access, which `kubectl auth` creates. They are answered and never stored.
//! There is no authentication or authorization: each answer allows everything.

use serde_json::{Value, json};

use super::builtin;
use crate::api::meta::NameRule;
use crate::api::resource::Resource;

/// `kubectl auth can-i VERB RESOURCE`.
pub(super) fn access() -> Resource {
    Resource {
        status: |_| json!({"allowed": true, "reason": "the server has no authorization"}),
        blank: json!({"spec": {}}),
        ..review(
            "authorization.k8s.io",
            "SelfSubjectAccessReview",
            "selfsubjectaccessreviews",
            "selfsubjectaccessreview",
        )
    }
}

/// `kubectl auth can-i --list`.
pub(super) fn rules() -> Resource {
    Resource {
        status: |_| {
            json!({
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            })
        },
        blank: json!({"spec": {}}),
        ..review(
            "authorization.k8s.io",
            "SelfSubjectRulesReview",
            "selfsubjectrulesreviews",
            "selfsubjectrulesreview",
        )
    }
}

/// `kubectl auth whoami`.
pub(super) fn user() -> Resource {
    Resource {
        status: |_| json!({"userInfo": {"username": "system:anonymous", "groups": ["system:unauthenticated"]}}),
        ..review(
            "authentication.k8s.io",
            "SelfSubjectReview",
            "selfsubjectreviews",
            "selfsubjectreview",
        )
    }
}

fn review(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    singular: &'static str,
) -> Resource {
    Resource {
        namespaced: false,
        kept: false,
        verbs: &["create"],
        names: NameRule::None,
        blank: Value::Object(serde_json::Map::new()),
        ..builtin(group, kind, plural, singular)
    }
}
