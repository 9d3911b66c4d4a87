//! JSON to messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::time::Timestamp;
use serde_json::Value;

use super::table::{self, Field, Kind, Many, Message};
use super::wire;

/// Appends the fields of a message; a value that is not an object has none of them.
pub(super) fn message(message: &Message, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    for field in &message.fields {
        let found = if field.inline {
            Some(value)
        } else {
            value.get(field.name).filter(|value| !value.is_null())
        };
        append(field, found, out).map_err(|words| at(field.name, &words))?;
    }
    Ok(())
}

/// Puts a name before the path that an error begins with.
fn at(name: &str, words: &str) -> String {
    if words.starts_with(':') || words.starts_with('[') {
        format!("{name}{words}")
    } else {
        format!("{name}.{words}")
    }
}

fn append(field: &Field, value: Option<&Value>, out: &mut Vec<u8>) -> Result<(), String> {
    let number = field.number;
    let wrong = |value: &Value, wanted| Err(wrong(value, wanted));
    match (field.many, value) {
        (Many::One, None) if field.optional => Ok(()),
        (Many::One, value) => single(number, field.kind, value.unwrap_or(&Value::Null), out),
        (_, None) => Ok(()),
        (Many::List, Some(Value::Array(items))) => {
            for (index, item) in items.iter().enumerate() {
                single(number, field.kind, item, out)
                    .map_err(|words| at(&format!("[{index}]"), &words))?;
            }
            Ok(())
        }
        (Many::List, Some(value)) => wrong(value, "a list"),
        (Many::Map, Some(Value::Object(fields))) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            for (key, item) in fields {
                let mut entry = Vec::new();
                wire::bytes(1, key.as_bytes(), &mut entry);
                single(2, field.kind, item, &mut entry)
                    .map_err(|words| at(&format!("[{key}]"), &words))?;
                wire::bytes(number, &entry, out);
            }
            Ok(())
        }
        (Many::Map, Some(value)) => wrong(value, "an object"),
    }
}

fn wrong(value: &Value, wanted: &str) -> String {
    format!(
        ": expected {wanted}, found {}",
        crate::api::go_fmt::json_kind(value)
    )
}

/// Appends one value; null is its zero.
fn single(number: u64, kind: Kind, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match kind {
        Kind::Text => wire::bytes(number, text(value)?.as_bytes(), out),
        Kind::Bool => wire::number(number, u64::from(flag(value)?), out),
        Kind::Int => wire::number(number, int(value)?.cast_unsigned(), out),
        Kind::Double => {
            let found = match value {
                Value::Null => Some(0.0),
                value => value.as_f64(),
            };
            let found = found.ok_or_else(|| wrong(value, "a number"))?;
            wire::double(number, found, out);
        }
        Kind::Bytes => {
            let bytes = STANDARD.decode(text(value)?);
            wire::bytes(number, &bytes.map_err(|error| format!(": {error}"))?, out);
        }
        kind => {
            let mut inner = Vec::new();
            nested(kind, value, &mut inner)?;
            wire::bytes(number, &inner, out);
        }
    }
    Ok(())
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Null => Ok(""),
        Value::String(text) => Ok(text),
        other => Err(wrong(other, "a string")),
    }
}

fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        other => Err(wrong(other, "a boolean")),
    }
}

fn int(value: &Value) -> Result<i64, String> {
    match value {
        Value::Null => Ok(0),
        value => value.as_i64().ok_or_else(|| wrong(value, "an integer")),
    }
}

/// Appends the content of a message.
fn nested(kind: Kind, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match (kind, value) {
        (Kind::Time | Kind::MicroTime, value) => return time(kind, text(value)?, out),
        (Kind::Quantity, Value::Null) => wire::bytes(1, b"0", out),
        (Kind::Quantity, Value::Number(found)) => wire::bytes(1, found.to_string().as_bytes(), out),
        (Kind::Quantity, value) => wire::bytes(1, text(value)?.as_bytes(), out),
        (Kind::IntOrString, value) => {
            let (is_text, int, text) = match value {
                Value::String(text) => (1, 0, text.as_str()),
                value => (0, int(value)?, ""),
            };
            wire::number(1, is_text, out);
            wire::number(2, int.cast_unsigned(), out);
            wire::bytes(3, text.as_bytes(), out);
        }
        // an absent one has no text, one that is null has the text `null`
        (Kind::Raw, Value::Null) => {}
        (Kind::Raw, value) => wire::bytes(1, value.to_string().as_bytes(), out),
        (Kind::SchemaOrBool, Value::Bool(_) | Value::Null) => {
            wire::number(1, u64::from(flag(value)?), out);
        }
        (Kind::SchemaOrBool, schema) => {
            wire::number(1, 1, out);
            single(2, table::schema(), schema, out)?;
        }
        (Kind::SchemaOrArray, Value::Array(schemas)) => {
            for schema in schemas {
                single(2, table::schema(), schema, out)?;
            }
        }
        (Kind::SchemaOrTexts, Value::Array(texts)) => list(2, texts, out)?,
        (Kind::SchemaOrArray | Kind::SchemaOrTexts, schema) => {
            single(1, table::schema(), schema, out)?;
        }
        (Kind::Texts, Value::Array(texts)) => list(1, texts, out)?,
        (Kind::Texts, Value::Null) => {}
        (Kind::Texts, value) => return Err(wrong(value, "a list")),
        (Kind::Message(place), Value::Object(_) | Value::Null) => {
            let inner = table::at(place).ok_or(": an unknown message")?;
            message(inner, value, out)?;
        }
        (_, value) => return Err(wrong(value, "an object")),
    }
    Ok(())
}

fn list(number: u64, texts: &[Value], out: &mut Vec<u8>) -> Result<(), String> {
    for item in texts {
        wire::bytes(number, text(item)?.as_bytes(), out);
    }
    Ok(())
}

/// Seconds since 1970 and nanoseconds, of which only the newer type keeps the microseconds. An empty text is none.
fn time(kind: Kind, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let time: Timestamp = text.parse().map_err(|error| format!(": {error}"))?;
    let digits = text.split_once('.').map_or("", |(_, rest)| rest);
    let digits: String = digits
        .chars()
        .take_while(char::is_ascii_digit)
        .take(6)
        .collect();
    let micros: u64 = format!("{digits:0<6}").parse().unwrap_or_default();
    let nanos = if kind == Kind::MicroTime {
        micros * 1000
    } else {
        0
    };
    wire::number(1, time.seconds().cast_unsigned(), out);
    wire::number(2, nanos, out);
    Ok(())
}
