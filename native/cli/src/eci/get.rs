//! `imagecache eci get`: everything about some caches.

use super::connection::{Connection, block_on};
use super::show::{self, Form};
use super::target;
use super::watch::{self, Watch};
use crate::clock::Clock;
use crate::console::{self, Console};
use crate::exit::Exit;

/// Show the details and events of caches, by id or name
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// Ids (imc-…) or names; names are not unique
    #[arg(value_name = "ID|NAME", required = true)]
    targets: Vec<String>,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    connection: Connection,
}

impl Get {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let cloud = self.connection.cloud()?;
        let (caches, mut exit) = block_on(async {
            let (mut caches, mut exit) = (Vec::new(), Exit::Ok);
            for target in &self.targets {
                let found = target::find(&cloud, target).await?;
                if found.is_empty() {
                    console::complain(&format!("no cache is called {target} in {}", cloud.region));
                    exit = Exit::Failure;
                }
                caches.extend(found);
            }
            if self.watch.is_wanted() {
                let ids = caches.iter().map(|cache| cache.image_cache_id.clone());
                let ids: Vec<String> = ids.collect();
                caches = self.watch.until_settled(&cloud, &ids).await?;
            }
            Ok((caches, exit))
        })?;
        let now = self.clock.now();
        self.output
            .print(&caches, |caches| show::details(caches, now), console)?;
        if self.watch.is_wanted() {
            exit = exit.max(watch::verdict(&caches, now));
        }
        Ok(exit)
    }
}
