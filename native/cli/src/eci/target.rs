//! Caches by id or by name.

use anyhow::bail;
use futures_util::TryStreamExt as _;
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::DescribeImageCaches;

use super::connection::Cloud;

/// Begin of every id.
const ID_PREFIX: &str = "imc-";

/// The caches of this id or name; names are not unique.
pub(crate) async fn find(cloud: &Cloud, target: &str) -> anyhow::Result<Vec<ImageCacheEntry>> {
    let (id, name) = if target.starts_with(ID_PREFIX) {
        (Some(target.to_owned()), None)
    } else {
        (None, Some(target.to_owned()))
    };
    let call = DescribeImageCaches {
        region_id: cloud.region.clone(),
        image_cache_id: id,
        image_cache_name: name,
        ..DescribeImageCaches::default()
    };
    Ok(cloud.client.caches(call).try_collect().await?)
}

/// The id of one cache. An id is taken as it is: what it names may be gone by the time of the call anyway.
pub(crate) async fn id(cloud: &Cloud, target: &str) -> anyhow::Result<String> {
    if target.starts_with(ID_PREFIX) {
        return Ok(target.to_owned());
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
