//! Values as JSON and YAML text.

use anyhow::Context;
use serde::Serialize;

/// A form for verbs that print one value.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Form {
    /// JSON, indented
    Json,
    /// YAML
    Yaml,
}

impl Form {
    /// The text of a value in this form.
    pub(crate) fn write(self, value: &impl Serialize) -> anyhow::Result<String> {
        match self {
            Form::Json => json(value),
            Form::Yaml => yaml(value),
        }
    }
}

/// Returns indented JSON, with a line end.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    text.push('\n');
    Ok(text)
}

/// The elements of an array as [`json`] writes them, without the array: to be joined by `,\n`.
pub(crate) fn json_elements(array: &[impl Serialize]) -> anyhow::Result<String> {
    let text = json(&array)?;
    let elements = text
        .strip_prefix("[\n")
        .and_then(|text| text.strip_suffix("\n]\n"));
    Ok(elements.unwrap_or_default().to_owned())
}

/// YAML that readers of YAML 1.1 and 1.2 understand alike: `no`, `1e3` and the like are quoted.
pub(crate) fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    serde_saphyr::to_string(value).context("cannot write YAML")
}
