//! The first objects of a cluster: its namespaces and definitions.

use serde_json::{Value, json};

use super::definitions::DEFINITIONS;
use super::requests::Body;
use super::{Cluster, Definition};
use crate::api::patch::PatchKind;
use crate::api::{ApiError, meta};

impl Cluster {
    /// Creates the namespaces of a new cluster and applies its definitions.
    pub(super) async fn begin(&self, definitions: Vec<Definition>) -> Result<(), ApiError> {
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.ensure(("", "v1", "namespaces"), &namespace).await?;
        }
        for definition in definitions {
            self.define(definition).await?;
        }
        Ok(())
    }

    /// Creates an object unless it is there.
    async fn ensure(&self, resource: (&str, &str, &str), object: &Value) -> Result<(), ApiError> {
        let place = self.place(resource, None, None)?;
        match self.create(&place, Body::json(object, "imagecache")).await {
            Err(error) if error.reason != "AlreadyExists" => Err(error),
            _ => Ok(()),
        }
    }

    /// Applies a definition. A conflict with another field manager is not an error unless it is forced: that
    /// manager's changes stay.
    pub(super) async fn define(&self, definition: Definition) -> Result<(), ApiError> {
        let Definition {
            object: mut definition,
            manager,
            force,
        } = definition;
        let (group, plural) = DEFINITIONS;
        let name = meta::text(&definition, "name").to_owned();
        let place = self.place((group, "v1", plural), None, Some(&name))?;
        // what another server wrote into an exported one is not this one's
        if let Some(fields) = definition.as_object_mut() {
            fields.remove("status");
        }
        let metadata = definition.get_mut("metadata");
        if let Some(metadata) = metadata.and_then(Value::as_object_mut) {
            metadata.retain(|name, _| matches!(name.as_str(), "name" | "labels" | "annotations"));
        }
        let mut body = Body::json(&definition, &manager);
        body.options.force = force;
        match self.patch(&place, PatchKind::Apply, body).await {
            Err(error) if !force && error.reason == "Conflict" => Ok(()),
            written => written.map(drop),
        }
    }
}
