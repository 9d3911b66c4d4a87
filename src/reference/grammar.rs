//! The grammar: whole-string matches that return the parts of a text, or the position and rule of its error.
//!
//! ```text
//! reference = name [":" tag] ["@" digest]
//! name      = [domain "/"] component *("/" component)
//! domain    = (label *("." label) / "[" 1*(HEX / ":") "]") [":" 1*DIGIT]   ; label: letters, digits, inner "-"
//! component = alnum *(("." / "_" / "__" / 1*"-") alnum)                    ; alnum: 1*(a-z / 0-9)
//! tag       = word *127(word / "." / "-")                                  ; word: letter, digit, "_"
//! digest    = algorithm *(("-" / "_" / "+" / ".") algorithm) ":" 32*HEX    ; algorithm: letter *(letter / digit)
//! ```
//!
//! Go writes this as regular expressions. Only one part is ambiguous: the text before the first `/` is a domain if it can
//! be one, and otherwise the first component of the path. So one pass is enough, and two over that first part.

use super::TAG_LENGTH_MAX;
use super::kind::Kind;

const DOMAIN: &str =
    "a registry host must be letters, digits, `.` and inner `-`, or an IPv6 address in brackets";
const PORT: &str = "the port between a host's `:` and `/` must be digits";
const SCHEME: &str = "must start with the registry or the path, without a scheme";
const IPV6: &str = "an IPv6 host must be hexadecimal digits and `:` in brackets, without a zone";
const COMPONENT: &str = "a path component must be lower-case letters and digits, joined by one `.`, one or two `_`, or any number of `-`";
const TAG: &str = "a tag must start with a letter, a digit or `_`";
const AFTER_TAG: &str =
    "a tag must be letters, digits, `_`, `.` and `-`, and only `@` and a digest can follow it";
const TAG_LENGTH: &str = "a tag must not be more than 128 characters";
const ALGORITHM: &str = "a digest must start with its algorithm and a `:`, as in `sha256:`";
const HEX: &str = "a digest must be at least 32 hexadecimal digits after its algorithm, and nothing can follow them";

/// The parts of a text that the grammar accepts. The grammar does not check lengths and digest algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReferenceParts<'a> {
    /// Domain and path as written.
    pub name: &'a str,
    /// Host and port; empty if there is none.
    pub domain: &'a str,
    /// The name without the domain.
    pub path: &'a str,
    /// The text after `:`.
    pub tag: Option<&'a str>,
    /// The text after `@`, including the algorithm.
    pub digest: Option<&'a str>,
}

/// The position at which a text does not follow the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrammarError {
    /// The byte offset of the first character that is not allowed here; the length of the text if it ends too early.
    pub at: usize,
    /// The violated rule, without a full stop.
    pub rule: &'static str,
}

/// Parses a whole reference.
///
/// # Errors
/// Returns [`GrammarError`] at the farthest position that any interpretation of the text reaches.
///
/// ```
/// use imagecache::reference::grammar;
/// let parts = grammar::reference("localhost:5000/team/app:1.0").unwrap();
/// assert_eq!((parts.domain, parts.path, parts.tag), ("localhost:5000", "team/app", Some("1.0")));
/// assert_eq!(grammar::reference("team/app:v1/x").unwrap_err().at, 11);
/// ```
pub fn reference(text: &str) -> Result<ReferenceParts<'_>, GrammarError> {
    read(text, Scan::tail)
}

/// Parses a whole name: a reference without tag and digest.
///
/// # Errors
/// Returns [`GrammarError`] at the farthest position that any interpretation of the text reaches.
pub fn name(text: &str) -> Result<ReferenceParts<'_>, GrammarError> {
    read(text, Scan::end_of_path)
}

/// Parses a reference without a domain: its first component is always a path component.
pub(super) fn remote(text: &str) -> Result<ReferenceParts<'_>, GrammarError> {
    Scan::new(text, 0).path(Scan::tail)
}

/// Returns true if the whole text is a host with or without a port.
#[must_use]
pub fn is_domain(text: &str) -> bool {
    let mut scan = Scan::new(text, 0);
    scan.host_and_port().is_ok() && scan.rest().is_empty()
}

/// Returns true if the whole text is a tag.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    tag(text).is_ok()
}

/// Returns true if the whole text has the form of a digest of any algorithm and length.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    digest(text).is_ok()
}

/// Returns true if the whole text is 64 lower-case hexadecimal digits: an image id, which is not a valid repository name.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(lower_hex)
}

pub(super) fn tag(text: &str) -> Result<(), GrammarError> {
    let mut scan = Scan::new(text, 0);
    scan.tag()?;
    scan.end(AFTER_TAG)
}

pub(super) fn digest(text: &str) -> Result<(), GrammarError> {
    Scan::new(text, 0).digest()
}

pub(super) fn lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// A whole-string match of this module.
pub(super) type Grammar = for<'t> fn(&'t str) -> Result<ReferenceParts<'t>, GrammarError>;

type Tail<'a> = (Option<&'a str>, Option<&'a str>);

/// Parses `[domain "/"] path` and then the part that `tail` parses.
fn read<'a>(
    text: &'a str,
    tail: fn(&mut Scan<'a>) -> Result<Tail<'a>, GrammarError>,
) -> Result<ReferenceParts<'a>, GrammarError> {
    let mut scan = Scan::new(text, 0);
    match scan.domain() {
        Ok(domain) => {
            let ReferenceParts {
                path, tag, digest, ..
            } = scan.path(tail)?;
            let name = scan.slice(0, domain.len() + 1 + path.len());
            Ok(ReferenceParts {
                name,
                domain,
                path,
                tag,
                digest,
            })
        }
        Err(no_domain) => Scan::new(text, 0)
            .path(tail)
            .map_err(|no_path| farther(text, no_domain, no_path)),
    }
}

/// Returns the error of the interpretation that reached farther. If a `/` follows, the text is read as a domain.
fn farther(text: &str, no_domain: GrammarError, no_path: GrammarError) -> GrammarError {
    let rest = |stop: GrammarError| text.get(stop.at..).unwrap_or_default();
    let domain_meant = no_path.rule == AFTER_TAG && rest(no_path).starts_with('/')
        || no_path.at == no_domain.at && rest(no_path).contains('/');
    if !domain_meant && no_path.at >= no_domain.at {
        no_path
    } else if no_domain.rule == PORT && rest(no_domain).starts_with("//") {
        GrammarError {
            rule: SCHEME,
            ..no_domain
        }
    } else {
        no_domain
    }
}

/// A position in the text that only moves forward.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, at: usize) -> Self {
        Scan { text, at }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Called only with positions next to an ASCII byte.
    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn stop<T>(&self, rule: &'static str) -> Result<T, GrammarError> {
        Err(GrammarError { at: self.at, rule })
    }

    /// Skips the bytes of one kind and returns their number.
    fn run(&mut self, kind: Kind) -> usize {
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|&byte| !kind.has(byte))
            .unwrap_or(rest.len());
        self.at += length;
        length
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.rest().first() == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn end(&self, rule: &'static str) -> Result<(), GrammarError> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            self.stop(rule)
        }
    }

    /// Parses the domain and the `/` after it.
    fn domain(&mut self) -> Result<&'a str, GrammarError> {
        let from = self.at;
        let rule = self.host_and_port()?;
        let domain = self.slice(from, self.at);
        if self.eat(b'/') {
            Ok(domain)
        } else {
            self.stop(rule)
        }
    }

    /// Returns the rule that the next byte violates, unless the byte ends the domain.
    fn host_and_port(&mut self) -> Result<&'static str, GrammarError> {
        let rule = if self.eat(b'[') {
            if self.run(Kind::IPV6) == 0 || !self.eat(b']') {
                return self.stop(IPV6);
            }
            IPV6
        } else {
            self.labels()?;
            DOMAIN
        };
        if !self.eat(b':') {
            return Ok(rule);
        }
        if self.run(Kind::DIGIT) == 0 {
            self.stop(PORT)
        } else {
            Ok(PORT)
        }
    }

    fn labels(&mut self) -> Result<(), GrammarError> {
        loop {
            if self.rest().first() == Some(&b'-') {
                return self.stop(DOMAIN);
            }
            let length = self.run(Kind::LABEL);
            let before = self.at.wrapping_sub(1);
            if length == 0 || self.text.as_bytes().get(before) == Some(&b'-') {
                return self.stop(DOMAIN);
            }
            if !self.eat(b'.') {
                return Ok(());
            }
        }
    }

    /// Parses components up to the end of the path, then the part that `tail` parses.
    fn path(
        &mut self,
        tail: fn(&mut Scan<'a>) -> Result<Tail<'a>, GrammarError>,
    ) -> Result<ReferenceParts<'a>, GrammarError> {
        let from = self.at;
        self.component()?;
        while self.eat(b'/') {
            self.component()?;
        }
        let path = self.slice(from, self.at);
        let (tag, digest) = tail(self)?;
        Ok(ReferenceParts {
            name: path,
            domain: "",
            path,
            tag,
            digest,
        })
    }

    fn component(&mut self) -> Result<(), GrammarError> {
        loop {
            if self.run(Kind::COMPONENT) == 0 {
                return self.stop(COMPONENT);
            }
            match self.rest() {
                [b'_', b'_', ..] => self.at += 2,
                [b'.' | b'_', ..] => self.at += 1,
                [b'-', ..] => {
                    self.run(Kind::DASH);
                }
                _ => return Ok(()),
            }
        }
    }

    fn end_of_path(&mut self) -> Result<Tail<'a>, GrammarError> {
        self.end(COMPONENT).map(|()| (None, None))
    }

    fn tail(&mut self) -> Result<Tail<'a>, GrammarError> {
        let mut rule = COMPONENT;
        let mut tag = None;
        if self.eat(b':') {
            let from = self.at;
            self.tag()?;
            tag = Some(self.slice(from, self.at));
            rule = AFTER_TAG;
        }
        if !self.eat(b'@') {
            return self.end(rule).map(|()| (tag, None));
        }
        let from = self.at;
        self.digest()?;
        Ok((tag, Some(self.slice(from, self.at))))
    }

    fn tag(&mut self) -> Result<(), GrammarError> {
        let from = self.at;
        if self
            .rest()
            .first()
            .is_none_or(|byte| matches!(byte, b'.' | b'-'))
        {
            return self.stop(TAG);
        }
        let length = self.run(Kind::TAG);
        match length {
            0 => self.stop(TAG),
            1..=TAG_LENGTH_MAX => Ok(()),
            _ => Err(GrammarError {
                at: from + TAG_LENGTH_MAX,
                rule: TAG_LENGTH,
            }),
        }
    }

    /// Parses a digest up to the end of the text.
    fn digest(&mut self) -> Result<(), GrammarError> {
        loop {
            if !self.rest().first().is_some_and(u8::is_ascii_alphabetic) {
                return self.stop(ALGORITHM);
            }
            self.run(Kind::ALPHANUMERIC);
            if self.eat(b':') {
                break;
            }
            if !matches!(self.rest().first(), Some(b'-' | b'_' | b'+' | b'.')) {
                return self.stop(ALGORITHM);
            }
            self.at += 1;
        }
        // Check all bytes first: a loop without an early exit can be vectorised.
        let rest = self.rest();
        if rest.len() >= 32
            && rest
                .iter()
                .fold(true, |all, byte| all & byte.is_ascii_hexdigit())
        {
            self.at += rest.len();
            return Ok(());
        }
        self.run(Kind::HEX_DIGIT);
        self.stop(HEX)
    }
}
