//! The one reader of a cache, from an `ImageCache` object or from an entry of a DescribeImageCaches reply.

mod fact;

use serde_json::{Map, Value};

use super::{DEFAULT_SIZE_GIB, whole};
use crate::diagnostic::Report;
use crate::path::Path;
use crate::time::Timestamp;
use fact::{
    ARCH, CREATED, DECIDES_END, EVENTS, EXPIRES, FLASH_SNAPSHOT, Fact, ID, IMAGES, LAST_MATCHED,
    NAME, OS, PHASE, Part, REGION, REPORTED, RETENTION, SIZE, SNAPSHOT, STARTED, Type, UPDATED,
    UPDATED_OLD, ignored,
};

/// The form of a document that describes a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheForm {
    /// An `ImageCache` object of a cluster.
    Object,
    /// An entry of a DescribeImageCaches reply.
    Entry,
}

/// A cache as a document describes it. Nothing is copied; each fact is read when it is asked for, and a value of the
/// wrong type counts as absent. [`CacheView::report`] reports such values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheView<'v> {
    pub(crate) form: CacheForm,
    root: &'v Map<String, Value>,
    metadata: Option<&'v Map<String, Value>>,
    annotations: Option<&'v Map<String, Value>>,
    spec: Option<&'v Map<String, Value>>,
    status: Option<&'v Map<String, Value>>,
}

/// Returns a member of an API reply with its key: by its name in the API (`ImageCacheId`), else as typed SDKs print it
/// (`imageCacheId`).
pub(crate) fn field<'v>(
    object: &'v Map<String, Value>,
    name: &str,
) -> Option<(&'v str, &'v Value)> {
    let same_but_first = |key: &str| {
        let (Some((key_first, key_rest)), Some((first, rest))) =
            (key.split_at_checked(1), name.split_at_checked(1))
        else {
            return false;
        };
        key_rest == rest && key_first.eq_ignore_ascii_case(first)
    };
    let exact = object.get_key_value(name);
    let (key, value) = exact.or_else(|| object.iter().find(|(key, _)| same_but_first(key)))?;
    Some((key, value))
}

/// What only objects of a cluster have.
impl<'v> CacheView<'v> {
    fn metadata_text(&self, name: &str) -> Option<&'v str> {
        let text = self.metadata?.get(name)?.as_str();
        text.filter(|text| !text.is_empty())
    }

    /// Returns the uid that the API server gave the object.
    pub(crate) fn uid(&self) -> Option<&'v str> {
        self.metadata_text("uid")
    }

    /// Returns the opaque version of the stored object.
    pub(crate) fn resource_version(&self) -> Option<&'v str> {
        self.metadata_text("resourceVersion")
    }

    /// Returns true once the deletion of the object was requested.
    pub(crate) fn is_deleting(&self) -> bool {
        self.metadata_text("deletionTimestamp").is_some()
    }

    /// Returns the value of an annotation.
    pub(crate) fn annotation(&self, name: &str) -> Option<&'v str> {
        self.annotations?.get(name)?.as_str()
    }
}

/// What only the controller asks of an object.
#[cfg(feature = "eci")]
impl<'v> CacheView<'v> {
    /// Returns the number of changes of `spec`, from 1.
    pub(crate) fn generation(&self) -> i64 {
        let generation = self
            .metadata
            .and_then(|metadata| metadata.get("generation"));
        generation.and_then(Value::as_i64).unwrap_or(1)
    }

    /// Returns the finalizers.
    pub(crate) fn finalizers(&self) -> impl Iterator<Item = &'v str> {
        let finalizers = self
            .metadata
            .and_then(|metadata| metadata.get("finalizers"));
        let finalizers = finalizers.and_then(Value::as_array).into_iter().flatten();
        finalizers.filter_map(Value::as_str)
    }
}

impl<'v> CacheView<'v> {
    /// Reads an `ImageCache` object or an entry of a DescribeImageCaches reply. Only objects have `kind`, `metadata` or
    /// `spec`. Returns `None` for a value that is not a JSON object.
    pub(crate) fn of(value: &'v Value) -> Option<Self> {
        let root = value.as_object()?;
        let part = |within: &'v Map<String, Value>, name| within.get(name)?.as_object();
        let metadata = part(root, "metadata");
        let is_object = ["kind", "metadata", "spec"]
            .into_iter()
            .any(|name| root.contains_key(name));
        Some(CacheView {
            form: if is_object {
                CacheForm::Object
            } else {
                CacheForm::Entry
            },
            root,
            metadata,
            annotations: metadata.and_then(|metadata| part(metadata, "annotations")),
            spec: part(root, "spec"),
            status: part(root, "status"),
        })
    }

    fn part(&self, part: Part) -> Option<&'v Map<String, Value>> {
        match part {
            Part::Metadata => self.metadata,
            Part::Annotations => self.annotations,
            Part::Spec => self.spec,
            Part::Status => self.status,
        }
    }

    /// Returns the value of a fact, unless it is absent or null.
    fn value(&self, fact: &Fact) -> Option<&'v Value> {
        let value = match self.form {
            CacheForm::Object => {
                let (part, name) = fact.object?;
                self.part(part)?.get(name)?
            }
            CacheForm::Entry => field(self.root, fact.entry?)?.1,
        };
        Some(value).filter(|value| !value.is_null())
    }

    /// An empty string counts as absent: Go clients write fields that are not set.
    fn text(&self, fact: &Fact) -> Option<&'v str> {
        self.value(fact)?.as_str().filter(|text| !text.is_empty())
    }

    fn time(&self, fact: &Fact) -> Option<Timestamp> {
        self.text(fact)?.parse().ok()
    }

    fn list(&self, fact: &Fact) -> &'v [Value] {
        self.value(fact)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// Returns the id in ECI, `imc-…`.
    pub(crate) fn id(&self) -> Option<&'v str> {
        self.text(&ID)
    }

    /// Returns the name of the object or the entry.
    pub(crate) fn name(&self) -> Option<&'v str> {
        self.text(&NAME)
    }

    /// Returns the images as written, items that are not strings included.
    pub(crate) fn images(&self) -> &'v [Value] {
        self.list(&IMAGES)
    }

    /// Returns true when the images are absent or null.
    pub(crate) fn lacks_images(&self) -> bool {
        self.value(&IMAGES).is_none()
    }

    /// Returns the size in GiB, [`DEFAULT_SIZE_GIB`] when absent or negative.
    pub(crate) fn size_gib(&self) -> u64 {
        let size = self.written_size_gib().filter(|size| *size >= 0);
        u64::try_from(size.unwrap_or(DEFAULT_SIZE_GIB)).unwrap_or_default()
    }

    /// Returns the size in GiB as written; `None` when absent or not a whole number.
    pub(crate) fn written_size_gib(&self) -> Option<i64> {
        self.value(&SIZE).and_then(whole)
    }

    /// Returns the retention as written. Objects without one are kept until they are deleted; replies do not repeat it.
    pub(crate) fn retention_days(&self) -> Option<&'v Value> {
        self.value(&RETENTION)
    }

    /// Returns the phase as written.
    pub(crate) fn phase(&self) -> Option<&'v str> {
        self.text(&PHASE)
    }

    /// Returns the creation time.
    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.time(&CREATED)
    }

    /// Returns the time at which ECI began to create the cache; objects only.
    pub(crate) fn started(&self) -> Option<Timestamp> {
        self.time(&STARTED)
    }

    /// Returns the time at which the status last changed; objects only.
    pub(crate) fn updated(&self) -> Option<Timestamp> {
        self.time(&UPDATED).or_else(|| self.time(&UPDATED_OLD))
    }

    /// Returns the recorded end.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.time(&EXPIRES)
    }

    /// Returns the last use by a container group; entries only.
    pub(crate) fn last_matched(&self) -> Option<Timestamp> {
        self.time(&LAST_MATCHED)
    }

    /// Returns the time of the newest event of type `Warning`.
    pub(crate) fn warned(&self) -> Option<Timestamp> {
        let get = |event: &'v Value, name| field(event.as_object()?, name)?.1.as_str();
        let warnings = self.list(&EVENTS).iter();
        warnings
            .filter(|event| get(event, "Type") == Some("Warning"))
            .filter_map(|event| get(event, "LastTimestamp")?.parse().ok())
            .max()
    }

    /// Returns the value of a tag; entries only.
    pub(crate) fn tag(&self, key: &str) -> Option<&'v str> {
        let tags = field(self.root, "Tags").filter(|_| self.form == CacheForm::Entry);
        let text = |tag: &'v Value, name| field(tag.as_object()?, name)?.1.as_str();
        let mut tags = tags?.1.as_array()?.iter();
        let tag = tags.find(|tag| text(tag, "Key") == Some(key))?;
        text(tag, "Value")
    }

    /// Returns the region; entries only.
    pub(crate) fn region(&self) -> Option<&'v str> {
        self.text(&REGION)
    }

    /// Returns the architecture of the images; objects only.
    pub(crate) fn arch(&self) -> Option<&'v str> {
        self.text(&ARCH)
    }

    /// Returns the operating system of the images; objects only.
    pub(crate) fn os(&self) -> Option<&'v str> {
        self.text(&OS)
    }

    /// Returns the snapshot, `s-…`; entries only.
    pub(crate) fn snapshot(&self) -> Option<&'v str> {
        self.text(&SNAPSHOT)
    }

    /// Returns the temporary local snapshot; entries only.
    pub(crate) fn flash_snapshot(&self) -> Option<&'v str> {
        self.text(&FLASH_SNAPSHOT)
    }

    /// Calls `at` with the path of the images, for findings about single images.
    pub(crate) fn with_images_path(&self, path: &Path<'_>, at: impl FnOnce(&Path<'_>)) {
        self.with_path(&IMAGES, path, at);
    }

    /// Returns the name of a time that decides the end of the cache and cannot be read: `creationTimestamp`.
    pub(crate) fn unreadable_time(&self) -> Option<&'static str> {
        let times = DECIDES_END
            .iter()
            .filter(|fact| matches!(fact.is, Type::Time));
        let mut unread = times.filter(|fact| {
            let written = self.value(fact).is_some_and(|value| value != "");
            written && self.time(fact).is_none()
        });
        let fact = unread.next()?;
        match self.form {
            CacheForm::Object => fact.object.map(|(_, name)| name),
            CacheForm::Entry => fact.entry,
        }
    }

    /// Reports every value of the wrong type.
    pub(crate) fn report(&self, path: &Path<'_>, report: &mut Report<'_>) {
        self.report_facts(&REPORTED, path, report);
    }

    /// Reports the values of the wrong type that decide when the cache expires.
    pub(crate) fn report_end(&self, path: &Path<'_>, report: &mut Report<'_>) {
        self.report_facts(&DECIDES_END, path, report);
    }

    fn report_facts(&self, facts: &[Fact], path: &Path<'_>, report: &mut Report<'_>) {
        if self.form == CacheForm::Object {
            self.report_parts(path, report);
        }
        for fact in facts {
            if let Some(value) = self.value(fact) {
                self.with_path(fact, path, |path| fact.is.report(value, path, report));
            }
        }
    }

    /// Paths live on the stack, so the path of a fact is lent to `at`.
    fn with_path(&self, fact: &Fact, path: &Path<'_>, at: impl FnOnce(&Path<'_>)) {
        let (part, name) = match (self.form, fact.object, fact.entry) {
            (CacheForm::Object, Some((part, name)), _) => (part, name),
            (CacheForm::Entry, _, Some(name)) => {
                let key = field(self.root, name).map_or(name, |(key, _)| key);
                return at(&path.field(key));
            }
            _ => return,
        };
        let metadata = path.field("metadata");
        match part {
            Part::Metadata => at(&metadata.field(name)),
            Part::Annotations => at(&metadata.field("annotations").key(name)),
            Part::Spec => at(&path.field("spec").field(name)),
            Part::Status => at(&path.field("status").field(name)),
        }
    }

    fn report_parts(&self, path: &Path<'_>, report: &mut Report<'_>) {
        for name in ["metadata", "spec", "status"] {
            object_or_report(self.root.get(name), &path.field(name), report);
        }
        let annotations = self
            .metadata
            .and_then(|metadata| metadata.get("annotations"));
        let metadata = path.field("metadata");
        object_or_report(annotations, &metadata.field("annotations"), report);
    }
}

fn object_or_report(value: Option<&Value>, path: &Path<'_>, report: &mut Report<'_>) {
    if let Some(value) = value.filter(|value| !value.is_null() && !value.is_object()) {
        ignored("an object", value, path, report);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::resource::annotation;

    use super::*;
    use crate::diagnostic::Levels;

    /// Every fact as text, so that both forms can be compared.
    fn facts(value: &Value) -> Vec<(&'static str, String)> {
        let view = CacheView::of(value).unwrap();
        vec![
            ("id", format!("{:?}", view.id())),
            ("name", format!("{:?}", view.name())),
            ("images", format!("{:?}", view.images())),
            ("size", view.size_gib().to_string()),
            ("retention", format!("{:?}", view.retention_days())),
            ("phase", format!("{:?}", view.phase())),
            ("created", format!("{:?}", view.created())),
            ("expires", format!("{:?}", view.expires())),
            ("warned", format!("{:?}", view.warned())),
        ]
    }

    fn faults(value: &Value) -> Vec<String> {
        let levels = Levels::default();
        let mut report = Report::new(&levels);
        CacheView::of(value)
            .unwrap()
            .report(&Path::Root, &mut report);
        report.finish().iter().map(ToString::to_string).collect()
    }

    fn object() -> Value {
        json!({
            "kind": "ImageCache",
            "metadata": {
                "name": "web", "creationTimestamp": "2026-01-18T03:18:02Z",
                "annotations": {annotation::CPU_ARCH: "arm64", annotation::OS_TYPE: "linux"},
            },
            "spec": {"images": ["nginx:1.27", 7], "imageCacheSize": 25.0, "retentionDays": 7},
            "status": {
                "imageCacheId": "imc-1", "phase": "Ready", "startTime": "2026-01-18T03:18:03Z",
                "lastUpdateTime": "2026-01-18T03:20:00Z", "expireDateTime": "2026-01-25T03:18:02Z",
                "events": [{"type": "Warning", "lastTimestamp": "2026-01-18T03:19:00Z"}, {"type": "Normal"}],
            },
        })
    }

    fn entry() -> Value {
        json!({
            "ImageCacheId": "imc-1", "ImageCacheName": "web", "CreationTime": "2026-01-18T03:18:02Z",
            "Images": ["nginx:1.27", 7], "ImageCacheSize": 25.0, "RetentionDays": 7, "Status": "Ready",
            "ExpireDateTime": "2026-01-25T03:18:02Z", "LastMatchedTime": "2026-01-19T10:00:00Z",
            "RegionId": "cn-beijing", "SnapshotId": "s-1", "FlashSnapshotId": "s-2",
            "Events": [{"Type": "Warning", "LastTimestamp": "2026-01-18T03:19:00Z"}, {"Type": "Normal"}],
        })
    }

    /// The entry as typed SDKs print it.
    fn printed(value: &Value) -> Value {
        let lower = |key: &str| -> String {
            let mut chars = key.chars();
            let first = chars.next().map(|first| first.to_ascii_lowercase());
            first.into_iter().chain(chars).collect()
        };
        match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (lower(key), printed(value)))
                .collect(),
            Value::Array(items) => items.iter().map(printed).collect(),
            scalar => scalar.clone(),
        }
    }

    #[test]
    fn view_of_object_and_entry_has_the_same_facts() {
        let expected = facts(&object());
        assert!(
            expected.iter().all(|(_, text)| text != "None"),
            "{expected:?}"
        );
        assert_eq!(facts(&entry()), expected);
        assert_eq!(facts(&printed(&entry())), expected);
        for value in [object(), entry(), printed(&entry())] {
            assert_eq!(faults(&value), Vec::<String>::new());
        }
    }

    #[test]
    fn view_has_facts_of_one_form_only_where_that_form_has_them() {
        let (object, entry) = (object(), printed(&entry()));
        let (of_object, of_entry) = (
            CacheView::of(&object).unwrap(),
            CacheView::of(&entry).unwrap(),
        );
        assert_eq!(
            (of_object.form, of_entry.form),
            (CacheForm::Object, CacheForm::Entry)
        );
        assert_eq!((of_object.arch(), of_entry.arch()), (Some("arm64"), None));
        assert_eq!((of_object.os(), of_entry.os()), (Some("linux"), None));
        assert_eq!(
            of_object.started().unwrap().to_string(),
            "2026-01-18T03:18:03Z"
        );
        assert_eq!(
            of_object.updated().unwrap().to_string(),
            "2026-01-18T03:20:00Z"
        );
        assert_eq!((of_entry.started(), of_entry.updated()), (None, None));
        assert_eq!(
            (of_object.region(), of_entry.region()),
            (None, Some("cn-beijing"))
        );
        assert_eq!(
            (of_object.snapshot(), of_entry.snapshot()),
            (None, Some("s-1"))
        );
        assert_eq!(
            (of_object.flash_snapshot(), of_entry.flash_snapshot()),
            (None, Some("s-2"))
        );
        assert_eq!(of_object.last_matched(), None);
        assert_eq!(
            of_entry.last_matched().unwrap().to_string(),
            "2026-01-19T10:00:00Z"
        );
    }

    #[test]
    fn view_of_wrong_types_reports_each_and_has_no_fact() {
        let wrong = |value: &Value, keep: &[&str]| -> Value {
            let fields = value.as_object().unwrap().iter();
            let fields = fields.map(|(key, value)| match keep.contains(&key.as_str()) {
                true => (key.clone(), value.clone()),
                false => (key.clone(), json!(true)),
            });
            fields.collect()
        };
        let mut entry = wrong(&entry(), &["Events"]);
        entry["ExpireDateTime"] = json!("soon");
        // Every fact but the events, whose only use is the date of a failure.
        assert_eq!(faults(&entry).len(), 12, "{:#?}", faults(&entry));
        let view = CacheView::of(&entry).unwrap();
        assert_eq!(
            (view.id(), view.name(), view.images().len()),
            (None, None, 0)
        );
        assert_eq!(
            (view.size_gib(), view.expires(), view.lacks_images()),
            (20, None, false)
        );
        assert_eq!(
            faults(
                &json!({"kind": "ImageCache", "metadata": {"annotations": 1}, "spec": [], "status": "Ready"})
            ),
            [
                "spec: expected an object, found a list",
                "status: expected an object, found the string `Ready`",
                "metadata.annotations: expected an object, found the number `1`",
            ]
        );
        assert_eq!(
            faults(
                &json!({"kind": "ImageCache", "metadata": {"annotations": {annotation::OS_TYPE: 1}}})
            ),
            [format!(
                "metadata.annotations[{}]: expected a string, found the number `1`",
                annotation::OS_TYPE
            )]
        );
        assert!(CacheView::of(&json!([])).is_none());
    }
}
