//! Values as JSON and YAML text.

use anyhow::Context;
use imagecache::foreign::Foreign;
use serde::Serialize;
use serde_json::Value;

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

/// Returns indented JSON, with a line end. Characters that steer a terminal are `\uXXXX`.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    let text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    Ok(format!("{}\n", Foreign(&text).json()))
}

/// Returns JSON on one line, without a line end. Characters that steer a terminal are `\uXXXX`.
pub(crate) fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    Ok(Foreign(&text).json().to_string())
}

/// The elements of an array as [`json`] writes them, without the array: to be joined by `,\n`.
pub(crate) fn json_elements(array: &[impl Serialize]) -> anyhow::Result<String> {
    let text = json(&array)?;
    let elements = text
        .strip_prefix("[\n")
        .and_then(|text| text.strip_suffix("\n]\n"));
    Ok(elements.unwrap_or_default().to_owned())
}

/// Returns YAML that readers of YAML 1.1 and 1.2 understand alike: `no`, `1e3` and the like are quoted. A value with a
/// character that steers a terminal is written as JSON, which is YAML and has an escape for each.
pub(crate) fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    let text = serde_saphyr::to_string(value).context("cannot write YAML")?;
    let lines = text.split(['\n', '\t']);
    if lines.into_iter().all(|line| Foreign(line).is_plain()) {
        return Ok(text);
    }
    let value = serde_json::to_value(value).context("cannot write YAML")?;
    let lines: Result<String, _> = match &value {
        // the sequence is a part of a longer one
        Value::Array(items) => items
            .iter()
            .map(|item| Ok(format!("- {}\n", json_line(item)?)))
            .collect(),
        other => json_line(other).map(|text| format!("{text}\n")),
    };
    lines.context("cannot write YAML")
}

#[cfg(test)]
mod tests {
    use imagecache::diagnostic::Levels;
    use imagecache::document::{TextFormat, read};
    use imagecache::foreign::steers;
    use serde_json::{Value, json};

    use super::{json, yaml};

    #[test]
    fn json_and_yaml_hold_nothing_that_steers() {
        let value = json!([{"a": "b\u{9b}31m\u{202e}\n::error::x\r\u{1b}", "\u{2028}": ["\t"]}, "no", "plain"]);
        for text in [json(&value).unwrap(), yaml(&value).unwrap()] {
            assert!(!text.contains(|c| steers(c) && c != '\n'), "{text:?}");
        }
        assert_eq!(
            serde_json::from_str::<Value>(&json(&value).unwrap()).unwrap(),
            value
        );
        let levels = Levels::default();
        let (read, _) = read(&yaml(&value).unwrap(), TextFormat::Yaml, &levels);
        assert_eq!(read[0].value(), &value);
    }
}
