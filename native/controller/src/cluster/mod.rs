//! Clients of a cluster, and their errors as one line.

mod tls;

use std::path::Path;

use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};

pub use kube::Client;

/// The reason why no client can be created.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoClient(String);

/// Creates a client from a kubeconfig and one of its contexts; by default those of kubectl, or else the service account
/// of this pod. Nothing is sent yet.
///
/// # Errors
/// Returns [`NoClient`] if the kubeconfig cannot be used.
pub async fn client(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Client, NoClient> {
    tls::client(config(kubeconfig, context).await?)
}

/// Returns the address of the API server that [`client()`] asks, without a login.
///
/// # Errors
/// Returns [`NoClient`] if the kubeconfig cannot be used.
pub async fn server(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<String, NoClient> {
    let address = config(kubeconfig, context).await?.cluster_url;
    let host = address.authority().map_or("", |authority| {
        let text = authority.as_str();
        text.rsplit_once('@').map_or(text, |(_, host)| host)
    });
    Ok(format!(
        "{}://{host}",
        address.scheme_str().unwrap_or("https")
    ))
}

async fn config(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Config, NoClient> {
    let options = KubeConfigOptions {
        context: context.map(str::to_owned),
        ..KubeConfigOptions::default()
    };
    match (kubeconfig, context) {
        (Some(path), _) => {
            let read = Kubeconfig::read_from(path).map_err(|error| unreadable(path, &error))?;
            let config = Config::from_custom_kubeconfig(read, &options).await;
            config.map_err(|error| unreadable(path, &error))
        }
        (None, Some(_)) => Config::from_kubeconfig(&options)
            .await
            .map_err(|error| NoClient(chain(&error))),
        // the message names both attempts
        (None, None) => Config::infer()
            .await
            .map_err(|error| NoClient(chain(&error))),
    }
}

/// Creates a client of a cluster without authentication, such as a local one.
///
/// # Errors
/// Returns [`NoClient`] if `url` is invalid.
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

/// Returns the message of the operating system, without `(os error 2)`.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.to_lowercase()
}

/// Returns an error with its causes in one line, each text once.
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
