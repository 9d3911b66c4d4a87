//! The options for kinds that are not known.

use imagecache::resource::workload::{PodPath, PodPaths};

use crate::usage::usage_error;

/// Kinds that the table of workloads does not have.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Unknown kinds")]
pub(crate) struct KindOptions {
    /// Read the pods of a kind there, such as example.com/Farm=/spec/pods/*; repeatable
    #[arg(long, value_name = "GROUP/KIND=/PATH")]
    pod_path: Vec<String>,
}

impl KindOptions {
    /// Returns the pod paths, or an error that names each invalid one.
    pub(crate) fn paths(&self) -> anyhow::Result<PodPaths> {
        let mut paths = Vec::new();
        let mut errors = Vec::new();
        for text in &self.pod_path {
            match text.parse::<PodPath>() {
                Ok(path) => paths.push(path),
                Err(error) => errors.push(format!("--pod-path {text}: {error}")),
            }
        }
        if errors.is_empty() {
            return Ok(paths.into_iter().collect());
        }
        Err(usage_error(errors.join("\n")))
    }
}
