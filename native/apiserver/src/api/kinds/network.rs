//! Services, their endpoints, and network policies: stored and validated. Nothing is routed, and no addresses are given.

use serde_json::{Value, json};

use super::{
    age_column, builtin, choice_fault, column, count, default, list, name_column, names, or_none,
    port_fault, selector_faults, selector_text, text, wide,
};
use crate::api::cause::Cause;
use crate::api::meta::NameRule;
use crate::api::resource::{Cell, Resource};

/// The most endpoints and ports that a cell shows.
const SHOWN: usize = 3;

pub(super) fn services() -> Resource {
    Resource {
        short_names: names(["svc"]),
        categories: names(["all"]),
        has_status: true,
        names: NameRule::OldLabel,
        columns: vec![
            name_column(),
            column(
                "Type",
                "string",
                "type determines how the Service is exposed. Defaults to ClusterIP.",
                Cell::path(&["spec", "type"]),
            ),
            column(
                "Cluster-IP",
                "string",
                "clusterIP is the IP address of the service.",
                Cell::Computed(|service| or_none(text(service, "/spec/clusterIP"))),
            ),
            column(
                "External-IP",
                "string",
                "externalIPs is a list of IP addresses for which nodes in the cluster will also accept traffic for this service.",
                Cell::Computed(external),
            ),
            column(
                "Port(s)",
                "string",
                "The list of ports that are exposed by this service.",
                Cell::Computed(service_ports),
            ),
            age_column(),
            wide(column(
                "Selector",
                "string",
                "Route service traffic to pods with label keys and values matching this selector.",
                Cell::Computed(|service| {
                    let labels = json!({"matchLabels": service.pointer("/spec/selector")});
                    or_none(&selector_text(&labels))
                }),
            )),
        ],
        selectable: names(["spec.clusterIP", "spec.type"]),
        blank: json!({"spec": {}, "status": {"loadBalancer": {}}}),
        status: |_| json!({"loadBalancer": {}}),
        prepare: |service| {
            let Some(spec) = service.get_mut("spec") else {
                return Ok(());
            };
            default(spec, "type", "ClusterIP".into());
            default(spec, "sessionAffinity", "None".into());
            let is_external = text(spec, "/type") == "ExternalName";
            if !is_external {
                default(spec, "internalTrafficPolicy", "Cluster".into());
            }
            let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
            for port in ports.into_iter().flatten() {
                let number = port.get("port").cloned().unwrap_or_default();
                if !is_external && !number.is_null() {
                    default(port, "targetPort", number);
                }
            }
            Ok(())
        },
        validate: |service, _| validate_service(service.get("spec").unwrap_or(&Value::Null)),
        ..builtin("", "Service", "services", "service")
    }
}

fn validate_service(spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    causes.extend(choice_fault(spec, "/type", "spec.type", &kinds));
    let affinities = ["ClientIP", "None"];
    causes.extend(choice_fault(
        spec,
        "/sessionAffinity",
        "spec.sessionAffinity",
        &affinities,
    ));
    let ports = list(spec, "ports");
    let is_external = text(spec, "/type") == "ExternalName";
    if ports.is_empty() && !is_external && text(spec, "/clusterIP") != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    if is_external && text(spec, "/externalName").is_empty() {
        causes.push(Cause::required("spec.externalName", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let field = |name: &str| format!("spec.ports[{index}].{name}");
        if ports.len() > 1 && text(port, "/name").is_empty() {
            causes.push(Cause::required(&field("name"), ""));
        }
        let zero = json!(0);
        causes.extend(port_fault(port.get("port").or(Some(&zero)), &field("port")));
        causes.extend(port_fault(port.get("targetPort"), &field("targetPort")));
        let protocols = ["SCTP", "TCP", "UDP"];
        causes.extend(choice_fault(
            port,
            "/protocol",
            &field("protocol"),
            &protocols,
        ));
    }
    causes
}

fn external(service: &Value) -> Value {
    let ips = service
        .pointer("/spec/externalIPs")
        .and_then(Value::as_array);
    let ips: Vec<&str> = ips
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let ingress = service
        .pointer("/status/loadBalancer/ingress")
        .and_then(Value::as_array);
    let ingress: Vec<&str> = ingress
        .into_iter()
        .flatten()
        .map(|address| match text(address, "/ip") {
            "" => text(address, "/hostname"),
            ip => ip,
        })
        .collect();
    match text(service, "/spec/type") {
        "ExternalName" => text(service, "/spec/externalName").into(),
        "LoadBalancer" if ingress.is_empty() && ips.is_empty() => "<pending>".into(),
        "LoadBalancer" => [ingress, ips].concat().join(",").into(),
        _ => or_none(&ips.join(",")),
    }
}

fn service_ports(service: &Value) -> Value {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    let ports: Vec<String> = ports
        .into_iter()
        .flatten()
        .map(|port| {
            let number = |name: &str| port.get(name).and_then(Value::as_i64).unwrap_or_default();
            let node = match number("nodePort") {
                0 => String::new(),
                node => format!(":{node}"),
            };
            format!("{}{node}/{}", number("port"), text(port, "/protocol"))
        })
        .collect();
    or_none(&ports.join(","))
}

pub(super) fn endpoints() -> Resource {
    Resource {
        short_names: names(["ep"]),
        columns: vec![
            name_column(),
            column(
                "Endpoints",
                "string",
                "The set of all endpoints is the union of all subsets.",
                Cell::Computed(|object| or_none(&shown(&addresses(object)))),
            ),
            age_column(),
        ],
        validate: |object, _| {
            let mut causes = Vec::new();
            for (set, subset) in list(object, "subsets").iter().enumerate() {
                for (index, port) in list(subset, "ports").iter().enumerate() {
                    let field = format!("subsets[{set}].ports[{index}].port");
                    causes.extend(port_fault(port.get("port"), &field));
                }
            }
            causes
        },
        ..builtin("", "Endpoints", "endpoints", "endpoints")
    }
}

fn addresses(endpoints: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for subset in list(endpoints, "subsets") {
        for address in list(subset, "addresses") {
            let ip = text(address, "/ip");
            let ports = list(subset, "ports");
            if ports.is_empty() {
                all.push(ip.to_owned());
            }
            for port in ports {
                let port = port.get("port").and_then(Value::as_i64).unwrap_or_default();
                all.push(format!("{ip}:{port}"));
            }
        }
    }
    all
}

/// The first texts, and how many are left out.
fn shown(texts: &[String]) -> String {
    let first = texts.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    let mut shown = first.join(",");
    if texts.len() > SHOWN {
        shown.push_str(&format!(" + {} more...", texts.len() - SHOWN));
    }
    shown
}

pub(super) fn endpoint_slices() -> Resource {
    Resource {
        columns: vec![
            name_column(),
            column(
                "AddressType",
                "string",
                "addressType specifies the type of address carried by this EndpointSlice.",
                Cell::path(&["addressType"]),
            ),
            column(
                "Ports",
                "string",
                "ports specifies the list of network ports exposed by each endpoint in this slice.",
                Cell::Computed(|slice| {
                    let ports = list(slice, "ports").iter();
                    let ports = ports.map(|port| match port.get("port").and_then(Value::as_i64) {
                        Some(port) => port.to_string(),
                        None => "*".to_owned(),
                    });
                    or_unset(&shown(&ports.collect::<Vec<_>>()))
                }),
            ),
            column(
                "Endpoints",
                "string",
                "endpoints is a list of unique endpoints in this slice.",
                Cell::Computed(|slice| {
                    let endpoints = list(slice, "endpoints").iter();
                    let addresses = endpoints.flat_map(|endpoint| list(endpoint, "addresses"));
                    let addresses = addresses.filter_map(Value::as_str).map(str::to_owned);
                    or_unset(&shown(&addresses.collect::<Vec<_>>()))
                }),
            ),
            age_column(),
        ],
        has_generation: true,
        prepare: |slice| {
            let ports = slice.get_mut("ports").and_then(Value::as_array_mut);
            for port in ports.into_iter().flatten() {
                default(port, "name", "".into());
                default(port, "protocol", "TCP".into());
            }
            Ok(())
        },
        validate: |slice, _| {
            let kinds = ["FQDN", "IPv4", "IPv6"];
            let mut causes: Vec<Cause> = choice_fault(slice, "/addressType", "addressType", &kinds)
                .into_iter()
                .collect();
            for (index, port) in list(slice, "ports").iter().enumerate() {
                causes.extend(port_fault(
                    port.get("port"),
                    &format!("ports[{index}].port"),
                ));
            }
            for (index, endpoint) in list(slice, "endpoints").iter().enumerate() {
                if count(endpoint, "/addresses") == 0 {
                    let field = format!("endpoints[{index}].addresses");
                    causes.push(Cause::required(&field, "must contain at least 1 address"));
                }
            }
            causes
        },
        ..builtin(
            "discovery.k8s.io",
            "EndpointSlice",
            "endpointslices",
            "endpointslice",
        )
    }
}

fn or_unset(text: &str) -> Value {
    if text.is_empty() {
        "<unset>".into()
    } else {
        text.into()
    }
}

pub(super) fn policies() -> Resource {
    Resource {
        short_names: names(["netpol"]),
        has_generation: true,
        columns: vec![
            name_column(),
            column(
                "Pod-Selector",
                "string",
                "podSelector selects the pods to which this NetworkPolicy object applies.",
                Cell::Computed(|policy| {
                    let selector = policy.pointer("/spec/podSelector");
                    or_none(&selector.map(selector_text).unwrap_or_default())
                }),
            ),
            age_column(),
        ],
        blank: json!({"spec": {"podSelector": {}}}),
        prepare: |policy| {
            if let Some(spec) = policy.get_mut("spec") {
                default(spec, "podSelector", json!({}));
                let egress = list(spec, "egress").is_empty();
                let kinds = if egress {
                    json!(["Ingress"])
                } else {
                    json!(["Ingress", "Egress"])
                };
                default(spec, "policyTypes", kinds);
            }
            Ok(())
        },
        validate: |policy, _| {
            let selector = policy.pointer("/spec/podSelector").unwrap_or(&Value::Null);
            selector_faults(selector, "spec.podSelector")
        },
        ..builtin(
            "networking.k8s.io",
            "NetworkPolicy",
            "networkpolicies",
            "networkpolicy",
        )
    }
}
