//! `imagecache serve`: the ImageCache API of a cluster, on this machine.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use imagecache::admission::{AdmissionMode, AdmissionSettings};
use imagecache_apiserver::cluster::{Cluster, Config};
use tokio::net::TcpListener;

use crate::console::{self, Console, UNWRITABLE};
use crate::crd_file;
use crate::exit::Exit;
use crate::log::Log;
use crate::page;
use crate::signal;

const EXAMPLES: &str = "\
Examples:
  imagecache serve                              keep the state in memory
  imagecache serve --data state                 keep the state in a directory
  imagecache serve --kubeconfig-out serve.yaml  use: kubectl --kubeconfig serve.yaml get ic
  imagecache serve --crd vendor.yaml            serve another definition of ImageCache

Answers like the API server of a cluster with the CustomResourceDefinition of ImageCache. It also serves Namespaces,
Secrets, ConfigMaps, Pods, Deployments, Events, Leases, CustomResourceDefinitions and the kinds that these define. No
scheduler and no controller runs.
There is no authentication: every client that reaches the address has full access.

Exit codes:
  0  stopped by Ctrl-C or SIGTERM
  2  usage error
  3  the address, the directory or the definition cannot be used";

/// The first line of a kubeconfig of this command. Other files are never overwritten.
const MARK: &str = "# Written by `imagecache serve`.";

/// Serve the Kubernetes API of image caches locally
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8001")]
    listen: SocketAddr,
    /// Keep the state in this directory [default: in memory]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Serve this CustomResourceDefinition (v1) of ImageCache [default: built in]
    #[arg(long, value_name = "FILE")]
    crd: Option<PathBuf>,
    /// Write a kubeconfig to this file
    #[arg(long, value_name = "FILE")]
    kubeconfig_out: Option<PathBuf>,
    /// Validate image caches and workloads, and add to pods the cache that they use
    #[arg(long)]
    admission: bool,
    #[command(flatten)]
    log: Log,
}

impl Serve {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        self.log.start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        runtime.block_on(self.serve(console))
    }

    async fn serve(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let definition = self.crd.as_deref().map(crd_file::read).transpose()?;
        let stop = signal::stop()?;
        let listener = listen(self.listen).await?;
        let address = listener.local_addr().context("cannot listen")?;
        let settings = self.admission.then(|| {
            let mut settings = AdmissionSettings::default();
            settings.mode = AdmissionMode::Pin;
            settings
        });
        let cluster = Cluster::open(Config {
            directory: self.data.clone(),
            page: Some(page::file),
            ..imagecache_simulator::cluster::config(definition, settings)
        })
        .await?;
        if let Some(path) = &self.kubeconfig_out {
            write_kubeconfig(path, address)?;
        }
        self.tell(console, address).context(UNWRITABLE)?;
        if !address.ip().is_loopback() {
            console::note(&format!(
                "warning: {address} is open to the network, and there is no authentication"
            ));
        }
        cluster.serve(listener, stop).await;
        Ok(Exit::Ok)
    }

    /// Prints the address and examples.
    fn tell(&self, console: &mut Console, address: SocketAddr) -> std::io::Result<()> {
        let server = format!("http://{address}");
        let kubectl = match &self.kubeconfig_out {
            Some(path) => format!("kubectl --kubeconfig {}", path.display()),
            None => format!("kubectl --server {server}"),
        };
        let state = match &self.data {
            Some(directory) => format!("state in {}", directory.display()),
            None => "state in memory".to_owned(),
        };
        writeln!(console, "listening on {server}, {state}; Ctrl-C stops\n")?;
        writeln!(console, "Try:")?;
        writeln!(console, "  {kubectl} get imagecaches --watch")?;
        writeln!(
            console,
            "  curl {server}/apis/eci.alibabacloud.com/v1/imagecaches"
        )?;
        writeln!(console, "  the page, in a browser: {server}/")?;
        console.flush()
    }
}

pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("{address}: address in use; choose another address with --listen")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

pub(crate) fn write_kubeconfig(path: &Path, address: SocketAddr) -> anyhow::Result<()> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.starts_with(MARK) => {}
        Ok(_) => bail!(
            "{}: exists and was not written by this command; name a new file",
            path.display()
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    }
    let text = format!(
        "{MARK}
apiVersion: v1
kind: Config
clusters:
- name: imagecache
  cluster:
    server: http://{address}
contexts:
- name: imagecache
  context:
    cluster: imagecache
    user: anybody
users:
- name: anybody
  user: {{}}
current-context: imagecache
"
    );
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
