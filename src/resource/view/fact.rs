//! The facts of a cache: where an object and an entry of a reply have each, and its type.

use serde_json::Value;

use crate::diagnostic::{Code, Report};
use crate::path::Path;
use crate::resource::{annotation, whole};
use crate::time::Timestamp;
use crate::type_error::TypeError;

/// The part of an object that holds a fact.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Metadata,
    Annotations,
    Spec,
    Status,
}

/// The type of a fact.
#[derive(Debug, Clone, Copy)]
pub(super) enum Type {
    Text,
    Time,
    /// A whole number of this unit.
    Whole(&'static str),
    List,
}

/// A fact: its place in each form, and its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    pub(super) object: Option<(Part, &'static str)>,
    pub(super) entry: Option<&'static str>,
    pub(super) is: Type,
}

const fn both(part: Part, object: &'static str, entry: &'static str, is: Type) -> Fact {
    Fact {
        object: Some((part, object)),
        entry: Some(entry),
        is,
    }
}

const fn object_only(part: Part, name: &'static str, is: Type) -> Fact {
    Fact {
        object: Some((part, name)),
        entry: None,
        is,
    }
}

const fn entry_only(name: &'static str, is: Type) -> Fact {
    Fact {
        object: None,
        entry: Some(name),
        is,
    }
}

pub(super) const ID: Fact = both(Part::Status, "imageCacheId", "ImageCacheId", Type::Text);
pub(super) const NAME: Fact = both(Part::Metadata, "name", "ImageCacheName", Type::Text);
pub(super) const IMAGES: Fact = both(Part::Spec, "images", "Images", Type::List);
pub(super) const SIZE: Fact = both(
    Part::Spec,
    "imageCacheSize",
    "ImageCacheSize",
    Type::Whole("GiB"),
);
pub(super) const RETENTION: Fact = both(
    Part::Spec,
    "retentionDays",
    "RetentionDays",
    Type::Whole("days"),
);
pub(super) const PHASE: Fact = both(Part::Status, "phase", "Status", Type::Text);
pub(super) const CREATED: Fact = both(
    Part::Metadata,
    "creationTimestamp",
    "CreationTime",
    Type::Time,
);
pub(super) const STARTED: Fact = object_only(Part::Status, "startTime", Type::Time);
pub(super) const UPDATED: Fact = object_only(Part::Status, "lastUpdatedTime", Type::Time);
pub(super) const UPDATED_OLD: Fact = object_only(Part::Status, "lastUpdateTime", Type::Time);
pub(super) const EXPIRES: Fact = both(Part::Status, "expireDateTime", "ExpireDateTime", Type::Time);
pub(super) const LAST_MATCHED: Fact = entry_only("LastMatchedTime", Type::Time);
pub(super) const REGION: Fact = entry_only("RegionId", Type::Text);
pub(super) const ARCH: Fact = object_only(Part::Annotations, annotation::CPU_ARCH, Type::Text);
pub(super) const OS: Fact = object_only(Part::Annotations, annotation::OS_TYPE, Type::Text);
pub(super) const SNAPSHOT: Fact = entry_only("SnapshotId", Type::Text);
pub(super) const FLASH_SNAPSHOT: Fact = entry_only("FlashSnapshotId", Type::Text);
pub(super) const EVENTS: Fact = both(Part::Status, "events", "Events", Type::List);

/// The facts that are reported, in the order of a document.
pub(super) const REPORTED: [Fact; 17] = [
    ID,
    NAME,
    CREATED,
    ARCH,
    OS,
    IMAGES,
    SIZE,
    RETENTION,
    PHASE,
    STARTED,
    UPDATED,
    UPDATED_OLD,
    EXPIRES,
    LAST_MATCHED,
    REGION,
    SNAPSHOT,
    FLASH_SNAPSHOT,
];

/// The facts that decide when a cache expires, in the order of a document.
pub(super) const DECIDES_END: [Fact; 10] = [
    ID,
    NAME,
    CREATED,
    RETENTION,
    PHASE,
    STARTED,
    UPDATED,
    UPDATED_OLD,
    EXPIRES,
    LAST_MATCHED,
];

pub(super) fn ignored(expected: &str, found: &Value, path: &Path<'_>, report: &mut Report<'_>) {
    let help = format_args!("The field is ignored; write {expected}.");
    report.add(Code::IC016, path, TypeError { expected, found }, help);
}

impl Type {
    /// Reports a value that is not of this type.
    pub(super) fn report(self, value: &Value, path: &Path<'_>, report: &mut Report<'_>) {
        match (self, value) {
            (Type::Text, Value::String(_)) | (Type::List, Value::Array(_)) => {}
            (Type::Time, Value::String(text)) => {
                if let (false, Err(error)) = (text.is_empty(), text.parse::<Timestamp>()) {
                    let help = "The field is ignored; write the time in UTC, as ECI does.";
                    report.add(Code::IC081, path, error, help);
                }
            }
            (Type::Whole(_), value) if whole(value).is_some_and(|number| number >= 0) => {}
            (Type::Whole(unit), found) => {
                ignored(&format!("a whole number of {unit}"), found, path, report);
            }
            (Type::Text | Type::Time, found) => ignored("a string", found, path, report),
            (Type::List, found) => ignored("a list of strings", found, path, report),
        }
    }
}
