//! The `ImageCache` resource: its names, its fields, its limits.
//!
//! An `ImageCache` asks ECI to pull a list of images once, keep them on a disk, snapshot the disk, and start later
//! pods with a disk made from that snapshot. It is cluster scoped: every namespace may use it.

mod column;
mod crd;
#[cfg(feature = "kube")]
pub mod kube;
mod object;
mod phase;
mod schema;
pub(crate) mod view;
pub(crate) mod walk;
pub mod workload;

pub use column::{COLUMNS, Column, cells, human_duration};
pub use crd::{CrdVersion, SECRET_PATTERN, crd};
#[cfg(feature = "eci")]
pub(crate) use object::percent;
pub use object::{CacheEvent, ImageCache, ImageCacheList, Metadata, Spec, Status};
pub(crate) use object::{whole, whole_part};
pub use phase::Phase;
pub use schema::{json_schema, pod_annotations_schema};
pub use walk::MAX_LIST_DEPTH;

/// API group.
pub const GROUP: &str = "eci.alibabacloud.com";
/// Version within the group.
pub const VERSION: &str = "v1";
/// `apiVersion` of every `ImageCache`: [`GROUP`]`/`[`VERSION`].
pub const API_VERSION: &str = "eci.alibabacloud.com/v1";
/// `kind` of one object.
pub const KIND: &str = "ImageCache";
/// `kind` of a list.
pub const LIST_KIND: &str = "ImageCacheList";
/// The resource in a URL: `/apis/eci.alibabacloud.com/v1/imagecaches`.
pub const PLURAL: &str = "imagecaches";
/// The resource as `kubectl` names one object.
pub const SINGULAR: &str = "imagecache";
/// Short names: `ic` is the vendor's for virtual nodes, `imc` its newer one for self-managed clusters.
pub const SHORT_NAMES: [&str; 2] = ["ic", "imc"];
/// Categories: `kubectl get all` shows the caches.
pub const CATEGORIES: [&str; 1] = ["all"];
/// Name of the CustomResourceDefinition.
pub const CRD_NAME: &str = "imagecaches.eci.alibabacloud.com";

/// Every field of `spec`, as written. Whatever is newer than these is an annotation (see [`crate::annotation`]).
pub const SPEC_FIELDS: [&str; 4] = [
    "images",
    "imagePullSecrets",
    "imageCacheSize",
    "retentionDays",
];
/// Every field of `status` that a document or a reader of this project knows, as written.
/// `lastUpdateTime` is an older sample's spelling of `lastUpdatedTime`: read, never written.
/// `conditions` is this project's own.
pub const STATUS_FIELDS: [&str; 9] = [
    "phase",
    "progress",
    "imageCacheId",
    "startTime",
    "lastUpdatedTime",
    "lastUpdateTime",
    "expireDateTime",
    "events",
    "conditions",
];

/// Most images that one cache holds. Source: the vendor's limits ("20 images per cache"); its schema does not say it.
pub const MAX_IMAGES: usize = 20;
/// Smallest cache, in GiB. Source: the vendor's field table. A smaller wish was seen raised to this in silence.
pub const MIN_SIZE_GIB: i64 = 20;
/// Largest cache, in GiB. Source: the vendor's field table (its API text of 2020 said 500).
pub const MAX_SIZE_GIB: i64 = 32_768;
/// Size of a cache whose `imageCacheSize` is absent, in GiB. Source: the vendor's field table.
pub const DEFAULT_SIZE_GIB: i64 = 20;
/// Size of an automatically created cache, in GiB, before the pod's extra storage. Source: the vendor's comparison of
/// manual and automatic caches.
pub const AUTO_SIZE_GIB: i64 = 30;
/// Shortest retention, in days of 24 h. Source: the vendor's field table.
pub const MIN_RETENTION_DAYS: i64 = 1;
/// Longest retention, in days of 24 h. Source: the vendor's field table. Absent means forever.
pub const MAX_RETENTION_DAYS: i64 = 65_536;
/// Most registry credentials of one cache. Source: the vendor's API text (its metadata says 11, one more than the
/// limit, as it does everywhere).
pub const MAX_SECRETS: usize = 10;
/// Most events that ECI keeps of one creation, the newest. Source: the vendor's API text.
pub const MAX_EVENTS: usize = 50;
/// Longest object name, in characters. Source: Kubernetes (RFC 1123 subdomain).
pub const MAX_NAME_LENGTH: usize = 253;
/// Longest image reference that the CRD admits, in characters. The longest legal one has 780: host 253, port 6,
/// path 255, tag 128, sha512 digest 135, three separators; the rest is headroom. Kubernetes needs some bound to
/// estimate what a rule costs.
pub const MAX_IMAGE_LENGTH: usize = 1024;
/// Longest `namespace:name` of a secret, in characters: 63 + 1 + 253. Source: Kubernetes' rules for both names.
pub const MAX_SECRET_LENGTH: usize = 317;
/// Begin of the name of every automatically created cache; the instance id follows. Source: the vendor's overview.
pub const AUTO_NAME_PREFIX: &str = "auto-create-for-";
