//! Performs the effects that the core decides, and returns their outcomes.

use imagecache::reconcile::{Effect, EventNote, Outcome, patched};
use imagecache::resource::PLURAL;
use imagecache::resource::kube::ImageCacheObject;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};

use super::context::{Host, MANAGER, value};
use super::metrics::Labels;
use super::run::Run;
use super::{events, messages};

impl Host {
    pub(super) async fn perform(&self, run: &Run, effect: &Effect) -> Outcome {
        if let Some(tell) = self.config.dry_run.as_ref().filter(|_| effect.is_write()) {
            let said = (run.name.clone(), effect.to_string());
            if self.is_news(&said) {
                tell(&said.0, &said.1);
            }
            return match effect {
                Effect::Finalizers { patch }
                | Effect::Annotations { patch }
                | Effect::Status { patch, .. } => Outcome::Object(patched(&run.object, patch)),
                _ => Outcome::Unsent("this is a dry run".to_owned()),
            };
        }
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        match effect {
            Effect::Read => match self.api.get_opt(&run.name).await {
                Ok(Some(object)) => stored(&object),
                Ok(None) => Outcome::NoObject,
                Err(error) => unwritten(&error),
            },
            Effect::ReadSecrets(_) | Effect::ReadStarting(_) => Outcome::Accepted,
            Effect::AskRegistries(tags) => self.ask_registries(run, tags).await,
            Effect::Describe { call } => match self.cloud.call(call.as_ref()).await {
                Ok(reply) => {
                    let mut entries = reply.image_caches.into_iter();
                    let found = entries
                        .find(|entry| Some(&entry.image_cache_id) == call.image_cache_id.as_ref());
                    Outcome::Described(found.map(Box::new))
                }
                Err(error) => messages::outcome(error),
            },
            Effect::Finalizers { patch } | Effect::Annotations { patch } => written(
                self.api
                    .patch(&run.name, &params, &Patch::Merge(patch))
                    .await,
            ),
            Effect::Status { patch, .. } => written(
                self.api
                    .patch_status(&run.name, &params, &Patch::Merge(patch))
                    .await,
            ),
            Effect::Create { call, .. } => match self.cloud.call(call.as_ref()).await {
                Ok(reply) => Outcome::Created(reply.image_cache_id),
                Err(error) => messages::outcome(error),
            },
            Effect::Update { call, .. } => match self.cloud.call(call.as_ref()).await {
                Ok(_) => Outcome::Accepted,
                Err(error) => messages::outcome(error),
            },
            Effect::Delete { call } => match self.cloud.call(call).await {
                Ok(_) => Outcome::Accepted,
                Err(error) => messages::outcome(error),
            },
        }
    }
    /// Stores an Event about the object. A failure is only logged: an Event is not worth a retry.
    pub(super) async fn note(&self, object: &ImageCacheObject, note: &EventNote) {
        if self.config.dry_run.is_some() {
            return;
        }
        if let Err(error) = events::publish(&self.client, object, note).await {
            tracing::debug!(
                object = object.name_any(),
                "an event was not stored: {}",
                messages::of_cluster(&error, "events")
            );
        }
    }
    pub(super) fn count(&self, effect: &Effect, outcome: &Outcome) {
        let act = match effect {
            Effect::Read => "read",
            Effect::ReadSecrets(_) => "read-secrets",
            Effect::ReadStarting(_) => "read-starting",
            Effect::AskRegistries(_) => "ask-registries",
            Effect::Annotations { .. } => "annotations",
            Effect::Describe { .. } => "describe",
            Effect::Finalizers { .. } => "finalizers",
            Effect::Status { .. } => "status",
            Effect::Create { .. } => "create",
            Effect::Update { .. } => "update",
            Effect::Delete { .. } => "delete",
        };
        let outcome = match outcome {
            Outcome::Object(_)
            | Outcome::Created(_)
            | Outcome::Described(_)
            | Outcome::Answered(_)
            | Outcome::Accepted => "done",
            Outcome::NoObject => "no-object",
            Outcome::Conflict => "conflict",
            Outcome::Refused { .. } => "refused",
            Outcome::Lost(_) => "lost",
            Outcome::Unsent(_) => "unsent",
        };
        self.metrics
            .acts
            .get_or_create(&Labels { act, outcome })
            .inc();
    }
}

fn stored(object: &ImageCacheObject) -> Outcome {
    match value(object) {
        Some(object) => Outcome::Object(object),
        None => Outcome::Unsent("the object cannot be read".to_owned()),
    }
}

fn written(result: Result<ImageCacheObject, kube::Error>) -> Outcome {
    match result {
        Ok(object) => stored(&object),
        Err(error) => unwritten(&error),
    }
}

fn unwritten(error: &kube::Error) -> Outcome {
    let why = messages::of_cluster(error, PLURAL);
    match error {
        kube::Error::Api(status) if status.code == 404 => Outcome::NoObject,
        kube::Error::Api(status) if status.code == 409 => Outcome::Conflict,
        kube::Error::Api(_) => Outcome::Unsent(why),
        _ => Outcome::Lost(why),
    }
}
