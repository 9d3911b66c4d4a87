//! Credential sources.
//!
//! Sources are tried in the order of the official SDKs. The first one that has a credential stays in use, and temporary
//! credentials are renewed by the same source before they expire. If that fails, it is an error: no other source is tried
//! while the process runs, because another source may be another account. No key is ever printed: errors name each
//! source and the reason why it has no credential.
//!
//! | source | used if |
//! |---|---|
//! | environment | `ALIBABA_CLOUD_ACCESS_KEY_ID` and `…_SECRET` are set |
//! | OIDC (RRSA in ACK) | `ALIBABA_CLOUD_ROLE_ARN`, `…_OIDC_PROVIDER_ARN` and `…_OIDC_TOKEN_FILE` are set |
//! | profile of the `aliyun` command | `~/.aliyun/config.json`, unless `ALIBABA_CLOUD_CLI_PROFILE_DISABLED=true` |
//! | ini file | `ALIBABA_CLOUD_CREDENTIALS_FILE` or `~/.alibabacloud/credentials.ini` |
//! | role of the instance | unless `ALIBABA_CLOUD_ECS_METADATA_DISABLED=true` |
//! | URI | `ALIBABA_CLOUD_CREDENTIALS_URI` is set |

mod ini;
mod instance;
mod profile;
mod sts;
mod uri;
mod variables;

pub use crate::error::NoCredentials;
pub use variables::ProcessEnvironment;

use std::sync::Arc;
use std::time::Duration;

use imagecache::eci::Secret;
use imagecache::eci::signature::Credential;
use imagecache::time::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::environment::{Environment, Real};
use imagecache_http::client::Http;

/// Largest response or file with a credential, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// Time limit of a request to a credential service.
const TIME: Duration = Duration::from_secs(10);
/// Seconds before the expiry of credentials at which they are renewed, or a quarter of their lifetime if that is less.
const MARGIN: i64 = 15 * 60;
/// Seconds between a failed renewal and the next one while the old credentials are valid.
const PATIENCE: i64 = 60;

/// A credential and its expiry.
#[derive(Debug, Clone)]
struct Issued {
    credential: Credential,
    expires: Option<Timestamp>,
}

/// A possible source of a credential.
#[derive(Debug, Clone)]
enum Source {
    Fixed(Credential),
    Environment,
    Oidc,
    Profile(Option<String>),
    Ini(Option<String>),
    Instance,
    Uri,
}

impl Source {
    fn name(&self) -> &'static str {
        match self {
            Source::Fixed(_) => "fixed",
            Source::Environment => "environment",
            Source::Oidc => "OIDC",
            Source::Profile(_) => "profile of the aliyun command",
            Source::Ini(_) => "ini file",
            Source::Instance => "role of the instance",
            Source::Uri => "URI",
        }
    }
}

/// Provides the credential to sign with, and renews it.
#[derive(Debug)]
pub struct Credentials {
    sources: Vec<Source>,
    setting: ProcessEnvironment,
    environment: Arc<dyn Environment>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    http: Option<Http>,
    held: Option<Held>,
    /// The index of the source that answered first: the only one that is asked from then on.
    settled: Option<usize>,
}

#[derive(Debug)]
struct Held {
    issued: Issued,
    renew_at: Option<Timestamp>,
}

impl Credentials {
    fn of(sources: Vec<Source>, setting: ProcessEnvironment) -> Self {
        Credentials {
            sources,
            setting,
            environment: Arc::new(Real::default()),
            state: Mutex::default(),
        }
    }

    /// Returns credentials that are always this one.
    #[must_use]
    pub fn fixed(credential: Credential) -> Self {
        Self::of(
            vec![Source::Fixed(credential)],
            ProcessEnvironment::default(),
        )
    }

    /// Returns the credentials of the first source that has one.
    #[must_use]
    pub fn chain(setting: ProcessEnvironment) -> Self {
        let sources = vec![
            Source::Environment,
            Source::Oidc,
            Source::Profile(None),
            Source::Ini(None),
            Source::Instance,
            Source::Uri,
        ];
        Self::of(sources, setting)
    }

    /// Returns the credentials of a named profile: of the `aliyun` command, or else of the ini file.
    #[must_use]
    pub fn profile(name: &str, setting: ProcessEnvironment) -> Self {
        let sources = vec![
            Source::Profile(Some(name.to_owned())),
            Source::Ini(Some(name.to_owned())),
        ];
        Self::of(sources, setting)
    }

    /// Replaces the clocks and random numbers.
    #[must_use]
    pub fn with_environment(mut self, environment: Arc<dyn Environment>) -> Self {
        self.environment = environment;
        self
    }

    /// Returns a credential that is valid now.
    ///
    /// # Errors
    /// Returns [`NoCredentials`] if no source has one.
    pub async fn current(&self) -> Result<Credential, NoCredentials> {
        let mut state = self.state.lock().await;
        let now = self.environment.now();
        let due = |held: &Held| held.renew_at.is_some_and(|renew_at| now >= renew_at);
        if let Some(held) = state.held.as_ref().filter(|held| !due(held)) {
            return Ok(held.issued.credential.clone());
        }
        match self.fetch(&mut state, now).await {
            Ok(held) => {
                let credential = held.issued.credential.clone();
                state.held = Some(held);
                Ok(credential)
            }
            Err(error) => {
                // the old one may still hold for a while
                let usable = |held: &Held| held.issued.expires.is_none_or(|expires| now < expires);
                let Some(held) = state.held.as_mut().filter(|held| usable(held)) else {
                    return Err(error);
                };
                held.renew_at = Some(now.plus(PATIENCE));
                Ok(held.issued.credential.clone())
            }
        }
    }

    /// Discards a credential that the service no longer accepts. Returns whether another one may be available.
    pub(crate) async fn forget(&self, credential: &Credential) -> bool {
        let mut state = self.state.lock().await;
        match &state.held {
            Some(held) if held.issued.credential != *credential => true,
            Some(held) if held.issued.expires.is_some() => {
                state.held = None;
                true
            }
            _ => false,
        }
    }

    /// Uses the source that has answered before; if none has, tries all in order.
    async fn fetch(&self, state: &mut State, now: Timestamp) -> Result<Held, NoCredentials> {
        let http = match &state.http {
            Some(http) => http.clone(),
            None => {
                let http = Http::new().map_err(|error| NoCredentials {
                    tried: vec![("TLS", error.to_string())],
                })?;
                state.http.insert(http).clone()
            }
        };
        let ask = Ask {
            http: &http,
            setting: &self.setting,
            environment: &*self.environment,
        };
        let settled = state.settled;
        let sources = self.sources.iter().enumerate();
        let mut tried = Vec::new();
        for (at, source) in sources.filter(|(at, _)| settled.is_none_or(|settled| settled == *at)) {
            match ask.source(source).await {
                Ok(issued) => {
                    state.settled = Some(at);
                    return Ok(Held {
                        renew_at: issued.expires.map(|expires| renew_at(now, expires)),
                        issued,
                    });
                }
                Err(reason) => tried.push((source.name(), reason)),
            }
        }
        Err(NoCredentials { tried })
    }
}

fn renew_at(now: Timestamp, expires: Timestamp) -> Timestamp {
    let life = expires.since(now).max(0);
    expires.plus(-MARGIN.min(life / 4))
}

/// The inputs of a source.
struct Ask<'a> {
    http: &'a Http,
    setting: &'a ProcessEnvironment,
    environment: &'a dyn Environment,
}

impl Ask<'_> {
    async fn source(&self, source: &Source) -> Result<Issued, String> {
        match source {
            Source::Fixed(credential) => Ok(Issued {
                credential: credential.clone(),
                expires: None,
            }),
            Source::Environment => self.environment(),
            Source::Oidc => self.oidc_of_environment().await,
            Source::Profile(name) => self.cli_profile(name.as_deref()).await,
            Source::Ini(name) => self.ini(name.as_deref()).await,
            Source::Instance => self.instance_of_environment().await,
            Source::Uri => self.uri().await,
        }
    }

    fn environment(&self) -> Result<Issued, String> {
        let id = self.setting.need("ALIBABA_CLOUD_ACCESS_KEY_ID")?;
        let secret = self.setting.need("ALIBABA_CLOUD_ACCESS_KEY_SECRET")?;
        let token = self.setting.get("ALIBABA_CLOUD_SECURITY_TOKEN");
        Ok(static_key(id, secret.into(), token.map(Secret::from)))
    }
}

/// A credential without expiry, or with an unknown one.
fn static_key(id: &str, secret: Secret, token: Option<Secret>) -> Issued {
    let token = token.filter(|token| !token.is_empty());
    Issued {
        credential: Credential {
            access_key_id: id.to_owned(),
            access_key_secret: secret,
            provider: if token.is_some() {
                "static_sts"
            } else {
                "static_ak"
            },
            security_token: token,
        },
        expires: None,
    }
}

/// A credential in the JSON of the services.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Temporary {
    access_key_id: String,
    access_key_secret: Secret,
    security_token: Secret,
    expiration: Timestamp,
}

impl Temporary {
    fn issued(self, provider: &'static str) -> Issued {
        Issued {
            credential: Credential {
                access_key_id: self.access_key_id,
                access_key_secret: self.access_key_secret,
                security_token: Some(self.security_token),
                provider,
            },
            expires: Some(self.expiration),
        }
    }
}

/// Parses the response of a service, whose `Code` must be `Success`.
fn read_answer(answer: &[u8], provider: &'static str) -> Result<Issued, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Verdict {
        code: String,
    }
    let verdict: Verdict = parse(answer, "its response")?;
    if verdict.code != "Success" {
        // the code is not shown: a service may put anything there
        return Err("its response has a code other than `Success`".to_owned());
    }
    let credential: Temporary = parse(answer, "its response")?;
    Ok(credential.issued(provider))
}

/// Parses JSON that may contain keys. The parser's message could quote them, so the error has only the position.
fn parse<'a, T: Deserialize<'a>>(text: &'a [u8], what: &str) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("{what} is not of the expected form, line {line} column {column}")
    })
}

/// Reads a small file.
fn read_file(path: &std::path::Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let unreadable = |error: std::io::Error| {
        let text = error.to_string();
        let reason = text.split(" (os error").next().unwrap_or(&text);
        format!("{}: {reason}", path.display())
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let length = file
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if length >= MAX_BYTES {
        return Err(format!("{}: {MAX_BYTES} bytes or more", path.display()));
    }
    Ok(bytes)
}
