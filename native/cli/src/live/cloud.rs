//! Lists of ECI, page by page.

use std::fmt::Display;
use std::pin::pin;

use futures_util::{Stream, StreamExt as _};
use imagecache::eci::reply::{DescribeContainerGroupsReply, DescribeImageCachesReply};
use imagecache::eci::request::{DescribeContainerGroups, DescribeImageCaches, ListUsage};
use serde::Serialize;
use serde_json::Value;

use super::{Live, LiveObject};
use crate::eci::connection::Cloud;

/// Names a list in messages, with its region and address.
fn at(cloud: &Cloud, what: &str) -> String {
    format!(
        "{what} of ECI in {}, {}",
        cloud.region,
        cloud.client.endpoint()
    )
}

/// Adds the image caches of the region.
pub(super) async fn caches(cloud: &Cloud, live: &mut Live) {
    let call = DescribeImageCaches {
        region_id: cloud.region.clone(),
        ..DescribeImageCaches::default()
    };
    let pages = cloud.client.pages(call);
    let entries = |page: DescribeImageCachesReply| page.image_caches;
    add(pages, entries, &at(cloud, "image caches"), live).await;
}

/// Adds the container groups of the region.
pub(super) async fn groups(cloud: &Cloud, live: &mut Live) {
    let call = DescribeContainerGroups {
        region_id: cloud.region.clone(),
        ..DescribeContainerGroups::default()
    };
    let pages = cloud.client.group_pages(call);
    let entries = |page: DescribeContainerGroupsReply| page.container_groups;
    add(pages, entries, &at(cloud, "container groups"), live).await;
}

/// Asks for the quotas of the account.
pub(super) async fn usage(cloud: &Cloud, live: &mut Live) {
    let call = ListUsage {
        region_id: cloud.region.clone(),
    };
    match cloud.client.call(&call).await {
        Ok(reply) => live.usage = Some(reply.attributes),
        Err(error) => live.unread(&at(cloud, "quotas"), &error.to_string()),
    }
}

/// Adds the items of all pages. Those before a page that fails are kept.
async fn add<P, T: Serialize, E: Display>(
    pages: impl Stream<Item = Result<P, E>>,
    items: impl Fn(P) -> Vec<T>,
    what: &str,
    live: &mut Live,
) {
    let mut pages = pin!(pages);
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => {
                for item in items(page) {
                    let value = serde_json::to_value(item).unwrap_or(Value::Null);
                    // a cache has the id of its builder, too
                    let id = ["ImageCacheId", "ContainerGroupId"];
                    let id = id.iter().find_map(|id| value.get(*id)?.as_str());
                    let name = format!("ECI {}", id.unwrap_or_default());
                    live.objects.push(LiveObject { name, value });
                }
            }
            Err(error) => {
                live.unread(what, &error.to_string());
                return;
            }
        }
    }
}
