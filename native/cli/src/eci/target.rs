//! Caches by id or by name.

use anyhow::bail;
use futures_util::TryStreamExt as _;
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::target::Target;

use super::connection::Cloud;

/// Returns the caches of this id or name; names are not unique.
pub(crate) async fn find(cloud: &Cloud, target: &str) -> anyhow::Result<Vec<ImageCacheEntry>> {
    let call = Target::read(target).describe(&cloud.region);
    Ok(cloud.client.caches(call).try_collect().await?)
}

/// Returns the id of one cache. An id is returned unchecked: the cache may be deleted before the next call anyway.
pub(crate) async fn id(cloud: &Cloud, target: &str) -> anyhow::Result<String> {
    if let Target::Id(id) = Target::read(target) {
        return Ok(id.to_owned());
    }
    let found = find(cloud, target).await?;
    match found.as_slice() {
        [only] => Ok(only.image_cache_id.clone()),
        [] => bail!("no cache is called {target} in {}", cloud.region),
        several => {
            let ids: Vec<&str> = several
                .iter()
                .map(|cache| cache.image_cache_id.as_str())
                .collect();
            bail!(
                "{} caches are called {target}; name one by its id: {}",
                several.len(),
                ids.join(", ")
            )
        }
    }
}
