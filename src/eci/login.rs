//! Logins for registries, out of Kubernetes secrets of the two docker types.
//!
//! Keys of a docker config are read as the kubelet reads them: scheme and `/v1/`, `/v2/` go, `*` and `?` stand for
//! parts of one label of the host, a path limits the login to repositories below it. A login is sent to ECI only
//! if an image needs it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::request::ImageRegistryCredential;
use super::secret::Secret;
use crate::reference::Named;

/// User name that means "the password is an identity token", as docker's credential programs write it.
pub const TOKEN_USER: &str = "<token>";

/// How to log in at the registries that a pattern names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryLogin {
    /// Host and port; may hold `*` and `?`.
    pub host: String,
    /// Only for repositories at or below this path; empty for all.
    pub path: String,
    /// Who logs in.
    pub user_name: String,
    /// The password.
    pub password: Secret,
}

/// A secret that holds no readable docker config. Says where, never what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSecret {
    /// Neither `.dockerconfigjson` nor `.dockercfg` is in it.
    #[error("neither .dockerconfigjson nor .dockercfg; only secrets of docker's types hold logins")]
    NoConfig,
    /// The value of this key is not base64.
    #[error("data[{0}]: no base64")]
    NoBase64(&'static str),
    /// The value of this key is not a docker config, from this line and column on.
    #[error("data[{key}]: no docker config, line {line} column {column}")]
    NoDockerConfig {
        /// The key in the secret.
        key: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// The `auth` of this registry is not the base64 of `user:password`.
    #[error("auths[{registry}].auth: not the base64 of user:password")]
    BadAuth {
        /// The registry, as written, without what is before an `@`.
        registry: String,
    },
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    username: Option<String>,
    password: Option<Secret>,
    auth: Option<Secret>,
    identitytoken: Option<Secret>,
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The logins of a Kubernetes secret, given as its JSON; in the order of the registries' names.
///
/// ```
/// use imagecache::eci::login::logins;
/// let secret = serde_json::json!({
///     "type": "kubernetes.io/dockerconfigjson",
///     "stringData": {".dockerconfigjson": r#"{"auths":{"https://harbor.example.com/v2/":{"auth":"cm9ib3Q6aHVudGVyMg=="}}}"#},
/// });
/// let found = logins(&secret).unwrap();
/// assert_eq!((found[0].host.as_str(), found[0].user_name.as_str()), ("harbor.example.com", "robot"));
/// assert_eq!(found[0].password.expose(), "hunter2");
/// ```
///
/// # Errors
/// When the secret holds no docker config, or one that cannot be read.
pub fn logins(secret: &Value) -> Result<Vec<RegistryLogin>, BadSecret> {
    const NEW: &str = ".dockerconfigjson";
    const OLD: &str = ".dockercfg";
    let auths = if let Some(text) = value(secret, NEW)? {
        parse::<DockerConfig>(NEW, &text)?.auths
    } else if let Some(text) = value(secret, OLD)? {
        parse(OLD, &text)?
    } else {
        return Err(BadSecret::NoConfig);
    };
    let mut logins = Vec::new();
    for (registry, auth) in auths {
        if let Some((user_name, password)) = account(&registry, auth)? {
            let (host, path) = location(&registry);
            logins.push(RegistryLogin {
                host,
                path,
                user_name,
                password,
            });
        }
    }
    Ok(logins)
}

/// The text under a key of a secret.
fn value(secret: &Value, key: &'static str) -> Result<Option<Zeroizing<Vec<u8>>>, BadSecret> {
    let at = |field: &str| secret.get(field)?.get(key)?.as_str();
    if let Some(text) = at("stringData") {
        return Ok(Some(Zeroizing::new(text.as_bytes().to_vec())));
    }
    let decoded = at("data").map(|text| BASE64.decode(text).map(Zeroizing::new));
    decoded.transpose().map_err(|_| BadSecret::NoBase64(key))
}

fn parse<'a, T: Deserialize<'a>>(key: &'static str, text: &'a [u8]) -> Result<T, BadSecret> {
    // the parser's own message may quote the secret
    serde_json::from_slice(text).map_err(|error| BadSecret::NoDockerConfig {
        key,
        line: error.line(),
        column: error.column(),
    })
}

/// User and password of one entry; an entry without any is none.
fn account(registry: &str, auth: Auth) -> Result<Option<(String, Secret)>, BadSecret> {
    let written = |secret: Option<Secret>| secret.filter(|secret| !secret.is_empty());
    if let Some(token) = written(auth.identitytoken) {
        return Ok(Some((TOKEN_USER.to_owned(), token)));
    }
    if let (Some(user), Some(password)) = (auth.username, written(auth.password))
        && !user.is_empty()
    {
        return Ok(Some((user, password)));
    }
    let Some(auth) = written(auth.auth) else {
        return Ok(None);
    };
    // an address may hold a password
    let shown = registry.rsplit_once('@').map_or(registry, |(_, host)| host);
    let bad = || BadSecret::BadAuth {
        registry: shown.to_owned(),
    };
    let decoded = BASE64.decode(auth.expose()).map(Zeroizing::new);
    let decoded = decoded.map_err(|_| bad())?;
    let text = std::str::from_utf8(&decoded).map_err(|_| bad())?;
    let (user, password) = text.split_once(':').ok_or_else(bad)?;
    // docker's own clients pad with zero bytes
    let password = Secret::from(password.trim_end_matches('\0'));
    Ok(Some((user.to_owned(), password)))
}

/// Host and path of a docker config's key.
fn location(registry: &str) -> (String, String) {
    let rest = registry
        .split_once("://")
        .map_or(registry, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = ["v1/", "v2/"]
        .iter()
        .find_map(|version| path.strip_prefix(version))
        .unwrap_or(path);
    let path = path.trim_end_matches('/');
    let path = if matches!(path, "v1" | "v2") {
        ""
    } else {
        path
    };
    let host = host.to_ascii_lowercase();
    let host = match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => crate::reference::DEFAULT_DOMAIN.to_owned(),
        _ => host,
    };
    (host, path.to_owned())
}

/// The credentials to send with these images: for each image the login with the longest path among those that fit, of
/// equal ones the first of `logins`. Sorted, each once, under the image's own host; images without a login need none.
///
/// ```
/// use imagecache::eci::login::{RegistryLogin, credentials_for};
/// let login = |host: &str, user: &str| RegistryLogin {
///     host: host.into(), path: String::new(), user_name: user.into(), password: "x".into(),
/// };
/// let logins = [login("*.example.com", "robot"), login("docker.io", "whale"), login("ghcr.io", "cat")];
/// let sent = credentials_for(&["a.example.com/demo:1", "nginx"], &logins);
/// let sent: Vec<_> = sent.iter().map(|one| (one.server.as_deref(), one.user_name.as_deref())).collect();
/// assert_eq!(sent, [(Some("a.example.com"), Some("robot")), (Some("docker.io"), Some("whale"))]);
/// ```
#[must_use]
pub fn credentials_for<S: AsRef<str>>(
    images: &[S],
    logins: &[RegistryLogin],
) -> Vec<ImageRegistryCredential> {
    let mut needed: Vec<(&str, &RegistryLogin)> = Vec::new();
    for image in images {
        let Ok(image) = Named::parse(image.as_ref()) else {
            continue;
        };
        let (host, path) = (image.domain(), image.path());
        let fitting = logins.iter().filter(|login| login.fits(host, &path));
        // `max_by_key` takes the last of equal ones
        let best = fitting.rev().max_by_key(|login| login.path.len());
        needed.extend(best.map(|login| (host, login)));
    }
    needed.sort_by_key(|(host, login)| (*host, &login.user_name, login.password.expose()));
    needed.dedup_by(|a, b| {
        a.0 == b.0 && a.1.user_name == b.1.user_name && a.1.password == b.1.password
    });
    needed
        .into_iter()
        .map(|(host, login)| ImageRegistryCredential {
            server: Some(host.to_owned()),
            user_name: Some(login.user_name.clone()),
            password: Some(login.password.clone()),
        })
        .collect()
}

/// The host of a registry without its port, in lower case: two texts with the same result are one machine.
pub(crate) fn registry_host(registry: &str) -> String {
    let (host, _) = location(registry);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name.to_owned(),
        _ => host,
    }
}

impl RegistryLogin {
    fn fits(&self, host: &str, path: &str) -> bool {
        let below = self.path.is_empty()
            || path
                .strip_prefix(self.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        below && fits_host(&self.host, &host.to_ascii_lowercase())
    }
}

/// Ports must be equal; each label of the host is matched by itself, so `*` never spans a dot.
fn fits_host(pattern: &str, host: &str) -> bool {
    if pattern == host {
        return true;
    }
    let (pattern, pattern_port) = pattern.split_once(':').unwrap_or((pattern, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let labels = |text: &str| text.split('.').count();
    port == pattern_port
        && labels(pattern) == labels(host)
        && pattern
            .split('.')
            .zip(host.split('.'))
            .all(|(pattern, label)| fits_label(pattern.as_bytes(), label.as_bytes()))
}

/// `*` is any text, `?` one character. Keeps one place to come back to, so it never takes more than label × pattern.
fn fits_label(mut pattern: &[u8], mut label: &[u8]) -> bool {
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), label.split_first()) {
            (Some((b'*', rest)), _) => {
                star = Some((rest, label));
                pattern = rest;
            }
            (Some((want, rest)), Some((have, tail))) if *want == b'?' || want == have => {
                (pattern, label) = (rest, tail);
            }
            (None, None) => return true,
            _ => match star.and_then(|(rest, from)| Some((rest, from.split_first()?.1))) {
                Some((rest, from)) => {
                    star = Some((rest, from));
                    (pattern, label) = (rest, from);
                }
                None => return false,
            },
        }
    }
}
