//! The messages of the rules.
//!
//! Each rule file names its messages once, in a [`define`] block. The policy bundles repeat some of them in CEL and
//! Rego: `cargo xtask bundles` copies those texts from [`messages`].

pub(super) use crate::messages::define;

use super::{
    annotations, fields, form, images, labels, name, pod, registry, retention, secrets, size,
    status,
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
        crate::resource::identity::MESSAGES,
        crate::pod::MESSAGES,
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
