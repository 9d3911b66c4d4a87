//! A slow, obvious reader of references: the expressions and the control flow of Docker's `distribution/reference`,
//! step by step, with a string made for every step.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// What Go has in hand after parsing. Empty strings where Go has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) domain: String,
    pub(crate) path: String,
    pub(crate) tag: String,
    pub(crate) digest: String,
}

/// Class and message.
pub(crate) type Fault = (&'static str, String);

struct Expressions {
    reference: Regex,
    name: Regex,
    identifier: Regex,
    well_formed_digest: Regex,
}

static EXPRESSIONS: LazyLock<Expressions> = LazyLock::new(|| {
    let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let host = format!(r"(?:{label}(?:\.{label})*|\[(?:[a-fA-F0-9:]+)\])");
    let domain = format!("{host}(?::[0-9]+)?");
    let component = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
    let remote = format!("{component}(?:/{component})*");
    let tag = r"[\w][\w.-]{0,127}";
    let digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*[:][[:xdigit:]]{32,}";
    // Go's `\w` is ASCII.
    let compile = |text: &str| {
        RegexBuilder::new(&format!("^{text}$"))
            .unicode(false)
            .build()
            .unwrap()
    };
    Expressions {
        reference: compile(&format!(
            "((?:{domain}/)?{remote})(?::({tag}))?(?:@({digest}))?"
        )),
        name: compile(&format!("(?:({domain})/)?({remote})")),
        identifier: compile("([a-f0-9]{64})"),
        well_formed_digest: compile("[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+"),
    }
});

impl Parsed {
    pub(crate) fn name(&self) -> String {
        if self.domain.is_empty() {
            self.path.clone()
        } else {
            format!("{}/{}", self.domain, self.path)
        }
    }

    pub(crate) fn string(&self) -> String {
        self.name() + &self.suffix()
    }

    fn suffix(&self) -> String {
        let mark = |sign: &str, text: &str| {
            if text.is_empty() {
                String::new()
            } else {
                format!("{sign}{text}")
            }
        };
        mark(":", &self.tag) + &mark("@", &self.digest)
    }

    pub(crate) fn tag_name_only(mut self) -> Self {
        if self.tag.is_empty() && self.digest.is_empty() {
            self.tag = "latest".into();
        }
        self
    }

    pub(crate) fn familiar_string(&self) -> String {
        let mut short = self.clone();
        if short.domain == "docker.io" {
            short.domain.clear();
            if let Some(rest) = self.path.strip_prefix("library/")
                && !rest.contains('/')
            {
                short.path = rest.into();
            }
        }
        short.string()
    }
}

/// Simple lower case, rune by rune: of the full mappings only that of `İ` has a second character. Letters younger than
/// Unicode 15.0 are not asked for.
pub(crate) fn to_lower(text: &str) -> String {
    text.chars()
        .filter_map(|c| c.to_lowercase().next())
        .collect()
}

pub(crate) fn parse(s: &str) -> Result<Parsed, Fault> {
    if s.is_empty() {
        return Err((
            "empty",
            "repository name must have at least one component".into(),
        ));
    }
    let Some(matches) = EXPRESSIONS.reference.captures(s) else {
        let lower = to_lower(s);
        if lower != s && EXPRESSIONS.reference.is_match(&lower) {
            return Err(("uppercase", "repository name must be lowercase".into()));
        }
        return Err(("invalid_format", "invalid reference format".into()));
    };
    let group = |captures: &regex::Captures<'_>, index| {
        captures
            .get(index)
            .map_or(String::new(), |found| found.as_str().to_owned())
    };
    let mut parsed = Parsed::default();
    let whole = group(&matches, 1);
    match EXPRESSIONS.name.captures(&whole) {
        Some(name) => {
            parsed.domain = group(&name, 1);
            parsed.path = group(&name, 2);
        }
        None => parsed.path = whole,
    }
    if parsed.path.len() > 255 {
        return Err((
            "too_long",
            "repository name must not be more than 255 characters".into(),
        ));
    }
    parsed.tag = group(&matches, 2);
    parsed.digest = group(&matches, 3);
    if !parsed.digest.is_empty() {
        validate_digest(&parsed.digest)?;
    }
    Ok(parsed)
}

fn validate_digest(s: &str) -> Result<(), Fault> {
    let format = ("digest_format", "invalid checksum digest format".to_owned());
    let (algorithm, encoded) = match s.find(':') {
        None | Some(0) => return Err(format),
        Some(i) if i + 1 == s.len() => return Err(format),
        Some(i) => (&s[..i], &s[i + 1..]),
    };
    let size = match algorithm {
        "sha256" => 32,
        "sha384" => 48,
        "sha512" => 64,
        _ if !EXPRESSIONS.well_formed_digest.is_match(s) => return Err(format),
        _ => return Err(("digest_unsupported", "unsupported digest algorithm".into())),
    };
    if encoded.len() != size * 2 {
        return Err(("digest_length", "invalid checksum digest length".into()));
    }
    if encoded.chars().all(|c| "0123456789abcdef".contains(c)) {
        Ok(())
    } else {
        Err(format)
    }
}

pub(crate) fn parse_normalized_named(s: &str) -> Result<Parsed, Fault> {
    if EXPRESSIONS.identifier.is_match(s) {
        let message =
            format!("invalid repository name ({s}), cannot specify 64-byte hexadecimal strings");
        return Err(("hex64_identifier", message));
    }
    let (domain, remainder) = split_docker_domain(s);
    let remote = match remainder.find(':') {
        Some(i) => &remainder[..i],
        None => &remainder,
    };
    if to_lower(remote) != remote {
        let message =
            format!("invalid reference format: repository name ({remote}) must be lowercase");
        return Err(("uppercase", message));
    }
    parse(&format!("{domain}/{remainder}"))
}

fn split_docker_domain(name: &str) -> (String, String) {
    let Some((maybe_domain, maybe_remote)) = name.split_once('/') else {
        return ("docker.io".into(), format!("library/{name}"));
    };
    let (domain, mut remote) = if maybe_domain == "localhost" {
        (maybe_domain, maybe_remote.to_owned())
    } else if maybe_domain == "index.docker.io" {
        ("docker.io", maybe_remote.to_owned())
    } else if maybe_domain.contains(['.', ':']) || to_lower(maybe_domain) != maybe_domain {
        (maybe_domain, maybe_remote.to_owned())
    } else {
        ("docker.io", name.to_owned())
    };
    if domain == "docker.io" && !remote.contains('/') {
        remote = format!("library/{remote}");
    }
    (domain.into(), remote)
}

pub(crate) fn parse_docker_ref(s: &str) -> Result<Parsed, Fault> {
    let mut parsed = parse_normalized_named(s)?;
    if !parsed.tag.is_empty() && !parsed.digest.is_empty() {
        parsed.tag.clear();
    }
    Ok(parsed.tag_name_only())
}

/// The canonical text only.
pub(crate) fn parse_any_reference(s: &str) -> Result<String, Fault> {
    if EXPRESSIONS.identifier.is_match(s) {
        return Ok(format!("sha256:{s}"));
    }
    if validate_digest(s).is_ok() {
        return Ok(s.into());
    }
    parse_normalized_named(s).map(|parsed| parsed.string())
}
