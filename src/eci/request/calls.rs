use super::field::{JsonList, calls, fields};
use crate::eci::reply;
use crate::eci::secret::Secret;

/// Most images of one cache, and most images of a container group. Source: the vendor's text; its metadata says 101.
pub const MAX_IMAGES: usize = 20;
/// Most registry credentials. Source: the vendor's text; its metadata says one more than the limit, as everywhere.
pub const MAX_REGISTRY_CREDENTIALS: usize = 10;
/// Most enterprise registry instances. Source: the vendor's metadata (21 is one more than the limit).
pub const MAX_ACR_REGISTRIES: usize = 20;
/// Most domains of one enterprise registry instance. Source: the vendor's metadata.
pub const MAX_DOMAINS: usize = 100;
/// Most tags. Source: the vendor's text.
pub const MAX_TAGS: usize = 20;
/// Most images to match caches with. Source: the vendor's metadata.
pub const MAX_MATCH_IMAGES: usize = 100;
/// Most container groups that are described by id at once. No source gives one; the product's pages hold 20.
pub const MAX_CONTAINER_GROUP_IDS: usize = 20;

fields! {
    /// How to log in at a registry. No part of it is mandatory by any source.
    ImageRegistryCredential {
        /// The registry: `host[:port]`, without a scheme.
        server: Option<String> = "Server";
        /// Who logs in.
        user_name: Option<String> = "UserName";
        /// The password.
        password: Option<Secret> = "Password";
    }

    /// An enterprise registry instance that is pulled from without a password.
    AcrRegistryInfo {
        /// The instance: `cri-…`.
        instance_id: String = "InstanceId";
        /// Its name.
        instance_name: Option<String> = "InstanceName";
        /// Its region; the cache's own when absent.
        region_id: Option<String> = "RegionId";
        /// Its domains; all of them when empty.
        domain: Vec<String> = "Domain", at most MAX_DOMAINS;
        /// Role in the account that owns the ECI resources. Not for updates.
        arn_service: Option<String> = "ArnService";
        /// Role in the account that owns the registry. Not for updates.
        arn_user: Option<String> = "ArnUser";
    }

    /// A label of a resource.
    Tag {
        /// The key.
        key: String = "Key";
        /// The value.
        value: Option<String> = "Value";
    }

    /// A container of a group, as far as image caches care.
    Container {
        /// The name.
        name: String = "Name";
        /// The image.
        image: String = "Image";
        /// `Always`, `IfNotPresent` or `Never`.
        image_pull_policy: Option<String> = "ImagePullPolicy";
        /// Cores, a decimal number.
        cpu: Option<String> = "Cpu";
        /// GiB, a decimal number.
        memory: Option<String> = "Memory";
    }
}

calls! {
    /// Makes a cache. The answer comes at once; the cache is then built for minutes.
    CreateImageCache -> reply::CreateImageCacheReply {
        /// The region.
        region_id: String = "RegionId";
        /// The zone.
        zone_id: Option<String> = "ZoneId";
        /// Security group of the builder.
        security_group_id: Option<String> = "SecurityGroupId";
        /// vSwitches of the builder, up to 10, comma separated.
        vswitch_id: Option<String> = "VSwitchId";
        /// The name; not unique.
        image_cache_name: String = "ImageCacheName";
        /// Size in GiB, 20 when absent.
        image_cache_size: Option<i32> = "ImageCacheSize";
        /// Days of 24 h until the cache ends; never when absent.
        retention_days: Option<i32> = "RetentionDays";
        /// Reuse layers of existing caches while building. The wire calls it by the same name as matching in
        /// [`CreateContainerGroup::match_image_cache`], which is another thing.
        reuse_layers: Option<bool> = "AutoMatchImageCache";
        /// Make a temporary local snapshot first, which can be used at once.
        flash: Option<bool> = "Flash";
        /// Local copies, only with `flash`; 1 when absent.
        flash_copy_count: Option<i32> = "FlashCopyCount";
        /// Copies of the snapshot, 1 for each 1000 instances; 1 when absent.
        standard_copy_count: Option<i32> = "StandardCopyCount";
        /// Empty: keep. `LRU`: may be removed when the quota is full.
        elimination_strategy: Option<String> = "EliminationStrategy";
        /// Elastic address that lets the builder reach the Internet.
        eip_instance_id: Option<String> = "EipInstanceId";
        /// Resource group.
        resource_group_id: Option<String> = "ResourceGroupId";
        /// Makes retries safe: at most 64 ASCII characters.
        client_token: Option<String> = "ClientToken";
        /// Undocumented.
        annotations: Option<String> = "Annotations";
        /// Registries that are pulled from over plain HTTP, comma separated `host[:port]`.
        plain_http_registry: Option<String> = "PlainHttpRegistry";
        /// Registries whose certificate is not checked, comma separated `host[:port]`.
        insecure_registry: Option<String> = "InsecureRegistry";
        /// Operating system; only the legacy Python SDK knows it.
        os_type: Option<String> = "OsType";
        /// The images.
        image: Vec<String> = "Image", at most MAX_IMAGES;
        /// How to log in at registries.
        image_registry_credential: Vec<ImageRegistryCredential> = "ImageRegistryCredential", at most MAX_REGISTRY_CREDENTIALS;
        /// Enterprise registry instances.
        acr_registry_info: Vec<AcrRegistryInfo> = "AcrRegistryInfo", at most MAX_ACR_REGISTRIES;
        /// Tags.
        tag: Vec<Tag> = "Tag", at most MAX_TAGS;
    }

    /// Changes a cache that is `Ready` or `UpdateFailed`. What is absent stays as it is.
    UpdateImageCache -> reply::Done {
        /// The region.
        region_id: String = "RegionId";
        /// The cache.
        image_cache_id: String = "ImageCacheId";
        /// A new name.
        image_cache_name: Option<String> = "ImageCacheName";
        /// Security group of the builder.
        security_group_id: Option<String> = "SecurityGroupId";
        /// vSwitches of the builder, up to 10, comma separated.
        vswitch_id: Option<String> = "VSwitchId";
        /// Elastic address that lets the builder reach the Internet.
        eip_instance_id: Option<String> = "EipInstanceId";
        /// Resource group.
        resource_group_id: Option<String> = "ResourceGroupId";
        /// Makes retries safe: at most 64 ASCII characters.
        client_token: Option<String> = "ClientToken";
        /// Size in GiB.
        image_cache_size: Option<i32> = "ImageCacheSize";
        /// Days of 24 h until the cache ends.
        retention_days: Option<i32> = "RetentionDays";
        /// Reuse layers of existing caches while building.
        reuse_layers: Option<bool> = "AutoMatchImageCache";
        /// Make a temporary local snapshot first.
        flash: Option<bool> = "Flash";
        /// Local copies, only with `flash`.
        flash_copy_count: Option<i32> = "FlashCopyCount";
        /// Copies of the snapshot.
        standard_copy_count: Option<i32> = "StandardCopyCount";
        /// Empty: keep. `LRU`: may be removed when the quota is full.
        elimination_strategy: Option<String> = "EliminationStrategy";
        /// The images.
        image: Vec<String> = "Image", at most MAX_IMAGES;
        /// How to log in at registries.
        image_registry_credential: Vec<ImageRegistryCredential> = "ImageRegistryCredential", at most MAX_REGISTRY_CREDENTIALS;
        /// Enterprise registry instances, without roles.
        acr_registry_info: Vec<AcrRegistryInfo> = "AcrRegistryInfo", at most MAX_ACR_REGISTRIES;
        /// Tags.
        tag: Vec<Tag> = "Tag", at most MAX_TAGS;
    }

    /// Removes a cache. Instances that were started from it are not affected.
    DeleteImageCache -> reply::Done {
        /// The region.
        region_id: String = "RegionId";
        /// The cache.
        image_cache_id: String = "ImageCacheId";
        /// Makes retries safe.
        client_token: Option<String> = "ClientToken";
    }

    /// Lists caches, page by page. An unknown id gives an empty list, not an error.
    DescribeImageCaches -> reply::DescribeImageCachesReply {
        /// The region.
        region_id: String = "RegionId";
        /// Only this cache.
        image_cache_id: Option<String> = "ImageCacheId";
        /// Only caches of this name.
        image_cache_name: Option<String> = "ImageCacheName";
        /// Only the cache of this snapshot.
        snapshot_id: Option<String> = "SnapshotId";
        /// Only caches that hold this image.
        image: Option<String> = "Image";
        /// Only caches of this resource group.
        resource_group_id: Option<String> = "ResourceGroupId";
        /// Only caches that have all these tags.
        tag: Vec<Tag> = "Tag", at most MAX_TAGS;
        /// Only the caches that match these images best.
        match_image: Vec<String> = "MatchImage", at most MAX_MATCH_IMAGES;
        /// Only with `match_image`: all of them must match fully.
        image_full_match: Option<bool> = "ImageFullMatch";
        /// Only with `match_image`: this many of them must match fully.
        image_match_count_request: Option<i32> = "ImageMatchCountRequest";
        /// Caches on a page.
        limit: Option<i32> = "Limit";
        /// The page after the one that gave this token.
        next_token: Option<String> = "NextToken";
    }

    /// Starts a container group; only what concerns image caches.
    CreateContainerGroup -> reply::CreateContainerGroupReply {
        /// The region.
        region_id: String = "RegionId";
        /// The name: 2 to 128 lower-case letters, digits and hyphens.
        container_group_name: String = "ContainerGroupName";
        /// The zone.
        zone_id: Option<String> = "ZoneId";
        /// Security group.
        security_group_id: Option<String> = "SecurityGroupId";
        /// vSwitches, comma separated.
        vswitch_id: Option<String> = "VSwitchId";
        /// Resource group.
        resource_group_id: Option<String> = "ResourceGroupId";
        /// Makes retries safe.
        client_token: Option<String> = "ClientToken";
        /// Use this cache: its id `imc-…`, in spite of the name.
        image_snapshot_id: Option<String> = "ImageSnapshotId";
        /// Look for a cache that matches; `false` when absent. Not the layer reuse of
        /// [`CreateImageCache::reuse_layers`], which has the same name on the wire.
        match_image_cache: Option<bool> = "AutoMatchImageCache";
        /// `nydus`, `dadi`, `p2p` or `imc`.
        image_accelerate_mode: Option<String> = "ImageAccelerateMode";
        /// Temporary storage in GiB.
        ephemeral_storage: Option<i32> = "EphemeralStorage";
        /// Registries that are pulled from over plain HTTP.
        plain_http_registry: Option<String> = "PlainHttpRegistry";
        /// Registries whose certificate is not checked.
        insecure_registry: Option<String> = "InsecureRegistry";
        /// The containers.
        container: Vec<Container> = "Container", at most MAX_IMAGES;
        /// The containers that run before them.
        init_container: Vec<Container> = "InitContainer", at most MAX_IMAGES;
        /// How to log in at registries.
        image_registry_credential: Vec<ImageRegistryCredential> = "ImageRegistryCredential", at most MAX_REGISTRY_CREDENTIALS;
        /// Enterprise registry instances.
        acr_registry_info: Vec<AcrRegistryInfo> = "AcrRegistryInfo", at most MAX_ACR_REGISTRIES;
        /// Tags.
        tag: Vec<Tag> = "Tag", at most MAX_TAGS;
    }

    /// Removes a container group.
    DeleteContainerGroup -> reply::Done {
        /// The region.
        region_id: String = "RegionId";
        /// The group.
        container_group_id: String = "ContainerGroupId";
        /// Makes retries safe.
        client_token: Option<String> = "ClientToken";
    }

    /// Lists container groups. Only their events name the cache that was used.
    DescribeContainerGroups -> reply::DescribeContainerGroupsReply {
        /// The region.
        region_id: String = "RegionId";
        /// Only these groups.
        container_group_ids: JsonList = "ContainerGroupIds", at most MAX_CONTAINER_GROUP_IDS;
        /// Only groups of this name.
        container_group_name: Option<String> = "ContainerGroupName";
        /// Only groups in this state.
        status: Option<String> = "Status";
        /// Only groups that have all these tags.
        tag: Vec<Tag> = "Tag", at most MAX_TAGS;
        /// Groups on a page.
        limit: Option<i32> = "Limit";
        /// The page after the one that gave this token.
        next_token: Option<String> = "NextToken";
    }

    /// What the account may have and has.
    ListUsage -> reply::ListUsageReply {
        /// The region.
        region_id: String = "RegionId";
    }
}
