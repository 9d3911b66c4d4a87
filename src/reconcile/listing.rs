//! The caches of a region in one listing.

use std::collections::{BTreeMap, BTreeSet};

use super::{EMPTY_FOR, Monotonic, Spending};
use crate::eci::reply::ImageCacheEntry;
use crate::expiry::TOLERANCE;
use crate::resource::annotation::OWNER_TAG;
use crate::time::Timestamp;

/// All caches of a region, from one run through all pages; found by id and by the object they were made for.
///
/// ```
/// use imagecache::reconcile::Listing;
/// let entry = serde_json::from_value(serde_json::json!({
///     "ImageCacheId": "imc-1", "Status": "Ready",
///     "Tags": [{"Key": "imagecache.eci.alibabacloud.com/uid", "Value": "e83a1c53"}],
/// })).unwrap();
/// let listing = Listing::new(vec![entry], Default::default());
/// assert_eq!(listing.of_owner("e83a1c53").count(), 1);
/// assert!(listing.get("imc-2").is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    begun: Monotonic,
    /// Since when listings are empty that were not before.
    emptied: Option<Monotonic>,
    /// Since when listings are empty, whatever was before.
    empty: Option<Monotonic>,
    /// The process has no listing before this one.
    first: bool,
    /// When the listing before this one began.
    before: Option<Monotonic>,
    /// The owners of caches that the listing before this one had, and that have disappeared since by no known deletion.
    missed: BTreeSet<String>,
    entries: Vec<ImageCacheEntry>,
    /// Places in `entries`, by id.
    ids: BTreeMap<String, usize>,
    /// Places in `entries`, by the owner's uid; each list by age.
    owners: BTreeMap<String, Vec<usize>>,
}

/// The uid of the object that a cache was made for, from its tag.
pub(super) fn owner(entry: &ImageCacheEntry) -> Option<&str> {
    let tag = entry.tags.iter().find(|tag| tag.key == OWNER_TAG)?;
    Some(tag.value.as_str())
}

impl Listing {
    /// A listing whose first page was asked for at `begun`. A cache on two pages counts once, as on the later one.
    #[must_use]
    pub fn new(mut entries: Vec<ImageCacheEntry>, begun: Monotonic) -> Self {
        // of equal ids the sort keeps the order, and the later one is to stay
        entries.reverse();
        entries.sort_by(|a, b| a.image_cache_id.cmp(&b.image_cache_id));
        entries.dedup_by(|a, b| a.image_cache_id == b.image_cache_id);
        let mut ids = BTreeMap::new();
        let mut owners: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            ids.insert(entry.image_cache_id.clone(), place);
            if let Some(uid) = owner(entry) {
                owners.entry(uid.to_owned()).or_default().push(place);
            }
        }
        let age = |place: &usize| {
            entries
                .get(*place)
                .map(|entry| (entry.creation_time.clone(), *place))
        };
        for places in owners.values_mut() {
            places.sort_by_key(age);
        }
        Listing {
            begun,
            emptied: None,
            empty: None,
            first: false,
            before: None,
            missed: BTreeSet::new(),
            entries,
            ids,
            owners,
        }
    }

    /// This listing as the one that follows `before`: if all caches have disappeared at once, and neither on request nor at
    /// their end, it is doubtful for [`EMPTY_FOR`]. `None` for the first one of the process.
    ///
    /// ```
    /// use std::time::Duration;
    /// use imagecache::reconcile::{EMPTY_FOR, Listing, Spending};
    /// let entry = serde_json::from_value(serde_json::json!({"ImageCacheId": "imc-1", "Status": "Ready"})).unwrap();
    /// let spending = Spending::default();
    /// let now = "2026-01-18T13:40:56Z".parse().unwrap();
    /// let full = Listing::new(vec![entry], Duration::ZERO);
    /// let empty = |at| Listing::new(Vec::new(), at);
    /// let first = empty(Duration::from_secs(5)).after(Some(&full), &spending, now);
    /// assert!(first.is_doubtful());
    /// let later = empty(Duration::from_secs(5) + EMPTY_FOR).after(Some(&first), &spending, now);
    /// assert!(!later.is_doubtful());
    /// ```
    #[must_use]
    pub fn after(mut self, before: Option<&Listing>, spending: &Spending, now: Timestamp) -> Self {
        if self.entries.is_empty() {
            let empty = before.and_then(|before| before.empty);
            self.empty = empty.or(Some(self.begun));
        }
        let Some(before) = before else {
            self.first = true;
            return self;
        };
        self.before = Some(before.begun);
        let has_ended = |entry: &ImageCacheEntry| {
            let end = entry.expire_date_time.as_deref();
            let end = end.and_then(|end| end.parse::<Timestamp>().ok());
            end.is_some_and(|end| end <= now.plus(TOLERANCE))
        };
        let lost = |entry: &&ImageCacheEntry| {
            let id = &entry.image_cache_id;
            self.get(id).is_none() && !spending.has_deleted(id) && !has_ended(entry)
        };
        let lost: Vec<_> = before.entries.iter().filter(lost).collect();
        let owners = lost.iter().copied().filter_map(owner);
        self.missed = owners.map(str::to_owned).collect();
        if self.entries.is_empty() {
            let kept = |entry: &&ImageCacheEntry| !spending.is_deleting(&entry.image_cache_id);
            let emptied = lost.iter().copied().any(|entry| kept(&entry));
            self.emptied = emptied.then_some(self.begun).or(before.emptied);
        }
        self
    }

    /// Reports whether this listing is empty after one that was not: a fault of ECI, or another account's credentials.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.emptied
            .is_some_and(|emptied| self.begun < emptied.saturating_add(EMPTY_FOR))
    }

    /// Whether there is no reason to think that a cache of this owner is missing in this listing. In the first listing of a
    /// process there is, unless the owner is `new` to it.
    pub(super) fn is_whole(&self, uid: &str, new: bool) -> bool {
        (new || !self.first) && !self.missed.contains(uid)
    }

    /// Whether two listings in a row, both from after `changed`, agree that ECI has no cache of this owner, if this one
    /// shows none.
    pub(super) fn is_agreed(&self, uid: &str, changed: Option<Monotonic>) -> bool {
        let later = self.before.is_none_or(|at| Some(at) > changed);
        later && self.is_whole(uid, false)
    }

    /// Whether this listing is empty, and those before it for less than [`EMPTY_FOR`].
    pub(super) fn is_newly_empty(&self) -> bool {
        self.empty
            .is_some_and(|empty| self.begun < empty.saturating_add(EMPTY_FOR))
    }

    /// When the first page was asked for.
    #[must_use]
    pub fn begun(&self) -> Monotonic {
        self.begun
    }

    /// The cache of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&ImageCacheEntry> {
        self.entries.get(*self.ids.get(id)?)
    }

    /// The caches that were made for the object of this uid, the oldest first.
    pub fn of_owner(&self, uid: &str) -> impl Iterator<Item = &ImageCacheEntry> {
        let places = self.owners.get(uid).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.entries.get(*place))
    }

    /// All caches, by id.
    #[must_use]
    pub fn entries(&self) -> &[ImageCacheEntry] {
        &self.entries
    }

    /// Whether `before` agrees about the caches that concern an object of this uid which claims `id`.
    #[must_use]
    pub fn same_for(&self, before: &Listing, uid: &str, id: Option<&str>) -> bool {
        let of_id = |listing: &'_ Listing| id.and_then(|id| listing.get(id).cloned());
        self.of_owner(uid).eq(before.of_owner(uid))
            && (id.is_none() || of_id(self) == of_id(before))
    }
}
