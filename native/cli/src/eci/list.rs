//! `imagecache eci list`: the caches of a region.

use futures_util::TryStreamExt as _;
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::{DescribeImageCaches, Tag};

use super::connection::{Connection, block_on};
use super::show::{self, Form};
use crate::clock::Clock;
use crate::console::Console;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  imagecache eci list
  imagecache eci list --tag team=ml -o json
  imagecache eci list --match-image registry.example.com/demo/nginx:1.27 --full-match
  imagecache eci list -o json | imagecache expire -f - --within 7d";

/// List the caches of a region
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Only caches of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only caches with this image
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Only the cache of this snapshot
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// Only caches of this resource group
    #[arg(long, value_name = "ID")]
    resource_group: Option<String>,
    /// Only caches with this tag; repeatable
    #[arg(long, value_name = "KEY[=VALUE]", value_parser = tag)]
    tag: Vec<Tag>,
    /// Only the best matches of this image, as ECI ranks them; repeatable
    #[arg(long, value_name = "IMAGE")]
    match_image: Vec<String>,
    /// With --match-image: every image must match fully
    #[arg(long, requires = "match_image")]
    full_match: bool,
    /// With --match-image: this many images must match fully
    #[arg(long, value_name = "NUMBER", requires = "match_image")]
    match_count: Option<i32>,
    /// Caches per request; every page is requested
    #[arg(long, value_name = "NUMBER")]
    page_size: Option<i32>,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    connection: Connection,
}

#[expect(clippy::unnecessary_wraps, reason = "clap asks for a Result")]
fn tag(text: &str) -> Result<Tag, String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    Ok(Tag {
        key: key.to_owned(),
        value,
    })
}

impl List {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let cloud = self.connection.cloud()?;
        let call = DescribeImageCaches {
            region_id: cloud.region.clone(),
            image_cache_name: self.name.clone(),
            snapshot_id: self.snapshot.clone(),
            image: self.image.clone(),
            resource_group_id: self.resource_group.clone(),
            tag: self.tag.clone(),
            match_image: self.match_image.clone(),
            image_full_match: self.full_match.then_some(true),
            image_match_count_request: self.match_count,
            limit: self.page_size,
            ..DescribeImageCaches::default()
        };
        let caches: Vec<ImageCacheEntry> =
            block_on(async { Ok(cloud.client.caches(call).try_collect().await?) })?;
        let now = self.clock.now();
        self.output
            .print(&caches, |caches| show::rows(caches, now), console)?;
        Ok(Exit::Ok)
    }
}
