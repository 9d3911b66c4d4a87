use super::tree::Node;
use crate::eci::error::{ApiError, ErrorCode};
use crate::eci::params::Params;
use crate::eci::secret::Secret;

/// A parameter that cannot be read. Messages never hold the value: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadParameter {
    /// A mandatory parameter is not there.
    #[error("{name} is mandatory for this action.")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A value has the wrong form.
    #[error("{name}: {fact}")]
    Form {
        /// Its name.
        name: String,
        /// What it should be.
        fact: &'static str,
    },
    /// The name is there twice, with different values.
    #[error("{name}: given twice, with different values")]
    Twice {
        /// The name.
        name: String,
    },
    /// A list is too long.
    #[error("{name}: {count} items, at most {limit} allowed")]
    TooMany {
        /// Name of the list.
        name: String,
        /// How long it is.
        count: usize,
        /// How long it may be.
        limit: usize,
    },
}

impl From<BadParameter> for ApiError {
    /// `Missing<Name>`, or `InvalidParameter.Format` for everything else.
    fn from(bad: BadParameter) -> Self {
        match bad {
            BadParameter::Missing { name } => ApiError::missing(&name),
            other => ApiError::new(ErrorCode::InvalidParameterFormat, other.to_string()),
        }
    }
}

/// A value of a parameter.
pub(super) trait Field: Sized {
    /// The names of its parts, if it has named ones.
    const FIELDS: &[&str] = &[];

    /// Appends the parameters of this value.
    fn write(&self, path: &str, out: &mut Params);

    /// Reads the value from the node at `path`, and leaves there what it does not know.
    fn read(path: &str, node: &mut Node<'_>, limit: usize) -> Result<Self, BadParameter>;
}

impl Field for String {
    fn write(&self, path: &str, out: &mut Params) {
        out.push(path, self);
    }

    /// A text that must be there, and not be empty.
    fn read(path: &str, node: &mut Node<'_>, _: usize) -> Result<Self, BadParameter> {
        match node.value.take() {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            _ => Err(BadParameter::Missing {
                name: path.to_owned(),
            }),
        }
    }
}

impl Field for Option<Secret> {
    fn write(&self, path: &str, out: &mut Params) {
        if let Some(secret) = self {
            out.push(path, secret.expose());
        }
    }

    fn read(_: &str, node: &mut Node<'_>, _: usize) -> Result<Self, BadParameter> {
        Ok(node.value.take().map(Secret::from))
    }
}

impl Field for Option<String> {
    fn write(&self, path: &str, out: &mut Params) {
        if let Some(text) = self {
            out.push(path, text);
        }
    }

    fn read(_: &str, node: &mut Node<'_>, _: usize) -> Result<Self, BadParameter> {
        Ok(node.value.take().map(str::to_owned))
    }
}

/// An optional value that is not a text: an empty one is an absent one.
fn parsed<T>(
    path: &str,
    node: &mut Node<'_>,
    fact: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, BadParameter> {
    match node.value.take() {
        None | Some("") => Ok(None),
        Some(text) => match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(BadParameter::Form {
                name: path.to_owned(),
                fact,
            }),
        },
    }
}

impl Field for Option<bool> {
    fn write(&self, path: &str, out: &mut Params) {
        if let Some(value) = self {
            out.push(path, value.to_string());
        }
    }

    fn read(path: &str, node: &mut Node<'_>, _: usize) -> Result<Self, BadParameter> {
        parsed(
            path,
            node,
            "must be true or false",
            crate::resource::annotation::parse_bool,
        )
    }
}

impl Field for Option<i32> {
    fn write(&self, path: &str, out: &mut Params) {
        if let Some(value) = self {
            out.push(path, value.to_string());
        }
    }

    fn read(path: &str, node: &mut Node<'_>, _: usize) -> Result<Self, BadParameter> {
        let digits = |text: &str| text.parse().ok();
        parsed(path, node, "must be a whole number of 32 bits", digits)
    }
}

impl<T: Field> Field for Vec<T> {
    fn write(&self, path: &str, out: &mut Params) {
        for (index, item) in self.iter().enumerate() {
            item.write(&format!("{path}.{}", index.saturating_add(1)), out);
        }
    }

    fn read(path: &str, node: &mut Node<'_>, limit: usize) -> Result<Self, BadParameter> {
        let nodes = node.take_items(path)?;
        if nodes.len() > limit {
            return Err(BadParameter::TooMany {
                name: path.to_owned(),
                count: nodes.len(),
                limit,
            });
        }
        let mut items = Vec::with_capacity(nodes.len());
        for (number, mut item) in nodes {
            items.push(T::read(&format!("{path}.{number}"), &mut item, limit)?);
            node.put_back(&number.to_string(), item);
        }
        Ok(items)
    }
}

/// Texts in one parameter, as a JSON list: `["eci-1","eci-2"]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonList(
    /// The texts.
    pub Vec<String>,
);

impl Field for JsonList {
    fn write(&self, path: &str, out: &mut Params) {
        if !self.0.is_empty() {
            out.push(path, serde_json::Value::from(self.0.clone()).to_string());
        }
    }

    fn read(path: &str, node: &mut Node<'_>, limit: usize) -> Result<Self, BadParameter> {
        let list = |text: &str| serde_json::from_str::<Vec<String>>(text).ok();
        let found = parsed(path, node, "must be a JSON list of texts", list)?.unwrap_or_default();
        if found.len() > limit {
            return Err(BadParameter::TooMany {
                name: path.to_owned(),
                count: found.len(),
                limit,
            });
        }
        Ok(JsonList(found))
    }
}

/// A value with named fields, each with its wire name; `N` items at most in a list.
macro_rules! fields {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty = $wire:literal $(, at most $limit:expr)?;)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[doc = concat!("\n\nOn the wire: `", $wire, "`.")]
                pub $field: $type,
            )*
        }

        impl crate::eci::request::field::Field for $name {
            const FIELDS: &[&str] = &[$($wire,)*];

            fn write(&self, path: &str, out: &mut crate::eci::params::Params) {
                let below = |name: &str| match path {
                    "" => name.to_owned(),
                    path => format!("{path}.{name}"),
                };
                $(crate::eci::request::field::Field::write(&self.$field, &below($wire), out);)*
            }

            fn read(
                path: &str,
                node: &mut crate::eci::request::tree::Node<'_>,
                _: usize,
            ) -> Result<Self, crate::eci::request::field::BadParameter> {
                let below = |name: &str| match path {
                    "" => name.to_owned(),
                    path => format!("{path}.{name}"),
                };
                $(
                    let limit = 0_usize $(+ $limit)?;
                    let mut child = node.take($wire);
                    let $field = crate::eci::request::field::Field::read(&below($wire), &mut child, limit)?;
                    node.put_back($wire, child);
                )*
                Ok($name { $($field,)* })
            }
        }
    )*};
}

/// Calls: values with named fields that are a whole request.
macro_rules! calls {
    ($($(#[$meta:meta])* $name:ident -> $reply:ty { $($fields:tt)* })*) => {$(
        crate::eci::request::field::fields! { $(#[$meta])* $name { $($fields)* } }

        impl crate::eci::request::Request for $name {
            const ACTION: &'static str = stringify!($name);
            const PARAMETERS: &[&str] = <$name as crate::eci::request::field::Field>::FIELDS;
            type Reply = $reply;

            fn to_params(&self) -> crate::eci::params::Params {
                let mut params = crate::eci::params::Params::new();
                crate::eci::request::field::Field::write(self, "", &mut params);
                params
            }

            fn from_params(
                params: &crate::eci::params::Params,
            ) -> Result<(Self, crate::eci::params::Params), crate::eci::request::BadParameter> {
                let (mut tree, mut unknown) = crate::eci::request::tree::read(params)?;
                let call = <Self as crate::eci::request::field::Field>::read("", &mut tree, 0)?;
                tree.drain_into("", &mut unknown);
                Ok((call, unknown))
            }
        }
    )*};
}

pub(super) use {calls, fields};
