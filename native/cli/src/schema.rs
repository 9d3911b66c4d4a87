//! `imagecache schema`: the JSON Schema of `ImageCache` for editors.

use anyhow::Context;
use imagecache::resource::json_schema;

use crate::console::{Console, UNWRITABLE};
use crate::encode;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  imagecache schema > imagecache.schema.json

  In VS Code with the YAML extension (settings.json):
    \"yaml.schemas\": { \"./imagecache.schema.json\": \"*imagecache*.yaml\" }

  In any editor with the YAML language server, at the top of a manifest:
    # yaml-language-server: $schema=./imagecache.schema.json";

/// Print the JSON Schema of ImageCache, for editors
///
/// With the schema an editor completes fields, shows their documentation, and marks values out of range.
/// `imagecache validate` checks more: image names, annotations and workloads.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Schema {
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "json")]
    output: encode::Form,
}

impl Schema {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let text = self.output.write(&json_schema())?;
        console.document(&text).context(UNWRITABLE)?;
        Ok(Exit::Ok)
    }
}
