//! Instants as Kubernetes and ECI write them (RFC 3339), in whole seconds of UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Seconds in a day. ECI counts retention in days of 24 h.
pub const DAY: i64 = 86_400;

/// An instant: whole seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// ```
/// use imagecache::time::Timestamp;
/// let t: Timestamp = "2026-01-18T14:40:56+01:00".parse().unwrap();
/// assert_eq!(t.to_string(), "2026-01-18T13:40:56Z");
/// assert_eq!(t.seconds(), 1_768_743_656);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0000-01-01T00:00:00Z, the first instant that RFC 3339 can write.
    pub const MIN: Timestamp = Timestamp(-62_167_219_200);
    /// 9999-12-31T23:59:59Z, the last instant that RFC 3339 can write.
    pub const MAX: Timestamp = Timestamp(253_402_300_799);

    /// Creates an instant from seconds after (or before) 1970, clamped to [`Timestamp::MIN`] and [`Timestamp::MAX`].
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Timestamp(seconds.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Returns this instant plus a number of seconds, clamped to [`Timestamp::MIN`] and [`Timestamp::MAX`].
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self::from_seconds(self.0.saturating_add(seconds))
    }

    /// Returns the seconds from `earlier` to this instant; negative if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Returns the days from 1970-01-01 to a day of the proleptic Gregorian calendar (Howard Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Returns the day of the proleptic Gregorian calendar a number of days after 1970-01-01: (year, month, day).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Timestamp {
    /// Writes `2026-01-18T13:40:56Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// The error of a text that is not an RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as `2026-01-18T13:40:56Z`")]
pub struct BadTimestamp(
    /// The text, cut at 40 characters.
    pub String,
);

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    /// Parses RFC 3339. Drops a fraction of a second, applies an offset, and reads a leap second (`:60`) as the second before
    /// it.
    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        parse(text.as_bytes()).ok_or_else(|| BadTimestamp(text.chars().take(40).collect()))
    }
}

/// Parses exactly `digits` decimal digits, at most four.
fn number(bytes: &[u8], digits: usize) -> Option<(i64, &[u8])> {
    let (head, rest) = bytes.split_at_checked(digits)?;
    // In 32 bits: a checked product of 64 is a call in wasm, and every time of every cache is read here.
    let mut value: i32 = 0;
    for byte in head {
        value = value * 10 + i32::from(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    Some((i64::from(value), rest))
}

fn literal<'a>(bytes: &'a [u8], one_of: &[u8]) -> Option<(u8, &'a [u8])> {
    let (first, rest) = bytes.split_first()?;
    one_of.contains(first).then_some((*first, rest))
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (year, rest) = number(text, 4)?;
    let (_, rest) = literal(rest, b"-")?;
    let (month, rest) = number(rest, 2)?;
    let (_, rest) = literal(rest, b"-")?;
    let (day, rest) = number(rest, 2)?;
    let (_, rest) = literal(rest, b"Tt ")?;
    let (hour, rest) = number(rest, 2)?;
    let (_, rest) = literal(rest, b":")?;
    let (minute, rest) = number(rest, 2)?;
    let (_, rest) = literal(rest, b":")?;
    let (second, mut rest) = number(rest, 2)?;
    if let Some((_, fraction)) = literal(rest, b".") {
        let digits = fraction
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        rest = if digits == 0 {
            return None;
        } else {
            fraction.get(digits..)?
        };
    }
    let (zone, rest) = literal(rest, b"Zz+-")?;
    let (offset, rest) = if matches!(zone, b'+' | b'-') {
        let (hours, rest) = number(rest, 2)?;
        let (_, rest) = literal(rest, b":")?;
        let (minutes, rest) = number(rest, 2)?;
        let seconds = (hours <= 23 && minutes <= 59).then_some(hours * 3600 + minutes * 60)?;
        (if zone == b'-' { -seconds } else { seconds }, rest)
    } else {
        (0, rest)
    };
    let real = rest.is_empty()
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    let seconds =
        days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second.min(59)
            - offset;
    real.then_some(Timestamp::from_seconds(seconds))
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_run_on_without_gap_over_every_year_that_can_be_written() {
        let mut expected = Timestamp::MIN.seconds() / DAY;
        for year in 0..=9999 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_from_civil(year, month, day), expected);
                    assert_eq!(civil_from_days(expected), (year, month, day));
                    expected += 1;
                }
            }
        }
        assert_eq!(expected * DAY - 1, Timestamp::MAX.seconds());
    }

    #[test]
    fn date_accepts_exactly_rfc_3339() {
        let read = |text: &str| text.parse::<Timestamp>().map(|t| t.to_string()).ok();
        for (text, expected) in [
            ("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00Z")),
            ("2000-02-29T23:59:59Z", Some("2000-02-29T23:59:59Z")),
            ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59Z")),
            ("0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00Z")),
            (
                "2026-01-18T13:40:56.999999999Z",
                Some("2026-01-18T13:40:56Z"),
            ),
            ("2026-01-18t13:40:56z", Some("2026-01-18T13:40:56Z")),
            ("2026-01-18 13:40:56Z", Some("2026-01-18T13:40:56Z")),
            ("2026-01-01T00:30:00+08:00", Some("2025-12-31T16:30:00Z")),
            ("2026-12-31T23:30:00-01:00", Some("2027-01-01T00:30:00Z")),
            ("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z")),
            ("9999-12-31T23:59:59-23:59", Some("9999-12-31T23:59:59Z")),
            ("2023-02-29T00:00:00Z", None),
            ("1900-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-00-01T00:00:00Z", None),
            ("2026-01-00T00:00:00Z", None),
            ("2026-01-18T24:00:00Z", None),
            ("2026-01-18T13:60:00Z", None),
            ("2026-01-18T13:40:61Z", None),
            ("2026-01-18T13:40:56", None),
            ("2026-01-18T13:40:56.Z", None),
            ("2026-01-18T13:40:56+24:00", None),
            ("2026-01-18T13:40:56+0800", None),
            ("2026-01-18T13:40:56Z ", None),
            ("2026-01-18", None),
            ("", None),
            ("20२6-01-18T13:40:56Z", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }
}
