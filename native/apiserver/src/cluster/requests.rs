//! The verbs on the store. What they decide is [`api`](crate::api)'s; here decisions meet the state.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use imagecache::time::Timestamp;
use serde_json::Value;
use tokio::runtime::Handle;

use super::place::Place;
use super::store::{self, List, Object, Page, Transaction, Watch};
use super::{Cluster, definitions, now, webhooks};
use crate::api::options::{DeleteOptions, WriteOptions};
use crate::api::patch::PatchKind;
use crate::api::selector::Selector;
use crate::api::write::{self, Admitted, Context, Effect, Outcome, Subresource};
use crate::api::{ApiError, Resource, meta};
use crate::limits::WRITE_ATTEMPTS;

/// How often another random suffix is tried when a generated name is taken.
const GENERATED_NAMES: usize = 8;

/// A body of a write, and who sends it.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// The bytes.
    pub bytes: Bytes,
    /// Their type, as the request says.
    pub content_type: Option<String>,
    /// The field manager.
    pub manager: String,
    /// The query.
    pub options: WriteOptions,
}

impl Body {
    /// A JSON body of a caller in this process.
    pub fn json(value: &Value, manager: &str) -> Body {
        Body {
            bytes: value.to_string().into(),
            content_type: Some("application/json".to_owned()),
            manager: manager.to_owned(),
            options: WriteOptions::default(),
        }
    }
}

/// How a write went.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The object after it, or the last of it.
    pub object: Value,
    /// What was done.
    pub effect: Effect,
    /// Warnings for the client.
    pub warnings: Vec<String>,
}

/// Chance for one write.
struct Chance {
    uid: String,
    suffixes: Vec<String>,
}

impl Chance {
    fn new() -> Self {
        Chance {
            uid: uuid::Uuid::new_v4().to_string(),
            suffixes: Vec::new(),
        }
    }

    /// The suffix of the nth generated name.
    fn suffix(&mut self, nth: usize) -> &str {
        // Without vowels, so that no name reads as a word, and without what looks alike.
        const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
        while self.suffixes.len() <= nth {
            let random = uuid::Uuid::new_v4().into_bytes();
            let letters = random.iter().take(5).map(|byte| {
                let letter = LETTERS.get(usize::from(*byte) % LETTERS.len());
                char::from(letter.copied().unwrap_or(b'b'))
            });
            self.suffixes.push(letters.collect());
        }
        self.suffixes.get(nth).map_or("", |suffix| suffix)
    }
}

impl Cluster {
    /// An object, or without a name none in particular.
    ///
    /// # Errors
    /// 404 if the resource does not exist.
    pub fn place(
        &self,
        (group, version, plural): (&str, &str, &str),
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Result<Place, ApiError> {
        let served = self.served();
        let resource = served.resources.find(group, version, plural);
        Ok(Place {
            resource: Arc::clone(resource.ok_or_else(ApiError::no_such_path)?),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            subresource: Subresource::None,
        })
    }

    /// An object as it is now.
    ///
    /// # Errors
    /// 404.
    pub fn get(&self, place: &Place) -> Result<Arc<Object>, ApiError> {
        let object = self.store().get(&place.own_key());
        object.ok_or_else(|| place.not_found())
    }

    /// Every object of a collection that is selected, as it is now.
    pub fn list(&self, place: &Place, selector: &Selector) -> Page {
        let page = self.store().list(&List {
            prefix: &place.prefix(),
            at: None,
            from: None,
            limit: None,
            keep: &|object| self.selects(place, selector, object),
        });
        page.unwrap_or_default() // the present is never forgotten
    }

    /// The changes of a collection after a version, such as [`Page::version`].
    pub fn watch(&self, place: &Place, version: u64) -> Watch {
        self.store().watch(&place.prefix(), version)
    }

    pub(super) fn selects(&self, place: &Place, selector: &Selector, object: &Object) -> bool {
        if place.resource.stored.is_none() || selector.is_everything() {
            selector.matches(&object.value)
        } else {
            selector.matches(&place.show(object))
        }
    }

    /// `POST`.
    ///
    /// # Errors
    /// Whatever the API refuses.
    pub async fn create(&self, place: &Place, body: Body) -> Result<Written, ApiError> {
        let chance = Mutex::new(Chance::new());
        self.decide(place, body, move |cluster, place, body| {
            let mut chance = chance.lock().unwrap_or_else(PoisonError::into_inner);
            let mut nth = 0;
            loop {
                let suffix = chance.suffix(nth).to_owned();
                let outcome =
                    cluster.with_context(place, body, (&chance.uid, &suffix), |context| {
                        let content_type = body.content_type.as_deref();
                        write::create(&place.resource, &body.bytes, content_type, context)
                    })?;
                let name = meta::text(&outcome.object, "name");
                let key = place.key(name);
                let Some(taken) = cluster.store().get(&key) else {
                    return Ok(Computed {
                        key,
                        live: None,
                        outcome,
                    });
                };
                nth += 1;
                let is_generated = !suffix.is_empty() && name.ends_with(&suffix);
                if !is_generated || nth == GENERATED_NAMES {
                    let deleting = meta::is_deleting(&taken.value);
                    return Err(ApiError::already_exists(&place.resource, name, deleting));
                }
            }
        })
        .await
    }

    /// `PUT`.
    ///
    /// # Errors
    /// Whatever the API refuses.
    pub async fn update(&self, place: &Place, body: Body) -> Result<Written, ApiError> {
        self.change(place, body, |resource, live, body, context| {
            let content_type = body.content_type.as_deref();
            write::update(resource, live, &body.bytes, content_type, context)
        })
        .await
    }

    /// `PATCH`.
    ///
    /// # Errors
    /// Whatever the API refuses.
    pub async fn patch(
        &self,
        place: &Place,
        kind: PatchKind,
        body: Body,
    ) -> Result<Written, ApiError> {
        self.change(place, body, move |resource, live, body, context| {
            write::patch(resource, live, kind, &body.bytes, context)
        })
        .await
    }

    async fn change(
        &self,
        place: &Place,
        body: Body,
        verb: impl Fn(&Resource, Option<&Value>, &Body, &Context<'_>) -> Result<Outcome, ApiError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Written, ApiError> {
        let key = place.own_key();
        // Those who write one object wait here for each other, so that no result is thrown away.
        let turn = self.inner.turns.of(&key);
        let _turn = turn.lock().await;
        let mut chance = Chance::new();
        let suffix = chance.suffix(0).to_owned();
        self.decide(place, body, move |cluster, place, body| {
            let live = cluster.store().get(&key);
            let shown = live.as_ref().map(|live| place.show(live));
            let chance = (chance.uid.as_str(), suffix.as_str());
            let outcome = cluster.with_context(place, body, chance, |context| {
                verb(&place.resource, shown.as_ref(), body, context)
            })?;
            Ok(Computed {
                key: key.clone(),
                live: live.map(|live| live.version),
                outcome,
            })
        })
        .await
    }

    /// Computes what a write makes of the present state, away from the one thread that writes, and commits it if the
    /// object is then still the one that it was computed from; otherwise it computes again. A dry run is computed only.
    async fn decide(
        &self,
        place: &Place,
        body: Body,
        compute: impl Fn(&Cluster, &Place, &Body) -> Result<Computed, ApiError> + Send + Sync + 'static,
    ) -> Result<Written, ApiError> {
        // An answer that is not kept is one that was never stored.
        let dry_run = body.options.dry_run || !place.resource.kept;
        let work = Arc::new((place.clone(), body, compute));
        let time = self.inner.limits.write_time + webhooks::time(self.store());
        let start = Instant::now();
        for _ in 0..WRITE_ATTEMPTS {
            let (cluster, task) = (Weak::new(self), Arc::clone(&work));
            let runtime = Handle::current();
            if start.elapsed() > time {
                return Err(ApiError::too_slow(time));
            }
            let computed = self.inner.workers.run(time, move || {
                // webhooks are called on the runtime of the request
                let _runtime = runtime.enter();
                let (place, body, compute) = &*task;
                compute(&cluster.upgrade()?, place, body)
            });
            let computed = computed.await?;
            let commit = {
                let place = place.clone();
                move |transaction: &mut Transaction<'_>| {
                    commit(transaction, &place, computed, dry_run)
                }
            };
            let written = if dry_run {
                self.store().rehearse(commit)?
            } else {
                self.store().write(commit).await?
            };
            if let Some(written) = written {
                return Ok(written);
            }
        }
        let name = place.name.as_deref().unwrap_or_default();
        Err(ApiError::modified(&place.resource, name))
    }

    fn with_context(
        &self,
        place: &Place,
        body: &Body,
        (uid, suffix): (&str, &str),
        verb: impl FnOnce(&Context<'_>) -> Result<Outcome, ApiError>,
    ) -> Result<Outcome, ApiError> {
        let request = webhooks::Request {
            cluster: self,
            place,
            dry_run: body.options.dry_run,
        };
        let admit = |resource: &Resource, live: Option<&Value>, object: Value| {
            let hook = self.inner.admission.as_ref();
            let hook = hook.filter(|_| place.subresource == Subresource::None);
            let mut admitted = match hook {
                Some(hook) => hook.admit(self.store(), resource, live, object)?,
                None => Admitted {
                    object,
                    warnings: Vec::new(),
                },
            };
            let by_webhooks = request.mutate(live, admitted.object)?;
            admitted.object = by_webhooks.object;
            admitted.warnings.extend(by_webhooks.warnings);
            Ok(admitted)
        };
        let approve = |live: Option<&Value>, object: &Value| request.validate(live, object);
        verb(&Context {
            now: now(),
            uid,
            suffix,
            namespace: place.namespace.as_deref(),
            name: place.name.as_deref(),
            subresource: place.subresource,
            manager: &body.manager,
            options: &body.options,
            admit: Some(&admit),
            approve: Some(&approve),
        })
    }

    /// Asks the webhooks about objects that are to be deleted, and returns their warnings.
    async fn review_deletion(
        &self,
        place: &Place,
        objects: Vec<Value>,
        dry_run: bool,
    ) -> Result<Vec<String>, ApiError> {
        let mut time = webhooks::time(self.store());
        if webhooks::has_policies(self.store()) {
            time += self.inner.limits.write_time;
        }
        if time.is_zero() {
            return Ok(Vec::new());
        }
        let (cluster, place, runtime) = (Weak::new(self), place.clone(), Handle::current());
        let time = time.saturating_mul(u32::try_from(objects.len()).unwrap_or(u32::MAX));
        let reviewed = self.inner.workers.run(time, move || {
            let _runtime = runtime.enter();
            let cluster = cluster.upgrade()?;
            let request = webhooks::Request {
                cluster: &cluster,
                place: &place,
                dry_run,
            };
            let mut warnings = Vec::new();
            for object in &objects {
                warnings.extend(request.delete(object)?);
            }
            Ok(warnings)
        });
        reviewed.await
    }

    /// `DELETE` of one object.
    ///
    /// # Errors
    /// 404, and 409 for preconditions that do not hold.
    pub async fn delete(&self, place: &Place, options: DeleteOptions) -> Result<Written, ApiError> {
        let dry_run = options.dry_run;
        let warnings = match self.store().get(&place.own_key()) {
            Some(live) => {
                self.review_deletion(place, vec![place.show(&live)], dry_run)
                    .await?
            }
            None => Vec::new(),
        };
        let place = place.clone();
        let decision = move |transaction: &mut Transaction<'_>| {
            let key = place.own_key();
            let live = transaction.get(&key).ok_or_else(|| place.not_found())?;
            delete_one(transaction, &place.resource, &key, &live, &options, now())
        };
        let deleted = if dry_run {
            self.store().rehearse(decision)
        } else {
            self.store().write(decision).await
        };
        deleted.map(|mut deleted: Written| {
            deleted.warnings.splice(0..0, warnings);
            deleted
        })
    }

    /// `DELETE` of the objects of a page. Those that have gone meanwhile are passed over.
    ///
    /// # Errors
    /// 409 for preconditions that do not hold; then nothing is deleted.
    pub async fn delete_page(
        &self,
        place: &Place,
        page: &Page,
        options: DeleteOptions,
    ) -> Result<(), ApiError> {
        if options.dry_run {
            return Ok(());
        }
        let shown = page.items.iter().map(|object| place.show(object));
        self.review_deletion(place, shown.collect(), false).await?;
        let place = place.clone();
        let wanted: Vec<_> = page
            .items
            .iter()
            .map(|object| {
                (
                    object.meta("namespace").to_owned(),
                    object.meta("name").to_owned(),
                )
            })
            .collect();
        self.store()
            .write(move |transaction| {
                let now = now();
                let (group, plural) = place.resource.storage();
                for (namespace, name) in &wanted {
                    let namespace = (!namespace.is_empty()).then_some(namespace.as_str());
                    let key = store::key(group, plural, namespace, name);
                    if let Some(live) = transaction.get(&key) {
                        delete_one(transaction, &place.resource, &key, &live, &options, now)?;
                    }
                }
                Ok(())
            })
            .await
    }
}

/// What a write makes of the state that it has seen.
struct Computed {
    key: String,
    /// The version of the object that it was computed from; `None` if there was none.
    live: Option<u64>,
    outcome: Outcome,
}

/// Does what was computed; `None` if the object has changed since.
fn commit(
    transaction: &mut Transaction<'_>,
    place: &Place,
    computed: Computed,
    dry_run: bool,
) -> Result<Option<Written>, ApiError> {
    let Computed { key, live, outcome } = computed;
    if transaction.get(&key).map(|object| object.version) != live {
        return Ok(None);
    }
    if outcome.effect == Effect::Create {
        in_living_namespace(transaction, place, &outcome.object)?;
        let name = meta::text(&outcome.object, "name");
        definitions::is_to_stay(transaction, &place.resource, name)?;
    }
    if dry_run {
        return Ok(Some(Written {
            object: outcome.object,
            effect: outcome.effect,
            warnings: outcome.warnings,
        }));
    }
    carry_out(transaction, &place.resource, &key, outcome).map(Some)
}

/// Locks by key. Keys share them, so that there is a fixed number.
pub(super) struct Turns([tokio::sync::Mutex<()>; 256]);

impl Default for Turns {
    fn default() -> Self {
        Turns(std::array::from_fn(|_| tokio::sync::Mutex::default()))
    }
}

impl Turns {
    fn of(&self, key: &str) -> &tokio::sync::Mutex<()> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let [first, ..] = hasher.finish().to_le_bytes();
        let [only, ..] = &self.0;
        self.0.get(usize::from(first)).unwrap_or(only)
    }
}

/// A request that computes must not keep the cluster alive.
struct Weak(std::sync::Weak<super::Inner>);

impl Weak {
    fn new(cluster: &Cluster) -> Self {
        Weak(Arc::downgrade(&cluster.inner))
    }

    fn upgrade(&self) -> Result<Cluster, ApiError> {
        let inner = self.0.upgrade();
        inner
            .map(|inner| Cluster { inner })
            .ok_or_else(|| store::Unwritten::Closed.into())
    }
}

/// Objects come to be only in namespaces that are there to stay.
fn in_living_namespace(
    transaction: &Transaction<'_>,
    place: &Place,
    object: &Value,
) -> Result<(), ApiError> {
    let Some(name) = &place.namespace else {
        return Ok(());
    };
    let namespace = transaction.get(&store::key("", "namespaces", None, name));
    let namespace = namespace.ok_or_else(|| ApiError::no_namespace(name))?;
    if meta::is_deleting(&namespace.value) {
        let why = format!(
            "unable to create new content in namespace {name} because it is being terminated"
        );
        let object = meta::text(object, "name");
        return Err(ApiError::forbidden(&place.resource, object, &why));
    }
    Ok(())
}

/// Does what was decided about an object.
pub(super) fn carry_out(
    transaction: &mut Transaction<'_>,
    resource: &Resource,
    key: &str,
    outcome: Outcome,
) -> Result<Written, ApiError> {
    let mut object = outcome.object;
    match outcome.effect {
        Effect::Create | Effect::Update => {
            resource.write_stored(&mut object);
            object = transaction.put(key, object)?.value.clone();
            resource.read_stored(&mut object);
        }
        Effect::Keep => {}
        Effect::Remove => {
            transaction.delete(key);
        }
    }
    if outcome.effect != Effect::Keep {
        definitions::settle(transaction, resource)?;
    }
    Ok(Written {
        object,
        effect: outcome.effect,
        warnings: outcome.warnings,
    })
}

/// Deletes an object, or marks it as being deleted.
pub(super) fn delete_one(
    transaction: &mut Transaction<'_>,
    resource: &Resource,
    key: &str,
    live: &Object,
    options: &DeleteOptions,
    now: Timestamp,
) -> Result<Written, ApiError> {
    let mut shown = live.value.clone();
    resource.read_stored(&mut shown);
    let outcome = write::delete(resource, &shown, options, now)?;
    if options.dry_run {
        return Ok(Written {
            object: outcome.object,
            effect: outcome.effect,
            warnings: outcome.warnings,
        });
    }
    carry_out(transaction, resource, key, outcome)
}
