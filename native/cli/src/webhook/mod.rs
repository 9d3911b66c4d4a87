//! `imagecache webhook`: the admission webhook, and the objects that put it into a cluster.

mod manifests;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use imagecache::admission::AdmissionSettings;
use imagecache_controller::webhook::{
    Caches, Certificate, Policy, RELOAD_PAUSE, Webhook as Server, self_signed,
};

use crate::clock;
use crate::console::{self, Console};
use crate::exit::Exit;
use crate::kubeconfig::Kubeconfig;
use crate::log::Log;
use crate::signal;
use crate::usage::usage_error;

const EXAMPLES: &str = "\
Examples:
  imagecache webhook manifests --cert-manager | kubectl apply -f -
                                         install the webhook in the current cluster
  imagecache webhook --self-signed       run locally, and print the authority to trust
  imagecache webhook --tls-cert tls.crt --tls-key tls.key --settings settings.yaml

Serves POST /validate and /mutate, GET /healthz, /readyz and /metrics.

Settings are YAML or JSON, such as `{mode: pin, ifNotPresent: true, onMiss: warn}`. They and the
certificate are reloaded when their files change. The failurePolicy of the webhook configuration
decides what happens if the webhook does not answer; onCachesUnavailable of the settings decides
what happens to pods while image caches are not known.

Exit codes:
  0  ended by Ctrl-C or SIGTERM
  2  usage error
  3  a file, the address or the cluster's kubeconfig cannot be used";

/// Run the admission webhook: validate objects and add caches to pods
///
/// An API server calls the webhook before it stores an object. Findings are those of `imagecache validate`: errors deny,
/// warnings warn. A new pod gets the cache that `imagecache match` selects. The webhook watches image caches, so that no
/// review waits for the cluster.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Webhook {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Certificate chain of the server, PEM
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        conflicts_with = "self_signed"
    )]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Create a certificate for this run, and print its authority (caBundle)
    #[arg(long)]
    self_signed: bool,
    /// With --self-signed: another DNS name or address of the server; repeatable
    #[arg(long = "name", value_name = "NAME", requires = "self_signed")]
    names: Vec<String>,
    /// Admission settings, YAML or JSON
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Do not watch image caches: validate pods, and do not match them
    #[arg(long)]
    no_watch: bool,
    #[command(flatten)]
    cluster: Kubeconfig,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Manifests(manifests::Print),
}

impl Webhook {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        if let Some(Verb::Manifests(verb)) = &self.verb {
            return verb.run(console);
        }
        let (certificate, authority) = self.certificate()?;
        let policy = match &self.settings {
            Some(path) => Policy::open(path.clone(), RELOAD_PAUSE)?,
            None => Policy::fixed(&AdmissionSettings::default()),
        };
        self.log.start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        runtime.block_on(self.serve(certificate, &authority, policy, console))
    }

    async fn serve(
        &self,
        certificate: Certificate,
        authority: &str,
        policy: Policy,
        console: &mut Console,
    ) -> anyhow::Result<Exit> {
        let (client, caches) = if self.no_watch {
            (None, Caches::never("they are not followed (--no-watch)"))
        } else {
            let client = self
                .cluster
                .client()
                .await
                .context("without --no-watch a cluster is needed")?;
            (Some(client), Caches::default())
        };
        let listener = tokio::net::TcpListener::bind(self.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr().unwrap_or(self.listen);
        let stop = signal::stop()?;
        console.document(authority).context(console::UNWRITABLE)?;
        console.finish()?;
        console::note(&format!("listening on https://{address}; Ctrl-C stops"));
        let server = Server::new(policy, caches, certificate, clock::system)?;
        server.serve(listener, client, stop).await;
        Ok(Exit::Ok)
    }

    /// Returns the certificate to serve, and the authority to print if the certificate is self-signed.
    fn certificate(&self) -> anyhow::Result<(Certificate, String)> {
        if let (Some(chain), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let certificate = Certificate::open(chain.clone(), key.clone(), RELOAD_PAUSE)?;
            return Ok((certificate, String::new()));
        }
        if !self.self_signed {
            return Err(usage_error(
                "no certificate: set --tls-cert and --tls-key, or --self-signed",
            ));
        }
        let mut names = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        let address = self.listen.ip();
        if !address.is_unspecified() && !address.is_loopback() {
            names.push(address.to_string());
        }
        names.extend(self.names.iter().cloned());
        let made = self_signed(&names, clock::system()).map_err(usage_error)?;
        Ok((Certificate::fixed(&made)?, made.authority))
    }
}
