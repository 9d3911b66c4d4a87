//! `imagecache eci update`: caches changed to what manifests or options say.

use anyhow::Context as _;
use imagecache::eci::object::{CallContext, update};
use imagecache::eci::request::UpdateImageCache;

use super::connection::{Cloud, Connection, block_on};
use super::manifests::{Manifests, Read};
use super::show::{self, Form};
use super::target;
use super::watch::{self, Watch};
use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE};
use crate::exit::Exit;
use crate::usage::usage_error;

const EXAMPLES: &str = "\
Examples:
  imagecache eci update -f cache.yaml --watch
  imagecache eci update -f cache.yaml --cache imc-2zeexample0000000001
  imagecache eci update --cache base --retention-days 14

Only a cache in Ready or UpdateFailed can be updated. Pods cannot use a cache in Updating.
Options change only what they name. A manifest replaces everything, but cannot remove a retention.";

/// Update caches from manifests or options
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Update {
    #[command(flatten)]
    manifests: Manifests,
    /// Cache to update [default: status.imageCacheId or the name in the manifest]
    #[arg(long, value_name = "ID|NAME")]
    cache: Option<String>,
    /// Without a manifest: new image; repeatable
    #[arg(long, value_name = "IMAGE", requires = "cache", conflicts_with_all = ["filenames", "paths"])]
    image: Vec<String>,
    /// Without a manifest: new size in GiB
    #[arg(long, value_name = "GIB", requires = "cache", conflicts_with_all = ["filenames", "paths"])]
    size: Option<i32>,
    /// Without a manifest: new retention in days
    #[arg(long, value_name = "DAYS", requires = "cache", conflicts_with_all = ["filenames", "paths"])]
    retention_days: Option<i32>,
    /// Print the requests with masked secrets, and do not send them
    #[arg(long)]
    dry_run: bool,
    /// With --watch: output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    connection: Connection,
}

impl Update {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let options =
            !self.image.is_empty() || self.size.is_some() || self.retention_days.is_some();
        if self.manifests.is_empty() && !options {
            let message = "nothing to change: name manifests with -f, or say what with options";
            return Err(usage_error(message));
        }
        let read = self.manifests.read()?;
        if read.invalid {
            return Ok(Exit::Findings);
        }
        if read.incomplete {
            return Ok(Exit::Failure);
        }
        if self.cache.is_some() && read.caches.len() > 1 {
            return Err(usage_error("--cache: expected one manifest"));
        }
        let cloud = self.connection.cloud()?;
        block_on(self.send(&read, &cloud, console))
    }

    async fn send(
        &self,
        read: &Read,
        cloud: &Cloud,
        console: &mut Console,
    ) -> anyhow::Result<Exit> {
        let calls = self.calls(read, cloud).await?;
        if self.dry_run {
            for call in &calls {
                self.connection.show(cloud, call, console).await?;
            }
            return Ok(Exit::Ok);
        }
        let (mut updating, mut exit) = (Vec::new(), Exit::Ok);
        for call in calls {
            let id = call.image_cache_id.clone();
            match cloud.client.call(&call).await {
                Ok(_) => updating.push(id),
                Err(error) => {
                    exit = Exit::Failure;
                    console::complain(&format!("{id}: {error}"));
                }
            }
        }
        if !self.watch.is_wanted() {
            for id in &updating {
                console
                    .line(format_args!("updating {id}"))
                    .context(UNWRITABLE)?;
            }
            return Ok(exit);
        }
        let caches = self.watch.until_settled(cloud, &updating).await?;
        let now = self.clock.now();
        self.output
            .print(&caches, |caches| show::rows(caches, now), console)?;
        Ok(exit.max(watch::verdict(&caches, now)))
    }

    async fn calls(&self, read: &Read, cloud: &Cloud) -> anyhow::Result<Vec<UpdateImageCache>> {
        let mut calls = Vec::new();
        for cache in &read.caches {
            let name = cache.metadata.name.clone().unwrap_or_default();
            let status = cache.status.as_ref();
            let recorded = status.and_then(|status| status.image_cache_id.as_deref());
            let target = self.cache.as_deref().or(recorded).unwrap_or(&name);
            let id = target::id(cloud, target).await?;
            let logins = read.logins(cache).with_context(|| name.clone())?;
            let context = CallContext {
                region_id: &cloud.region,
                defaults: &read.defaults,
                logins: &logins,
                attempt: 0,
            };
            calls.push(update(cache, &id, &context).with_context(|| name)?);
        }
        if let (Some(target), true) = (&self.cache, read.caches.is_empty()) {
            calls.push(UpdateImageCache {
                region_id: cloud.region.clone(),
                image_cache_id: target::id(cloud, target).await?,
                image: self.image.clone(),
                image_cache_size: self.size,
                retention_days: self.retention_days,
                ..UpdateImageCache::default()
            });
        }
        Ok(calls)
    }
}
