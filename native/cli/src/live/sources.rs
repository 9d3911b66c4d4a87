//! The options of verbs that read a cluster and ECI for themselves, without defaults of pods.

use imagecache::resource::workload::PodPaths;

use super::{Gathered, LiveOptions, Scope};
use crate::documents::Collection;
use crate::eci::connection::Cloud;
use crate::input::Inputs;
use crate::kinds::KindOptions;

/// Where to read, with the kinds to look for and the region.
#[derive(Debug, clap::Args)]
pub(crate) struct Sources {
    #[command(flatten)]
    kinds: KindOptions,
    /// Region [default: ALIBABA_CLOUD_REGION_ID, or the region of the profile]
    #[arg(long, value_name = "REGION", help_heading = "What exists now")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) live: LiveOptions,
}

impl Sources {
    /// Reports whether a cluster or ECI is read.
    pub(crate) fn is_live(&self) -> bool {
        self.live.has_cluster() || self.live.has_cloud()
    }

    /// Returns a client of ECI, if it is to be read.
    pub(crate) fn cloud(&self) -> anyhow::Result<Option<Cloud>> {
        self.live.cloud(self.region.as_deref())
    }

    /// Reads the files, and what the options name, into a collection for these pod paths.
    ///
    /// # Errors
    /// As [`LiveOptions::gather`], and if a pod path is invalid.
    pub(crate) fn gather<T: Collection>(
        &self,
        inputs: &Inputs,
        scope: Scope,
        new: impl Fn(&PodPaths) -> T + Sync,
    ) -> anyhow::Result<Gathered<T>> {
        let paths = self.kinds.paths()?;
        let region = self.region.as_deref();
        self.live
            .gather(inputs, region, &paths, scope, || new(&paths))
    }
}
