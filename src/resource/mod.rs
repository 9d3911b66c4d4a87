//! The `ImageCache` resource: its names, its fields, its limits.
//!
//! For an `ImageCache`, ECI pulls a list of images once to a disk and takes a snapshot of the disk. Later pods start with
//! a disk made from that snapshot. An `ImageCache` is cluster scoped: every namespace may use it.

pub mod annotation;
mod column;
mod crd;
pub(crate) mod identity;
#[cfg(feature = "kube")]
pub mod kube;
mod object;
pub(crate) mod owner;
mod phase;
mod product;
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
pub(crate) use product::{another_product, is_of_another_product, means_this_product};
pub use schema::{json_schema, pod_annotations_schema};
pub use walk::MAX_LIST_DEPTH;

/// API group.
pub const GROUP: &str = "eci.alibabacloud.com";
/// Version within the group.
pub const VERSION: &str = "v1";
/// `apiVersion` of every `ImageCache`: [`GROUP`]`/`[`VERSION`].
pub const API_VERSION: &str = "eci.alibabacloud.com/v1";
/// `kind` of an object.
pub const KIND: &str = "ImageCache";
/// `kind` of a list.
pub const LIST_KIND: &str = "ImageCacheList";
/// The resource in a URL: `/apis/eci.alibabacloud.com/v1/imagecaches`.
pub const PLURAL: &str = "imagecaches";
/// Name of one object for `kubectl`.
pub const SINGULAR: &str = "imagecache";
/// Short names: `ic` is the vendor's for virtual nodes, `imc` its newer one for self-managed clusters.
pub const SHORT_NAMES: [&str; 2] = ["ic", "imc"];
/// Categories: `kubectl get all` shows the caches.
pub const CATEGORIES: [&str; 1] = ["all"];
/// Name of the CustomResourceDefinition.
pub const CRD_NAME: &str = "imagecaches.eci.alibabacloud.com";

/// The fields of `spec`, as written. Newer features are annotations (see [`crate::resource::annotation`]).
pub const SPEC_FIELDS: [&str; 4] = [
    "images",
    "imagePullSecrets",
    "imageCacheSize",
    "retentionDays",
];

/// Most images that one cache holds. Source: the vendor's limits ("20 images per cache"); its schema does not have this limit.
pub const MAX_IMAGES: usize = 20;
/// Smallest cache, in GiB. Source: the vendor's field table. ECI was observed to raise a smaller size silently.
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
/// Longest retention, in days of 24 h. Source: the vendor's field table. Without a retention the cache never expires.
pub const MAX_RETENTION_DAYS: i64 = 65_536;
/// Most registry credentials of one cache. Source: the vendor's API text (its metadata says 11, one more than the
/// limit, as it does everywhere).
pub const MAX_SECRETS: usize = 10;
/// Most events that ECI keeps of one creation, the newest. Source: the vendor's API text.
pub const MAX_EVENTS: usize = 50;
/// Longest object name, in characters. Source: Kubernetes (RFC 1123 subdomain).
pub const MAX_NAME_LENGTH: usize = 253;
/// Longest image reference that the CRD admits, in characters. The longest legal one has 780: host 253, port 6,
/// path 255, tag 128, sha512 digest 135, three separators; the rest is reserve. Kubernetes needs a limit to
/// estimate the cost of a rule.
pub const MAX_IMAGE_LENGTH: usize = 1024;
/// Longest `namespace:name` of a secret, in characters: 63 + 1 + 253. Source: Kubernetes' rules for both names.
pub const MAX_SECRET_LENGTH: usize = 317;
/// Prefix of the name of every automatically created cache; the instance id follows. Source: the vendor's overview.
pub const AUTO_NAME_PREFIX: &str = "auto-create-for-";
