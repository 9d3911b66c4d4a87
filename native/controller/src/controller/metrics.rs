//! The Prometheus metrics of a controller.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};

/// Labels: an effect and its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Labels {
    pub(super) act: &'static str,
    pub(super) outcome: &'static str,
}

/// Labels of a cache: the name of its object, and its id in ECI.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CacheLabels {
    pub(super) name: String,
    pub(super) id: String,
}

#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    pub(super) acts: Family<Labels, Counter>,
    pub(super) steps: Counter,
    pub(super) listings: Counter,
    pub(super) listing_faults: Counter,
    pub(super) watch_faults: Counter,
    pub(super) objects: Gauge,
    pub(super) caches: Gauge,
    /// Objects that were ready when they were reconciled last.
    pub(super) ready: Gauge,
    pub(super) leads: Gauge,
    /// When each cache expires, in seconds since 1970; a cache that never expires has none.
    pub(super) expires: Family<CacheLabels, Gauge>,
    /// 1 for a cache whose tags have moved or are gone, 0 for a fresh one; none where that is unknown.
    pub(super) stale: Family<CacheLabels, Gauge>,
}

/// Registers a new metric.
fn counted<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("imagecache");
        let expires = Family::default();
        registry
            .sub_registry_with_prefix("cache")
            .register_with_unit(
                "expires_timestamp",
                "Time at which a cache expires, in seconds since 1970",
                Unit::Seconds,
                expires.clone(),
            );
        let stale = counted(
            registry.sub_registry_with_prefix("cache"),
            "stale",
            "1 if a tag in a cache means something else now, or is gone; 0 if none does",
        );
        let all = registry.sub_registry_with_prefix("sync");
        Metrics {
            acts: counted(
                all,
                "acts",
                "Reads and writes of the cluster and calls of ECI",
            ),
            steps: counted(all, "steps", "Reconciliations of an object"),
            listings: counted(all, "listings", "Listings of all caches"),
            listing_faults: counted(all, "listing_faults", "Listings that failed"),
            watch_faults: counted(
                all,
                "watch_faults",
                "Times that the watch of ImageCaches broke",
            ),
            objects: counted(all, "objects", "ImageCaches in the cluster"),
            caches: counted(all, "caches", "Caches in the region, of any creator"),
            ready: counted(all, "ready", "ImageCaches that are Ready"),
            leads: counted(
                all,
                "leads",
                "1 while this process is the leader, 0 while it is a standby",
            ),
            expires,
            stale,
            registry,
        }
    }

    /// Returns all metrics as OpenMetrics text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}
