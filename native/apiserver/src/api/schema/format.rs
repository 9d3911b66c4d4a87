//! Formats of texts, as the validator of a real server checks them. A format that Kubernetes does not know says nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

/// Formats that Kubernetes checks, and this server does not.
const UNKNOWN_HERE: &[&str] = &["creditcard", "isbn", "isbn10", "isbn13", "ssn"];

/// Does Kubernetes check the format, and this server not?
pub(super) fn is_unknown_here(format: &str) -> bool {
    UNKNOWN_HERE.contains(&format)
}

/// A pattern of this file, which always compiles.
macro_rules! pattern {
    ($text:expr, $pattern:expr) => {{
        static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($pattern).ok());
        PATTERN
            .as_ref()
            .is_some_and(|pattern| pattern.is_match($text))
    }};
}

/// Is a text of a format?
pub(super) fn holds(format: &str, text: &str) -> bool {
    match format {
        "bsonobjectid" => pattern!(text, "^[0-9a-fA-F]{24}$"),
        "byte" => STANDARD.decode(text).is_ok(),
        "cidr" => text.split_once('/').is_some_and(|(address, length)| {
            let longest = match address.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => 32,
                Ok(IpAddr::V6(_)) => 128,
                Err(_) => return false,
            };
            let plain = length == "0" || !length.starts_with(['0', '+']);
            plain && length.parse::<u8>().is_ok_and(|length| length <= longest)
        }),
        "date" => is_date(text),
        "date-time" | "datetime" => is_date_time(text),
        "duration" => pattern!(
            text,
            r"^(0|[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*|([0-9]+\s*(ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)\s*)+)$"
        ),
        "email" => pattern!(text, r"^([^<>]*<[^\s@<>]+@[^\s@<>]+>|[^\s@<>]+@[^\s@<>]+)$"),
        "hexcolor" => pattern!(text, "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"),
        "hostname" => {
            text.len() <= 255
                && pattern!(
                    text,
                    r"^[a-zA-Z0-9\p{S}\p{L}]([-a-zA-Z0-9\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?(\.[a-zA-Z0-9\p{S}\p{L}]([-a-zA-Z0-9\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)*\.?$"
                )
        }
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "mac" => pattern!(
            text,
            r"^([0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}((:[0-9a-fA-F]{2}){2}((:[0-9a-fA-F]{2}){12})?)?|[0-9a-fA-F]{2}(-[0-9a-fA-F]{2}){5}((-[0-9a-fA-F]{2}){2}((-[0-9a-fA-F]{2}){12})?)?|[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4}){2}(\.[0-9a-fA-F]{4}((\.[0-9a-fA-F]{4}){6})?)?)$"
        ),
        "rgbcolor" => pattern!(
            text,
            r"^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$"
        ),
        // an absolute one, or an absolute path
        "uri" => {
            !text.contains(|c: char| c.is_whitespace() || c.is_control())
                && (text.starts_with('/') || pattern!(text, "^[a-zA-Z][-a-zA-Z0-9+.]*:."))
        }
        "uuid" => is_uuid(text, "0-9a-fA-F"),
        "uuid3" => is_uuid(text, "3"),
        "uuid4" => is_uuid(text, "4"),
        "uuid5" => is_uuid(text, "5"),
        _ => true,
    }
}

/// Is it a UUID of a version? Those of any version may have any variant.
fn is_uuid(text: &str, version: &str) -> bool {
    if !pattern!(
        text,
        "^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"
    ) {
        return false;
    }
    let digits: Vec<char> = text.chars().filter(|c| *c != '-').collect();
    let variant = digits.get(16).copied().unwrap_or_default();
    match version {
        "3" | "4" | "5" => {
            digits.get(12).is_some_and(|digit| version.contains(*digit))
                && (version == "3" || "89abAB".contains(variant))
        }
        _ => true,
    }
}

fn is_date(text: &str) -> bool {
    pattern!(text, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
        && format!("{text}T00:00:00Z")
            .parse::<imagecache::time::Timestamp>()
            .is_ok()
}

/// RFC 3339, with or without a fraction of a second.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    is_date(date)
        && pattern!(
            time,
            r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([zZ]|[+-][0-9]{2}:[0-9]{2})$"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_held() {
        for (format, valid, invalid) in [
            (
                "bsonobjectid",
                vec!["507f1f77bcf86cd799439011"],
                vec!["507f"],
            ),
            ("byte", vec!["", "YQ=="], vec!["a", "%%%%"]),
            (
                "cidr",
                vec!["10.0.0.0/8", "::/0"],
                vec!["10.0.0.0", "10.0.0.0/33", "10.0.0.0/08", "a/8"],
            ),
            (
                "date",
                vec!["2026-02-28"],
                vec!["2026-02-30", "2026-2-1", "28.02.2026", ""],
            ),
            (
                "date-time",
                vec![
                    "2026-01-01T00:00:00Z",
                    "2026-01-01T00:00:00.5+01:00",
                    "2026-01-01t00:00:00z",
                ],
                vec![
                    "2026-01-01 00:00:00Z",
                    "2026-01-01T24:00:00Z",
                    "2026-01-01",
                    "2026-01-01T00:00:00",
                ],
            ),
            (
                "duration",
                vec!["0", "1h30m", "1.5s", "-2m", "3 days", "1w", "10ms"],
                vec!["", "1", "h", "1y", "1h x"],
            ),
            (
                "email",
                vec!["a@b.c", "A B <a@b>"],
                vec!["a", "a@", "@b", "a b@c"],
            ),
            ("hexcolor", vec!["#fff", "A0B1C2"], vec!["#ff", "ggg"]),
            (
                "hostname",
                vec!["a", "a-b.example.com", "1.a"],
                vec!["", "-a", "a-", "a_b", "a..b"],
            ),
            ("ipv4", vec!["10.0.0.1"], vec!["10.0.0", "256.0.0.1", "::1"]),
            ("ipv6", vec!["::1", "fe80::1:2"], vec!["10.0.0.1", ":::"]),
            (
                "mac",
                vec!["00:00:5e:00:53:01", "00-00-5e-00-53-01", "0000.5e00.5301"],
                vec!["00:00", "0:0:0:0:0:0"],
            ),
            (
                "rgbcolor",
                vec!["rgb(0, 128,255)"],
                vec!["rgb(256,0,0)", "0,0,0"],
            ),
            (
                "uri",
                vec!["https://a/b?c", "/a", "urn:a"],
                vec!["a b", "a", "", "https://a b"],
            ),
            (
                "uuid",
                vec!["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
                vec!["6ba7b810", "6ba7b810-9dad-11d1-80b4-00c04fd430cx"],
            ),
            (
                "uuid4",
                vec!["f47ac10b-58cc-4372-a567-0e02b2c3d479"],
                vec!["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
            ),
            ("another", vec!["anything"], vec![]),
        ] {
            for text in valid {
                assert!(holds(format, text), "{format}: {text:?}");
            }
            for text in invalid {
                assert!(!holds(format, text), "{format}: {text:?}");
            }
        }
    }
}
