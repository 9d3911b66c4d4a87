//! Asks registries which digests the tags of an ImageCache have.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use imagecache::reconcile::{Outcome, ReconcileSettings, TagQuestion};
use imagecache::reference::Named;
use imagecache::registry::{FailureReason, ImageRecord, RegistryAnswer, RegistryFailure};
use imagecache_registry::{Client, Logins, Options};

use super::context::Host;
use super::run::Run;

/// Longest time for all requests about one tag. An ImageCache is not created before its registries were asked.
const DEADLINE: Duration = Duration::from_secs(15);

/// Time for which a registry that did not answer is not asked about other tags: many caches of a registry that is down
/// would otherwise keep the controller from all other work.
const PAUSE: Duration = Duration::from_secs(60);

/// The registries, if they are to be asked.
#[derive(Debug)]
pub(super) struct Registries {
    client: Option<Result<Client, RegistryFailure>>,
    /// The last registries that did not answer.
    silent: Mutex<HashMap<String, (Instant, RegistryFailure)>>,
}

impl Registries {
    pub(super) fn new(settings: &ReconcileSettings) -> Self {
        let client = settings.freshness.as_ref().map(|_| {
            let mut options = Options::default();
            options.plain_http = settings.trust.plain_http_registries.clone();
            options.deadline = DEADLINE;
            Client::new(options)
        });
        Registries {
            client,
            silent: Mutex::default(),
        }
    }

    /// Asks for the digest of a tag.
    async fn ask(
        &self,
        tag: &TagQuestion,
        logins: &Logins,
    ) -> Result<ImageRecord, RegistryFailure> {
        let client = match &self.client {
            Some(Ok(client)) => client,
            Some(Err(failure)) => return Err(failure.clone()),
            None => {
                let reason = FailureReason::Unreachable;
                return Err(RegistryFailure::new(reason, "no registry is asked"));
            }
        };
        let named = Named::parse(&tag.ask.image).ok();
        let host = named.as_ref().map_or("", |named| named.domain());
        if let Some(failure) = self.silence(host) {
            return Err(failure);
        }
        let digest = client.digest(&tag.ask.image, logins).await;
        let answer = match (digest, &tag.recorded) {
            // the digest of a manifest for one platform may have been recorded
            (Ok(digest), Some(recorded)) if *recorded != digest => {
                client.image(&tag.ask, logins).await
            }
            (digest, _) => digest.map(|digest| ImageRecord::new(&digest)),
        };
        if let Err(failure) = &answer
            && matches!(
                failure.reason,
                FailureReason::Unreachable | FailureReason::TooManyRequests
            )
        {
            let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
            silent.retain(|_, (since, _)| since.elapsed() < PAUSE);
            silent.insert(host.to_owned(), (Instant::now(), failure.clone()));
        }
        answer
    }

    /// Returns the failure of a registry that did not answer within the last minute.
    fn silence(&self, host: &str) -> Option<RegistryFailure> {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, failure) = silent.get(host)?;
        (since.elapsed() < PAUSE).then(|| failure.clone())
    }
}

impl Host {
    /// Asks for each tag. A login is never used for a registry that is asked over plain HTTP.
    pub(super) async fn ask_registries(&self, run: &Run, tags: &[TagQuestion]) -> Outcome {
        let plain: &BTreeSet<String> = &self.config.settings.trust.plain_http_registries;
        let found = run.logins.iter().flatten();
        let logins = found
            .filter_map(|secret| secret.found.as_ref().ok())
            .flatten();
        let logins =
            logins.filter(|login| !plain.iter().any(|host| name(host) == name(&login.host)));
        let logins = Logins::of_logins(logins.cloned().collect());
        let answers = tags.iter().map(async |tag| {
            let answer = self.registries.ask(tag, &logins).await;
            let answer = answer.map_or_else(RegistryAnswer::Failed, RegistryAnswer::Image);
            (tag.ask.image.clone(), answer)
        });
        Outcome::Answered(join_all(answers).await.into_iter().collect())
    }
}

/// Returns the name in `host[:port]`: a login without a port is used for each port.
fn name(host: &str) -> String {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.to_ascii_lowercase()
}
