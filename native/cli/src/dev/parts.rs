//! The parts at work, and their end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use imagecache::eci::object::CallDefaults;
use imagecache::eci::signature::Credential;
use imagecache::reconcile::Allowed;
use imagecache_apiserver::cluster::Cluster;
use imagecache_controller::cluster;
use imagecache_controller::controller::{self, Controller};
use imagecache_eci::{Client, Config, Credentials, Endpoint};
use imagecache_simulator::cloud::Cloud;
use imagecache_simulator::node::{ClusterPods, Node};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::progress::{self, Screen};
use super::{KEY, REGION, sample};

/// How often the controller looks at caches that are under way; the cloud is near and often fast.
const POLL: Duration = Duration::from_millis(250);
/// How often while there are none.
const REST: Duration = Duration::from_secs(3);

/// What works together.
pub(super) struct Parts {
    pub(super) cluster: Cluster,
    pub(super) cloud: Cloud,
    pub(super) screen: Screen,
    /// Fill an empty cluster.
    pub(super) sample: bool,
    /// Run the controller, too.
    pub(super) works: bool,
}

impl Parts {
    /// Works until `stop`, or until a part cannot go on. Those who ask end before those who answer, so that the last
    /// words of the controller still arrive.
    ///
    /// # Errors
    /// Why a part cannot go on.
    pub(super) async fn run(
        self,
        cluster: TcpListener,
        cloud: TcpListener,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let controller = if self.works {
            Some(self.controller(cluster.local_addr()?, cloud.local_addr()?)?)
        } else {
            None
        };
        let end = CancellationToken::new();
        let mut servers = JoinSet::new();
        {
            let (api, eci) = (self.cluster.clone(), self.cloud.clone());
            let (ended, too) = (end.clone(), end.clone());
            servers.spawn(async move { api.serve(cluster, ended).await });
            servers.spawn(async move { eci.serve(cloud, too).await });
        }
        let ended = self.ask(controller, &stop).await;
        end.cancel();
        while servers.join_next().await.is_some() {}
        ended
    }

    /// The controller of real clusters, with the clients of both sides. Caches live by the clock of the cloud.
    fn controller(&self, cluster: SocketAddr, cloud: SocketAddr) -> anyhow::Result<Controller> {
        let (id, secret) = KEY;
        let endpoint: Endpoint = format!("http://{cloud}").parse()?;
        let credentials = Credentials::fixed(Credential {
            access_key_id: id.to_owned(),
            access_key_secret: secret.into(),
            security_token: None,
            provider: "fixed",
        });
        let eci = Client::new(Config::new(endpoint), credentials)?;
        let clock = self.cloud.clone();
        let mut config = controller::Config {
            poll: POLL,
            rest: REST,
            clock: Some(Arc::new(move || clock.now())),
            ..controller::Config::new(REGION)
        };
        // everything here is on this machine and costs nothing
        let trust = &mut config.settings.trust;
        trust.secret_namespaces = Allowed::All;
        trust.adoption = Allowed::All;
        trust.network_annotations = true;
        let client = cluster::at(&format!("http://{cluster}"))?;
        Ok(Controller::new(client, eci, config))
    }

    async fn ask(
        &self,
        controller: Option<Controller>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut parts = JoinSet::new();
        let follow = progress::follow(self.cluster.clone(), self.screen.clone(), stop.clone());
        parts.spawn(async move {
            follow.await;
            Ok(())
        });
        if let Some(controller) = controller {
            let ended = stop.clone();
            parts.spawn(async move {
                controller.run(None, ended).await;
                Ok(())
            });
        }
        let pods = ClusterPods::new(self.cluster.clone());
        let node = Node::new(pods, self.cloud.clone(), REGION, CallDefaults::default());
        let ended = stop.clone();
        parts.spawn(async move {
            node.run(ended).await;
            Ok(())
        });
        if self.sample {
            let (cluster, stop) = (self.cluster.clone(), stop.clone());
            parts.spawn(async move {
                let made = stop.run_until_cancelled(sample::make(&cluster)).await;
                if let Some(Err(error)) = made {
                    tracing::warn!("{error:#}");
                }
                Ok(())
            });
        }
        let mut ended: anyhow::Result<()> = Ok(());
        while let Some(part) = parts.join_next().await {
            let part = part.unwrap_or_else(|error| Err(error.into()));
            if part.is_err() && ended.is_ok() {
                stop.cancel();
                ended = part;
            }
        }
        ended
    }
}
