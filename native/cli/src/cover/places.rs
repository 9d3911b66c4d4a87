//! Where caches are made: in a cluster, in ECI, or nowhere.

use std::time::Duration;

use anyhow::Context as _;
use imagecache::cover::{APP, Coverage, Mark, RELEASE};
use imagecache::eci::object::{CallContext, create};
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::{DescribeImageCaches, Tag};
use imagecache::matching::{CacheName, DocumentObject};
use imagecache::resource::ImageCache;
use imagecache::resource::kube::ImageCacheObject;
use imagecache_controller::cluster::Client;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::{Value, json};

use crate::clock;
use crate::eci::connection::{Cloud, block_on};
use crate::eci::manifests::Read;
use crate::eci::show;
use crate::live::{LiveOptions, why};

/// The manager of the fields that this verb writes.
const MANAGER: &str = "imagecache-cover";
/// Longest wait for an answer of the cluster.
const TIME: Duration = Duration::from_secs(30);
/// Most events of a failed cache that are shown.
const EVENTS: usize = 5;

/// Where caches are made.
pub(super) enum Place<'a> {
    /// Nowhere: what exists is in files.
    Files,
    /// In a cluster, as objects.
    Cluster(&'a LiveOptions),
    /// In ECI, with the secrets of the input.
    Cloud(Box<(Cloud, Read)>),
}

impl Place<'_> {
    pub(super) fn cloud(cloud: Cloud, objects: &[DocumentObject]) -> Self {
        let mut read = Read::default();
        objects.iter().for_each(|object| read.add_beside(object));
        Place::Cloud(Box::new((cloud, read)))
    }

    /// Makes a cache. One of this name that was made in between is not an error.
    pub(super) fn make(&self, cache: &ImageCache) -> anyhow::Result<()> {
        match self {
            Place::Files => Ok(()),
            Place::Cluster(live) => {
                let object = ImageCacheObject::try_from(cache)?;
                let params = PostParams {
                    field_manager: Some(MANAGER.to_owned()),
                    ..PostParams::default()
                };
                match asked(live, async |client| {
                    objects(client).create(&params, &object).await
                }) {
                    Err(Answer::Refused(kube::Error::Api(status)))
                        if status.reason == "AlreadyExists" =>
                    {
                        Ok(())
                    }
                    answer => answer.map(|_| ()).map_err(Answer::into_error),
                }
            }
            Place::Cloud(both) => {
                let (cloud, read) = &**both;
                let logins = read.logins(cache)?;
                let context = CallContext {
                    region_id: &cloud.region,
                    defaults: &read.defaults,
                    logins: &logins,
                    attempt: 0,
                };
                let mut call = create(cache, &context)?;
                let labels = cache.metadata.labels.iter().flatten();
                let app = labels.filter(|(name, _)| *name == APP);
                let mark = cache
                    .metadata
                    .annotation(RELEASE)
                    .and_then(|mark| mark.parse::<Mark>().ok());
                let mark = mark.map(|mark| (RELEASE.to_owned(), mark.release));
                let tags = app
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .chain(mark);
                call.tag.extend(tags.map(|(key, value)| Tag {
                    key,
                    value: Some(value),
                }));
                block_on(async { Ok(cloud.client.call(&call).await.map(|_| ())?) })
            }
        }
    }

    /// Writes the mark of a release on the caches that it uses and that were made for its program.
    pub(super) fn mark(
        &self,
        coverage: &Coverage,
        caches: &[ImageCache],
        mark: &Mark,
    ) -> anyhow::Result<()> {
        let Place::Cluster(live) = self else {
            return Ok(());
        };
        for cache in coverage.ours(caches) {
            let old = cache
                .metadata
                .annotation(RELEASE)
                .and_then(|mark| mark.parse::<Mark>().ok());
            if old
                .as_ref()
                .is_some_and(|old| old.release == mark.release && old.at >= mark.at)
            {
                continue;
            }
            let name = cache.metadata.name.as_deref().unwrap_or_default();
            let patch = json!({"metadata": {"annotations": {RELEASE: mark.to_string()}}});
            let params = PatchParams::apply(MANAGER);
            let answer = asked(live, async |client| {
                objects(client)
                    .patch(name, &params, &Patch::Merge(&patch))
                    .await
            });
            answer
                .map_err(Answer::into_error)
                .with_context(|| format!("{name}: the release cannot be written"))?;
        }
        Ok(())
    }

    /// Deletes a cache of an earlier release, unless it has changed since it was read: another release may need it now.
    pub(super) fn delete(&self, cache: &ImageCache) -> anyhow::Result<()> {
        let Place::Cluster(live) = self else {
            return Ok(());
        };
        let name = cache.metadata.name.as_deref().unwrap_or_default();
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: cache.metadata.uid.clone(),
                resource_version: cache.metadata.resource_version.clone(),
            }),
            ..DeleteParams::default()
        };
        let answer = asked(live, async |client| {
            objects(client).delete(name, &params).await
        });
        answer.map(|_| ()).map_err(Answer::into_error)
    }

    /// Returns what is known about a failed cache, a line each.
    pub(super) fn events(&self, cache: &CacheName) -> anyhow::Result<Vec<String>> {
        match self {
            Place::Files => Ok(Vec::new()),
            Place::Cluster(live) => {
                let fields = format!(
                    "involvedObject.kind=ImageCache,involvedObject.name={}",
                    cache.name
                );
                let request = kube::core::Request::new("/api/v1/events");
                let request = request.list(&ListParams::default().fields(&fields))?;
                let list: Value = asked(live, async |client| client.request(request).await)
                    .map_err(Answer::into_error)?;
                let items = list.get("items").and_then(Value::as_array);
                let mut lines: Vec<(String, String)> = items
                    .into_iter()
                    .flatten()
                    .filter(|event| event.get("type").and_then(Value::as_str) != Some("Normal"))
                    .map(|event| {
                        let text = |name: &str| {
                            event.get(name).and_then(Value::as_str).unwrap_or_default()
                        };
                        (
                            text("lastTimestamp").to_owned(),
                            format!("{}: {}", text("reason"), text("message")),
                        )
                    })
                    .collect();
                lines.sort_unstable();
                let first = lines.len().saturating_sub(EVENTS);
                Ok(lines
                    .into_iter()
                    .skip(first)
                    .map(|(_, line)| line)
                    .collect())
            }
            Place::Cloud(both) => {
                let (cloud, _) = &**both;
                let call = DescribeImageCaches {
                    region_id: cloud.region.clone(),
                    image_cache_id: cache.image_cache_id.clone(),
                    ..DescribeImageCaches::default()
                };
                let reply = block_on(async { Ok(cloud.client.call(&call).await?) })?;
                let warnings = |entry: &ImageCacheEntry| {
                    let events = entry.events.iter();
                    let events = events.filter(|event| event.r#type.as_deref() != Some("Normal"));
                    show::events(events, clock::system())
                };
                let lines = reply.image_caches.iter().map(warnings).collect::<String>();
                Ok(lines.lines().map(str::to_owned).collect())
            }
        }
    }
}

/// Why the cluster did not do something.
enum Answer {
    Refused(kube::Error),
    Late,
    NoClient(anyhow::Error),
}

impl Answer {
    fn into_error(self) -> anyhow::Error {
        match self {
            Answer::Refused(error) => anyhow::Error::msg(why(&error)),
            Answer::NoClient(error) => error,
            Answer::Late => {
                anyhow::anyhow!("the cluster has not answered within {} s", TIME.as_secs())
            }
        }
    }
}

fn objects(client: Client) -> Api<ImageCacheObject> {
    Api::all(client)
}

/// Runs one request of the cluster. The client lives as long as its runtime, so each has its own.
fn asked<T>(
    live: &LiveOptions,
    request: impl AsyncFnOnce(Client) -> kube::Result<T>,
) -> Result<T, Answer> {
    let answer = block_on(async {
        match live.client().await? {
            Some(client) => Ok(tokio::time::timeout(TIME, request(client)).await),
            None => anyhow::bail!("no cluster is named"),
        }
    });
    match answer {
        Ok(Ok(answer)) => answer.map_err(Answer::Refused),
        Ok(Err(_)) => Err(Answer::Late),
        Err(error) => Err(Answer::NoClient(error)),
    }
}
