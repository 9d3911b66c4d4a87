//! Continue tokens: where the next page of a list begins, and the moment that all its pages show.
//!
//! The form is the real server's, so tools that look into tokens find what they know: JSON in unpadded base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::api::ApiError;

const FORM: &str = "meta.k8s.io/v1";
/// Longest token that is looked at, in bytes: a key and its frame.
const MAX_TOKEN: usize = 2048;

/// A decoded token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// The moment that the list shows; the present of each request if `None`.
    pub version: Option<u64>,
    /// Where the page begins, after the beginning of the keys of the resource.
    pub start: String,
}

#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(default)]
    v: String,
    #[serde(default)]
    rv: i64,
    #[serde(default)]
    start: String,
}

impl Token {
    /// The token of the page after an object; `last` is its key after the beginning of the keys of the resource.
    pub(super) fn after(last: &str, version: Option<u64>) -> Self {
        Token {
            version,
            start: format!("{last}\0"),
        }
    }

    /// The token as clients carry it.
    pub(super) fn encode(&self) -> String {
        let written = Written {
            v: FORM.to_owned(),
            // -1: a list that goes on although its moment is forgotten
            rv: self
                .version
                .map_or(-1, |version| i64::try_from(version).unwrap_or(i64::MAX)),
            start: format!("/{}", self.start),
        };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&written).unwrap_or_default())
    }

    /// Reads a token.
    ///
    /// # Errors
    /// 400, in the words of the real server.
    pub(super) fn decode(text: &str) -> Result<Token, ApiError> {
        let wrong = |why: String| {
            ApiError::bad_request(format!(
                "invalid continue token: continue key is not valid: {why}"
            ))
        };
        if text.len() > MAX_TOKEN {
            return Err(wrong(format!("longer than {MAX_TOKEN} bytes")));
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _) => at,
                _ => text.len(),
            };
            wrong(format!("illegal base64 data at input byte {at}"))
        })?;
        let written: Written =
            serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if written.v != FORM {
            return Err(wrong(format!(
                "server does not recognize this encoded version {}",
                written.v
            )));
        }
        let version = match written.rv {
            -1 => None,
            rv => match u64::try_from(rv) {
                Ok(rv) if rv > 0 => Some(rv),
                _ => {
                    let why = format!("incorrect encoded start resourceVersion (version {FORM})");
                    return Err(wrong(why));
                }
            },
        };
        let start = written.start.strip_prefix('/').unwrap_or(&written.start);
        if start.is_empty() {
            return Err(wrong(format!("encoded start key empty (version {FORM})")));
        }
        if start.split('/').any(|part| part == "..") {
            return Err(wrong(format!("/{start}")));
        }
        Ok(Token {
            version,
            start: start.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_written_as_the_real_server_writes_it() {
        let token = Token::after("l2", Some(435));
        let text = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NDM1LCJzdGFydCI6Ii9sMlx1MDAwMCJ9";
        assert_eq!(token.encode(), text);
        assert_eq!(Token::decode(text), Ok(token));
        let late = Token::after("l2", None);
        assert_eq!(Token::decode(&late.encode()), Ok(late));
    }

    #[test]
    fn continue_token_foreign_is_refused_with_reason() {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for (token, why) in [
            (
                "notbase64!".to_owned(),
                "illegal base64 data at input byte 9",
            ),
            (
                "e30".to_owned(),
                "server does not recognize this encoded version ",
            ),
            (
                encode(r#"{"v":"meta.k8s.io/v1","rv":0,"start":"/a"}"#),
                "incorrect encoded start resourceVersion",
            ),
            (
                encode(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"/"}"#),
                "encoded start key empty",
            ),
            (
                encode(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"/../secrets/x"}"#),
                "/../secrets/x",
            ),
            ("a".repeat(MAX_TOKEN + 1), "longer than 2048 bytes"),
        ] {
            let error = Token::decode(&token).unwrap_err();
            assert_eq!(error.code, 400);
            assert!(error.message.contains(why), "{} has {why}", error.message);
        }
    }
}
