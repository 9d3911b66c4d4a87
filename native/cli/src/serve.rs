//! `imagecache serve`: the ImageCache API of a cluster, on this machine.

use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use imagecache::admission::{AdmissionMode, AdmissionSettings};
use imagecache_apiserver::cluster::store::{History, Report, SetAside, Store, Unopened, salvage};
use imagecache_apiserver::cluster::{Cluster, Config, export};

use crate::console::{self, Console, UNWRITABLE};
use crate::crd_file;
use crate::exit::Exit;
use crate::listen;
use crate::log::Log;
use crate::page;
use crate::signal;

const EXAMPLES: &str = "\
Examples:
  imagecache serve                              keep the state in memory
  imagecache serve --data state                 keep the state in a directory
  imagecache serve --data state --recover       continue with what can be read of a damaged state
  imagecache serve --data state --export all.yaml
                                                write all objects as manifests, and exit
  imagecache serve --kubeconfig-out serve.yaml  use: kubectl --kubeconfig serve.yaml get ic
  imagecache serve --crd vendor.yaml            serve another definition of ImageCache

Answers like the API server of a cluster with the CustomResourceDefinition of ImageCache. It also serves Namespaces,
Secrets, ConfigMaps, Pods, Deployments, Events, Leases, CustomResourceDefinitions and the kinds that these define. No
scheduler and no controller runs.
There is no authentication: every client that reaches the address has full access.

Exit codes:
  0  stopped by Ctrl-C or SIGTERM, or exported
  2  usage error
  3  the address, the directory or the definition cannot be used, or not every object could be exported";

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
    /// Replace a damaged state by what can be read of it
    #[arg(long, requires = "data")]
    recover: bool,
    /// Write all objects as YAML to this new file (- for stdout) and exit
    #[arg(long, value_name = "FILE", requires = "data")]
    export: Option<PathBuf>,
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
    names: listen::Names,
    #[command(flatten)]
    log: Log,
}

impl Serve {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        self.log.start()?;
        if let (Some(file), Some(directory)) = (&self.export, &self.data) {
            return self.export(file, directory, console);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        runtime.block_on(self.serve(console))
    }

    async fn serve(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let definition = self.crd.as_deref().map(crd_file::read).transpose()?;
        let stop = signal::stop()?;
        let listener = listen::bind(self.listen).await?;
        let address = listener.local_addr().context("cannot listen")?;
        let settings = self.admission.then(|| {
            let mut settings = AdmissionSettings::default();
            settings.mode = AdmissionMode::Pin;
            settings
        });
        let cluster = Cluster::open(Config {
            directory: self.data.clone(),
            recover: self.recover,
            page: Some(page::file),
            allow_hosts: self.names.allow_host.clone(),
            ..imagecache_simulator::cluster::config(definition, settings)
        })
        .await?;
        report(cluster.store().report());
        if let Some(path) = &self.kubeconfig_out {
            write_kubeconfig(path, address)?;
        }
        self.tell(console, address).context(UNWRITABLE)?;
        listen::warn_if_wide(address, "and there is no authentication");
        cluster.serve(listener, stop).await;
        Ok(Exit::Ok)
    }

    /// Writes the objects of a directory as manifests. With `--recover` a damaged file is read, and stays as it is.
    fn export(&self, file: &Path, directory: &Path, console: &mut Console) -> anyhow::Result<Exit> {
        if !directory.is_dir() {
            bail!("{}: no such directory", directory.display());
        }
        let (objects, lost) = match Store::open(Some(directory), History::default()) {
            Ok(store) => (export::objects(&store), store.report().aside.clone()),
            Err(Unopened::Damaged(..)) if self.recover => {
                let salvage = salvage(directory)?;
                (salvage.objects.into_values().collect(), salvage.lost)
            }
            Err(error) => return Err(error.into()),
        };
        if file == Path::new("-") {
            let mut text = Vec::new();
            export::write(&objects, &lost, &mut text).context(UNWRITABLE)?;
            console
                .manifests(&String::from_utf8_lossy(&text))
                .context(UNWRITABLE)?;
        } else {
            let shown = || file.display().to_string();
            let mut file = new_file(file).with_context(shown)?;
            export::write(&objects, &lost, &mut file).with_context(shown)?;
            file.into_inner()
                .map_err(std::io::IntoInnerError::into_error)
                .and_then(|file| file.sync_all())
                .with_context(shown)?;
        }
        for SetAside { key, why } in &lost {
            console::note(&format!(
                "warning: {} cannot be exported: {why}",
                console::visible(key)
            ));
        }
        Ok(if lost.is_empty() {
            Exit::Ok
        } else {
            Exit::Failure
        })
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
        console.line(format_args!("listening on {server}, {state}; Ctrl-C stops"))?;
        console.document("\n")?;
        console.line(format_args!("Try:"))?;
        console.line(format_args!("  {kubectl} get imagecaches --watch"))?;
        console.line(format_args!(
            "  curl {server}/apis/eci.alibabacloud.com/v1/imagecaches"
        ))?;
        console.line(format_args!("  the page, in a browser: {server}/"))?;
        console.flush()
    }
}

/// Reports what is wrong with the state.
pub(crate) fn report(report: &Report) {
    if let Some(recovered) = &report.recovered {
        console::note(&format!(
            "recovered {} objects; the damaged file is kept as {}",
            recovered.objects,
            recovered.kept_as.display()
        ));
        for SetAside { key, why } in &recovered.lost {
            console::note(&format!("warning: {}: {why}", console::visible(key)));
        }
    }
    for SetAside { key, why } in &report.aside {
        let key = console::visible(key);
        console::note(&format!(
            "warning: {key} is not served, its record is set aside: {why}"
        ));
    }
    if report.history_lost {
        console::note("warning: the log of changes cannot be read; watches start anew");
    }
}

/// Makes a file that its owner alone reads, since it can hold Secrets.
fn new_file(path: &Path) -> std::io::Result<BufWriter<File>> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    Ok(BufWriter::new(options.open(path)?))
}

pub(crate) fn write_kubeconfig(path: &Path, address: SocketAddr) -> anyhow::Result<()> {
    if path.is_symlink() {
        bail!("{}: is a symbolic link; name a file", path.display());
    }
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
    insecure-skip-tls-verify: true
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
    replace(path, &text).with_context(|| path.display().to_string())
}

/// Writes a file that its owner alone can read. It is made beside its place and moved there, so that a link that is put there
/// meanwhile is replaced and not followed.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let made = path.with_file_name(name);
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(&made)?;
    let written = file.write_all(text.as_bytes());
    let moved = written.and_then(|()| std::fs::rename(&made, path));
    if moved.is_err() {
        let _ = std::fs::remove_file(&made);
    }
    moved
}
