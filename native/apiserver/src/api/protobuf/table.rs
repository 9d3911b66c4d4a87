//! The messages and their fields, as `table.txt` has them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// How often a field holds its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    One,
    List,
    Map,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Base64 in JSON.
    Bytes,
    Bool,
    Int,
    Double,
    /// Seconds since 1970.
    Time,
    /// The same with microseconds.
    MicroTime,
    Quantity,
    IntOrString,
    /// Any JSON, as its text.
    Raw,
    /// A list of texts in a message of its own.
    Texts,
    /// A schema or true or false.
    SchemaOrBool,
    /// A schema or a list of schemas.
    SchemaOrArray,
    /// A schema or a list of texts.
    SchemaOrTexts,
    /// The message with this place in the table.
    Message(usize),
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u64,
    /// The name in JSON.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) many: Many,
    /// Is it written only if it is there? Others are written with their zero.
    pub(super) optional: bool,
    /// Is it there in JSON even if it is empty?
    pub(super) shown: bool,
    /// Does JSON have its fields in the place of the message?
    pub(super) inline: bool,
}

/// A message; its fields are sorted by number.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) fields: Vec<Field>,
}

impl Message {
    pub(super) fn field(&self, number: u64) -> Option<&Field> {
        let place = self
            .fields
            .binary_search_by_key(&number, |field| field.number);
        place.ok().and_then(|place| self.fields.get(place))
    }
}

struct Table {
    messages: Vec<Message>,
    by_name: HashMap<&'static str, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| parse(include_str!("table.txt")));

/// The message of a name, such as `apps/v1.Deployment`.
pub(super) fn message(name: &str) -> Option<&'static Message> {
    TABLE.by_name.get(name).and_then(|place| at(*place))
}

/// The message at a place in the table.
pub(super) fn at(place: usize) -> Option<&'static Message> {
    TABLE.messages.get(place)
}

/// The schema of a CustomResourceDefinition, which holds itself.
pub(super) fn schema() -> Kind {
    let name = "apiextensions.k8s.io/v1.JSONSchemaProps";
    Kind::Message(TABLE.by_name.get(name).copied().unwrap_or(usize::MAX))
}

fn parse(text: &'static str) -> Table {
    let names = text
        .lines()
        .filter(|line| !line.starts_with(['#', ' ']) && !line.is_empty());
    let by_name: HashMap<&str, usize> = names.enumerate().map(|(at, name)| (name, at)).collect();
    let mut messages: Vec<Message> = Vec::with_capacity(by_name.len());
    let mut package = "";
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix(' ') {
            None => {
                package = line.rsplit_once('.').map_or("", |(package, _)| package);
                messages.push(Message::default());
            }
            Some(row) => {
                if let (Some(field), Some(message)) =
                    (field(row, package, &by_name), messages.last_mut())
                {
                    message.fields.push(field);
                }
            }
        }
    }
    Table { messages, by_name }
}

fn field(row: &'static str, package: &str, names: &HashMap<&str, usize>) -> Option<Field> {
    let mut words = row.split(' ');
    let number = words.next()?.parse().ok()?;
    let name = words.next()?;
    let kind = words.next()?;
    let (optional, kind) = strip(kind, "*");
    let (shown, kind) = strip(kind, "!");
    let (inline, kind) = strip(kind, "~");
    let (list, kind) = strip(kind, "[]");
    let (map, kind) = strip(kind, "{}");
    let kind = match kind {
        "text" => Kind::Text,
        "bytes" => Kind::Bytes,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "double" => Kind::Double,
        "Time" => Kind::Time,
        "MicroTime" => Kind::MicroTime,
        "Quantity" => Kind::Quantity,
        "IntOrString" => Kind::IntOrString,
        "Raw" => Kind::Raw,
        "Texts" => Kind::Texts,
        "SchemaOrBool" => Kind::SchemaOrBool,
        "SchemaOrArray" => Kind::SchemaOrArray,
        "SchemaOrTexts" => Kind::SchemaOrTexts,
        name => {
            let place = names
                .get(format!("{package}.{name}").as_str())
                .or_else(|| names.get(name));
            Kind::Message(*place?)
        }
    };
    Some(Field {
        number,
        name,
        kind,
        many: match (list, map) {
            (true, _) => Many::List,
            (_, true) => Many::Map,
            _ => Many::One,
        },
        optional: optional || kind == Kind::Bytes,
        shown,
        inline,
    })
}

fn strip<'a>(text: &'a str, prefix: &str) -> (bool, &'a str) {
    match text.strip_prefix(prefix) {
        Some(rest) => (true, rest),
        None => (false, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_table_every_line_is_read() {
        let lines = include_str!("table.txt").lines();
        let rows = lines.filter(|line| line.starts_with(' ')).count();
        let fields: usize = TABLE
            .messages
            .iter()
            .map(|message| message.fields.len())
            .sum();
        assert_eq!(fields, rows);
        for message in &TABLE.messages {
            assert!(message.fields.is_sorted_by(|a, b| a.number < b.number));
        }
        assert_ne!(schema(), Kind::Message(usize::MAX));
    }
}
