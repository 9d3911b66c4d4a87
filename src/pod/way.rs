//! Ways through objects: the table of workloads names with them where each kind keeps its pods.

use serde_json::Value;

use super::template::Located;
use crate::path;
use crate::resource::workload::{Way, WayStep};

/// Returns the values at the end of a way through an object.
#[must_use]
pub fn values(way: Way, object: &Value) -> Vec<Located<'_>> {
    let found = matches(way, object);
    found.iter().map(Match::located).collect()
}

pub(super) fn matches(way: Way, object: &Value) -> Vec<Match<'_>> {
    let steps: Vec<WayStep> = way.steps().collect();
    follow(&steps, object)
}

pub(super) fn follow<'v>(steps: &[WayStep], object: &'v Value) -> Vec<Match<'v>> {
    let mut found = Vec::new();
    let mut unlimited = usize::MAX;
    Match::object(object).follow(steps, None, &mut unlimited, &mut |met| {
        found.push(met.clone());
    });
    found
}

/// A value that a way leads to, with all values on the way.
#[derive(Debug, Clone)]
pub(super) struct Match<'v> {
    pub(super) path: Vec<path::Step<'v>>,
    /// The object, and the value after each step.
    pub(super) values: Vec<&'v Value>,
}

impl<'v> Match<'v> {
    pub(super) fn object(object: &'v Value) -> Self {
        Match {
            path: Vec::new(),
            values: vec![object],
        }
    }

    /// Returns the place of a part that the object does not have. Annotations may be there for it all the same.
    pub(super) fn absent(way: Way, object: &'v Value) -> Option<Self> {
        let mut at = Match::object(object);
        for step in way.steps() {
            let WayStep::Field(field) = step else {
                return None;
            };
            let value = at.value().get(field).unwrap_or(&Value::Null);
            at.path.push(path::Step::Key(field));
            at.values.push(value);
        }
        Some(at)
    }

    /// Returns the items of this list.
    pub(super) fn each(&self) -> Vec<Self> {
        let mut found = Vec::new();
        let mut unlimited = usize::MAX;
        self.follow(&[WayStep::Each], None, &mut unlimited, &mut |met| {
            found.push(met.clone())
        });
        found
    }

    pub(super) fn value(&self) -> &'v Value {
        self.values.last().copied().unwrap_or(&Value::Null)
    }

    pub(super) fn located(&self) -> Located<'v> {
        Located {
            value: self.value(),
            steps: self.path.clone(),
        }
    }

    /// Returns a value that is these steps below this one.
    pub(super) fn below(&self, steps: &[path::Step<'v>], value: &'v Value) -> Located<'v> {
        let mut all = Vec::with_capacity(self.path.len() + steps.len() + 1);
        all.extend_from_slice(&self.path);
        all.extend_from_slice(steps);
        Located { value, steps: all }
    }

    /// Returns the value after this number of steps.
    pub(super) fn ancestor(&self, steps: usize) -> Self {
        Match {
            path: self.path.iter().take(steps).copied().collect(),
            values: self.values.iter().take(steps + 1).copied().collect(),
        }
    }

    /// Visits each value that the steps lead to. Each visit is taken from the budget; nothing is visited without one.
    pub(super) fn follow(
        &self,
        steps: &[WayStep],
        name: Option<&str>,
        budget: &mut usize,
        visit: &mut dyn FnMut(&Match<'v>),
    ) {
        let mut walk = self.clone();
        walk.walk(steps, name, budget, visit);
    }

    pub(super) fn walk(
        &mut self,
        steps: &[WayStep],
        name: Option<&str>,
        budget: &mut usize,
        visit: &mut dyn FnMut(&Match<'v>),
    ) {
        let Some((step, rest)) = steps.split_first() else {
            return visit(self);
        };
        let value = self.value();
        let mut enter = |step, value, budget: &mut usize| {
            if *budget == 0 {
                return;
            }
            *budget -= 1;
            self.path.push(step);
            self.values.push(value);
            self.walk(rest, name, budget, visit);
            self.path.pop();
            self.values.pop();
        };
        match (step, value) {
            (WayStep::Field(field), Value::Object(members)) => {
                if let Some((key, value)) = members.get_key_value(*field) {
                    enter(path::Step::Key(key), value, budget);
                }
            }
            (WayStep::Each, Value::Object(members)) => {
                for (key, value) in members {
                    enter(path::Step::Key(key), value, budget);
                }
            }
            (WayStep::Each, Value::Array(items)) => {
                for (index, value) in items.iter().enumerate() {
                    enter(path::Step::Index(index), value, budget);
                }
            }
            (WayStep::Where { field, is }, Value::Array(items)) => {
                let wanted = is.or(name);
                for (index, value) in items.iter().enumerate() {
                    *budget = budget.saturating_sub(1);
                    if wanted.is_some() && value.get(field).and_then(Value::as_str) == wanted {
                        enter(path::Step::Index(index), value, budget);
                    }
                }
            }
            _ => {}
        }
    }
}
