//! What a YAML scalar means, by the rules by which `kubectl` reads it.
//!
//! `kubectl` and the API server read YAML with `sigs.k8s.io/yaml` over the second version of go-yaml: YAML 1.1 with Go's
//! numbers. `y`, `yes`, `on` are true; `0100`, `0o100`, `0x40`, `0b1000000` and `6_4` are integers; there are no base 60
//! numbers; a timestamp stays a string; a number goes out as Go's `encoding/json` writes it, so that `1.0` and `1e0`
//! are 1. The answers of a real `kubectl` to every form are among the tests' data.

use std::borrow::Cow;

use serde_json::{Number, Value};

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
    /// `!`, or a tag that nobody resolves: the scalar is its text.
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
            let bytes = base64(&text).ok_or("`!!binary` is not followed by base64")?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Some(Meaning::Text(text.into()))
        }
        Tag::Int | Tag::Float | Tag::Bool | Tag::Null => match (tag, untagged(&text)) {
            (Tag::Int | Tag::Float, Some(number @ (Meaning::Int(_) | Meaning::Large(_))))
            | (Tag::Float, Some(number @ Meaning::Float(_))) => Some(number),
            (Tag::Bool, Some(Meaning::Bool(bool))) => Some(Meaning::Bool(bool)),
            (Tag::Null, Some(Meaning::Null)) => Some(Meaning::Null),
            _ => return Err("the value is not what its tag says"),
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
        // Behind a leading point Go wants each underscore between two digits; elsewhere they just vanish.
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
fn float(text: &str) -> Option<Meaning<'static>> {
    let is_decimal = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let float: f64 = if is_decimal {
        text.parse().ok()?
    } else {
        return None;
    };
    float.is_finite().then_some(Meaning::Float(float))
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
            Meaning::Float(float) => serde_json::from_str::<Number>(&float.to_string())
                .ok()?
                .into(),
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
    if float.is_nan() {
        return ".nan".to_owned();
    }
    let rounded: f32 = float.to_string().parse().unwrap_or(f32::INFINITY);
    if rounded.is_infinite() {
        return if rounded > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{rounded:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return rounded.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// Decodes base64 in the standard alphabet, padded, with line breaks where they like.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut text = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n'));
    while let Some(first) = text.next() {
        let quad = [first, text.next()?, text.next()?, text.next()?];
        let padding = quad.iter().rev().take_while(|byte| **byte == b'=').count();
        let mut bits = 0_u32;
        for byte in quad.iter().take(4_usize.checked_sub(padding)?) {
            let six = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(six);
        }
        let kept = 3_usize.checked_sub(padding).filter(|kept| *kept > 0)?;
        bits <<= 6 * padding;
        bytes.extend(bits.to_be_bytes().iter().skip(1).take(kept));
        if padding > 0 && text.next().is_some() {
            return None;
        }
    }
    Some(bytes)
}
