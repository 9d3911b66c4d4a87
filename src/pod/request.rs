//! What a pod asks of image caches: its annotations, old names and new ones.

use serde_json::{Map, Value};

use super::template::Template;
use crate::resource::annotation;

/// What a pod asks for. Of several annotations the first that is present and readable decides: the new name of an
/// explicit cache, the old one, the new name of automatic matching, the old one. (Documents rank explicit above
/// automatic; the rank of new above old is this project's.)
///
/// ```
/// use imagecache::pod::CacheRequest;
/// let annotations = serde_json::json!({
///     "k8s.aliyun.com/eci-image-cache": "true",
///     "k8s.aliyun.com/eci-auto-imc": "false",
/// });
/// let mut warnings = Vec::new();
/// let request = CacheRequest::read(annotations.as_object().unwrap(), &mut warnings);
/// assert_eq!((request.explicit, request.auto), (None, Some(false)));
/// assert_eq!(request.decided_by.auto, Some("k8s.aliyun.com/eci-auto-imc"));
/// assert!(warnings.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheRequest {
    /// The id of the only cache that may be used.
    pub explicit: Option<String>,
    /// Automatic matching: switched on, switched off, or not mentioned.
    pub auto: Option<bool>,
    /// Only a cache that has every image exactly. Overrides `count`.
    pub perfect: bool,
    /// Only a cache that has at least this many images exactly.
    pub count: Option<usize>,
    /// The annotations that decided.
    pub decided_by: DecidingAnnotations,
}

/// The names of the annotations that a [`CacheRequest`] was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DecidingAnnotations {
    /// The annotation that names a cache.
    pub explicit: Option<&'static str>,
    /// The annotation that switches automatic matching on or off.
    pub auto: Option<&'static str>,
    /// The annotation that asks for a perfect match.
    pub perfect: Option<&'static str>,
    /// The annotation with a match count. Set for a count of 0, too, which asks for nothing.
    pub count: Option<&'static str>,
}

impl CacheRequest {
    /// Reads the annotations of a pod. A value that cannot be read counts as absent and adds a warning.
    #[must_use]
    pub fn read(annotations: &Map<String, Value>, warnings: &mut Vec<String>) -> Self {
        Self::look_up(|name| annotations.get(name), warnings)
    }

    /// Reads the annotations that reach the pod of a template.
    #[must_use]
    pub fn of(template: &Template<'_>, warnings: &mut Vec<String>) -> Self {
        Self::look_up(|name| template.annotation(name), warnings)
    }

    fn look_up<'v>(get: impl Fn(&str) -> Option<&'v Value>, warnings: &mut Vec<String>) -> Self {
        let mut text = |name: &'static str| match get(name) {
            Some(Value::String(text)) if !text.is_empty() => Some((name, text.as_str())),
            None | Some(Value::Null) => None,
            Some(value) => {
                warnings.push(not_a_string(name, value));
                None
            }
        };
        let [id, id_old, auto, auto_old, perfect, count] = [
            annotation::POD_CACHE_ID,
            annotation::POD_CACHE_ID_OLD,
            annotation::POD_AUTO,
            annotation::POD_AUTO_OLD,
            annotation::POD_PERFECT_MATCH,
            annotation::POD_MATCH_COUNT,
        ]
        .map(&mut text);
        let mut switch = |written: Option<(&'static str, &str)>| {
            let (name, text) = written?;
            let on = annotation::parse_bool(text);
            if on.is_none() {
                warnings.push(not_a_switch(name, text));
            }
            Some((name, on?))
        };
        let (auto, auto_old, perfect) = (switch(auto), switch(auto_old), switch(perfect));
        let number = count.and_then(|(_, text)| parse_count(text));
        let least = number.filter(|count| *count >= 1);
        if let (Some((name, text)), None) = (count, least) {
            warnings.push(not_a_count(name, text));
        }
        let (explicit, auto) = (id.or(id_old), auto.or(auto_old));
        let perfect = perfect.filter(|(_, on)| *on);
        CacheRequest {
            explicit: explicit.map(|(_, id)| id.to_owned()),
            auto: auto.map(|(_, on)| on),
            perfect: perfect.is_some(),
            count: least,
            decided_by: DecidingAnnotations {
                explicit: explicit.map(|(name, _)| name),
                auto: auto.map(|(name, _)| name),
                perfect: perfect.map(|(name, _)| name),
                count: count.filter(|_| number.is_some()).map(|(name, _)| name),
            },
        }
    }

    /// Returns an annotation that asks for a cache, if there is one.
    #[must_use]
    pub fn asking(&self) -> Option<&'static str> {
        let by = &self.decided_by;
        let auto = by.auto.filter(|_| self.auto == Some(true));
        by.explicit.or(auto).or(by.perfect).or(by.count)
    }

    /// Reports whether a cache is used where automatic matching is on or off by `default`.
    #[must_use]
    pub fn uses_cache(&self, default: bool) -> bool {
        self.explicit.is_some() || self.auto.unwrap_or(default)
    }
}

fn not_a_string(name: &str, value: &Value) -> String {
    if value == "" {
        return format!("annotation {name} is empty: ignored");
    }
    let value = serde_json::to_string(value).unwrap_or_default();
    format!("annotation {name} is `{value}`, not a string: ignored")
}

fn not_a_switch(name: &str, text: &str) -> String {
    format!("annotation {name} is `{text}`, neither true nor false: ignored")
}

fn not_a_count(name: &str, text: &str) -> String {
    format!("annotation {name} is `{text}`, not a whole number of at least 1: ignored")
}

/// Reads a whole number; one that no pod can reach is the largest.
fn parse_count(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}
