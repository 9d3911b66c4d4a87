//! The pod templates of an object: what the table of workloads finds in it.

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, ptr};

use serde_json::Value;

use super::way::{Match, follow, matches, values};
use crate::diagnostic::Quoted;
use crate::path::{self, Path};
use crate::resource::workload::{PodTemplate, Way, WayStep, Workload};

/// Values that are visited outside the part of a pod template, for all templates of one object together. Ten thousand
/// tasks that share ten thousand sidecars would otherwise cost their product.
const MAX_SHARED_VISITS: usize = 200_000;

/// A value of an object, and its place.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Located<'v> {
    /// The value.
    pub value: &'v Value,
    /// The steps from the object to the value.
    pub steps: Vec<path::Step<'v>>,
}

impl Located<'_> {
    /// Calls `visit` with the path of the value, below the path of its object.
    pub fn at(&self, object: &Path<'_>, visit: &mut dyn FnMut(&Path<'_>)) {
        object.descend(&self.steps, visit);
    }
}

/// The image of a container, or the place where one is missing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ContainerImage<'v> {
    /// The image as written; null where it is missing.
    pub image: Located<'v>,
    /// The object that holds the image: a container. Its pull policy is in it, too.
    pub holder: &'v Value,
    /// The number of containers in the list of this one; 1 where it is not in a list.
    pub siblings: usize,
    /// The object that has the image, where the container refers to one: a step of Tekton.
    pub elsewhere: Option<Referred<'v>>,
}

/// Another object that an object names, because it has a pod template or an image.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Referred<'v> {
    /// The kinds that the object may have.
    pub kinds: &'static [&'static str],
    /// Its name, and the place of the name.
    pub name: Located<'v>,
}

impl fmt::Display for Referred<'_> {
    /// Writes ``the WorkflowTemplate or ClusterWorkflowTemplate `x` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.value.as_str().unwrap_or_default();
        write!(f, "the {} {}", self.kinds.join(" or "), Quoted(name))
    }
}

impl ContainerImage<'_> {
    /// Returns the index of the container in its list.
    #[must_use]
    pub fn index(&self) -> usize {
        match self.image.steps.as_slice() {
            [.., path::Step::Index(index), _] => *index,
            _ => 0,
        }
    }

    /// Returns the name of the list that holds the container: `initContainers`.
    #[must_use]
    pub fn list(&self) -> &str {
        match self.image.steps.as_slice() {
            [.., path::Step::Key(list), path::Step::Index(_), _] => list,
            _ => "",
        }
    }

    /// Reports whether the container names no image.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.image.value.is_null()
    }
}

/// A value of the wrong type in the place of containers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Misfit<'v> {
    /// The value.
    pub found: Located<'v>,
    /// The type that it should have: `a list`.
    pub expected: &'static str,
}

/// One pod template in an object: a pod is made from it, if it has an image.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Template<'v> {
    /// The name of the template and of the pod in it: `driver`, `task build`. Empty where the kind has one template.
    pub name: String,
    /// The maps of annotations that reach the pod, highest precedence first.
    pub annotations: Vec<Located<'v>>,
    /// The maps of labels that reach the pod, highest precedence first.
    pub labels: Vec<Located<'v>>,
    /// The objects with fields of a pod spec, highest precedence first.
    pub pod_specs: Vec<Located<'v>>,
    /// The images, in the order of the table.
    pub images: Vec<ContainerImage<'v>>,
    /// Containers without an image, unless the image is given elsewhere.
    pub missing: Vec<ContainerImage<'v>>,
    /// Values in the place of containers that have another type.
    pub misfits: Vec<Misfit<'v>>,
    /// The number of pods, where a field of the object has it.
    pub replicas: Option<Located<'v>>,
    /// Whether an image is below the place of the template. A template without one makes no pod.
    pub makes_pod: bool,
    /// Whether the search ended early, because the templates share too many values.
    pub cut_off: bool,
}

impl<'v> Template<'v> {
    /// Returns the path of the pod spec in its object.
    pub(super) fn place(&self) -> String {
        let misfits = self.misfits.iter().map(|misfit| &misfit.found);
        let mut place = String::new();
        if let Some(found) = self.pod_specs.iter().chain(misfits).next() {
            found.at(&Path::Root, &mut |path| place = path.to_string());
        }
        place
    }

    /// Returns an annotation of the pod: of the map with the highest precedence that has it.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&'v Value> {
        first(&self.annotations, name)
    }

    /// Returns the map that decides an annotation.
    #[must_use]
    pub fn annotation_map(&self, name: &str) -> Option<&Located<'v>> {
        let mut maps = self.annotations.iter();
        maps.find(|map| map.value.get(name).is_some())
    }

    /// Returns a label of the pod.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'v Value> {
        first(&self.labels, name)
    }

    /// Reports whether a label is neither a string nor null. Where the pod runs is not known then.
    #[must_use]
    pub fn has_untyped_label(&self) -> bool {
        self.labels.iter().any(|map| match map.value {
            Value::Object(all) => all
                .values()
                .any(|value| !matches!(value, Value::String(_) | Value::Null)),
            other => !other.is_null(),
        })
    }

    /// Returns the ephemeral containers. They are added to a running pod, after its cache was chosen.
    pub(crate) fn ephemeral_containers(&self) -> Vec<ContainerImage<'v>> {
        let mut found = Vec::new();
        for spec in &self.pod_specs {
            for list in follow(&[WayStep::Field("ephemeralContainers")], spec.value) {
                let siblings = list.value().as_array().map_or(0, Vec::len);
                for met in list.each() {
                    let container = met.container("image", siblings);
                    found.extend(container.map(|mut container| {
                        let steps = &mut container.image.steps;
                        *steps = [&*spec.steps, &**steps].concat();
                        container
                    }));
                }
            }
        }
        found
    }

    /// Returns a field of the pod spec.
    #[must_use]
    pub fn spec(&self, name: &str) -> Option<&'v Value> {
        first(&self.pod_specs, name)
    }
}

fn first<'v>(maps: &[Located<'v>], name: &str) -> Option<&'v Value> {
    let mut found = maps.iter().filter_map(|map| map.value.get(name));
    found.find(|value| !value.is_null())
}

/// Returns the pod templates of an object of a known kind, in the order of the table, then of the object. The list
/// includes templates that make no pod.
///
/// ```
/// use imagecache::{pod, resource::workload};
/// let job = serde_json::json!({"spec": {"driver": {"image": "spark:4"}, "executor": {"image": "spark:4"}}});
/// let row = workload::find("sparkoperator.k8s.io", "SparkApplication").unwrap();
/// let names: Vec<_> = pod::templates(row, &job).into_iter().map(|template| template.name).collect();
/// assert_eq!(names, ["driver", "executor"]);
/// ```
#[must_use]
pub fn templates<'v>(workload: &Workload, object: &'v Value) -> Vec<Template<'v>> {
    if (workload.group, workload.kind) == ("", "Pod") {
        return vec![read_pod_spec(&Match {
            path: vec![path::Step::Key("spec")],
            values: vec![object, object.get("spec").unwrap_or(&Value::Null)],
        })];
    }
    let mut budget = MAX_SHARED_VISITS;
    let mut found = Vec::new();
    let elsewhere = items_elsewhere(workload, object);
    for row in workload.templates {
        let mut places = matches(row.at, object);
        if places.is_empty() {
            places.extend(Match::absent(row.at, object));
        }
        for at in places {
            found.push(read(row, &at, &elsewhere, &mut budget));
        }
    }
    found
}

/// Returns the other objects that an object of a known kind names, because they have pod templates or images.
pub(super) fn references<'v>(workload: &Workload, object: &'v Value) -> Vec<Referred<'v>> {
    let each = workload.references.iter().flat_map(|reference| {
        let found = values(reference.at, object).into_iter();
        found.map(|name| Referred {
            kinds: reference.kinds,
            name,
        })
    });
    each.filter(|referred| referred.name.value.is_string())
        .collect()
}

/// Items of lists that name the object which has their image.
type Elsewhere<'v> = BTreeMap<*const Value, Referred<'v>>;

fn items_elsewhere<'v>(workload: &Workload, object: &'v Value) -> Elsewhere<'v> {
    let mut found = BTreeMap::new();
    for reference in workload.references {
        for met in matches(reference.at, object) {
            let above = met.path.iter().zip(met.values.iter().skip(1));
            let item = above
                .rev()
                .find(|(step, _)| matches!(step, path::Step::Index(_)));
            if let Some((_, item)) = item {
                let (kinds, name) = (reference.kinds, met.located());
                found.insert(ptr::from_ref(*item), Referred { kinds, name });
            }
        }
    }
    found
}

/// Reads the template of a row at one of its places.
fn read<'v>(
    row: &PodTemplate,
    at: &Match<'v>,
    elsewhere: &Elsewhere<'v>,
    budget: &mut usize,
) -> Template<'v> {
    let name = at.name(row);
    let reader = Reader {
        row,
        at,
        elsewhere,
        depth: row.at.steps().count(),
        name: name.as_deref(),
    };
    let mut template = Template::default();
    for way in row.annotations {
        let mut steps: Vec<WayStep> = row.steps(*way).collect();
        reader.follow(*way, &steps, budget, &mut |met| {
            template.annotations.push(met.located());
        });
        if let Some(last) = steps.last_mut() {
            *last = WayStep::Field("labels");
        }
        reader.follow(*way, &steps, budget, &mut |met| {
            template.labels.push(met.located());
        });
    }
    for way in row.pod_specs {
        let steps: Vec<WayStep> = row.steps(*way).collect();
        reader.follow(*way, &steps, budget, &mut |met| {
            template.pod_specs.push(met.located());
        });
    }
    if let Some(way) = row.replicas {
        let steps: Vec<WayStep> = row.steps(way).collect();
        reader.follow(way, &steps, budget, &mut |met| {
            if !met.value().is_null() {
                template.replicas.get_or_insert_with(|| met.located());
            }
        });
    }
    reader.images(&mut template, budget);
    template.cut_off = *budget == 0;
    template.name = match name {
        Some(name) if !row.name.is_empty() => format!("{} {name}", row.name),
        Some(name) => name,
        None => row.name.to_owned(),
    };
    template
}

/// What is read from one place of a template.
struct Reader<'r, 'v> {
    row: &'r PodTemplate,
    at: &'r Match<'v>,
    elsewhere: &'r Elsewhere<'v>,
    /// The number of steps to the place.
    depth: usize,
    /// The name of the pod.
    name: Option<&'r str>,
}

impl<'v> Reader<'_, 'v> {
    /// Follows the steps of a way from the last value that it shares with the way to the template.
    fn follow(
        &self,
        way: Way,
        steps: &[WayStep],
        budget: &mut usize,
        visit: &mut dyn FnMut(&Match<'v>),
    ) {
        let shared = self.row.shared(way).min(steps.len());
        let rest = steps.get(shared..).unwrap_or_default();
        let origin = self.at.ancestor(shared);
        let mut unlimited = usize::MAX;
        let budget = self.budget(way, &mut unlimited, budget);
        origin.follow(rest, self.name, budget, visit);
    }

    fn images(&self, template: &mut Template<'v>, budget: &mut usize) {
        let mut seen: BTreeSet<*const Value> = BTreeSet::new();
        let mut supplied: BTreeSet<*const Value> = BTreeSet::new();
        for alternatives in self.row.images {
            let mut used = None;
            let mut spare = None;
            let mut without = Vec::new();
            for (number, way) in alternatives.iter().enumerate() {
                let mut any = false;
                self.containers(*way, budget, &mut |container| match container {
                    Ok(container) if container.is_missing() => without.push((number, container)),
                    Ok(container) => {
                        if seen.insert(ptr::from_ref(container.image.value)) {
                            any = true;
                            if used.is_none() {
                                template.makes_pod |=
                                    container.image.steps.starts_with(&self.at.path);
                                template.images.push(container);
                            } else if spare.is_none() {
                                spare = Some((number, container));
                            }
                        }
                    }
                    Err(misfit) => template.misfits.push(misfit),
                });
                if any && used.is_none() {
                    used = Some(number);
                }
            }
            let mut spare_used = false;
            for (number, mut container) in without {
                let holder = ptr::from_ref(container.holder);
                if let Some(referred) = self.elsewhere.get(&holder) {
                    container.elsewhere = Some(referred.clone());
                    template.missing.push(container);
                } else if used.is_some_and(|used| used != number) {
                    supplied.insert(holder);
                } else if spare.as_ref().is_some_and(|(later, _)| *later > number) {
                    supplied.insert(holder);
                    spare_used = true;
                } else if !container.list().is_empty() {
                    template.missing.push(container);
                }
            }
            template
                .images
                .extend(spare.filter(|_| spare_used).map(|(_, image)| image));
        }
        let mut once = BTreeSet::new();
        template.missing.retain(|container| {
            let holder = ptr::from_ref(container.holder);
            !supplied.contains(&holder) && once.insert(holder)
        });
    }

    /// Visits the containers whose image a way leads to, and what is in their place but of another type.
    fn containers(
        &self,
        way: Way,
        budget: &mut usize,
        visit: &mut dyn FnMut(Result<ContainerImage<'v>, Misfit<'v>>),
    ) {
        let mut steps: Vec<WayStep> = self.row.steps(way).collect();
        let Some(WayStep::Field(field)) = steps.pop() else {
            return;
        };
        let selector = steps.last().copied();
        let selector = selector
            .filter(|step| !matches!(step, WayStep::Field(_)))
            .filter(|_| self.row.shared(way) < steps.len());
        if selector.is_some() {
            steps.pop();
        }
        let mut lists = Vec::new();
        self.follow(way, &steps, budget, &mut |met| {
            if selector.is_none() {
                return visit(met.container(field, 1));
            }
            match met.value() {
                Value::Array(items) => lists.push((met.clone(), items.len())),
                // A null is a list that is not set; a pod spec must have `containers`.
                Value::Null if met.path.last() != Some(&path::Step::Key("containers")) => {}
                _ => visit(Err(Misfit {
                    found: met.located(),
                    expected: "a list",
                })),
            }
        });
        let mut unlimited = usize::MAX;
        let budget = self.budget(way, &mut unlimited, budget);
        for (list, siblings) in lists {
            list.follow(selector.as_slice(), self.name, budget, &mut |met| {
                visit(met.container(field, siblings));
            });
        }
    }

    /// Returns the budget for a way. Visits below the place of the template are free: the parts of two templates are
    /// disjoint, so their visits add up to the size of the object.
    fn budget<'b>(&self, way: Way, free: &'b mut usize, shared: &'b mut usize) -> &'b mut usize {
        if self.row.shared(way) == self.depth {
            free
        } else {
            shared
        }
    }
}

impl<'v> Match<'v> {
    /// Returns the name that distinguishes pods of the template at this place.
    fn name(&self, row: &PodTemplate) -> Option<String> {
        let Some(way) = row.named_by else {
            return match self.path.last() {
                Some(path::Step::Key(key)) if row.at.steps().last() == Some(WayStep::Each) => {
                    Some((*key).to_owned())
                }
                _ => None,
            };
        };
        let shared = row.shared(way);
        let steps: Vec<WayStep> = row.steps(way).skip(shared).collect();
        let mut name = None;
        let mut budget = MAX_SHARED_VISITS;
        self.ancestor(shared)
            .follow(&steps, None, &mut budget, &mut |met| {
                name = name
                    .take()
                    .or_else(|| met.value().as_str().map(str::to_owned));
            });
        name
    }

    /// Reads this value as the container that holds an image in a field.
    fn container(
        &self,
        field: &'static str,
        siblings: usize,
    ) -> Result<ContainerImage<'v>, Misfit<'v>> {
        container(self.located(), field, siblings)
    }
}

/// Reads a pod spec and the metadata beside it, as in a `PodTemplateSpec`. A Pod is read here and not by its row of the
/// table, because matching reads nothing else so often.
pub(super) fn read_pod_spec<'v>(at: &Match<'v>) -> Template<'v> {
    let mut template = Template {
        pod_specs: vec![at.located()],
        ..Template::default()
    };
    for list in ["initContainers", "containers"] {
        let Some(value) = at.value().get(list) else {
            continue;
        };
        match value {
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    let steps = [path::Step::Key(list), path::Step::Index(index)];
                    match container(at.below(&steps, value), "image", items.len()) {
                        Ok(container) if container.is_missing() => template.missing.push(container),
                        Ok(container) => template.images.push(container),
                        Err(misfit) => template.misfits.push(misfit),
                    }
                }
            }
            Value::Null if list != "containers" => {}
            _ => template.misfits.push(Misfit {
                found: at.below(&[path::Step::Key(list)], value),
                expected: "a list",
            }),
        }
    }
    template.makes_pod = !template.images.is_empty();
    if let [.., parent, _] = at.values.as_slice()
        && let [beside @ .., path::Step::Key("spec")] = at.path.as_slice()
        && let Some(metadata) = parent.get("metadata")
    {
        let map = |field| {
            let steps = [path::Step::Key("metadata"), path::Step::Key(field)];
            Some(Located {
                value: metadata.get(field)?,
                steps: [beside, &steps].concat(),
            })
        };
        template.annotations.extend(map("annotations"));
        template.labels.extend(map("labels"));
    }
    template
}

/// Reads a value as the container that holds an image in a field.
fn container<'v>(
    holder: Located<'v>,
    field: &'static str,
    siblings: usize,
) -> Result<ContainerImage<'v>, Misfit<'v>> {
    let Value::Object(members) = holder.value else {
        return Err(Misfit {
            found: holder,
            expected: "an object",
        });
    };
    let mut steps = holder.steps;
    steps.push(path::Step::Key(field));
    Ok(ContainerImage {
        image: Located {
            value: members.get(field).unwrap_or(&Value::Null),
            steps,
        },
        holder: holder.value,
        siblings,
        elsewhere: None,
    })
}
