//! Container groups, as far as image caches care: they start from a cache or pull, and report this in events.

use std::collections::{BTreeSet, VecDeque};

use imagecache::eci::error::{ApiError, ErrorCode};
use imagecache::eci::group::{MAX_NAME, MIN_NAME, is_name, matching_pod};
use imagecache::eci::reply::{ContainerGroupEntry, EventEntry};
use imagecache::eci::request::{Container, CreateContainerGroup, DeleteContainerGroup};
use imagecache::matching::{self, Explanation, Image, ImageMatch};
use imagecache::resource::AUTO_NAME_PREFIX;
use imagecache::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cache::{Spec, event, tag};
use super::image_build::pairs;
use super::{Chance, Table, World, check, id};
use crate::cloud::images::{Access, Pull};

/// vCPUs of a group that names none. Source: the vendor's default instance.
const DEFAULT_CPU: f64 = 2.0;

/// What happens to a group at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Turn {
    Tell(EventEntry),
    Become(String),
}

/// A container group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) status: String,
    pub(super) cpu: f64,
    pub(super) tags: Vec<(String, String)>,
    address: String,
    containers: Vec<Value>,
    init_containers: Vec<Value>,
    events: Vec<EventEntry>,
    steps: VecDeque<(Timestamp, Turn)>,
}

impl Group {
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.steps.front().map(|(at, _)| *at)
    }

    pub(super) fn step(&mut self, at: Timestamp) {
        while let Some((_, turn)) = self.steps.pop_front_if(|(due, _)| *due <= at) {
            match turn {
                Turn::Tell(event) => self.events.push(event),
                Turn::Become(status) => self.status = status,
            }
        }
    }

    /// Returns the group in the form of the API.
    pub(super) fn entry(&self) -> Value {
        let tags: Vec<_> = self
            .tags
            .iter()
            .map(|(key, value)| tag(key, value))
            .collect();
        let unknown: Map<String, Value> = [
            ("Containers", json!(self.containers)),
            ("InitContainers", json!(self.init_containers)),
            ("HostAliases", json!([])),
            ("IntranetIp", json!(self.address)),
            ("Tags", json!(tags)),
            ("Volumes", json!([])),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        json!(ContainerGroupEntry {
            container_group_id: self.id.clone(),
            container_group_name: Some(self.name.clone()),
            region_id: Some(self.region.clone()),
            status: Some(self.status.clone()),
            creation_time: Some(self.created.to_string()),
            events: self.events.clone(),
            unknown,
        })
    }
}

impl World {
    pub(super) fn create_group(
        &mut self,
        call: &CreateContainerGroup,
        chance: Chance<'_>,
    ) -> Result<Value, ApiError> {
        if !is_name(&call.container_group_name) {
            let fact = format!(
                "{MIN_NAME} to {MAX_NAME} lower-case letters, digits and hyphens allowed, no hyphen first or last"
            );
            return Err(check::bad("ContainerGroupName", fact));
        }
        if call.container.is_empty() {
            return Err(ApiError::missing("Container"));
        }
        let cpu = cpu(call)?;
        if self.used_cpu(&call.region_id) + cpu > f64::from(self.settings.quotas.cpu) {
            return Err(ApiError::new(
                ErrorCode::QuotaExceeded,
                "Cpu quota exceeded.",
            ));
        }
        let mut rules = self.settings.rules.clone();
        rules.now = Some(self.now);
        rules.auto_create &= self.settings.auto_create;
        let pod = matching_pod(call);
        let answer = self.index.explain(&pod, &rules);
        if let Some(error) = &answer.error {
            return Err(ApiError::new(
                ErrorCode::from(error.code.as_str()),
                error.message.clone(),
            ));
        }
        let id = id("eci-", chance);
        let soon = self.now.plus(1);
        let name = call.container_group_name.clone();
        let winner = answer
            .winner
            .as_ref()
            .and_then(|winner| winner.image_cache_id.clone());
        let mut events = Vec::new();
        if let Some(winner) = winner {
            events.push((soon, matching::PodEvent::hit(&winner)));
            self.use_cache(&winner);
        } else if answer.events.contains(&matching::PodEvent::missed()) {
            events.push((soon, matching::PodEvent::missed()));
        }
        events.extend(self.create_automatic(call, &id, &answer, chance));
        let entry = |(at, of): (Timestamp, matching::PodEvent)| {
            let entry = event(&of.kind, &of.reason, &name, &of.message, at, chance());
            (at, Turn::Tell(entry))
        };
        let mut steps: VecDeque<_> = events.into_iter().map(entry).collect();
        let ready = self.now.plus(self.settings.pace.prepare);
        self.start(call, &answer, ready, &mut steps, chance);
        steps.make_contiguous().sort_by_key(|(at, _)| *at);
        let address = chance();
        let byte = |shift: u32| (address >> shift) & 0xff;
        self.put_group(Group {
            id: id.clone(),
            region: call.region_id.clone(),
            name,
            created: self.now,
            status: "Pending".to_owned(),
            cpu,
            tags: pairs(&call.tag),
            address: format!("10.{}.{}.{}", byte(0), byte(8), byte(16)),
            containers: call.container.iter().map(shown).collect(),
            init_containers: call.init_container.iter().map(shown).collect(),
            events: Vec::new(),
            steps,
        });
        Ok(json!({"ContainerGroupId": id}))
    }

    /// A cache is used: its life may become longer by it.
    fn use_cache(&mut self, id: &str) {
        if let Some(mut record) = self.take_cache(id) {
            record.last_matched = Some(self.now);
            self.put_cache(record);
        }
    }

    /// Begins the cache of a group that did not match fully, and returns its events with their times.
    fn create_automatic(
        &mut self,
        call: &CreateContainerGroup,
        group: &str,
        answer: &Explanation,
        chance: Chance<'_>,
    ) -> Vec<(Timestamp, matching::PodEvent)> {
        let Some(creation) = &answer.next.create else {
            return Vec::new();
        };
        let spec = Spec {
            name: format!("{AUTO_NAME_PREFIX}{group}"),
            images: creation.images.clone(),
            size_gib: i64::try_from(creation.size_gib).unwrap_or(i64::MAX),
            retention_days: None,
            elimination: "LRU".to_owned(),
            resource_group: call.resource_group_id.clone(),
            security_group: call.security_group_id.clone(),
            vswitch: call.vswitch_id.clone(),
            eip: None,
            tags: Vec::new(),
            arch: None,
            os: None,
            flash: false,
            reuse: false,
            standard_copies: None,
            flash_copies: None,
            granted: Vec::new(),
        };
        let access = Access {
            credentials: &call.image_registry_credential,
            registries: &call.acr_registry_info,
            granted: &[],
        };
        let soon = self.now.plus(2);
        match self.build_automatic(&call.region_id, spec, &access, chance) {
            Err(why) => vec![(soon, matching::PodEvent::auto_create_failed(why))],
            Ok(automatic) => {
                let begun = matching::PodEvent::auto_created(&automatic.id);
                let failed = automatic
                    .failure
                    .map(|(at, why)| (at, matching::PodEvent::auto_create_failed(&why)));
                std::iter::once((soon, begun)).chain(failed).collect()
            }
        }
    }

    /// The containers get their images, from the cache or from a registry, and run; or they wait without end for the
    /// first one that cannot be pulled.
    fn start(
        &self,
        call: &CreateContainerGroup,
        answer: &Explanation,
        mut at: Timestamp,
        steps: &mut VecDeque<(Timestamp, Turn)>,
        chance: Chance<'_>,
    ) {
        let name = &call.container_group_name;
        let exact = answer
            .images
            .iter()
            .filter(|found| found.found == ImageMatch::Exact);
        let mut present: BTreeSet<String> = exact.map(|found| full(&found.image)).collect();
        let access = Access {
            credentials: &call.image_registry_credential,
            registries: &call.acr_registry_info,
            granted: &[],
        };
        for container in call.init_container.iter().chain(&call.container) {
            let image = &container.image;
            let message = if present.contains(&full(image)) {
                format!("Container image \"{image}\" already present on machine")
            } else {
                match self.settings.images.pull(image, &access) {
                    Pull::Bytes(bytes) => at = at.plus(self.settings.pace.pull(bytes)),
                    Pull::Refused(why) => {
                        let entry = event("Warning", "Failed", name, &why, at, chance());
                        steps.push_back((at, Turn::Tell(entry)));
                        return;
                    }
                }
                present.insert(full(image));
                format!("Successfully pulled image \"{image}\"")
            };
            let entry = event("Normal", "Pulled", name, &message, at, chance());
            steps.push_back((at, Turn::Tell(entry)));
            let message = format!("Started container {}", container.name);
            let entry = event("Normal", "Started", name, &message, at, chance());
            steps.push_back((at, Turn::Tell(entry)));
        }
        steps.push_back((at, Turn::Become("Running".to_owned())));
    }

    pub(super) fn delete_group(
        &mut self,
        call: &DeleteContainerGroup,
        chance: Chance<'_>,
    ) -> Value {
        let (region, id) = (&call.region_id, &call.container_group_id);
        if self
            .groups
            .get(id)
            .is_some_and(|group| group.region == *region)
        {
            if let Some(at) = self.groups.remove(id).and_then(|group| group.due()) {
                self.due.remove(&(at, super::Due::Group(id.clone())));
            }
            self.touched.insert((Table::Groups, id.clone()));
        } else {
            self.lose_builder(region, id, chance);
        }
        json!({})
    }
}

/// An image in full, so that two ways of writing it are one.
fn full(image: &str) -> String {
    Image::new(image).normalized().unwrap_or(image).to_owned()
}

/// vCPUs of all containers.
fn cpu(call: &CreateContainerGroup) -> Result<f64, ApiError> {
    let mut sum = 0.0;
    for (number, container) in (1..).zip(&call.container) {
        let Some(text) = container.cpu.as_deref().filter(|text| !text.is_empty()) else {
            continue;
        };
        match text.parse::<f64>() {
            Ok(cpu) if cpu.is_finite() && cpu >= 0.0 => sum += cpu,
            _ => {
                return Err(check::bad(
                    &format!("Container.{number}.Cpu"),
                    "no number of vCPUs",
                ));
            }
        }
    }
    Ok(if sum > 0.0 { sum } else { DEFAULT_CPU })
}

fn shown(container: &Container) -> Value {
    json!({
        "Name": container.name,
        "Image": container.image,
        "ImagePullPolicy": container.image_pull_policy,
        "Cpu": container.cpu.as_deref().and_then(|text| text.parse::<f64>().ok()),
        "Memory": container.memory.as_deref().and_then(|text| text.parse::<f64>().ok()),
    })
}
