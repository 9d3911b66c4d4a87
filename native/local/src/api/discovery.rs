//! What is served, told to clients: `/api`, `/apis`, groups, versions, and all in one.

use serde_json::{Value, json};

use super::resource::RESOURCES;

/// `/api`: the versions of the core group. `address` is where the server listens, `127.0.0.1:8001`.
#[must_use]
pub fn core_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// `/apis`: every group.
#[must_use]
pub fn groups() -> Value {
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})
}

/// `/apis/{group}`; `None` for a group that is not served.
#[must_use]
pub fn group(name: &str) -> Option<Value> {
    RESOURCES
        .iter()
        .any(|resource| resource.group == name)
        .then(|| json!({}))
}

/// `/apis/{group}/{version}`, and `/api/v1` for the empty group; `None` if it is not served.
#[must_use]
pub fn resources(group: &str, version: &str) -> Option<Value> {
    let _ = (group, version);
    None
}

/// `/api` (`core`) or `/apis` for a client that accepts `APIGroupDiscoveryList` of `apidiscovery.k8s.io` in `version`
/// (`v2` or `v2beta1`): everything in one answer.
#[must_use]
pub fn aggregated(core: bool, version: &str) -> Value {
    let _ = core;
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"), "items": []})
}

/// `/`: every path.
#[must_use]
pub fn paths() -> Value {
    json!({"paths": []})
}
