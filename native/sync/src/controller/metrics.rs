//! What a controller counts, for Prometheus.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// An act and how it went; few enough for labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Labels {
    pub(super) act: &'static str,
    pub(super) outcome: &'static str,
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
    /// Ready, as of the last time each was looked at.
    pub(super) ready: Gauge,
    pub(super) leads: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("imagecache_sync");
        let metrics = Metrics {
            acts: Family::default(),
            steps: Counter::default(),
            listings: Counter::default(),
            listing_faults: Counter::default(),
            watch_faults: Counter::default(),
            objects: Gauge::default(),
            caches: Gauge::default(),
            ready: Gauge::default(),
            leads: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register(
            "acts",
            "Reads and writes of the cluster and calls of ECI",
            metrics.acts.clone(),
        );
        registry.register(
            "steps",
            "Times that an object was looked at",
            metrics.steps.clone(),
        );
        registry.register(
            "listings",
            "Listings of all caches",
            metrics.listings.clone(),
        );
        registry.register(
            "listing_faults",
            "Listings that failed",
            metrics.listing_faults.clone(),
        );
        registry.register(
            "watch_faults",
            "Times that the watch of ImageCaches broke",
            metrics.watch_faults.clone(),
        );
        registry.register(
            "objects",
            "ImageCaches in the cluster",
            metrics.objects.clone(),
        );
        registry.register(
            "caches",
            "Caches in the region, whoever made them",
            metrics.caches.clone(),
        );
        registry.register("ready", "ImageCaches that are Ready", metrics.ready.clone());
        registry.register(
            "leads",
            "1 while this process works, 0 while it stands by",
            metrics.leads.clone(),
        );
        Metrics {
            registry,
            ..metrics
        }
    }

    /// All of it as OpenMetrics text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}
