//! Questions with their answers, and the files that hold them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A question and its answer: one line of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Where it comes from.
    pub case: String,
    /// What is asked: a call of [`crate::native::answer`].
    pub call: String,
    /// What it is asked about.
    pub input: Value,
    /// What the core answers.
    #[serde(default)]
    pub answer: Value,
}

impl Case {
    /// A question without its answer.
    #[must_use]
    pub fn ask(case: impl Into<String>, call: &str, input: Value) -> Self {
        Case {
            case: case.into(),
            call: call.to_owned(),
            input,
            answer: Value::Null,
        }
    }
}

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of this crate's data.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// Reads a file of JSON.
///
/// # Errors
/// If it is not there or no JSON.
pub fn read_json(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// Files of questions by name, without `.jsonl`.
pub type Corpus = BTreeMap<String, Vec<Case>>;

/// The corpus as it lies in the files.
///
/// # Errors
/// If a file cannot be read.
pub fn committed() -> Result<Corpus> {
    let folder = data().join("corpus");
    let mut corpus = Corpus::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        let text = std::fs::read_to_string(&path)?;
        let cases: Result<Vec<Case>, _> = text.lines().map(serde_json::from_str).collect();
        corpus.insert(
            name.unwrap_or_default().to_owned(),
            cases.with_context(|| path.display().to_string())?,
        );
    }
    Ok(corpus)
}

/// Every question with the core's answer to it.
///
/// # Errors
/// If a table cannot be read.
pub fn answered() -> Result<Corpus> {
    let mut corpus = crate::tables::corpus()?;
    for (file, cases) in crate::random::corpus() {
        corpus.entry(file).or_default().extend(cases);
    }
    for case in corpus.values_mut().flatten() {
        case.answer = crate::native::answer(&case.call, &case.input)
            .with_context(|| format!("case {}", case.case))?;
    }
    Ok(corpus)
}

/// The text of a file: one case a line.
///
/// # Errors
/// Never for cases that were read from JSON.
pub fn lines(cases: &[Case]) -> Result<String> {
    let lines: Result<Vec<String>, _> = cases.iter().map(serde_json::to_string).collect();
    Ok(lines?.join("\n") + "\n")
}
