//! The labels that the node of a pod must have.

use serde_json::Value;

use super::template::Template;

/// The node selector and the required node affinity of a pod.
pub(super) struct NodeRequirements<'a> {
    selector: Option<&'a Value>,
    terms: &'a [Value],
}

impl<'a> NodeRequirements<'a> {
    pub(super) fn of(template: &Template<'a>) -> Self {
        let terms = || {
            let affinity = template.spec("affinity")?.get("nodeAffinity")?;
            let required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")?;
            required.get("nodeSelectorTerms")?.as_array()
        };
        NodeRequirements {
            selector: template.spec("nodeSelector"),
            terms: terms().map_or(&[], Vec::as_slice),
        }
    }

    /// Returns the value that one of these labels of the node must have; `None` where several values are allowed.
    pub(super) fn label(&self, labels: [&str; 2]) -> Option<String> {
        let value = labels.into_iter().find_map(|label| self.required(label));
        value.map(str::to_owned)
    }

    fn required(&self, label: &str) -> Option<&'a str> {
        let selected = self.selector.and_then(|labels| labels.get(label)?.as_str());
        selected.or_else(|| {
            // Terms are alternatives: all of them must leave the same value.
            let mut values = self.terms.iter().map(|term| term_requires(term, label));
            let first = values.next()??;
            values.all(|value| value == Some(first)).then_some(first)
        })
    }
}

fn term_requires<'a>(term: &'a Value, label: &str) -> Option<&'a str> {
    let expressions = term.get("matchExpressions")?.as_array()?;
    expressions.iter().find_map(|expression| {
        let is =
            |name: &str, text: &str| expression.get(name).and_then(Value::as_str) == Some(text);
        match expression.get("values")?.as_array()?.as_slice() {
            [value] if is("key", label) && is("operator", "In") => value.as_str(),
            _ => None,
        }
    })
}
