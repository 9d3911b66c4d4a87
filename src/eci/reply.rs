//! The answers as typed values. What is not known here is kept and written back.
//!
//! Times are kept as they came; read them with [`crate::time::Timestamp`].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::resource::{Phase, percent};

/// Something that happened while a cache was made, or to a container group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventEntry {
    /// How often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// `Normal` or `Warning`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// One word: `Pulled`, `ImageCacheMissed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Name of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it happened first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_timestamp: Option<String>,
    /// When it happened last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// A label of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagEntry {
    /// The key.
    pub key: String,
    /// The value.
    #[serde(default)]
    pub value: String,
    /// Everything else.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// One cache of the reply to DescribeImageCaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageCacheEntry {
    /// The id: `imc-…`.
    pub image_cache_id: String,
    /// The name; not unique.
    #[serde(default)]
    pub image_cache_name: String,
    /// The state.
    pub status: Phase,
    /// How far it is built: `45%`. With flash: the ordinary snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// The builder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_group_id: Option<String>,
    /// The region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_id: Option<String>,
    /// The resource group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_group_id: Option<String>,
    /// The snapshot: `s-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<String>,
    /// The temporary local snapshot of a flash cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash_snapshot_id: Option<String>,
    /// The images, as they were written.
    #[serde(default)]
    pub images: Vec<String>,
    /// Size in GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_cache_size: Option<i64>,
    /// When creation began (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<String>,
    /// When the cache ends (UTC); absent when never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_date_time: Option<String>,
    /// When it was used last (UTC); absent when never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_matched_time: Option<String>,
    /// Empty or `LRU`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elimination_strategy: Option<String>,
    /// The newest events of the creation.
    #[serde(default)]
    pub events: Vec<EventEntry>,
    /// The tags.
    #[serde(default)]
    pub tags: Vec<TagEntry>,
    /// Everything else.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl ImageCacheEntry {
    /// [`Phase::is_settled`] of its phase.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.status.is_settled()
    }

    /// The progress as a number, 0 to 100.
    ///
    /// ```
    /// use imagecache::eci::reply::ImageCacheEntry;
    /// let cache: ImageCacheEntry = serde_json::from_str(
    ///     r#"{"ImageCacheId":"imc-1","Status":"Creating","Progress":"45%"}"#,
    /// ).unwrap();
    /// assert_eq!(cache.percent(), Some(45));
    /// assert!(!cache.is_settled());
    /// ```
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        percent(self.progress.as_deref()?)
    }
}

/// A container group, as far as image caches care.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerGroupEntry {
    /// The id: `eci-…`.
    pub container_group_id: String,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_group_name: Option<String>,
    /// The region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_id: Option<String>,
    /// The state: `Pending`, `Running`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it was made (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<String>,
    /// What happened to it. Only these events name the cache that was used.
    #[serde(default)]
    pub events: Vec<EventEntry>,
    /// Everything else.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// What an account may have and has in a region.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Usage {
    /// Most caches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_image_cache_count: Option<i64>,
    /// Caches there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_image_cache_count: Option<i64>,
    /// Most automatic caches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_auto_image_cache_count: Option<i64>,
    /// Automatic caches there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_auto_image_cache_count: Option<i64>,
    /// Most data caches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_data_cache_count: Option<i64>,
    /// Data caches there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_data_cache_count: Option<i64>,
    /// Everything else: vCPUs and other quotas.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

macro_rules! replies {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            /// Id of the request, an upper-case UUID.
            #[serde(default)]
            pub request_id: String,
            $($(#[$field_meta])* pub $field: $type,)*
            /// Everything else.
            #[serde(flatten)]
            pub unknown: Map<String, Value>,
        }
    )*};
}

replies! {
    /// Done; nothing more is said.
    Done {}

    /// A cache is on its way.
    CreateImageCacheReply {
        /// The cache: `imc-…`.
        image_cache_id: String,
        /// The builder: `eci-…`. Deleting it makes the cache fail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        container_group_id: Option<String>,
    }

    /// A page of caches.
    DescribeImageCachesReply {
        /// Caches on all pages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total_count: Option<i64>,
        /// Leads to the next page; absent or empty on the last one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
        /// The caches.
        #[serde(default)]
        image_caches: Vec<ImageCacheEntry>,
    }

    /// A container group is on its way.
    CreateContainerGroupReply {
        /// The group: `eci-…`.
        container_group_id: String,
    }

    /// A page of container groups.
    DescribeContainerGroupsReply {
        /// Groups on all pages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total_count: Option<i64>,
        /// Leads to the next page; absent or empty on the last one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_token: Option<String>,
        /// The groups.
        #[serde(default)]
        container_groups: Vec<ContainerGroupEntry>,
    }

    /// Quotas.
    ListUsageReply {
        /// What there may be and is.
        #[serde(default)]
        attributes: Usage,
    }
}
