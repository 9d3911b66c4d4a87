//! The objects that pods are made from: which ones are named, and which ones were read.

use std::collections::{BTreeMap, BTreeSet};

use crate::pod::TemplateOwner;
use crate::resource::workload;

/// The objects that others name as the owner of their pod template, and those that were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct TemplateOwners {
    named: Vec<TemplateOwner>,
    /// The namespaces of the objects that were read, by kind and name.
    read: BTreeMap<(String, String), BTreeSet<String>>,
}

impl TemplateOwners {
    /// Notes the owners that an object names.
    pub(crate) fn name(&mut self, owners: Vec<TemplateOwner>) {
        self.named.extend(owners);
    }

    /// Notes an object that was read, if objects of its kind can be a template owner.
    pub(crate) fn read(&mut self, kind: &str, namespace: &str, name: &str) {
        if workload::is_template_owner(kind) {
            let object = (kind.to_owned(), name.to_owned());
            let namespaces = self.read.entry(object).or_default();
            namespaces.insert(namespace.to_owned());
        }
    }

    pub(crate) fn append(&mut self, other: TemplateOwners) {
        self.named.extend(other.named);
        for (object, namespaces) in other.read {
            self.read.entry(object).or_default().extend(namespaces);
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
                let object = ((*kind).to_owned(), name.clone());
                // A manifest may leave its namespace to `kubectl -n`, and an object of the cluster has none.
                self.read.get(&object).is_some_and(|namespaces| {
                    namespace.is_empty()
                        || namespaces.contains("")
                        || namespaces.contains(namespace)
                })
            }),
        });
        missing.count()
    }
}
