//! Lists all caches of the region; one listing serves every object.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use imagecache::eci::request::DescribeImageCaches;
use imagecache::reconcile::Listing;
use tokio_util::sync::CancellationToken;

use super::context::Host;
use super::messages;

/// Caches on a page; the maximum of the API.
const PAGE: i32 = 100;

/// Lists repeatedly until `stop`, more often while an object waits for ECI.
pub(super) async fn run(host: &Host, stop: CancellationToken) {
    let mut told: Option<String> = None;
    loop {
        let begun = tokio::time::Instant::now();
        let listed = tokio::select! {
            () = stop.cancelled() => return,
            listed = once(host) => listed,
        };
        match listed {
            Ok(()) => {
                if told.take().is_some() {
                    tracing::info!("caches can be listed again");
                }
            }
            Err(why) => {
                if told.as_ref() != Some(&why) {
                    tracing::warn!(
                        why,
                        "caches cannot be listed; nothing is changed until they can"
                    );
                    told = Some(why);
                }
            }
        }
        // a listing of many pages is not repeated at once
        let took = begun.elapsed();
        // an interval beyond what a clock counts is as good as a day
        let after = |time: Duration| begun + time.min(Duration::from_secs(86_400));
        let poll = host.config.poll.max(took.saturating_mul(2));
        let soon = after(poll.max(Duration::from_millis(10)));
        let late = soon.max(after(host.config.rest));
        let failed = told.is_some();
        let awaited = async {
            if !failed {
                host.awaited.notified().await;
            }
            tokio::time::sleep_until(soon).await;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = awaited => {}
            () = tokio::time::sleep_until(late) => {}
        }
    }
}

/// Lists all caches and wakes the objects that the listing changes something for.
pub(super) async fn once(host: &Host) -> Result<(), String> {
    let begun = host.moment();
    let request = DescribeImageCaches {
        region_id: host.config.settings.region_id.clone(),
        limit: Some(PAGE),
        ..DescribeImageCaches::default()
    };
    let entries: Vec<_> = match host.cloud.caches(request).try_collect().await {
        Ok(entries) => entries,
        Err(error) => {
            host.metrics.listing_faults.inc();
            let why = messages::of_cloud(&error, &host.cloud.endpoint().to_string());
            host.cannot_list(&why);
            return Err(why);
        }
    };
    host.metrics.listings.inc();
    host.metrics
        .caches
        .set(i64::try_from(entries.len()).unwrap_or(i64::MAX));
    let before = host.listing();
    let listing = host.with_spending(|spending| {
        Listing::new(entries, begun).after(before.as_deref(), spending, host.now())
    });
    if listing.is_doubtful() && before.is_none_or(|before| !before.is_doubtful()) {
        tracing::warn!(
            "ECI lists no cache at all, and did before; nothing is created until that is confirmed"
        );
    }
    host.listed(Arc::new(listing));
    Ok(())
}
