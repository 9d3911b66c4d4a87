//! `imagecache crd`: the CustomResourceDefinition of `ImageCache`.

use anyhow::Context;
use imagecache::resource::{CrdVersion, crd};

use crate::console::{Console, UNWRITABLE};
use crate::encode;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  imagecache crd | kubectl apply -f -
  imagecache crd --v1beta1 | kubectl apply -f -      for Kubernetes 1.21 and older
  imagecache crd | kubectl diff -f -                 show what would change in the cluster";

/// Print the CustomResourceDefinition of ImageCache
///
/// For tests, and for clusters without the definition. A cluster with virtual nodes of ACK has the vendor's definition:
/// check with `kubectl get crd imagecaches.eci.alibabacloud.com` first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Crd {
    /// Print apiextensions v1beta1 without bounds, for Kubernetes 1.21 and older
    #[arg(long)]
    v1beta1: bool,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "yaml")]
    output: encode::Form,
}

impl Crd {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let version = if self.v1beta1 {
            CrdVersion::VendorV1beta1
        } else {
            CrdVersion::V1
        };
        let text = self.output.write(&crd(version))?;
        console.document(&text).context(UNWRITABLE)?;
        Ok(Exit::Ok)
    }
}
