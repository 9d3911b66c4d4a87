//! What a pod asks of image caches: its annotations, old names and new ones.

use serde_json::{Map, Value};

use crate::annotation;

/// What a pod asks for. Of several annotations the first that is present and readable decides: the new name of an
/// explicit cache, the old one, the new name of automatic matching, the old one. (Documents rank explicit above
/// automatic; the rank of new above old is this project's.)
///
/// ```
/// use imagecache::matching::CacheRequest;
/// let annotations = serde_json::json!({
///     "k8s.aliyun.com/eci-image-cache": "true",
///     "k8s.aliyun.com/eci-auto-imc": "false",
/// });
/// let mut warnings = Vec::new();
/// let wish = CacheRequest::read(annotations.as_object().unwrap(), &mut warnings);
/// assert_eq!((wish.explicit, wish.auto), (None, Some(false)));
/// assert!(warnings.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheRequest {
    /// This cache and no other, by its id.
    pub explicit: Option<String>,
    /// Automatic matching: asked for, refused, or not spoken of.
    pub auto: Option<bool>,
    /// Only a cache that has every image exactly. Overrides `count`.
    pub perfect: bool,
    /// Only a cache that has at least so many images exactly.
    pub count: Option<usize>,
}

impl CacheRequest {
    /// Reads the annotations of a pod. A value that cannot be read counts as absent, and a warning says so.
    #[must_use]
    pub fn read(annotations: &Map<String, Value>, warnings: &mut Vec<String>) -> Self {
        let mut text = |name: &str| match annotations.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.as_str()),
            None | Some(Value::Null) => None,
            Some(value) => {
                let value = serde_json::to_string(value).unwrap_or_default();
                warnings.push(format!("annotation {name} is `{value}`, no text: ignored"));
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
        .map(|name| (name, text(name)));
        let mut switch = |(name, text): (&str, Option<&str>)| {
            let text = text?;
            let read = annotation::parse_bool(text);
            if read.is_none() {
                warnings.push(format!(
                    "annotation {name} is `{text}`, neither true nor false: ignored"
                ));
            }
            read
        };
        let (auto, auto_old, perfect) = (switch(auto), switch(auto_old), switch(perfect));
        let (name, count) = count;
        let least = count.and_then(parse_count);
        if let (Some(text), None) = (count, least) {
            warnings.push(format!(
                "annotation {name} is `{text}`, no number of 1 and up: ignored"
            ));
        }
        CacheRequest {
            explicit: id.1.or(id_old.1).map(str::to_owned),
            auto: auto.or(auto_old),
            perfect: perfect.unwrap_or(false),
            count: least,
        }
    }
}

/// A whole number of 1 and up; one that no pod can reach is the largest.
fn parse_count(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.then(|| text.parse().unwrap_or(usize::MAX));
    count.filter(|count| *count >= 1)
}
