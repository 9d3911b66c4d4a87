//! What a YAML scalar means, by the rules by which `kubectl` reads it.
//!
//! `kubectl` and the API server read YAML with `sigs.k8s.io/yaml` over the second version of go-yaml: YAML 1.1 with Go's
//! numbers. `y`, `yes`, `on` are true; `0100`, `0o100`, `0x40`, `0b1000000` and `6_4` are integers; there are no base 60
//! numbers; a timestamp stays a string; a number goes out as Go's `encoding/json` writes it, so that `1.0` and `1e0`
//! are 1. The answers of a real `kubectl` to every form are among the tests' data.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::decimal::Decimal;

/// A tag, as far as it matters to a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    None,
    Str,
    Int,
    Float,
    Bool,
    Null,
    Binary,
    Merge,
    /// `!`, or a tag that is not resolved: the scalar is its text.
    Other,
}

impl Tag {
    /// The tag with this name in YAML's own namespace; `None` for those outside it.
    pub(super) fn named(name: Option<&str>) -> Self {
        match name {
            Some("str") => Tag::Str,
            Some("int") => Tag::Int,
            Some("float") => Tag::Float,
            Some("bool") => Tag::Bool,
            Some("null") => Tag::Null,
            Some("binary") => Tag::Binary,
            Some("merge") => Tag::Merge,
            _ => Tag::Other,
        }
    }
}

/// The meaning of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning<'t> {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer past the signed 64 bits, which no key may be.
    Large(u64),
    Float(f64),
    Text(Cow<'t, str>),
}

/// Says what a scalar means; fails with what is wrong when its tag promises something else.
pub(super) fn resolve(
    text: Cow<'_, str>,
    tag: Tag,
    plain: bool,
) -> Result<Meaning<'_>, &'static str> {
    let meaning = match tag {
        Tag::None if plain => untagged(&text),
        Tag::None | Tag::Str | Tag::Merge | Tag::Other => None,
        Tag::Binary => {
            let bytes = base64(&text).ok_or("`!!binary` must be base64")?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Some(Meaning::Text(text.into()))
        }
        Tag::Int | Tag::Float | Tag::Bool | Tag::Null => match (tag, untagged(&text)) {
            (Tag::Int | Tag::Float, Some(number @ (Meaning::Int(_) | Meaning::Large(_))))
            | (Tag::Float, Some(number @ Meaning::Float(_))) => Some(number),
            (Tag::Bool, Some(Meaning::Bool(bool))) => Some(Meaning::Bool(bool)),
            (Tag::Null, Some(Meaning::Null)) => Some(Meaning::Null),
            _ => return Err("the value must be of the type of its tag"),
        },
    };
    Ok(meaning.unwrap_or(Meaning::Text(text)))
}

/// What a scalar without a tag means; `None` when it is only text.
fn untagged(text: &str) -> Option<Meaning<'static>> {
    let first = text.bytes().next();
    match first {
        None | Some(b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') => {
            match text {
                "" | "~" | "null" | "Null" | "NULL" => Some(Meaning::Null),
                "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On"
                | "ON" => Some(Meaning::Bool(true)),
                "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off"
                | "OFF" => Some(Meaning::Bool(false)),
                _ => None,
            }
        }
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => number(text),
        _ => None,
    }
}

fn number(text: &str) -> Option<Meaning<'static>> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Some(Meaning::Float(f64::INFINITY));
        }
        "-.inf" | "-.Inf" | "-.INF" => return Some(Meaning::Float(f64::NEG_INFINITY)),
        ".nan" | ".NaN" | ".NAN" => return Some(Meaning::Float(f64::NAN)),
        _ => {}
    }
    let mut digits = Cow::Borrowed(text);
    if text.contains('_') {
        // After a leading point Go wants each underscore between two digits; elsewhere they are ignored.
        let between_digits = |around: &[u8]| match around {
            [before, b'_', after] => before.is_ascii_digit() && after.is_ascii_digit(),
            _ => true,
        };
        if text.starts_with('.')
            && (text.ends_with('_') || !text.as_bytes().windows(3).all(between_digits))
        {
            return None;
        }
        digits = text.replace('_', "").into();
    }
    integer(&digits).or_else(|| float(&digits))
}

/// An integer as Go's `strconv` reads it with base 0.
fn integer(text: &str) -> Option<Meaning<'static>> {
    let (negative, signed, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, true, digits),
        None => match text.strip_prefix('+') {
            Some(digits) => (false, true, digits),
            None => (false, false, text),
        },
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.bytes().next()?.is_ascii_alphanumeric() {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    match (i64::try_from(size), negative) {
        (Ok(int), false) => Some(Meaning::Int(int)),
        (_, true) => 0_i64.checked_sub_unsigned(size).map(Meaning::Int),
        (Err(_), false) => (!signed).then_some(Meaning::Large(size)),
    }
}

/// A decimal number. What 64 bits cannot hold is text, as it is to Go.
///
/// JSON's reader reads the digits: Rust's own brings 13 kB of tables and code into a module.
fn float(text: &str) -> Option<Meaning<'static>> {
    let (sign, size) = match text.strip_prefix('-') {
        Some(size) => ("-", size),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (size, exponent) = size.split_once(['e', 'E']).unwrap_or((size, "0"));
    let (whole, fraction) = size.split_once('.').unwrap_or((size, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if size == "." || size.is_empty() || !is_digits(whole) {
        return None;
    }
    // JSON wants a digit on both sides of the point, and no zero in front of another.
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let number: Number = format!("{sign}{whole}.{fraction}0e{exponent}")
        .parse()
        .ok()?;
    number.as_f64().map(Meaning::Float)
}

impl Meaning<'_> {
    /// The JSON value; `None` for numbers that JSON has not.
    pub(super) fn into_value(self) -> Option<Value> {
        Some(match self {
            Meaning::Null => Value::Null,
            Meaning::Bool(bool) => Value::Bool(bool),
            Meaning::Int(int) => int.into(),
            Meaning::Large(int) => int.into(),
            Meaning::Float(0.0) => 0.into(),
            // Go writes a float without a fraction as an integer: `1.0` becomes 1, and an `int32` field takes it.
            Meaning::Float(float) => {
                let number = Number::from_f64(float)?;
                let shortest = Decimal::read(&number.to_string());
                match shortest.is_whole() {
                    true => shortest.positional().parse().unwrap_or(number),
                    false => number,
                }
                .into()
            }
            Meaning::Text(text) => Value::String(text.into_owned()),
        })
    }

    /// The string that a key becomes; `None` for those that `kubectl` refuses.
    pub(super) fn into_key(self) -> Option<String> {
        match self {
            Meaning::Null | Meaning::Large(_) => None,
            Meaning::Bool(bool) => Some(bool.to_string()),
            Meaning::Int(int) => Some(int.to_string()),
            Meaning::Float(float) => Some(float_key(float)),
            Meaning::Text(text) => Some(text.into_owned()),
        }
    }
}

/// A float as a key: Go's `%g` of its 32-bit value.
fn float_key(float: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "so does Go; what is too large becomes infinite"
    )]
    let rounded = float as f32;
    if rounded.is_nan() {
        return ".nan".to_owned();
    }
    if rounded.is_infinite() {
        return if rounded > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let shortest = Decimal::read(&serde_json::to_string(&rounded).unwrap_or_default());
    if (-4..6).contains(&shortest.exponent) {
        return shortest.positional();
    }
    let Decimal {
        sign,
        digits,
        exponent,
    } = shortest;
    let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
    let point = if rest.is_empty() { "" } else { "." };
    let direction = if exponent < 0 { '-' } else { '+' };
    format!(
        "{sign}{first}{point}{rest}e{direction}{:02}",
        exponent.unsigned_abs()
    )
}

/// Decodes base64 in the standard alphabet, padded, with line breaks anywhere.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text
        .chars()
        .filter(|char| !matches!(char, '\r' | '\n'))
        .collect();
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Read from every digit of the float, so that it is rounded once.
    fn rounded(float: f64) -> f32 {
        format!("{float:.1100}").parse().unwrap()
    }

    /// The same with the standard library's own numbers.
    fn key_by_std(float: f64) -> String {
        let rounded = rounded(float);
        if !rounded.is_finite() {
            return float_key(rounded.into());
        }
        let scientific = format!("{rounded:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        if (-4..6).contains(&exponent) {
            return rounded.to_string();
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
    }

    fn any_size() -> impl Strategy<Value = f64> {
        let decimal = (any::<i32>(), -30..30)
            .prop_map(|(digits, exponent)| format!("{digits}e{exponent}").parse::<f64>().unwrap());
        let near_limits =
            (0_u64..9, 60_i32..66).prop_map(|(more, power)| 2_f64.powi(power) + more as f64);
        prop_oneof![any::<f64>(), decimal, near_limits, Just(0.0), Just(-0.0)]
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_the_standard_library_writes_them(float in any_size()) {
            let (ours, theirs) = (float_key(float), key_by_std(float));
            // Of two shortest that are equally near, the standard library takes the upper, Go the even one.
            let as_near = ours.len() == theirs.len() && ours.parse() == Ok(rounded(float));
            prop_assert!(ours == theirs || as_near, "{ours} {theirs}");
            let value = Meaning::Float(float).into_value();
            prop_assert_eq!(value.is_some(), float.is_finite());
            if let Some(value) = value {
                let positional: Number = float.to_string().parse().unwrap();
                let expected = if positional.is_f64() { Number::from_f64(float).unwrap() } else { positional };
                prop_assert!(value == Value::Number(expected) || float == 0.0 && value == 0, "{value}");
            }
        }

        #[test]
        fn number_agrees_with_the_standard_library(text in "[+-]?[0-9]{0,25}[.]?[0-9]{0,25}([eE][+-]?[0-9]{0,3})?") {
            let ours = float(&text);
            match text.parse::<f64>().ok().filter(|float| float.is_finite()) {
                // The reader of JSON rounds twice.
                Some(theirs) => {
                    let Some(Meaning::Float(ours)) = ours else { panic!("{ours:?}, {theirs}") };
                    prop_assert!((ours - theirs).abs() <= theirs.abs() * 4.0 * f64::EPSILON, "{ours} {theirs}");
                }
                None => prop_assert!(ours.is_none(), "{ours:?}"),
            }
        }
    }
}
