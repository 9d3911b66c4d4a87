//! The objects that put the webhook into a cluster.
//!
//! Two configurations register the webhook with the API server; in a cluster, a Deployment, a Service and RBAC objects
//! belong to them. A webhook that fails affects as little as possible: pods and workloads are admitted (`Ignore`), only
//! image caches are refused (`Fail`), and the namespace of the webhook and `kube-system` are excluded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::admission::{AdmittedKinds, image_caches, pods, workloads};
use imagecache::resource::{GROUP, PLURAL};
use serde_json::{Value, json};

use super::SelfSigned;

/// The name of everything that has one.
pub const NAME: &str = "imagecache-webhook";

/// The image of this version, of the controller and of the webhook.
pub const IMAGE: &str = concat!("ghcr.io/imagecache/imagecache:v", env!("CARGO_PKG_VERSION"));

/// The port that the server listens on in its pod.
const PORT: u16 = 8443;

/// What an API server does when the webhook does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// The request is denied.
    Fail,
    /// The request passes unjudged.
    Ignore,
}

impl FailurePolicy {
    fn as_str(self) -> &'static str {
        match self {
            FailurePolicy::Fail => "Fail",
            FailurePolicy::Ignore => "Ignore",
        }
    }
}

/// Where the API server finds the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A Service of this name in the namespace, in front of a Deployment that is printed too.
    Service {
        /// Its name.
        name: String,
        /// The image of the Deployment.
        image: String,
        /// Pods of the Deployment.
        replicas: u16,
    },
    /// Somewhere outside; the two addresses are below this URL.
    Url(String),
}

/// Whom the API server trusts.
#[derive(Clone, PartialEq, Eq)]
pub enum Trust {
    /// This bundle, base64 of PEM as a configuration holds it. The Secret of the server's certificate is at hand.
    Bundle(String),
    /// This bundle, and a Secret with the server's certificate is printed too.
    Made {
        /// Base64 of the authority's PEM.
        bundle: String,
        /// Base64 of the server's certificate.
        certificate: String,
        /// Base64 of the server's private key.
        key: String,
    },
    /// cert-manager makes the certificate, renews it, and writes the bundle.
    CertManager,
}

impl Trust {
    /// In a certificate that was made here.
    #[must_use]
    pub fn made(made: &SelfSigned) -> Self {
        let [bundle, certificate, key] =
            [&made.authority, &made.certificate, &made.key].map(|pem| STANDARD.encode(pem));
        Trust::Made {
            bundle,
            certificate,
            key,
        }
    }
}

/// What to print.
#[derive(Clone, PartialEq)]
pub struct Manifests {
    /// Where the webhook runs; not asked about itself.
    pub namespace: String,
    /// Where the API server finds it.
    pub place: Place,
    /// Whom the API server trusts.
    pub trust: Trust,
    /// The time that the API server gives, 1 to 30 s.
    pub timeout_seconds: u8,
    /// For image caches.
    pub failure_policy: FailurePolicy,
    /// For pods and workloads.
    pub pods_failure_policy: FailurePolicy,
    /// The settings that the webhook follows.
    pub settings: String,
    /// The networks that may reach the server, in CIDR notation; all if empty.
    pub sources: Vec<String>,
}

/// The Secret that the server's certificate is in.
#[must_use]
pub fn secret_name(service: &str) -> String {
    format!("{service}-tls")
}

/// The names that a Service is called by; its certificate must hold the one with `.svc`.
#[must_use]
pub fn service_names(service: &str, namespace: &str) -> Vec<String> {
    vec![
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
    ]
}

impl Manifests {
    /// Returns the objects in the order in which they are applied: the configurations last, after the server that answers.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        let mut objects = Vec::new();
        if let Place::Service {
            name,
            image,
            replicas,
        } = &self.place
        {
            objects.push(json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace},
            }));
            objects.extend(self.permissions());
            objects.push(self.settings());
            objects.extend(self.certificate(name));
            objects.push(self.deployment(name, image, *replicas));
            objects.push(self.disruption_budget());
            objects.push(self.service(name));
            objects.push(self.network_policy());
        }
        objects.push(self.validating());
        objects.push(self.mutating());
        objects
    }

    fn metadata(&self, name: &str) -> Value {
        json!({"name": name, "namespace": self.namespace, "labels": labels()})
    }

    fn permissions(&self) -> [Value; 3] {
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.metadata(NAME)});
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": NAME, "labels": labels()},
            "rules": [{"apiGroups": [GROUP], "resources": [PLURAL], "verbs": ["get", "list", "watch"]}],
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": NAME, "labels": labels()},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": self.namespace}],
        });
        [account, role, binding]
    }

    fn settings(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata(NAME),
            "data": {"settings.yaml": self.settings},
        })
    }

    fn certificate(&self, service: &str) -> Vec<Value> {
        let secret = secret_name(service);
        match &self.trust {
            Trust::Bundle(_) => Vec::new(),
            Trust::Made {
                certificate, key, ..
            } => vec![json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                "metadata": self.metadata(&secret),
                "data": {"tls.crt": certificate, "tls.key": key},
            })],
            Trust::CertManager => vec![
                json!({
                    "apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": self.metadata(NAME),
                    "spec": {"selfSigned": {}},
                }),
                json!({
                    "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": self.metadata(NAME),
                    "spec": {
                        "secretName": secret,
                        "dnsNames": service_names(service, &self.namespace),
                        "issuerRef": {"name": NAME},
                        "privateKey": {"algorithm": "ECDSA", "rotationPolicy": "Always"},
                    },
                }),
            ],
        }
    }

    fn deployment(&self, service: &str, image: &str, replicas: u16) -> Value {
        let probe =
            |path: &str| json!({"httpGet": {"path": path, "port": "https", "scheme": "HTTPS"}});
        let container = json!({
            "name": "webhook",
            "image": image,
            "args": [
                "webhook", "--listen", format!("0.0.0.0:{PORT}"), "--log-format", "json",
                "--tls-cert", "/etc/imagecache/tls/tls.crt", "--tls-key", "/etc/imagecache/tls/tls.key",
                "--settings", "/etc/imagecache/settings/settings.yaml",
            ],
            "ports": [{"name": "https", "containerPort": PORT}],
            "livenessProbe": probe("/healthz"),
            "readinessProbe": probe("/readyz"),
            // An API server may still send reviews here for a moment after the pod has begun to terminate.
            "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
            "resources": {
                "requests": {"cpu": "50m", "memory": "64Mi"},
                "limits": {"memory": "512Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [
                {"name": "tls", "mountPath": "/etc/imagecache/tls", "readOnly": true},
                {"name": "settings", "mountPath": "/etc/imagecache/settings", "readOnly": true},
            ],
        });
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.metadata(NAME),
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels()},
                "template": {
                    "metadata": {"labels": labels()},
                    "spec": {
                        "serviceAccountName": NAME,
                        "securityContext": {
                            "runAsNonRoot": true, "runAsUser": 65532,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "topologySpreadConstraints": [{
                            "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": {"matchLabels": labels()},
                        }],
                        "containers": [container],
                        "volumes": [
                            {"name": "tls", "secret": {"secretName": secret_name(service)}},
                            {"name": "settings", "configMap": {"name": NAME}},
                        ],
                    },
                },
            },
        })
    }

    fn disruption_budget(&self) -> Value {
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": self.metadata(NAME),
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels()}},
        })
    }

    fn service(&self, name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": self.metadata(name),
            "spec": {
                "selector": labels(),
                "ports": [{"name": "https", "port": 443, "targetPort": "https"}],
            },
        })
    }

    /// Only the port of the server can be reached, and only from the given networks. In most clusters API servers have
    /// addresses outside of the pods' network, which nothing in the cluster records.
    fn network_policy(&self) -> Value {
        let mut rule = json!({"ports": [{"protocol": "TCP", "port": PORT}]});
        if !self.sources.is_empty() {
            let sources = self.sources.iter();
            let blocks = sources.map(|cidr| json!({"ipBlock": {"cidr": cidr}}));
            insert(&mut rule, "from", blocks.collect());
        }
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": self.metadata(NAME),
            "spec": {
                "podSelector": {"matchLabels": labels()}, "policyTypes": ["Ingress"], "ingress": [rule],
            },
        })
    }

    fn validating(&self) -> Value {
        let updated = ["CREATE", "UPDATE"].as_slice();
        // Some kinds are cluster-scoped: ClusterWorkflowTemplate.
        let workloads: Vec<Value> = workloads()
            .iter()
            .map(|kinds| rule(kinds, updated, "*"))
            .collect();
        let workloads = [vec![rule(&pods(), &["CREATE"], "Namespaced")], workloads].concat();
        let mut workloads =
            self.webhook("workloads", "validate", self.pods_failure_policy, workloads);
        let caches = vec![rule(&image_caches(), updated, "Cluster")];
        let caches = self.webhook(PLURAL, "validate", self.failure_policy, caches);
        self.leave_alone(&mut workloads);
        self.configuration("ValidatingWebhookConfiguration", &[caches, workloads])
    }

    fn mutating(&self) -> Value {
        let rules = vec![rule(&pods(), &["CREATE"], "Namespaced")];
        let mut pods = self.webhook("pods", "mutate", self.pods_failure_policy, rules);
        self.leave_alone(&mut pods);
        // A webhook after this one may add containers, whose images count too.
        insert(&mut pods, "reinvocationPolicy", "IfNeeded".into());
        self.configuration("MutatingWebhookConfiguration", &[pods])
    }

    fn configuration(&self, kind: &str, webhooks: &[Value]) -> Value {
        let mut metadata = json!({"name": NAME, "labels": labels()});
        if self.trust == Trust::CertManager {
            let from = format!("{}/{NAME}", self.namespace);
            let annotations = json!({"cert-manager.io/inject-ca-from": from});
            insert(&mut metadata, "annotations", annotations);
        }
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": metadata,
            "webhooks": webhooks,
        })
    }

    fn webhook(
        &self,
        subject: &str,
        path: &str,
        policy: FailurePolicy,
        rules: Vec<Value>,
    ) -> Value {
        let mut client = match &self.place {
            Place::Service { name, .. } => json!({
                "service": {"name": name, "namespace": self.namespace, "path": format!("/{path}"), "port": 443},
            }),
            Place::Url(url) => json!({"url": format!("{}/{path}", url.trim_end_matches('/'))}),
        };
        if let Trust::Bundle(bundle) | Trust::Made { bundle, .. } = &self.trust {
            insert(&mut client, "caBundle", bundle.as_str().into());
        }
        json!({
            "name": format!("{subject}.webhook.{GROUP}"),
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "matchPolicy": "Equivalent",
            "failurePolicy": policy.as_str(),
            "timeoutSeconds": self.timeout_seconds,
            "clientConfig": client,
            "rules": rules,
        })
    }

    /// The pods that a cluster and this webhook need to run are not asked about.
    fn leave_alone(&self, webhook: &mut Value) {
        let mut namespaces = vec!["kube-system"];
        if matches!(self.place, Place::Service { .. }) {
            namespaces.push(&self.namespace);
        }
        let selector = json!({"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": namespaces},
        ]});
        insert(webhook, "namespaceSelector", selector);
    }
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn labels() -> Value {
    json!({"app.kubernetes.io/name": NAME})
}

fn rule(kinds: &AdmittedKinds, operations: &[&str], scope: &str) -> Value {
    json!({
        "apiGroups": [kinds.group], "apiVersions": kinds.versions, "resources": kinds.resources,
        "operations": operations, "scope": scope,
    })
}

#[cfg(test)]
mod tests {
    use imagecache::admission::{AdmissionSettings, decide};
    use imagecache::resource::KIND;
    use imagecache::resource::workload::WORKLOADS;
    use k8s_openapi::api::admissionregistration::v1::{
        MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
    };
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service, ServiceAccount};
    use k8s_openapi::api::networking::v1::NetworkPolicy;
    use k8s_openapi::api::policy::v1::PodDisruptionBudget;
    use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;

    fn manifests(place: Place, trust: Trust) -> Manifests {
        Manifests {
            namespace: "imagecache-system".to_owned(),
            place,
            trust,
            timeout_seconds: 10,
            failure_policy: FailurePolicy::Fail,
            pods_failure_policy: FailurePolicy::Ignore,
            settings: "mode: pin\n".to_owned(),
            sources: vec!["192.0.2.0/28".to_owned()],
        }
    }

    fn service() -> Place {
        Place::Service {
            name: NAME.to_owned(),
            image: "registry.example.com/imagecache:1".to_owned(),
            replicas: 2,
        }
    }

    fn made() -> Trust {
        Trust::Made {
            bundle: "Q0E=".to_owned(),
            certificate: "Q1JU".to_owned(),
            key: "S0VZ".to_owned(),
        }
    }

    /// What a type of the Kubernetes API does not know, it loses.
    fn nothing_is_lost<T: Serialize + DeserializeOwned>(object: &Value) {
        let typed: T = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(&serde_json::to_value(typed).unwrap(), object);
    }

    #[test]
    fn every_object_is_one_of_the_kubernetes_api() {
        for place in [service(), Place::Url("https://10.0.0.1:8443".to_owned())] {
            for trust in [made(), Trust::CertManager, Trust::Bundle("Q0E=".to_owned())] {
                for object in manifests(place.clone(), trust).objects() {
                    match object["kind"].as_str().unwrap() {
                        "Namespace" => nothing_is_lost::<Namespace>(&object),
                        "ServiceAccount" => nothing_is_lost::<ServiceAccount>(&object),
                        "ClusterRole" => nothing_is_lost::<ClusterRole>(&object),
                        "ClusterRoleBinding" => nothing_is_lost::<ClusterRoleBinding>(&object),
                        "ConfigMap" => nothing_is_lost::<ConfigMap>(&object),
                        "Secret" => nothing_is_lost::<Secret>(&object),
                        "Deployment" => nothing_is_lost::<Deployment>(&object),
                        "Service" => nothing_is_lost::<Service>(&object),
                        "NetworkPolicy" => nothing_is_lost::<NetworkPolicy>(&object),
                        "PodDisruptionBudget" => nothing_is_lost::<PodDisruptionBudget>(&object),
                        "ValidatingWebhookConfiguration" => {
                            nothing_is_lost::<ValidatingWebhookConfiguration>(&object);
                        }
                        "MutatingWebhookConfiguration" => {
                            nothing_is_lost::<MutatingWebhookConfiguration>(&object);
                        }
                        kind => assert_eq!(object["apiVersion"], "cert-manager.io/v1", "{kind}"),
                    }
                }
            }
        }
    }

    #[test]
    fn manifests_endpoints_accept_every_kind_of_the_rules() {
        let kinds = [("", "Pod", "pods"), (GROUP, KIND, PLURAL)];
        let rows = WORKLOADS
            .iter()
            .map(|row| (row.group, row.kind, row.plural));
        let kinds: Vec<_> = kinds.into_iter().chain(rows).collect();
        let all = [workloads(), vec![pods(), image_caches()]].concat();
        for (group, resource) in all
            .iter()
            .flat_map(|kinds| kinds.resources.iter().map(|name| (kinds.group, *name)))
        {
            let mut kinds = kinds.iter();
            let kind = kinds.find(|(of, _, plural)| (*of, *plural) == (group, resource));
            let kind = kind.unwrap().1;
            // An endpoint that reads the object reports that this one is of another kind.
            let request = json!({
                "kind": {"group": group, "version": "v1", "kind": kind}, "operation": "CREATE",
                "object": {"kind": "Other"},
            });
            let verdict = decide(
                &request,
                &AdmissionSettings::default(),
                || Err("".into()),
                None,
            );
            let looked = !verdict.allowed || !verdict.warnings.is_empty();
            assert!(looked, "{group}/{resource}");
        }
    }

    #[test]
    fn a_webhook_is_never_asked_about_its_own_pods() {
        for configuration in manifests(service(), made()).objects().iter().rev().take(2) {
            for webhook in configuration["webhooks"].as_array().unwrap() {
                let cluster = webhook["rules"][0]["scope"] == "Cluster";
                let values = &webhook["namespaceSelector"]["matchExpressions"][0]["values"];
                let left = values
                    .as_array()
                    .is_some_and(|left| left.contains(&"imagecache-system".into()));
                assert!(cluster || left, "{webhook}");
            }
        }
    }
}
