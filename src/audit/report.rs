//! The audit, as values.

use std::fmt;

use serde::Serialize;

use crate::matching::{ImageFacts, MatchRules, NameComparison, SizeTie};
use crate::time::Timestamp;

/// The options of [`audit`](super::audit()).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AuditOptions {
    /// The rules that predictions are made with. Its time is not used: each pod has its own.
    pub rules: MatchRules,
    /// Sizes and other facts about images.
    pub facts: ImageFacts,
    /// The current time, for the answers of ECI to [`AuditInput::ask`](super::AuditInput::ask).
    pub now: Option<Timestamp>,
}

/// A rule that documents leave open, in its other form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AuditRule {
    /// [`MatchRules::strict`]
    Strict,
    /// [`MatchRules::size_tie`]
    SizeTie,
    /// [`MatchRules::names`]
    Names,
    /// [`MatchRules::serve_stale_while_updating`]
    ServeStale,
    /// [`MatchRules::auto_create`]
    AutoCreate,
}

impl AuditRule {
    /// Every rule.
    pub const ALL: [AuditRule; 5] = [
        AuditRule::Strict,
        AuditRule::SizeTie,
        AuditRule::Names,
        AuditRule::ServeStale,
        AuditRule::AutoCreate,
    ];

    /// Returns the rule as in JSON: `size-tie`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AuditRule::Strict => "strict",
            AuditRule::SizeTie => "size-tie",
            AuditRule::Names => "names",
            AuditRule::ServeStale => "serve-stale",
            AuditRule::AutoCreate => "auto-create",
        }
    }

    /// Returns rules with this one in its other form.
    #[must_use]
    pub fn changed(self, rules: &MatchRules) -> MatchRules {
        let mut rules = rules.clone();
        match self {
            AuditRule::Strict => rules.strict = !rules.strict,
            AuditRule::SizeTie => {
                rules.size_tie = match rules.size_tie {
                    SizeTie::Closest => SizeTie::MatchedBytes,
                    SizeTie::MatchedBytes => SizeTie::Closest,
                }
            }
            AuditRule::Names => {
                rules.names = match rules.names {
                    NameComparison::Normalised => NameComparison::Textual,
                    NameComparison::Textual => NameComparison::Normalised,
                }
            }
            AuditRule::ServeStale => {
                rules.serve_stale_while_updating = !rules.serve_stale_while_updating;
            }
            AuditRule::AutoCreate => rules.auto_create = !rules.auto_create,
        }
        rules
    }

    /// Returns what the changed rule says, for rules that are otherwise these.
    #[must_use]
    pub fn sentence(self, rules: &MatchRules) -> &'static str {
        match (self, self.changed(rules)) {
            (AuditRule::Strict, changed) if changed.strict => {
                "a cache with only another version of an image is not used (match --strict)"
            }
            (AuditRule::Strict, _) => "a cache with another version of an image is used",
            (AuditRule::SizeTie, changed) if changed.size_tie == SizeTie::MatchedBytes => {
                "of equal caches the one with the largest matching images is used (match --size-tiebreak matched-bytes)"
            }
            (AuditRule::SizeTie, _) => "of equal caches the one of the closest size is used",
            (AuditRule::Names, changed) if changed.names == NameComparison::Textual => {
                "image names are compared as text (match --names textual)"
            }
            (AuditRule::Names, _) => "image names are compared in full",
            (AuditRule::ServeStale, changed) if changed.serve_stale_while_updating => {
                "a cache that is being updated is used (match --serve-stale)"
            }
            (AuditRule::ServeStale, _) => "a cache that is being updated is not used",
            (AuditRule::AutoCreate, changed) if changed.auto_create => "ECI makes caches by itself",
            (AuditRule::AutoCreate, _) => "ECI makes no caches by itself (match --no-auto-create)",
        }
    }
}

impl fmt::Display for AuditRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened to a pod at its start, or is predicted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditOutcome {
    /// The cache that it starts from. `None`: no cache.
    pub image_cache_id: Option<String>,
    /// It is not created: the cache that it names cannot be used.
    pub refused: bool,
    /// ECI makes a cache by itself for it. `None` if this is not known.
    pub auto_create: Option<bool>,
}

impl AuditOutcome {
    /// Reports whether two outcomes agree, as far as both are known.
    #[must_use]
    pub fn agrees(&self, other: &AuditOutcome) -> bool {
        let auto = self.auto_create.zip(other.auto_create);
        self.image_cache_id == other.image_cache_id
            && self.refused == other.refused
            && auto.is_none_or(|(a, b)| a == b)
    }
}

impl fmt::Display for AuditOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.image_cache_id {
            _ if self.refused => f.write_str("refused")?,
            Some(id) => f.write_str(id)?,
            None => f.write_str("no cache")?,
        }
        match self.auto_create {
            Some(true) => f.write_str(", makes a cache"),
            _ => Ok(()),
        }
    }
}

/// What would explain a disagreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "cause", content = "detail")]
#[non_exhaustive]
pub enum AuditCause {
    /// ECI follows this rule in its other form.
    Rule(AuditRule),
    /// ECI used a cache that does not exist any more.
    Gone(String),
    /// The predicted cache was made shortly before, and may not have been ready.
    MaybeNotReady(String),
}

/// A prediction that does not agree with what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditDisagreement {
    /// The pod, `Kind/namespace/name`, or the container group.
    pub pod: String,
    /// The workload that made it; the pod itself if none is known.
    pub workload: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// What was predicted.
    pub predicted: AuditOutcome,
    /// What happened.
    pub observed: AuditOutcome,
    /// What would explain the difference. Empty: nothing that is known.
    pub causes: Vec<AuditCause>,
}

/// The hits of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WorkloadHits {
    /// The workload, `Kind/namespace/name`; the pod itself if none made it.
    pub workload: String,
    /// Its starts.
    pub starts: u64,
    /// Starts from a cache.
    pub hits: u64,
    /// Starts from a cache that has every image of the pod, as far as the cache still exists.
    pub full: u64,
    /// Starts without a cache.
    pub missed: u64,
    /// Pods that were not created, because the cache that they name cannot be used.
    pub refused: u64,
    /// Starts of which no event and no annotation names the cache.
    pub unknown: u64,
    /// Hits for a thousand starts that are known; `None` if none is.
    pub hit_per_mille: Option<u64>,
    /// Seconds of pulling images that a cache did not have. `None` if a size is unknown.
    pub seconds_lost: Option<u64>,
}

/// The evidence for a changed rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RuleEvidence {
    /// The rule.
    pub rule: AuditRule,
    /// Disagreements that the changed rule turns into agreements.
    pub explains: u64,
    /// Agreements that the changed rule turns into disagreements.
    pub breaks: u64,
}

/// The answer of ECI's own matching for images, beside the prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VendorCheck {
    /// The images that ECI was asked for.
    pub images: Vec<String>,
    /// The cache that is predicted for a pod with these images, now.
    pub predicted: Option<String>,
    /// The caches that ECI answered, the best first.
    pub answered: Vec<String>,
    /// The predicted cache is the first answer, or there is neither.
    pub agrees: bool,
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Audit {
    /// The workloads, by name.
    pub workloads: Vec<WorkloadHits>,
    /// Starts whose cache is known.
    pub compared: u64,
    /// Those that agree with the prediction.
    pub agreed: u64,
    /// Those that do not, by workload, pod and time.
    pub disagreements: Vec<AuditDisagreement>,
    /// The evidence for each rule.
    pub rules: Vec<RuleEvidence>,
    /// The rules that explain the most disagreements and break no agreement. Empty if no rule explains one.
    pub suspects: Vec<AuditRule>,
    /// What ECI's own matching answers.
    pub vendor: Vec<VendorCheck>,
}

impl Audit {
    /// Reports whether every prediction agrees, and every answer of ECI's own matching.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.disagreements.is_empty() && self.vendor.iter().all(|check| check.agrees)
    }
}
