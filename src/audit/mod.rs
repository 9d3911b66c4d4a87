//! Audits: what matching predicts beside what ECI did.
//!
//! [`AuditInput`] reads caches, pods, the events of pods, and container groups with their events from documents.
//! [`audit()`] compares, for each start of a pod that is known, the prediction of [`crate::matching`] with the cache that
//! ECI used, and returns an [`Audit`]: the rate of hits by workload, the seconds lost, and every [`AuditDisagreement`]
//! with the rule that would explain it.
//!
//! Caches are taken as they are now. A cache that was made after a pod does not count for this pod; one that was deleted
//! since is named as such. A disagreement about a cache that was made within an hour before the pod may mean only that it
//! was not ready: nothing says when a cache became ready.
//!
//! # The rule that explains
//! Documents leave rules open ([`AuditRule`]). Each one is changed by itself, and every start is predicted again. A changed
//! rule *explains* a disagreement that it turns into an agreement, and *breaks* an agreement that it turns into a
//! disagreement. [`Audit::suspects`] are the rules that break nothing and explain the most.
//!
//! ```
//! use imagecache::audit::{AuditInput, AuditOptions, AuditRule, audit};
//! use imagecache::diagnostic::{Levels, Report};
//! let documents = serde_json::json!([
//!     {"ImageCaches": [{"ImageCacheId": "imc-1", "Images": ["web:1"], "Status": "Ready",
//!         "CreationTime": "2026-01-01T00:00:00Z"}]},
//!     {"ContainerGroups": [{"ContainerGroupId": "eci-1", "CreationTime": "2026-02-01T00:00:00Z",
//!         "Containers": [{"Image": "web:2"}],
//!         "Events": [{"Reason": "ImageCacheMissed"}, {"Reason": "ImageCacheAutoCreated"}]}]},
//! ]);
//! let mut input = AuditInput::default();
//! input.add(&documents, &mut Report::new(&Levels::DEFAULT));
//! let audit = audit(&input, &AuditOptions::default());
//! // A cache with another version was predicted, and ECI used none.
//! assert_eq!(audit.disagreements.len(), 1);
//! assert_eq!(audit.suspects, [AuditRule::Strict]);
//! ```

mod compare;
mod input;
mod report;

pub use compare::audit;
pub use input::AuditInput;
pub use report::{
    Audit, AuditCause, AuditDisagreement, AuditOptions, AuditOutcome, AuditRule, RuleEvidence,
    VendorCheck, WorkloadHits,
};
