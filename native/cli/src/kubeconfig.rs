//! Which cluster, and as whom.

use std::path::PathBuf;

use imagecache_controller::cluster::{self, Client};

/// The cluster to connect to.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Which cluster, and as whom")]
pub(crate) struct Kubeconfig {
    /// Kubeconfig [default: KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: current-context]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Kubeconfig {
    /// Returns a client of the cluster. Sends nothing yet.
    ///
    /// # Errors
    /// Returns an error if the kubeconfig cannot be used.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        Ok(cluster::client(self.kubeconfig.as_deref(), self.context.as_deref()).await?)
    }

    /// Returns the address of the cluster, for messages.
    ///
    /// # Errors
    /// As [`Kubeconfig::client`].
    pub(crate) async fn server(&self) -> anyhow::Result<String> {
        Ok(cluster::server(self.kubeconfig.as_deref(), self.context.as_deref()).await?)
    }

    /// Returns the options that are given, by name.
    pub(crate) fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            (self.kubeconfig.is_some(), "--kubeconfig"),
            (self.context.is_some(), "--context"),
        ];
        given
            .into_iter()
            .filter(|(given, _)| *given)
            .map(|(_, name)| name)
    }
}
