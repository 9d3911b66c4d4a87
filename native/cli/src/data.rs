//! Values as JSON and YAML text.

use anyhow::Context;
use serde::Serialize;

/// Indented JSON, with a line end behind it.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    text.push('\n');
    Ok(text)
}

/// YAML that any reader of YAML 1.1 or 1.2 understands alike.
pub(crate) fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    serde_saphyr::to_string(value).context("cannot write YAML")
}
