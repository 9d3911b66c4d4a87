//! `imagecache eci delete`: caches removed.

use anyhow::Context as _;
use imagecache::eci::request::DeleteImageCache;

use super::connection::{Cloud, Connection, block_on};
use super::target;
use super::watch::Watch;
use crate::console::{self, Console, UNWRITABLE};
use crate::exit::Exit;

/// Delete caches by id or name; running pods are not affected
#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// Ids (imc-…) or names; an ambiguous name deletes nothing
    #[arg(value_name = "ID|NAME", required = true)]
    targets: Vec<String>,
    /// Print the requests, and do not send them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    connection: Connection,
}

impl Delete {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let cloud = self.connection.cloud()?;
        block_on(self.send(&cloud, console))
    }

    async fn send(&self, cloud: &Cloud, console: &mut Console) -> anyhow::Result<Exit> {
        let (mut deleted, mut exit) = (Vec::new(), Exit::Ok);
        for target in &self.targets {
            match self.delete(cloud, target, console).await {
                Ok(Some(id)) => deleted.push(id),
                Ok(None) => {}
                Err(error) => {
                    exit = Exit::Failure;
                    console::complain(&format!("{target}: {error:#}"));
                }
            }
        }
        if self.watch.is_wanted() {
            self.watch.until_gone(cloud, &deleted).await?;
        }
        for id in deleted {
            console
                .line(format_args!("{id} deleted"))
                .context(UNWRITABLE)?;
        }
        Ok(exit)
    }

    /// The id of what was deleted.
    async fn delete(
        &self,
        cloud: &Cloud,
        target: &str,
        console: &mut Console,
    ) -> anyhow::Result<Option<String>> {
        let id = target::id(cloud, target).await?;
        let call = DeleteImageCache {
            region_id: cloud.region.clone(),
            image_cache_id: id.clone(),
            ..DeleteImageCache::default()
        };
        if self.dry_run {
            self.connection.show(cloud, &call, console).await?;
            return Ok(None);
        }
        cloud.client.call(&call).await?;
        Ok(Some(id))
    }
}
