//! Sets of fields, as a tree. A step is written as in `managedFields`: `f:name` a field, `k:{"name":"a"}` an item of a
//! list by its keys, `v:"a"` an item of a set.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::go_fmt;

/// A set of fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Set {
    /// Is the field here itself in the set?
    pub member: bool,
    /// Fields below.
    pub children: BTreeMap<String, Set>,
}

impl Set {
    /// Reads the JSON form (`fieldsV1`). Anything else is an empty set.
    #[must_use]
    pub(crate) fn read(json: &Value) -> Self {
        let mut set = Set::default();
        for (step, below) in json.as_object().into_iter().flatten() {
            if step == "." {
                set.member = true;
                continue;
            }
            let mut child = Set::read(below);
            // An empty map is a leaf.
            child.member |= child.children.is_empty();
            set.children.insert(step.clone(), child);
        }
        set
    }

    /// The JSON form.
    #[must_use]
    pub(crate) fn write(&self) -> Value {
        let mut fields = Map::new();
        for (step, child) in &self.children {
            let mut below = child.write();
            if let (true, false, Some(map)) = (
                child.member,
                child.children.is_empty(),
                below.as_object_mut(),
            ) {
                map.insert(".".to_owned(), Value::Object(Map::new()));
            }
            fields.insert(step.clone(), below);
        }
        fields.into()
    }

    /// Is nothing in it?
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.children.values().all(Set::is_empty)
    }

    /// Adds the field that the steps lead to.
    pub(crate) fn insert(&mut self, steps: &[&str]) {
        let mut set = self;
        for step in steps {
            set = set.children.entry((*step).to_owned()).or_default();
        }
        set.member = true;
    }

    /// Adds everything of another set.
    pub(crate) fn extend(&mut self, other: &Set) {
        self.member |= other.member;
        for (step, child) in &other.children {
            match self.children.get_mut(step) {
                Some(own) => own.extend(child),
                None => {
                    self.children.insert(step.clone(), child.clone());
                }
            }
        }
    }

    /// Removes every field that is in another set.
    pub(crate) fn subtract(&mut self, other: &Set) {
        self.member &= !other.member;
        for (step, child) in &other.children {
            if let Some(own) = self.children.get_mut(step) {
                own.subtract(child);
                if own.is_empty() {
                    self.children.remove(step);
                }
            }
        }
    }

    /// Removes every field that is in another set, with all below it.
    pub(crate) fn cut(&mut self, other: &Set) {
        for (step, child) in &other.children {
            if child.member {
                self.children.remove(step);
            } else if let Some(own) = self.children.get_mut(step) {
                own.cut(child);
                if own.is_empty() {
                    self.children.remove(step);
                }
            }
        }
    }

    /// The fields that are in both sets.
    #[must_use]
    pub(crate) fn common(&self, other: &Set) -> Set {
        let mut both = Set {
            member: self.member && other.member,
            children: BTreeMap::new(),
        };
        for (step, child) in &self.children {
            let below = other.children.get(step).map(|other| child.common(other));
            if let Some(below) = below.filter(|below| !below.is_empty()) {
                both.children.insert(step.clone(), below);
            }
        }
        both
    }

    /// Every field, as messages write it: `.spec.images`, `.conditions[type="Ready"].status`.
    #[must_use]
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.walk(&mut String::new(), &mut paths);
        paths
    }

    fn walk(&self, path: &mut String, paths: &mut Vec<String>) {
        for (step, child) in &self.children {
            let length = path.len();
            path.push_str(&shown(step));
            if child.member {
                paths.push(path.clone());
            }
            child.walk(path, paths);
            path.truncate(length);
        }
    }
}

fn shown(step: &str) -> String {
    match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> = keys
                .iter()
                .map(|(key, value)| format!("{key}={}", go_fmt::shown(value)))
                .collect();
            format!("[{}]", keys.join(","))
        }
        Some(("v", value)) => format!("[={value}]"),
        Some((_, index)) => format!("[{index}]"),
        None => step.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_form_survives_a_round_trip() {
        let json = json!({
            "f:metadata": {"f:labels": {".": {}, "f:a": {}}, "f:finalizers": {".": {}, "v:\"x/y\"": {}}},
            "f:status": {"f:conditions": {"k:{\"type\":\"Ready\"}": {".": {}, "f:status": {}}}},
        });
        assert_eq!(Set::read(&json).write(), json);
        assert_eq!(
            Set::read(&json).paths(),
            [
                ".metadata.finalizers",
                ".metadata.finalizers[=\"x/y\"]",
                ".metadata.labels",
                ".metadata.labels.a",
                ".status.conditions[type=\"Ready\"]",
                ".status.conditions[type=\"Ready\"].status",
            ]
        );
    }

    /// The same sets as plain lists of paths: obvious, and slow.
    fn set() -> impl Strategy<Value = Set> {
        let path = prop::collection::vec(prop::sample::select(vec!["f:a", "f:b", "f:c"]), 1..4);
        prop::collection::vec(path, 0..8).prop_map(|paths| {
            let mut set = Set::default();
            for path in paths {
                set.insert(&path);
            }
            set
        })
    }

    proptest! {
        #[test]
        fn operations_agree_with_lists_of_paths(a in set(), b in set()) {
            let (left, right) = (a.paths(), b.paths());
            let keep = |wanted: &dyn Fn(&String) -> bool| -> Vec<String> {
                left.iter().filter(|path| wanted(path)).cloned().collect()
            };
            prop_assert_eq!(a.common(&b).paths(), keep(&|path| right.contains(path)));
            let mut rest = a.clone();
            rest.subtract(&b);
            prop_assert_eq!(rest.paths(), keep(&|path| !right.contains(path)));
            let mut cut = a.clone();
            cut.cut(&b);
            let below = |path: &String| right.iter().any(|cut| path == cut || path.starts_with(&format!("{cut}.")));
            prop_assert_eq!(cut.paths(), keep(&|path| !below(path)));
            let mut all = a.clone();
            all.extend(&b);
            let mut union: Vec<String> = left.iter().chain(&right).cloned().collect();
            union.sort();
            union.dedup();
            let mut paths = all.paths();
            paths.sort();
            prop_assert_eq!(paths, union);
            prop_assert_eq!(Set::read(&a.write()).paths(), left);
        }
    }
}
