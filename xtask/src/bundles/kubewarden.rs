//! The Kubewarden bundle: a wasm module with its metadata in it, and the files that catalogues and clusters read.
//!
//! Its sources are `Cargo.toml` of the policy, with its `[package]` table and `[package.metadata.kubewarden]`, and the
//! table of workloads, for the kinds that the policy is asked about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use imagecache::admission::{AdmittedKinds, image_caches, pods, workloads};
use imagecache::resource::KIND;
use imagecache::resource::workload::WORKLOADS;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use xshell::Shell;

use super::{Generated, yaml};
use crate::{setup, wasm};

const FOLDER: &str = "policy-bundles/kubewarden";
const SOURCE: &str = "policy-bundles/kubewarden/Cargo.toml";

/// Where hosts look for the metadata in a module.
const SECTION: &str = "io.kubewarden.metadata";

pub(crate) fn assemble(sh: &Shell, files: &mut Generated) -> Result<()> {
    let policy = Policy::read(&files.root)?;
    let mut put = |name: &str, document: &Value| {
        files.file(
            &format!("{FOLDER}/{name}"),
            &yaml(SOURCE, std::slice::from_ref(document))?,
        )
    };
    put("metadata.yml", &policy.metadata())?;
    put("artifacthub-pkg.yml", &policy.artifacthub()?)?;
    let policies = yaml(SOURCE, &[policy.validating(), policy.mutating()])?;
    files.file(
        &format!("{FOLDER}/cluster-admission-policies.yaml"),
        &policies,
    )?;
    if files.check {
        return Ok(());
    }
    let module = build(sh, &policy)?;
    println!("{}", module.display());
    Ok(())
}

/// Builds the module and puts the metadata into it.
fn build(sh: &Shell, policy: &Policy) -> Result<PathBuf> {
    let built = wasm::policy(sh)?;
    let mut module = std::fs::read(&built).with_context(|| format!("{}", built.display()))?;
    println!("{} bytes", module.len());
    let mut metadata = policy.metadata();
    if let Some(fields) = metadata.as_object_mut() {
        // `kwctl annotate` would run the module to ask for this.
        fields.insert("protocolVersion".to_owned(), "v1".into());
    }
    module.extend(custom_section(SECTION, &serde_json::to_vec(&metadata)?));
    let bundle = setup::root()?.join("target/bundles/kubewarden");
    std::fs::create_dir_all(&bundle)?;
    let bundle = bundle.join("policy.wasm");
    std::fs::write(&bundle, module)?;
    Ok(bundle)
}

/// A custom section of a wasm module: id 0, length, length of the name, name, bytes.
fn custom_section(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut content = leb128(name.len());
    content.extend(name.as_bytes());
    content.extend(bytes);
    let mut section = vec![0];
    section.extend(leb128(content.len()));
    section.extend(content);
    section
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// What `Cargo.toml` says about the policy.
struct Policy {
    version: String,
    description: String,
    license: String,
    repository: String,
    about: About,
}

/// `[package.metadata.kubewarden]`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct About {
    title: String,
    display_name: String,
    author: String,
    email: String,
    oci_url: String,
    released: String,
    category: String,
    severity: String,
    keywords: Vec<String>,
    host_capabilities: Value,
    context_aware_resources: Value,
}

/// Returns the kinds that the policy looks at.
fn resources() -> String {
    let workloads = WORKLOADS.iter().filter(|row| !row.templates.is_empty());
    let mut kinds: Vec<&str> = workloads.map(|row| row.kind).collect();
    kinds.insert(0, KIND);
    let mut seen = BTreeSet::new();
    kinds.retain(|kind| seen.insert(*kind));
    kinds.join(", ")
}

/// Returns the rules that say which requests the policy is asked about.
fn rules() -> Vec<Value> {
    let rule = |kinds: &AdmittedKinds, operations: &[&str]| {
        json!({
            "apiGroups": [kinds.group], "apiVersions": kinds.versions, "resources": kinds.resources,
            "operations": operations,
        })
    };
    let updated = ["CREATE", "UPDATE"];
    let mut rules = vec![rule(&image_caches(), &updated), rule(&pods(), &["CREATE"])];
    rules.extend(workloads().iter().map(|kinds| rule(kinds, &updated)));
    rules
}

impl Policy {
    fn read(root: &Path) -> Result<Self> {
        let table = |path: &str| -> Result<toml::Table> {
            let text = std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())?;
            text.parse().with_context(|| path.to_owned())
        };
        let shared = table("Cargo.toml")?;
        let own = table(SOURCE)?;
        let package = own.get("package").context("no [package]")?;
        let shared = shared
            .get("workspace")
            .and_then(|table| table.get("package"));
        let field = |name: &str| {
            let own = package.get(name).and_then(toml::Value::as_str);
            own.or_else(|| shared?.get(name)?.as_str())
                .map(str::to_owned)
                .with_context(|| format!("{SOURCE} has no {name}"))
        };
        let about = package
            .get("metadata")
            .and_then(|table| table.get("kubewarden"));
        let about = about.cloned().context("no [package.metadata.kubewarden]")?;
        Ok(Policy {
            version: field("version")?,
            description: field("description")?,
            license: field("license")?,
            repository: field("repository")?,
            about: about.try_into().context(SOURCE)?,
        })
    }

    /// The module where users find it: an OCI reference with the version as its tag.
    fn module(&self) -> String {
        format!("{}:v{}", self.about.oci_url, self.version)
    }

    /// `metadata.yml`, and the metadata in the module.
    fn metadata(&self) -> Value {
        let about = &self.about;
        json!({
            "rules": rules(),
            "mutating": true,
            "executionMode": "kubewarden-wapc",
            "policyType": "kubernetes",
            "backgroundAudit": true,
            "contextAwareResources": about.context_aware_resources,
            "hostCapabilities": about.host_capabilities,
            "annotations": {
                "io.artifacthub.displayName": about.display_name,
                "io.artifacthub.keywords": about.keywords.join(", "),
                "io.artifacthub.resources": resources(),
                "io.kubewarden.policy.author": format!("{} <{}>", about.author, about.email),
                "io.kubewarden.policy.category": about.category,
                "io.kubewarden.policy.description": self.description,
                "io.kubewarden.policy.license": self.license,
                "io.kubewarden.policy.ociUrl": about.oci_url,
                "io.kubewarden.policy.severity": about.severity,
                "io.kubewarden.policy.source": self.repository,
                "io.kubewarden.policy.title": about.title,
                "io.kubewarden.policy.url": self.repository,
                "io.kubewarden.policy.version": self.version,
            },
        })
    }

    /// The package file of Artifact Hub.
    fn artifacthub(&self) -> Result<Value> {
        let about = &self.about;
        let module = self.module();
        let install = format!(
            "Pull the policy with `kwctl pull {module}`, then apply `rbac.yaml` and \
             `cluster-admission-policies.yaml` of its folder.\n"
        );
        let lines = |value: &Value| serde_saphyr::to_string(value).context("cannot write YAML");
        Ok(json!({
            "version": self.version,
            "name": about.title,
            "displayName": about.display_name,
            "createdAt": about.released,
            "description": self.description,
            "license": self.license,
            "homeURL": self.repository,
            "containersImages": [{"name": "policy", "image": module}],
            "keywords": about.keywords,
            "links": [{"name": "source", "url": self.repository}],
            "install": install,
            "maintainers": [{"name": about.author, "email": about.email}],
            "provider": {"name": "imagecache"},
            "recommendations": [
                {"url": "https://artifacthub.io/packages/helm/kubewarden/kubewarden-controller"},
            ],
            "annotations": {
                "kubewarden/contextAwareResources": lines(&about.context_aware_resources)?,
                "kubewarden/mutation": "true",
                "kubewarden/resources": resources(),
                "kubewarden/rules": lines(&rules().into())?,
            },
        }))
    }

    fn validating(&self) -> Value {
        self.cluster_policy(
            "imagecache-validate",
            &rules(),
            false,
            json!({"mode": "off"}),
        )
    }

    fn mutating(&self) -> Value {
        let of_pods = |rule: &Value| rule.get("resources") == Some(&json!(["pods"]));
        let rules: Vec<Value> = rules().into_iter().filter(of_pods).collect();
        let settings = json!({"validate": false, "mode": "pin", "ifNotPresent": true});
        self.cluster_policy("imagecache-mutate", &rules, true, settings)
    }

    fn cluster_policy(
        &self,
        name: &str,
        rules: &[Value],
        mutating: bool,
        settings: Value,
    ) -> Value {
        let mut spec = Map::from_iter([
            (
                "module".to_owned(),
                format!("registry://{}", self.module()).into(),
            ),
            ("mutating".to_owned(), mutating.into()),
            ("rules".to_owned(), rules.into()),
            ("settings".to_owned(), settings),
        ]);
        if mutating {
            // A rule that changes new pods is not an audit of old ones, and a cluster must start pods while the policy server is away.
            spec.insert("backgroundAudit".to_owned(), false.into());
            spec.insert("failurePolicy".to_owned(), "Ignore".into());
            let resources = self.about.context_aware_resources.clone();
            spec.insert("contextAwareResources".to_owned(), resources);
        }
        json!({
            "apiVersion": "policies.kubewarden.io/v1",
            "kind": "ClusterAdmissionPolicy",
            "metadata": {"name": name},
            "spec": spec,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_wasm_writes_them() {
        assert_eq!(leb128(0), [0]);
        assert_eq!(leb128(127), [0x7f]);
        assert_eq!(leb128(128), [0x80, 1]);
        assert_eq!(leb128(624_485), [0xe5, 0x8e, 0x26]);
        assert_eq!(custom_section("ab", b"c"), [0, 4, 2, b'a', b'b', b'c']);
    }
}
