//! The resources that a server serves.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::kinds;
use super::resource::Resource;

/// What a server serves: the built-in kinds, and those of its CustomResourceDefinitions.
pub struct Resources {
    all: Vec<Arc<Resource>>,
}

static BUILT_IN: LazyLock<Vec<Arc<Resource>>> =
    LazyLock::new(|| kinds::built_in().into_iter().map(Arc::new).collect());

impl Resources {
    /// Those of a server with these definitions, each one valid and accepted.
    pub fn new<'a>(definitions: impl IntoIterator<Item = &'a Value>) -> Self {
        let custom = definitions.into_iter().flat_map(kinds::custom);
        let all = BUILT_IN
            .iter()
            .cloned()
            .chain(custom.map(Arc::new))
            .collect();
        Resources { all }
    }

    /// The built-in ones, in groups, and then the others.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.all.iter()
    }

    /// The resource of a URL; `group` is empty for `/api/v1`.
    #[must_use]
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.iter().find(|resource| {
            resource.plural == plural && resource.version == version && resource.group == group
        })
    }
}

/// The resources of a server without definitions.
pub static BUILT_IN_RESOURCES: LazyLock<Resources> = LazyLock::new(|| Resources::new([]));

/// The resources of the unit tests: the built-in ones, and `ImageCache` as a custom resource.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    pub(crate) static RESOURCES: LazyLock<Resources> = LazyLock::new(|| {
        Resources::new([&imagecache::resource::crd(
            imagecache::resource::CrdVersion::V1,
        )])
    });

    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Arc<Resource>> {
        RESOURCES.find(group, version, plural)
    }
}
