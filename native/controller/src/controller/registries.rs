//! Asks registries which digests the tags of an ImageCache have.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use imagecache::reconcile::{Outcome, ReconcileSettings, TagQuestion};
use imagecache::registry::{FailureReason, ImageRecord, RegistryAnswer, RegistryFailure};
use imagecache_registry::{Client, Logins, Options};

use super::context::Host;
use super::run::Run;

/// Longest time for all requests about one tag. An ImageCache is not created before its registries were asked.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(15);

/// A client of registries, if they are to be asked.
pub(super) type Registries = Option<Result<Client, RegistryFailure>>;

/// Creates the client.
pub(super) fn client(settings: &ReconcileSettings) -> Registries {
    settings.freshness.as_ref()?;
    let mut options = Options::default();
    options.plain_http = settings.trust.plain_http_registries.clone();
    options.deadline = DEADLINE;
    Some(Client::new(options))
}

impl Host {
    /// Asks for each tag. A login is never used for a registry that is asked over plain HTTP.
    pub(super) async fn ask_registries(&self, run: &Run, tags: &[TagQuestion]) -> Outcome {
        let plain: &BTreeSet<String> = &self.config.settings.trust.plain_http_registries;
        let found = run.logins.iter().flatten();
        let logins = found
            .filter_map(|secret| secret.found.as_ref().ok())
            .flatten();
        let logins = logins.filter(|login| !plain.contains(&login.host));
        let logins = Logins::of_logins(logins.cloned().collect());
        let answers: Vec<_> = tags.iter().map(|tag| self.answer(tag, &logins)).collect();
        Outcome::Answered(join_all(answers).await.into_iter().collect())
    }

    /// Asks for the digest of a tag.
    async fn answer(&self, tag: &TagQuestion, logins: &Logins) -> (String, RegistryAnswer) {
        let digest = async |client: &Client| {
            let digest = client.digest(&tag.ask.image, logins).await?;
            match &tag.recorded {
                // the digest of a manifest for one platform may have been recorded
                Some(recorded) if *recorded != digest => client.image(&tag.ask, logins).await,
                _ => Ok(ImageRecord::new(&digest)),
            }
        };
        let answer = match &self.registries {
            Some(Ok(client)) => digest(client).await,
            Some(Err(failure)) => Err(failure.clone()),
            None => Err(RegistryFailure::new(
                FailureReason::Unreachable,
                "not asked",
            )),
        };
        let answer = answer.map_or_else(RegistryAnswer::Failed, RegistryAnswer::Image);
        (tag.ask.image.clone(), answer)
    }
}
