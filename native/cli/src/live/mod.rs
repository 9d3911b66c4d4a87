//! Objects of a cluster and caches of ECI as they are now, for the verbs that ask about them.
//!
//! What cannot be read is named, and counts against the answer: a list that is not permitted, a kind that is served in a
//! version that is not known, a page that fails. The rest is read all the same.

mod cloud;
mod cluster;
mod sources;

use clap::ValueEnum;
use imagecache::diagnostic::{Levels, Report};
use imagecache::eci::reply::Usage;
use imagecache::resource::workload::PodPaths;
use imagecache_controller::cluster::Client;
use serde_json::Value;

use crate::console::{self, visible};
use crate::documents::{self, Collection};
use crate::eci::connection::{Access, Cloud, block_on};
use crate::input::{Input, Inputs};
use crate::kubeconfig::Kubeconfig;
use crate::usage::usage_error;

use cluster::Reader;
pub(crate) use cluster::{Scope, why};
pub(crate) use sources::Sources;

/// Where to read, besides files.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What exists now")]
pub(crate) struct LiveOptions {
    /// Also read from here: ImageCaches, and what else the command needs
    #[arg(long, value_name = "SOURCE")]
    against: Option<Against>,
    /// Also read from ECI: the caches of the region, and what else the command needs
    #[arg(long)]
    cloud: bool,
    /// Longest wait for an answer of the cluster, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    request_timeout: u32,
    #[command(flatten)]
    cluster: Kubeconfig,
    #[command(flatten)]
    access: Access,
}

/// Where to read, besides files, for a verb that does not ask ECI.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What exists now")]
pub(crate) struct ClusterOptions {
    /// Also read Pods and ImageCaches from here
    #[arg(long, value_name = "SOURCE")]
    against: Option<Against>,
    /// Longest wait for an answer of the cluster, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        requires = "against"
    )]
    request_timeout: u32,
    #[command(flatten)]
    cluster: Kubeconfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Against {
    /// The cluster of the kubeconfig
    Cluster,
}

/// One object, or one entry of a reply, and its name in messages.
#[derive(Debug)]
pub(crate) struct LiveObject {
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// What exists, as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// In the order of kinds, then of the server.
    pub(crate) objects: Vec<LiveObject>,
    /// What could not be read, one line each.
    pub(crate) unread: Vec<String>,
    /// The region of ECI, if it was asked.
    pub(crate) region: Option<String>,
    /// What the account may have and has, if the scope has it.
    pub(crate) usage: Option<Usage>,
}

/// Files, and what exists, in one collection.
pub(crate) struct Gathered<T> {
    pub(crate) all: T,
    pub(crate) live: Live,
    /// A file, or a part of one, is missing. [`Live::report`] says what else is.
    pub(crate) incomplete: bool,
}

impl LiveOptions {
    /// Reports whether a cluster is read.
    pub(crate) fn has_cluster(&self) -> bool {
        self.against.is_some()
    }

    /// Reports whether ECI is asked.
    pub(crate) fn has_cloud(&self) -> bool {
        self.cloud
    }

    /// Reads what the options name. Kinds with a pod path are read, too.
    ///
    /// # Errors
    /// Returns an error if there is no kubeconfig, no region or no endpoint.
    pub(crate) fn read(
        &self,
        region: Option<&str>,
        paths: &PodPaths,
        scope: Scope,
    ) -> anyhow::Result<Live> {
        self.check_effect()?;
        let cloud = self.cloud(region)?;
        let mut live = Live::default();
        block_on(async {
            if self.has_cluster() {
                let reader = Reader::new(&self.cluster, self.request_timeout).await?;
                live.add_cluster(&reader, scope, paths).await;
            }
            if let Some(cloud) = &cloud {
                live.region = Some(cloud.region.clone());
                cloud::caches(cloud, &mut live).await;
                if scope.groups {
                    cloud::groups(cloud, &mut live).await;
                }
                if scope.usage {
                    cloud::usage(cloud, &mut live).await;
                }
            }
            Ok(())
        })?;
        Ok(live)
    }

    /// An option about a cluster or ECI that is not read is an error: its user believes that it was.
    fn check_effect(&self) -> anyhow::Result<()> {
        let cluster = self.cluster.given().filter(|_| !self.has_cluster());
        let cluster = cluster.map(|name| (name, "--against cluster"));
        let cloud = self.access.given().filter(|_| !self.has_cloud());
        let cloud = cloud.map(|name| (name, "--cloud"));
        match cluster.chain(cloud).next() {
            Some((name, without)) => Err(usage_error(format!(
                "{name} has no effect without {without}"
            ))),
            None => Ok(()),
        }
    }

    /// Reads the files, and what the options name. Files are optional where something else is read.
    ///
    /// # Errors
    /// As [`LiveOptions::read`], and if there is nothing to read.
    pub(crate) fn gather<T: Collection>(
        &self,
        inputs: &Inputs,
        region: Option<&str>,
        paths: &PodPaths,
        scope: Scope,
        new: impl Fn() -> T + Sync,
    ) -> anyhow::Result<Gathered<T>> {
        let is_live = self.has_cluster() || self.has_cloud();
        let files = if is_live && inputs.is_empty() {
            Vec::new()
        } else {
            inputs.list()?
        };
        let live = self.read(region, paths, scope)?;
        Ok(Gathered::new(&files, live, new))
    }

    /// Returns a client of the cluster, if it is to be read.
    pub(crate) async fn client(&self) -> anyhow::Result<Option<Client>> {
        match self.against {
            Some(Against::Cluster) => Ok(Some(self.cluster.client().await?)),
            None => Ok(None),
        }
    }

    /// Returns a client of ECI, if it is to be asked.
    pub(crate) fn cloud(&self, region: Option<&str>) -> anyhow::Result<Option<Cloud>> {
        self.cloud.then(|| self.access.cloud(region)).transpose()
    }
}

impl ClusterOptions {
    /// Reports whether a cluster is read.
    pub(crate) fn has_cluster(&self) -> bool {
        self.against.is_some()
    }

    /// Reads the files, and the cluster. Files are optional where the cluster is read.
    ///
    /// # Errors
    /// Returns an error if there is no kubeconfig, or nothing to read.
    pub(crate) fn gather<T: Collection>(
        &self,
        inputs: &Inputs,
        scope: Scope,
        new: impl Fn() -> T + Sync,
    ) -> anyhow::Result<Gathered<T>> {
        if let Some(name) = self.cluster.given().find(|_| !self.has_cluster()) {
            let message = format!("{name} has no effect without --against cluster");
            return Err(usage_error(message));
        }
        let files = if self.has_cluster() && inputs.is_empty() {
            Vec::new()
        } else {
            inputs.list()?
        };
        let mut live = Live::default();
        if self.has_cluster() {
            block_on(async {
                let reader = Reader::new(&self.cluster, self.request_timeout).await?;
                live.add_cluster(&reader, scope, &PodPaths::default()).await;
                Ok(())
            })?;
        }
        Ok(Gathered::new(&files, live, new))
    }
}

impl<T: Collection> Gathered<T> {
    /// Reads the files, and adds what exists.
    fn new(files: &[Input], live: Live, new: impl Fn() -> T + Sync) -> Self {
        let (mut all, incomplete) = documents::collect(files, new);
        for object in &live.objects {
            let mut report = Report::new(&Levels::DEFAULT);
            all.add(&object.value, &mut report);
            documents::report_of(&object.name, &report.finish());
        }
        Gathered {
            all,
            live,
            incomplete,
        }
    }
}

impl Live {
    /// Reports what could not be read, and returns whether there is such a thing.
    pub(crate) fn report(&self) -> bool {
        for line in &self.unread {
            console::complain(&visible(line));
        }
        !self.unread.is_empty()
    }

    /// Notes something that could not be read.
    pub(crate) fn unread(&mut self, what: &str, why: &str) {
        self.unread.push(format!("{what}: not read: {why}"));
    }
}
