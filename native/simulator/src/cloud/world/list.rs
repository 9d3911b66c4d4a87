//! Lists: which entries, in which order, a page at a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imagecache::eci::error::ApiError;
use imagecache::eci::request::{DescribeContainerGroups, DescribeImageCaches, Tag};
use imagecache::matching::{CacheRequest, Image, Pod};
use imagecache::time::Timestamp;
use serde_json::{Value, json};

use super::cache::Record;
use super::group::Group;
use super::{World, check};

/// Entries of a page when nothing is said. Source: the vendor's text of 2021.
const DEFAULT_LIMIT: i32 = 20;
/// Most entries of a page. No source gives one.
const MAX_LIMIT: i32 = 100;

/// Returns a page of entries, which are given with their sort keys: those after the one that the token names.
fn page<T>(
    mut entries: Vec<(String, T)>,
    limit: Option<i32>,
    token: Option<&str>,
) -> Result<(Vec<T>, String), ApiError> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(check::bad(
            "Limit",
            format_args!("{limit}, 1 to {MAX_LIMIT} allowed"),
        ));
    }
    let limit = usize::try_from(limit).unwrap_or(1);
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        let after = URL_SAFE_NO_PAD.decode(token).ok();
        let after = after.and_then(|bytes| String::from_utf8(bytes).ok());
        let after = after.ok_or_else(|| check::bad("NextToken", "not from an earlier answer"))?;
        entries.retain(|(key, _)| *key > after);
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more);
    let next = next.map_or_else(String::new, |(key, _)| URL_SAFE_NO_PAD.encode(key));
    Ok((entries.into_iter().map(|(_, value)| value).collect(), next))
}

/// The newest first, then by id: a key that sorts so and stays when others come and go.
fn newest_first(created: Timestamp, id: &str) -> String {
    let before_end = Timestamp::MAX.since(created);
    format!("{before_end:013} {id}")
}

/// Whether a filter is absent, empty or equal.
fn admits(filter: Option<&String>, value: Option<&str>) -> bool {
    filter.is_none_or(|filter| filter.is_empty() || Some(filter.as_str()) == value)
}

fn tagged(filter: &[Tag], tags: &[(String, String)]) -> bool {
    filter.iter().all(|wanted| {
        let value = wanted.value.as_deref().filter(|value| !value.is_empty());
        tags.iter()
            .any(|(key, known)| *key == wanted.key && value.is_none_or(|value| value == known))
    })
}

impl World {
    pub(super) fn describe_caches(&self, call: &DescribeImageCaches) -> Result<Value, ApiError> {
        let found: Vec<(String, &Record)> = if call.match_image.is_empty() {
            let caches = self.caches.values();
            caches
                .map(|cache| (newest_first(cache.created, &cache.id), cache))
                .collect()
        } else {
            self.best_matches(call)?
        };
        let entries = found
            .into_iter()
            .filter(|(_, cache)| cache.is_asked_for(call))
            .collect::<Vec<_>>();
        let total = entries.len();
        let (entries, next) = page(entries, call.limit, call.next_token.as_deref())?;
        // only what is on the page is written out: a listing of all pages stays linear in that
        let entries = entries
            .into_iter()
            .map(|cache| json!(cache.entry(self.now)));
        let entries: Vec<Value> = entries.collect();
        Ok(json!({"TotalCount": total, "NextToken": next, "ImageCaches": entries}))
    }

    /// The caches that fit these images, best first: the winner of a container group with them, then those it beat.
    fn best_matches(&self, call: &DescribeImageCaches) -> Result<Vec<(String, &Record)>, ApiError> {
        let count = match call.image_match_count_request {
            None => None,
            Some(count) => match usize::try_from(count) {
                Ok(count @ 1..) => Some(count),
                _ => {
                    let fact = format!("{count}, at least 1 needed");
                    return Err(check::bad("ImageMatchCountRequest", fact));
                }
            },
        };
        let images = call.match_image.iter().map(|image| Image::new(image));
        let mut pod = Pod::new("MatchImage", images);
        pod.region = Some(call.region_id.clone());
        pod.wish = CacheRequest {
            explicit: None,
            auto: Some(true),
            perfect: call.image_full_match.unwrap_or_default(),
            count,
            ..CacheRequest::default()
        };
        let mut rules = self.settings.rules.clone();
        rules.now = Some(self.now);
        let answer = self.index.explain(&pod, &rules);
        let fits = answer.candidates.into_iter().filter(|candidate| {
            candidate
                .reason
                .is_none_or(imagecache::matching::LossReason::is_rank)
        });
        let ranked = fits.zip(0_u32..).filter_map(|(candidate, rank)| {
            let record = self.caches.get(&candidate.cache.image_cache_id?)?;
            Some((format!("{rank:010}"), record))
        });
        Ok(ranked.collect())
    }

    pub(super) fn describe_groups(
        &self,
        call: &DescribeContainerGroups,
    ) -> Result<Value, ApiError> {
        let asked = |group: &&Group| {
            let ids = &call.container_group_ids.0;
            group.region == call.region_id
                && (ids.is_empty() || ids.contains(&group.id))
                && admits(call.container_group_name.as_ref(), Some(&group.name))
                && admits(call.status.as_ref(), Some(&group.status))
                && tagged(&call.tag, &group.tags)
        };
        let entries: Vec<(String, Value)> = self
            .groups
            .values()
            .filter(asked)
            .map(|group| (newest_first(group.created, &group.id), group.entry()))
            .collect();
        let total = entries.len();
        let (entries, next) = page(entries, call.limit, call.next_token.as_deref())?;
        Ok(json!({"TotalCount": total, "NextToken": next, "ContainerGroups": entries}))
    }
}

impl Record {
    fn is_asked_for(&self, call: &DescribeImageCaches) -> bool {
        let snapshots = [&self.snapshot, &self.flash_snapshot];
        let snapshot = call.snapshot_id.as_ref().is_none_or(|wanted| {
            wanted.is_empty() || snapshots.iter().any(|known| known.as_ref() == Some(wanted))
        });
        let image = call.image.as_ref().is_none_or(|wanted| {
            let same = Image::new(wanted);
            let holds = |known: &String| {
                known == wanted
                    || same
                        .normalized()
                        .is_some_and(|same| Image::new(known).normalized() == Some(same))
            };
            wanted.is_empty() || self.spec.images.iter().any(holds)
        });
        self.region == call.region_id
            && admits(call.image_cache_id.as_ref(), Some(&self.id))
            && admits(call.image_cache_name.as_ref(), Some(&self.spec.name))
            && admits(
                call.resource_group_id.as_ref(),
                self.spec.resource_group.as_deref(),
            )
            && snapshot
            && image
            && tagged(&call.tag, &self.spec.tags)
    }
}
