//! The state of a cloud, and how calls and time change it. Pure: the time and random numbers are arguments.
//!
//! A [`World`] is advanced by [`World::call`]: first everything happens that has become due since the last call, in the
//! order of its time, then the call has its effect. [`World::take_changes`] returns the changes, to be stored.
//!
//! Which cache a group gets is decided by [`imagecache::matching`], when a cache ends by [`imagecache::expiry`]; how a
//! cache comes about over time, its quotas and idempotency are decided here.

mod cache;
mod check;
mod group;
mod image_build;
mod list;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use imagecache::eci::error::{ApiError, ErrorCode};
use imagecache::eci::reply::Usage;
use imagecache::eci::request::{DeleteImageCache, ListUsage, Operation};
use imagecache::eci::signature::v3::content_sha256;
use imagecache::matching::Index;
use imagecache::time::{DAY, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use settings::{Pace, Quotas, Settings};

use cache::Record;
use group::Group;

/// Seconds for which a `ClientToken` is remembered. Not documented for this product; other products of the vendor
/// say a day.
pub const TOKEN_KEPT: i64 = DAY;
/// Most client tokens that are remembered at once.
pub const MAX_TOKENS: usize = 200_000;

/// A source of unpredictable numbers.
pub type Chance<'a> = &'a mut dyn FnMut() -> u64;

/// The stored state.
#[derive(Debug, Default)]
pub(super) struct Saved {
    /// Records with their table and key.
    pub(super) records: Vec<(Table, String, Vec<u8>)>,
    /// The simulated time of the last change.
    pub(super) now: Timestamp,
}

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Caches by id.
    Caches,
    /// Container groups by id.
    Groups,
    /// Client tokens by operation and token.
    Tokens,
}

impl Table {
    pub(super) const ALL: [Table; 3] = [Table::Caches, Table::Groups, Table::Tokens];
}

/// A record that is new, is changed, or is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of which kind.
    pub table: Table,
    /// Under which key.
    pub key: String,
    /// Its text; `None` when it is gone.
    pub value: Option<Vec<u8>>,
}

/// An answer that is given again when the same token comes again.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Token {
    digest: String,
    reply: Value,
    ends: Timestamp,
}

/// What becomes due at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Cache(String),
    Group(String),
    Token(String),
}

/// A cloud at one moment.
#[derive(Debug)]
pub struct World {
    pub(super) settings: Settings,
    now: Timestamp,
    caches: BTreeMap<String, Record>,
    groups: BTreeMap<String, Group>,
    tokens: BTreeMap<String, Token>,
    due: BTreeSet<(Timestamp, Due)>,
    index: Index,
    touched: BTreeSet<(Table, String)>,
}

/// Whether an operation changes nothing.
#[must_use]
pub fn is_read(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::DescribeImageCaches(_)
            | Operation::DescribeContainerGroups(_)
            | Operation::ListUsage(_)
    )
}

impl World {
    /// Returns an empty state.
    #[must_use]
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        World {
            settings,
            now,
            caches: BTreeMap::new(),
            groups: BTreeMap::new(),
            tokens: BTreeMap::new(),
            due: BTreeSet::new(),
            index: Index::default(),
            touched: BTreeSet::new(),
        }
    }

    /// Restores a stored state. A record that cannot be read is skipped with a log line; one that this program wrote can
    /// always be read.
    pub(super) fn restore(settings: Settings, saved: Saved, now: Timestamp) -> Self {
        let mut world = World::new(settings, now.max(saved.now));
        for (table, key, value) in saved.records {
            let read = match table {
                Table::Caches => serde_json::from_slice(&value).map(|one| world.put_cache(one)),
                Table::Groups => serde_json::from_slice(&value).map(|one| world.put_group(one)),
                Table::Tokens => {
                    serde_json::from_slice(&value).map(|one| world.put_token(key.clone(), one))
                }
            };
            if let Err(error) = read {
                tracing::error!(?table, key, %error, "a record cannot be read");
            }
        }
        world.forget_changes();
        world.settle(now);
        world
    }

    /// Calls an operation; the answer is without `RequestId`.
    ///
    /// # Errors
    /// The refusal that ECI documents for this.
    pub fn call(
        &mut self,
        operation: &Operation,
        now: Timestamp,
        chance: Chance<'_>,
    ) -> Result<Value, ApiError> {
        self.settle(now);
        let params = operation.to_params();
        check::region(params.get("RegionId").unwrap_or_default())?;
        let Some(token) = params.get("ClientToken").filter(|token| !token.is_empty()) else {
            return self.perform(operation, chance);
        };
        check::client_token(token)?;
        let key = format!("{} {token}", operation.action());
        let digest = content_sha256(params.canonical().as_bytes());
        if let Some(known) = self.tokens.get(&key) {
            if known.digest == digest {
                return Ok(known.reply.clone());
            }
            return Err(ApiError::new(
                ErrorCode::IdempotentParameterMismatch,
                "The request uses the same client token as a previous, but non-identical request.",
            ));
        }
        if self.tokens.len() >= MAX_TOKENS {
            let message = "Request was denied due to api flow control: too many client tokens.";
            return Err(ApiError::new(ErrorCode::ThrottlingApi, message));
        }
        let reply = self.perform(operation, chance)?;
        let token = Token {
            digest,
            reply: reply.clone(),
            ends: self.now.plus(TOKEN_KEPT),
        };
        self.put_token(key, token);
        Ok(reply)
    }

    fn perform(&mut self, operation: &Operation, chance: Chance<'_>) -> Result<Value, ApiError> {
        match operation {
            Operation::CreateImageCache(call) => self.create_cache(call, chance),
            Operation::UpdateImageCache(call) => self.update_cache(call, chance),
            Operation::DeleteImageCache(call) => Ok(self.delete_cache(call)),
            Operation::DescribeImageCaches(call) => self.describe_caches(call),
            Operation::CreateContainerGroup(call) => self.create_group(call, chance),
            Operation::DeleteContainerGroup(call) => Ok(self.delete_group(call, chance)),
            Operation::DescribeContainerGroups(call) => self.describe_groups(call),
            Operation::ListUsage(call) => Ok(self.usage(call)),
        }
    }

    /// Does everything that has become due.
    fn settle(&mut self, now: Timestamp) {
        // a machine's clock may go back; this one must not
        self.now = self.now.max(now);
        while let Some((at, due)) = self.due.first().cloned()
            && at <= self.now
        {
            self.due.pop_first();
            match due {
                Due::Cache(id) => self.step_cache(&id, at),
                Due::Group(id) => self.step_group(&id, at),
                Due::Token(key) => {
                    self.tokens.remove(&key);
                    self.touched.insert((Table::Tokens, key));
                }
            }
        }
    }

    fn step_cache(&mut self, id: &str, at: Timestamp) {
        let Some(mut record) = self.caches.remove(id) else {
            return;
        };
        self.index.remove(id);
        self.touched.insert((Table::Caches, id.to_owned()));
        if record.ends().is_some_and(|end| end <= at) {
            return;
        }
        record.step(at);
        self.put_cache(record);
    }

    /// Takes a cache out, to be changed and put back or not.
    fn take_cache(&mut self, id: &str) -> Option<Record> {
        let record = self.caches.remove(id)?;
        self.index.remove(id);
        if let Some(at) = record.due() {
            self.due.remove(&(at, Due::Cache(id.to_owned())));
        }
        self.touched.insert((Table::Caches, id.to_owned()));
        Some(record)
    }

    fn put_cache(&mut self, record: Record) {
        if let Some(at) = record.due() {
            self.due.insert((at, Due::Cache(record.id.clone())));
        }
        self.index.insert(record.for_matching());
        self.touched.insert((Table::Caches, record.id.clone()));
        self.caches.insert(record.id.clone(), record);
    }

    fn step_group(&mut self, id: &str, at: Timestamp) {
        if let Some(mut group) = self.groups.remove(id) {
            group.step(at);
            self.put_group(group);
        }
    }

    fn put_group(&mut self, group: Group) {
        if let Some(at) = group.due() {
            self.due.insert((at, Due::Group(group.id.clone())));
        }
        self.touched.insert((Table::Groups, group.id.clone()));
        self.groups.insert(group.id.clone(), group);
    }

    fn put_token(&mut self, key: String, token: Token) {
        self.due.insert((token.ends, Due::Token(key.clone())));
        self.touched.insert((Table::Tokens, key.clone()));
        self.tokens.insert(key, token);
    }

    /// What has changed since this was asked last.
    #[must_use]
    pub fn take_changes(&mut self) -> Vec<Change> {
        let touched = std::mem::take(&mut self.touched);
        let text = |(table, key): (Table, String)| {
            let value = match table {
                Table::Caches => self.caches.get(&key).map(serde_json::to_vec),
                Table::Groups => self.groups.get(&key).map(serde_json::to_vec),
                Table::Tokens => self.tokens.get(&key).map(serde_json::to_vec),
            };
            // records are texts and numbers under texts: they are always written
            let value = value.and_then(Result::ok);
            Change { table, key, value }
        };
        touched.into_iter().map(text).collect()
    }

    /// Drops the changes, for a cloud without a store.
    pub fn forget_changes(&mut self) {
        self.touched.clear();
    }

    fn delete_cache(&mut self, call: &DeleteImageCache) -> Value {
        // an unknown id is not refused: clients delete again when an answer was lost
        if self
            .caches
            .get(&call.image_cache_id)
            .is_some_and(|cache| cache.region == call.region_id)
        {
            self.take_cache(&call.image_cache_id);
        }
        json!({})
    }

    fn usage(&self, call: &ListUsage) -> Value {
        let quotas = &self.settings.quotas;
        let count = |number: usize| Some(i64::try_from(number).unwrap_or(i64::MAX));
        let cpu: f64 = self.used_cpu(&call.region_id);
        let unknown: Map<String, Value> = [
            ("MaxCpu".to_owned(), json!(quotas.cpu)),
            ("UsedCpu".to_owned(), json!(cpu.ceil())),
        ]
        .into_iter()
        .collect();
        let attributes = Usage {
            max_image_cache_count: count(quotas.caches),
            used_image_cache_count: count(self.count(&call.region_id, false)),
            max_auto_image_cache_count: count(quotas.automatic_caches),
            used_auto_image_cache_count: count(self.count(&call.region_id, true)),
            max_data_cache_count: Some(100),
            used_data_cache_count: Some(0),
            unknown,
        };
        json!({ "Attributes": attributes })
    }

    fn count(&self, region: &str, automatic: bool) -> usize {
        let same = |cache: &&Record| cache.region == region && cache.automatic == automatic;
        self.caches.values().filter(same).count()
    }

    /// vCPUs of groups and builders.
    fn used_cpu(&self, region: &str) -> f64 {
        let groups = self.groups.values().filter(|group| group.region == region);
        let builders = self.caches.values();
        let builders = builders.filter(|cache| cache.region == region && cache.is_building());
        let of_builders = builders.map(|_| settings::BUILDER_CPU);
        groups.map(|group| group.cpu).chain(of_builders).sum()
    }
}

/// An id: a prefix and 20 letters and digits.
fn id(prefix: &str, chance: Chance<'_>) -> String {
    const SIGNS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut text = prefix.to_owned();
    for _ in 0..2 {
        let mut rest = chance();
        for _ in 0..10 {
            let sign = usize::try_from(rest % 36).ok().and_then(|at| SIGNS.get(at));
            text.push(sign.map_or('0', |sign| char::from(*sign)));
            rest /= 36;
        }
    }
    text
}
