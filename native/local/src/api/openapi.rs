//! OpenAPI: what `kubectl explain` shows and what `kubectl apply` asks the server about.

use serde_json::{Value, json};

/// `/openapi/v3`: the documents there are, each with a hash that changes when it does.
#[must_use]
pub fn index() -> Value {
    json!({"paths": {}})
}

/// `/openapi/v3/{path}`, such as `apis/eci.alibabacloud.com/v1`; `None` if there is none.
#[must_use]
pub fn document(path: &str) -> Option<Value> {
    let _ = path;
    None
}

/// The hash of a document that [`index`] tells.
#[must_use]
pub fn hash(path: &str) -> Option<String> {
    let _ = path;
    None
}

/// `/openapi/v2`: every definition in the older form.
#[must_use]
pub fn v2() -> Value {
    json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.36.0"}, "paths": {}})
}
