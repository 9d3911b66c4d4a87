//! Messages to JSON, as Go would write it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::time::Timestamp;
use serde_json::{Map, Value, json};

use super::table::{self, Field, Kind, Many, Message};
use super::wire::Scalar;
use super::{DEEPEST, MAGIC, each};

/// Reads a message as an object.
pub(super) fn message(
    message: &Message,
    bytes: &[u8],
    depth: usize,
) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    fill(message, bytes, depth, &mut object)?;
    Ok(object)
}

fn fill(
    message: &Message,
    bytes: &[u8],
    depth: usize,
    object: &mut Map<String, Value>,
) -> Result<(), String> {
    if depth > DEEPEST {
        return Err("a message is nested too deep".to_owned());
    }
    each(bytes, |number, value| {
        let Some(field) = message.field(number) else {
            return Ok(());
        };
        if let (Kind::Message(place), true) = (field.kind, field.inline) {
            let inner = table::at(place).ok_or("an unknown message")?;
            return fill(inner, value.bytes()?, depth + 1, object);
        }
        match field.many {
            Many::One => {
                let value = single(field.kind, value, depth)?;
                if field.optional || field.shown || !is_empty(field.kind, &value) {
                    object.insert(field.name.to_owned(), value);
                } else {
                    object.remove(field.name);
                }
            }
            Many::List => {
                let item = single(field.kind, value, depth)?;
                let list = object.entry(field.name).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(item);
                }
            }
            Many::Map => {
                let (key, item) = entry(field.kind, value, depth)?;
                let map = object.entry(field.name).or_insert_with(|| json!({}));
                if let Some(map) = map.as_object_mut() {
                    map.insert(key, item);
                }
            }
        }
        Ok(())
    })?;
    for field in &message.fields {
        show(field, depth, object)?;
    }
    Ok(())
}

/// Adds a field that JSON has even where the message has none.
fn show(field: &Field, depth: usize, object: &mut Map<String, Value>) -> Result<(), String> {
    if let (true, Kind::Message(place)) = (field.inline, field.kind) {
        let inner = table::at(place).ok_or("an unknown message")?;
        return inner
            .fields
            .iter()
            .try_for_each(|field| show(field, depth + 1, object));
    }
    if field.shown && field.many == Many::One && !object.contains_key(field.name) {
        let value = single(field.kind, zero(field.kind), depth)?;
        object.insert(field.name.to_owned(), value);
    }
    Ok(())
}

fn zero(kind: Kind) -> Scalar<'static> {
    match kind {
        Kind::Bool | Kind::Int => Scalar::Number(0),
        Kind::Double => Scalar::Fixed(0),
        _ => Scalar::Bytes(&[]),
    }
}

/// Is it a value that Go leaves out?
fn is_empty(kind: Kind, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Bool(flag) => !flag,
        Value::Number(number) => {
            matches!(kind, Kind::Int | Kind::Double) && number.as_f64() == Some(0.0)
        }
        Value::Object(fields) => fields.is_empty(),
        Value::Array(_) => false,
    }
}

/// A pair of a map: key and value.
fn entry(kind: Kind, value: Scalar<'_>, depth: usize) -> Result<(String, Value), String> {
    let (mut key, mut item) = (String::new(), zero(kind));
    each(value.bytes()?, |number, value| {
        match number {
            1 => key = value.text()?,
            2 => item = value,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, single(kind, item, depth)?))
}

/// The last bytes of a field of a message.
fn inner(bytes: &[u8], field: u64) -> Result<&[u8], String> {
    let mut found: &[u8] = &[];
    each(bytes, |number, value| {
        if number == field {
            found = value.bytes()?;
        }
        Ok(())
    })?;
    Ok(found)
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    Scalar::Bytes(bytes).text()
}

fn single(kind: Kind, value: Scalar<'_>, depth: usize) -> Result<Value, String> {
    Ok(match kind {
        Kind::Text => value.text()?.into(),
        Kind::Bytes => STANDARD.encode(value.bytes()?).into(),
        Kind::Bool => (value.number()? != 0).into(),
        // Negative numbers are written as their two's complement in 64 bits.
        Kind::Int => value.number()?.cast_signed().into(),
        Kind::Double => number(value.double()?),
        Kind::Time => time(value.bytes()?, false)?,
        Kind::MicroTime => time(value.bytes()?, true)?,
        Kind::Quantity => match utf8(inner(value.bytes()?, 1)?)? {
            text if text.is_empty() => "0".into(),
            text => text.into(),
        },
        Kind::IntOrString => int_or_string(value.bytes()?)?,
        Kind::Raw => raw(inner(value.bytes()?, 1)?, depth)?,
        Kind::Texts => texts(value.bytes()?, 1)?,
        Kind::SchemaOrBool => {
            let (schema, _, allows) = schema_or(value.bytes()?, (2, 0, 1), depth)?;
            schema.unwrap_or_else(|| allows.into())
        }
        Kind::SchemaOrArray => {
            let (schema, list, _) = schema_or(value.bytes()?, (1, 2, 0), depth)?;
            schema.unwrap_or_else(|| list.into())
        }
        Kind::SchemaOrTexts => {
            let (schema, _, _) = schema_or(value.bytes()?, (1, 0, 0), depth)?;
            match schema {
                Some(schema) => schema,
                None => texts(value.bytes()?, 2)?,
            }
        }
        Kind::Message(place) => {
            let inner = table::at(place).ok_or("an unknown message")?;
            message(inner, value.bytes()?, depth + 1)?.into()
        }
    })
}

/// A number without a fraction where it has none.
#[allow(clippy::cast_possible_truncation, reason = "checked to be exact")]
fn number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return (number as i64).into();
    }
    number.into()
}

/// Seconds since 1970 and nanoseconds; an empty one is none.
fn time(bytes: &[u8], micro: bool) -> Result<Value, String> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let (mut seconds, mut nanos) = (0, 0);
    each(bytes, |number, value| {
        match number {
            1 => seconds = value.number()?.cast_signed(),
            2 => nanos = value.number()?,
            _ => {}
        }
        Ok(())
    })?;
    let text = Timestamp::from_seconds(seconds).to_string();
    Ok(match text.strip_suffix('Z') {
        Some(text) if micro => format!("{text}.{:06}Z", nanos / 1000 % 1_000_000).into(),
        _ => text.into(),
    })
}

fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let (mut is_text, mut int, mut text) = (false, 0, String::new());
    each(bytes, |number, value| {
        match number {
            1 => is_text = value.number()? != 0,
            2 => int = value.number()?.cast_signed(),
            3 => text = value.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(if is_text { text.into() } else { int.into() })
}

/// JSON in its text, or an object with an envelope.
fn raw(bytes: &[u8], depth: usize) -> Result<Value, String> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    if bytes.starts_with(MAGIC) && depth < DEEPEST {
        return super::read(bytes, ("", ""));
    }
    crate::api::json::read(bytes).map(|(value, _)| value)
}

fn texts(bytes: &[u8], field: u64) -> Result<Value, String> {
    let mut texts = Vec::new();
    each(bytes, |number, value| {
        if number == field {
            texts.push(Value::from(value.text()?));
        }
        Ok(())
    })?;
    Ok(texts.into())
}

/// A schema, a list of schemas, and a flag; each has its number, zero if there is none.
#[allow(clippy::type_complexity, reason = "read once")]
fn schema_or(
    bytes: &[u8],
    (one, many, flag): (u64, u64, u64),
    depth: usize,
) -> Result<(Option<Value>, Vec<Value>, bool), String> {
    let (mut schema, mut schemas, mut allows) = (None, Vec::new(), false);
    each(bytes, |number, value| {
        if number == one {
            schema = Some(single(table::schema(), value, depth + 1)?);
        } else if number == many {
            schemas.push(single(table::schema(), value, depth + 1)?);
        } else if number == flag {
            allows = value.number()? != 0;
        }
        Ok(())
    })?;
    Ok((schema, schemas, allows))
}
