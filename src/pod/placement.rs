//! Where a pod runs, as far as the pod says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::template::{Template, templates};
use crate::resource::annotation::{
    ACS_COMPUTE_CLASS, ACS_LABEL, ECI_BURST, ECI_INSTANCE_ID, ECI_LABEL,
};
use crate::resource::workload;

/// The prefixes of the names of virtual nodes. Pods on a virtual node run on ECI.
const VIRTUAL_NODES: [&str; 2] = ["virtual-kubelet", "virtual-node-eci"];

/// The value of the label `type` of virtual nodes.
const VIRTUAL_NODE_TYPE: &str = "virtual-kubelet";

/// The prefix of the keys of taints on virtual nodes.
const VIRTUAL_NODE_TAINT: &str = "virtual-kubelet.io/";

/// Where a pod runs, as far as the pod says. The scheduler and the kind of the cluster decide the rest: on a serverless
/// cluster each pod runs on ECI.
///
/// | the pod has | placement |
/// |---|---|
/// | annotation `k8s.aliyun.com/eci-instance-id` (ECI wrote it) | ECI |
/// | label `alibabacloud.com/acs: "true"` or `alibabacloud.com/compute-class` | ACS |
/// | label `alibabacloud.com/eci: "true"` | ECI |
/// | label or annotation `alibabacloud.com/burst-resource: eci_only` | ECI |
/// | `nodeName` of a virtual node: `virtual-kubelet…`, `virtual-node-eci-0` | ECI |
/// | `nodeSelector` with `type: virtual-kubelet` | ECI |
/// | label or annotation `alibabacloud.com/burst-resource: eci` | possibly ECI |
/// | a toleration with a key `virtual-kubelet.io/…` | possibly ECI |
/// | a node affinity | possibly ECI |
/// | none of these | unspecified |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Placement {
    /// The pod runs on ECI.
    Eci,
    /// The pod may run on ECI.
    PossiblyEci,
    /// The pod does not ask for ECI.
    #[default]
    Unspecified,
    /// The pod runs on ACS, Alibaba's Container Compute Service. It has image caches of its own, with other rules.
    Acs,
}

impl Placement {
    /// Reads the placement of the pod of a template.
    #[must_use]
    pub fn of(template: &Template<'_>) -> Self {
        let label = |name| template.label(name).and_then(Value::as_str);
        let annotation = |name| template.annotation(name).and_then(Value::as_str);
        let burst = |value: &str| [label(ECI_BURST), annotation(ECI_BURST)].contains(&Some(value));
        if annotation(ECI_INSTANCE_ID).is_some() {
            return Placement::Eci;
        }
        let class = label(ACS_COMPUTE_CLASS).is_some_and(|class| !class.is_empty());
        if label(ACS_LABEL) == Some("true") || class {
            return Placement::Acs;
        }
        if label(ECI_LABEL) == Some("true") || burst("eci_only") || selects_virtual_node(template) {
            return Placement::Eci;
        }
        if burst("eci") || tolerates_virtual_node(template) || has_node_affinity(template) {
            return Placement::PossiblyEci;
        }
        Placement::Unspecified
    }

    /// Reads the placement of a Pod.
    #[must_use]
    pub fn of_pod(pod: &Value) -> Self {
        let row = workload::find("", "Pod");
        let template = row.and_then(|row| templates(row, pod).into_iter().next());
        template.map_or(Placement::Unspecified, |template| Self::of(&template))
    }

    /// Reports whether the pod asks for ECI or allows it.
    #[must_use]
    pub fn may_be_eci(self) -> bool {
        matches!(self, Placement::Eci | Placement::PossiblyEci)
    }
}

fn selects_virtual_node(template: &Template<'_>) -> bool {
    let node = template.spec("nodeName").and_then(Value::as_str);
    let named = |name: &str| VIRTUAL_NODES.iter().any(|prefix| name.starts_with(prefix));
    let selector = template.spec("nodeSelector");
    let selected = selector.and_then(|labels| labels.get("type")?.as_str());
    node.is_some_and(named) || selected == Some(VIRTUAL_NODE_TYPE)
}

fn tolerates_virtual_node(template: &Template<'_>) -> bool {
    let tolerations = template.spec("tolerations").and_then(Value::as_array);
    tolerations.into_iter().flatten().any(|toleration| {
        let key = toleration.get("key").and_then(Value::as_str);
        key.is_some_and(|key| key.starts_with(VIRTUAL_NODE_TAINT))
    })
}

/// An affinity can select virtual nodes in many ways.
fn has_node_affinity(template: &Template<'_>) -> bool {
    let affinity = template.spec("affinity");
    affinity.is_some_and(|affinity| affinity.get("nodeAffinity").is_some_and(Value::is_object))
}
