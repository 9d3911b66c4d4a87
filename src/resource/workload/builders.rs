//! The shorthand that the table of workloads is written in.

use super::{PodTemplate, Source, TemplateReference, Way, Workload};

/// Makes a list of ways.
macro_rules! ways {
    ($($way:expr),* $(,)?) => { &[$(Way($way)),*] };
}

/// Makes a template that is a `PodTemplateSpec`, at the way `$at`.
macro_rules! template {
    ($name:literal, $at:expr) => {
        PodTemplate {
            name: $name,
            at: Way($at),
            named_by: None,
            pod_specs: ways![".spec"],
            images: OF_TEMPLATE,
            annotations: ways![".metadata.annotations"],
            replicas: None,
        }
    };
}

/// Makes a template that is a `PodSpec`, at the way `$at`, with its annotations elsewhere.
macro_rules! pod_spec {
    ($name:literal, $at:expr, $annotations:expr) => {
        PodTemplate {
            name: $name,
            at: Way($at),
            named_by: None,
            pod_specs: ways!["."],
            images: OF_POD_SPEC,
            annotations: $annotations,
            replicas: None,
        }
    };
}

/// Makes a template of Argo Workflows, at the way `$at` in the workflow spec `$spec`.
macro_rules! argo_template {
    ($name:literal, $spec:expr, $at:expr, $named_by:expr) => {
        PodTemplate {
            name: $name,
            at: Way(concat!($spec, $at)),
            named_by: Some(Way(concat!($spec, $named_by))),
            pod_specs: ways![".", $spec],
            images: &[
                ways![".initContainers.*.image"],
                ways![concat!($spec, ".templateDefaults.initContainers.*.image")],
                ways![
                    ".containerSet.containers.*.image",
                    concat!($spec, ".templateDefaults.containerSet.containers.*.image"),
                ],
                ways![
                    ".container.image",
                    concat!($spec, ".templateDefaults.container.image"),
                ],
                ways![
                    ".script.image",
                    concat!($spec, ".templateDefaults.script.image"),
                ],
                ways![".sidecars.*.image"],
                ways![concat!($spec, ".templateDefaults.sidecars.*.image")],
            ],
            annotations: ways![
                ".metadata.annotations",
                concat!($spec, ".templateDefaults.metadata.annotations"),
                concat!($spec, ".podMetadata.annotations"),
            ],
            replicas: None,
        }
    };
}

/// Makes the templates of the workflow spec at the way `$spec`.
#[rustfmt::skip]
macro_rules! argo {
    ($spec:expr) => {
        &[
            argo_template!("template", $spec, ".templates.*", ".templates.*.name"),
            argo_template!("inline template of task", $spec,
                ".templates.*.dag.tasks.*.inline", ".templates.*.dag.tasks.*.name"),
            argo_template!("inline template of step", $spec,
                ".templates.*.steps.*.*.inline", ".templates.*.steps.*.*.name"),
        ]
    };
}

/// Makes the template of a runner whose pod spec, at the way `$spec`, has the image of the container `runner`.
macro_rules! runner {
    ($spec:expr, $annotations:literal) => {
        pod_spec!("", $spec, ways![$annotations]).images(&[
            ways![".initContainers.*.image"],
            ways![".image", ".containers.{name=runner}.image",],
            ways![".containers.*.image"],
            ways![".sidecarContainers.*.image"],
        ])
    };
}

/// Makes the template of a component of `KServe`, at the way `$at`, with images of model servers besides its containers.
macro_rules! component {
    ($name:literal, $at:expr, [$($server:literal),*]) => {
        pod_spec!($name, $at, ways![".annotations", "metadata.annotations"]).images(&[
            ways![".initContainers.*.image"],
            ways![".containers.*.image"],
            $(ways![concat!(".", $server, ".image")]),*
        ])
    };
}

/// Makes the template of the role `$role` of the Spark application at the way `$app`.
macro_rules! spark {
    ($role:literal, $app:expr) => {
        PodTemplate {
            name: $role,
            at: Way($app),
            named_by: None,
            pod_specs: ways![
                concat!(".", $role),
                concat!(".", $role, ".template.spec"),
                ".",
            ],
            images: &[
                ways![concat!(".", $role, ".initContainers.*.image")],
                ways![concat!(".", $role, ".template.spec.initContainers.*.image")],
                ways![
                    concat!(".", $role, ".image"),
                    ".image",
                    concat!(
                        ".",
                        $role,
                        ".template.spec.containers.{name=spark-kubernetes-",
                        $role,
                        "}.image"
                    ),
                ],
                ways![concat!(".", $role, ".sidecars.*.image")],
                ways![concat!(".", $role, ".template.spec.containers.*.image")],
            ],
            annotations: ways![
                concat!(".", $role, ".annotations"),
                concat!(".", $role, ".template.metadata.annotations"),
            ],
            replicas: None,
        }
    };
}

/// Makes the template of the role `$role` of a Flink deployment.
macro_rules! flink {
    ($role:literal) => {
        PodTemplate {
            name: $role,
            at: Way("spec"),
            named_by: None,
            pod_specs: ways![
                concat!("spec.", $role, ".podTemplate.spec"),
                "spec.podTemplate.spec"
            ],
            images: &[
                ways![concat!(
                    "spec.",
                    $role,
                    ".podTemplate.spec.initContainers.*.image"
                )],
                ways!["spec.podTemplate.spec.initContainers.*.image"],
                ways![
                    "spec.image",
                    concat!(
                        "spec.",
                        $role,
                        ".podTemplate.spec.containers.{name=flink-main-container}.image"
                    ),
                    "spec.podTemplate.spec.containers.{name=flink-main-container}.image",
                ],
                ways![concat!(
                    "spec.",
                    $role,
                    ".podTemplate.spec.containers.*.image"
                )],
                ways!["spec.podTemplate.spec.containers.*.image"],
            ],
            annotations: ways![
                concat!("spec.", $role, ".podTemplate.metadata.annotations"),
                "spec.podTemplate.metadata.annotations",
            ],
            replicas: Some(Way(concat!("spec.", $role, ".replicas"))),
        }
    };
}

/// Makes the template of the item `$at` that keeps a `PodTemplateSpec` in `template` and its number in `replicas`.
macro_rules! replicas {
    ($name:literal, $at:expr) => {
        PodTemplate {
            name: $name,
            at: Way($at),
            named_by: None,
            pod_specs: ways![".template.spec"],
            images: &[
                ways![".template.spec.initContainers.*.image"],
                ways![".template.spec.containers.*.image"],
            ],
            annotations: ways![".template.metadata.annotations"],
            replicas: Some(Way(".replicas")),
        }
    };
}

/// Makes the templates of the Ray cluster spec at the way `$spec`, and those given after it.
macro_rules! ray {
    ($spec:expr $(, $more:expr)*) => {
        &[
            template!("head", concat!($spec, ".headGroupSpec.template")).images(&[
                ways![".spec.initContainers.*.image"],
                ways![".spec.containers.*.image"],
                ways![concat!($spec, ".autoscalerOptions.image")],
                ways![concat!($spec, ".historyServerOptions.collectorOptions.image")],
            ]),
            template!("worker", concat!($spec, ".workerGroupSpecs.*.template"))
                .named_by(concat!($spec, ".workerGroupSpecs.*.groupName"))
                .replicas(concat!($spec, ".workerGroupSpecs.*.replicas"))
                .images(&[
                    ways![".spec.initContainers.*.image"],
                    ways![".spec.containers.*.image"],
                    ways![concat!($spec, ".historyServerOptions.collectorOptions.image")],
                ]),
            $($more),*
        ]
    };
}

/// Makes the template of the jobs of the `JobSet` spec at the way `$spec`.
macro_rules! jobs {
    ($spec:expr) => {
        template!(
            "job",
            concat!($spec, ".replicatedJobs.*.template.spec.template")
        )
        .named_by(concat!($spec, ".replicatedJobs.*.name"))
        .replicas(concat!(
            $spec,
            ".replicatedJobs.*.template.spec.parallelism"
        ))
    };
}

/// Makes the template of the Tekton task spec at the way `$at`.
macro_rules! task {
    ($name:literal, $at:expr, $pod_specs:expr, $annotations:expr) => {
        PodTemplate {
            name: $name,
            at: Way($at),
            named_by: None,
            pod_specs: $pod_specs,
            images: &[
                ways![".steps.*.image", ".stepTemplate.image",],
                ways![".sidecars.*.image"],
            ],
            annotations: $annotations,
            replicas: None,
        }
    };
}

/// Makes a way through the `JobSet` spec that a `TrainJob` patches into its runtime.
macro_rules! patched {
    ($way:literal) => {
        concat!(
            "spec.runtimePatches.*.trainingRuntimeSpec.template.spec",
            $way
        )
    };
}

/// The images of a `PodTemplateSpec`, from its place.
pub(super) const OF_TEMPLATE: &[&[Way]] = &[
    ways![".spec.initContainers.*.image"],
    ways![".spec.containers.*.image"],
];

/// The images of a `PodSpec`, from its place.
pub(super) const OF_POD_SPEC: &[&[Way]] = &[
    ways![".initContainers.*.image"],
    ways![".containers.*.image"],
];

impl PodTemplate {
    pub(super) const fn named_by(mut self, way: &'static str) -> Self {
        self.named_by = Some(Way(way));
        self
    }

    pub(super) const fn replicas(mut self, way: &'static str) -> Self {
        self.replicas = Some(Way(way));
        self
    }

    pub(super) const fn pod_specs(mut self, ways: &'static [Way]) -> Self {
        self.pod_specs = ways;
        self
    }

    pub(super) const fn images(mut self, images: &'static [&'static [Way]]) -> Self {
        self.images = images;
        self
    }

    pub(super) const fn annotations(mut self, annotations: &'static [Way]) -> Self {
        self.annotations = annotations;
        self
    }
}

impl Workload {
    /// A kind whose own annotations do not reach its pods.
    pub(super) const fn new(
        source: Source,
        [group, kind, plural]: [&'static str; 3],
        versions: &'static [&'static str],
        templates: &'static [PodTemplate],
        belongs: &'static str,
    ) -> Self {
        Workload {
            group,
            kind,
            plural,
            versions,
            source,
            templates,
            without_effect: ways!["metadata.annotations"],
            belongs,
            references: &[],
        }
    }

    pub(super) const fn without_effect(mut self, ways: &'static [Way]) -> Self {
        self.without_effect = ways;
        self
    }

    pub(super) const fn references(mut self, references: &'static [TemplateReference]) -> Self {
        self.references = references;
        self
    }
}

/// Makes a template whose images and annotations are kept apart.
pub(super) const fn images(
    name: &'static str,
    at: &'static str,
    images: &'static [&'static [Way]],
    annotations: &'static [Way],
) -> PodTemplate {
    PodTemplate {
        name,
        at: Way(at),
        named_by: None,
        pod_specs: &[],
        images,
        annotations,
        replicas: None,
    }
}

pub(super) const fn reference(
    at: &'static str,
    group: &'static str,
    kinds: &'static [&'static str],
    annotations: &'static [Way],
) -> TemplateReference {
    TemplateReference {
        at: Way(at),
        group,
        kinds,
        annotations,
    }
}

pub(super) const fn source(
    project: &'static str,
    release: &'static str,
    npm: Option<&'static str>,
) -> Source {
    Source {
        project,
        release,
        npm,
    }
}
