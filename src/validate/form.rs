//! The forms that the values of known annotations have.
//!
//! Source: the samples and tables of the vendor's annotation pages. What they leave open (spaces after a comma, an empty
//! item) is refused here: nothing says that ECI trims, and a host or id with a space in it matches nothing.

use core::net::Ipv6Addr;
use std::fmt;
use std::ops::Range;

use super::name;
use crate::annotation::{ValueForm, parse_bool};
use crate::diagnostic::Quoted;
use crate::matching::storage_bytes;

/// Which bytes of a value are wrong, and why.
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
    /// Not of the wanted form at all.
    Form,
    Empty,
    /// White space before, behind or within.
    Space,
    /// A list where one value is wanted.
    Several,
    /// More items than this.
    TooMany(usize),
    Scheme,
    Path,
    Port,
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(item) = self.item {
            write!(f, "item {item}: ")?;
        }
        let text = Quoted(self.text);
        match self.why {
            Why::Form => write!(f, "{text} is not {}", Wanted(self.wanted)),
            Why::Empty => write!(f, "empty, {} needed", Wanted(self.wanted)),
            Why::Space => write!(f, "{text} has white space in it"),
            Why::Several => write!(f, "{text} is a list, {} needed", Wanted(self.wanted)),
            Why::TooMany(limit) => write!(f, "more than {limit} items"),
            Why::Scheme => write!(f, "{text} has a scheme, only host[:port] is read"),
            Why::Path => write!(f, "{text} has a path, only host[:port] is read"),
            Why::Port => write!(f, "{text} has a bad port, 1 to 65535 allowed"),
        }
    }
}

/// A form in words, with an article.
struct Wanted(ValueForm);

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueForm::Bool => f.write_str("`true` or `false`"),
            ValueForm::Count => f.write_str("a whole number of 1 and up"),
            ValueForm::CacheId => f.write_str("a cache id (imc-…)"),
            ValueForm::Id(prefix) | ValueForm::Ids(prefix, _) => write!(f, "an id ({prefix}…)"),
            ValueForm::OneOf(words) => {
                for (index, word) in words.iter().enumerate() {
                    write!(f, "{}`{word}`", if index == 0 { "" } else { " or " })?;
                }
                Ok(())
            }
            ValueForm::AcrInstances => f.write_str("a registry instance ([region:]cri-…)"),
            ValueForm::Arns => f.write_str("a role (acs:ram::ACCOUNT:role/NAME)"),
            ValueForm::Hosts => f.write_str("a host[:port]"),
            ValueForm::Quantity => f.write_str("a quantity of bytes (50Gi)"),
        }
    }
}

/// What to write, by form.
pub(super) fn example(form: ValueForm) -> &'static str {
    match form {
        ValueForm::Bool => "Write \"true\" or \"false\".",
        ValueForm::Count => "Write how many images must match: \"2\".",
        ValueForm::CacheId => "Copy status.imageCacheId of the cache: \"imc-…\".",
        ValueForm::Id(_) => "Write one id.",
        ValueForm::Ids(..) => {
            "Write ids with commas between them and nothing else: \"vsw-a,vsw-b\"."
        }
        ValueForm::OneOf(_) => "Write one of the words, in lower case.",
        ValueForm::AcrInstances => {
            "Write ids with commas between them, another region's before a colon: \"cri-a,cn-beijing:cri-b\"."
        }
        ValueForm::Arns => "Copy the role's ARN: \"acs:ram::1234567890123456:role/name\".",
        ValueForm::Hosts => {
            "Write hosts with commas between them and nothing else: \"registry.example.com,192.0.2.10:5000\"."
        }
        ValueForm::Quantity => "Write a number and a unit: \"50Gi\".",
    }
}

/// Every fault of the first items; a list that is too long has one fault for that and is read no further.
///
/// `report` is called for each fault in order.
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
            Some((item, behind)) => {
                rest = Some(behind);
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

/// How many items a form takes at most, if it is a list. Where no document gives a number, a high one bounds the work.
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

/// `acs:ram::<account, digits>:role/<name>`.
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

/// The longest name, a colon and a port.
const MAX_HOST_LENGTH: usize = 253 + 6;

/// `host[:port]`: a name, an IPv4 address or an IPv6 address in brackets.
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
