//! The options for kinds that are not known.

use imagecache::resource::workload::{PodPath, PodPaths};

/// Kinds that the table of workloads does not have.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Unknown kinds")]
pub(crate) struct KindOptions {
    /// Read the pods of a kind there, such as example.com/Farm=/spec/pods/*; repeatable
    #[arg(long, value_name = "GROUP/KIND=/PATH")]
    pod_path: Vec<PodPath>,
}

impl KindOptions {
    pub(crate) fn paths(&self) -> PodPaths {
        self.pod_path.iter().cloned().collect()
    }
}
