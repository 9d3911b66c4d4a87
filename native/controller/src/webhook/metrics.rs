//! The Prometheus metrics of a webhook.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in seconds: from the usual time of a review to the longest timeout of an API server.
const BUCKETS: [f64; 9] = [0.0002, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 15.0];

/// Labels of a review: its endpoint and its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Labels {
    /// `validate` or `mutate`.
    pub(super) webhook: &'static str,
    /// `allowed`, `patched`, `denied`, `late`, `unreadable`.
    pub(super) outcome: &'static str,
}

#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    reviews: Family<Labels, Counter>,
    seconds: Histogram,
    pub(super) caches: Gauge,
    pub(super) watch_faults: Counter,
    /// The end of the certificate, as Unix time.
    pub(super) certificate_end: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("imagecache_webhook");
        let reviews = Family::<Labels, Counter>::default();
        let seconds = Histogram::new(BUCKETS);
        let caches = Gauge::default();
        let watch_faults = Counter::default();
        registry.register("reviews", "Reviews answered", reviews.clone());
        registry.register_with_unit(
            "review",
            "From the head of a request to its answer",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register(
            "caches",
            "Image caches of the cluster that are known",
            caches.clone(),
        );
        registry.register(
            "watch_faults",
            "Times that the watch of image caches broke",
            watch_faults.clone(),
        );
        let certificate_end = Gauge::default();
        registry.register_with_unit(
            "certificate_end_timestamp",
            "End of the server certificate, as Unix time",
            Unit::Seconds,
            certificate_end.clone(),
        );
        Metrics {
            certificate_end,
            registry,
            reviews,
            seconds,
            caches,
            watch_faults,
        }
    }

    pub(super) fn count(&self, labels: Labels, took: Duration) {
        self.reviews.get_or_create(&labels).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Returns all metrics as OpenMetrics text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}
