//! `imagecache crd`: the CustomResourceDefinition of `ImageCache`.

use std::io::Write;

use anyhow::Context;
use imagecache::resource::{CrdVersion, crd};

use crate::console::{Console, UNWRITABLE};
use crate::encode;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  imagecache crd | kubectl apply -f -
  imagecache crd --v1beta1 | kubectl apply -f -      Kubernetes 1.21 and older
  imagecache crd | kubectl diff -f -                 what would change in a cluster that has one";

/// Print the CustomResourceDefinition of ImageCache
///
/// For clusters that have none yet, and for tests. A cluster with virtual nodes of ACK has the vendor's own: ask with
/// `kubectl get crd imagecaches.eci.alibabacloud.com` first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Crd {
    /// The vendor's old shape (apiextensions v1beta1, no bounds), for Kubernetes 1.21 and older
    #[arg(long)]
    v1beta1: bool,
    /// How to print
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
        console.write_all(text.as_bytes()).context(UNWRITABLE)?;
        Ok(Exit::Ok)
    }
}
