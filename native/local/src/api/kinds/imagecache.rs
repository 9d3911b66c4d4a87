//! `imagecaches.eci.alibabacloud.com`, as the core defines it.

use imagecache::resource::{
    CATEGORIES, COLUMNS, CrdVersion, GROUP, KIND, LIST_KIND, PLURAL, SHORT_NAMES, SINGULAR,
    VERSION, crd,
};
use serde_json::Value;

use super::{builtin, name_column};
use crate::api::meta;
use crate::api::resource::{Cell, Column, Resource, VERBS};
use crate::api::schema::Schema;

pub(super) fn imagecaches() -> Resource {
    let definition = crd(CrdVersion::V1);
    let shape = definition
        .pointer("/spec/versions/0/schema/openAPIV3Schema")
        .unwrap_or(&Value::Null);
    // A test holds that it compiles.
    let mut schema = Schema::compile(shape).unwrap_or_else(|_| Schema::anything());
    schema
        .properties
        .insert("metadata".to_owned(), meta::schema());
    let mut columns = vec![name_column()];
    columns.extend(COLUMNS.iter().map(|column| {
        let path: Vec<&str> = column.json_path.split('.').skip(1).collect();
        Column {
            name: column.name,
            kind: column.kind,
            format: "",
            description: format!(
                "Custom resource definition column (in JSONPath format): {}",
                column.json_path
            ),
            priority: 0,
            cell: if column.kind == "date" {
                Cell::Age(path)
            } else {
                Cell::Path(path)
            },
        }
    }));
    static SHORT: [&str; 2] = SHORT_NAMES;
    static GROUPS: [&str; 1] = CATEGORIES;
    Resource {
        version: VERSION,
        list_kind: LIST_KIND,
        short_names: &SHORT,
        categories: &GROUPS,
        namespaced: false,
        has_status: true,
        has_generation: true,
        unconditional_update: false,
        custom: true,
        verbs: VERBS,
        columns,
        schema,
        ..builtin(GROUP, KIND, PLURAL, SINGULAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definition_of_the_core_compiles() {
        let definition = crd(CrdVersion::V1);
        let shape = definition
            .pointer("/spec/versions/0/schema/openAPIV3Schema")
            .unwrap();
        let schema = Schema::compile(shape).unwrap();
        assert!(schema.field("spec").unwrap().field("images").is_some());
        assert!(schema.field("nope").is_none());
    }
}
