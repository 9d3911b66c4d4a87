//! The output of `kubectl get imagecaches`: the columns of the CRD and their cells.

use serde_json::Value;

use crate::time::Timestamp;

/// A printer column of the CRD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The header; `kubectl` prints it in capitals.
    pub name: &'static str,
    /// `date` (printed as an age) or `string`.
    pub kind: &'static str,
    /// Path of the value: `.status.phase`.
    pub json_path: &'static str,
}

/// The columns after the name, in the vendor's order.
pub const COLUMNS: [Column; 4] = [
    Column {
        name: "Age",
        kind: "date",
        json_path: ".metadata.creationTimestamp",
    },
    Column {
        name: "CacheId",
        kind: "string",
        json_path: ".status.imageCacheId",
    },
    Column {
        name: "Phase",
        kind: "string",
        json_path: ".status.phase",
    },
    Column {
        name: "Progress",
        kind: "string",
        json_path: ".status.progress",
    },
];

/// Returns the cells of an object in [`COLUMNS`], as a Kubernetes API server renders them at `now`. `None` is an empty
/// cell (`null` in a Table).
///
/// ```
/// use imagecache::resource::cells;
/// let cache = serde_json::json!({
///     "metadata": {"creationTimestamp": "2026-01-18T13:40:56Z"},
///     "status": {"phase": "Creating", "progress": "45%"},
/// });
/// let cells = cells(&cache, "2026-01-18T13:44:17Z".parse().unwrap());
/// assert_eq!(cells.map(Option::unwrap_or_default), ["3m21s", "", "Creating", "45%"]);
/// ```
#[must_use]
pub fn cells(object: &Value, now: Timestamp) -> [Option<String>; 4] {
    COLUMNS.map(|column| {
        let value = column
            .json_path
            .split('.')
            .skip(1)
            .try_fold(object, |value, field| value.get(field))?;
        match (column.kind, value) {
            (_, Value::Null) => None,
            ("date", Value::String(text)) => Some(age(text, now)),
            ("date", _) => None,
            (_, Value::String(text)) => Some(text.clone()),
            (_, other) => Some(other.to_string()),
        }
    })
}

/// Returns the age of an object created at `created` (RFC 3339), as `kubectl` prints it: `<unknown>` without a time,
/// `<invalid>` for text that is not a time and for a time in the future.
fn age(created: &str, now: Timestamp) -> String {
    // Go's zero time: the empty text, null, and the first second of year 1.
    if matches!(created, "" | "null" | "0001-01-01T00:00:00Z") {
        return "<unknown>".to_owned();
    }
    created.parse().map_or_else(
        |_| "<invalid>".to_owned(),
        |created| human_duration(now.since(created)),
    )
}

/// Formats seconds as `kubectl` prints ages: two units for a short age, one unit for a long one. Years have 365 days.
/// Less than -1 s is `<invalid>`. The longest age is 292 years, as in Go.
///
/// ```
/// use imagecache::resource::human_duration;
/// assert_eq!(human_duration(119), "119s");
/// assert_eq!(human_duration(7 * 86_400 + 23 * 3600), "7d23h");
/// assert_eq!(human_duration(8 * 86_400), "8d");
/// ```
#[must_use]
pub fn human_duration(seconds: i64) -> String {
    const LONGEST: i64 = 9_223_372_036; // 2^63 - 1 nanoseconds
    let seconds = seconds.min(LONGEST);
    let (minutes, hours, days, years) = (
        seconds / 60,
        seconds / 3600,
        seconds / 86_400,
        seconds / (86_400 * 365),
    );
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => two(days, 'd', hours % 24, 'h'),
        _ if years < 2 => format!("{days}d"),
        _ if years < 8 => two(years, 'y', days % 365, 'd'),
        _ => format!("{years}y"),
    }
}

/// Formats two units: `3m21s`, or `3m` when the smaller one is 0.
fn two(large: i64, large_unit: char, small: i64, small_unit: char) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}
