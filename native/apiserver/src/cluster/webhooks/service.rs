//! Where a webhook is: at a URL, or at an endpoint of a service.

use serde_json::Value;

use super::hook::Hook;
use super::text;
use crate::cluster::store::{self, List, Store};

/// Where a webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The URL, which has the name that the certificate must have.
    pub url: String,
    /// Host and port to connect to.
    pub host: String,
    pub port: u16,
}

/// Returns the address of a webhook. A service has one if there is an EndpointSlice or Endpoints for it.
///
/// # Errors
/// Says what is missing.
pub(super) fn address(store: &Store, hook: &Hook) -> Result<Address, String> {
    let seconds = hook.timeout.as_secs();
    if let Some(service) = hook.client.get("service") {
        return of_service(store, service, seconds);
    }
    let url = text(&hook.client, "url");
    let uri: http::Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
    let host = uri.host().unwrap_or_default();
    Ok(Address {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: uri.port_u16().unwrap_or(443),
        url: format!("{url}?timeout={seconds}s"),
    })
}

fn of_service(store: &Store, reference: &Value, seconds: u64) -> Result<Address, String> {
    let (namespace, name) = (text(reference, "namespace"), text(reference, "name"));
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64);
    let wanted = number(reference, "port").unwrap_or(443);
    let path = text(reference, "path");
    let url = format!(
        "https://{name}.{namespace}.svc:{wanted}/{}?timeout={seconds}s",
        path.trim_start_matches('/')
    );
    let failed = |why: &str| format!("failed to call webhook: Post {url:?}: {why}");
    let service = store.get(&store::key("", "services", Some(&namespace), &name));
    let service = service.ok_or_else(|| failed(&format!("service {name:?} not found")))?;
    let ports = service
        .value
        .pointer("/spec/ports")
        .and_then(Value::as_array);
    let mut ports = ports.into_iter().flatten();
    let port = ports
        .find(|port| number(port, "port") == Some(wanted))
        .ok_or_else(|| {
            failed(&format!(
                "no service port {wanted} found for service {name:?}"
            ))
        })?;
    let found = endpoint(store, &namespace, &name, &text(port, "name"));
    let (host, port) =
        found.ok_or_else(|| failed(&format!("no endpoints available for service {name:?}")))?;
    Ok(Address { url, host, port })
}

/// Returns the first ready endpoint of a service for a port with this name.
fn endpoint(store: &Store, namespace: &str, name: &str, port: &str) -> Option<(String, u16)> {
    let list = |value: &Value, name: &str| {
        let items = value.get(name).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    let port_of = |value: &Value| {
        let ports = list(value, "ports");
        let found = ports.iter().find(|found| text(found, "name") == port)?;
        u16::try_from(found.get("port")?.as_u64()?).ok()
    };
    let slices = store.list(&List {
        prefix: &store::prefix("discovery.k8s.io", "endpointslices", Some(namespace)),
        at: None,
        from: None,
        limit: None,
        keep: &|slice| {
            let label = slice
                .value
                .pointer("/metadata/labels/kubernetes.io~1service-name");
            label.is_some_and(|label| label == name)
        },
    });
    for slice in slices.unwrap_or_default().items {
        for endpoint in list(&slice.value, "endpoints") {
            let ready = endpoint.pointer("/conditions/ready");
            let address = endpoint.pointer("/addresses/0").and_then(Value::as_str);
            if let (true, Some(address), Some(port)) = (
                ready != Some(&Value::Bool(false)),
                address,
                port_of(&slice.value),
            ) {
                return Some((address.to_owned(), port));
            }
        }
    }
    let endpoints = store.get(&store::key("", "endpoints", Some(namespace), name))?;
    let subsets = list(&endpoints.value, "subsets");
    subsets.iter().find_map(|subset| {
        let address = subset.pointer("/addresses/0/ip")?.as_str()?;
        Some((address.to_owned(), port_of(subset)?))
    })
}
