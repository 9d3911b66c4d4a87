//! How long an `ImageCache` is kept.
//!
//! Source: the vendor's field table: 1 to 65536 days, empty means for ever. That for ever costs money is this project's
//! hint, after users who met the bill.

use serde_json::{Map, Value};

use super::size::{Misfit, not_whole, within};
use crate::diagnostic::{Code, Report};
use crate::path::Path;
use crate::resource::{MAX_RETENTION_DAYS, MIN_RETENTION_DAYS};

/// `spec.retentionDays`.
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
                "missing, so the cache is kept for ever",
                "Set the days after which it may go: its snapshot costs money as long as it is kept.",
            );
        }
        Some(value) => value,
    };
    match within(value, MIN_RETENTION_DAYS, MAX_RETENTION_DAYS) {
        Ok(()) => {}
        Err(Misfit::Below(days)) => report.add(
            Code::IC041,
            &path,
            format_args!("{days} days, at least {MIN_RETENTION_DAYS} needed"),
            "To keep the cache for ever, leave the field out.",
        ),
        Err(Misfit::Above(days)) => report.add(
            Code::IC041,
            &path,
            format_args!("{days} days, at most {MAX_RETENTION_DAYS} allowed"),
            "To keep the cache for ever, leave the field out.",
        ),
        Err(Misfit::Type) => not_whole(value, "days", &path, report),
    }
}
