//! The value formats of known annotations.
//!
//! Source: the samples and tables of the vendor's annotation pages. Spaces after a comma and empty items, which they do not
//! mention, are errors here: no document says that ECI trims, and a host or id that contains a space matches nothing.

use core::net::Ipv6Addr;
use std::fmt;
use std::ops::Range;

use super::messages::define;
use super::name;
use crate::diagnostic::Quoted;
use crate::matching::storage_bytes;
use crate::resource::annotation::{ValueForm, parse_bool};

define! { form:
    item(index, fault) "item {index}: {fault}";
    not(value, wanted) "{value} is not {wanted}";
    empty(wanted) "empty, {wanted} is required";
    space(value) "{value} contains white space";
    several(value, wanted) "{value} is a list, {wanted} is required";
    too_many(limit) "more than {limit} items";
    scheme(value) "{value} has a scheme, only host[:port] is allowed";
    path(value) "{value} has a path, only host[:port] is allowed";
    port(value) "{value} has an invalid port, must be 1 to 65535";
    bool() "`true` or `false`";
    count() "a whole number of at least 1";
    cache_id() "a cache id (imc-…)";
    id(prefix) "an id ({prefix}…)";
    acr_instance() "a registry instance ([region:]cri-…)";
    arn() "a role (acs:ram::ACCOUNT:role/NAME)";
    host_port() "a host[:port]";
    quantity() "a quantity of bytes (50Gi)";
}

/// The invalid bytes of a value, and the reason.
pub(super) struct Fault<'v> {
    pub(super) at: Range<usize>,
    /// The item of the comma list, from 0, where there is more than one.
    item: Option<usize>,
    text: &'v str,
    wanted: ValueForm,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Not of the wanted form.
    Form,
    Empty,
    /// White space before, after or inside.
    Space,
    /// A list instead of a single value.
    Several,
    /// More items than this.
    TooMany(usize),
    Scheme,
    Path,
    Port,
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Quoted(self.text);
        let wanted = Wanted(self.wanted);
        let fault = fmt::from_fn(|f| match self.why {
            Why::Form => not(text, &wanted).fmt(f),
            Why::Empty => empty(&wanted).fmt(f),
            Why::Space => space(text).fmt(f),
            Why::Several => several(text, &wanted).fmt(f),
            Why::TooMany(limit) => too_many(limit).fmt(f),
            Why::Scheme => scheme(text).fmt(f),
            Why::Path => path(text).fmt(f),
            Why::Port => port(text).fmt(f),
        });
        match self.item {
            Some(index) => item(index, fault).fmt(f),
            None => fault.fmt(f),
        }
    }
}

/// The description of a form, with an article.
struct Wanted(ValueForm);

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueForm::Bool => bool().fmt(f),
            ValueForm::Count => count().fmt(f),
            ValueForm::CacheId => cache_id().fmt(f),
            ValueForm::Id(prefix) | ValueForm::Ids(prefix, _) => id(prefix).fmt(f),
            ValueForm::OneOf(words) => {
                for (index, word) in words.iter().enumerate() {
                    write!(f, "{}`{word}`", if index == 0 { "" } else { " or " })?;
                }
                Ok(())
            }
            ValueForm::AcrInstances => acr_instance().fmt(f),
            ValueForm::Arns => arn().fmt(f),
            ValueForm::Hosts => host_port().fmt(f),
            ValueForm::Quantity => quantity().fmt(f),
        }
    }
}

/// Returns the help for a form.
pub(super) fn example(form: ValueForm) -> &'static str {
    match form {
        ValueForm::Bool => "Write \"true\" or \"false\".",
        ValueForm::Count => "Write the number of images that must match: \"2\".",
        ValueForm::CacheId => "Copy `status.imageCacheId` of the cache: \"imc-…\".",
        ValueForm::Id(_) => "Write one id.",
        ValueForm::Ids(..) => "Separate ids by commas without spaces: \"vsw-a,vsw-b\".",
        ValueForm::OneOf(_) => "Write one of these values, in lower case.",
        ValueForm::AcrInstances => {
            "Separate ids by commas; write another region and a colon before its id: \"cri-a,cn-beijing:cri-b\"."
        }
        ValueForm::Arns => "Copy the ARN of the role: \"acs:ram::1234567890123456:role/name\".",
        ValueForm::Hosts => {
            "Separate hosts by commas without spaces: \"registry.example.com,192.0.2.10:5000\"."
        }
        ValueForm::Quantity => "Write a number and a unit: \"50Gi\".",
    }
}

/// Calls `report` for each fault in order. A list that is too long gets one fault for its length and is not read further.
pub(super) fn check<'v>(text: &'v str, wanted: ValueForm, mut report: impl FnMut(Fault<'v>)) {
    let mut fault = |at: Range<usize>, item, text, why| {
        report(Fault {
            at,
            item,
            text,
            wanted,
            why,
        });
    };
    if text.is_empty() {
        return fault(0..0, None, text, Why::Empty);
    }
    let Some(limit) = items(wanted) else {
        if let Err(why) = single(text, wanted) {
            fault(0..text.len(), None, text, why);
        }
        return;
    };
    let mut rest = Some(text);
    let mut offset = 0;
    for index in 0.. {
        let Some(list) = rest else {
            return;
        };
        if index == limit {
            return fault(offset..text.len(), None, text, Why::TooMany(limit));
        }
        let item = match list.split_once(',') {
            Some((item, after)) => {
                rest = Some(after);
                item
            }
            None => {
                rest = None;
                list
            }
        };
        if let Err(why) = single(item, wanted) {
            let several = item.len() != text.len();
            fault(
                offset..offset + item.len(),
                several.then_some(index),
                item,
                why,
            );
        }
        offset += item.len() + 1;
    }
}

/// Returns the maximum number of items if the form is a list. Where no document gives a number, a high one bounds the
/// work.
fn items(form: ValueForm) -> Option<usize> {
    match form {
        ValueForm::Ids(_, limit) => Some(limit),
        ValueForm::AcrInstances | ValueForm::Arns => Some(20),
        ValueForm::Hosts => Some(100),
        ValueForm::Bool
        | ValueForm::Count
        | ValueForm::CacheId
        | ValueForm::Id(_)
        | ValueForm::OneOf(_)
        | ValueForm::Quantity => None,
    }
}

fn single(text: &str, form: ValueForm) -> Result<(), Why> {
    let fits = match form {
        ValueForm::Bool => parse_bool(text).is_some(),
        ValueForm::Count => text.bytes().all(|byte| byte.is_ascii_digit()),
        ValueForm::CacheId => text.strip_prefix("imc-").is_some_and(is_id),
        ValueForm::Id(prefix) | ValueForm::Ids(prefix, _) => {
            text.strip_prefix(prefix).is_some_and(is_id)
        }
        ValueForm::OneOf(words) => words.contains(&text),
        ValueForm::AcrInstances => {
            let (region, id) = text.split_once(':').unwrap_or(("cn", text));
            name::label(region).is_ok() && id.strip_prefix("cri-").is_some_and(is_id)
        }
        ValueForm::Arns => is_role(text),
        ValueForm::Hosts => return host(text),
        ValueForm::Quantity => storage_bytes(text).is_some(),
    };
    match text {
        _ if fits => Ok(()),
        "" => Err(Why::Empty),
        _ if text.contains(char::is_whitespace) => Err(Why::Space),
        _ if items(form).is_none() && text.contains(',') => Err(Why::Several),
        _ => Err(Why::Form),
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Returns true for `acs:ram::<account, digits>:role/<name>`.
fn is_role(text: &str) -> bool {
    let Some((account, name)) = text
        .strip_prefix("acs:ram::")
        .and_then(|rest| rest.split_once(":role/"))
    else {
        return false;
    };
    let in_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    let in_name =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'/');
    in_account && !name.is_empty() && name.bytes().all(in_name)
}

/// The maximum length of a host: the longest name, a colon and a port.
const MAX_HOST_LENGTH: usize = 253 + 6;

/// Checks `host[:port]`: a name, an IPv4 address or an IPv6 address in brackets.
fn host(text: &str) -> Result<(), Why> {
    if text.is_empty() {
        return Err(Why::Empty);
    }
    if text.len() > MAX_HOST_LENGTH {
        return Err(Why::Form);
    }
    if text.contains(char::is_whitespace) {
        return Err(Why::Space);
    }
    if text.contains("://") {
        return Err(Why::Scheme);
    }
    if text.contains('/') {
        return Err(Why::Path);
    }
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or(Why::Form)?;
            address.parse::<Ipv6Addr>().map_err(|_| Why::Form)?;
            let port = match rest {
                "" => None,
                _ => Some(rest.strip_prefix(':').ok_or(Why::Form)?),
            };
            (None, port)
        }
        None => match text.split_once(':') {
            Some((name, port)) => (Some(name), Some(port)),
            None => (Some(text), None),
        },
    };
    let fits = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(inner)
    };
    if name.is_some_and(|name| !name.split('.').all(fits)) {
        return Err(Why::Form);
    }
    match port {
        Some(port)
            if port.parse::<u16>().map_or(true, |port| port == 0) || port.starts_with('+') =>
        {
            Err(Why::Port)
        }
        _ => Ok(()),
    }
}
