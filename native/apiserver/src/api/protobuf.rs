//! Protobuf bodies of built-in kinds, which `kubectl create namespace`, `secret`, `configmap`, `deployment` and
//! `kubectl auth` send.
//!
//! A table lists the field numbers that are read. A body with a field that is not in the table is refused.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagecache::time::Timestamp;
use serde_json::{Map, Value, json};

/// The media type.
pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Many {
    One,
    List,
    Map,
}

struct Field {
    name: &'static str,
    kind: &'static str,
    many: Many,
}

static FIELDS: LazyLock<BTreeMap<(&str, u64), Field>> = LazyLock::new(|| {
    let table = include_str!("kinds/protobuf_fields.txt").lines();
    let rows = table
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (message, number) = (words.next()?, words.next()?.parse().ok()?);
            let (name, kind) = (words.next()?, words.next()?);
            let (many, kind) = match (kind.strip_prefix("[]"), kind.strip_prefix("{}")) {
                (Some(kind), _) => (Many::List, kind),
                (_, Some(kind)) => (Many::Map, kind),
                _ => (Many::One, kind),
            };
            Some(((message, number), Field { name, kind, many }))
        });
    rows.collect()
});

/// Deepest nesting of messages; the table has no cycle that could ask for more.
const DEEPEST: usize = 16;

/// Reads a body: four magic bytes, then an envelope with the type and the bytes of the object.
///
/// # Errors
/// Says what cannot be read.
pub(super) fn read(body: &[u8]) -> Result<Value, String> {
    let envelope = body.strip_prefix(b"k8s\0").ok_or(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    )?;
    let envelope = message("Unknown", envelope, 0)?;
    let type_meta = envelope.get("typeMeta").cloned().unwrap_or_default();
    let text = |name: &str| {
        type_meta
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let raw = envelope
        .get("raw")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let raw = STANDARD.decode(raw).map_err(|error| error.to_string())?;
    if !FIELDS.contains_key(&(text("kind"), 1)) {
        return Err(format!(
            "{} is not read from protobuf here: send it as JSON or YAML",
            text("kind")
        ));
    }
    let mut object = message(text("kind"), &raw, 0)?;
    object.insert("kind".to_owned(), text("kind").into());
    object.insert("apiVersion".to_owned(), text("apiVersion").into());
    Ok(object.into())
}

fn message(kind: &str, bytes: &[u8], depth: usize) -> Result<Map<String, Value>, String> {
    if depth > DEEPEST {
        return Err("a message is nested too deep".to_owned());
    }
    let mut wire = Wire { bytes };
    let mut fields = Map::new();
    while let Some((number, value)) = wire.field()? {
        let Some(field) = FIELDS.get(&(kind, number)) else {
            return Err(format!(
                "field {number} of {kind} is not read from protobuf here: send it as JSON or YAML"
            ));
        };
        match field.many {
            Many::One => {
                let value = single(field.kind, value, depth)?;
                if !says_nothing(field.kind, &value) {
                    fields.insert(field.name.to_owned(), value);
                }
            }
            Many::List => {
                let item = single(field.kind, value, depth)?;
                let list = fields.entry(field.name).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(item);
                }
            }
            Many::Map => {
                let (key, item) = entry(field.kind, value, depth)?;
                let map = fields.entry(field.name).or_insert_with(|| json!({}));
                if let Some(map) = map.as_object_mut() {
                    map.insert(key, item);
                }
            }
        }
    }
    Ok(fields)
}

/// Go writes every field that is not a pointer, even if it was not set.
fn says_nothing(kind: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bool(flag) => !flag,
        Value::Number(number) => kind == "int" && number.as_i64() == Some(0),
        _ => false,
    }
}

/// A pair of a map: key and value.
fn entry(kind: &str, value: Scalar<'_>, depth: usize) -> Result<(String, Value), String> {
    let mut wire = Wire {
        bytes: value.bytes()?,
    };
    let (mut key, mut item) = (String::new(), single(kind, Scalar::Bytes(&[]), depth)?);
    while let Some((number, value)) = wire.field()? {
        match number {
            1 => key = value.text()?,
            _ => item = single(kind, value, depth)?,
        }
    }
    Ok((key, item))
}

fn single(kind: &str, value: Scalar<'_>, depth: usize) -> Result<Value, String> {
    Ok(match kind {
        "text" => value.text()?.into(),
        "bytes" => STANDARD.encode(value.bytes()?).into(),
        "bool" => (value.number()? != 0).into(),
        // Negative numbers are written as their two's complement in 64 bits.
        "int" | "int?" => value.number()?.cast_signed().into(),
        "time" => time(value.bytes()?)?,
        "Empty" => {
            match value.bytes()? {
                [] => json!({}),
                _ => return Err(
                    "a part of the object is not read from protobuf here: send it as JSON or YAML"
                        .to_owned(),
                ),
            }
        }
        kind => message(kind, value.bytes()?, depth + 1)?.into(),
    })
}

/// Seconds since 1970; an empty one is none.
fn time(bytes: &[u8]) -> Result<Value, String> {
    let mut wire = Wire { bytes };
    let mut time = Value::Null;
    while let Some((number, value)) = wire.field()? {
        if number == 1 {
            let seconds = value.number()?.cast_signed();
            time = Timestamp::from_seconds(seconds).to_string().into();
        }
    }
    Ok(time)
}

#[derive(Clone, Copy)]
enum Scalar<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Scalar<'a> {
    fn number(self) -> Result<u64, String> {
        match self {
            Scalar::Number(number) => Ok(number),
            Scalar::Bytes(_) => Err("proto: wrong wireType = 2".to_owned()),
        }
    }

    fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Scalar::Bytes(bytes) => Ok(bytes),
            Scalar::Number(_) => Err("proto: wrong wireType = 0".to_owned()),
        }
    }

    fn text(self) -> Result<String, String> {
        String::from_utf8(self.bytes()?.to_vec())
            .map_err(|_| "proto: a text is not UTF-8".to_owned())
    }
}

struct Wire<'a> {
    bytes: &'a [u8],
}

const CUT: &str = "unexpected EOF";

impl<'a> Wire<'a> {
    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.bytes.split_first().ok_or(CUT)?;
            self.bytes = rest;
            number |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("proto: integer overflow".to_owned())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let length = usize::try_from(length).map_err(|_| CUT)?;
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(CUT)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The next field, with its number.
    fn field(&mut self) -> Result<Option<(u64, Scalar<'a>)>, String> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Scalar::Number(self.varint()?),
            2 => {
                let length = self.varint()?;
                Scalar::Bytes(self.take(length)?)
            }
            other => return Err(format!("proto: illegal wireType {other}")),
        };
        Ok(Some((tag >> 3, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        out.extend(content);
        out
    }

    fn body(kind: &str, raw: &[u8]) -> Vec<u8> {
        let type_meta = [bytes(1, b"v1"), bytes(2, kind.as_bytes())].concat();
        [
            b"k8s\0".to_vec(),
            bytes(1, &type_meta),
            bytes(2, raw),
            bytes(3, b""),
            bytes(4, b""),
        ]
        .concat()
    }

    #[test]
    fn a_secret_is_read_as_it_would_be_from_json() {
        let metadata = [
            bytes(1, b"dr"),
            bytes(8, b""),
            bytes(11, &[bytes(1, b"a"), bytes(2, b"b")].concat()),
        ]
        .concat();
        let data = [bytes(1, b"key"), bytes(2, &[0xff, 0x00])].concat();
        let raw = [
            bytes(1, &metadata),
            bytes(2, &data),
            bytes(3, b"Opaque"),
            vec![5 << 3, 1],
        ]
        .concat();
        assert_eq!(
            read(&body("Secret", &raw)).unwrap(),
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "dr", "creationTimestamp": null, "labels": {"a": "b"}},
                "data": {"key": "/wA="},
                "type": "Opaque",
                "immutable": true,
            })
        );
    }

    #[test]
    fn protobuf_unknown_field_is_refused() {
        for (body, words) in [
            (
                b"{}".to_vec(),
                "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
            ),
            (
                body("Node", b""),
                "Node is not read from protobuf here: send it as JSON or YAML",
            ),
            (
                body("Secret", &bytes(9, b"x")),
                "field 9 of Secret is not read from protobuf here: send it as JSON or YAML",
            ),
            (body("Secret", &[0x0a, 0x7f]), "unexpected EOF"),
            (body("Secret", &[0x0b]), "proto: illegal wireType 3"),
        ] {
            assert_eq!(read(&body).unwrap_err(), words);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail_otherwise(raw in proptest::collection::vec(0_u8.., 0..100)) {
            let _ = read(&body("Deployment", &raw));
            let _ = read(&[b"k8s\0".as_slice(), &raw].concat());
        }
    }
}
