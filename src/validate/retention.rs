//! The retention of an `ImageCache`.
//!
//! Source: the vendor's field table: 1 to 65536 days, and no expiry if not set. The hint that a cache without expiry keeps
//! costing money is this project's choice, after user reports.

use serde_json::{Map, Value};

use super::messages::define;
use super::size::{Misfit, not_whole, within};
use crate::diagnostic::{Code, Report};
use crate::path::Path;
use crate::resource::{MAX_RETENTION_DAYS, MIN_RETENTION_DAYS};

define! { retention:
    not_set() "not set, the cache never expires";
    too_short(days, limit) "{days} days, at least {limit} required";
    too_long(days, limit) "{days} days, at most {limit} allowed";
}

/// Validates `spec.retentionDays`.
///
/// | days | finding |
/// |---|---|
/// | absent, null | IC042 |
/// | `1`, `7.0`, `65536` | none |
/// | `0`, `-1`, `65537` | IC041 |
/// | `1.5`, `"7"`, `7d` | IC016 |
pub(super) fn check(spec: &Map<String, Value>, path: &Path<'_>, report: &mut Report<'_>) {
    let path = path.field("retentionDays");
    let value = match spec.get("retentionDays") {
        None | Some(Value::Null) => {
            return report.add(
                Code::IC042,
                &path,
                not_set(),
                "Set the days after which ECI deletes the cache: its snapshot costs money until then.",
            );
        }
        Some(value) => value,
    };
    match within(value, MIN_RETENTION_DAYS, MAX_RETENTION_DAYS) {
        Ok(()) => {}
        Err(Misfit::Below(days)) => report.add(
            Code::IC041,
            &path,
            too_short(days, MIN_RETENTION_DAYS),
            "Remove the field to keep the cache without expiry.",
        ),
        Err(Misfit::Above(days)) => report.add(
            Code::IC041,
            &path,
            too_long(days, MAX_RETENTION_DAYS),
            "Remove the field to keep the cache without expiry.",
        ),
        Err(Misfit::Type) => not_whole(value, "days", &path, report),
    }
}
