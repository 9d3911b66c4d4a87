//! The types of the parts of an object that lead to its pods: below a part of another type nothing is read.

use std::collections::BTreeSet;
use std::ptr;

use serde_json::Value;

use super::template::{Misfit, Template};
use super::way::Match;
use crate::path::Step;
use crate::resource::workload::{WayStep, Workload};

/// Fields of the metadata of every object that are strings.
const NAMES: [&str; 3] = ["name", "generateName", "namespace"];

/// Returns the parts of an object of a known kind, on the ways to its pods and to their annotations, that have another
/// type, and names that are not strings. A null counts as absent. Misfits of the `templates` are not repeated.
pub(crate) fn misfits_above<'v>(
    workload: &Workload,
    object: &'v Value,
    templates: &[Template<'v>],
) -> Vec<Misfit<'v>> {
    let known = templates.iter().flat_map(|template| &template.misfits);
    let mut check = Check {
        seen: known
            .map(|known| ptr::from_ref(known.found.value))
            .collect(),
        found: Vec::new(),
    };
    let at = &mut Match::object(object);
    check.walk(&[WayStep::Field("metadata")], at);
    check.names(at);
    if (workload.group, workload.kind) == ("", "Pod") {
        check.walk(&[WayStep::Field("spec")], at);
        return check.found;
    }
    for row in workload.templates {
        for way in row.pod_specs {
            let steps: Vec<WayStep> = row.steps(*way).collect();
            check.walk(&steps, at);
        }
        for way in row.annotations {
            let mut steps: Vec<WayStep> = row.steps(*way).collect();
            steps.pop();
            check.walk(&steps, at);
        }
    }
    check.found
}

struct Check<'v> {
    seen: BTreeSet<*const Value>,
    found: Vec<Misfit<'v>>,
}

impl<'v> Check<'v> {
    fn names(&mut self, object: &Match<'v>) {
        let Some(metadata) = object.value().get("metadata") else {
            return;
        };
        for field in NAMES {
            match metadata.get(field) {
                None | Some(Value::Null | Value::String(_)) => {}
                Some(value) => self.found.push(Misfit {
                    found: object.below(&[Step::Key("metadata"), Step::Key(field)], value),
                    expected: "a string",
                }),
            }
        }
    }

    fn walk(&mut self, steps: &[WayStep], at: &mut Match<'v>) {
        let value = at.value();
        let Some((step, rest)) = steps.split_first() else {
            if !value.is_object() {
                self.misfit(at, "an object");
            }
            return;
        };
        match (step, value) {
            (WayStep::Field(field), Value::Object(members)) => {
                if let Some((key, value)) = members.get_key_value(*field) {
                    self.enter(Step::Key(key), value, rest, at);
                }
            }
            (WayStep::Each, Value::Object(members)) => {
                for (key, value) in members {
                    self.enter(Step::Key(key), value, rest, at);
                }
            }
            (WayStep::Each, Value::Array(items)) => {
                for (index, value) in items.iter().enumerate() {
                    self.enter(Step::Index(index), value, rest, at);
                }
            }
            (WayStep::Where { field, is }, Value::Array(items)) => {
                for (index, value) in items.iter().enumerate() {
                    let found = value.get(field).and_then(Value::as_str);
                    if is.is_none() || found == *is {
                        self.enter(Step::Index(index), value, rest, at);
                    }
                }
            }
            (WayStep::Field(_), _) => self.misfit(at, "an object"),
            (WayStep::Each | WayStep::Where { .. }, _) => self.misfit(at, "a list"),
        }
    }

    fn enter(&mut self, step: Step<'v>, value: &'v Value, rest: &[WayStep], at: &mut Match<'v>) {
        at.path.push(step);
        at.values.push(value);
        self.walk(rest, at);
        at.path.pop();
        at.values.pop();
    }

    fn misfit(&mut self, at: &Match<'v>, expected: &'static str) {
        let value = at.value();
        if !value.is_null() && self.seen.insert(ptr::from_ref(value)) {
            let found = at.located();
            self.found.push(Misfit { found, expected });
        }
    }
}
