//! Reconciles one object: asks the core, performs its effect, records the outcome, until there is nothing to do.

use std::sync::Arc;
use std::time::Duration;

use imagecache::reconcile::{
    AdoptionClaim, Effect, EventNote, Observed, Outcome, ReconcileDecision, ReconcileRecord, claim,
    step,
};
use imagecache::resource::kube::ImageCacheObject;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use serde_json::Value;

use super::context::{Host, value};
use super::run::{Broken, Run};

/// Most effects in a row. An object needs only a few; more are an error of the core.
const MAX_ACTS: u32 = 24;

impl Host {
    /// The other objects that claim the cache that this one does not have yet.
    fn rivals(&self, object: &Value) -> Vec<AdoptionClaim> {
        let Some(id) = claim(object) else {
            return Vec::new();
        };
        if object
            .get("status")
            .and_then(|status| status.get("imageCacheId"))
            .is_some()
        {
            return Vec::new();
        }
        let uid = object
            .get("metadata")
            .and_then(|metadata| metadata.get("uid"));
        self.objects()
            .iter()
            .filter(|other| other.metadata.uid.as_deref() != uid.and_then(Value::as_str))
            .filter_map(|other| value(other))
            .filter(|other| claim(other) == Some(id))
            .filter_map(|other| AdoptionClaim::read(&other))
            .collect()
    }

    fn decide(&self, run: &Run, memory: &ReconcileRecord) -> ReconcileDecision {
        self.metrics.steps.inc();
        let listing = self.listing();
        let sent = memory.as_sent(&run.object);
        let pods = match claim(&sent) {
            Some(id) => self.pods.of(id),
            None => Some(Vec::new()),
        };
        let rivals = self.rivals(&sent);
        let now = self.now();
        // decided and reserved under one lock: two objects never spend the same part of a budget
        self.with_spending(|spending| {
            let seen = Observed {
                listing: listing.as_deref(),
                live: run.live,
                logins: run.logins.as_deref(),
                pods: pods.as_deref(),
                starting: run.starting.as_ref().map(|starting| match starting {
                    Ok(pods) => Ok(pods.as_slice()),
                    Err(why) => Err(why.as_str()),
                }),
                rivals: &rivals,
                spending,
                moment: self.moment(),
            };
            let decision = step(&run.object, &seen, &self.config.settings, memory, now);
            if let Some(effect) = &decision.act {
                spending.reserve(effect, now);
            }
            decision
        })
    }

    /// Logs a problem when it is new.
    async fn tell_problem(&self, object: &ImageCacheObject, run: &Run, problem: Option<EventNote>) {
        let told = self.with_slot(run, |slot| {
            std::mem::replace(&mut slot.problem, problem.clone())
        });
        if let Some(problem) = problem.filter(|problem| told.as_ref() != Some(problem)) {
            tracing::warn!(object = run.name, "{}", problem.message);
            self.note(object, &problem).await;
        }
    }
}

/// Reconciles one object until there is nothing to do now.
pub(super) async fn reconcile(
    object: Arc<ImageCacheObject>,
    host: Arc<Host>,
) -> Result<Action, Broken> {
    let Some(start) = value(&object) else {
        return Ok(Action::await_change());
    };
    let mut run = Run {
        name: object.name_any(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        object: start,
        live: false,
        logins: None,
        starting: None,
    };
    let version = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    let newest = host.with_slot(&run, |slot| slot.version);
    if version(object.metadata.resource_version.as_deref()) < newest {
        // the watch has not delivered the last write yet
        return Ok(Action::requeue(Duration::from_secs(1)));
    }
    for _ in 0..MAX_ACTS {
        let memory = host.with_slot(&run, |slot| slot.memory.clone());
        let decision = host.decide(&run, &memory);
        if decision.listing {
            host.with_slot(&run, |slot| slot.waits = true);
            host.awaited.notify_one();
        }
        let Some(effect) = decision.act else {
            host.tell_problem(&object, &run, decision.problem).await;
            host.leave(&run);
            return Ok(match decision.after {
                Some(after) => Action::requeue(after.max(Duration::from_millis(100))),
                None => Action::await_change(),
            });
        };
        if let Effect::ReadSecrets(names) = &effect {
            run.logins = Some(host.logins(names).await);
            host.count(&effect, &Outcome::Accepted);
            continue;
        }
        if let Effect::ReadStarting(id) = &effect {
            run.starting = Some(host.starting(id).await);
            host.count(&effect, &Outcome::Accepted);
            continue;
        }
        let outcome = host.perform(&run, &effect).await;
        host.count(&effect, &outcome);
        host.with_spending(|spending| spending.settle(&effect, &outcome, host.now()));
        let metadata = run.object.get("metadata");
        let generation = metadata
            .and_then(|metadata| metadata.get("generation"))
            .and_then(Value::as_i64);
        let dry = host.config.dry_run.is_some();
        if dry && matches!(outcome, Outcome::Unsent(_)) {
            return Ok(Action::await_change());
        }
        let pause = host.with_slot(&run, |slot| {
            slot.memory
                .record(&effect, &outcome, generation.unwrap_or(1), host.moment());
            if let (Outcome::Object(stored), false) = (&outcome, dry) {
                let stored = stored
                    .get("metadata")
                    .and_then(|metadata| metadata.get("resourceVersion"));
                slot.version = version(stored.and_then(Value::as_str));
            }
            slot.memory.pause()
        });
        tracing::debug!(object = run.name, %effect, ?outcome, "performed");
        match outcome {
            Outcome::Object(stored) => {
                for note in &decision.notes {
                    host.note(&object, note).await;
                }
                run.object = stored;
                run.live = true;
                run.starting = None;
            }
            Outcome::Created(id) => {
                tracing::info!(object = run.name, id, "ECI is creating the cache");
                run.live = false;
            }
            Outcome::Described(_) | Outcome::Answered(_) => {}
            Outcome::Accepted => run.live = false,
            Outcome::NoObject => {
                host.forget(&run.name);
                return Ok(Action::await_change());
            }
            Outcome::Conflict => {
                let changed = || Some("it was changed by another client meanwhile".to_owned());
                host.with_slot(&run, |slot| slot.refused = changed());
                return Ok(Action::requeue(Duration::from_millis(200)));
            }
            Outcome::Refused { .. } | Outcome::Lost(_) | Outcome::Unsent(_) => {
                let write = matches!(
                    effect,
                    Effect::Read
                        | Effect::Finalizers { .. }
                        | Effect::Annotations { .. }
                        | Effect::Status { .. }
                );
                if let (true, Outcome::Lost(why) | Outcome::Unsent(why)) = (write, outcome) {
                    return Err(Broken { pause, why });
                }
                // the core decides the time and the message
            }
        }
    }
    Err(Broken {
        pause: Duration::from_secs(60),
        why: format!("more than {MAX_ACTS} effects in a row: this is a bug of the controller"),
    })
}

/// Returns the delay before an interrupted reconciliation is repeated.
pub(super) fn again(_object: Arc<ImageCacheObject>, broken: &Broken, _host: Arc<Host>) -> Action {
    Action::requeue(broken.pause)
}
