//! Discovery documents, which list what is served: `/api`, `/apis`, groups, versions, and all in one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::registry::Resources;
use super::resource::Resource;

/// `/api`: the versions of the core group. `address` is where the server listens, `127.0.0.1:8001`.
#[must_use]
pub(crate) fn core_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// The groups with their versions, each once and the preferred one first; the core group is not one.
fn group_versions(resources: &Resources) -> Vec<(&str, Vec<&str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for resource in resources
        .iter()
        .filter(|resource| !resource.group.is_empty())
    {
        match groups.iter_mut().find(|(name, _)| *name == resource.group) {
            Some((_, versions)) if versions.contains(&&*resource.version) => {}
            Some((_, versions)) => versions.push(&resource.version),
            None => groups.push((&resource.group, vec![&resource.version])),
        }
    }
    for (_, versions) in &mut groups {
        versions.sort_by(|one, other| rank(other).cmp(&rank(one)).then(one.cmp(other)));
    }
    groups
}

/// The rank of a version, as Kubernetes sorts them: stable ones before beta and alpha, newer ones first, and at the end
/// names that are not versions, by the alphabet.
fn rank(version: &str) -> Option<(u8, u64, u64)> {
    let number = |text: &str| {
        let is_number = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok()).flatten()
    };
    let rest = version.strip_prefix('v')?;
    for (stage, word) in [(1, "beta"), (0, "alpha")] {
        if let Some((major, minor)) = rest.split_once(word) {
            return Some((stage, number(major)?, number(minor)?));
        }
    }
    Some((2, number(rest)?, 0))
}

fn described(name: &str, versions: &[&str]) -> Map<String, Value> {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    let mut group = Map::new();
    group.insert("name".to_owned(), name.into());
    group.insert(
        "preferredVersion".to_owned(),
        versions.first().cloned().unwrap_or_default(),
    );
    group.insert("versions".to_owned(), versions.into());
    group
}

/// `/apis`: every group.
#[must_use]
pub(crate) fn groups(resources: &Resources) -> Value {
    let groups: Vec<Value> = group_versions(resources)
        .iter()
        .map(|(name, versions)| described(name, versions).into())
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/{group}`; `None` for a group that is not served.
#[must_use]
pub(crate) fn group(resources: &Resources, name: &str) -> Option<Value> {
    let (_, versions) = group_versions(resources)
        .into_iter()
        .find(|(group, _)| *group == name)?;
    let mut group = described(name, &versions);
    group.insert("kind".to_owned(), "APIGroup".into());
    group.insert("apiVersion".to_owned(), "v1".into());
    Some(group.into())
}

fn served<'a>(
    resources: &'a Resources,
    group: &str,
    version: &str,
) -> impl Iterator<Item = &'a Arc<Resource>> {
    resources
        .iter()
        .filter(move |resource| resource.group == group && resource.version == version)
}

const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

/// `/apis/{group}/{version}`, and `/api/v1` for the empty group; `None` if it is not served.
#[must_use]
pub(crate) fn resources(all: &Resources, group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for resource in served(all, group, version) {
        let mut entry = json!({
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": resource.verbs,
        });
        if let (true, Some(fields)) = (resource.kept, entry.as_object_mut()) {
            let hash = storage_version_hash(resource.storage_of());
            fields.insert("storageVersionHash".to_owned(), hash.into());
        }
        name_others(&mut entry, resource);
        resources.push(entry);
        if resource.has_status {
            resources.push(json!({
                "name": format!("{}/status", resource.plural),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": STATUS_VERBS,
            }));
        }
    }
    if resources.is_empty() {
        return None;
    }
    let mut list = json!({"kind": "APIResourceList", "resources": resources});
    if let Some(fields) = list.as_object_mut() {
        if group.is_empty() {
            fields.insert("groupVersion".to_owned(), version.into());
        } else {
            fields.insert("apiVersion".to_owned(), "v1".into());
            fields.insert(
                "groupVersion".to_owned(),
                format!("{group}/{version}").into(),
            );
        }
    }
    Some(list)
}

fn name_others(entry: &mut Value, resource: &Resource) {
    if let Some(fields) = entry.as_object_mut() {
        if !resource.short_names.is_empty() {
            fields.insert("shortNames".to_owned(), json!(resource.short_names));
        }
        if !resource.categories.is_empty() {
            fields.insert("categories".to_owned(), json!(resource.categories));
        }
    }
}

/// Returns a hash of group, version and kind: equal for two resources that are stored as the same object.
fn storage_version_hash((group, version, kind): (&str, &str, &str)) -> String {
    let digest = Sha256::digest(format!("{group}/{version}/{kind}"));
    STANDARD.encode(digest.get(..8).unwrap_or_default())
}

/// `/api` (`core`) or `/apis` for a client that accepts `APIGroupDiscoveryList` of `apidiscovery.k8s.io` in `version`
/// (`v2` or `v2beta1`): everything in one answer.
#[must_use]
pub(crate) fn aggregated(resources: &Resources, core: bool, version: &str) -> Value {
    let groups = if core {
        vec![("", vec!["v1"])]
    } else {
        group_versions(resources)
    };
    let items: Vec<Value> = groups
        .into_iter()
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|version| {
                    let resources: Vec<Value> = served(resources, group, version)
                        .map(|resource| aggregate(resource))
                        .collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if group.is_empty() {
                json!({})
            } else {
                json!({"name": group})
            };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    })
}

fn aggregate(resource: &Resource) -> Value {
    // The real server reports group and version of a kind only where a definition names them.
    let kind = if resource.custom {
        json!({"group": resource.group, "version": resource.version, "kind": resource.kind})
    } else {
        json!({"group": "", "version": "", "kind": resource.kind})
    };
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": kind,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    name_others(&mut entry, resource);
    if let (true, Some(fields)) = (resource.has_status, entry.as_object_mut()) {
        let status =
            json!([{"subresource": "status", "responseKind": kind, "verbs": STATUS_VERBS}]);
        fields.insert("subresources".to_owned(), status);
    }
    entry
}

/// `/`: every path.
#[must_use]
pub(crate) fn paths(resources: &Resources) -> Value {
    let mut paths: Vec<String> = [
        "/api",
        "/api/v1",
        "/apis",
        "/apis/",
        "/healthz",
        "/livez",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        "/version",
    ]
    .map(str::to_owned)
    .into();
    for (group, versions) in group_versions(resources) {
        paths.push(format!("/apis/{group}"));
        paths.extend(
            versions
                .iter()
                .map(|version| format!("/apis/{group}/{version}")),
        );
    }
    paths.sort_unstable();
    json!({"paths": paths})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::registry::samples::RESOURCES;

    #[test]
    fn storage_version_hashes_match_the_real_server() {
        for (group, version, kind, hash) in [
            ("eci.alibabacloud.com", "v1", "ImageCache", "MyfdW+a88i4="),
            ("", "v1", "ConfigMap", "qFsyl6wFWjQ="),
            ("", "v1", "Namespace", "Q3oi5N2YM8M="),
            ("", "v1", "Event", "r2yiGXH7wu8="),
        ] {
            assert_eq!(storage_version_hash((group, version, kind)), hash);
        }
    }

    #[test]
    fn versions_are_sorted_as_kubernetes_sorts_them() {
        let sorted = [
            "v10",
            "v2",
            "v1",
            "v11beta2",
            "v10beta3",
            "v3beta1",
            "v12alpha1",
            "v11alpha2",
            "foo1",
            "foo10",
        ];
        let versions: Vec<Value> = sorted
            .iter()
            .rev()
            .map(|name| json!({"name": name, "served": true, "storage": *name == "v1", "schema": {"openAPIV3Schema": {"type": "object"}}}))
            .collect();
        let definition = json!({"spec": {
            "group": "example.com", "scope": "Cluster", "versions": versions,
            "names": {"plural": "as", "singular": "a", "kind": "A", "listKind": "AList"},
        }});
        let resources = Resources::new([&definition]);
        let found = group(&resources, "example.com").unwrap();
        let names: Vec<&Value> = found["versions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|version| &version["version"])
            .collect();
        assert_eq!(names, sorted);
        assert_eq!(found["preferredVersion"]["version"], "v10");
    }

    #[test]
    fn discovery_lists_every_resource_in_every_form() {
        for resource in RESOURCES.iter() {
            let list = resources(&RESOURCES, &resource.group, &resource.version)
                .unwrap()
                .to_string();
            let all = aggregated(&RESOURCES, resource.group.is_empty(), "v2").to_string();
            assert!(list.contains(&format!("\"name\":\"{}\"", resource.plural)));
            assert!(all.contains(&format!("\"resource\":\"{}\"", resource.plural)));
        }
    }
}
