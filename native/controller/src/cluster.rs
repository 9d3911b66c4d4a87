//! A client of the cluster, and errors of clusters in one line.

use std::fmt;
use std::path::Path;

use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};

pub use kube::Client;

/// Why there is no client.
#[derive(Debug)]
pub struct NoClient(String);

impl fmt::Display for NoClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoClient {}

/// A client by a kubeconfig and one of its contexts; by default those of kubectl, and where there are none the account
/// of the pod that this runs in. Nothing is sent yet.
///
/// # Errors
/// What is wrong with the kubeconfig.
pub async fn client(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Client, NoClient> {
    let options = KubeConfigOptions {
        context: context.map(str::to_owned),
        ..KubeConfigOptions::default()
    };
    let config = match (kubeconfig, context) {
        (Some(path), _) => {
            let read = Kubeconfig::read_from(path).map_err(|error| unreadable(path, &error))?;
            let config = Config::from_custom_kubeconfig(read, &options).await;
            config.map_err(|error| unreadable(path, &error))?
        }
        (None, Some(_)) => Config::from_kubeconfig(&options)
            .await
            .map_err(|error| NoClient(chain(&error)))?,
        // Its words name both ways that were tried.
        (None, None) => Config::infer()
            .await
            .map_err(|error| NoClient(chain(&error)))?,
    };
    Client::try_from(config).map_err(|error| NoClient(chain(&error)))
}

/// A client of a cluster that asks nobody who they are, such as one on this machine.
///
/// # Errors
/// When `url` is no address.
pub fn at(url: &str) -> Result<Client, NoClient> {
    let address = url.parse();
    let address = address.map_err(|error| NoClient(format!("{url}: {error}")))?;
    Client::try_from(Config::new(address)).map_err(|error| NoClient(chain(&error)))
}

fn unreadable(path: &Path, error: &KubeconfigError) -> NoClient {
    let why = match error {
        KubeconfigError::ReadConfig(error, _) => format!("cannot be read: {}", reason(error)),
        error => chain(error),
    };
    NoClient(format!("{}: {why}", path.display()))
}

/// What the system says, without `(os error 2)`.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.to_lowercase()
}

/// An error with its causes in one line, each said once.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}
