//! `imagecache man`: writes the manual pages, for packages.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::exit::Exit;

/// Write the manual pages of all commands into a directory
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Directory, made if it is missing
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

impl Man {
    pub(crate) fn run(&self, command: clap::Command) -> anyhow::Result<Exit> {
        let name = self.directory.display();
        std::fs::create_dir_all(&self.directory)
            .and_then(|()| clap_mangen::generate_to(command, &self.directory))
            .with_context(|| format!("{name} cannot be written"))?;
        Ok(Exit::Ok)
    }
}
