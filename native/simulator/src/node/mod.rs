//! The node: runs the pods of a cluster as container groups of the simulated cloud, as a virtual node does with ECI.
//!
//! A pod that is new starts a group; what happens to the group is shown on the pod: in events, in its phase, and in the
//! annotations that name the instance and the cache that was hit; a pod that is deleted ends its group. [`step`] decides
//! all of this from the pods and groups, pure and without memory: groups carry the uid of their pod, starting one twice has one
//! effect, and events have names made of what they say. [`Node::run`] looks, performs and waits.
//!
//! Any store of pods will do that is a [`Pods`]; [`ClusterPods`] are those of a cluster in this process.

mod cluster;
mod step;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::{Duration, Instant};

use imagecache::eci::error::ApiError;
use imagecache::eci::group::{POD_TAG, create, pod_event, refused};
use imagecache::eci::login::{RegistryLogin, logins};
use imagecache::eci::object::{CallContext, CallDefaults};
use imagecache::eci::reply::ContainerGroupEntry;
use imagecache::eci::request::{DeleteContainerGroup, DescribeContainerGroups, Request, Tag};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use cluster::ClusterPods;
pub use step::{Effect, Name, step};

use crate::cloud::Cloud;

/// How often groups are looked at while something is under way.
const POLL: Duration = Duration::from_millis(200);
/// How often when nothing is.
const REST: Duration = Duration::from_secs(10);
/// How long a pod waits whose group was refused, before it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The error of a request about pods: a text for the log. The node tries again when it looks next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PodsError(
    /// The text.
    pub String,
);

impl From<ApiError> for PodsError {
    fn from(refusal: ApiError) -> Self {
        PodsError(refusal.to_string())
    }
}

/// The pods of a cluster, as a node sees and changes them.
pub trait Pods: Send + Sync + 'static {
    /// Every pod there is.
    fn list(&self) -> impl Future<Output = Result<Vec<Value>, PodsError>> + Send;
    /// Waits until a pod may have changed since the last [`Pods::list`].
    fn changed(&self) -> impl Future<Output = ()> + Send;
    /// Merges a patch (RFC 7386) into a pod; `status` and everything else are patched apart, as the API has it.
    fn patch(&self, pod: &Name, patch: Value)
    -> impl Future<Output = Result<(), PodsError>> + Send;
    /// Merges a patch into the status of a pod.
    fn patch_status(
        &self,
        pod: &Name,
        patch: Value,
    ) -> impl Future<Output = Result<(), PodsError>> + Send;
    /// Takes a pod away whose containers have ended.
    fn remove(&self, pod: &Name) -> impl Future<Output = Result<(), PodsError>> + Send;
    /// Creates an event; an existing one of this name is not an error.
    fn create_event(&self, event: Value) -> impl Future<Output = Result<(), PodsError>> + Send;
    /// A secret of a namespace, if it is there.
    fn secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> impl Future<Output = Result<Option<Value>, PodsError>> + Send;
}

/// A node over the pods of a cluster and a cloud.
#[derive(Debug)]
pub struct Node<P> {
    pods: P,
    cloud: Cloud,
    region: String,
    defaults: CallDefaults,
    memory: Memory,
}

/// What need not be done again. Losing it costs work, nothing else.
#[derive(Debug, Default)]
struct Memory {
    /// Names of events that were created.
    created: HashSet<String>,
    /// When the group of a pod was refused, by uid.
    refused: HashMap<String, Instant>,
}

impl<P: Pods> Node<P> {
    /// A node in a region.
    pub fn new(pods: P, cloud: Cloud, region: &str, defaults: CallDefaults) -> Self {
        Node {
            pods,
            cloud,
            region: region.to_owned(),
            defaults,
            memory: Memory::default(),
        }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.pass().await {
                Ok(true) => POLL,
                Ok(false) => REST,
                Err(error) => {
                    tracing::warn!(%error, "the node could not look at its pods");
                    RETRY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.pods.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Looks once and does what is to be done. Whether something is still under way.
    ///
    /// # Errors
    /// When pods or groups cannot be listed. What fails for one pod is logged and holds up no other.
    pub async fn pass(&mut self) -> Result<bool, PodsError> {
        let pods = self.pods.list().await?;
        let groups = self.groups().await?;
        let (effects, busy) = step(&pods, &groups);
        let live: HashSet<&str> = pods
            .iter()
            .filter_map(|pod| pod.pointer("/metadata/uid")?.as_str())
            .collect();
        self.memory
            .refused
            .retain(|uid, _| live.contains(uid.as_str()));
        let mut created = HashSet::new();
        for effect in effects {
            if let Effect::CreateEvent(event) = &effect
                && let Some(name) = event.pointer("/metadata/name").and_then(Value::as_str)
            {
                created.insert(name.to_owned());
                if self.memory.created.contains(name) {
                    continue;
                }
            }
            if let Err(error) = self.perform(effect).await {
                tracing::warn!(%error, "the node could not do something for a pod");
            }
        }
        // events of groups that are gone need no memory
        self.memory.created = created;
        Ok(busy)
    }

    async fn perform(&mut self, effect: Effect) -> Result<(), PodsError> {
        match effect {
            Effect::Start(pod) => self.start(&pod).await,
            Effect::Stop(group) => {
                let call = DeleteContainerGroup {
                    region_id: self.region.clone(),
                    container_group_id: group,
                    ..DeleteContainerGroup::default()
                };
                self.call(call).await??;
                Ok(())
            }
            Effect::Patch(pod, patch) => self.pods.patch(&pod, patch).await,
            Effect::Status(pod, patch) => self.pods.patch_status(&pod, patch).await,
            Effect::Remove(pod) => self.pods.remove(&pod).await,
            Effect::CreateEvent(event) => self.pods.create_event(event).await,
        }
    }

    async fn start(&mut self, pod: &Value) -> Result<(), PodsError> {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
        let uid = text("/metadata/uid").unwrap_or_default().to_owned();
        if self
            .memory
            .refused
            .get(&uid)
            .is_some_and(|at| at.elapsed() < RETRY)
        {
            return Ok(());
        }
        let logins = self.logins(pod).await?;
        let context = CallContext {
            region_id: &self.region,
            defaults: &self.defaults,
            logins: &logins,
            attempt: 0,
        };
        let now = self.cloud.now();
        let (refusal, cache) = match create(pod, &context) {
            Err(unfit) => {
                let code = imagecache::eci::error::ErrorCode::InvalidParameterFormat;
                (ApiError::new(code, unfit.to_string()), None)
            }
            Ok(call) => {
                let cache = call.image_snapshot_id.clone();
                match self.call(call).await? {
                    Ok(_) => return Ok(()),
                    Err(refusal) => (refusal, cache),
                }
            }
        };
        self.memory.refused.insert(uid, Instant::now());
        let event = refused(&refusal, cache.as_deref(), now);
        self.pods.create_event(pod_event(&event, "", pod)).await
    }

    /// The logins of a pod's secrets. A secret that is not there is none, as for a kubelet.
    async fn logins(&self, pod: &Value) -> Result<Vec<RegistryLogin>, PodsError> {
        let namespace = pod.pointer("/metadata/namespace").and_then(Value::as_str);
        let secrets = pod
            .pointer("/spec/imagePullSecrets")
            .and_then(Value::as_array);
        let mut found = Vec::new();
        for secret in secrets.into_iter().flatten() {
            let Some(name) = secret.get("name").and_then(Value::as_str) else {
                continue;
            };
            let secret = self
                .pods
                .secret(namespace.unwrap_or("default"), name)
                .await?;
            match secret.as_ref().map(logins) {
                Some(Ok(logins)) => found.extend(logins),
                Some(Err(error)) => tracing::warn!(%error, secret = name, "no login"),
                None => {}
            }
        }
        Ok(found)
    }

    /// Every group that runs a pod.
    async fn groups(&self) -> Result<Vec<ContainerGroupEntry>, PodsError> {
        let mut groups = Vec::new();
        let mut next_token = None;
        loop {
            let call = DescribeContainerGroups {
                region_id: self.region.clone(),
                tag: vec![Tag {
                    key: POD_TAG.to_owned(),
                    value: None,
                }],
                limit: Some(100),
                next_token,
                ..DescribeContainerGroups::default()
            };
            let page = self.call(call).await??;
            groups.extend(page.container_groups);
            next_token = page.next_token.filter(|token| !token.is_empty());
            if next_token.is_none() {
                return Ok(groups);
            }
        }
    }

    /// Calls the cloud on a thread that may wait for a disk.
    async fn call<R>(&self, call: R) -> Result<Result<R::Reply, ApiError>, PodsError>
    where
        R: Request + Send + 'static,
        R::Reply: DeserializeOwned + Send + 'static,
    {
        let cloud = self.cloud.clone();
        let called = tokio::task::spawn_blocking(move || cloud.call(&call)).await;
        called.map_err(|error| PodsError(error.to_string()))
    }
}
