//! Defaults that a cluster gives its pods: the selectors of the ConfigMap `eci-profile` and `Selector` objects.
//!
//! Sources: the vendor's pages on eci-profile. A selector names labels of pods, of namespaces, or both, and adds
//! annotations, labels and a scheduling policy to the pods that have them. What a pod has itself is kept. In the
//! ConfigMap an earlier selector takes precedence, among `Selector` objects one of higher priority. Not documented, and
//! chosen here: `Selector` objects take precedence over the ConfigMap, which they replace; then the lower name.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{CacheRequest, Placement, Pod, misspelt, storage};
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;
use crate::resource::annotation;
use crate::type_error::TypeError;

/// Labels or annotations: texts by name.
pub(super) type Texts = BTreeMap<String, String>;

const PROFILE: &str = "eci-profile";
const PROFILE_NAMESPACE: &str = "kube-system";
pub(super) const SELECTOR_GROUP: &str = "eci.aliyun.com";
pub(super) const SELECTOR_KIND: &str = "Selector";
/// Each namespace has a label with its name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The labels and annotations that decide what becomes of a pod.
const MATTERS: [&str; 11] = [
    annotation::POD_CACHE_ID,
    annotation::POD_CACHE_ID_OLD,
    annotation::POD_AUTO,
    annotation::POD_AUTO_OLD,
    annotation::POD_PERFECT_MATCH,
    annotation::POD_MATCH_COUNT,
    annotation::POD_EXTRA_STORAGE,
    annotation::ECI_BURST,
    annotation::ECI_LABEL,
    annotation::ACS_LABEL,
    annotation::ACS_COMPUTE_CLASS,
];

/// What a pod has itself, where defaults of a cluster can be added to it.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnMetadata {
    pub(super) labels: Texts,
    /// The annotations that matter here.
    pub(super) annotations: BTreeMap<String, Value>,
}

impl OwnMetadata {
    pub(super) fn of(template: &super::Template<'_>) -> Self {
        let mut own = OwnMetadata::default();
        for map in template.labels.iter().rev() {
            own.labels.extend(texts(map.value));
        }
        for name in MATTERS {
            if let Some(value) = template.annotation(name) {
                own.annotations.insert(name.to_owned(), value.clone());
            }
        }
        own
    }
}

fn texts(value: &Value) -> Texts {
    let mut texts = Texts::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        if let Some(value) = value.as_str() {
            texts.insert(name.clone(), value.to_owned());
        }
    }
    texts
}

/// The defaults that a cluster gives its pods, from the ConfigMap `kube-system/eci-profile`, `Selector` objects
/// (`eci.aliyun.com`) and the labels of Namespaces.
#[derive(Debug, Clone, Default)]
pub struct ClusterDefaults {
    selectors: Vec<PodSelector>,
    /// The labels of each Namespace.
    namespaces: Map<String, Value>,
    /// The number of selectors that could not be read, and of names in them that are misspelt. They are left out, so an
    /// answer may be wrong.
    pub unreadable: usize,
}

#[derive(Debug, Clone)]
struct PodSelector {
    /// Object that has the selector, for people.
    source: String,
    rank: (bool, Reverse<i64>, usize, String),
    spec: SelectorSpec,
}

/// A selector, in the words of the ConfigMap or of a `Selector`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SelectorSpec {
    name: String,
    #[serde(alias = "objectLabels")]
    object_selector: Option<LabelSelector>,
    #[serde(alias = "namespaceLabels")]
    namespace_selector: Option<LabelSelector>,
    effect: Effect,
    policy: Option<Policy>,
    priority: i64,
}

/// The ways of scheduling that a selector has. Each is an object, or empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Policy {
    #[serde(deserialize_with = "present")]
    virtual_node_only: bool,
    #[serde(deserialize_with = "present")]
    fair: bool,
    #[serde(deserialize_with = "present")]
    normal_node_prefer: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Effect {
    annotations: Option<Texts>,
    labels: Option<Texts>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LabelSelector {
    match_labels: Option<Texts>,
    match_expressions: Option<Vec<LabelExpression>>,
}

#[derive(Debug, Clone, Deserialize)]
struct LabelExpression {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl LabelSelector {
    fn is_empty(&self) -> bool {
        self.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
            && self.match_expressions.as_ref().is_none_or(Vec::is_empty)
    }

    fn selects(&self, labels: &Texts) -> bool {
        let mut equal = self.match_labels.iter().flatten();
        let mut expressions = self.match_expressions.iter().flatten();
        equal.all(|(name, value)| labels.get(name) == Some(value))
            && expressions.all(|expression| expression.holds(labels))
    }
}

impl LabelExpression {
    fn holds(&self, labels: &Texts) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

impl PodSelector {
    /// Returns the annotations and labels that decide what becomes of a pod.
    fn annotations(&self) -> impl Iterator<Item = (&String, &String)> {
        let all = self.spec.effect.annotations.iter().flatten();
        all.filter(|(name, _)| MATTERS.contains(&name.as_str()))
    }

    fn labels(&self) -> impl Iterator<Item = (&String, &String)> {
        let all = self.spec.effect.labels.iter().flatten();
        all.filter(|(name, _)| MATTERS.contains(&name.as_str()))
    }

    /// Returns where the policy lets pods run.
    fn placement(&self) -> Placement {
        match &self.spec.policy {
            Some(policy) if policy.virtual_node_only => Placement::Eci,
            Some(policy) if policy.fair || policy.normal_node_prefer => Placement::PossiblyEci,
            _ => Placement::Unspecified,
        }
    }

    fn matters(&self) -> bool {
        self.annotations().next().is_some()
            || self.labels().next().is_some()
            || self.placement() != Placement::Unspecified
    }
}

/// Returns true for an object that [`ClusterDefaults::add`] reads.
pub(crate) fn gives_defaults(group: &str, kind: &str, object: &Value) -> bool {
    match (group, kind) {
        ("", "Namespace") => true,
        ("", "ConfigMap") => is_profile(object),
        _ => misspelt::is_selector(group, kind),
    }
}

fn is_profile(object: &Value) -> bool {
    let metadata = |field| object.get("metadata")?.get(field)?.as_str();
    metadata("name") == Some(PROFILE)
        && metadata("namespace").is_none_or(|namespace| namespace == PROFILE_NAMESPACE)
}

impl ClusterDefaults {
    /// Reports whether there is no selector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.selectors.is_empty()
    }

    /// Adds the defaults of another part of the input.
    pub fn merge(&mut self, other: ClusterDefaults) {
        for selector in other.selectors {
            self.insert(selector);
        }
        self.namespaces.extend(other.namespaces);
        self.unreadable += other.unreadable;
    }

    /// Reads an object, and reports what cannot be read. Returns whether the object gives defaults: a Namespace and
    /// another ConfigMap do not.
    pub fn add(
        &mut self,
        group: &str,
        kind: &str,
        object: &Value,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) -> bool {
        let metadata = |field| object.get("metadata")?.get(field);
        let text = |field| metadata(field).and_then(Value::as_str).unwrap_or_default();
        match (group, kind) {
            ("", "Namespace") => {
                let mut labels = Map::new();
                let parent = path.field("metadata");
                let path = parent.field("labels");
                match metadata("labels") {
                    None | Some(Value::Null) => {}
                    Some(Value::Object(written)) => {
                        for (name, value) in written {
                            if !value.is_string() {
                                let expected = "a string";
                                let error = TypeError {
                                    expected,
                                    found: value,
                                };
                                self.unreadable(error, &path.key(name), AS_TEXT, report);
                            }
                        }
                        labels.clone_from(written);
                    }
                    Some(found) => {
                        let expected = "an object";
                        self.unreadable(TypeError { expected, found }, &path, AS_TEXT, report);
                    }
                }
                labels.insert(NAMESPACE_NAME.to_owned(), text("name").into());
                self.namespaces
                    .insert(text("name").to_owned(), labels.into());
                false
            }
            ("", "ConfigMap") if is_profile(object) => {
                let selectors = object.get("data").and_then(|data| data.get("selectors"));
                let data = path.field("data");
                let written = object.get("data").unwrap_or(&Value::Null);
                self.unreadable += misspelt::PROFILE.check(written, &data, report);
                self.profile(selectors, &data.field("selectors"), report);
                true
            }
            _ if misspelt::is_selector(group, kind) => {
                self.unreadable += misspelt::check_type(group, kind, path, report);
                let found = misspelt::SELECTOR.check(object, path, report);
                self.unreadable += found;
                let Some(spec) = object.get("spec").filter(|spec| !spec.is_null()) else {
                    if found == 0 {
                        self.unreadable("required", &path.field("spec"), LEFT_OUT, report);
                    }
                    return true;
                };
                let source = format!("Selector {}", Quoted(text("name")));
                let rank = (false, 0, text("name").to_owned());
                self.selector(source, rank, spec, &path.field("spec"), report);
                true
            }
            _ => false,
        }
    }

    /// Reads the selectors of the ConfigMap: a list in JSON. An empty text is not a list.
    fn profile(&mut self, selectors: Option<&Value>, path: &Path<'_>, report: &mut Report<'_>) {
        let list = match selectors {
            None | Some(Value::Null) => return,
            Some(Value::String(text)) if text.trim().is_empty() => return,
            Some(Value::String(text)) => serde_json::from_str(text),
            Some(found) => Ok(found.clone()),
        };
        match list {
            Ok(Value::Array(list)) => {
                for (number, spec) in list.iter().enumerate() {
                    let name = spec.get("name").and_then(Value::as_str);
                    let name = name.unwrap_or_default();
                    let source = format!("selector {} of eci-profile", Quoted(name));
                    let rank = (true, number, name.to_owned());
                    self.unreadable += misspelt::SPEC.check(spec, &path.index(number), report);
                    self.selector(source, rank, spec, &path.index(number), report);
                }
            }
            Ok(found) => {
                let (expected, found) = ("a list of selectors in JSON", &found);
                self.unreadable(TypeError { expected, found }, path, LEFT_OUT, report);
            }
            Err(error) => {
                let error = format_args!("not valid JSON: {error}");
                self.unreadable(error, path, LEFT_OUT, report);
            }
        }
    }

    fn selector(
        &mut self,
        source: String,
        (legacy, number, name): (bool, usize, String),
        spec: &Value,
        path: &Path<'_>,
        report: &mut Report<'_>,
    ) {
        let spec = match SelectorSpec::deserialize(spec) {
            Ok(spec) => spec,
            Err(error) => return self.unreadable(error, path, LEFT_OUT, report),
        };
        let selectors = [&spec.object_selector, &spec.namespace_selector];
        if selectors.into_iter().flatten().all(LabelSelector::is_empty) {
            return self.unreadable(SELECTS_NOTHING, path, LEFT_OUT, report);
        }
        let rank = (legacy, Reverse(spec.priority), number, name);
        self.insert(PodSelector { source, rank, spec });
    }

    /// Inserts a selector by its rank.
    fn insert(&mut self, selector: PodSelector) {
        let before = |other: &PodSelector| other.rank <= selector.rank;
        let at = self.selectors.partition_point(before);
        self.selectors.insert(at, selector);
    }

    fn unreadable(
        &mut self,
        error: impl fmt::Display,
        path: &Path<'_>,
        help: &str,
        report: &mut Report<'_>,
    ) {
        self.unreadable += 1;
        report.add(Code::IC016, path, error, help);
    }

    /// Adds the defaults to a pod that was read with its labels. Returns a sentence for each selector that is left out,
    /// because the labels of the namespace are not known. The pod has it as a warning, too.
    pub(crate) fn apply(&self, pod: &mut Pod) -> Vec<String> {
        let mut left_out = Vec::new();
        let Some(own) = pod.own.take() else {
            return left_out;
        };
        let mut annotations = own.annotations;
        let mut labels = Texts::new();
        let mut policy = Placement::Unspecified;
        for selector in self.selectors.iter().filter(|selector| selector.matters()) {
            let spec = &selector.spec;
            let objects = spec.object_selector.as_ref();
            if !objects.is_none_or(|objects| objects.selects(&own.labels)) {
                continue;
            }
            if let Some(wanted) = &spec.namespace_selector {
                let namespace = pod.namespace.as_deref();
                match namespace.and_then(|name| self.namespaces.get(name)) {
                    Some(labels) if wanted.selects(&texts(labels)) => {}
                    Some(_) => continue,
                    None => {
                        left_out.push(unknown_namespace(&selector.source, namespace));
                        continue;
                    }
                }
            }
            for (name, value) in selector.annotations() {
                if !annotations.contains_key(name) {
                    pod.notes
                        .push(added(&selector.source, "annotation", name, value));
                    annotations.insert(name.clone(), value.clone().into());
                }
            }
            for (name, value) in selector.labels() {
                if !own.labels.contains_key(name) && !labels.contains_key(name) {
                    pod.notes
                        .push(added(&selector.source, "label", name, value));
                    labels.insert(name.clone(), value.clone());
                }
            }
            if policy == Placement::Unspecified {
                policy = selector.placement();
            }
        }
        pod.warnings.extend(left_out.iter().cloned());
        let mut warnings = Vec::new();
        pod.wish = CacheRequest::look_up(|name| annotations.get(name), &mut warnings);
        for warning in warnings {
            if !pod.warnings.contains(&warning) {
                pod.warnings.push(warning);
            }
        }
        let text = |name: &str| annotations.get(name).and_then(Value::as_str);
        pod.placement =
            pod.placement
                .with_defaults(|name| labels.get(name).map(String::as_str), text, policy);
        let extra = text(annotation::POD_EXTRA_STORAGE).and_then(storage::storage_bytes);
        pod.extra_storage_gib = storage::gib(extra.unwrap_or_default());
        pod.storage_gib = pod.storage_gib.max(pod.extra_storage_gib);
        left_out
    }
}

const SELECTS_NOTHING: &str = "required: labels of pods or of namespaces";
/// The help for labels of a Namespace.
const AS_TEXT: &str = "It is left out. Labels are strings: write the value in quotes.";
const LEFT_OUT: &str = "The selector is left out. Write it as the page on eci-profile says.";

fn unknown_namespace(source: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(name) => format!(
            "{source} is left out: the input has no Namespace {}, whose labels decide",
            Quoted(name)
        ),
        None => format!("{source} is left out: the pod has no namespace, whose labels decide"),
    }
}

fn added(source: &str, what: &str, name: &str, value: &str) -> String {
    format!("{source} adds the {what} `{name}: {value}`")
}
