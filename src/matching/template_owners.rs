//! The objects that pods are made from: which ones are named, and which ones were read.

use std::collections::BTreeSet;

use crate::pod::TemplateOwner;
use crate::resource::workload;

/// The objects that others name as the owner of their pod template, and those that were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct TemplateOwners {
    named: Vec<TemplateOwner>,
    /// The objects that were read: kind and name, and these with the namespace.
    read: BTreeSet<String>,
}

fn joined(object: &[&str]) -> String {
    object.join("\0")
}

impl TemplateOwners {
    /// Notes the owners that an object names.
    pub(crate) fn name(&mut self, owners: Vec<TemplateOwner>) {
        self.named.extend(owners);
    }

    /// Notes an object that was read, if objects of its kind can be a template owner.
    pub(crate) fn read(&mut self, kind: &str, namespace: &str, name: &str) {
        if workload::is_template_owner(kind) {
            self.read.insert(joined(&[kind, name]));
            self.read.insert(joined(&[kind, name, namespace]));
        }
    }

    pub(crate) fn append(&mut self, other: TemplateOwners) {
        self.named.extend(other.named);
        for object in other.read {
            self.read.insert(object);
        }
    }

    /// Returns the number of owners that were named and not read.
    pub(crate) fn missing(&self) -> usize {
        let missing = self.named.iter().filter(|owner| match owner {
            TemplateOwner::Unnamed => true,
            TemplateOwner::Named {
                kinds,
                namespace,
                name,
            } => !kinds.iter().any(|kind| {
                let read = |namespace| self.read.contains(&joined(&[kind, name, namespace]));
                // A manifest may leave its namespace to `kubectl -n`, and an object of the cluster has none.
                if namespace.is_empty() {
                    self.read.contains(&joined(&[kind, name]))
                } else {
                    read("") || read(namespace)
                }
            }),
        });
        missing.count()
    }
}
