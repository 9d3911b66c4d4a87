//! What is served, as data: one [`Resource`] a kind. Nothing elsewhere asks for the name of a kind.

use std::sync::LazyLock;

use serde_json::Value;

use super::error::Cause;
use super::meta::NameRule;
use super::patch::PatchKind;
use super::schema::Schema;

/// Every verb of a resource.
pub const VERBS: &[&str] = &[
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];

/// A kind of object that is served.
pub struct Resource {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version within the group.
    pub version: &'static str,
    /// Kind of one object.
    pub kind: &'static str,
    /// Kind of a list.
    pub list_kind: &'static str,
    /// Name in a URL.
    pub plural: &'static str,
    /// Name of one object for people.
    pub singular: &'static str,
    /// Other names for `kubectl`.
    pub short_names: &'static [&'static str],
    /// Groups of resources that `kubectl` knows by one name.
    pub categories: &'static [&'static str],
    /// Do objects live in namespaces?
    pub namespaced: bool,
    /// Is the status written through the subresource `status` alone?
    pub has_status: bool,
    /// Does `metadata.generation` count changes of the spec?
    pub has_generation: bool,
    /// May an update leave out the resource version?
    pub unconditional_update: bool,
    /// Does a delete answer with the object even if it is gone at once?
    pub returns_deleted: bool,
    /// Is it defined by a CustomResourceDefinition? Such objects are validated and pruned by their schema, know no
    /// strategic merge patch, and are written with sorted keys.
    pub custom: bool,
    /// What a client may ask of it.
    pub verbs: &'static [&'static str],
    /// Columns of a Table.
    pub columns: Vec<Column>,
    /// Shape of an object. That of a built-in kind is open: it knows the keys of lists, not every field.
    pub schema: Schema,
    /// Paths that field selectors may name, beside `metadata.name` (and `metadata.namespace`).
    pub selectable: &'static [&'static str],
    /// How its objects may be named.
    pub names: NameRule,
    /// An object that says nothing: what a new one is compared with to tell which fields its writer owns.
    pub blank: Value,
    /// The status of a new object, where the server gives it one.
    pub status: Value,
    /// Fills in what the server adds when it reads an object.
    ///
    /// # Errors
    /// Go's words for a value that the server's own type cannot hold.
    pub prepare: fn(object: &mut Value) -> Result<(), String>,
    /// Finds faults that a schema does not know.
    pub validate: fn(object: &Value, live: Option<&Value>) -> Vec<Cause>,
    /// How objects are stored, where it is as another resource.
    pub stored: Option<Stored>,
}

/// A resource whose objects are stored as those of another one, and seen through two functions.
pub struct Stored {
    /// Group, version and plural of the stored resource.
    pub of: (&'static str, &'static str, &'static str),
    /// Turns a stored object into one of this resource.
    pub read: fn(&mut Value),
    /// Turns an object of this resource into a stored one.
    pub write: fn(&mut Value),
}

/// A column of a Table.
pub struct Column {
    /// Header.
    pub name: &'static str,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: &'static str,
    /// `name` for the name of the object, else empty or an OpenAPI format.
    pub format: &'static str,
    /// For people.
    pub description: String,
    /// 0, or more for columns that only `kubectl get -o wide` shows.
    pub priority: i32,
    /// Where the value comes from.
    pub cell: Cell,
}

/// Where the value of a cell comes from.
pub enum Cell {
    /// A field, by the names on the way to it.
    Path(Vec<&'static str>),
    /// The age of a time, by the names on the way to it.
    Age(Vec<&'static str>),
    /// The age of the first of some fields of the object that holds a time.
    AgeOf(Vec<&'static str>),
    /// Worked out of the object.
    Computed(fn(object: &Value) -> Value),
}

impl Resource {
    /// `imagecaches.eci.alibabacloud.com`, or `pods` in the core group.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `eci.alibabacloud.com/v1`, or `v1` in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The kinds of patch that it takes, in the order of the real server's message.
    #[must_use]
    pub fn patch_kinds(&self) -> &'static [PatchKind] {
        if self.custom {
            &[PatchKind::Json, PatchKind::Merge, PatchKind::Apply]
        } else {
            &[
                PatchKind::Json,
                PatchKind::Merge,
                PatchKind::Strategic,
                PatchKind::Apply,
            ]
        }
    }

    /// The resource under which objects are stored: mostly itself.
    #[must_use]
    pub fn storage(&'static self) -> &'static Resource {
        self.stored
            .as_ref()
            .and_then(|stored| find(stored.of.0, stored.of.1, stored.of.2))
            .unwrap_or(self)
    }

    /// Group, version and kind of what is stored.
    pub(super) fn storage_of(&self) -> (&'static str, &'static str, &'static str) {
        match &self.stored {
            Some(stored) => (stored.of.0, stored.of.1, self.kind),
            None => (self.group, self.version, self.kind),
        }
    }

    /// Turns a stored object into one of this resource.
    pub fn read_stored(&self, object: &mut Value) {
        if let Some(stored) = &self.stored {
            (stored.read)(object);
        }
    }

    /// Turns an object of this resource into one to store.
    pub fn write_stored(&self, object: &mut Value) {
        if let Some(stored) = &self.stored {
            (stored.write)(object);
        }
    }
}

pub use super::kinds::definition;

/// Everything that is served.
pub static RESOURCES: LazyLock<Vec<Resource>> = LazyLock::new(super::kinds::all);

/// The resource of a URL; `group` is empty for `/api/v1`.
#[must_use]
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| {
        resource.plural == plural && resource.version == version && resource.group == group
    })
}
