//! The size of an `ImageCache`, and how a whole number is read.
//!
//! Sources: the vendor's field table (20 to 32768; its API text of 2020 said 500), and the API server, which takes
//! `25.0` and `1e3` for whole numbers and drops `null`. Users report that ECI raised 10 to 20 in silence.

use std::fmt;

use serde_json::{Map, Number, Value};

use super::ValidateOptions;
use crate::diagnostic::{Code, Report};
use crate::path::Path;
use crate::resource::MIN_SIZE_GIB;
use crate::type_error::TypeError;

/// `spec.imageCacheSize`.
///
/// | size | finding |
/// |---|---|
/// | absent, null | none: 20 GiB |
/// | `20`, `25.0`, `1e3`, `32768` | none |
/// | `19`, `-1`, `32769`, `1e30` | IC040 |
/// | `25.5`, `"25"`, `25Gi`, `true` | IC016 |
pub(super) fn check(
    spec: &Map<String, Value>,
    options: &ValidateOptions,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    let path = path.field("imageCacheSize");
    let Some(value) = spec.get("imageCacheSize") else {
        return;
    };
    let limit = options.max_size_gib;
    match within(value, MIN_SIZE_GIB, limit) {
        Ok(()) => {}
        Err(Misfit::Below(size)) => report.add(
            Code::IC040,
            &path,
            format_args!("{size} GiB, at least {MIN_SIZE_GIB} needed"),
            "Twice the size of the images is a good choice: they are unpacked in it.",
        ),
        Err(Misfit::Above(size)) => {
            report.add(
                Code::IC040,
                &path,
                format_args!("{size} GiB, at most {limit} allowed"),
                "",
            );
        }
        Err(Misfit::Type) => not_whole(value, "GiB", &path, report),
    }
}

/// How a value misses a range of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit<'v> {
    Below(&'v Number),
    Above(&'v Number),
    Type,
}

/// Holds a value against a range of whole numbers, as the API server reads them: null is absent, and a number with
/// nothing behind its point is whole however it is written.
pub(super) fn within(value: &Value, min: i64, max: i64) -> Result<(), Misfit<'_>> {
    let number = match value {
        Value::Null => return Ok(()),
        Value::Number(number) => number,
        _ => return Err(Misfit::Type),
    };
    if let Some(whole) = number.as_i64() {
        return match whole {
            _ if whole < min => Err(Misfit::Below(number)),
            _ if whole > max => Err(Misfit::Above(number)),
            _ => Ok(()),
        };
    }
    // Past i64 or written with a point or an exponent. Both limits are exact as f64.
    match number.as_f64() {
        Some(float) if float.fract() != 0.0 => Err(Misfit::Type),
        Some(float) if float < min as f64 => Err(Misfit::Below(number)),
        Some(float) if float > max as f64 => Err(Misfit::Above(number)),
        Some(_) => Ok(()),
        None => Err(Misfit::Type),
    }
}

/// Reports a value that is no whole number.
pub(super) fn not_whole(
    value: &Value,
    unit: &'static str,
    path: &Path<'_>,
    report: &mut Report<'_>,
) {
    report.add(
        Code::IC016,
        path,
        TypeError {
            expected: &format!("a whole number of {unit}"),
            found: value,
        },
        Remedy { value, unit },
    );
}

struct Remedy<'a> {
    value: &'a Value,
    unit: &'static str,
}

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Value::String(text) = self.value else {
            return Ok(());
        };
        let digits = text
            .trim_start()
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        match text.trim_start().split_at_checked(digits) {
            Some((number, "")) if !number.is_empty() => {
                write!(f, "Write it without quotes: `{number}`.")
            }
            Some((number, _)) if !number.is_empty() && number.len() < 10 => {
                write!(
                    f,
                    "Write the number alone, it counts {}: `{number}`.",
                    self.unit
                )
            }
            _ => Ok(()),
        }
    }
}
