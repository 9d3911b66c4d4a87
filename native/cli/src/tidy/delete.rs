//! The deletions: of ImageCaches in the cluster, of caches in ECI.

use anyhow::Context as _;
use imagecache::eci::request::DeleteImageCache;
use imagecache::resource::{API_VERSION, PLURAL};
use imagecache::tidy::{TidyCache, TidyTarget};
use imagecache_controller::cluster::Client;
use kube::api::{DeleteParams, Preconditions};
use kube::core::Request;
use serde_json::Value;

use crate::console::{self, Console, UNWRITABLE, visible};
use crate::eci::connection::{Cloud, block_on};
use crate::live::{Sources, why};

/// Deletes these caches one by one. Returns whether one could not be deleted; the others are deleted all the same.
pub(super) fn all(
    caches: &[&TidyCache],
    sources: &Sources,
    console: &mut Console,
) -> anyhow::Result<bool> {
    let cloud = sources.cloud()?;
    block_on(async {
        let client = sources.live.client().await?;
        let mut failed = false;
        for cache in caches {
            let Some(target) = &cache.target else {
                continue;
            };
            let (name, done) = one(target, client.as_ref(), cloud.as_ref()).await;
            match done {
                Ok(()) => console
                    .line(format_args!("{name} deleted"))
                    .context(UNWRITABLE)?,
                Err(why) => {
                    failed = true;
                    console::complain(&visible(&format!("{name}: not deleted: {why}")));
                }
            }
        }
        Ok(failed)
    })
}

/// Deletes one target. Returns its name, and why it could not be deleted.
async fn one(
    target: &TidyTarget,
    client: Option<&Client>,
    cloud: Option<&Cloud>,
) -> (String, Result<(), String>) {
    match (target, client, cloud) {
        (
            TidyTarget::ImageCache {
                name,
                uid,
                resource_version,
            },
            Some(client),
            _,
        ) => {
            let done = object(client, name, uid, resource_version).await;
            (format!("imagecache/{name}"), done)
        }
        (TidyTarget::Cache { image_cache_id }, _, Some(cloud)) => {
            let call = DeleteImageCache {
                region_id: cloud.region.clone(),
                image_cache_id: image_cache_id.clone(),
                ..DeleteImageCache::default()
            };
            let done = cloud.client.call(&call).await;
            let done = done.map(drop).map_err(|error| error.to_string());
            (image_cache_id.clone(), done)
        }
        (other, ..) => (format!("{other:?}"), Err("not known how".to_owned())),
    }
}

/// Deletes an ImageCache, unless it has changed.
async fn object(client: &Client, name: &str, uid: &str, version: &str) -> Result<(), String> {
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
        }),
        ..DeleteParams::default()
    };
    let request = Request::new(format!("/apis/{API_VERSION}/{PLURAL}"));
    let request = request.delete(name, &params);
    let request = request.map_err(|error| error.to_string())?;
    let done = client.request::<Value>(request).await;
    done.map(drop).map_err(|error| why(&error))
}
