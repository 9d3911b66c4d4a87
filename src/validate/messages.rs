//! The messages of the rules.
//!
//! Each rule file names its messages once, in a [`define`] block. The policy bundles repeat some of them in CEL and
//! Rego: `cargo xtask bundles` copies those texts from [`messages`].

/// Defines a function for each message of a rule file, and lists the texts for [`messages`].
///
/// ```text
/// define! { images:
///     too_many(count, limit) "{count} images, at most {limit} allowed";
/// }
/// report.add(code, path, too_many(21, 20), "…");
/// ```
macro_rules! define {
    ($file:ident: $($name:ident($($hole:ident),*) $text:literal;)*) => {
        $(
            pub(super) fn $name($($hole: impl std::fmt::Display),*) -> impl std::fmt::Display {
                std::fmt::from_fn(move |f| write!(f, $text))
            }
        )*

        /// The messages of this file: name and text.
        pub(super) const MESSAGES: &[(&str, &str)] =
            &[$((concat!(stringify!($file), ".", stringify!($name)), $text)),*];
    };
}
pub(super) use define;

use super::{
    annotations, fields, form, identity, images, labels, name, pod, registry, retention, secrets,
    size, status,
};

/// Returns the messages of the rules as pairs of name and text. Values are written `{value}` in a text.
///
/// ```
/// let messages = imagecache::validate::messages();
/// assert!(messages.contains(&("images.too_many", "{count} images, at most {limit} allowed")));
/// ```
#[must_use]
pub fn messages() -> Vec<(&'static str, &'static str)> {
    [
        identity::MESSAGES,
        fields::MESSAGES,
        name::MESSAGES,
        labels::MESSAGES,
        images::MESSAGES,
        registry::MESSAGES,
        secrets::MESSAGES,
        size::MESSAGES,
        retention::MESSAGES,
        form::MESSAGES,
        annotations::MESSAGES,
        pod::MESSAGES,
        status::MESSAGES,
    ]
    .concat()
}
