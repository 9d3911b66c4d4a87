//! The parameters of a call: names and values, as in a query string or a form.

use std::fmt;

use zeroize::Zeroize;

use super::encoding::{BadEncoding, decode, encode_into};

/// Names and values in the order they were given or received. Names may be there twice.
///
/// Values are wiped from memory when they are dropped, and those that hold a password, a token or a signature are
/// masked when they are printed.
///
/// ```
/// use imagecache::eci::params::Params;
/// let params = Params::parse("Image.1=nginx%3A1&ImageCacheName=my+cache").unwrap();
/// assert_eq!(params.get("ImageCacheName"), Some("my cache"));
/// assert_eq!(params.canonical(), "Image.1=nginx%3A1&ImageCacheName=my%20cache");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a parameter.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Appends all parameters of `other`.
    pub fn append(&mut self, mut other: Params) {
        self.0.append(&mut other.0);
    }

    /// The value of the first parameter of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Takes every parameter out that `wanted` says yes to, in order.
    pub fn extract(&mut self, wanted: impl Fn(&str) -> bool) -> Params {
        let (taken, kept) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(name, _)| wanted(name));
        self.0 = kept;
        Params(taken)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many parameters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a query string (without `?`) or a form body. A name without `=` has an empty value.
    ///
    /// # Errors
    /// When a name or a value cannot be decoded.
    pub fn parse(text: &str) -> Result<Self, BadEncoding> {
        let mut params = Params::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            params.push(decode(name)?, decode(value)?);
        }
        Ok(params)
    }

    /// The canonical form that is signed, and a good form to send: sorted by name in byte order (equal names by
    /// value), encoded by RFC 3986, joined with `&`.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut sorted: Vec<_> = self.iter().collect();
        sorted.sort_unstable();
        join(sorted.into_iter())
    }

    /// Like [`Params::canonical`], but a parameter that is there twice with the same value counts once: clients that
    /// repeat a parameter in query and form signed it from one map.
    pub(super) fn canonical_set(&self) -> String {
        let mut sorted: Vec<_> = self.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        join(sorted.into_iter())
    }

    /// Names and values as they may be shown to people: secrets are `***`.
    pub fn masked(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter()
            .map(|(name, value)| (name, if is_secret(name) { "***" } else { value }))
    }
}

fn join<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        encode_into(name, &mut out);
        out.push('=');
        encode_into(value, &mut out);
    }
    out
}

/// Whether the parameter of this name holds something that must not be shown.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    ["Password", "Token", "Secret", "Signature"]
        .iter()
        .any(|end| last.ends_with(end))
        && !matches!(last, "ClientToken" | "NextToken")
}

impl Drop for Params {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.masked()).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let own = |(name, value): (N, V)| (name.into(), value.into());
        Params(pairs.into_iter().map(own).collect())
    }
}
