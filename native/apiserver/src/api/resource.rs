//! What is served, as data: one [`Resource`] a kind. Nothing elsewhere asks for the name of a kind.
//!
//! Some kinds are built in, the others come from CustomResourceDefinitions; see
//! [`Resources`](super::registry::Resources).

use std::borrow::Cow;
use std::sync::LazyLock;

use imagecache::time::Timestamp;
use jsonpath_rust::parser::model::JpQuery;
use serde_json::Value;

use super::cause::Cause;
use super::meta::NameRule;
use super::schema::Schema;

/// Every verb of a resource.
pub(crate) const VERBS: &[&str] = &[
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];

/// A schema that is compiled when it is first needed.
pub(crate) type LazySchema = LazyLock<Schema, Box<dyn FnOnce() -> Schema + Send>>;

/// A name in this program, or in a definition.
pub(crate) type Name = Cow<'static, str>;

/// A kind of object that is served.
pub struct Resource {
    /// API group; empty for the core group.
    pub group: Name,
    /// Version within the group.
    pub version: Name,
    /// Kind of one object.
    pub kind: Name,
    /// Kind of a list.
    pub list_kind: Name,
    /// Name in a URL.
    pub plural: Name,
    /// Name of one object for people.
    pub singular: Name,
    /// Other names for `kubectl`.
    pub short_names: Vec<Name>,
    /// Groups of resources that `kubectl` knows by one name.
    pub categories: Vec<Name>,
    /// Do objects live in namespaces?
    pub namespaced: bool,
    /// Are objects stored? Otherwise a create is a question, and the status of the answer what is said to it.
    pub kept: bool,
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
    /// Shape of an object, compiled when it is first needed.
    pub schema: LazySchema,
    /// The schema as the definition has it, for `kubectl explain`; `null` for a built-in kind.
    pub documented: Value,
    /// What is said to everyone who uses a deprecated version.
    pub deprecated: Option<String>,
    /// Paths that field selectors may name, beside `metadata.name` (and `metadata.namespace`).
    pub selectable: Vec<Name>,
    /// Names of objects that cannot be deleted.
    pub permanent: &'static [&'static str],
    /// How its objects may be named.
    pub names: NameRule,
    /// An empty object: the fields of a new object that differ from it are owned by its writer.
    pub blank: Value,
    /// The status of a new object, where the server gives it one.
    pub status: fn(object: &Value) -> Value,
    /// Fills in what the server adds when it reads an object.
    ///
    /// # Errors
    /// Go's words for a value that the server's own type cannot hold.
    pub prepare: fn(object: &mut Value) -> Result<(), String>,
    /// Finds faults that a schema does not know.
    pub validate: fn(object: &Value, live: Option<&Value>) -> Vec<Cause>,
    /// What the client that writes an object should know.
    pub warnings: fn(object: &Value) -> Vec<String>,
    /// How objects are stored, where it is as another resource.
    pub stored: Option<Stored>,
    /// Seconds after its last write until an object is deleted; `None` if it does not expire.
    pub lifetime: Option<i64>,
    /// What becomes of objects after a write, where something does.
    pub settle: Option<Settle>,
}

/// What the controllers of a real server do with the objects of a resource. Here it is done soon after the write, for
/// every object.
pub struct Settle {
    /// Writes the status of an object, given every object of the resource.
    pub settle: fn(object: &mut Value, all: &[&Value], now: Timestamp),
    /// Keeps an object that is deleted until the objects that it defines have gone.
    pub finalizer: &'static str,
    /// Group and plural of the objects that it defines.
    pub defines: fn(object: &Value) -> (&str, &str),
}

/// A resource whose objects are stored as those of another one, and seen through two functions; both also write the
/// version.
pub struct Stored {
    /// Group of the stored resource.
    pub group: Name,
    /// Its version.
    pub version: Name,
    /// Its plural.
    pub plural: Name,
    /// Turns a stored object into one of this resource.
    pub read: fn(&mut Value),
    /// Turns an object of this resource into a stored one.
    pub write: fn(&mut Value),
}

/// A column of a Table.
pub struct Column {
    /// Header.
    pub name: Name,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: Name,
    /// `name` for the name of the object, else empty or an OpenAPI format.
    pub format: Name,
    /// For people.
    pub description: String,
    /// 0, or more for columns that only `kubectl get -o wide` shows.
    pub priority: i64,
    /// Where the value comes from.
    pub cell: Cell,
}

/// Where the value of a cell comes from.
pub enum Cell {
    /// A field, by the names on the way to it.
    Path(Vec<Name>),
    /// The age of a time, by the names on the way to it.
    Age(Vec<Name>),
    /// The first value that a JSONPath finds.
    Query(JpQuery),
    /// The age of the first of some fields of the object that holds a time.
    AgeOf(Vec<&'static str>),
    /// Worked out of the object.
    Computed(fn(object: &Value) -> Value),
}

impl Cell {
    pub(super) fn path(names: &[&'static str]) -> Self {
        Cell::Path(names.iter().map(|name| Name::from(*name)).collect())
    }

    pub(super) fn age(names: &[&'static str]) -> Self {
        Cell::Age(names.iter().map(|name| Name::from(*name)).collect())
    }
}

impl Resource {
    /// `deployments.apps`, or `pods` in the core group.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `apps/v1`, or `v1` in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// Group and plural under which objects are stored: mostly its own.
    #[must_use]
    pub fn storage(&self) -> (&str, &str) {
        match &self.stored {
            Some(stored) => (&stored.group, &stored.plural),
            None => (&self.group, &self.plural),
        }
    }

    /// Group, version and kind of what is stored.
    pub(super) fn storage_of(&self) -> (&str, &str, &str) {
        match &self.stored {
            Some(stored) => (&stored.group, &stored.version, &self.kind),
            None => (&self.group, &self.version, &self.kind),
        }
    }

    /// Turns a stored object into one of this resource.
    pub fn read_stored(&self, object: &mut Value) {
        if let Some(stored) = &self.stored {
            (stored.read)(object);
            set_version(object, api_version(&self.group, &self.version));
        }
    }

    /// Turns an object of this resource into one to store.
    pub fn write_stored(&self, object: &mut Value) {
        if let Some(stored) = &self.stored {
            (stored.write)(object);
            set_version(object, api_version(&stored.group, &stored.version));
        }
    }
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

fn set_version(object: &mut Value, version: String) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), version.into());
    }
}
