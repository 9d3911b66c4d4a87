//! The one walk over a document: it opens lists and replies, and hands each object to a visitor.
//!
//! | value | opened as |
//! |---|---|
//! | an object whose kind ends in `List`, or of any other kind with a list of `items` | its `items` |
//! | an array, or an object without a kind whose `items` are an array and that has no `spec` | its items |
//! | an object without a kind that has `ImageCaches` (a DescribeImageCaches reply) | the entries of the reply |
//! | an object without a kind whose `body` has `ImageCaches` (a printed SDK answer) | the reply in `body` |
//! | any other object | the object itself |
//!
//! [`Opens::Manifests`] opens only lists of the first row, as `kubectl` does. What cannot be read is reported to the
//! visitor as a [`WalkFault`]; the walk continues with the next item.
//!
//! An item of a typed list takes over `apiVersion` and `kind` from its list when it has neither. Source: Kubernetes'
//! reader of untyped lists (`UnstructuredJSONScheme`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::identity;
use super::view::field;
use super::{GROUP, KIND, LIST_KIND, is_of_another_product};
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;
use crate::spelling::nearest;
use crate::type_error::TypeError;

/// Largest number of lists within lists that are opened. Real ones nest twice: an array of lists.
pub const MAX_LIST_DEPTH: usize = 8;

/// The documents that a walk opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    /// Manifests and typed lists of them.
    Manifests,
    /// Also arrays, lists without a kind, replies of the ECI API and printed SDK answers.
    Everything,
}

/// `apiVersion` and `kind` of an object; empty where absent or not a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TypeMeta<'v> {
    pub(crate) api_version: &'v str,
    pub(crate) kind: &'v str,
}

impl<'v> TypeMeta<'v> {
    fn of(fields: &'v Map<String, Value>) -> Self {
        let text = |name| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        TypeMeta {
            api_version: text("apiVersion"),
            kind: text("kind"),
        }
    }

    /// The API group; empty for the core group and without an `apiVersion`.
    pub(crate) fn group(self) -> &'v str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }
}

/// An object that the walk met.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Met<'m> {
    pub(crate) value: &'m Value,
    pub(crate) fields: &'m Map<String, Value>,
    pub(crate) path: &'m Path<'m>,
    /// The object's own type, else the type that its list gives it.
    pub(crate) meta: TypeMeta<'m>,
    /// Every item of the surrounding list must be an object with a kind. False in lists of unknown kinds.
    pub(crate) strict: bool,
    /// The object is an entry of a DescribeImageCaches reply.
    in_reply: bool,
}

impl Met<'_> {
    /// Returns true for an `ImageCache` object, also one with a misspelt type, and for an entry of a DescribeImageCaches
    /// reply. Other products have a kind `ImageCache` in their own groups.
    pub(crate) fn is_cache(&self) -> bool {
        self.is_entry() || identity::is_image_cache(self.meta, self.fields)
    }

    /// Reports the type of an `ImageCache` where it is misspelt. Returns true if it is right or missing.
    pub(crate) fn check_cache_type(&self, report: &mut Report<'_>) -> bool {
        let TypeMeta { api_version, kind } = self.meta;
        let sound = (kind.is_empty() || kind == KIND)
            && (api_version.is_empty() || self.meta.group() == GROUP);
        if !sound {
            identity::report_cache_type(self.meta, self.path, report);
        }
        sound
    }

    pub(crate) fn is_entry(&self) -> bool {
        let TypeMeta { api_version, kind } = self.meta;
        let ours = api_version.is_empty() || self.meta.group() == GROUP;
        self.in_reply || (kind.is_empty() && ours && has_entry_fields(self.fields))
    }
}

impl Met<'_> {
    /// Returns true for a kind `ImageCache` of another product.
    pub(crate) fn is_cache_of_another_product(&self) -> bool {
        self.meta.kind == KIND && is_of_another_product(self.meta.group())
    }
}

/// The pages of lists and replies that were seen, by the kind of the list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages(BTreeMap<String, PagesOfKind>);

#[derive(Debug, Clone, Copy, Default)]
struct PagesOfKind {
    /// A page names a next one.
    continues: bool,
    /// A page is the last one.
    ends: bool,
}

impl Pages {
    pub(crate) fn add(&mut self, kind: &str, has_next: bool) {
        let pages = self.0.entry(kind.to_owned()).or_default();
        pages.continues |= has_next;
        pages.ends |= !has_next;
    }

    pub(crate) fn append(&mut self, other: Pages) {
        for (kind, pages) in other.0 {
            let ours = self.0.entry(kind).or_default();
            ours.continues |= pages.continues;
            ours.ends |= pages.ends;
        }
    }

    /// Returns true if the last page of every list was seen.
    pub(crate) fn are_whole(&self) -> bool {
        self.0.values().all(|pages| pages.ends || !pages.continues)
    }

    /// Returns a sentence for each kind of list whose last page was not seen.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let kinds = self.0.iter();
        let kinds = kinds.filter(|(_, pages)| pages.continues && !pages.ends);
        kinds
            .map(|(kind, _)| {
                let kind = Quoted(kind);
                format!("the last page of {kind} is not in the input")
            })
            .collect()
    }
}

/// The key of the token of the next page in a reply of ECI. It is empty or absent on the last one.
const NEXT_TOKEN: &str = "NextToken";

fn is_text(value: Option<&Value>) -> bool {
    value
        .and_then(Value::as_str)
        .is_some_and(|text| !text.is_empty())
}

/// The reason why a value is not opened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WalkFault<'a> {
    /// The list is nested in [`MAX_LIST_DEPTH`] others.
    TooDeep,
    /// A list has no items but this unknown field, which is spelt like `items`.
    Misspelt(&'a str),
    /// The items of a list are not a list.
    NotAList(&'a Value),
    /// An item is not an object.
    NotAnObject {
        expected: &'static str,
        found: &'a Value,
    },
}

impl WalkFault<'_> {
    /// Adds the finding of this fault to a report.
    pub(crate) fn report(self, path: &Path<'_>, report: &mut Report<'_>) {
        match self {
            WalkFault::TooDeep => report.add(
                Code::IC003,
                path,
                format_args!("a list within {MAX_LIST_DEPTH} lists, deeper ones are not read"),
                "",
            ),
            WalkFault::Misspelt(found) => {
                let message = format_args!("unknown field {}", Quoted(found));
                report.add(Code::IC015, path, message, "Did you mean `items`?");
            }
            WalkFault::NotAList(found) => {
                let expected = "a list";
                report.add(Code::IC016, path, TypeError { expected, found }, "");
            }
            WalkFault::NotAnObject { expected, found } => {
                report.add(Code::IC004, path, TypeError { expected, found }, "");
            }
        }
    }
}

/// The actions of a walk.
pub(crate) trait Visitor {
    /// Visits an object that is neither a list nor a reply.
    fn object(&mut self, met: &Met<'_>);

    /// Visits a typed list before its items.
    fn list(&mut self, _list: &Met<'_>) {}

    /// Learns of a page of a list of this kind, or of the reply `ImageCaches`.
    fn page(&mut self, _kind: &str, _has_next: bool) {}

    /// Visits a list, or a reply, without items.
    fn empty_list(&mut self) {}

    /// Learns of a value that is not opened. `strict` as in [`Met`].
    fn fault(&mut self, fault: WalkFault<'_>, path: &Path<'_>, strict: bool);
}

/// Walks a document in order.
pub(crate) fn walk(value: &Value, opens: Opens, visitor: &mut dyn Visitor) {
    Walker { opens, visitor }.value(value, &Path::Root, Context::ROOT);
}

/// Walks one item of an array of documents that arrives item by item. Paths begin with its index.
pub(crate) fn walk_item(index: usize, value: &Value, visitor: &mut dyn Visitor) {
    let context = Context {
        depth: 1,
        ..Context::ROOT
    };
    let opens = Opens::Everything;
    Walker { opens, visitor }.value(value, &Path::Root.index(index), context);
}

/// The properties of a value that its surrounding list decides.
#[derive(Clone, Copy)]
struct Context<'v> {
    inherited: TypeMeta<'v>,
    strict: bool,
    depth: usize,
}

impl Context<'_> {
    const ROOT: Self = Context {
        inherited: TypeMeta {
            api_version: "",
            kind: "",
        },
        strict: true,
        depth: 0,
    };
}

struct Walker<'w> {
    opens: Opens,
    visitor: &'w mut dyn Visitor,
}

impl Walker<'_> {
    fn value(&mut self, value: &Value, path: &Path<'_>, context: Context<'_>) {
        match value {
            Value::Object(fields) => self.object(value, fields, path, context),
            Value::Array(items) if self.opens == Opens::Everything => {
                self.items(items, path, context);
            }
            found => {
                let expected = "an object";
                let fault = WalkFault::NotAnObject { expected, found };
                self.visitor.fault(fault, path, context.strict);
            }
        }
    }

    fn items(&mut self, items: &[Value], path: &Path<'_>, context: Context<'_>) {
        if context.depth == MAX_LIST_DEPTH {
            return self.visitor.fault(WalkFault::TooDeep, path, context.strict);
        }
        if items.is_empty() {
            self.visitor.empty_list();
        }
        let depth = context.depth + 1;
        for (index, item) in items.iter().enumerate() {
            self.value(item, &path.index(index), Context { depth, ..context });
        }
    }

    fn object(
        &mut self,
        value: &Value,
        fields: &Map<String, Value>,
        path: &Path<'_>,
        context: Context<'_>,
    ) {
        let untyped = ["apiVersion", "kind"]
            .into_iter()
            .all(|name| is_absent(fields, name));
        let meta = if untyped {
            context.inherited
        } else {
            TypeMeta::of(fields)
        };
        let met = Met {
            value,
            fields,
            path,
            meta,
            strict: context.strict,
            in_reply: false,
        };
        if let Some(item_kind) = item_kind(meta.kind, fields) {
            self.visitor.list(&met);
            return self.typed_list(meta, item_kind, fields, path, context);
        }
        if self.opens == Opens::Everything && is_absent(fields, "kind") && meta.kind.is_empty() {
            let context = Context {
                strict: true,
                ..context
            };
            if let Some(Value::Array(items)) = fields.get("items")
                && !fields.contains_key("spec")
            {
                return self.items(items, &path.field("items"), context);
            }
            if let Some((key, entries)) = field(fields, "ImageCaches") {
                let next = field(fields, NEXT_TOKEN).map(|(_, token)| token);
                self.visitor.page("ImageCaches", is_text(next));
                return self.reply(entries, &path.field(key), context);
            }
            if let Some(body @ Value::Object(inner)) = fields.get("body")
                && field(inner, "ImageCaches").is_some()
            {
                return self.object(body, inner, &path.field("body"), context);
            }
        }
        self.visitor.object(&met);
    }

    fn typed_list(
        &mut self,
        meta: TypeMeta<'_>,
        item_kind: &str,
        fields: &Map<String, Value>,
        path: &Path<'_>,
        context: Context<'_>,
    ) {
        let metadata = fields.get("metadata");
        let next = metadata.and_then(|metadata| metadata.get("continue"));
        self.visitor.page(meta.kind, is_text(next));
        let list = path;
        let path = list.field("items");
        let strict = meta.kind == LIST_KIND
            || item_kind == meta.kind
            || (item_kind.is_empty() && meta.group().is_empty());
        let inherited = if item_kind.is_empty() {
            TypeMeta::default()
        } else {
            TypeMeta {
                kind: item_kind,
                ..meta
            }
        };
        let context = Context {
            inherited,
            strict,
            ..context
        };
        match fields.get("items") {
            None | Some(Value::Null) => match misspelt_items(fields) {
                Some(found) => {
                    let fault = WalkFault::Misspelt(found);
                    self.visitor.fault(fault, &list.field(found), true);
                }
                None => self.visitor.empty_list(),
            },
            Some(Value::Array(items)) => self.items(items, &path, context),
            Some(other) => self
                .visitor
                .fault(WalkFault::NotAList(other), &path, strict),
        }
    }

    fn reply(&mut self, entries: &Value, path: &Path<'_>, context: Context<'_>) {
        let entries = match entries {
            Value::Null => return self.visitor.empty_list(),
            Value::Array(entries) => entries,
            other => return self.visitor.fault(WalkFault::NotAList(other), path, true),
        };
        if context.depth == MAX_LIST_DEPTH {
            return self.visitor.fault(WalkFault::TooDeep, path, true);
        }
        if entries.is_empty() {
            self.visitor.empty_list();
        }
        for (index, entry) in entries.iter().enumerate() {
            let path = path.index(index);
            let Value::Object(fields) = entry else {
                let expected = "an image cache";
                let found = entry;
                let fault = WalkFault::NotAnObject { expected, found };
                self.visitor.fault(fault, &path, true);
                continue;
            };
            self.visitor.object(&Met {
                value: entry,
                fields,
                path: &path,
                meta: TypeMeta::default(),
                strict: true,
                in_reply: true,
            });
        }
    }
}

/// Returns the kind of the items of a typed list: empty for a plain `List`. A kind such as `AllowList` that has a `spec`
/// and no `items` is not a list. `kubectl` opens the `items` of any kind.
fn item_kind<'k>(kind: &'k str, fields: &Map<String, Value>) -> Option<&'k str> {
    match kind.strip_suffix("List") {
        Some(item) => {
            (fields.contains_key("items") || !fields.contains_key("spec")).then_some(item)
        }
        None => {
            let has_items = matches!(fields.get("items"), Some(Value::Array(_)));
            (has_items && !kind.is_empty()).then_some(kind)
        }
    }
}

/// Returns the field of a list without items that is spelt like `items`.
fn misspelt_items(fields: &Map<String, Value>) -> Option<&str> {
    let mut names = fields.keys().map(String::as_str);
    names.find(|name| {
        !matches!(*name, "apiVersion" | "kind" | "metadata") && nearest(name, ["items"]).is_some()
    })
}

/// Kubernetes writes an absent type as null or as an empty string.
fn is_absent(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get(name) {
        None | Some(Value::Null) => true,
        Some(value) => value == "",
    }
}

/// Returns true for an object that looks like an entry of a DescribeImageCaches reply.
fn has_entry_fields(fields: &Map<String, Value>) -> bool {
    ["ImageCacheId", "ImageCacheName"]
        .into_iter()
        .any(|name| field(fields, name).is_some())
}
