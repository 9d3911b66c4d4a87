//! The images of manifests that a host asks registries for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::facts::{RegistryAnswer, RegistryAsk, RegistryFacts};
use super::platform::ImagePlatform;
use crate::diagnostic::{Levels, Report};
use crate::image::Image;
use crate::matching::{each_object, kind};
use crate::path::Path;
use crate::pod::{Reading, Template};
use crate::resource::view::CacheView;
use crate::resource::walk::Met;
use crate::resource::workload::PodPaths;
use crate::validate::MAX_ITEMS;

/// The namespace of an object that names none.
const DEFAULT_NAMESPACE: &str = "default";

/// The questions to registries that manifests lead to, and the Secrets in the manifests to log in with.
///
/// An image is asked for with the Secrets that its ImageCache or pod names, where one of them is in the manifests: so the
/// login that the cluster will use is tried. Else the host uses its own logins.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct RegistryNeeds {
    asks: BTreeSet<RegistryAsk>,
    secrets: BTreeMap<String, Value>,
}

/// Shows no Secret.
impl fmt::Debug for RegistryNeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryNeeds")
            .field("asks", &self.asks)
            .field("secrets", &self.secrets.keys())
            .finish()
    }
}

/// The use of an image in an object.
pub(crate) struct Wanted<'a> {
    /// The image as written.
    pub(crate) text: &'a str,
    pub(crate) ask: RegistryAsk,
}

impl RegistryNeeds {
    /// Adds the images and Secrets of a document: ImageCaches, workloads, lists of them, and replies of
    /// DescribeImageCaches.
    pub fn add(&mut self, document: &Value, paths: &PodPaths) {
        let levels = Levels::default();
        each_object(document, &mut Report::new(&levels), |met, _| {
            if !self.add_secret(met) {
                each_image(met, paths, &mut |_, wanted| self.add_ask(wanted.ask));
            }
        });
    }

    /// Adds a Secret. Returns false for another object.
    pub(crate) fn add_secret(&mut self, met: &Met<'_>) -> bool {
        let is_secret = kind(met) == Some("Secret") && met.meta.group().is_empty();
        if is_secret {
            let metadata = |name| met.value.get("metadata")?.get(name)?.as_str();
            let namespace = metadata("namespace").unwrap_or(DEFAULT_NAMESPACE);
            let name = metadata("name").unwrap_or_default();
            self.secrets
                .insert(format!("{namespace}:{name}"), met.value.clone());
        }
        is_secret
    }

    /// Adds a question.
    pub(crate) fn add_ask(&mut self, ask: RegistryAsk) {
        self.asks.insert(ask);
    }

    /// Returns the collection with some of its questions.
    pub(crate) fn only(&self, keep: impl Fn(&RegistryAsk) -> bool) -> Self {
        RegistryNeeds {
            asks: self.asks().into_iter().filter(keep).collect(),
            secrets: self.secrets.clone(),
        }
    }

    /// Adds what another collection has.
    pub fn append(&mut self, other: RegistryNeeds) {
        self.asks.extend(other.asks);
        self.secrets.extend(other.secrets);
    }

    /// Returns the questions, each once.
    #[must_use]
    pub fn asks(&self) -> BTreeSet<RegistryAsk> {
        let asks = self.asks.iter().cloned();
        asks.map(|ask| self.with_known_secrets(ask)).collect()
    }

    /// Returns the Secrets of the manifests by `namespace:name`.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &Value)> {
        let secrets = self.secrets.iter();
        secrets.map(|(name, secret)| (name.as_str(), secret))
    }

    /// Returns the images that cannot be used as they are asked for, and why, in order.
    #[must_use]
    pub fn problems(&self, facts: &RegistryFacts) -> BTreeSet<(String, String)> {
        let asks = self.asks().into_iter();
        let problems = asks.filter_map(|ask| {
            let why = match facts.get(&ask) {
                None => "no registry was asked".to_owned(),
                Some((_, RegistryAnswer::Failed(failure))) => failure.message.clone(),
                Some((_, RegistryAnswer::Image(record))) => {
                    let platforms = record.platforms.iter().flatten();
                    let names: Vec<_> = platforms.map(|one| &one.platform).collect();
                    if ask.platform.choose(names.iter().copied()).is_some() {
                        return None;
                    }
                    not_made_for(&ask.platform, &names)
                }
            };
            Some((ask.image, why))
        });
        problems.collect()
    }

    /// Drops from a question the Secrets that are not among the manifests.
    pub(crate) fn with_known_secrets(&self, mut ask: RegistryAsk) -> RegistryAsk {
        ask.secrets
            .retain(|secret| self.secrets.contains_key(secret));
        ask
    }
}

/// Returns the problem of an image that is made for other platforms.
pub(crate) fn not_made_for(wanted: &ImagePlatform, found: &[&ImagePlatform]) -> String {
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    match found.as_slice() {
        [] => format!("not made for {wanted}, nor for another platform"),
        found => format!("not made for {wanted}, only for {}", found.join(", ")),
    }
}

/// Visits every image of an ImageCache or a workload with its path. Text that is not a reference is left to `validate`.
pub(crate) fn each_image(
    met: &Met<'_>,
    paths: &PodPaths,
    visit: &mut dyn FnMut(&Path<'_>, Wanted<'_>),
) {
    if met.is_cache() {
        if let Some(view) = CacheView::of(met.value) {
            images_of_cache(&view, met, visit);
        }
        return;
    }
    if met.is_cache_of_another_product() {
        return;
    }
    let reading = Reading {
        paths,
        for_defaults: false,
        references: false,
    };
    let (templates, unknown) = reading.templates(met.value, kind(met));
    if unknown {
        return;
    }
    for template in &templates {
        images_of_pod(template, met, visit);
    }
}

fn images_of_cache(
    view: &CacheView<'_>,
    met: &Met<'_>,
    visit: &mut dyn FnMut(&Path<'_>, Wanted<'_>),
) {
    let platform = ImagePlatform::of(view.os(), view.arch());
    let spec = met.value.get("spec");
    let secrets = spec.and_then(|spec| spec.get("imagePullSecrets")?.as_array());
    let names = secrets.into_iter().flatten().filter_map(Value::as_str);
    let secrets = sorted(names.map(str::to_owned));
    view.with_images_path(met.path, |path| {
        for (index, image) in view.images().iter().enumerate().take(MAX_ITEMS) {
            if let Some(wanted) = wanted(image, &platform, &secrets) {
                visit(&path.index(index), wanted);
            }
        }
    });
}

fn images_of_pod(
    template: &Template<'_>,
    met: &Met<'_>,
    visit: &mut dyn FnMut(&Path<'_>, Wanted<'_>),
) {
    let pod = crate::pod::requirements(template);
    let platform = ImagePlatform::of(pod.os.as_deref(), pod.arch.as_deref());
    let metadata = met.value.get("metadata");
    let namespace = metadata.and_then(|metadata| metadata.get("namespace")?.as_str());
    let namespace = namespace.unwrap_or(DEFAULT_NAMESPACE);
    let names = pod.pull_secrets.iter();
    let secrets = sorted(names.map(|name| format!("{namespace}:{name}")));
    for container in template.images.iter().take(MAX_ITEMS) {
        if let Some(wanted) = wanted(container.image.value, &platform, &secrets) {
            let mut wanted = Some(wanted);
            container.image.at(met.path, &mut |path| {
                wanted.take().into_iter().for_each(|one| visit(path, one));
            });
        }
    }
}

fn wanted<'v>(
    image: &'v Value,
    platform: &ImagePlatform,
    secrets: &[String],
) -> Option<Wanted<'v>> {
    let text = image.as_str()?;
    let image = Image::new(text);
    let mut ask = RegistryAsk::new(image.normalized()?, platform.clone());
    ask.secrets = secrets.to_vec();
    Some(Wanted { text, ask })
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: BTreeSet<String> = names.collect();
    names.into_iter().collect()
}
