//! The owner's facts of `project.toml`: names and addresses that a fork changes.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::setup;

/// The version of everything that is released together.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Owner and contact. The other facts of the file are read by `tests/deploy`.
#[derive(Debug, Deserialize)]
pub(crate) struct Project {
    pub(crate) maintainer: String,
    pub(crate) email: String,
    pub(crate) repository: String,
}

impl Project {
    /// Reads `project.toml`.
    pub(crate) fn read() -> Result<Self> {
        let path = setup::root()?.join("project.toml");
        let text = std::fs::read_to_string(&path).context("project.toml")?;
        toml::from_str(&text).context("project.toml")
    }
}
