//! The size of an `ImageCache`, and the reading of whole numbers.
//!
//! Sources: the vendor's field table (20 to 32768; its API text of 2020 said 500), and the API server, which reads `25.0`
//! and `1e3` as whole numbers and drops `null`. Users report that ECI raised 10 to 20 without a warning.

use std::fmt;

use serde_json::{Map, Number, Value};

use super::ValidateOptions;
use super::messages::define;
use crate::diagnostic::{Code, Report};
use crate::path::Path;
use crate::resource::MIN_SIZE_GIB;
use crate::type_error::TypeError;

define! { size:
    too_small(size, limit) "{size} GiB, at least {limit} required";
    too_large(size, limit) "{size} GiB, at most {limit} allowed";
}

/// Validates `spec.imageCacheSize`.
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
            too_small(size, MIN_SIZE_GIB),
            "Use about twice the size of the images: ECI unpacks them in the cache.",
        ),
        Err(Misfit::Above(size)) => {
            report.add(Code::IC040, &path, too_large(size, limit), "");
        }
        Err(Misfit::Type) => not_whole(value, "GiB", &path, report),
    }
}

/// The way in which a value is outside a range of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit<'v> {
    Below(&'v Number),
    Above(&'v Number),
    Type,
}

/// Checks a value against a range of whole numbers, as the API server does: null is absent, and a number without a
/// fraction is whole in any notation.
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
    // Beyond i64, or written with a point or an exponent. Both limits are exact as f64.
    match number.as_f64() {
        Some(float) if float.fract() != 0.0 => Err(Misfit::Type),
        Some(float) if float < min as f64 => Err(Misfit::Below(number)),
        Some(float) if float > max as f64 => Err(Misfit::Above(number)),
        Some(_) => Ok(()),
        None => Err(Misfit::Type),
    }
}

/// Reports a value that is not a whole number.
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
                write!(f, "Write only the number, in {}: `{number}`.", self.unit)
            }
            _ => Ok(()),
        }
    }
}
