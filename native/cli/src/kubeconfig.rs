//! Which cluster, and as whom.

use std::path::PathBuf;

use imagecache_controller::cluster::{self, Client};

/// Which cluster to talk to.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Which cluster, and as whom")]
pub(crate) struct Kubeconfig {
    /// The kubeconfig [default: KUBECONFIG, ~/.kube/config, then the account of the pod that this runs in]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Kubeconfig {
    /// A client of the cluster. Nothing is sent yet.
    ///
    /// # Errors
    /// One line about what is wrong with the kubeconfig.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        Ok(cluster::client(self.kubeconfig.as_deref(), self.context.as_deref()).await?)
    }
}
