//! `imagecache eci create`: caches from manifests or from options.

use anyhow::Context as _;
use imagecache::eci::object::{CallContext, create};
use imagecache::eci::request::CreateImageCache;
use imagecache::resource::{ImageCache, Spec};
use serde::Serialize;

use super::connection::{Cloud, Connection, block_on};
use super::manifests::{Manifests, Read};
use super::show::{self, Form};
use super::watch::{self, Watch};
use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::encode;
use crate::exit::Exit;
use crate::usage::usage_error;

const EXAMPLES: &str = "\
Examples:
  imagecache eci create -f cache.yaml --watch
  imagecache eci create -f cache.yaml -f pull-secret.yaml -f eci-profile.yaml
  imagecache eci create --name base --image registry.example.com/demo/nginx:1.27 --size 40 \\
      --annotation k8s.aliyun.com/imc-enable-flash=true
  imagecache eci create -f cache.yaml --dry-run

Reads the Secrets of spec.imagePullSecrets and the ConfigMap eci-profile (defaults) from the input. A login is sent only
if an image needs it.";

/// Create caches from ImageCache manifests or from options
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    #[command(flatten)]
    manifests: Manifests,
    /// Name of the cache, instead of a manifest
    #[arg(long, value_name = "NAME", requires = "image", conflicts_with_all = ["filenames", "paths"])]
    name: Option<String>,
    /// Image of the cache; repeatable
    #[arg(long, value_name = "IMAGE", requires = "name")]
    image: Vec<String>,
    /// Size in GiB [default: 20]
    #[arg(long, value_name = "GIB", requires = "name")]
    size: Option<i64>,
    /// Retention in days [default: never expires]
    #[arg(long, value_name = "DAYS", requires = "name")]
    retention_days: Option<i64>,
    /// Annotation, as in a manifest; repeatable
    #[arg(long, value_name = "NAME=VALUE", requires = "name", value_parser = annotation)]
    annotation: Vec<(String, String)>,
    /// Idempotency token: one token creates one cache
    #[arg(long, value_name = "TOKEN")]
    client_token: Option<String>,
    /// Print the requests with masked secrets, and do not send them
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    connection: Connection,
}

fn annotation(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A cache on its way.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    image_cache_name: String,
    image_cache_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_group_id: Option<String>,
    request_id: String,
}

impl Create {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        if self.name.is_none() && self.manifests.is_empty() {
            let message = "nothing to make: name manifests with -f, or a --name with an --image";
            return Err(usage_error(message));
        }
        let mut read = self.manifests.read()?;
        read.caches.extend(self.of_options());
        if read.invalid {
            return Ok(Exit::Findings);
        }
        if read.incomplete {
            return Ok(Exit::Failure);
        }
        if self.client_token.is_some() && read.caches.len() > 1 {
            let message = "one --client-token is for one cache";
            return Err(usage_error(message));
        }
        let cloud = self.connection.cloud()?;
        let calls = self.calls(&read, &cloud)?;
        block_on(self.send(&calls, &cloud, console))
    }

    fn of_options(&self) -> Option<ImageCache> {
        let spec = Spec {
            images: self.image.clone(),
            image_cache_size: self.size,
            retention_days: self.retention_days,
            ..Spec::default()
        };
        let mut cache = ImageCache::new(self.name.as_deref()?, spec);
        let annotations = self.annotation.iter().cloned().collect();
        cache.metadata.annotations = Some(annotations);
        Some(cache)
    }

    fn calls(&self, read: &Read, cloud: &Cloud) -> anyhow::Result<Vec<CreateImageCache>> {
        let mut calls = Vec::new();
        for cache in &read.caches {
            let name = cache.metadata.name.clone().unwrap_or_default();
            let logins = read.logins(cache).with_context(|| name.clone())?;
            let context = CallContext {
                region_id: &cloud.region,
                defaults: &read.defaults,
                logins: &logins,
                attempt: 0,
            };
            let mut call = create(cache, &context).with_context(|| name)?;
            if let Some(token) = &self.client_token {
                call.client_token = Some(token.clone());
            }
            calls.push(call);
        }
        Ok(calls)
    }

    async fn send(
        &self,
        calls: &[CreateImageCache],
        cloud: &Cloud,
        console: &mut Console,
    ) -> anyhow::Result<Exit> {
        if self.dry_run {
            for call in calls {
                self.connection.show(cloud, call, console).await?;
            }
            return Ok(Exit::Ok);
        }
        let (mut made, mut failed) = (Vec::new(), false);
        for call in calls {
            match cloud.client.call(call).await {
                Ok(reply) => made.push(Made {
                    image_cache_name: call.image_cache_name.clone(),
                    image_cache_id: reply.image_cache_id,
                    container_group_id: reply.container_group_id,
                    request_id: reply.request_id,
                }),
                Err(error) => {
                    failed = true;
                    console::complain(&format!("{}: {error}", call.image_cache_name));
                }
            }
        }
        let exit = if failed { Exit::Failure } else { Exit::Ok };
        if !self.watch.is_wanted() {
            self.print(&made, console)?;
            return Ok(exit);
        }
        let ids: Vec<String> = made.into_iter().map(|made| made.image_cache_id).collect();
        let caches = self.watch.until_settled(cloud, &ids).await?;
        let now = self.clock.now();
        self.output
            .print(&caches, |caches| show::rows(caches, now), console)?;
        Ok(exit.max(watch::verdict(&caches, now)))
    }

    fn print(&self, made: &[Made], console: &mut Console) -> anyhow::Result<()> {
        let text = match self.output {
            Form::Text => made
                .iter()
                .map(|made| {
                    let (name, id) = (&made.image_cache_name, &made.image_cache_id);
                    format!("creating {} as {}\n", visible(name), visible(id))
                })
                .collect(),
            Form::Json => encode::json(&made)?,
            Form::Yaml => encode::yaml(&made)?,
            Form::Name => made
                .iter()
                .map(|made| format!("{}\n", visible(&made.image_cache_id)))
                .collect(),
        };
        console.document(&text).context(UNWRITABLE)
    }
}
