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
}
