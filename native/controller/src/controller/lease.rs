//! Leader election with a Lease (`coordination.k8s.io/v1`), by the rules of client-go.
//!
//! The lease holder renews its Lease. A candidate takes it over when it has not changed for its whole duration by the
//! candidate's own clock, so clock skew does not matter. Every write has the resource version that it is based on: of two
//! candidates one gets a conflict. A holder that could not renew for [`Terms::give_up`] stops before another one may
//! start.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::chain;

/// The durations of a Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Time after the last renewal at which others may take the Lease.
    pub duration: Duration,
    /// Time after the last renewal at which the holder gives up; less than `duration`.
    pub give_up: Duration,
    /// Interval of renewals, and of checks by candidates.
    pub every: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            duration: Duration::from_secs(15),
            give_up: Duration::from_secs(10),
            every: Duration::from_secs(2),
        }
    }
}

/// A candidate for a Lease.
#[derive(Clone)]
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    terms: Terms,
}

/// The observed Lease of another holder, and the time since which it is unchanged.
#[derive(Debug, Clone, PartialEq)]
struct Sight {
    spec: LeaseSpec,
    since: Instant,
}

impl Sight {
    /// Returns the same observation if the Lease has not changed, or else a new one.
    fn again(before: Option<Sight>, spec: &LeaseSpec, now: Instant) -> Sight {
        match before {
            Some(before) if before.spec == *spec => before,
            _ => Sight {
                spec: spec.clone(),
                since: now,
            },
        }
    }

    /// Reports whether the Lease has expired.
    fn is_over(&self, now: Instant) -> bool {
        let seconds = self.spec.lease_duration_seconds.unwrap_or(0);
        let duration = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        now.saturating_duration_since(self.since) >= duration
    }
}

/// Reports whether a Lease has no holder.
fn is_free(spec: &LeaseSpec) -> bool {
    spec.holder_identity
        .as_deref()
        .unwrap_or_default()
        .is_empty()
}

/// Returns the Lease with `identity` as its holder from `now` on.
fn held(before: &LeaseSpec, identity: &str, terms: Terms, now: Timestamp) -> LeaseSpec {
    let same = before.holder_identity.as_deref() == Some(identity);
    let transitions = before.lease_transitions.unwrap_or(0);
    LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: i32::try_from(terms.duration.as_secs()).ok(),
        acquire_time: if same {
            before.acquire_time.clone()
        } else {
            Some(MicroTime(now))
        },
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(if same {
            transitions
        } else {
            transitions.saturating_add(1)
        }),
        ..before.clone()
    }
}

impl Candidate {
    /// Creates a candidate for the Lease `name` in `namespace`, with a unique identity.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str, terms: Terms) -> Self {
        Candidate {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            terms,
        }
    }

    /// Waits until this process holds the Lease. Returns `false` if `stop` comes first.
    pub async fn acquire(&self, stop: &CancellationToken) -> bool {
        let mut sight = None;
        let mut logged = String::new();
        loop {
            let state = match self.take(&mut sight).await {
                Ok(true) => {
                    tracing::info!(
                        lease = self.name,
                        identity = self.identity,
                        "became the leader"
                    );
                    return true;
                }
                Ok(false) => format!("{} holds the lease; waiting", holder(sight.as_ref())),
                Err(error) => format!("cannot acquire the lease: {}", chain(&error)),
            };
            if logged != state {
                tracing::info!(lease = self.name, "{state}");
                logged = state;
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(self.terms.every) => {}
            }
        }
    }

    /// Takes the Lease if it is free or expired.
    async fn take(&self, sight: &mut Option<Sight>) -> Result<bool, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(held(
                    &LeaseSpec::default(),
                    &self.identity,
                    self.terms,
                    Timestamp::now(),
                )),
            };
            return won(self.api.create(&PostParams::default(), &lease).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let own = spec.holder_identity.as_deref() == Some(self.identity.as_str());
        let now = Instant::now();
        let seen = Sight::again(sight.take(), &spec, now);
        let over = own || is_free(&spec) || seen.is_over(now);
        *sight = Some(seen);
        if !over {
            return Ok(false);
        }
        won(self
            .write(
                lease,
                held(&spec, &self.identity, self.terms, Timestamp::now()),
            )
            .await)
    }

    async fn write(&self, mut lease: Lease, spec: LeaseSpec) -> Result<Lease, kube::Error> {
        lease.spec = Some(spec);
        lease.metadata.managed_fields = None;
        self.api
            .replace(&self.name, &PostParams::default(), &lease)
            .await
    }

    /// Renews the Lease until it is lost, or until `stop`.
    pub async fn keep(&self, stop: &CancellationToken) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.terms.every) => {}
            }
            let left = self.terms.give_up.saturating_sub(renewed.elapsed());
            let begun = Instant::now();
            match tokio::time::timeout(left, self.renew()).await {
                Ok(Ok(true)) => renewed = begun,
                Ok(Ok(false)) => {
                    tracing::warn!(
                        lease = self.name,
                        "lost the lease to another process; stopping"
                    );
                    return;
                }
                Ok(Err(error)) => tracing::warn!(
                    lease = self.name,
                    "cannot renew the lease: {}",
                    chain(&error)
                ),
                Err(_) => {}
            }
            if renewed.elapsed() >= self.terms.give_up {
                tracing::warn!(
                    lease = self.name,
                    "the lease was not renewed in time; stopping"
                );
                return;
            }
        }
    }

    async fn renew(&self) -> Result<bool, kube::Error> {
        let lease = self.api.get(&self.name).await?;
        let spec = lease.spec.clone().unwrap_or_default();
        if spec.holder_identity.as_deref() != Some(self.identity.as_str()) {
            return Ok(false);
        }
        won(self
            .write(
                lease,
                held(&spec, &self.identity, self.terms, Timestamp::now()),
            )
            .await)
    }

    /// Releases the Lease, so that other candidates need not wait.
    pub async fn release(&self) {
        let released = async {
            let lease = self.api.get(&self.name).await?;
            let spec = lease.spec.clone().unwrap_or_default();
            if spec.holder_identity.as_deref() != Some(self.identity.as_str()) {
                return Ok(());
            }
            let spec = LeaseSpec {
                holder_identity: Some(String::new()),
                lease_duration_seconds: Some(1),
                ..spec
            };
            self.write(lease, spec).await.map(drop)
        };
        match tokio::time::timeout(self.terms.give_up, released).await {
            Ok(Ok(())) => tracing::info!(lease = self.name, "released the lease"),
            Ok(Err(error)) => tracing::warn!(
                lease = self.name,
                "cannot release the lease: {}",
                chain(&error)
            ),
            Err(_) => tracing::warn!(lease = self.name, "the lease was not released in time"),
        }
    }
}

fn holder(sight: Option<&Sight>) -> &str {
    let spec = sight.map(|sight| &sight.spec);
    spec.and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or("somebody")
}

/// Turns a conflict into `false`: another candidate was first.
fn won(written: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, seconds: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(seconds),
            ..LeaseSpec::default()
        }
    }

    #[tokio::test]
    async fn lease_unchanged_for_its_duration_expires() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let sight = Sight::again(None, &lease("a", 15), at(0));
        let sight = Sight::again(Some(sight), &lease("a", 15), at(14));
        assert!(!sight.is_over(at(14)));
        assert!(sight.is_over(at(15)));
        let mut renewed = lease("a", 15);
        renewed.renew_time = Some(MicroTime(Timestamp::UNIX_EPOCH));
        let sight = Sight::again(Some(sight), &renewed, at(15));
        assert!(
            !sight.is_over(at(29)),
            "the time in the Lease does not count"
        );
    }

    #[test]
    fn lease_transitions_count_takeovers_not_renewals() {
        let terms = Terms::default();
        let first = held(&LeaseSpec::default(), "a", terms, Timestamp::UNIX_EPOCH);
        let renewed = held(&first, "a", terms, Timestamp::MAX);
        assert_eq!(renewed.acquire_time, first.acquire_time);
        assert_eq!(renewed.lease_transitions, Some(1));
        let taken = held(&renewed, "b", terms, Timestamp::MAX);
        assert_eq!(
            (taken.lease_transitions, taken.holder_identity.as_deref()),
            (Some(2), Some("b"))
        );
    }

    #[test]
    fn a_lease_that_was_given_back_is_free() {
        assert!(
            is_free(&lease("", 1)) && is_free(&LeaseSpec::default()) && !is_free(&lease("a", 1))
        );
    }
}
