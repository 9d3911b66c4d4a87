//! `imagecache webhook manifests`: the objects that put the webhook into a cluster.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use imagecache_sync::webhook::manifests::{
    FailurePolicy, Manifests, NAME, Place, Trust, service_names,
};
use imagecache_sync::webhook::{bundle, parse_settings, self_signed};
use serde_json::json;

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
# What is judged, matched and changed. `imagecache webhook --help` tells more.
mode: pin
ifNotPresent: true
";

/// Print the objects that put the webhook into a cluster
///
/// With --url only the two configurations, for a webhook that runs elsewhere; otherwise also the Deployment, its
/// Service, its settings and what it may read.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Print {
    /// The authority that the API server trusts: a PEM file. The certificate itself is then yours to put into the
    /// Secret `<service>-tls`
    #[arg(long, value_name = "FILE", group = "trust")]
    ca_bundle: Option<PathBuf>,
    /// Let cert-manager, which must be there, make and renew the certificate
    #[arg(long, group = "trust", conflicts_with = "url")]
    cert_manager: bool,
    /// Make a certificate now and print it in a Secret, key included; nobody renews it
    #[arg(long, group = "trust", conflicts_with = "url")]
    make_certificate: bool,
    /// The Service in front of the webhook
    #[arg(long, value_name = "NAME", default_value = NAME)]
    service: String,
    /// The https:// address of a webhook that runs outside of the cluster
    #[arg(long, value_name = "URL", conflicts_with_all = ["service", "image", "replicas"])]
    url: Option<String>,
    /// Where the webhook runs
    #[arg(long, value_name = "NAME", default_value = "imagecache-system")]
    namespace: String,
    /// The image of the webhook
    #[arg(long, value_name = "IMAGE", default_value = concat!("ghcr.io/imagecache/imagecache:v", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// How many pods serve it
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    replicas: u16,
    /// The settings that it follows: a YAML or JSON file [default: pods get their cache]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The time that the API server gives, in seconds, 1 to 30; the webhook answers within half of it
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=30))]
    timeout: u8,
    /// What becomes of image caches when the webhook does not answer
    #[arg(long, value_name = "POLICY", default_value = "fail")]
    failure_policy: Policy,
    /// What becomes of pods and workloads when the webhook does not answer
    #[arg(long, value_name = "POLICY", default_value = "ignore")]
    pods_failure_policy: Policy,
    /// How to print
    #[arg(short, long, value_name = "FORM", default_value = "yaml")]
    output: encode::Form,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Policy {
    /// They are denied
    Fail,
    /// They pass unjudged
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
        console.write_all(text.as_bytes()).context(UNWRITABLE)?;
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
                "--url: `{url}` is not https://host[:port][/path] without user, query and fragment"
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
            let made = self_signed(&names).map_err(usage_error)?;
            return Ok(Trust::made(&made));
        }
        let Some(path) = &self.ca_bundle else {
            return Err(usage_error(
                "whom shall the API server trust? One of --ca-bundle, --cert-manager and --make-certificate says it",
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
