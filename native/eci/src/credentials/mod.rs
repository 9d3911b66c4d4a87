//! Where the keys come from.
//!
//! Sources are asked in the order that users of the official SDKs know; the first that answers is used, and stays in
//! use. What ends is renewed before it ends, by the same source: when that fails, it is an error, and no other source is
//! asked as long as the process lives, because another source may be another account. Nothing here prints a key: errors
//! say which source was asked and why it had none.
//!
//! | source | asked when |
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

pub use variables::ProcessEnvironment;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use imagecache::eci::Secret;
use imagecache::eci::signature::Credential;
use imagecache::time::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::environment::{Environment, Real};
use crate::http::Http;

/// Longest answer or file that is read for a credential, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// Time for one question to a service of credentials.
const TIME: Duration = Duration::from_secs(10);
/// Credentials are renewed so many seconds before they end, or when a quarter of their life is left, if that is later.
const MARGIN: i64 = 15 * 60;
/// After a renewal that failed, the next one waits so many seconds, as long as the old credentials hold.
const PATIENCE: i64 = 60;

/// A credential and when it ends.
#[derive(Debug, Clone)]
struct Issued {
    credential: Credential,
    expires: Option<Timestamp>,
}

/// A place where a credential may be.
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

/// Every source that was asked, and why it had nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoCredentials {
    /// The names of the sources with their reasons, in the order in which they were asked.
    pub tried: Vec<(&'static str, String)>,
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no credentials")?;
        for (source, reason) in &self.tried {
            write!(f, "\n  {source}: {reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for NoCredentials {}

/// Gives the key to sign with, and renews it.
#[derive(Debug)]
pub struct Credentials {
    sources: Vec<Source>,
    setting: ProcessEnvironment,
    nature: Arc<dyn Environment>,
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
            nature: Arc::new(Real::default()),
            state: Mutex::default(),
        }
    }

    /// Always this one.
    #[must_use]
    pub fn fixed(credential: Credential) -> Self {
        Self::of(
            vec![Source::Fixed(credential)],
            ProcessEnvironment::default(),
        )
    }

    /// The first of all sources that has one.
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

    /// The profile of this name: of the `aliyun` command, else of the ini file.
    #[must_use]
    pub fn profile(name: &str, setting: ProcessEnvironment) -> Self {
        let sources = vec![
            Source::Profile(Some(name.to_owned())),
            Source::Ini(Some(name.to_owned())),
        ];
        Self::of(sources, setting)
    }

    /// The same, with other clocks.
    #[must_use]
    pub fn with_environment(mut self, nature: Arc<dyn Environment>) -> Self {
        self.nature = nature;
        self
    }

    /// A credential that holds now.
    ///
    /// # Errors
    /// When no source has one.
    pub async fn current(&self) -> Result<Credential, NoCredentials> {
        let mut state = self.state.lock().await;
        let now = self.nature.now();
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

    /// Says that the service no longer accepts this credential. Whether another one can be had.
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

    /// Asks the source that has answered before; if none has, all sources in order.
    async fn fetch(&self, state: &mut State, now: Timestamp) -> Result<Held, NoCredentials> {
        let http = match &state.http {
            Some(http) => http.clone(),
            None => {
                let http = Http::new().map_err(|error| NoCredentials {
                    tried: vec![("TLS", error)],
                })?;
                state.http.insert(http).clone()
            }
        };
        let ask = Ask {
            http: &http,
            setting: &self.setting,
            nature: &*self.nature,
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

/// What a source needs to answer.
struct Ask<'a> {
    http: &'a Http,
    setting: &'a ProcessEnvironment,
    nature: &'a dyn Environment,
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

/// A credential that does not end, or whose end nobody told.
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

/// A credential as services write it.
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

/// Reads the answer of a service: `Code` must be `Success`.
fn read_answer(answer: &[u8], provider: &'static str) -> Result<Issued, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Verdict {
        code: String,
    }
    let verdict: Verdict = parse(answer, "its answer")?;
    if verdict.code != "Success" {
        return Err(format!("its answer says `{}`", verdict.code));
    }
    let credential: Temporary = parse(answer, "its answer")?;
    Ok(credential.issued(provider))
}

/// Reads a JSON text that may hold keys: the parser's own message could quote them, so only the place is told.
fn parse<'a, T: Deserialize<'a>>(text: &'a [u8], what: &str) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("{what} is not of the expected form, line {line} column {column}")
    })
}

/// Reads a small file.
fn read_file(path: &std::path::Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let told = |error: std::io::Error| {
        let text = error.to_string();
        let reason = text.split(" (os error").next().unwrap_or(&text);
        format!("{}: {reason}", path.display())
    };
    let file = std::fs::File::open(path).map_err(told)?;
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let length = file.take(limit).read_to_end(&mut bytes).map_err(told)?;
    if length >= MAX_BYTES {
        return Err(format!("{}: {MAX_BYTES} bytes or more", path.display()));
    }
    Ok(bytes)
}
