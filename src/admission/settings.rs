//! What a cluster wants of admission, and what is wrong with how it was written down.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Levels;
use crate::matching::MatchRules;
use crate::resource::MAX_SIZE_GIB;
use crate::settings::{self, SettingError, SettingErrors};

/// What becomes of the cache annotations of a new pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AdmissionMode {
    /// The id of the best cache is written on the pod, unless the pod names a cache or refuses matching.
    Pin,
    /// ECI chooses, as it does by itself: no annotation is written.
    #[default]
    Auto,
    /// Pods are not matched at all.
    Off,
}

/// Which pods are taken to run on ECI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AdmittedPods {
    /// Those that ask for it: by the label `alibabacloud.com/eci: "true"` or by naming a virtual node.
    #[default]
    Eci,
    /// Every pod: on serverless clusters there are no other nodes.
    All,
}

/// What an unwelcome fact leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnMiss {
    /// Nothing.
    #[default]
    Allow,
    /// The request passes with a warning.
    Warn,
    /// The request is denied.
    Reject,
}

/// What happens when the caches cannot be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnUnavailable {
    /// The pod passes unchanged, with a warning: an absent CRD or an API server in trouble stops no deployment.
    #[default]
    Warn,
    /// The pod is denied.
    Reject,
}

/// What a cluster wants of admission. `Settings::default()` judges image caches and workloads and changes no pod.
///
/// ```
/// use imagecache::admission::{AdmissionMode, AdmissionSettings};
/// let settings = AdmissionSettings::parse(&serde_json::json!({"mode": "pin", "ifNotPresent": true})).unwrap();
/// assert_eq!(settings.mode, AdmissionMode::Pin);
/// let errors = AdmissionSettings::parse(&serde_json::json!({"mode": "pinn", "ifNotPresnt": true})).unwrap_err();
/// let errors = errors.as_slice();
/// assert_eq!(errors[0].to_string(), "ifNotPresnt: unknown field, did you mean `ifNotPresent`?");
/// assert_eq!(errors[1].to_string(), "mode: unsupported value `pinn`, expected one of `pin`, `auto`, `off`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct AdmissionSettings {
    /// Validate image caches, pods and workloads: errors deny, warnings warn. Default `true`.
    pub validate: bool,
    /// What becomes of the cache annotations of a new pod. [`AdmissionMode::Auto`] unless set.
    pub mode: AdmissionMode,
    /// Set `imagePullPolicy: IfNotPresent` where it is unset or `Always`, for images that the pod's cache holds
    /// exactly and whose tag does not move. `false` unless set.
    pub if_not_present: bool,
    /// Which pods run on ECI. [`AdmittedPods::Eci`] unless set.
    pub pods: AdmittedPods,
    /// A pod that could use a cache and finds none. [`OnMiss::Allow`] unless set.
    pub on_miss: OnMiss,
    /// The caches cannot be listed. [`OnUnavailable::Warn`] unless set.
    pub on_caches_unavailable: OnUnavailable,
    /// Severities by code or rule name: `{"IC025": "error", "retention-missing": "off"}`.
    pub levels: Levels,
    /// Largest `spec.imageCacheSize` in GiB, 32768 unless set.
    pub max_size_gib: i64,
    /// The rules of matching. `now` in it overrides the time of the host or of the request.
    pub rules: MatchRules,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        AdmissionSettings {
            validate: true,
            mode: AdmissionMode::default(),
            if_not_present: false,
            pods: AdmittedPods::default(),
            on_miss: OnMiss::default(),
            on_caches_unavailable: OnUnavailable::default(),
            levels: Levels::default(),
            max_size_gib: MAX_SIZE_GIB,
            rules: MatchRules::default(),
        }
    }
}

impl AdmissionSettings {
    /// Parses settings. An absent or `null` setting is the default, and so is `null` as a whole; `mode: false` is what
    /// YAML makes of `mode: off`.
    ///
    /// # Errors
    /// Returns every setting that cannot be used, by name.
    pub fn parse(value: &Value) -> Result<AdmissionSettings, SettingErrors> {
        let settings: AdmissionSettings = if value.get("mode") == Some(&Value::Bool(false)) {
            let mut value = value.clone();
            if let Some(mode) = value.get_mut("mode") {
                *mode = "off".into();
            }
            settings::read(&value)?
        } else {
            settings::read(value)?
        };
        SettingErrors::none_or(settings.contradictions(), settings)
    }

    /// The part of these settings for a validating webhook: objects are validated, pods are neither matched nor changed.
    #[must_use]
    pub fn judging(&self) -> AdmissionSettings {
        AdmissionSettings {
            mode: AdmissionMode::Off,
            if_not_present: false,
            on_miss: OnMiss::Allow,
            ..self.clone()
        }
    }

    /// The part of these settings for a mutating webhook: pods are matched and changed, nothing is validated. What a pod is
    /// denied for because of the caches that there are is its to say.
    #[must_use]
    pub fn changing(&self) -> AdmissionSettings {
        AdmissionSettings {
            validate: false,
            ..self.clone()
        }
    }

    /// Reports settings that have no effect beside the others: their author meant something else.
    fn contradictions(&self) -> Vec<SettingError> {
        let set = [
            ("ifNotPresent", self.if_not_present),
            ("onMiss", self.on_miss != OnMiss::Allow),
        ];
        let idle = set
            .into_iter()
            .filter(|(_, set)| *set && self.mode == AdmissionMode::Off);
        idle.map(|(path, _)| SettingError::new(path, "has no effect while `mode` is `off`"))
            .collect()
    }

    /// Whether a pod can be changed, warned about or denied because of the caches that there are.
    pub(super) fn asks_for_caches(&self) -> bool {
        match self.mode {
            AdmissionMode::Off => false,
            AdmissionMode::Pin => true,
            AdmissionMode::Auto => self.if_not_present || self.on_miss != OnMiss::Allow,
        }
    }
}
