//! Takes the secrets of a call out of the text that comes back.
//!
//! ECI, the token service and proxies quote what they were sent: a registry's error holds the password, and
//! `SignatureDoesNotMatch` holds the whole string to sign. So every response is searched before a value or an error is
//! made of it. Each secret is found raw, percent-encoded any number of times, escaped for JSON, XML or a shell, in
//! hexadecimal, and in base64 (standard and URL alphabet, padded or not, at each of the three alignments, once and twice,
//! of the raw and of the escaped secret).

use std::fmt;
use std::sync::{Mutex, PoisonError};

use imagecache::eci::Secret;
use imagecache::eci::encoding::encode;
use imagecache::eci::error::{ErrorCode, ErrorReply};
use imagecache::eci::params::{Params, is_secret};
use imagecache::eci::signature::Credential;
use imagecache::foreign::cut;
use regex::{NoExpand, Regex, RegexBuilder};
use serde_json::Value;

/// Longest message of an error, in characters.
pub const MAX_MESSAGE: usize = 1024;
/// Longest other text of an error, such as the code or the id of the request, in characters.
pub const MAX_NAME: usize = 128;
/// Shortest secret, in bytes, that is searched for in the ids and names of a successful response. Shorter ones are searched
/// for in messages and errors only: `a` is in every id.
pub const MIN_IN_REPLY: usize = 8;
/// Number of secrets that a client remembers, the newest: ECI reports a failed pull, with the password in it, in the
/// response of a later call.
const REMEMBERED: usize = 64;
/// Shortest piece of base64 or hexadecimal digits that is searched for.
const MIN_ENCODED: usize = 4;
/// Longest secret, in bytes, that is searched for in base64 of base64, and in base64 and hexadecimal of an escaped form. A
/// longer one, such as a security token, would make a pattern that takes seconds to compile.
const LONG: usize = 128;
/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 64 << 20;
/// The replacement of a secret, and of a text that cannot be searched.
const MASK: &str = "***";

/// One secret and the pattern of all its forms.
#[derive(Clone)]
struct Known {
    secret: Secret,
    /// `None` if it cannot be compiled: then no text is shown.
    pattern: Option<Regex>,
}

/// A pattern holds the secret, so `Debug` shows neither.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known(***)")
    }
}

/// The secrets that were sent, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    known: Mutex<Vec<Known>>,
}

/// The secrets to take out of one response.
#[derive(Debug)]
pub(crate) struct Redaction {
    known: Vec<Known>,
}

impl Redactor {
    /// Remembers the secrets of a call, and returns a redaction of these and of earlier ones.
    pub(crate) fn of_call(&self, params: &Params, credential: &Credential) -> Redaction {
        let sent = params.iter().filter(|(name, _)| is_secret(name));
        let key = [
            Some(&credential.access_key_secret),
            credential.security_token.as_ref(),
        ];
        self.of(sent
            .map(|(_, value)| Secret::from(value))
            .chain(key.into_iter().flatten().cloned()))
    }

    /// Remembers secrets, and returns a redaction of these and of earlier ones.
    pub(crate) fn of(&self, secrets: impl IntoIterator<Item = Secret>) -> Redaction {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            if secret.expose().trim().is_empty() {
                continue;
            }
            let found = known.iter().position(|one| one.secret == secret);
            let one = match found {
                Some(at) => known.remove(at),
                None => Known::new(secret),
            };
            known.push(one);
        }
        let surplus = known.len().saturating_sub(REMEMBERED);
        known.drain(..surplus);
        let mut sorted = known.clone();
        // a secret may be a part of another
        sorted.sort_by_key(|one| std::cmp::Reverse(one.secret.expose().len()));
        Redaction { known: sorted }
    }
}

impl Redaction {
    /// Reports whether a secret is in the text.
    pub(crate) fn finds(&self, text: &str) -> bool {
        let found = |one: &Known| one.pattern.as_ref().is_none_or(|one| one.is_match(text));
        self.known.iter().any(found)
    }

    /// Returns the text without secrets of at least this many bytes.
    fn without(&self, text: &str, least: usize) -> String {
        let mut text = text.to_owned();
        for one in &self.known {
            if one.secret.expose().len() < least {
                continue;
            }
            let Some(pattern) = &one.pattern else {
                return MASK.to_owned();
            };
            if pattern.is_match(&text) {
                text = pattern.replace_all(&text, NoExpand(MASK)).into_owned();
            }
        }
        text
    }

    /// Returns a text of an error: without secrets, and at most this many characters long.
    pub(crate) fn text(&self, text: &str, characters: usize) -> String {
        cut(&self.without(text, 1), characters)
    }

    /// Returns an error response without secrets, each text cut to its length.
    pub(crate) fn error(&self, mut reply: ErrorReply) -> ErrorReply {
        reply.code = match reply.code {
            ErrorCode::Missing(name) => ErrorCode::Missing(self.text(&name, MAX_NAME)),
            ErrorCode::Other(code) => ErrorCode::Other(self.text(&code, MAX_NAME)),
            known => known,
        };
        reply.message = self.text(&reply.message, MAX_MESSAGE);
        for text in [
            &mut reply.request_id,
            &mut reply.host_id,
            &mut reply.recommend,
        ] {
            *text = self.text(text, MAX_NAME);
        }
        // nothing reads the rest
        reply.unknown.clear();
        reply
    }

    /// Takes the secrets out of every key and text of a successful response.
    pub(crate) fn value(&self, value: &mut Value) {
        self.member("", value);
    }

    fn member(&self, name: &str, value: &mut Value) {
        match value {
            Value::String(text) => {
                let least = if name == "Message" { 1 } else { MIN_IN_REPLY };
                *text = self.without(text, least);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.member(name, item)),
            Value::Object(fields) => {
                for (key, mut value) in std::mem::take(fields) {
                    self.member(&key, &mut value);
                    fields.insert(self.without(&key, MIN_IN_REPLY), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl Known {
    fn new(secret: Secret) -> Self {
        let pattern = RegexBuilder::new(&pattern(secret.expose()))
            .size_limit(MAX_PATTERN)
            .build()
            .ok();
        Known { secret, pattern }
    }
}

/// Returns a pattern that matches every form of a secret.
fn pattern(secret: &str) -> String {
    let once = encode(secret);
    let json = Value::from(secret).to_string();
    let json = json
        .get(1..json.len().saturating_sub(1))
        .unwrap_or_default();
    let twice = encode(&once);
    let mut texts = vec![secret];
    if secret.len() <= LONG {
        texts.extend([once.as_str(), json, &twice]);
    }
    texts.sort_unstable();
    texts.dedup();
    let mut forms: Vec<String> = vec![raw(secret)];
    for text in texts {
        if let Some(hex) = hex(text.as_bytes()) {
            forms.push(hex);
        }
        for piece in base64(text.as_bytes(), STANDARD) {
            forms.push(around(&piece));
            if secret.len() <= LONG {
                // a docker config in a Secret of Kubernetes
                let inner = base64(piece.as_bytes(), STANDARD);
                forms.extend(inner.iter().map(|piece| around(piece)));
                let url = base64(
                    piece.replace('+', "-").replace('/', "_").as_bytes(),
                    STANDARD,
                );
                forms.extend(url.iter().map(|piece| around(piece)));
            }
        }
    }
    // the longest first: an alternative that comes first wins
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    forms.join("|")
}

/// Returns a pattern of the text, each character raw or escaped.
fn raw(text: &str) -> String {
    text.chars().map(character).collect()
}

fn character(character: char) -> String {
    if character.is_ascii_alphanumeric() {
        return character.to_string();
    }
    let mut buffer = [0; 4];
    let bytes = character.encode_utf8(&mut buffer).bytes();
    let percent: String = bytes
        .map(|byte| format!("%(?:25)*(?i:{byte:02x})"))
        .collect();
    let mut units = [0; 2];
    let units = character.encode_utf16(&mut units).iter();
    let unicode: String = units.map(|unit| format!(r"\\+u(?i:{unit:04x})")).collect();
    let point = u32::from(character);
    let mut forms = vec![
        format!(r"\\*{}", regex::escape(&character.to_string())),
        percent,
        unicode,
        format!("&(?:amp;)*#(?:0*{point}|[xX]0*(?i:{point:x}));"),
    ];
    if point < 0x100 {
        forms.push(format!(r"\\+x(?i:{point:02x})"));
    }
    let named: &[&str] = match character {
        ' ' => &[r"\+"],
        '\\' => &[r"\\+"],
        '\n' => &[r"\\+n"],
        '\r' => &[r"\\+r"],
        '\t' => &[r"\\+t"],
        '"' => &["&(?:amp;)*quot;"],
        '\'' => &["&(?:amp;)*apos;"],
        '<' => &["&(?:amp;)*lt;"],
        '>' => &["&(?:amp;)*gt;"],
        '&' => &["&(?:amp;)+"],
        _ => &[],
    };
    forms.extend(named.iter().map(|&form| form.to_owned()));
    format!("(?:{})", forms.join("|"))
}

/// Returns a pattern of the bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> Option<String> {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    (bytes.len().saturating_mul(2) >= MIN_ENCODED).then(|| format!("(?i:{})", digits.join("[: ]?")))
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the digits that are in the base64 of any text with these bytes in it: for each of the three alignments those that
/// depend on no other byte.
fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<String> {
    let pieces = (0..3_usize).map(|before| {
        let bits = before.saturating_add(bytes.len()).saturating_mul(8);
        let bit = |at: usize| {
            let byte = (at / 8).checked_sub(before).and_then(|at| bytes.get(at));
            byte.is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
        };
        let first = (before * 8).div_ceil(6);
        let digits = (first..bits / 6).filter_map(|digit| {
            let sextet = (0..6).fold(0, |sum, at| {
                sum << 1 | usize::from(bit(digit.saturating_mul(6).saturating_add(at)))
            });
            alphabet.get(sextet).copied().map(char::from)
        });
        digits.collect::<String>()
    });
    pieces.filter(|piece| piece.len() >= MIN_ENCODED).collect()
}

/// Returns a pattern of base64 digits in both alphabets, with the digits beside them, which hold some bits of the secret.
fn around(digits: &str) -> String {
    let digits: String = digits
        .chars()
        .map(|digit| match digit {
            '+' => format!("(?:{}|-)", character('+')),
            '/' => format!("(?:{}|_)", character('/')),
            other => other.to_string(),
        })
        .collect();
    format!("[A-Za-z0-9+/_-]?{digits}[A-Za-z0-9+/_-]?=*")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    const SECRETS: [&str; 7] = [
        "hunter2-hunter2",
        "p=w ~*+/\"\\&<é镜😀>'%25",
        "abcd",
        "\u{1}\u{7f}tab\there\nline",
        "????>>>>~~~~",
        "100%25",
        "ABC=",
    ];

    /// Every form of a secret that was seen or may be.
    fn forms(secret: &str) -> Vec<String> {
        let once = encode(secret);
        let json = |text: &str| {
            let quoted = Value::from(text).to_string();
            let inner = quoted.get(1..quoted.len() - 1).unwrap();
            inner.to_owned()
        };
        let ascii = |text: &str| -> String {
            let units: Vec<u16> = text.encode_utf16().collect();
            let one = |unit: &u16| match u8::try_from(*unit) {
                Ok(byte) if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                _ => format!("\\u{unit:04X}"),
            };
            units.iter().map(one).collect()
        };
        let mut all = vec![
            secret.to_owned(),
            once.clone(),
            once.replace("%20", "+"),
            once.to_lowercase().replace(&secret.to_lowercase(), &once),
            encode(&once),
            encode(&encode(&once)),
            json(secret),
            json(&json(secret)),
            json(&once),
            ascii(secret),
            secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;"),
            secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
            secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ];
        for text in [
            secret.to_owned(),
            once.clone(),
            format!("robot:{secret}"),
            format!("a{secret}b"),
            format!("ab{secret}cd"),
        ] {
            for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                let coded = engine.encode(&text);
                all.push(encode(&coded));
                all.push(STANDARD.encode(format!("{{\"auth\":\"{coded}\"}}")));
                all.push(coded);
            }
        }
        all.retain(|form| {
            form.to_lowercase() != *form || form != &once.to_lowercase() || form == secret
        });
        all
    }

    #[test]
    fn every_form_of_a_secret_is_found() {
        for secret in SECRETS {
            let redaction = Redactor::default().of([Secret::from(secret)]);
            for form in forms(secret) {
                let text = format!("refused: [{form}]");
                let shown = redaction.text(&text, 10_000);
                assert!(!shown.contains(&form), "{secret:?} {form:?}: {shown}");
                assert!(shown.contains(MASK), "{secret:?} {form:?}: {shown}");
            }
        }
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        let redaction = Redactor::default().of(SECRETS.map(Secret::from));
        let text =
            "ImageCache imc-2zeabcefg: pull of registry.example.com/demo/nginx:1.27 failed, 401";
        assert!(!redaction.finds(text));
        assert_eq!(redaction.text(text, 10_000), text);
        assert_eq!(redaction.text(text, 10), "ImageCache…");
    }

    #[test]
    fn string_to_sign_is_redacted_wherever_it_is_cut() {
        let secret = "p=w+/1 2";
        let redaction = Redactor::default().of([Secret::from(secret), Secret::from("AKsecret")]);
        let signed = encode(&format!(
            "ImageRegistryCredential.1.Password={}",
            encode(secret)
        ));
        let text = format!(
            "server string to sign is:POST&%2F&{signed}{}",
            "x".repeat(5_000)
        );
        let shown = redaction.text(&text, MAX_MESSAGE);
        assert!(
            !shown.contains("%253D") && shown.contains("Password%3D***x"),
            "{shown}"
        );
        assert_eq!(shown.chars().count(), MAX_MESSAGE + 1);
    }

    #[test]
    fn short_secret_leaves_ids_alone() {
        let redaction = Redactor::default().of([Secret::from("imc")]);
        let mut value =
            serde_json::json!({"ImageCacheId": "imc-1", "Events": [{"Message": "user imc"}]});
        redaction.value(&mut value);
        assert_eq!(
            value,
            serde_json::json!({"ImageCacheId": "imc-1", "Events": [{"Message": "user ***"}]})
        );
    }

    #[test]
    fn earlier_secrets_are_remembered_up_to_a_limit() {
        let redactor = Redactor::default();
        redactor.of([Secret::from("first-secret")]);
        assert!(
            redactor
                .of([Secret::from("second-secret")])
                .finds("first-secret")
        );
        redactor.of((0..REMEMBERED).map(|n| Secret::from(format!("secret-{n}"))));
        assert!(!redactor.of([]).finds("first-secret"));
    }

    #[test]
    fn long_token_is_searched_too() {
        let token: String = (0..1024_u32)
            .map(|n| char::from(b'!' + u8::try_from(n % 90).unwrap()))
            .collect();
        let redaction = Redactor::default().of([Secret::from(token.as_str())]);
        assert_eq!(redaction.text(&format!("a {token} b"), 100), "a *** b");
        assert_eq!(redaction.text(&encode(&encode(&token)), 100), MASK);
    }
}
