//! What a cluster wants of admission, and what is wrong with how it was written down.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Levels;
use crate::matching::MatchRules;
use crate::resource::MAX_SIZE_GIB;
use crate::setting::{Choices, choices, words};
use crate::validate::nearest;

/// What becomes of the cache annotations of a new pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
/// let faults = AdmissionSettings::parse(&serde_json::json!({"mode": "pinn", "ifNotPresnt": true})).unwrap_err();
/// assert_eq!(faults[0].to_string(), "ifNotPresnt: no such setting, did you mean `ifNotPresent`?");
/// assert_eq!(faults[1].to_string(), "mode: unknown variant `pinn`, expected one of `pin`, `auto`, `off`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct AdmissionSettings {
    /// Judge image caches, pods and workloads: errors deny, warnings warn. `true` unless set.
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
    /// The rules of matching. `now` in it overrides the time that the host or the request tells.
    pub rules: MatchRules,
}

words!(AdmissionMode {
    "pin" => Pin,
    "auto" => Auto,
    "off" => Off,
});

words!(AdmittedPods {
    "eci" => Eci,
    "all" => All,
});

words!(OnMiss {
    "allow" => Allow,
    "warn" => Warn,
    "reject" => Reject,
});

words!(OnUnavailable {
    "warn" => Warn,
    "reject" => Reject,
});

choices!(AdmissionSettings {
    "validate" => validate,
    "mode" => mode,
    "ifNotPresent" => if_not_present,
    "pods" => pods,
    "onMiss" => on_miss,
    "onCachesUnavailable" => on_caches_unavailable,
    "levels" => levels,
    "maxSizeGib" => max_size_gib,
    "rules" => rules,
});

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

/// One thing that is wrong with settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingError {
    /// The setting: `mode`, `levels[IC999]`; empty for the whole.
    pub path: String,
    /// The fact, and what is allowed.
    pub message: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl AdmissionSettings {
    /// Reads settings. Absent and `null` is the default, for each setting and for the whole; `mode: false` is what YAML
    /// makes of `mode: off`.
    ///
    /// # Errors
    /// Every fault at once, in the order of the settings' names.
    pub fn parse(value: &Value) -> Result<AdmissionSettings, Vec<SettingError>> {
        let mut settings = AdmissionSettings::default();
        let mut faults = Vec::new();
        let mut fault = |path: String, message| faults.push(SettingError { path, message });
        match value {
            Value::Null => {}
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), value) {
                        (_, Value::Null) => {}
                        // YAML reads `mode: off` as a boolean.
                        ("mode", Value::Bool(false)) => settings.mode = AdmissionMode::Off,
                        ("levels", Value::Object(levels)) => {
                            for (code, level) in levels {
                                if let Err(message) = settings.levels.choose(code, level) {
                                    fault(format!("levels[{code}]"), message);
                                }
                            }
                        }
                        ("rules", Value::Object(rules)) => {
                            for (rule, value) in rules {
                                if let Err(message) = set(&mut settings.rules, rule, value) {
                                    fault(format!("rules.{rule}"), message);
                                }
                            }
                        }
                        _ => {
                            if let Err(message) = set(&mut settings, name, value) {
                                fault(name.clone(), message);
                            }
                        }
                    }
                }
            }
            _ => fault(String::new(), "settings must be an object".to_owned()),
        }
        if faults.is_empty() {
            settings.consistent()
        } else {
            Err(faults)
        }
    }

    /// What a validating webhook does of these settings: objects are judged, pods are neither matched nor changed.
    #[must_use]
    pub fn judging(&self) -> AdmissionSettings {
        AdmissionSettings {
            mode: AdmissionMode::Off,
            if_not_present: false,
            on_miss: OnMiss::Allow,
            ..self.clone()
        }
    }

    /// What a mutating webhook does of these settings: pods are matched and changed, nothing is judged. What a pod is
    /// denied for because of the caches that there are is its to say.
    #[must_use]
    pub fn changing(&self) -> AdmissionSettings {
        AdmissionSettings {
            validate: false,
            ..self.clone()
        }
    }

    /// Refuses settings that contradict each other: what has no effect was meant otherwise.
    fn consistent(self) -> Result<AdmissionSettings, Vec<SettingError>> {
        let fault = |path: &str, wanted: bool| {
            wanted.then(|| SettingError {
                path: path.to_owned(),
                message: "has no effect while `mode` is `off`".to_owned(),
            })
        };
        let faults: Vec<_> = [
            fault("ifNotPresent", self.if_not_present),
            fault("onMiss", self.on_miss != OnMiss::Allow),
        ]
        .into_iter()
        .flatten()
        .collect();
        if self.mode == AdmissionMode::Off && !faults.is_empty() {
            Err(faults)
        } else {
            Ok(self)
        }
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

/// Makes a choice; one that there is not is likely misspelt.
fn set(choices: &mut dyn Choices, name: &str, value: &Value) -> Result<(), String> {
    let names = choices.names();
    if names.contains(&name) {
        return choices.set(name, value);
    }
    Err(match nearest(name, names.iter().copied()) {
        Some(meant) => format!("no such setting, did you mean `{meant}`?"),
        None => "no such setting".to_owned(),
    })
}
