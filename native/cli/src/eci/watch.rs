//! Waiting until caches are settled.

use std::time::Duration;

use anyhow::bail;
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::resource::Phase;
use imagecache::time::Timestamp;

use super::connection::Cloud;
use super::{show, target};
use crate::console::{self, visible};
use crate::exit::Exit;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Watch {
    /// Wait until the cache is Ready or Failed, and print the progress
    #[arg(long)]
    watch: bool,
    /// With --watch: timeout in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 60, requires = "watch")]
    timeout: u64,
    /// With --watch: polling interval in seconds
    #[arg(long, value_name = "SECONDS", default_value = "3", requires = "watch", value_parser = pause)]
    poll: Duration,
}

/// The longest pause.
const DAY: Duration = Duration::from_secs(86_400);

fn pause(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match seconds {
        Some(pause) if !pause.is_zero() && pause <= DAY => Ok(pause),
        _ => Err("expected a number of seconds above 0, at most 86400".to_owned()),
    }
}

impl Watch {
    pub(crate) fn is_wanted(&self) -> bool {
        self.watch
    }

    /// Waits until every cache is settled; prints each change on standard error. Returns the caches as they ended.
    pub(crate) async fn until_settled(
        &self,
        cloud: &Cloud,
        ids: &[String],
    ) -> anyhow::Result<Vec<ImageCacheEntry>> {
        let mut told = vec![String::new(); ids.len()];
        self.poll(cloud, async || {
            let mut settled = Vec::new();
            for (id, told) in ids.iter().zip(&mut told) {
                let Some(cache) = target::find(cloud, id).await?.pop() else {
                    bail!("{id} is gone");
                };
                let line = line(&cache);
                if *told != line {
                    console::note(&line);
                    *told = line;
                }
                if cache.is_settled() {
                    settled.push(cache);
                }
            }
            Ok((settled.len() == ids.len()).then_some(settled))
        })
        .await
    }

    /// Waits until no cache has one of these ids.
    pub(crate) async fn until_gone(&self, cloud: &Cloud, ids: &[String]) -> anyhow::Result<()> {
        self.poll(cloud, async || {
            for id in ids {
                if !target::find(cloud, id).await?.is_empty() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }

    /// Repeats the request until ECI answers.
    async fn poll<T>(
        &self,
        cloud: &Cloud,
        mut ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let nature = cloud.client.environment().clone();
        let most = Duration::from_secs(self.timeout.saturating_mul(60));
        let end = nature.elapsed().saturating_add(most);
        loop {
            if let Some(answer) = ask().await? {
                return Ok(answer);
            }
            if nature.elapsed() >= end {
                bail!(
                    "still waiting after {} minutes; --timeout waits longer",
                    self.timeout
                );
            }
            nature.sleep(self.poll).await;
        }
    }
}

fn line(cache: &ImageCacheEntry) -> String {
    let progress = cache.progress.as_deref().unwrap_or_default();
    format!(
        "{}  {}  {}  {}",
        visible(&cache.image_cache_name),
        visible(&cache.image_cache_id),
        visible(cache.status.as_str()),
        visible(progress)
    )
    .trim_end()
    .to_owned()
}

/// Prints why caches failed, on standard error.
pub(crate) fn verdict(caches: &[ImageCacheEntry], now: Timestamp) -> Exit {
    let mut exit = Exit::Ok;
    for cache in caches {
        if !matches!(cache.status, Phase::Failed | Phase::UpdateFailed) {
            continue;
        }
        exit = Exit::Findings;
        let (name, id) = (&cache.image_cache_name, &cache.image_cache_id);
        console::complain(&format!("{name} ({id}): {}", cache.status));
        let warnings = cache
            .events
            .iter()
            .filter(|event| event.r#type.as_deref() != Some("Normal"));
        let warnings = show::events(warnings, now);
        console::note(warnings.trim_end());
    }
    exit
}
