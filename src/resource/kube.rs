//! `ImageCache` for clients built on the kube crates: `Api<Object>`, `watcher`, `Controller`.

use std::borrow::Cow;

use k8s_openapi::{ClusterResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube_core::Resource;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{API_VERSION, GROUP, ImageCache, KIND, PLURAL, VERSION};

/// An `ImageCache` with the metadata that the kube crates ask for; every other field is kept as it came.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageCacheObject {
    /// Kubernetes' own metadata type, which knows every field.
    pub metadata: ObjectMeta,
    /// `apiVersion`, `kind`, `spec`, `status` and whatever else there is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Resource for ImageCacheObject {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        PLURAL.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl TryFrom<&ImageCache> for ImageCacheObject {
    type Error = serde_json::Error;

    /// Sets `apiVersion` and `kind`, which items of a list lack. Fails on a time in `metadata` that is none.
    fn try_from(cache: &ImageCache) -> Result<Self, Self::Error> {
        let mut object: ImageCacheObject = serde_json::from_value(serde_json::to_value(cache)?)?;
        object
            .rest
            .insert("apiVersion".to_owned(), API_VERSION.into());
        object.rest.insert("kind".to_owned(), KIND.into());
        Ok(object)
    }
}

impl TryFrom<&ImageCacheObject> for ImageCache {
    type Error = serde_json::Error;

    /// Fails when `spec` or `status` has not the form of an `ImageCache`.
    fn try_from(object: &ImageCacheObject) -> Result<Self, Self::Error> {
        serde_json::from_value(serde_json::to_value(object)?)
    }
}
