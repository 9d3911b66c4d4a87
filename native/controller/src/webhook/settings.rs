//! The settings of admission from a file.

use std::path::PathBuf;
use std::time::Duration;

use imagecache::admission::AdmissionSettings;
use imagecache::diagnostic::Levels;
use imagecache::document::{self, TextFormat};
use serde_json::Value;

use super::Error;
use super::reload::Reload;

/// Settings for both addresses of the webhook.
#[derive(Debug)]
pub struct Policy(Reload<Doors>);

/// What each address does of the settings.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) validate: AdmissionSettings,
    pub(super) mutate: AdmissionSettings,
}

impl Policy {
    /// Settings from a YAML or JSON file, looked at again at most every `pause`.
    ///
    /// # Errors
    /// Everything that is wrong with the file, at once.
    pub fn open(path: PathBuf, pause: Duration) -> Result<Self, Error> {
        Reload::open(vec![path], doors, tell, pause).map(Policy)
    }

    /// Settings that stay.
    #[must_use]
    pub fn fixed(settings: &AdmissionSettings) -> Self {
        Policy(Reload::fixed(Doors::of(settings)))
    }

    pub(super) fn get(&self) -> std::sync::Arc<Doors> {
        self.0.get()
    }
}

impl Doors {
    fn of(settings: &AdmissionSettings) -> Self {
        Doors {
            validate: settings.judging(),
            mutate: settings.changing(),
        }
    }
}

/// Reads the text of settings, YAML or JSON. An empty one is the default.
///
/// # Errors
/// Everything that is wrong with it, at once.
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

fn doors(contents: &[Vec<u8>]) -> Result<Doors, Error> {
    let bytes = contents.concat();
    let text = str::from_utf8(&bytes).map_err(|_| Error::because("is not UTF-8".to_owned()))?;
    parse(text).map(|settings| Doors::of(&settings))
}

fn tell(change: Result<&Doors, &Error>) {
    match change {
        Ok(_) => tracing::info!("the settings have changed and are followed from now on"),
        Err(error) => {
            tracing::error!(%error, "the settings have changed and are faulty; the old ones stay")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_fault_of_a_file_is_told_at_once() {
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
            ("- mode: pin\n", vec!["settings must be an object"]),
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
    fn the_page_about_the_webhook_names_every_setting() {
        let page = include_str!("../../../../docs/webhook.md");
        let settings =
            serde_json::to_value(imagecache::admission::AdmissionSettings::default()).unwrap();
        for name in settings.as_object().unwrap().keys() {
            assert!(page.contains(&format!("\n| `{name}` | ")), "{name}");
        }
    }

    #[test]
    fn an_empty_file_says_nothing() {
        for text in ["", "# nothing\n", "{}", "mode:\n"] {
            assert_eq!(parse(text).unwrap(), Default::default(), "{text}");
        }
    }

    #[test]
    fn yaml_and_json_say_the_same() {
        let yaml = parse("mode: pin\nifNotPresent: true\nlevels: {IC025: error}\n").unwrap();
        let json = parse(r#"{"mode": "pin", "ifNotPresent": true, "levels": {"IC025": "error"}}"#);
        assert_eq!(yaml, json.unwrap());
    }
}
