//! The bundles in CEL and Rego: the policies of Kubernetes and Gatekeeper from their sources (`*.in`), and Kyverno's
//! policies and Gatekeeper's template from those.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use xshell::Shell;

use super::messages::{Language, expand};
use super::{Generated, made_from, workload_cel, yaml};

const IMAGECACHES: &str = "policy-bundles/kubernetes/imagecaches.yaml";
const WORKLOADS: &str = "policy-bundles/kubernetes/workloads.yaml";
const REGO: &str = "policy-bundles/gatekeeper/imagecache.rego";

pub(crate) fn assemble(_: &Shell, files: &mut Generated) -> Result<()> {
    let mut policies = Vec::new();
    for source in [IMAGECACHES, WORKLOADS] {
        let text = policy(files, source, Language::Cel)?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).context(source)?;
        policies.extend(kyverno(&documents)?);
        if source == IMAGECACHES {
            let rego = policy(files, REGO, Language::Rego)?;
            let template = gatekeeper(&documents, &rego)?;
            let text = yaml(&format!("{IMAGECACHES} and {REGO}"), &[template])?;
            files.file("policy-bundles/gatekeeper/template.yaml", &text)?;
        }
    }
    let text = yaml(&format!("{IMAGECACHES} and {WORKLOADS}"), &policies)?;
    files.file("policy-bundles/kyverno/policies.yaml", &text)
}

/// Makes the policy at `path` from its source `<path>.in`, and returns its text.
fn policy(files: &mut Generated, path: &str, language: Language) -> Result<String> {
    let source = format!("{path}.in");
    let text = std::fs::read_to_string(files.root.join(&source)).with_context(|| source.clone())?;
    let text = workload_cel::expand(&text).with_context(|| source.clone())?;
    let text = expand(&text, language).with_context(|| source.clone())?;
    let text = format!("{}{text}", made_from(&source));
    files.file(path, &text)?;
    Ok(text)
}

fn of_kind<'d>(documents: &'d [Value], kind: &str) -> impl Iterator<Item = &'d Value> {
    documents
        .iter()
        .filter(move |document| at(document, "/kind") == kind)
}

/// Each policy with the actions of its binding in it: Kyverno has no bindings.
fn kyverno(documents: &[Value]) -> Result<Vec<Value>> {
    let policies = of_kind(documents, "ValidatingAdmissionPolicy").map(|policy| {
        let name = at(policy, "/metadata/name");
        let binding = of_kind(documents, "ValidatingAdmissionPolicyBinding")
            .find(|binding| at(binding, "/spec/policyName") == name)
            .with_context(|| format!("{name} has no binding"))?;
        let mut spec = fields(at(policy, "/spec"))?;
        spec.insert(
            "validationActions".to_owned(),
            at(binding, "/spec/validationActions").clone(),
        );
        Ok(json!({
            "apiVersion": "policies.kyverno.io/v1",
            "kind": "ValidatingPolicy",
            "metadata": at(policy, "/metadata"),
            "spec": spec,
        }))
    });
    policies.collect()
}

/// The policy that denies, in CEL and in Rego, in one template.
fn gatekeeper(documents: &[Value], rego: &str) -> Result<Value> {
    let policy = of_kind(documents, "ValidatingAdmissionPolicy")
        .next()
        .context("no policy")?;
    let mut cel = Map::new();
    for part in ["variables", "validations"] {
        cel.insert(
            part.to_owned(),
            at(policy, &format!("/spec/{part}")).clone(),
        );
    }
    // A template's validations have no reason.
    for validation in cel
        .get_mut("validations")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(fields) = validation.as_object_mut() {
            fields.remove("reason");
        }
    }
    Ok(json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {
            // Gatekeeper wants the name of the kind in lower case.
            "name": "imagecacherules",
            "annotations": {
                "metadata.gatekeeper.sh/title": "ImageCache rules",
                "description": "Refuses ImageCache objects that the API server takes and ECI does not.",
            },
        },
        "spec": {
            "crd": {"spec": {"names": {"kind": "ImageCacheRules"}}},
            "targets": [{
                "target": "admission.k8s.gatekeeper.sh",
                "code": [
                    {"engine": "K8sNativeValidation", "source": cel},
                    {"engine": "Rego", "source": {"version": "v1", "rego": rego}},
                ],
            }],
        },
    }))
}

/// The value that a JSON pointer leads to; null where there is none.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn fields(value: &Value) -> Result<Map<String, Value>> {
    value.as_object().cloned().context("no object")
}
