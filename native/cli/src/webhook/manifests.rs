//! `imagecache webhook manifests`: the objects that put the webhook into a cluster.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use imagecache_controller::webhook::manifests::{
    FailurePolicy, IMAGE, Manifests, NAME, Place, Trust, service_names,
};
use imagecache_controller::webhook::{bundle, parse_settings, self_signed};
use serde_json::json;

use crate::clock;
use crate::console::{Console, UNWRITABLE};
use crate::encode;
use crate::exit::Exit;
use crate::usage::usage_error;

const EXAMPLES: &str = "\
Examples:
  imagecache webhook manifests --cert-manager | kubectl apply -f -
  imagecache webhook manifests --make-certificate | kubectl apply -f -
  imagecache webhook manifests --ca-bundle ca.pem --settings settings.yaml > webhook.yaml
  imagecache webhook --self-signed > ca.pem &
  imagecache webhook manifests --url https://127.0.0.1:8443 --ca-bundle ca.pem | kubectl apply -f -";

/// The settings of a new installation: pods get their cache, and nothing that is merely doubtful is stopped.
const SETTINGS: &str = "\
# Settings of admission. See `imagecache webhook --help`.
mode: pin
ifNotPresent: true
";

/// Print the manifests that install the webhook in a cluster
///
/// With --url: only the two webhook configurations, for a webhook outside of the cluster. Otherwise also the Deployment,
/// Service, settings and permissions.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Print {
    /// Authority that the API server trusts, PEM
    ///
    /// Put the certificate into the Secret `<service>-tls` yourself.
    #[arg(long, value_name = "FILE", group = "trust")]
    ca_bundle: Option<PathBuf>,
    /// Let cert-manager create and renew the certificate
    #[arg(long, group = "trust", conflicts_with = "url")]
    cert_manager: bool,
    /// Print a new certificate, valid for 365 days, and its key in a Secret; to renew, repeat
    #[arg(long, group = "trust", conflicts_with = "url")]
    make_certificate: bool,
    /// Name of the Service of the webhook
    #[arg(long, value_name = "NAME", default_value = NAME)]
    service: String,
    /// https:// address of a webhook outside of the cluster
    #[arg(long, value_name = "URL", conflicts_with_all = ["service", "image", "replicas"])]
    url: Option<String>,
    /// Namespace of the webhook
    #[arg(long, value_name = "NAME", default_value = "imagecache-system")]
    namespace: String,
    /// Image of the webhook
    #[arg(long, value_name = "IMAGE", default_value = IMAGE)]
    image: String,
    /// Number of replicas
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    replicas: u16,
    /// Admission settings, YAML or JSON [default: pin pods to their cache]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Timeout of the API server in seconds, 1 to 30; the webhook uses half of it
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=30))]
    timeout: u8,
    /// Failure policy for image caches
    #[arg(long, value_name = "POLICY", default_value = "fail")]
    failure_policy: Policy,
    /// Failure policy for pods and workloads
    #[arg(long, value_name = "POLICY", default_value = "ignore")]
    pods_failure_policy: Policy,
    /// Network that may reach the webhook, such as that of the API servers; repeatable [default: all]
    #[arg(long, value_name = "CIDR", conflicts_with = "url", value_parser = cidr)]
    from_cidr: Vec<String>,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "yaml")]
    output: encode::Form,
}

/// Parses a network such as 10.0.0.0/8.
fn cidr(text: &str) -> Result<String, &'static str> {
    let wrong = "expected an address and a prefix length, such as 10.0.0.0/8";
    let (address, length) = text.split_once('/').ok_or(wrong)?;
    let address: std::net::IpAddr = address.parse().map_err(|_| wrong)?;
    let length: u8 = length.parse().map_err(|_| wrong)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    if length > most {
        return Err(wrong);
    }
    Ok(format!("{address}/{length}"))
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Policy {
    /// Deny objects if the webhook does not answer
    Fail,
    /// Allow objects if the webhook does not answer
    Ignore,
}

impl From<Policy> for FailurePolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Fail => FailurePolicy::Fail,
            Policy::Ignore => FailurePolicy::Ignore,
        }
    }
}

impl Print {
    pub(super) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let manifests = Manifests {
            namespace: self.namespace.clone(),
            place: self.place()?,
            trust: self.trust()?,
            timeout_seconds: self.timeout,
            failure_policy: self.failure_policy.into(),
            pods_failure_policy: self.pods_failure_policy.into(),
            settings: self.settings()?,
            sources: self.from_cidr.clone(),
        };
        let objects = manifests.objects();
        let text = match self.output {
            encode::Form::Json => {
                encode::json(&json!({"apiVersion": "v1", "kind": "List", "items": objects}))?
            }
            encode::Form::Yaml => {
                let documents: Result<Vec<_>, _> = objects.iter().map(encode::yaml).collect();
                documents?.join("---\n")
            }
        };
        console.document(&text).context(UNWRITABLE)?;
        Ok(Exit::Ok)
    }

    fn place(&self) -> anyhow::Result<Place> {
        let Some(url) = &self.url else {
            return Ok(Place::Service {
                name: self.service.clone(),
                image: self.image.clone(),
                replicas: self.replicas,
            });
        };
        // The API server takes nothing else and says so only when the object is applied.
        let host = url.strip_prefix("https://").unwrap_or_default();
        if host.is_empty() || url.contains(['?', '#', '@']) || url.contains(char::is_whitespace) {
            let message = format!(
                "--url: expected https://host[:port][/path] without user, query and fragment, found `{url}`"
            );
            return Err(usage_error(message));
        }
        Ok(Place::Url(url.clone()))
    }

    fn trust(&self) -> anyhow::Result<Trust> {
        if self.cert_manager {
            return Ok(Trust::CertManager);
        }
        if self.make_certificate {
            let names = service_names(&self.service, &self.namespace);
            let made = self_signed(&names, clock::system()).map_err(usage_error)?;
            return Ok(Trust::made(&made));
        }
        let Some(path) = &self.ca_bundle else {
            return Err(usage_error(
                "no authority to trust: set --ca-bundle, --cert-manager or --make-certificate",
            ));
        };
        let pem = read(path)?;
        let bundle = bundle(&pem).with_context(|| path.display().to_string())?;
        Ok(Trust::Bundle(bundle))
    }

    fn settings(&self) -> anyhow::Result<String> {
        let Some(path) = &self.settings else {
            return Ok(SETTINGS.to_owned());
        };
        let text = read(path)?;
        parse_settings(&text).with_context(|| path.display().to_string())?;
        Ok(text)
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
