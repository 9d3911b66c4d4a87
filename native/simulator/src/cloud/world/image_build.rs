//! How a cache is built: created, updated, and which others are evicted for it.

use std::collections::VecDeque;

use imagecache::eci::error::{ApiError, ErrorCode};
use imagecache::eci::object::cpu_arch;
use imagecache::eci::request::{CreateImageCache, Tag, UpdateImageCache};
use imagecache::matching::GIB;
use imagecache::resource::Phase;
use imagecache::time::Timestamp;
use serde_json::{Value, json};

use super::cache::{Record, Spec, Turn, event};
use super::{Chance, World, check, id};
use crate::cloud::images::{Access, Pull};

/// Seconds of a change that needs no new snapshot.
const QUICK: i64 = 2;
/// Bytes of the pause image, which every instance needs.
const PAUSE_BYTES: u64 = 300 << 10;

/// The steps of a build, from first to last, and what they lead to.
struct Plan {
    steps: VecDeque<(Timestamp, Turn)>,
    span: (Timestamp, Timestamp),
    /// Images that the access of the call opened.
    granted: Vec<String>,
    /// Why and when it fails.
    failure: Option<(Timestamp, String)>,
}

/// A cache that came about for a group.
pub(super) struct Automatic {
    pub(super) id: String,
    /// Why and when it will fail.
    pub(super) failure: Option<(Timestamp, String)>,
}

impl World {
    pub(super) fn create_cache(
        &mut self,
        call: &CreateImageCache,
        chance: Chance<'_>,
    ) -> Result<Value, ApiError> {
        check::cache_name(&call.image_cache_name)?;
        if call.image.is_empty() {
            return Err(ApiError::missing("Image"));
        }
        check::images(&call.image)?;
        check::elimination(call.elimination_strategy.as_deref())?;
        check::copies("StandardCopyCount", call.standard_copy_count)?;
        check::copies("FlashCopyCount", call.flash_copy_count)?;
        let (size_gib, raised) = check::size(call.image_cache_size, &self.settings)?;
        let spec = Spec {
            name: call.image_cache_name.clone(),
            images: call.image.clone(),
            size_gib,
            retention_days: check::retention(call.retention_days)?,
            elimination: call.elimination_strategy.clone().unwrap_or_default(),
            resource_group: call.resource_group_id.clone(),
            security_group: call.security_group_id.clone(),
            vswitch: call.vswitch_id.clone(),
            eip: call.eip_instance_id.clone(),
            tags: pairs(&call.tag),
            arch: call.annotations.as_deref().and_then(cpu_arch),
            os: call.os_type.as_deref().map(str::to_ascii_lowercase),
            flash: call.flash.unwrap_or_default(),
            reuse: call.reuse_layers.unwrap_or_default(),
            standard_copies: call.standard_copy_count,
            flash_copies: call.flash_copy_count,
            granted: Vec::new(),
        };
        self.make_room(&call.region_id)?;
        let access = Access {
            credentials: &call.image_registry_credential,
            registries: &call.acr_registry_info,
            granted: &[],
        };
        let mut record = self.build(&call.region_id, spec, &access, chance).0;
        if raised {
            let message =
                format!("Image cache size is raised to {size_gib} GiB, the smallest there is.");
            let name = &record.spec.name;
            let entry = event("Normal", "SizeRaised", name, &message, self.now, chance());
            record.events.push_back(entry);
        }
        let reply = json!({"ImageCacheId": record.id, "ContainerGroupId": record.builder});
        self.put_cache(record);
        Ok(reply)
    }

    /// Begins to build a cache.
    fn build(
        &self,
        region: &str,
        spec: Spec,
        access: &Access<'_>,
        chance: Chance<'_>,
    ) -> (Record, Option<(Timestamp, String)>) {
        let plan = self.plan(region, &spec, access, chance);
        let record = Record {
            id: id("imc-", chance),
            region: region.to_owned(),
            builder: id("eci-", chance),
            created: self.now,
            automatic: false,
            phase: Phase::Preparing,
            spec: Spec {
                granted: plan.granted,
                ..spec
            },
            target: None,
            snapshot: None,
            flash_snapshot: None,
            events: VecDeque::new(),
            failed: None,
            last_matched: None,
            steps: plan.steps,
            span: Some(plan.span),
        };
        (record, plan.failure)
    }

    /// Begins to build a cache for a group; `Err` says why there is none.
    pub(super) fn build_automatic(
        &mut self,
        region: &str,
        spec: Spec,
        access: &Access<'_>,
        chance: Chance<'_>,
    ) -> Result<Automatic, &'static str> {
        if self.count(region, true) >= self.settings.quotas.automatic_caches {
            let oldest = self.eliminable(region, true);
            let oldest = oldest.ok_or("image cache quota is full.")?;
            self.take_cache(&oldest);
        }
        let (record, failure) = self.build(region, spec, access, chance);
        let record = Record {
            automatic: true,
            ..record
        };
        let id = record.id.clone();
        self.put_cache(record);
        Ok(Automatic { id, failure })
    }

    /// At the quota the least recently used cache goes that may go; where none may, the new one is refused.
    fn make_room(&mut self, region: &str) -> Result<(), ApiError> {
        if self.count(region, false) < self.settings.quotas.caches {
            return Ok(());
        }
        let Some(oldest) = self.eliminable(region, false) else {
            return Err(ApiError::new(
                ErrorCode::QuotaExceeded,
                "ImageCache quota exceeded.",
            ));
        };
        self.take_cache(&oldest);
        Ok(())
    }

    /// The least recently used cache that may be eliminated: marked `LRU` or automatic, and not being built.
    fn eliminable(&self, region: &str, automatic: bool) -> Option<String> {
        let may_go = |cache: &&Record| {
            cache.region == region
                && cache.automatic == automatic
                && (automatic || cache.spec.elimination == "LRU")
                && !cache.is_building()
        };
        let caches = self.caches.values().filter(may_go);
        let oldest = caches.min_by_key(|cache| (cache.last_use(), cache.id.clone()));
        oldest.map(|cache| cache.id.clone())
    }

    pub(super) fn update_cache(
        &mut self,
        call: &UpdateImageCache,
        chance: Chance<'_>,
    ) -> Result<Value, ApiError> {
        let known = self.caches.get(&call.image_cache_id);
        let Some(known) = known.filter(|cache| cache.region == call.region_id) else {
            let id = &call.image_cache_id;
            let message = format!("The specified image cache {id} does not exist.");
            return Err(ApiError::new(ErrorCode::InvalidImageCacheNotFound, message));
        };
        if !known.phase.can_update() || known.is_building() {
            let (id, phase) = (&known.id, &known.phase);
            let message = format!(
                "The image cache {id} is {phase}; only Ready and UpdateFailed can be updated."
            );
            return Err(ApiError::new(ErrorCode::ImageCacheIncorrectStatus, message));
        }
        let mut target = self.merged(&known.spec, call)?;
        let access = Access {
            credentials: &call.image_registry_credential,
            registries: &call.acr_registry_info,
            granted: &known.spec.granted,
        };
        let builds = (&target.images, target.size_gib) != (&known.spec.images, known.spec.size_gib)
            || known.phase == Phase::UpdateFailed;
        if !builds && target == known.spec {
            let message = "There are no changes to be updated for current resource.";
            return Err(ApiError::new(ErrorCode::NoNeedUpdate, message));
        }
        let (steps, span) = if builds {
            let plan = self.plan(&known.region, &target, &access, chance);
            target.granted = plan.granted;
            (plan.steps, plan.span)
        } else {
            let end = self.now.plus(QUICK);
            (VecDeque::from([(end, Turn::Finish(None))]), (self.now, end))
        };
        let Some(record) = self.take_cache(&call.image_cache_id) else {
            return Ok(json!({}));
        };
        self.put_cache(Record {
            phase: Phase::Updating,
            target: Some(Box::new(target)),
            builder: id("eci-", chance),
            steps,
            span: Some(span),
            ..record
        });
        Ok(json!({}))
    }

    /// What a cache is after an update: what the call does not say stays.
    fn merged(&self, spec: &Spec, call: &UpdateImageCache) -> Result<Spec, ApiError> {
        let mut target = spec.clone();
        if let Some(name) = &call.image_cache_name {
            check::cache_name(name)?;
            target.name.clone_from(name);
        }
        if !call.image.is_empty() {
            check::images(&call.image)?;
            target.images.clone_from(&call.image);
        }
        if call.image_cache_size.is_some() {
            target.size_gib = check::size(call.image_cache_size, &self.settings)?.0;
        }
        if call.retention_days.is_some() {
            target.retention_days = check::retention(call.retention_days)?;
        }
        if let Some(strategy) = &call.elimination_strategy {
            check::elimination(Some(strategy))?;
            target.elimination.clone_from(strategy);
        }
        check::copies("StandardCopyCount", call.standard_copy_count)?;
        check::copies("FlashCopyCount", call.flash_copy_count)?;
        for (value, given) in [
            (&mut target.resource_group, &call.resource_group_id),
            (&mut target.security_group, &call.security_group_id),
            (&mut target.vswitch, &call.vswitch_id),
            (&mut target.eip, &call.eip_instance_id),
        ] {
            if given.is_some() {
                value.clone_from(given);
            }
        }
        if !call.tag.is_empty() {
            target.tags = pairs(&call.tag);
        }
        target.flash = call.flash.unwrap_or(target.flash);
        target.reuse = call.reuse_layers.unwrap_or(target.reuse);
        target.standard_copies = call.standard_copy_count.or(target.standard_copies);
        target.flash_copies = call.flash_copy_count.or(target.flash_copies);
        Ok(target)
    }

    /// What a builder does from now on: it gets ready, pulls one image after the other and takes a snapshot, or fails
    /// at the first image that it cannot pull or that does not fit.
    fn plan(&self, region: &str, spec: &Spec, access: &Access<'_>, chance: Chance<'_>) -> Plan {
        let pace = self.settings.pace;
        let name = &spec.name;
        let mut at = self.now.plus(pace.prepare);
        let mut steps = VecDeque::from([(at, Turn::Begin)]);
        let begun = at;
        let checked = "Successfully check image cache resource.";
        steps.push_back((
            at,
            Turn::Tell(event("Normal", "Started", name, checked, at, chance())),
        ));
        let pause = format!("registry-vpc.{region}.aliyuncs.com/acs/pause-amd64:3.0");
        let space = u128::try_from(spec.size_gib)
            .unwrap_or_default()
            .saturating_mul(GIB);
        let (mut used, mut granted, mut failure) = (0_u128, Vec::new(), None);
        let pulls = std::iter::once((&pause, Pull::Bytes(PAUSE_BYTES))).chain(
            spec.images
                .iter()
                .map(|image| (image, self.settings.images.pull(image, access))),
        );
        for (image, pull) in pulls {
            let bytes = match pull {
                Pull::Bytes(bytes) => bytes,
                Pull::Refused(why) => {
                    at = at.plus(1);
                    failure = Some(why);
                    break;
                }
            };
            used = used.saturating_add(bytes.into());
            if used > space {
                at = at.plus(1);
                let size = spec.size_gib;
                failure = Some(format!(
                    "failed to pull image {image}: no space left, the cache has {size} GiB"
                ));
                break;
            }
            at = at.plus(if spec.reuse && self.is_cached(image) {
                1
            } else {
                pace.pull(bytes)
            });
            let message = format!("Successfully pulled image {image}");
            steps.push_back((
                at,
                Turn::Tell(event("Normal", "Pulled", name, &message, at, chance())),
            ));
            granted.push(image.clone());
        }
        granted.retain(|image| *image != pause);
        if let Some(why) = failure {
            let entry = event("Warning", "Failed", name, &why, at, chance());
            steps.push_back((at, Turn::Fail(entry)));
            return Plan {
                steps,
                span: (begun, at.plus(pace.snapshot)),
                granted,
                failure: Some((at, why)),
            };
        }
        if spec.flash {
            at = at.plus(pace.flash);
            steps.push_back((at, Turn::Flash(id("s-", chance))));
        }
        at = at.plus(pace.snapshot);
        steps.push_back((at, Turn::Finish(Some(id("s-", chance)))));
        Plan {
            steps,
            span: (begun, at),
            granted,
            failure: None,
        }
    }

    /// Whether a ready cache has this image, whose layers then need not be pulled.
    fn is_cached(&self, image: &str) -> bool {
        let ready = self
            .caches
            .values()
            .filter(|cache| cache.phase == Phase::Ready);
        ready
            .flat_map(|cache| &cache.spec.images)
            .any(|known| known == image)
    }

    /// Fails what an instance is building: somebody has deleted the instance.
    pub(super) fn lose_builder(&mut self, region: &str, builder: &str, chance: Chance<'_>) {
        let building = |cache: &&Record| {
            cache.region == region && cache.builder == builder && cache.is_building()
        };
        let Some(id) = self
            .caches
            .values()
            .find(building)
            .map(|cache| cache.id.clone())
        else {
            return;
        };
        if let Some(mut record) = self.take_cache(&id) {
            let why = "The instance that builds the image cache was deleted.";
            let entry = event(
                "Warning",
                "Failed",
                &record.spec.name,
                why,
                self.now,
                chance(),
            );
            record.steps = VecDeque::from([(self.now, Turn::Fail(entry))]);
            record.step(self.now);
            self.put_cache(record);
        }
    }
}

pub(super) fn pairs(tags: &[Tag]) -> Vec<(String, String)> {
    let pair = |tag: &Tag| (tag.key.clone(), tag.value.clone().unwrap_or_default());
    tags.iter().map(pair).collect()
}
