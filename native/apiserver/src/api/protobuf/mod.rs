//! Protobuf: the bodies and answers of built-in kinds that Go clients send and ask for by default.
//!
//! A table of the published messages ([`table`]) drives both directions, from and to the JSON that Kubernetes' own types
//! have: no kind has code of its own. The published `.proto` files would not be sufficient: which fields JSON inlines,
//! which ones Go always writes and which ones it leaves out of JSON only the Go types say, and the table is made of
//! them by `table.py`.
//!
//! An object is written as the real server writes it, byte for byte: fields by their numbers, maps by their keys, and
//! every field that is not a pointer in Go, even if it is empty. Unknown fields of a body are skipped.

mod decode;
mod encode;
mod table;
mod wire;

use serde_json::Value;

use super::go_fmt;
use table::Message;
use wire::{Reader, Scalar};

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every object begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Deepest nesting of messages.
const DEEPEST: usize = 128;

/// Finds the message of a kind. Each group and version has the kinds of `meta.k8s.io`, such as `DeleteOptions`, too.
fn find(api_version: &str, kind: &str) -> Option<&'static Message> {
    table::message(&format!("{api_version}.{kind}"))
        .or_else(|| table::message(&format!("meta.k8s.io/v1.{kind}")))
}

/// Does Kubernetes have a kind in a group and version?
pub(super) fn is_registered(api_version: &str, kind: &str) -> bool {
    find(api_version, kind).is_some()
}

/// Returns Go's words for a kind that a group and version has not.
pub(super) fn not_registered(api_version: &str, kind: &str) -> String {
    format!(
        "no kind {} is registered for version {} in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        go_fmt::quote(kind),
        go_fmt::quote(api_version)
    )
}

/// Reads a body: four magic bytes, then an envelope with the type and the bytes of the object. A type that the envelope
/// does not name is `default`: `apiVersion` and kind.
///
/// # Errors
/// Go's words for what cannot be read.
pub(super) fn read(body: &[u8], default: (&str, &str)) -> Result<Value, String> {
    if body.is_empty() {
        return Err("empty data".to_owned());
    }
    let envelope = body.strip_prefix(MAGIC).ok_or(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    )?;
    if envelope.is_empty() {
        return Err("empty body".to_owned());
    }
    let (mut type_meta, mut raw): (&[u8], &[u8]) = (&[], &[]);
    each(envelope, |number, value| {
        match number {
            1 => type_meta = value.bytes()?,
            2 => raw = value.bytes()?,
            _ => {}
        }
        Ok(())
    })?;
    let (mut api_version, mut kind) = (String::new(), String::new());
    each(type_meta, |number, value| {
        match number {
            1 => api_version = value.text()?,
            2 => kind = value.text()?,
            _ => {}
        }
        Ok(())
    })?;
    for (found, default) in [(&mut api_version, default.0), (&mut kind, default.1)] {
        if found.is_empty() {
            default.clone_into(found);
        }
    }
    let message = find(&api_version, &kind).ok_or_else(|| not_registered(&api_version, &kind))?;
    let mut object = decode::message(message, raw, 0)?;
    object.insert("kind".to_owned(), kind.into());
    object.insert("apiVersion".to_owned(), api_version.into());
    Ok(object.into())
}

/// Calls `take` with every field of a message.
fn each<'a>(
    bytes: &'a [u8],
    mut take: impl FnMut(u64, Scalar<'a>) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = Reader { bytes };
    while let Some((number, value)) = reader.field()? {
        take(number, value)?;
    }
    Ok(())
}

/// Writes an object or a list, with its envelope.
///
/// # Errors
/// Returns the path of a value that its field cannot hold, or the kind if it has no message.
pub(crate) fn write(object: &Value) -> Result<Vec<u8>, String> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let message =
        find(api_version, kind).ok_or_else(|| format!("{kind} has no form in protobuf"))?;
    let mut raw = Vec::new();
    encode::message(message, object, &mut raw)?;
    let mut type_meta = Vec::new();
    wire::bytes(1, api_version.as_bytes(), &mut type_meta);
    wire::bytes(2, kind.as_bytes(), &mut type_meta);
    let mut out = MAGIC.to_vec();
    wire::bytes(1, &type_meta, &mut out);
    wire::bytes(2, &raw, &mut out);
    // encoding and type of the content
    wire::bytes(3, b"", &mut out);
    wire::bytes(4, b"", &mut out);
    Ok(out)
}

/// Writes a message of another package, without an envelope: `openapi.v2.Document`.
///
/// # Errors
/// Returns the path of a value that its field cannot hold.
pub(super) fn write_bare(name: &str, value: &Value) -> Result<Vec<u8>, String> {
    let message = table::message(name).ok_or_else(|| format!("{name} is not a known message"))?;
    let mut out = Vec::new();
    encode::message(message, value, &mut out)?;
    Ok(out)
}

/// Appends an event of a watch: four bytes with the length, then a `WatchEvent` around the object with its envelope.
pub(crate) fn frame(what: &str, object: &[u8], out: &mut Vec<u8>) {
    let mut raw = Vec::with_capacity(object.len() + 8);
    wire::bytes(1, object, &mut raw);
    let mut event = Vec::with_capacity(raw.len() + 24);
    wire::bytes(1, what.as_bytes(), &mut event);
    wire::bytes(2, &raw, &mut event);
    let length = u32::try_from(event.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&event);
}

#[cfg(test)]
mod tests;
