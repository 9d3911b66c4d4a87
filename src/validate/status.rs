//! The status of an `ImageCache`.
//!
//! Sources: the vendor's field table and samples, and users who saw `Pending`. The API server drops the status of a new
//! object, and the controller writes it afterwards, so each finding is at most a warning. Unknown fields pass.

use std::fmt;

use serde_json::Value;

use super::form;
use super::messages::define;
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;
use crate::resource::Phase;
use crate::resource::annotation::ValueForm;
use crate::spelling::nearest;
use crate::time::Timestamp;
use crate::type_error::TypeError;

define! { status:
    unknown_phase(phase) "unknown phase {phase}";
    progress(value) "{value} is not a percentage from `0%` to `100%`";
    time(value) "{value} is not a time such as `2026-01-18T13:40:56Z`";
}

/// Validates `status`. Null and empty strings are absent: Go clients write unset fields this way.
///
/// | field | finding |
/// |---|---|
/// | `phase: Ready` | none |
/// | `phase: ready`, `phase: Thawing` | IC080 |
/// | `progress: 45%` | none |
/// | `progress: 45`, `progress: 101%` | IC081 |
/// | `startTime: yesterday` | IC081 |
/// | `imageCacheId: "1"` | IC081 |
pub(super) fn check(status: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let fields = match status {
        Value::Null => return,
        Value::Object(fields) => fields,
        other => {
            return wrong_type("an object", other, path, report);
        }
    };
    for (key, value) in fields {
        field(key, value, &path.field(key), report);
    }
}

fn field(key: &str, value: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let text = match (key, value) {
        (_, Value::Null) => return,
        ("events", Value::Array(_)) => return,
        ("events", other) => {
            return wrong_type("a list", other, path, report);
        }
        (
            "phase" | "progress" | "imageCacheId" | "startTime" | "lastUpdatedTime"
            | "lastUpdateTime" | "expireDateTime",
            Value::String(text),
        ) => text.as_str(),
        (
            "phase" | "progress" | "imageCacheId" | "startTime" | "lastUpdatedTime"
            | "lastUpdateTime" | "expireDateTime",
            other,
        ) => {
            return wrong_type("a string", other, path, report);
        }
        _ => return,
    };
    if text.is_empty() {
        return;
    }
    match key {
        "phase" => phase(text, path, report),
        "progress" if !is_progress(text) => {
            wrong(path, progress(Quoted(text)), report);
        }
        "imageCacheId" => form::check(text, ValueForm::CacheId, |fault| {
            wrong(path, &fault, report)
        }),
        "progress" => {}
        _ if text.parse::<Timestamp>().is_err() => {
            wrong(path, time(Quoted(text)), report);
        }
        _ => {}
    }
}

fn wrong_type(expected: &str, found: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let error = TypeError { expected, found };
    wrong(path, format_args!("{error}"), report);
}

fn wrong(path: &Path<'_>, message: impl fmt::Display, report: &mut Report<'_>) {
    report.add(
        Code::IC081,
        path,
        message,
        "Remove the status from the manifest: the controller writes it.",
    );
}

fn phase(text: &str, path: &Path<'_>, report: &mut Report<'_>) {
    if Phase::KNOWN.iter().any(|phase| phase.as_str() == text) {
        return;
    }
    report.add(
        Code::IC080,
        path,
        unknown_phase(Quoted(text)),
        PhaseHelp(text),
    );
}

struct PhaseHelp<'a>(&'a str);

impl fmt::Display for PhaseHelp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(meant) = nearest(self.0, Phase::KNOWN.iter().map(Phase::as_str)) {
            return write!(f, "Did you mean `{meant}`?");
        }
        f.write_str("Use a known phase: ")?;
        for (index, phase) in Phase::KNOWN.iter().enumerate() {
            write!(
                f,
                "{}`{}`",
                if index == 0 { "" } else { ", " },
                phase.as_str()
            )?;
        }
        f.write_str(". A cache in any other phase is not used.")
    }
}

/// Returns true for `0%` to `100%`.
fn is_progress(text: &str) -> bool {
    let Some(number) = text.strip_suffix('%') else {
        return false;
    };
    number.bytes().all(|byte| byte.is_ascii_digit())
        && number.parse::<u8>().is_ok_and(|number| number <= 100)
}
