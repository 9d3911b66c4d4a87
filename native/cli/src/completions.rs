//! `imagecache completions`: prints the completion script of a shell.

use anyhow::Context;
use clap_complete::Shell;

use crate::console::{Console, UNWRITABLE};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  source <(imagecache completions bash)
  imagecache completions zsh > \"${fpath[1]}/_imagecache\"
  imagecache completions fish > ~/.config/fish/completions/imagecache.fish";

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// Shell to print the script for
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(
        &self,
        command: &mut clap::Command,
        console: &mut Console,
    ) -> anyhow::Result<Exit> {
        // clap_complete panics when its writer fails; a vector does not.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "imagecache", &mut script);
        console
            .document(&String::from_utf8_lossy(&script))
            .context(UNWRITABLE)?;
        Ok(Exit::Ok)
    }
}
