//! The severity of a finding, and the levels that users configure.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Code;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Information; nothing fails.
    Hint,
    /// Works, but probably not as intended, or costs money without benefit.
    Warning,
    /// The API server or ECI rejects it, or it fails later.
    Error,
}

impl Severity {
    /// Returns `hint`, `warning` or `error`.
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

impl FromStr for Severity {
    type Err = UnknownLevel;

    /// Parses `hint`, `warning` or `error`.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let all = [Severity::Hint, Severity::Warning, Severity::Error];
        let found = all.into_iter().find(|severity| severity.as_str() == text);
        found.ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

/// A text that is not a level or not a severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown level `{0}`; levels are `off`, `hint`, `warning` and `error`")]
pub struct UnknownLevel(
    /// The text.
    pub String,
);

/// The level that a code is configured to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Findings are not reported.
    Off,
    /// Findings are hints.
    Hint,
    /// Findings are warnings.
    Warning,
    /// Findings are errors.
    Error,
}

impl Level {
    /// Returns `off`, `hint`, `warning` or `error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.severity().map_or("off", Severity::as_str)
    }

    /// Returns the severity of findings at this level; `None` if they are off.
    #[must_use]
    pub fn severity(self) -> Option<Severity> {
        match self {
            Level::Off => None,
            Level::Hint => Some(Severity::Hint),
            Level::Warning => Some(Severity::Warning),
            Level::Error => Some(Severity::Error),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Parses `off`, `hint`, `warning` or `error`.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text {
            "off" => Ok(Level::Off),
            "hint" => Ok(Level::Hint),
            "warning" => Ok(Level::Warning),
            "error" => Ok(Level::Error),
            _ => Err(UnknownLevel(text.to_owned())),
        }
    }
}

/// The configured level of each code. A code without one keeps its default severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels([Option<Level>; Code::ALL.len()]);

impl Default for Levels {
    fn default() -> Self {
        Levels::DEFAULT
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
    /// No configured levels: every code keeps its default severity.
    pub const DEFAULT: Levels = Levels([None; Code::ALL.len()]);

    /// Sets the level of one code.
    pub fn set(&mut self, code: Code, level: Level) {
        if let Some(slot) = self.0.get_mut(code as usize) {
            *slot = Some(level);
        }
    }

    /// Returns the severity of a finding of `code`, or `None` if the code is off.
    #[must_use]
    pub fn severity(&self, code: Code) -> Option<Severity> {
        match self.0.get(code as usize).copied().flatten() {
            None => Some(code.severity()),
            Some(level) => level.severity(),
        }
    }
}
