//! The simulated cloud: what time and calls make of it, what it lets in over HTTP, and what our own client makes of its
//! faults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)] // a test may stop at the first surprise

mod audit;
mod caches;
mod client;
mod fixtures;
mod gateway;
mod groups;
mod lives;

use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::{CreateImageCache, DescribeImageCaches};
use imagecache_simulator::cloud::world::Settings;
use imagecache_simulator::cloud::{Clock, Cloud, Config, Hand};

const REGION: &str = "cn-beijing";
const NGINX: &str = "registry.example.com/demo/nginx:1.27";

/// A cloud whose time a test moves.
fn stepped(settings: Settings) -> (Cloud, Hand) {
    let (clock, hand) = Clock::stepped("2026-01-18T03:18:02Z".parse().unwrap());
    let config = Config {
        clock,
        settings,
        ..Config::default()
    };
    (Cloud::open(config).unwrap(), hand)
}

fn create(name: &str, images: &[&str]) -> CreateImageCache {
    CreateImageCache {
        region_id: REGION.into(),
        image_cache_name: name.into(),
        image: images.iter().map(|image| (*image).into()).collect(),
        ..Default::default()
    }
}

/// All caches that a call with these filters shows.
fn list(cloud: &Cloud, filters: DescribeImageCaches) -> Vec<ImageCacheEntry> {
    let call = DescribeImageCaches {
        region_id: REGION.into(),
        limit: Some(100),
        ..filters
    };
    cloud.call(&call).unwrap().image_caches
}

fn find(cloud: &Cloud, id: &str) -> Option<ImageCacheEntry> {
    let filters = DescribeImageCaches {
        image_cache_id: Some(id.into()),
        ..Default::default()
    };
    list(cloud, filters).pop()
}

fn get(cloud: &Cloud, id: &str) -> ImageCacheEntry {
    find(cloud, id).unwrap_or_else(|| panic!("no cache {id}"))
}

/// Names of all caches, sorted.
fn names(cloud: &Cloud) -> Vec<String> {
    let all = list(cloud, DescribeImageCaches::default());
    let mut names: Vec<_> = all
        .into_iter()
        .map(|cache| cache.image_cache_name)
        .collect();
    names.sort();
    names
}
