//! `imagecache eci usage`: what an account may have and has.

use anyhow::Context as _;
use clap::ValueEnum;
use imagecache::eci::reply;
use imagecache::eci::request::ListUsage;

use super::connection::{Connection, block_on};
use crate::console::{Console, UNWRITABLE};
use crate::exit::Exit;
use crate::{encode, table};

/// Show quota and usage of caches in a region
#[derive(Debug, clap::Args)]
pub(crate) struct Usage {
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// A table of the quotas of caches
    Text,
    /// One JSON object with every quota, named as in the API
    Json,
    /// One YAML mapping with every quota
    Yaml,
}

impl Usage {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let cloud = self.connection.cloud()?;
        let call = ListUsage {
            region_id: cloud.region.clone(),
        };
        let usage = block_on(async { Ok(cloud.client.call(&call).await?) })?.attributes;
        let text = match self.output {
            Form::Text => text(&usage),
            Form::Json => encode::json(&usage)?,
            Form::Yaml => encode::yaml(&usage)?,
        };
        console.document(&text).context(UNWRITABLE)?;
        Ok(Exit::Ok)
    }
}

fn text(usage: &reply::Usage) -> String {
    let mut table = table::new(&["KIND", "USED", "AT MOST"]);
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    for (kind, used, most) in [
        (
            "image caches",
            usage.used_image_cache_count,
            usage.max_image_cache_count,
        ),
        (
            "automatic image caches",
            usage.used_auto_image_cache_count,
            usage.max_auto_image_cache_count,
        ),
        (
            "data caches",
            usage.used_data_cache_count,
            usage.max_data_cache_count,
        ),
    ] {
        table.add_row([kind.to_owned(), number(used), number(most)]);
    }
    table::lines(&table)
}
