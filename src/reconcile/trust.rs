//! What the authors of objects may use. Everything is forbidden unless the operator of the controller allows it: anyone who
//! may create an `ImageCache` would otherwise use the Secrets, networks, roles and caches of others.

use std::collections::BTreeSet;

use super::condition::reason;
use super::inputs::{Held, blocked};
use super::listing::owner;
use crate::eci::login::{RegistryLogin, credentials_for, registry_host};
use crate::eci::object::items;
use crate::eci::reply::ImageCacheEntry;
use crate::resource::ImageCache;
use crate::resource::annotation::{
    ACR_INSTANCE_IDS, ACR_SERVICE_ARNS, ACR_USER_ARNS, PLAIN_HTTP_REGISTRY, RESOURCE_GROUP_ID,
    SECURITY_GROUP_ID, VSWITCH_IDS,
};

/// The names that something is allowed for; none by default.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allowed {
    /// These names.
    Only(BTreeSet<String>),
    /// Every name.
    All,
}

impl Default for Allowed {
    fn default() -> Self {
        Allowed::Only(BTreeSet::new())
    }
}

impl Allowed {
    /// Reads names, of which `*` allows every name. Empty names are passed over.
    ///
    /// ```
    /// use imagecache::reconcile::Allowed;
    /// assert!(Allowed::of(["team-a", "team-b"]).includes("team-b"));
    /// assert!(Allowed::of(["*"]).includes("team-c"));
    /// assert!(!Allowed::default().includes("team-a"));
    /// ```
    #[must_use]
    pub fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut only = BTreeSet::new();
        for name in names {
            match name.as_ref().trim() {
                "" => {}
                "*" => return Allowed::All,
                name => drop(only.insert(name.to_owned())),
            }
        }
        Allowed::Only(only)
    }

    /// Reports whether this name is allowed.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Allowed::All => true,
            Allowed::Only(names) => names.contains(name),
        }
    }
}

/// What objects may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Trust {
    /// The namespaces whose Secrets objects may name in `spec.imagePullSecrets`. Secrets of other namespaces are never
    /// read.
    pub secret_namespaces: Allowed,
    /// The registries, `host` or `host:port`, that may be pulled from over plain HTTP. No credential is ever sent to
    /// them.
    pub plain_http_registries: BTreeSet<String>,
    /// Objects may choose networks, resource groups, registry instances and roles by annotation.
    pub network_annotations: bool,
    /// The caches, by id or name, that objects may adopt. One that has another object's tag is never adopted.
    pub adoption: Allowed,
}

/// Annotations by which an object would use a network, a resource group or a role of the account.
const NETWORK: [&str; 6] = [
    VSWITCH_IDS,
    SECURITY_GROUP_ID,
    RESOURCE_GROUP_ID,
    ACR_INSTANCE_IDS,
    ACR_SERVICE_ARNS,
    ACR_USER_ARNS,
];

fn forbidden(annotation: &str, fact: &str) -> Held {
    blocked(
        reason::NOT_ALLOWED,
        &format!("metadata.annotations[{annotation}]: {fact}"),
    )
}

fn plain_http(cache: &ImageCache) -> Vec<String> {
    let hosts = cache.metadata.annotation(PLAIN_HTTP_REGISTRY);
    let hosts = items(hosts.unwrap_or_default()).into_iter();
    hosts.map(str::to_ascii_lowercase).collect()
}

impl Trust {
    /// Reports whether an object may adopt this cache.
    pub(super) fn may_adopt(&self, entry: &ImageCacheEntry) -> bool {
        owner(entry).is_none()
            && (self.adoption.includes(&entry.image_cache_id)
                || self.adoption.includes(&entry.image_cache_name))
    }

    /// Checks the annotations of an object, before any of its Secrets is read.
    pub(super) fn check_annotations(&self, cache: &ImageCache) -> Result<(), Held> {
        let chosen = NETWORK.iter().find(|name| {
            let value = cache.metadata.annotation(name);
            value.is_some_and(|value| !items(value).is_empty())
        });
        if let Some(name) = chosen.filter(|_| !self.network_annotations) {
            return Err(forbidden(
                name,
                "not allowed, the controller runs without --allow-network-annotations",
            ));
        }
        let allowed = |host: &String| self.plain_http_registries.contains(host);
        match plain_http(cache).iter().find(|host| !allowed(host)) {
            None => Ok(()),
            Some(host) => Err(forbidden(
                PLAIN_HTTP_REGISTRY,
                &format!("`{host}` is not allowed, --plain-http-registries does not list it"),
            )),
        }
    }

    /// Checks that the object names Secrets of allowed namespaces only. The words are those for a Secret that does not
    /// exist: a condition does not reveal which Secrets there are.
    pub(super) fn check_secrets(&self, names: &[String]) -> Result<(), Held> {
        let allowed = |name: &String| {
            let namespace = name.split_once(':').map_or("", |(namespace, _)| namespace);
            self.secret_namespaces.includes(namespace)
        };
        match names.iter().enumerate().find(|(_, name)| !allowed(name)) {
            None => Ok(()),
            Some((index, name)) => Err(not_found(index, name)),
        }
    }

    /// Checks that no credential would be sent in the clear.
    pub(super) fn check_logins(
        &self,
        cache: &ImageCache,
        logins: &[RegistryLogin],
    ) -> Result<(), Held> {
        let plain = plain_http(cache);
        let credentials = credentials_for(&cache.spec.images, logins);
        let mut servers = credentials.iter().filter_map(|one| one.server.as_deref());
        let exposed = servers.find_map(|server| {
            let same = |host: &&String| registry_host(host) == registry_host(server);
            plain.iter().find(same)
        });
        match exposed {
            None => Ok(()),
            Some(host) => Err(forbidden(
                PLAIN_HTTP_REGISTRY,
                &format!("`{host}`: a credential for this registry would be sent over plain HTTP"),
            )),
        }
    }
}

/// The answer about a Secret that does not exist or is not allowed.
pub(super) fn not_found(index: usize, name: &str) -> Held {
    blocked(
        reason::SECRET_NOT_FOUND,
        &format!("spec.imagePullSecrets[{index}]: secret `{name}`: not found or not allowed"),
    )
}
