//! `imagecache serve`: the ImageCache API of a cluster, on this machine.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use imagecache::admission::{AdmissionMode, AdmissionSettings};
use imagecache_local::cluster::{Cluster, Config};
use tokio::net::TcpListener;

use crate::console::{self, Console, UNWRITABLE};
use crate::crd_file;
use crate::exit::Exit;
use crate::log::Log;
use crate::page;
use crate::signal;

const EXAMPLES: &str = "\
Examples:
  imagecache serve                              in memory, until Ctrl-C
  imagecache serve --data state                 goes on where it was stopped, or killed
  imagecache serve --kubeconfig-out serve.yaml  then: kubectl --kubeconfig serve.yaml get ic
  imagecache serve --crd vendor.yaml            the same with another definition of ImageCache

It answers as the API server of a cluster would that has the CustomResourceDefinition of ImageCache, and holds
namespaces, Secrets, ConfigMaps, Pods, Deployments, Events and Leases too. Other definitions can be created, and then
what they define. Nothing is scheduled, and no controller runs.
There is no authentication: whoever reaches the address may do everything.

Exit codes:
  0  stopped by Ctrl-C or SIGTERM
  2  the command line is wrong
  3  the address, the directory or the definition cannot be used";

/// The first line of a kubeconfig of this command: nothing else is ever written over.
const MARK: &str = "# Written by `imagecache serve`.";

/// Serve the Kubernetes API of image caches on this machine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8001")]
    listen: SocketAddr,
    /// Keep the state in this directory; without it the state ends with the process
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Serve this definition of ImageCache (apiextensions.k8s.io/v1), not the one that is stored or comes with the program
    #[arg(long, value_name = "FILE")]
    crd: Option<PathBuf>,
    /// Write a kubeconfig for kubectl and other clients
    #[arg(long, value_name = "FILE")]
    kubeconfig_out: Option<PathBuf>,
    /// Judge image caches and workloads as the admission policies do, and write on pods which cache they hit
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
        let cluster = Cluster::open(Config {
            directory: self.data.clone(),
            admission: self.admission.then(|| AdmissionSettings {
                mode: AdmissionMode::Pin,
                ..AdmissionSettings::default()
            }),
            page: Some(page::file),
            definition,
            ..Config::default()
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

    /// Says where it is, and what can be tried.
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
            bail!("{address}: another process listens there; choose another address with --listen")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

pub(crate) fn write_kubeconfig(path: &Path, address: SocketAddr) -> anyhow::Result<()> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.starts_with(MARK) => {}
        Ok(_) => bail!(
            "{}: is there, and is not from this command; name a new file",
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
