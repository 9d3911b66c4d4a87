//! Types of the expressions of a rule, as far as they are known.

use super::{Schema, Type};

/// What is known of the type of an expression.
#[derive(Clone, Debug)]
pub(super) enum Kind<'a> {
    /// Nothing.
    Any,
    Bool,
    Bytes,
    Double,
    Int,
    Uint,
    Null,
    String,
    List(Box<Kind<'a>>),
    /// A map with keys that are texts, and its values.
    Map(Box<Kind<'a>>),
    /// An object with the fields of a schema.
    Object(&'a Schema),
    /// A value of Kubernetes' libraries, by the name of its type.
    Opaque(&'static str),
}

/// The type of durations.
pub(super) const DURATION: Kind<'static> = Opaque("google.protobuf.Duration");

use Kind::{Any, Bool, Bytes, Double, Int, List, Map, Null, Object, Opaque, String as Text, Uint};

impl<'a> Kind<'a> {
    pub(super) fn of(schema: &'a Schema) -> Self {
        if schema.int_or_string {
            return Any;
        }
        match schema.kind {
            Some(Type::Boolean) => Bool,
            Some(Type::Integer) => Int,
            Some(Type::Number) => Double,
            // these are of types of their own in a real server
            Some(Type::String)
                if matches!(
                    schema.format.as_str(),
                    "byte" | "date" | "date-time" | "datetime" | "duration"
                ) =>
            {
                Any
            }
            Some(Type::String) => Text,
            Some(Type::Array) => List(Box::new(schema.items.as_deref().map_or(Any, Kind::of))),
            Some(Type::Object) => match &schema.additional {
                Some(values) => Map(Box::new(Kind::of(values))),
                None => Object(schema),
            },
            None => Any,
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Any => "dyn".to_owned(),
            Bool => "bool".to_owned(),
            Bytes => "bytes".to_owned(),
            Double => "double".to_owned(),
            Int => "int".to_owned(),
            Uint => "uint".to_owned(),
            Null => "null_type".to_owned(),
            Text => "string".to_owned(),
            List(items) => format!("list({})", items.name()),
            Map(values) => format!("map(string, {})", values.name()),
            Object(_) => "object".to_owned(),
            Opaque(name) => (*name).to_owned(),
        }
    }

    /// Reports whether a value can be of both types.
    pub(super) fn fits(&self, other: &Kind<'_>) -> bool {
        match (self, other) {
            (Any, _) | (_, Any) => true,
            (List(one), List(other)) | (Map(one), Map(other)) => one.fits(other),
            (Null, Object(_) | Map(_) | List(_) | Null) | (Object(_) | Map(_) | List(_), Null) => {
                true
            }
            // a map literal can be an object
            (Map(_), Object(_)) | (Object(_), Map(_)) => true,
            (Object(_), Object(_)) => true,
            (Opaque(one), Opaque(other)) => one == other,
            (one, other) => one.tag() == other.tag(),
        }
    }

    /// The type without its parts.
    pub(super) fn tag(&self) -> u8 {
        match self {
            Any => 0,
            Bool => 1,
            Bytes => 2,
            Double => 3,
            Int => 4,
            Uint => 5,
            Null => 6,
            Text => 7,
            List(_) => 8,
            Map(_) => 9,
            Object(_) => 10,
            Opaque(_) => 11,
        }
    }

    pub(super) fn is_duration(&self) -> bool {
        matches!((self, DURATION), (Opaque(one), Opaque(duration)) if *one == duration)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Double | Int | Uint)
    }
}
