//! Challenges of registries, and the tokens and headers that answer them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_auth::ChallengeParser;
use hyper::HeaderMap;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use imagecache::eci::Secret;
use imagecache::eci::login::{RegistryLogin, TOKEN_USER};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// The life of a token that does not say its own. Source: the distribution specification.
const DEFAULT_LIFE: u64 = 60;
/// Time before its end at which a token is not used again.
const MARGIN: Duration = Duration::from_secs(5);

/// What a registry wants of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token of this service.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// Returns the best challenge of a response: for a token, else for a password.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).into_iter();
        let mut basic = None;
        for value in values.filter_map(|value| value.to_str().ok()) {
            for challenge in ChallengeParser::new(value).map_while(Result::ok) {
                let param = |name: &str| {
                    let mut params = challenge.params.iter();
                    let found = params.find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped())
                };
                if challenge.scheme.eq_ignore_ascii_case("bearer")
                    && let Some(realm) = param("realm")
                {
                    return Some(Challenge::Bearer {
                        realm,
                        service: param("service"),
                        scope: param("scope"),
                    });
                }
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Challenge::Basic);
                }
            }
        }
        basic
    }

    /// Returns the challenge that this registry will make for another repository, if that is known.
    pub(crate) fn for_repository(&self, before: &str, now: &str) -> Option<Self> {
        match self {
            Challenge::Basic => Some(Challenge::Basic),
            Challenge::Bearer {
                realm,
                service,
                scope,
            } if scope.as_deref().is_none_or(|scope| scope == pull(before)) => {
                Some(Challenge::Bearer {
                    realm: realm.clone(),
                    service: service.clone(),
                    scope: Some(pull(now)),
                })
            }
            Challenge::Bearer { .. } => None,
        }
    }
}

/// Returns the scope for pulls from a repository.
pub(crate) fn pull(repository: &str) -> String {
    format!("repository:{repository}:pull")
}

/// Returns the header that sends user and password.
pub(crate) fn basic(login: &RegistryLogin) -> Option<HeaderValue> {
    let text = Secret::from(format!("{}:{}", login.user_name, login.password.expose()));
    header("Basic ", &STANDARD.encode(text.expose()))
}

/// Returns the header that sends a token.
pub(crate) fn bearer(token: &Secret) -> Option<HeaderValue> {
    header("Bearer ", token.expose())
}

fn header(scheme: &str, secret: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&[scheme, secret].concat()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A request for a token.
#[derive(Debug)]
pub(crate) struct TokenRequest {
    pub(crate) uri: String,
    pub(crate) authorization: Option<HeaderValue>,
    /// The form of a POST; a GET without one.
    pub(crate) form: Option<Secret>,
}

impl TokenRequest {
    pub(crate) fn new(
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        login: Option<&RegistryLogin>,
    ) -> Self {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut query = Vec::new();
        for (name, value) in [("service", service), ("scope", scope)] {
            query.extend(value.map(|value| format!("{name}={}", encode(value))));
        }
        if let Some(login) = login.filter(|login| login.user_name == TOKEN_USER) {
            query.push("grant_type=refresh_token&client_id=imagecache".to_owned());
            let token = encode(login.password.expose());
            query.push(format!("refresh_token={token}"));
            return TokenRequest {
                uri: realm.to_owned(),
                authorization: None,
                form: Some(Secret::from(query.join("&"))),
            };
        }
        query.extend(login.map(|login| format!("account={}", encode(&login.user_name))));
        let join = if realm.contains('?') { '&' } else { '?' };
        TokenRequest {
            uri: format!("{realm}{join}{}", query.join("&")),
            authorization: login.and_then(basic),
            form: None,
        }
    }
}

#[derive(Deserialize)]
struct TokenReply {
    token: Option<Secret>,
    access_token: Option<Secret>,
    expires_in: Option<u64>,
}

/// A token, and when it ends.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) secret: Secret,
    end: Instant,
}

impl Token {
    /// Reads the reply of a token service.
    pub(crate) fn read(reply: &[u8], now: Instant) -> Option<Self> {
        let reply: TokenReply = serde_json::from_slice(reply).ok()?;
        let tokens = [reply.token, reply.access_token].into_iter().flatten();
        let secret = tokens.into_iter().find(|token| !token.is_empty())?;
        let life = reply.expires_in.unwrap_or(DEFAULT_LIFE).min(86_400);
        Some(Token {
            secret,
            end: now + Duration::from_secs(life),
        })
    }
}

/// The tokens of one registry.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, Vec<Owned>>>);

/// A token, and the login that it was got with.
type Owned = (Option<RegistryLogin>, Token);

impl Tokens {
    /// Returns a token for the scope that was got with this login, if it has not ended.
    pub(crate) fn get(
        &self,
        scope: &str,
        login: Option<&RegistryLogin>,
        now: Instant,
    ) -> Option<Secret> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tokens = tokens.get(scope)?.iter();
        let found = tokens.find(|(of, token)| of.as_ref() == login && now + MARGIN < token.end);
        found.map(|(_, token)| token.secret.clone())
    }

    pub(crate) fn put(&self, scope: &str, login: Option<&RegistryLogin>, token: Token) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = tokens.entry(scope.to_owned()).or_default();
        tokens.retain(|(of, _)| of.as_ref() != login);
        tokens.push((login.cloned(), token));
    }

    /// Forgets a token that the registry refused.
    pub(crate) fn drop(&self, scope: &str, login: Option<&RegistryLogin>) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tokens) = tokens.get_mut(scope) {
            tokens.retain(|(of, _)| of.as_ref() != login);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(header: &'static str) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(header));
        Challenge::of(&headers)
    }

    #[test]
    fn challenges_are_read() {
        let bearer = challenge(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#,
        );
        let bearer = bearer.unwrap();
        assert_eq!(
            bearer,
            Challenge::Bearer {
                realm: "https://auth.docker.io/token".into(),
                service: Some("registry.docker.io".into()),
                scope: Some("repository:library/nginx:pull".into()),
            }
        );
        let other = bearer.for_repository("library/nginx", "library/redis");
        assert!(
            matches!(other, Some(Challenge::Bearer { scope: Some(scope), .. }) if scope == "repository:library/redis:pull")
        );
        assert_eq!(
            bearer.for_repository("library/other", "library/redis"),
            None
        );
        assert_eq!(challenge(r#"Basic realm="x""#), Some(Challenge::Basic));
        assert!(matches!(
            challenge(r#"Basic realm="x", Bearer realm="https://a/t""#),
            Some(Challenge::Bearer { .. })
        ));
        for odd in [
            "",
            "Digest realm=x",
            "Bearer service=\"a\"",
            "\"",
            "Bearer realm",
        ] {
            assert_eq!(challenge(odd), None, "{odd}");
        }
    }

    #[test]
    fn token_request_encodes_and_logs_in() {
        let login = |user: &str| RegistryLogin {
            host: "r".into(),
            path: String::new(),
            user_name: user.into(),
            password: "p&w".into(),
        };
        let request =
            TokenRequest::new("https://a/t", Some("a b"), Some("repository:x:pull"), None);
        assert_eq!(
            request.uri,
            "https://a/t?service=a%20b&scope=repository%3Ax%3Apull"
        );
        assert!(request.authorization.is_none());
        let request = TokenRequest::new("https://a/t?x=1", None, None, Some(&login("me")));
        assert_eq!(request.uri, "https://a/t?x=1&account=me");
        assert_eq!(request.authorization.unwrap(), "Basic bWU6cCZ3");
        let request = TokenRequest::new("https://a/t", None, None, Some(&login(TOKEN_USER)));
        assert_eq!(request.uri, "https://a/t");
        let form = request.form.unwrap();
        assert!(form.expose().ends_with("refresh_token=p%26w"));
    }

    #[test]
    fn token_replies_are_read() {
        let now = Instant::now();
        let read = |text: &str| Token::read(text.as_bytes(), now);
        let token = read(r#"{"access_token":"t","expires_in":300}"#).unwrap();
        assert_eq!(
            (token.secret.expose(), token.end),
            ("t", now + Duration::from_secs(300))
        );
        assert_eq!(
            read(r#"{"token":"t"}"#).unwrap().end,
            now + Duration::from_secs(60)
        );
        for bad in ["", "{}", r#"{"token":""}"#, "[]", r#"{"token":1}"#] {
            assert!(read(bad).is_none(), "{bad}");
        }
        let tokens = Tokens::default();
        tokens.put("s", None, token);
        assert!(tokens.get("s", None, now).is_some());
        assert!(
            tokens
                .get("s", None, now + Duration::from_secs(299))
                .is_none()
        );
        tokens.drop("s", None);
        assert!(tokens.get("s", None, now).is_none());
    }
}
