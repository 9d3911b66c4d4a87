//! The settings of admission from a file.

use std::path::PathBuf;
use std::time::Duration;

use imagecache::admission::AdmissionSettings;
use imagecache::diagnostic::Levels;
use imagecache::document::{self, TextFormat};
use serde_json::Value;

use super::Error;
use super::reload::Reload;

/// The settings of both endpoints of the webhook.
#[derive(Debug)]
pub struct Policy(Reload<Policies>);

/// The settings of each endpoint.
#[derive(Debug)]
pub(super) struct Policies {
    pub(super) validate: AdmissionSettings,
    pub(super) mutate: AdmissionSettings,
}

impl Policy {
    /// Loads settings from a YAML or JSON file, which is checked for changes at most every `pause`.
    ///
    /// # Errors
    /// Returns every error in the file.
    pub fn open(path: PathBuf, pause: Duration) -> Result<Self, Error> {
        Reload::open(vec![path], policies, log, pause).map(Policy)
    }

    /// Returns settings that do not change.
    #[must_use]
    pub fn fixed(settings: &AdmissionSettings) -> Self {
        Policy(Reload::fixed(Policies::of(settings)))
    }

    pub(super) fn get(&self) -> std::sync::Arc<Policies> {
        self.0.get()
    }
}

impl Policies {
    fn of(settings: &AdmissionSettings) -> Self {
        Policies {
            validate: settings.judging(),
            mutate: settings.changing(),
        }
    }
}

/// Parses settings as YAML or JSON. An empty text is the default.
///
/// # Errors
/// Returns every error in the text.
pub fn parse(text: &str) -> Result<AdmissionSettings, Error> {
    let (documents, findings) = document::read(text, TextFormat::Auto, &Levels::default());
    if !findings.is_empty() {
        let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
        return Err(Error::because(findings.join("; ")));
    }
    let value = match documents.as_slice() {
        [] => &Value::Null,
        [document] => document.value(),
        more => {
            let message = format!("{} documents, one is needed", more.len());
            return Err(Error::because(message));
        }
    };
    AdmissionSettings::parse(value).map_err(|errors| Error::because(errors.to_string()))
}

fn policies(contents: &[Vec<u8>]) -> Result<Policies, Error> {
    let bytes = contents.concat();
    let text = str::from_utf8(&bytes).map_err(|_| Error::because("is not UTF-8".to_owned()))?;
    parse(text).map(|settings| Policies::of(&settings))
}

fn log(change: Result<&Policies, &Error>) {
    match change {
        Ok(_) => tracing::info!("loaded the changed settings"),
        Err(error) => {
            tracing::error!(%error, "the settings have changed and are invalid; keeping the old ones")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn settings_reports_every_error_at_once() {
        for (text, said) in [
            (
                "mode: pinn\nifNotPresnt: true\nonMiss: never\n",
                vec![
                    "ifNotPresnt: unknown field, did you mean `ifNotPresent`?",
                    "mode: unsupported value `pinn`",
                    "onMiss: ",
                ],
            ),
            (
                "mode: off\nonMiss: warn\n",
                vec!["onMiss: has no effect while `mode` is `off`"],
            ),
            ("- mode: pin\n", vec!["must be an object"]),
            (
                "mode: pin\n---\nmode: auto\n",
                vec!["2 documents, one is needed"],
            ),
            ("mode: [pin\n", vec![""]),
            ("mode: pin\nmode: auto\n", vec!["mode"]),
        ] {
            let fault = parse(text).unwrap_err().to_string();
            for part in said {
                assert!(fault.contains(part), "{text}: {fault}");
            }
        }
    }

    #[test]
    fn settings_docs_list_every_setting() {
        let page = include_str!("../../../../docs/webhook.md");
        let settings =
            serde_json::to_value(imagecache::admission::AdmissionSettings::default()).unwrap();
        for name in settings.as_object().unwrap().keys() {
            assert!(page.contains(&format!("\n| `{name}` | ")), "{name}");
        }
    }

    #[test]
    fn settings_empty_file_is_the_default() {
        for text in ["", "# nothing\n", "{}", "mode:\n"] {
            assert_eq!(parse(text).unwrap(), Default::default(), "{text}");
        }
    }

    #[test]
    fn settings_yaml_and_json_agree() {
        let yaml = parse("mode: pin\nifNotPresent: true\nlevels: {IC025: error}\n").unwrap();
        let json = parse(r#"{"mode": "pin", "ifNotPresent": true, "levels": {"IC025": "error"}}"#);
        assert_eq!(yaml, json.unwrap());
    }
}
