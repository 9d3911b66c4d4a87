//! The severity of a finding, and the levels that users configure.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Code, UnknownCode};
use crate::setting::{self, Setting, words};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing fails.
    Hint,
    /// Works, but likely not as meant, or costs money for nothing.
    Warning,
    /// The API server or ECI refuses it, or it fails later.
    Error,
}

impl Severity {
    /// `hint`, `warning` or `error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Hint => "hint",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a configured code is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Findings are not reported.
    Off,
    /// Reported as hints.
    Hint,
    /// Reported as warnings.
    Warning,
    /// Reported as errors.
    Error,
}

/// The severities that were configured, by code; every other code keeps its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels([Option<Level>; Code::ALL.len()]);

impl Default for Levels {
    fn default() -> Self {
        Levels::DEFAULT
    }
}

words!(Level {
    "off" => Off,
    "hint" => Hint,
    "warning" => Warning,
    "error" => Error,
});

impl Setting for Levels {
    fn read(value: &Value) -> Result<Self, String> {
        let Value::Object(chosen) = value else {
            return Err(setting::wrong(value, "a map"));
        };
        let mut levels = Levels::default();
        chosen
            .iter()
            .try_for_each(|(code, level)| levels.choose(code, level))?;
        Ok(levels)
    }
}

impl Serialize for Levels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let set = Code::ALL.iter().zip(&self.0);
        serializer.collect_map(set.filter_map(|(code, level)| Some((code, (*level)?))))
    }
}

impl<'de> Deserialize<'de> for Levels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut levels = Levels::default();
        for (code, level) in BTreeMap::<Code, Level>::deserialize(deserializer)? {
            levels.set(code, level);
        }
        Ok(levels)
    }
}

impl Levels {
    /// Every code keeps its own severity.
    pub const DEFAULT: Levels = Levels([None; Code::ALL.len()]);

    /// Sets the level of the code of this name to the level that a value names.
    pub(crate) fn choose(&mut self, code: &str, level: &Value) -> Result<(), String> {
        let code: Code = code
            .parse()
            .map_err(|error: UnknownCode| error.to_string())?;
        self.set(code, Setting::read(level)?);
        Ok(())
    }

    /// Sets the level of one code.
    pub fn set(&mut self, code: Code, level: Level) {
        if let Some(slot) = self.0.get_mut(code as usize) {
            *slot = Some(level);
        }
    }

    /// The severity of a finding of `code`; `None` when it is switched off.
    #[must_use]
    pub fn severity(&self, code: Code) -> Option<Severity> {
        match self.0.get(code as usize).copied().flatten() {
            None => Some(code.severity()),
            Some(Level::Off) => None,
            Some(Level::Hint) => Some(Severity::Hint),
            Some(Level::Warning) => Some(Severity::Warning),
            Some(Level::Error) => Some(Severity::Error),
        }
    }
}
