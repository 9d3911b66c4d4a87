//! The caches of earlier releases.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::resource::ImageCache;
use crate::resource::annotation::{PAUSED, parse_bool};
use crate::time::Timestamp;

/// The label of a cache that was made for a release: the program that is released.
pub const APP: &str = "imagecache.eci.alibabacloud.com/app";

/// The annotation of such a cache: the last release that it covered, and when, see [`Mark`].
pub const RELEASE: &str = "imagecache.eci.alibabacloud.com/release";

/// The value of [`RELEASE`]: a time and the name of a release.
///
/// ```
/// use imagecache::cover::Mark;
/// let mark: Mark = "2026-11-30T21:00:00Z v1.4.2".parse().unwrap();
/// assert_eq!((mark.release.as_str(), mark.to_string().as_str()), ("v1.4.2", "2026-11-30T21:00:00Z v1.4.2"));
/// assert!("v1.4.2".parse::<Mark>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// When the release was covered.
    pub at: Timestamp,
    /// The name of the release.
    pub release: String,
}

/// A text that is not a [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time and the name of a release")]
pub struct NotAMark;

impl FromStr for Mark {
    type Err = NotAMark;

    fn from_str(text: &str) -> Result<Self, NotAMark> {
        let (at, release) = text.split_once(' ').ok_or(NotAMark)?;
        let at = at.parse().map_err(|_| NotAMark)?;
        let release = release.to_owned();
        Ok(Mark { at, release })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.release)
    }
}

/// Returns the names of the caches of `app` that none of its last `keep` releases needs, sorted.
///
/// A cache has the mark of the last release that it covered. It is retired if at least `keep` other releases have a newer
/// mark. A cache without a readable mark, one that is in `in_use`, one that is paused, and one whose deletion was requested
/// already are never retired.
///
/// ```
/// use imagecache::cover::retired;
/// use imagecache::resource::ImageCache;
/// let cache = |name: &str, mark: &str| -> ImageCache {
///     serde_json::from_value(serde_json::json!({"metadata": {"name": name,
///         "labels": {"imagecache.eci.alibabacloud.com/app": "shop"},
///         "annotations": {"imagecache.eci.alibabacloud.com/release": mark}}, "spec": {"images": []}})).unwrap()
/// };
/// let caches = [cache("a", "2026-11-01T00:00:00Z 1"), cache("b", "2026-11-02T00:00:00Z 2"), cache("c", "2026-11-03T00:00:00Z 3")];
/// assert_eq!(retired(&caches, "shop", 2, &[]), ["a"]);
/// ```
#[must_use]
pub fn retired(caches: &[ImageCache], app: &str, keep: usize, in_use: &[&str]) -> Vec<String> {
    let label = |cache: &ImageCache| cache.metadata.labels.as_ref()?.get(APP).cloned();
    let ours = caches
        .iter()
        .filter(|cache| label(cache).as_deref() == Some(app));
    let marks: Vec<(&ImageCache, Option<Mark>)> = ours
        .map(|cache| {
            let mark = cache.metadata.annotation(RELEASE);
            (cache, mark.and_then(|text| text.parse().ok()))
        })
        .collect();
    // The newest mark of each release: one that is rolled out again is as new as that.
    let mut newest: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for mark in marks.iter().filter_map(|(_, mark)| mark.as_ref()) {
        let at = newest.entry(&mark.release).or_insert(mark.at);
        *at = mark.at.max(*at);
    }
    let mut order: Vec<(Timestamp, &str)> = newest
        .into_iter()
        .map(|(release, at)| (at, release))
        .collect();
    order.sort_unstable();
    let kept: BTreeSet<&str> = order
        .iter()
        .rev()
        .take(keep)
        .map(|(_, release)| *release)
        .collect();
    let mut names: Vec<String> = marks
        .iter()
        .filter(|(_, mark)| {
            mark.as_ref()
                .is_some_and(|mark| !kept.contains(mark.release.as_str()))
        })
        .filter(|(cache, _)| cache.metadata.annotation(PAUSED).and_then(parse_bool) != Some(true))
        .filter(|(cache, _)| cache.metadata.deletion_timestamp.is_none())
        .filter_map(|(cache, _)| cache.metadata.name.clone())
        .filter(|name| !in_use.contains(&name.as_str()))
        .collect();
    names.sort_unstable();
    names
}
