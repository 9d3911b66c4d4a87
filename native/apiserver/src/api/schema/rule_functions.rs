//! Functions of rules that Kubernetes adds to CEL. Durations and times are whole numbers of nanoseconds here: they can be
//! compared, added and subtracted.

use std::net::IpAddr;
use std::sync::Arc;

use cel::ExecutionError;
use cel::extractors::This;
use regex::{Regex, RegexBuilder};

use super::{format, go};
use crate::limits::{PATTERN_BYTES, RULE_BYTES};

/// The names of the functions, for the checker.
pub(super) const NAMES: [&str; 11] = [
    "find",
    "findAll",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getSeconds",
    "isCIDR",
    "isIP",
    "isQuantity",
    "isURL",
    "timestamp",
];

/// Adds the functions to a context.
pub(super) fn add(context: &mut cel::Context<'_, '_>) {
    super::rule_library::add(context);
    // none of the names is declared, so none is refused
    let _ = context.add_function(
        "find",
        |This(text): This<Arc<String>>, pattern: Arc<String>| {
            let pattern = compiled("find", &pattern)?;
            let found = pattern.find(&text).map_or("", |found| found.as_str());
            Ok::<_, ExecutionError>(cel::Value::from(found))
        },
    );
    let _ = context.add_function(
        "findAll",
        |This(text): This<Arc<String>>, pattern: Arc<String>| {
            let pattern = compiled("findAll", &pattern)?;
            let found = pattern
                .find_iter(&text)
                .map(|found| found.as_str().to_owned());
            Ok::<_, ExecutionError>(cel::Value::from(found.collect::<Vec<String>>()))
        },
    );
    let _ = context.add_function("isIP", |text: Arc<String>| text.parse::<IpAddr>().is_ok());
    let _ = context.add_function("isCIDR", |text: Arc<String>| format::holds("cidr", &text));
    let _ = context.add_function("isQuantity", |text: Arc<String>| go::is_quantity(&text));
    let _ = context.add_function("isURL", |text: Arc<String>| {
        let url = text.parse::<http::Uri>();
        url.is_ok_and(|url| url.scheme().is_some() || text.starts_with('/'))
    });
    let _ = context.add_function("duration", |text: Arc<String>| {
        let fault =
            || ExecutionError::function_error("duration", format!("invalid duration {text}"));
        duration(&text).ok_or_else(fault)
    });
    // of durations only: the checker refuses them for times
    for (name, nanoseconds) in [
        ("getHours", 3_600_000_000_000_i64),
        ("getMinutes", 60_000_000_000),
        ("getSeconds", 1_000_000_000),
        ("getMilliseconds", 1_000_000),
    ] {
        let part = move |This(duration): This<i64>| duration / nanoseconds;
        let _ = context.add_function(name, part);
    }
    let _ = context.add_function("timestamp", |text: Arc<String>| {
        let fault = || ExecutionError::function_error("timestamp", format!("invalid time {text}"));
        time(&text).ok_or_else(fault)
    });
}

fn compiled(function: &str, pattern: &str) -> Result<Regex, ExecutionError> {
    let builder = RegexBuilder::new(&super::as_of_rust(
        pattern.get(..RULE_BYTES).unwrap_or(pattern),
    ))
    .size_limit(PATTERN_BYTES / 16)
    .build();
    builder.map_err(|error| ExecutionError::function_error(function, error))
}

/// Returns the nanoseconds of a duration as Go writes it: `1h30m`, `-1.5s`.
pub(super) fn duration(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Some(0);
    }
    let (mut rest, mut sum) = (unsigned, 0.0_f64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let nanoseconds = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * nanoseconds;
        rest = after;
    }
    let whole = format!("{sum:.0}").parse::<i64>().ok();
    let whole = whole.filter(|_| !unsigned.is_empty())?;
    Some(if text.starts_with('-') { -whole } else { whole })
}

/// Returns the nanoseconds of a time since 1970.
pub(super) fn time(text: &str) -> Option<i64> {
    let epoch = imagecache::time::Timestamp::from_seconds(0);
    let time = text.parse::<imagecache::time::Timestamp>().ok()?;
    time.since(epoch).checked_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, nanoseconds) in [
            ("0", Some(0)),
            ("1h30m", Some(5_400_000_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            ("10ms", Some(10_000_000)),
            ("1d", None),
            ("1", None),
            ("", None),
            ("h", None),
        ] {
            assert_eq!(duration(text), nanoseconds, "{text}");
        }
    }
}
