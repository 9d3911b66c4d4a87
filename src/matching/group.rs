//! The one reader of a container group, an entry of a DescribeContainerGroups reply, as far as its cache matters.

use serde_json::{Map, Value};

use super::event::{HIT, MISSED};
use crate::diagnostic::{Code, Report};
use crate::image::Image;
use crate::path::Path;
use crate::resource::view::field;
use crate::resource::walk::Pages;
use crate::type_error::TypeError;

/// Container groups in these states have ended. Any other state counts as running.
const ENDED: [&str; 4] = ["Succeeded", "Failed", "ScheduleFailed", "Expired"];

/// A container group as a reply describes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupView<'v>(&'v Map<String, Value>);

/// Returns the entries of a DescribeContainerGroups reply with their key; `None` if the object is none. Notes whether it
/// names a next page.
pub(crate) fn groups<'f>(
    fields: &'f Map<String, Value>,
    pages: &mut Pages,
) -> Option<(&'f str, &'f Value)> {
    let is_reply = !fields.contains_key("kind");
    let found = field(fields, "ContainerGroups").filter(|_| is_reply)?;
    let token = field(fields, "NextToken").and_then(|(_, token)| token.as_str());
    pages.add(
        "ContainerGroups",
        token.is_some_and(|token| !token.is_empty()),
    );
    Some(found)
}

/// Visits the entries of a reply. Reports those that are not container groups, and returns their number.
pub(crate) fn each_group(
    (key, entries): (&str, &Value),
    path: &Path<'_>,
    report: &mut Report<'_>,
    mut visit: impl FnMut(GroupView<'_>),
) -> usize {
    let path = path.field(key);
    let Some(entries) = entries.as_array() else {
        let (expected, found) = ("a list", entries);
        report.add(Code::IC016, &path, TypeError { expected, found }, "");
        return 1;
    };
    let mut unread = 0;
    for (index, entry) in entries.iter().enumerate() {
        match entry.as_object().and_then(GroupView::of) {
            Some(group) => visit(group),
            None => {
                let (expected, found) = ("a container group", entry);
                let path = path.index(index);
                report.add(Code::IC004, &path, TypeError { expected, found }, "");
                unread += 1;
            }
        }
    }
    unread
}

impl<'v> GroupView<'v> {
    /// Reads an entry. `None` for a value that has no id of a container group.
    pub(crate) fn of(fields: &'v Map<String, Value>) -> Option<Self> {
        let is_group = !fields.contains_key("kind") && field(fields, "ContainerGroupId").is_some();
        is_group.then_some(GroupView(fields))
    }

    fn text(&self, name: &str) -> Option<&'v str> {
        field(self.0, name)?
            .1
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// Returns the id, `eci-…`.
    pub(crate) fn id(&self) -> &'v str {
        self.text("ContainerGroupId").unwrap_or_default()
    }

    /// Returns the name, else the id.
    pub(crate) fn name(&self) -> &'v str {
        self.text("ContainerGroupName").unwrap_or_else(|| self.id())
    }

    /// Returns the creation time as written.
    pub(crate) fn created(&self) -> Option<&'v str> {
        self.text("CreationTime")
    }

    /// Returns the region.
    pub(crate) fn region(&self) -> Option<&'v str> {
        self.text("RegionId")
    }

    /// Returns the temporary storage in GiB.
    pub(crate) fn storage_gib(&self) -> u64 {
        let storage = field(self.0, "EphemeralStorage");
        storage
            .and_then(|(_, storage)| storage.as_u64())
            .unwrap_or_default()
    }

    /// Reports whether the group has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.text("Status")
            .is_some_and(|status| ENDED.contains(&status))
    }

    /// Returns reason and message of each event.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&'v str, &'v str)> + use<'v> {
        let events = field(self.0, "Events").and_then(|(_, events)| events.as_array());
        events.into_iter().flatten().filter_map(|event| {
            let text = |name| field(event.as_object()?, name)?.1.as_str();
            Some((text("Reason")?, text("Message").unwrap_or_default()))
        })
    }

    /// Reports whether the group started without a cache.
    pub(crate) fn has_missed(&self) -> bool {
        self.events().any(|(reason, _)| reason == MISSED)
    }

    /// Returns the id of the cache, or of the snapshot, that the events name.
    pub(crate) fn cache(&self) -> Option<&'v str> {
        let mut hits = self.events().filter(|(reason, _)| *reason == HIT);
        hits.find_map(|(_, message)| named_cache(message))
    }

    /// Returns the tags.
    pub(crate) fn tags(&self) -> Map<String, Value> {
        let tags = field(self.0, "Tags").and_then(|(_, tags)| tags.as_array());
        let tags = tags.into_iter().flatten().filter_map(|tag| {
            let text = |name| field(tag.as_object()?, name)?.1.as_str();
            Some((text("Key")?.to_owned(), Value::from(text("Value")?)))
        });
        tags.collect()
    }

    /// Returns the images of the containers; none if one cannot be read.
    pub(crate) fn images(&self) -> Vec<Image> {
        let lists = ["InitContainers", "Containers"];
        let lists = lists
            .iter()
            .filter_map(|name| field(self.0, name)?.1.as_array());
        let image = |container: &Value| {
            let image = Image::new(field(container.as_object()?, "Image")?.1.as_str()?);
            image.normalized().is_some().then_some(image)
        };
        let images: Option<Vec<Image>> = lists.flatten().map(image).collect();
        images.unwrap_or_default()
    }
}

/// Returns the id of the cache, or of the snapshot, that the message of a hit names.
pub(crate) fn named_cache(message: &str) -> Option<&str> {
    let mut words = message.split([' ', ',']);
    let named = words.find(|word| word.starts_with("imc-") || word.starts_with("s-"))?;
    Some(named.trim_end_matches('.'))
}
