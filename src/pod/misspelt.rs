//! Misspelt kinds and fields of what gives pods their defaults.
//!
//! The API server drops an unknown field, and the vendor's controller ignores it: with a misspelt `effect` a selector adds
//! nothing. Only names that are near a known one are reported. Others are left to newer releases.

use serde_json::Value;

use super::defaults::{SELECTOR_GROUP, SELECTOR_KIND};
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::resource::identity::unknown_kind;
use crate::spelling::nearest;

/// The known fields of an object, each with those of its own value, if they are known.
pub(super) struct Fields(&'static [(&'static str, Option<&'static Fields>)]);

/// The fields of a `Selector`.
pub(super) const SELECTOR: Fields = Fields(&[
    ("apiVersion", None),
    ("kind", None),
    ("metadata", None),
    ("spec", Some(&SPEC)),
    ("status", None),
]);

/// The fields of a selector, in the words of the ConfigMap or of a `Selector`.
pub(super) const SPEC: Fields = Fields(&[
    ("name", None),
    ("objectSelector", Some(&LABELS)),
    ("objectLabels", Some(&LABELS)),
    ("namespaceSelector", Some(&LABELS)),
    ("namespaceLabels", Some(&LABELS)),
    ("effect", Some(&EFFECT)),
    ("policy", Some(&POLICY)),
    ("priority", None),
]);

/// The entry of the ConfigMap that has selectors.
pub(super) const PROFILE: Fields = Fields(&[("selectors", None)]);

const LABELS: Fields = Fields(&[
    ("matchLabels", None),
    ("matchExpressions", Some(&EXPRESSION)),
]);
const EXPRESSION: Fields = Fields(&[("key", None), ("operator", None), ("values", None)]);
const EFFECT: Fields = Fields(&[("annotations", None), ("labels", None)]);
const POLICY: Fields = Fields(&[
    ("virtualNodeOnly", None),
    ("fair", None),
    ("normalNodePrefer", None),
]);

impl Fields {
    /// Reports each field that is misspelt, and returns their number. A list is checked item by item.
    pub(super) fn check(&self, value: &Value, path: &Path<'_>, report: &mut Report<'_>) -> usize {
        let mut found = 0;
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            found += self.check(item, &path.index(index), report);
        }
        for (name, value) in value.as_object().into_iter().flatten() {
            let path = path.field(name);
            let known = self.0.iter().find(|(known, _)| known == name);
            if let Some((_, below)) = known {
                found += below.map_or(0, |below| below.check(value, &path, report));
            } else if let Some(meant) = nearest(name, self.0.iter().map(|(known, _)| *known)) {
                found += 1;
                let message = format_args!("unknown field {}", Quoted(name));
                let help = format_args!("Did you mean `{meant}`?");
                report.add_part(Code::IC015, &path, QuotedPart::Key, message, help);
            }
        }
        found
    }
}

/// Returns true for the type of a `Selector`, also one whose kind or group is misspelt.
pub(super) fn is_selector(group: &str, kind: &str) -> bool {
    nearest(group, [SELECTOR_GROUP]).is_some() && nearest(kind, [SELECTOR_KIND]).is_some()
}

/// Reports the type of a `Selector` where it is misspelt, and returns the number of mistakes.
pub(super) fn check_type(
    group: &str,
    kind: &str,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> usize {
    if kind != SELECTOR_KIND {
        let message = unknown_kind(Quoted(kind), SELECTOR_GROUP);
        let help = format_args!("Did you mean `{SELECTOR_KIND}`?");
        report.add(Code::IC011, &path.field("kind"), message, help);
    }
    if group != SELECTOR_GROUP {
        let message = format_args!(
            "no matches for kind {} in group {}",
            Quoted(SELECTOR_KIND),
            Quoted(group)
        );
        let help = format_args!("Did you mean `{SELECTOR_GROUP}`?");
        report.add(Code::IC010, &path.field("apiVersion"), message, help);
    }
    usize::from(kind != SELECTOR_KIND) + usize::from(group != SELECTOR_GROUP)
}
