//! What a policy engine says, what it leaves to others, and whether it says it in the core's words.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use imagecache::diagnostic::Code;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::case::{Case, data, read_json};

/// A finding of an engine: its code and `path: message`.
pub type Said = (String, String);

/// The list of an engine: `data/engines/<name>.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scope {
    /// The file of the corpus that is checked.
    pub corpus: String,
    /// At least this many of its cases are checked.
    pub judges: usize,
    /// Whether every finding of a code is reported, or one.
    pub every_finding: bool,
    /// Codes that the engine reports, and how.
    pub tells: BTreeMap<String, Telling>,
    /// Codes that it leaves to others, and why.
    pub leaves: BTreeMap<String, String>,
    /// Objects with a finding of these codes never reach the engine, and why.
    pub never_sees: BTreeMap<String, String>,
    /// Objects that it judges otherwise, by a pointer to what they have, and why.
    #[serde(default)]
    pub passes_over: BTreeMap<String, String>,
}

/// How one code is reported.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Telling {
    /// Only findings whose text matches; the rest is left, for the reason given.
    #[serde(default)]
    pub only: Option<String>,
    /// Findings whose text matches are left.
    #[serde(default)]
    pub except: Option<String>,
    /// The core's words end here, after this text.
    #[serde(default)]
    pub cut: Option<String>,
    /// Why not all, or not whole.
    #[serde(default)]
    pub why: Option<String>,
}

/// What became of the cases of one engine.
#[derive(Debug, Default)]
pub struct Tally {
    /// Checked, and in agreement.
    pub judged: usize,
    /// Findings that both had.
    pub findings: usize,
    /// Not checked, by the reason of the list.
    pub left: BTreeMap<String, usize>,
    /// Cases in which the engine says something else.
    pub disagreements: Vec<String>,
}

impl Scope {
    /// Reads a list, and holds it to be complete: each code is reported or left out, never both, and a restriction has its
    /// reason.
    ///
    /// # Errors
    /// If the file is not there or not complete.
    pub fn read(name: &str) -> Result<Self> {
        let value = read_json(&data().join(format!("engines/{name}.json")))?;
        let scope: Scope = serde_json::from_value(value).context(name.to_owned())?;
        for code in Code::ALL {
            let (told, left) = (
                scope.tells.contains_key(code.as_str()),
                scope.leaves.contains_key(code.as_str()),
            );
            ensure!(told != left, "{name}: {code} is told {told}, left {left}");
        }
        ensure!(
            scope.tells.len() + scope.leaves.len() == Code::ALL.len(),
            "{name}: a code that does not exist"
        );
        for (code, telling) in &scope.tells {
            let bounded =
                telling.only.is_some() || telling.except.is_some() || telling.cut.is_some();
            ensure!(
                bounded == telling.why.is_some(),
                "{name}: {code} and its reason"
            );
        }
        Ok(scope)
    }

    /// Holds an engine's answers against the core's.
    ///
    /// # Errors
    /// If the engine fails, or a case is malformed.
    pub fn compare(
        &self,
        cases: &[Case],
        judge: &dyn Fn(&Value) -> Result<Vec<Said>>,
    ) -> Result<Tally> {
        let mut tally = Tally::default();
        for case in cases {
            let object = case.input.get("object").context("no object")?;
            let found = case.answer.as_array().context("no findings")?;
            if let Some(why) = self.left(object, found) {
                *tally.left.entry(why).or_default() += 1;
                continue;
            }
            let expected = self.expected(found)?;
            let mut seen = as_stored(object);
            if let Some(fields) = seen.as_object_mut() {
                // The API server fills in an identity and a time.
                fields
                    .entry("metadata")
                    .or_insert_with(|| Value::Object(Map::new()));
            }
            let said: BTreeSet<Said> = judge(&seen)
                .with_context(|| case.case.clone())?
                .into_iter()
                .collect();
            if self.agrees(&expected, &said) {
                tally.judged += 1;
                tally.findings += said.len();
            } else {
                tally.disagreements.push(format!(
                    "{} {}\n  core   {expected:?}\n  engine {said:?}",
                    self.corpus, case.case
                ));
            }
        }
        let (judged, least) = (tally.judged, self.judges);
        ensure!(
            judged >= least || !tally.disagreements.is_empty(),
            "{judged} cases of {} judged, {least} are listed",
            self.corpus
        );
        Ok(tally)
    }

    fn left(&self, object: &Value, found: &[Value]) -> Option<String> {
        for found in found {
            let code = found
                .get("code")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if let Some(why) = self.never_sees.get(code) {
                return Some(format!("{code}: {why}"));
            }
        }
        if misshapen(object) {
            return Some("IC016: the API server refuses values of a wrong type".to_owned());
        }
        if unprintable(object) {
            return Some(
                "control characters: the core escapes them, policies tell them as they are"
                    .to_owned(),
            );
        }
        let passed = self
            .passes_over
            .iter()
            .find(|(pointer, _)| object.pointer(pointer).is_some());
        passed.map(|(_, why)| why.clone())
    }

    /// The findings of the core that the engine has to report.
    fn expected(&self, found: &[Value]) -> Result<BTreeSet<Said>> {
        let mut expected = BTreeSet::new();
        for found in found {
            let text = |name| found.get(name).and_then(Value::as_str).unwrap_or_default();
            let Some(telling) = self.tells.get(text("code")) else {
                continue;
            };
            let mut said = match text("path") {
                "" => text("message").to_owned(),
                path => format!("{path}: {}", text("message")),
            };
            let matches = |pattern: &Option<String>| -> Result<Option<bool>> {
                Ok(match pattern {
                    Some(pattern) => Some(Regex::new(pattern)?.is_match(&said)),
                    None => None,
                })
            };
            if matches(&telling.only)? == Some(false) || matches(&telling.except)? == Some(true) {
                continue;
            }
            if let Some(cut) = &telling.cut
                && let Some(at) = said.find(cut.as_str())
            {
                said.truncate(at + cut.len());
            }
            expected.insert((text("code").to_owned(), said));
        }
        Ok(expected)
    }

    fn agrees(&self, expected: &BTreeSet<Said>, said: &BTreeSet<Said>) -> bool {
        if self.every_finding {
            return expected == said;
        }
        let codes = |said: &BTreeSet<Said>| {
            said.iter()
                .map(|(code, _)| code.clone())
                .collect::<BTreeSet<_>>()
        };
        said.is_subset(expected) && codes(expected) == codes(said)
    }
}

fn unprintable(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(char::is_control),
        Value::Object(fields) => fields.values().any(unprintable),
        Value::Array(items) => items.iter().any(unprintable),
        _ => false,
    }
}

/// Whether a part of a workload has a type that only the API server reports.
fn misshapen(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let fits = match name.as_str() {
                "metadata" | "annotations" | "labels" | "spec" | "template" | "jobTemplate"
                | "affinity" => value.is_object(),
                "containers" | "initContainers" | "ephemeralContainers" | "tolerations" => {
                    value.is_array()
                }
                "image" | "imagePullPolicy" | "nodeName" => value.is_string(),
                // Past 64 bits.
                "imageCacheSize" | "retentionDays" => {
                    as_stored(value).as_f64().is_none() || as_stored(value).is_i64()
                }
                _ => true,
            };
            !fits && !value.is_null() || misshapen(value)
        }),
        Value::Array(items) => items.iter().any(misshapen),
        _ => false,
    }
}

/// An object as the API server hands it to a policy: null is absent (an empty text among labels and annotations), and
/// a number without a fraction is whole.
fn as_stored(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let stored = match (name.as_str(), value) {
                    (_, Value::Null) => return None,
                    ("annotations" | "labels", Value::Object(texts)) => {
                        let texts = texts.iter().map(|(key, text)| {
                            (
                                key.clone(),
                                if text.is_null() {
                                    Value::from("")
                                } else {
                                    text.clone()
                                },
                            )
                        });
                        Value::Object(texts.collect())
                    }
                    _ => as_stored(value),
                };
                Some((name.clone(), stored))
            };
            Value::Object(fields.iter().filter_map(field).collect())
        }
        Value::Array(items) => items.iter().map(as_stored).collect(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{float:.0}")
                .parse::<i64>()
                .map_or_else(|_| value.clone(), Value::from),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

/// Code and words of a rule of a policy: its `message` is `IC022 too-many-images`.
///
/// # Errors
/// If there is no such code or it has another name.
pub fn code_of(message: &str) -> Result<Code> {
    let Some((code, name)) = message.split_once(' ') else {
        bail!("`{message}` is no code with its name");
    };
    let code: Code = code.parse()?;
    ensure!(
        code.name() == name,
        "{code} is called {}, not {name}",
        code.name()
    );
    Ok(code)
}
