//! The annotations of ECI: one table that validation, matching and the schema read.
//!
//! Only names in this table are validated. Any other `k8s.aliyun.com/*` annotation passes through unchanged, because
//! the vendor's own list is not complete (open question: a row of its page is cut off).

/// Prefix of every annotation of this product.
pub const PREFIX: &str = "k8s.aliyun.com/";

/// On a pod: use this cache. Old name.
pub const POD_CACHE_ID_OLD: &str = "k8s.aliyun.com/eci-image-snapshot-id";
/// On a pod: match automatically. Old name; `"false"` unless set.
pub const POD_AUTO_OLD: &str = "k8s.aliyun.com/eci-image-cache";
/// On a pod: use this cache.
pub const POD_CACHE_ID: &str = "k8s.aliyun.com/eci-imc-id";
/// On a pod: match automatically; `"true"` unless set.
pub const POD_AUTO: &str = "k8s.aliyun.com/eci-auto-imc";
/// On a pod: every image must match exactly.
pub const POD_PERFECT_MATCH: &str = "k8s.aliyun.com/imc-perfect-match";
/// On a pod: this many images must match exactly.
pub const POD_MATCH_COUNT: &str = "k8s.aliyun.com/imc-match-count-request";
/// Written back on a pod by ECI: the cache that was used.
pub const POD_MATCHED: &str = "k8s.aliyun.com/eci-matched-image-cache";
/// On a pod: extra temporary storage (a Kubernetes quantity); raises the size a cache must have.
pub const POD_EXTRA_STORAGE: &str = "k8s.aliyun.com/eci-extra-ephemeral-storage";
/// On an `ImageCache`: vSwitches of the builder.
pub const VSWITCH_IDS: &str = "k8s.aliyun.com/vswitch-ids";
/// On an `ImageCache`: security group of the builder.
pub const SECURITY_GROUP_ID: &str = "k8s.aliyun.com/security-group-id";
/// On an `ImageCache`: resource group.
pub const RESOURCE_GROUP_ID: &str = "k8s.aliyun.com/resource-group-id";
/// On an `ImageCache`: CPU architecture of the images, `amd64` unless set.
pub const CPU_ARCH: &str = "k8s.aliyun.com/imc-cpu-arch";
/// On an `ImageCache`: operating system of the images, `linux` unless set.
pub const OS_TYPE: &str = "k8s.aliyun.com/imc-os-type";
/// Enterprise registry instances that are pulled from without a password.
pub const ACR_INSTANCE_IDS: &str = "k8s.aliyun.com/acr-instance-ids";
/// On a pod: the enterprise registry instance that is pulled from without a password.
pub const ACR_INSTANCE_ID: &str = "k8s.aliyun.com/acr-instance-id";
/// Role in the account that owns the ECI resources.
pub const ACR_SERVICE_ARNS: &str = "k8s.aliyun.com/acr-service-arns";
/// Role in the account that owns the registry.
pub const ACR_USER_ARNS: &str = "k8s.aliyun.com/acr-user-arns";
/// Registries that are pulled from over plain HTTP.
pub const PLAIN_HTTP_REGISTRY: &str = "k8s.aliyun.com/plain-http-registry";
/// Registries whose certificate is not checked.
pub const INSECURE_REGISTRY: &str = "k8s.aliyun.com/insecure-registry";
/// On an `ImageCache`: reuse layers of existing caches while building, `"false"` unless set.
pub const ENABLE_REUSE: &str = "k8s.aliyun.com/imc-enable-reuse";
/// On an `ImageCache`: the oldest name of [`ENABLE_REUSE`].
pub const ENABLE_REUSE_OLD: &str = "k8s.aliyun.com/auto-match-imagecache";
/// On an `ImageCache`: make a flash cache (a temporary local snapshot) first, `"false"` unless set.
pub const ENABLE_FLASH: &str = "k8s.aliyun.com/imc-enable-flash";

/// On an `ImageCache`: `LRU` lets ECI remove the cache when the quota is full. This project's own name, because the
/// vendor's list of annotations names none for it.
pub const ELIMINATION_STRATEGY: &str = "imagecache.eci.alibabacloud.com/elimination-strategy";

/// On an `ImageCache`: `"true"` keeps the controller's hands off. This project's own name, as the next ones.
pub const PAUSED: &str = "imagecache.eci.alibabacloud.com/paused";
/// On an `ImageCache`: take over this cache of ECI, by its id, instead of making one.
pub const ADOPT: &str = "imagecache.eci.alibabacloud.com/adopt";
/// On an `ImageCache`: what becomes of the cache when the object is deleted, `Delete` or `Retain`. Unless set, a cache
/// that was made for the object goes with it, and one that was adopted stays.
pub const DELETION_POLICY: &str = "imagecache.eci.alibabacloud.com/deletion-policy";
/// On an `ImageCache`: `"false"` lets the cache be deleted while pods still name it.
pub const DELETION_PROTECTION: &str = "imagecache.eci.alibabacloud.com/deletion-protection";
/// On an `ImageCache`: the digests that its tags had when the cache was made, as a JSON object by image.
pub const DIGESTS: &str = "imagecache.eci.alibabacloud.com/digests";
/// On an `ImageCache`: the request to ECI for which the controller has recorded [`DIGESTS`], as generation and time.
pub const DIGESTS_OF: &str = "imagecache.eci.alibabacloud.com/digests-of";
/// Tag on a cache in ECI: the `metadata.uid` of the `ImageCache` that it was made for.
pub const OWNER_TAG: &str = "imagecache.eci.alibabacloud.com/uid";
/// Tag of a container group that runs a pod: the pod's uid. This project's own name.
pub const POD_TAG: &str = "imagecache.eci.alibabacloud.com/pod-uid";
/// Finalizer on an `ImageCache`: the object stays until its cache in ECI is gone.
pub const FINALIZER: &str = "imagecache.eci.alibabacloud.com/cache";

/// Label of pods that run on ECI: `alibabacloud.com/eci: "true"`.
pub const ECI_LABEL: &str = "alibabacloud.com/eci";
/// Label or annotation of pods that may overflow to ECI (`eci`) or only run there (`eci_only`).
pub const ECI_BURST: &str = "alibabacloud.com/burst-resource";
/// Label of pods that run on ACS, Alibaba's Container Compute Service: `alibabacloud.com/acs: "true"`.
pub const ACS_LABEL: &str = "alibabacloud.com/acs";
/// Label of pods that run on ACS: the class of their compute power.
pub const ACS_COMPUTE_CLASS: &str = "alibabacloud.com/compute-class";
/// On a pod on ACS: use image caches, `"false"` unless set.
pub const ACS_ENABLE_CACHE: &str = "image.alibabacloud.com/enable-image-cache";
/// Written back on a pod by ACS: the caches that were used, as JSON.
pub const ACS_MATCHED: &str = "image.alibabacloud.com/matched-image-caches";
/// Prefix of the annotations of ACS on image caches.
pub const ACS_PREFIX: &str = "image.alibabacloud.com/";
/// Written back on a pod by ECI: the instance that it runs in.
pub const ECI_INSTANCE_ID: &str = "k8s.aliyun.com/eci-instance-id";

/// The kinds of object an annotation has an effect on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnotationHolder {
    /// Only on `ImageCache`.
    ImageCache,
    /// Only on pods (and pod templates).
    Pod,
    /// On both.
    Both,
    /// Only on pods that run on ACS, Alibaba's Container Compute Service.
    AcsPod,
}

/// The form a value must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueForm {
    /// `"true"` or `"false"`.
    Bool,
    /// A whole number of 1 and up.
    Count,
    /// The id of a cache: `imc-…`.
    CacheId,
    /// One id with this prefix.
    Id(&'static str),
    /// Comma-separated ids with this prefix, at most this many.
    Ids(&'static str, usize),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Comma-separated registry instances `cri-…`, each with `region:` before it if it is in another region.
    AcrInstances,
    /// One registry instance `cri-…`, with `region:` before it if it is in another region.
    AcrInstance,
    /// Comma-separated roles `acs:ram::<account>:role/<name>`.
    Arns,
    /// Comma-separated `host[:port]`.
    Hosts,
    /// A list in JSON.
    Json,
    /// A Kubernetes quantity of bytes: `50Gi`.
    Quantity,
}

/// What is known about one annotation.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct KnownAnnotation {
    /// The full name.
    pub name: &'static str,
    /// Where it works.
    pub holder: AnnotationHolder,
    /// The form of its value.
    pub form: ValueForm,
    /// What it does, in a sentence for people who write manifests.
    pub meaning: &'static str,
    /// The newer name of the same thing, where this one is old.
    pub successor: Option<&'static str>,
    /// Written by ECI or ACS, not by people.
    pub result: bool,
}

impl KnownAnnotation {
    /// Returns the name without its prefix.
    #[must_use]
    pub fn short(&self) -> &'static str {
        self.name
            .rsplit_once('/')
            .map_or(self.name, |(_, name)| name)
    }

    /// Reports whether the annotation is about pulls from registries. ECI and ACS both read it.
    #[must_use]
    pub fn is_of_pulls(&self) -> bool {
        self.holder == AnnotationHolder::Both || self.form == ValueForm::AcrInstance
    }
}

const fn known(
    name: &'static str,
    holder: AnnotationHolder,
    form: ValueForm,
    meaning: &'static str,
) -> KnownAnnotation {
    KnownAnnotation {
        name,
        holder,
        form,
        meaning,
        successor: None,
        result: false,
    }
}

/// Every annotation that is validated.
pub const KNOWN: &[KnownAnnotation] = &[
    known(
        VSWITCH_IDS,
        AnnotationHolder::ImageCache,
        ValueForm::Ids("vsw-", 10),
        "vSwitches of the builder, several for several zones; those of eci-profile unless set.",
    ),
    known(
        SECURITY_GROUP_ID,
        AnnotationHolder::ImageCache,
        ValueForm::Id("sg-"),
        "Security group of the builder; that of eci-profile unless set.",
    ),
    known(
        RESOURCE_GROUP_ID,
        AnnotationHolder::ImageCache,
        ValueForm::Id("rg-"),
        "Resource group of the cache; that of eci-profile unless set.",
    ),
    known(
        CPU_ARCH,
        AnnotationHolder::ImageCache,
        ValueForm::OneOf(&["amd64", "arm64"]),
        "CPU architecture of the images; amd64 unless set. One cache holds one architecture.",
    ),
    known(
        OS_TYPE,
        AnnotationHolder::ImageCache,
        ValueForm::OneOf(&["linux", "windows"]),
        "Operating system of the images; linux unless set.",
    ),
    known(
        ENABLE_REUSE,
        AnnotationHolder::ImageCache,
        ValueForm::Bool,
        "Reuse layers of existing caches while building; false unless set.",
    ),
    KnownAnnotation {
        successor: Some(ENABLE_REUSE),
        ..known(
            ENABLE_REUSE_OLD,
            AnnotationHolder::ImageCache,
            ValueForm::Bool,
            "Old name of k8s.aliyun.com/imc-enable-reuse.",
        )
    },
    known(
        ENABLE_FLASH,
        AnnotationHolder::ImageCache,
        ValueForm::Bool,
        "Make a flash cache first, a local snapshot that can be used at once; false unless set.",
    ),
    known(
        ACR_INSTANCE_IDS,
        AnnotationHolder::Both,
        ValueForm::AcrInstances,
        "Enterprise registry instances to pull from without a password, with the region before those of another one.",
    ),
    known(
        ACR_INSTANCE_ID,
        AnnotationHolder::Pod,
        ValueForm::AcrInstance,
        "Enterprise registry instance to pull from without a password, with its region if it is another one.",
    ),
    known(
        ACR_SERVICE_ARNS,
        AnnotationHolder::Both,
        ValueForm::Arns,
        "Role in the account that owns the ECI resources, for password-free pulls.",
    ),
    known(
        ACR_USER_ARNS,
        AnnotationHolder::Both,
        ValueForm::Arns,
        "Role in the account that owns the registry, for password-free pulls across accounts.",
    ),
    known(
        PLAIN_HTTP_REGISTRY,
        AnnotationHolder::Both,
        ValueForm::Hosts,
        "Registries to pull from over plain HTTP.",
    ),
    known(
        INSECURE_REGISTRY,
        AnnotationHolder::Both,
        ValueForm::Hosts,
        "Registries whose certificate is not checked.",
    ),
    known(
        POD_CACHE_ID,
        AnnotationHolder::Pod,
        ValueForm::CacheId,
        "Start from this cache; naming one that is not Ready makes the pod fail.",
    ),
    KnownAnnotation {
        successor: Some(POD_CACHE_ID),
        ..known(
            POD_CACHE_ID_OLD,
            AnnotationHolder::Pod,
            ValueForm::CacheId,
            "Old name of k8s.aliyun.com/eci-imc-id.",
        )
    },
    known(
        POD_AUTO,
        AnnotationHolder::Pod,
        ValueForm::Bool,
        "Match a cache automatically; true unless set.",
    ),
    KnownAnnotation {
        successor: Some(POD_AUTO),
        ..known(
            POD_AUTO_OLD,
            AnnotationHolder::Pod,
            ValueForm::Bool,
            "Old name of k8s.aliyun.com/eci-auto-imc, with which matching is off unless set.",
        )
    },
    known(
        POD_PERFECT_MATCH,
        AnnotationHolder::Pod,
        ValueForm::Bool,
        "Take a cache only when every image of the pod is in it, by repository and tag.",
    ),
    known(
        POD_MATCH_COUNT,
        AnnotationHolder::Pod,
        ValueForm::Count,
        "Take a cache only when this many images of the pod are in it.",
    ),
    KnownAnnotation {
        result: true,
        ..known(
            POD_MATCHED,
            AnnotationHolder::Pod,
            ValueForm::CacheId,
            "The cache that was used; written by ECI.",
        )
    },
    known(
        POD_EXTRA_STORAGE,
        AnnotationHolder::Pod,
        ValueForm::Quantity,
        "Extra temporary storage; raises the size that a cache must have.",
    ),
    known(
        ACS_ENABLE_CACHE,
        AnnotationHolder::AcsPod,
        ValueForm::Bool,
        "On ACS: use image caches; false unless set. The pull policy must be Always.",
    ),
    KnownAnnotation {
        result: true,
        ..known(
            ACS_MATCHED,
            AnnotationHolder::AcsPod,
            ValueForm::Json,
            "The caches that were used; written by ACS.",
        )
    },
];

/// Looks a full annotation name up.
///
/// ```
/// use imagecache::resource::annotation::{find, AnnotationHolder};
/// assert_eq!(find("k8s.aliyun.com/imc-os-type").unwrap().holder, AnnotationHolder::ImageCache);
/// assert!(find("k8s.aliyun.com/eci-use-specs").is_none());
/// ```
#[must_use]
pub fn find(name: &str) -> Option<&'static KnownAnnotation> {
    let prefixed = name.starts_with(PREFIX) || name.starts_with(ACS_PREFIX);
    let name = prefixed.then_some(name)?;
    KNOWN.iter().find(|known| known.name == name)
}

/// Reads a switch: `true` and `false` as ECI's clients write them, in any case; anything else is `None`.
#[must_use]
pub fn parse_bool(value: &str) -> Option<bool> {
    if value.eq_ignore_ascii_case("true") {
        Some(true)
    } else if value.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
