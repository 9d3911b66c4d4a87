//! Logins for registries: docker config files, Secrets of Kubernetes, credential helpers.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use imagecache::eci::Secret;
use imagecache::eci::login::{BadSecret, RegistryLogin, credentials_for, logins};
use imagecache::reference::DEFAULT_DOMAIN;
use imagecache::registry::{FailureReason, RegistryFailure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Largest docker config, in bytes.
const MAX_CONFIG: u64 = 1 << 20;
/// Longest run of a credential helper.
const HELPER_TIME: Duration = Duration::from_secs(10);
/// Largest output of a credential helper, in bytes.
const MAX_HELPER: u64 = 64 << 10;
/// The name of Docker Hub in docker configs.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// A docker config that cannot be read. Says where, never what.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadConfig {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The file is larger than 1 MiB.
    #[error("more than {MAX_CONFIG} bytes")]
    TooLarge,
    /// The text is not a docker config, from this line and column on.
    #[error("not a docker config, line {line} column {column}")]
    NotAConfig {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A login cannot be read.
    #[error(transparent)]
    Logins(BadSecret),
    /// The credential helpers are not texts.
    #[error("credHelpers and credsStore: must be names of credential helpers")]
    Helpers,
    /// The name of a credential helper is not one.
    #[error("credential helper: must have letters, digits, `.`, `_` and `-` only")]
    HelperName,
}

/// The logins of one user: those in a docker config, and the programs that have more.
#[derive(Debug, Default)]
pub struct Logins {
    logins: Vec<RegistryLogin>,
    /// Programs by registry, as written.
    helpers: BTreeMap<String, String>,
    /// The program for every registry.
    store: Option<String>,
    asked: Mutex<HashMap<String, Option<RegistryLogin>>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Helpers {
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperReply {
    username: String,
    secret: Secret,
}

impl Logins {
    /// Reads a Secret of a docker type.
    ///
    /// # Errors
    /// Returns [`BadSecret`] if the Secret holds no docker config, or one that cannot be read.
    pub fn of_secret(secret: &Value) -> Result<Self, BadSecret> {
        Ok(Logins {
            logins: logins(secret)?,
            ..Logins::default()
        })
    }

    /// Returns these logins, as a Secret holds them.
    #[must_use]
    pub fn of_logins(logins: Vec<RegistryLogin>) -> Self {
        Logins {
            logins,
            ..Logins::default()
        }
    }

    /// Reads the text of a docker config, `config.json`.
    ///
    /// ```
    /// use imagecache_registry::Logins;
    /// assert!(Logins::of_config(r#"{"auths": {"a.example.com": {"auth": "cm9ib3Q6aHVudGVyMg=="}}}"#).is_ok());
    /// let error = Logins::of_config(r#"{"auths": {"a.example.com": {"auth": "hunter2"}}}"#).unwrap_err();
    /// assert_eq!(error.to_string(), "auths[a.example.com].auth: not the base64 of user:password");
    /// ```
    ///
    /// # Errors
    /// Returns [`BadConfig`] if the text is not a docker config.
    pub fn of_config(text: &str) -> Result<Self, BadConfig> {
        let read = Self::of_secret(&json!({"stringData": {".dockerconfigjson": text}}));
        let mut logins = read.map_err(|error| match error {
            BadSecret::NoDockerConfig { line, column, .. } => {
                BadConfig::NotAConfig { line, column }
            }
            error => BadConfig::Logins(error),
        })?;
        let helpers: Helpers = serde_json::from_str(text).map_err(|_| BadConfig::Helpers)?;
        let names = helpers.cred_helpers.values().chain(&helpers.creds_store);
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !names.into_iter().all(|name| name.bytes().all(good)) {
            return Err(BadConfig::HelperName);
        }
        logins.helpers = helpers.cred_helpers;
        logins.store = helpers.creds_store.filter(|store| !store.is_empty());
        Ok(logins)
    }

    /// Reads a docker config file.
    ///
    /// # Errors
    /// Returns [`BadConfig`] if the file cannot be read or is not a docker config.
    pub fn of_file(path: &Path) -> Result<Self, BadConfig> {
        if std::fs::metadata(path)?.len() > MAX_CONFIG {
            return Err(BadConfig::TooLarge);
        }
        Self::of_config(&std::fs::read_to_string(path)?)
    }

    /// Adds the logins of another user, after those of this one.
    #[must_use]
    pub fn and(mut self, other: Logins) -> Self {
        self.logins.extend(other.logins);
        for (registry, helper) in other.helpers {
            self.helpers.entry(registry).or_insert(helper);
        }
        self.store = self.store.or(other.store);
        self
    }

    /// Returns the login for a repository of a registry: of the helper for this registry, else of a file, else of the
    /// helper for every registry.
    pub(crate) async fn login(
        &self,
        host: &str,
        repository: &str,
    ) -> Result<Option<RegistryLogin>, RegistryFailure> {
        let key = match host {
            DEFAULT_DOMAIN => DOCKER_HUB,
            host => host,
        };
        let helper = self.helpers.get(key).or_else(|| self.helpers.get(host));
        if let Some(helper) = helper {
            return self.ask(helper, host, key).await;
        }
        let image = format!("{host}/{repository}");
        let found = credentials_for(&[image], &self.logins).into_iter().next();
        let found = found.and_then(|found| found.user_name.zip(found.password));
        if let Some((user_name, password)) = found {
            return Ok(Some(RegistryLogin {
                host: host.to_owned(),
                path: String::new(),
                user_name,
                password,
            }));
        }
        match &self.store {
            Some(store) => self.ask(store, host, key).await,
            None => Ok(None),
        }
    }

    /// Asks a credential helper, once for each registry.
    async fn ask(
        &self,
        helper: &str,
        host: &str,
        key: &str,
    ) -> Result<Option<RegistryLogin>, RegistryFailure> {
        let mut asked = self.asked.lock().await;
        if let Some(known) = asked.get(host) {
            return Ok(known.clone());
        }
        let program = format!("docker-credential-{helper}");
        let failed = |why: &str| {
            let message = format!("{host}: the credential helper `{program}` {why}");
            RegistryFailure::new(FailureReason::Unauthorized, message)
        };
        let output = timeout(HELPER_TIME, run(&program, key)).await;
        let output = output.map_err(|_| failed("did not end in time"))?;
        let (success, output) = output.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => failed("is not installed"),
            _ => failed("cannot be run"),
        })?;
        let login = if success {
            let reply: HelperReply =
                serde_json::from_slice(&output).map_err(|_| failed("did not print a login"))?;
            Some(RegistryLogin {
                host: host.to_owned(),
                path: String::new(),
                user_name: reply.username,
                password: reply.secret,
            })
        } else if String::from_utf8_lossy(&output).contains("not found") {
            // The words of docker's own helpers for a registry without a login.
            None
        } else {
            return Err(failed("failed"));
        };
        asked.insert(host.to_owned(), login.clone());
        Ok(login)
    }
}

/// Runs `PROGRAM get` with the registry as its input. Returns whether it succeeded, and its output.
async fn run(program: &str, registry: &str) -> io::Result<(bool, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A helper may end before it has read its input.
        let _ = input.write_all(registry.as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(reader) = child.stdout.take() {
        reader.take(MAX_HELPER).read_to_end(&mut output).await?;
    }
    Ok((child.wait().await?.success(), output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_with_bad_helpers_is_refused() {
        for (config, words) in [
            (
                r#"{"credHelpers": {"a.example.com": "../evil"}}"#,
                "letters",
            ),
            (r#"{"credsStore": "a/b"}"#, "letters"),
            (r#"{"credHelpers": 7}"#, "must be names"),
            ("7", "not a docker config, line 1 column 1"),
            ("hunter2-hunter2", "not a docker config, line 1 column 1"),
            (
                r#"{"auths": {"https://robot:hunter2@a.example.com": {"auth": "!"}}}"#,
                "auths[a.example.com].auth: not the base64",
            ),
        ] {
            let error = Logins::of_config(config).unwrap_err().to_string();
            assert!(error.contains(words), "{config}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let logins = Logins::of_config(r#"{"credsStore": ""}"#).unwrap();
        assert_eq!(logins.store, None);
    }

    #[tokio::test]
    async fn login_is_that_of_the_file_with_the_longest_path() {
        let one = r#"{"auths": {"a.example.com": {"username": "u", "password": "p"},
            "a.example.com/team": {"username": "t", "password": "p"},
            "https://index.docker.io/v1/": {"username": "hub", "password": "p"}}}"#;
        let logins = Logins::of_config(one).unwrap();
        let logins = logins.and(
            Logins::of_config(
                r#"{"auths": {"b.example.com": {"username": "b", "password": "p"}}}"#,
            )
            .unwrap(),
        );
        for (host, path, user) in [
            ("a.example.com", "x", Some("u")),
            ("a.example.com", "team/x", Some("t")),
            ("docker.io", "library/nginx", Some("hub")),
            ("b.example.com", "x", Some("b")),
            ("evil-a.example.com", "x", None),
            ("example.com", "x", None),
        ] {
            let login = logins.login(host, path).await.unwrap();
            assert_eq!(
                login.map(|login| login.user_name).as_deref(),
                user,
                "{host}"
            );
        }
    }
}
