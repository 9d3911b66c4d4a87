//! The rows of the table of workloads.

use super::builders::{OF_POD_SPEC, OF_TEMPLATE, images, reference, source};
use super::{PodTemplate, Source, TemplateReference, Way, Workload};

const KUBERNETES: Source = source("kubernetes", "v1.36.0", Some("kubernetes-models"));
const ARGO_WORKFLOWS: Source = source(
    "argo-workflows",
    "v4.1.2",
    Some("@kubernetes-models/argo-workflows"),
);
const ARGO_ROLLOUTS: Source = source(
    "argo-rollouts",
    "v1.9.1",
    Some("@kubernetes-models/argo-rollouts"),
);
const AGENT_SANDBOX: Source = source("agent-sandbox", "v0.5.6", None);
const KRUISE_AGENTS: Source = source("openkruise-agents", "v0.3.0", None);
const KRUISE: Source = source("openkruise", "v1.9.0", None);
const ARC: Source = source(
    "actions-runner-controller",
    "gha-runner-scale-set-0.14.2",
    None,
);
const KNATIVE: Source = source(
    "knative-serving",
    "knative-v1.23.0",
    Some("@kubernetes-models/knative"),
);
const KSERVE: Source = source("kserve", "v0.20.0", None);
const SPARK: Source = source("spark-operator", "v2.5.2", None);
const FLINK: Source = source(
    "flink-kubernetes-operator",
    "release-1.15.0",
    Some("@kubernetes-models/flink"),
);
const TRAINING: Source = source("training-operator", "v1.9.4", None);
const TRAINER: Source = source("trainer", "v2.3.0", None);
const NOTEBOOKS: Source = source("notebooks", "v1.11.0", None);
const RAY: Source = source("kuberay", "v1.7.0", None);
const VOLCANO: Source = source("volcano", "v1.15.1", None);
const JOBSET: Source = source("jobset", "v0.12.0", None);
const LWS: Source = source("lws", "v0.10.0", None);
const TEKTON: Source = source("tekton-pipeline", "v1.15.0", None);
const SELDON: Source = source("seldon-core", "v1.18.2", None);
const SELDON_2: Source = source("seldon-core", "operator/v2.10.2", None);
const KEDA: Source = source("keda", "v2.20.2", Some("@kubernetes-models/keda"));
const CNPG: Source = source(
    "cloudnative-pg",
    "v1.30.0",
    Some("@kubernetes-models/cloudnative-pg"),
);

/// Every known kind, by project.
#[rustfmt::skip]
pub const WORKLOADS: &[Workload] = &[
    // Kubernetes.
    Workload::new(KUBERNETES, ["", "Pod", "pods"], &["v1"],
        &[pod_spec!("", "spec", ways!["metadata.annotations"])],
        "metadata.annotations").without_effect(&[]),
    Workload::new(KUBERNETES, ["apps", "Deployment", "deployments"], &["v1"],
        &[template!("", "spec.template").replicas("spec.replicas")],
        "spec.template.metadata.annotations"),
    Workload::new(KUBERNETES, ["apps", "StatefulSet", "statefulsets"], &["v1"],
        &[template!("", "spec.template").replicas("spec.replicas")],
        "spec.template.metadata.annotations"),
    Workload::new(KUBERNETES, ["apps", "DaemonSet", "daemonsets"], &["v1"],
        &[template!("", "spec.template")],
        "spec.template.metadata.annotations"),
    Workload::new(KUBERNETES, ["apps", "ReplicaSet", "replicasets"], &["v1"],
        &[template!("", "spec.template").replicas("spec.replicas")],
        "spec.template.metadata.annotations"),
    Workload::new(KUBERNETES, ["", "ReplicationController", "replicationcontrollers"], &["v1"],
        &[template!("", "spec.template").replicas("spec.replicas")],
        "spec.template.metadata.annotations"),
    Workload::new(KUBERNETES, ["batch", "Job", "jobs"], &["v1"],
        &[template!("", "spec.template").replicas("spec.parallelism")],
        "spec.template.metadata.annotations"),
    Workload::new(KUBERNETES, ["batch", "CronJob", "cronjobs"], &["v1"],
        &[template!("", "spec.jobTemplate.spec.template").replicas("spec.jobTemplate.spec.parallelism")],
        "spec.jobTemplate.spec.template.metadata.annotations")
        .without_effect(ways!["metadata.annotations", "spec.jobTemplate.metadata.annotations"]),
    Workload::new(KUBERNETES, ["", "PodTemplate", "podtemplates"], &["v1"],
        &[template!("", "template")],
        "template.metadata.annotations"),
    Workload::new(KUBERNETES, ["", "Namespace", "namespaces"], &["v1"], &[], ""),

    // Argo. `spec.templates.*.annotations` and `spec.workflowMetadata` are read by Argo only. The image of argoexec,
    // which runs in each pod as well, is not in the object.
    Workload::new(ARGO_WORKFLOWS, ["argoproj.io", "Workflow", "workflows"], &["v1alpha1"],
        argo!("spec"), "spec.podMetadata.annotations")
        .without_effect(ARGO_WITHOUT_EFFECT)
        .references(ARGO_REFERENCES),
    Workload::new(ARGO_WORKFLOWS, ["argoproj.io", "WorkflowTemplate", "workflowtemplates"], &["v1alpha1"],
        argo!("spec"), "spec.podMetadata.annotations")
        .without_effect(ARGO_WITHOUT_EFFECT)
        .references(ARGO_REFERENCES),
    Workload::new(ARGO_WORKFLOWS, ["argoproj.io", "ClusterWorkflowTemplate", "clusterworkflowtemplates"], &["v1alpha1"],
        argo!("spec"), "spec.podMetadata.annotations")
        .without_effect(ARGO_WITHOUT_EFFECT)
        .references(ARGO_REFERENCES),
    Workload::new(ARGO_WORKFLOWS, ["argoproj.io", "CronWorkflow", "cronworkflows"], &["v1alpha1"],
        argo!("spec.workflowSpec"), "spec.workflowSpec.podMetadata.annotations")
        .without_effect(ways![
            "metadata.annotations", "spec.workflowMetadata.annotations",
            "spec.workflowSpec.workflowMetadata.annotations", "spec.workflowSpec.templates.*.annotations",
        ])
        .references(&[reference("spec.workflowSpec.workflowTemplateRef.name", "argoproj.io",
            &["WorkflowTemplate", "ClusterWorkflowTemplate"], ways!["spec.workflowSpec.podMetadata.annotations"])]),
    Workload::new(ARGO_ROLLOUTS, ["argoproj.io", "Rollout", "rollouts"], &["v1alpha1"],
        &[template!("", "spec.template").replicas("spec.replicas")],
        "spec.template.metadata.annotations")
        .references(&[reference("spec.workloadRef.name", "apps", &["Deployment", "ReplicaSet"], &[])]),

    // Agent sandboxes. A warm pod runs before it is claimed, so annotations of the claim come too late for it.
    Workload::new(AGENT_SANDBOX, ["agents.x-k8s.io", "Sandbox", "sandboxes"], &["v1beta1", "v1alpha1"],
        &[template!("", "spec.podTemplate").replicas("spec.replicas")],
        "spec.podTemplate.metadata.annotations"),
    Workload::new(AGENT_SANDBOX, [SANDBOX_EXTENSIONS, "SandboxTemplate", "sandboxtemplates"], &["v1beta1", "v1alpha1"],
        &[template!("", "spec.podTemplate")],
        "spec.podTemplate.metadata.annotations"),
    Workload::new(AGENT_SANDBOX, [SANDBOX_EXTENSIONS, "SandboxClaim", "sandboxclaims"], &["v1beta1", "v1alpha1"],
        &[], "spec.additionalPodMetadata.annotations")
        .references(&[
            reference("spec.warmPoolRef.name", SANDBOX_EXTENSIONS, &["SandboxWarmPool"],
                ways!["spec.additionalPodMetadata.annotations"]),
            reference("spec.sandboxTemplateRef.name", SANDBOX_EXTENSIONS, &["SandboxTemplate"],
                ways!["spec.additionalPodMetadata.annotations"]),
        ]),
    Workload::new(AGENT_SANDBOX, [SANDBOX_EXTENSIONS, "SandboxWarmPool", "sandboxwarmpools"], &["v1beta1", "v1alpha1"],
        &[], "spec.podTemplate.metadata.annotations of the SandboxTemplate")
        .references(&[reference("spec.sandboxTemplateRef.name", SANDBOX_EXTENSIONS, &["SandboxTemplate"], &[])]),
    Workload::new(KRUISE_AGENTS, ["agents.kruise.io", "SandboxSet", "sandboxsets"], &["v1alpha1"],
        &[template!("", "spec.template").replicas("spec.replicas")],
        "spec.template.metadata.annotations")
        .references(&[reference("spec.templateRef.name", "agents.kruise.io", &["SandboxTemplate"], &[])]),
    Workload::new(KRUISE_AGENTS, ["agents.kruise.io", "Sandbox", "sandboxes"], &["v1alpha1"],
        &[template!("", "spec.template")],
        "spec.template.metadata.annotations")
        .references(&[reference("spec.templateRef.name", "agents.kruise.io", &["SandboxTemplate"], &[])]),
    Workload::new(KRUISE_AGENTS, ["agents.kruise.io", "SandboxTemplate", "sandboxtemplates"], &["v1alpha1"],
        &[template!("", "spec.template")],
        "spec.template.metadata.annotations"),
    Workload::new(KRUISE_AGENTS, ["agents.kruise.io", "SandboxClaim", "sandboxclaims"], &["v1alpha1"],
        &[images("claim", "spec", &[ways!["spec.inplaceUpdate.image"]], &[]).replicas("spec.replicas")],
        "spec.template.metadata.annotations of the SandboxSet")
        .without_effect(ways!["metadata.annotations", "spec.annotations"])
        .references(&[reference("spec.templateName", "agents.kruise.io", &["SandboxSet"], &[])]),

    // OpenKruise. The containers and annotations of a SidecarSet join the pods that its selector matches.
    Workload::new(KRUISE, ["apps.kruise.io", "CloneSet", "clonesets"], &["v1alpha1"],
        &[template!("", "spec.template").replicas("spec.replicas")],
        "spec.template.metadata.annotations"),
    Workload::new(KRUISE, ["apps.kruise.io", "StatefulSet", "statefulsets"], &["v1beta1", "v1alpha1"],
        &[template!("", "spec.template").replicas("spec.replicas")],
        "spec.template.metadata.annotations"),
    Workload::new(KRUISE, ["apps.kruise.io", "DaemonSet", "daemonsets"], &["v1beta1", "v1alpha1"],
        &[template!("", "spec.template")],
        "spec.template.metadata.annotations"),
    Workload::new(KRUISE, ["apps.kruise.io", "BroadcastJob", "broadcastjobs"], &["v1beta1", "v1alpha1"],
        &[template!("", "spec.template").replicas("spec.parallelism")],
        "spec.template.metadata.annotations"),
    Workload::new(KRUISE, ["apps.kruise.io", "AdvancedCronJob", "advancedcronjobs"], &["v1beta1", "v1alpha1"],
        &[
            template!("jobTemplate", "spec.template.jobTemplate.spec.template")
                .replicas("spec.template.jobTemplate.spec.parallelism"),
            template!("broadcastJobTemplate", "spec.template.broadcastJobTemplate.spec.template")
                .replicas("spec.template.broadcastJobTemplate.spec.parallelism"),
        ],
        "spec.template.*.spec.template.metadata.annotations")
        .without_effect(ways![
            "metadata.annotations", "spec.template.jobTemplate.metadata.annotations",
            "spec.template.broadcastJobTemplate.metadata.annotations",
        ]),
    Workload::new(KRUISE, ["apps.kruise.io", "UnitedDeployment", "uniteddeployments"], &["v1alpha1"],
        &[
            template!("statefulSetTemplate", "spec.template.statefulSetTemplate.spec.template"),
            template!("advancedStatefulSetTemplate", "spec.template.advancedStatefulSetTemplate.spec.template"),
            template!("cloneSetTemplate", "spec.template.cloneSetTemplate.spec.template"),
            template!("deploymentTemplate", "spec.template.deploymentTemplate.spec.template"),
        ],
        "spec.template.*.spec.template.metadata.annotations")
        .without_effect(ways![
            "metadata.annotations", "spec.template.statefulSetTemplate.metadata.annotations",
            "spec.template.advancedStatefulSetTemplate.metadata.annotations",
            "spec.template.cloneSetTemplate.metadata.annotations", "spec.template.deploymentTemplate.metadata.annotations",
        ]),
    Workload::new(KRUISE, ["apps.kruise.io", "SidecarSet", "sidecarsets"], &["v1beta1", "v1alpha1"],
        &[pod_spec!("sidecars", "spec", ways!["spec.patchPodMetadata.*.annotations"])],
        "spec.patchPodMetadata.*.annotations"),

    // CI runners. The annotations of an EphemeralRunner, and of the sets above it as far as they are given to it, reach
    // its pod.
    Workload::new(ARC, ["actions.github.com", "AutoscalingRunnerSet", "autoscalingrunnersets"], &["v1alpha1"],
        &[
            template!("runner", "spec.template").replicas("spec.maxRunners").annotations(ways![
                "spec.template.metadata.annotations", "spec.ephemeralRunnerMetadata.annotations",
                "spec.ephemeralRunnerSetMetadata.annotations",
            ]),
            template!("listener", "spec.listenerTemplate"),
        ],
        "spec.template.metadata.annotations")
        .without_effect(ways!["metadata.annotations", "spec.autoscalingListener.annotations"]),
    Workload::new(ARC, ["actions.github.com", "EphemeralRunnerSet", "ephemeralrunnersets"], &["v1alpha1"],
        &[template!("", "spec.ephemeralRunnerSpec").replicas("spec.replicas").annotations(ways![
            "spec.ephemeralRunnerSpec.metadata.annotations", "spec.ephemeralRunnerMetadata.annotations",
            "metadata.annotations",
        ])],
        "spec.ephemeralRunnerSpec.metadata.annotations").without_effect(&[]),
    Workload::new(ARC, ["actions.github.com", "EphemeralRunner", "ephemeralrunners"], &["v1alpha1"],
        &[template!("", "spec").annotations(ways!["spec.metadata.annotations", "metadata.annotations"])],
        "spec.metadata.annotations").without_effect(&[]),
    Workload::new(ARC, ["actions.summerwind.dev", "RunnerDeployment", "runnerdeployments"], &["v1alpha1"],
        &[runner!("spec.template.spec", "spec.template.metadata.annotations").replicas("spec.replicas")],
        "spec.template.metadata.annotations"),
    Workload::new(ARC, ["actions.summerwind.dev", "RunnerReplicaSet", "runnerreplicasets"], &["v1alpha1"],
        &[runner!("spec.template.spec", "spec.template.metadata.annotations").replicas("spec.replicas")],
        "spec.template.metadata.annotations"),
    Workload::new(ARC, ["actions.summerwind.dev", "Runner", "runners"], &["v1alpha1"],
        &[runner!("spec", "metadata.annotations")],
        "metadata.annotations").without_effect(&[]),
    Workload::new(ARC, ["actions.summerwind.dev", "RunnerSet", "runnersets"], &["v1alpha1"],
        &[images("", "spec", &[
            ways!["spec.template.spec.initContainers.*.image"],
            ways!["spec.image", "spec.template.spec.containers.{name=runner}.image"],
            ways!["spec.template.spec.containers.*.image"],
        ], ways!["spec.template.metadata.annotations"])
            .pod_specs(ways!["spec.template.spec"]).replicas("spec.replicas")],
        "spec.template.metadata.annotations"),

    // Serving. An InferenceService without an image uses a runtime: the one it names, or one that KServe chooses for its
    // model format. The annotations of an InferenceService reach its pods.
    Workload::new(KNATIVE, ["serving.knative.dev", "Service", "services"], &["v1"],
        &[template!("", "spec.template")],
        "spec.template.metadata.annotations"),
    Workload::new(KNATIVE, ["serving.knative.dev", "Configuration", "configurations"], &["v1"],
        &[template!("", "spec.template")],
        "spec.template.metadata.annotations"),
    Workload::new(KNATIVE, ["serving.knative.dev", "Revision", "revisions"], &["v1"],
        &[pod_spec!("", "spec", ways!["metadata.annotations"])],
        "metadata.annotations").without_effect(&[]),
    Workload::new(KSERVE, ["serving.kserve.io", "InferenceService", "inferenceservices"], &["v1beta1"],
        &[
            component!("predictor", "spec.predictor", ["model", "sklearn", "xgboost", "tensorflow", "pytorch", "triton",
                "onnx", "huggingface", "pmml", "lightgbm", "paddle"]).replicas("spec.predictor.minReplicas"),
            pod_spec!("predictor worker", "spec.predictor.workerSpec",
                ways!["spec.predictor.annotations", "metadata.annotations"]),
            component!("transformer", "spec.transformer", []).replicas("spec.transformer.minReplicas"),
            component!("explainer", "spec.explainer", ["art"]).replicas("spec.explainer.minReplicas"),
            component!("canary predictor", "spec.canary.*.predictor", ["model", "sklearn", "xgboost", "tensorflow",
                "pytorch", "triton", "onnx", "huggingface", "pmml", "lightgbm", "paddle"]),
            pod_spec!("canary predictor worker", "spec.canary.*.predictor.workerSpec",
                ways!["spec.canary.*.predictor.annotations", "metadata.annotations"]),
        ],
        "spec.predictor.annotations")
        .without_effect(&[])
        .references(&[reference("spec.predictor.model.runtime", "serving.kserve.io",
            &["ServingRuntime", "ClusterServingRuntime"], ways!["spec.predictor.annotations", "metadata.annotations"])]),
    Workload::new(KSERVE, ["serving.kserve.io", "ServingRuntime", "servingruntimes"], &["v1alpha1"],
        SERVING_RUNTIME, "spec.annotations"),
    Workload::new(KSERVE, ["serving.kserve.io", "ClusterServingRuntime", "clusterservingruntimes"], &["v1alpha1"],
        SERVING_RUNTIME, "spec.annotations"),
    Workload::new(KSERVE, ["serving.kserve.io", "LLMInferenceService", "llminferenceservices"], &["v1alpha2", "v1alpha1"],
        LLM, "spec.annotations")
        .references(LLM_REFERENCES),
    Workload::new(KSERVE, ["serving.kserve.io", "LLMInferenceServiceConfig", "llminferenceserviceconfigs"],
        &["v1alpha2", "v1alpha1"], LLM, "spec.annotations")
        .references(LLM_REFERENCES),
    Workload::new(SELDON, ["machinelearning.seldon.io", "SeldonDeployment", "seldondeployments"],
        &["v1", "v1alpha3", "v1alpha2"],
        &[
            template!("component", "spec.predictors.*.componentSpecs.*")
                .named_by("spec.predictors.*.name")
                .replicas("spec.predictors.*.componentSpecs.*.replicas")
                .annotations(ways![
                    "spec.predictors.*.componentSpecs.*.metadata.annotations", "spec.predictors.*.annotations",
                    "spec.annotations",
                ]),
            images("explainer", "spec.predictors.*.explainer",
                &[ways!["spec.predictors.*.explainer.containerSpec.image"]],
                ways!["spec.predictors.*.annotations", "spec.annotations"]).named_by("spec.predictors.*.name"),
        ],
        "spec.predictors.*.componentSpecs.*.metadata.annotations"),
    Workload::new(SELDON_2, ["mlops.seldon.io", "Server", "servers"], &["v1alpha1"],
        &[pod_spec!("", "spec.podSpec", ways!["metadata.annotations"]).replicas("spec.replicas").images(&[
            ways!["spec.podSpec.initContainers.*.image"],
            ways!["spec.podSpec.containers.*.image"],
            ways!["spec.imageOverrides.agent.image"],
            ways!["spec.imageOverrides.rclone.image"],
        ])],
        "metadata.annotations")
        .without_effect(&[])
        .references(&[reference("spec.serverConfig", "mlops.seldon.io", &["ServerConfig"],
            ways!["metadata.annotations"])]),
    Workload::new(SELDON_2, ["mlops.seldon.io", "ServerConfig", "serverconfigs"], &["v1alpha1"],
        &[pod_spec!("", "spec.podSpec", ways!["metadata.annotations"])],
        "metadata.annotations").without_effect(&[]),
    Workload::new(SELDON_2, ["mlops.seldon.io", "SeldonConfig", "seldonconfigs"], &["v1alpha1"],
        &[pod_spec!("component", "spec.components.*.podSpec",
            ways!["spec.components.*.annotations", "metadata.annotations"])
            .named_by("spec.components.*.name").replicas("spec.components.*.replicas")],
        "spec.components.*.annotations").without_effect(&[]),
    Workload::new(SELDON_2, ["mlops.seldon.io", "SeldonRuntime", "seldonruntimes"], &["v1alpha1"],
        &[pod_spec!("component", "spec.overrides.*.podSpec", ways!["metadata.annotations"])
            .named_by("spec.overrides.*.name").replicas("spec.overrides.*.replicas")],
        "metadata.annotations")
        .without_effect(&[])
        .references(&[reference("spec.seldonConfig", "mlops.seldon.io", &["SeldonConfig"],
            ways!["metadata.annotations"])]),

    // Data. Flink and Spark give the main container the image of the object, whatever the pod template says.
    Workload::new(SPARK, ["sparkoperator.k8s.io", "SparkApplication", "sparkapplications"], &["v1beta2"],
        &[spark!("driver", "spec"), spark!("executor", "spec").replicas("spec.executor.instances")],
        "spec.driver.annotations and spec.executor.annotations")
        .without_effect(ways!["metadata.annotations", "spec.driver.serviceAnnotations"]),
    Workload::new(SPARK, ["sparkoperator.k8s.io", "ScheduledSparkApplication", "scheduledsparkapplications"],
        &["v1beta2"],
        &[
            spark!("driver", "spec.template"),
            spark!("executor", "spec.template").replicas("spec.template.executor.instances"),
        ],
        "spec.template.driver.annotations and spec.template.executor.annotations")
        .without_effect(ways!["metadata.annotations", "spec.template.driver.serviceAnnotations"]),
    Workload::new(SPARK, ["sparkoperator.k8s.io", "SparkConnect", "sparkconnects"], &["v1alpha1"],
        &[
            images("server", "spec", &[
                ways!["spec.server.template.spec.initContainers.*.image"],
                ways!["spec.server.template.spec.containers.{name=spark-kubernetes-driver}.image", "spec.image"],
                ways!["spec.server.template.spec.containers.*.image"],
            ], ways!["spec.server.template.metadata.annotations"]).pod_specs(ways!["spec.server.template.spec"]),
            images("executor", "spec", &[
                ways!["spec.executor.template.spec.initContainers.*.image"],
                ways!["spec.image", "spec.executor.template.spec.containers.{name=spark-kubernetes-executor}.image"],
                ways!["spec.executor.template.spec.containers.*.image"],
            ], ways!["spec.executor.template.metadata.annotations"])
                .pod_specs(ways!["spec.executor.template.spec"]).replicas("spec.executor.instances"),
        ],
        "spec.server.template.metadata.annotations and spec.executor.template.metadata.annotations"),
    Workload::new(FLINK, ["flink.apache.org", "FlinkDeployment", "flinkdeployments"], &["v1beta1"],
        &[flink!("jobManager"), flink!("taskManager")],
        "spec.podTemplate.metadata.annotations"),
    Workload::new(CNPG, ["postgresql.cnpg.io", "Cluster", "clusters"], &["v1"],
        &[images("instance", "spec", &[ways!["spec.imageName"]], ways!["spec.inheritedMetadata.annotations"])
            .pod_specs(ways!["spec.affinity"]).replicas("spec.instances")],
        "spec.inheritedMetadata.annotations")
        .references(&[reference("spec.imageCatalogRef.name", "postgresql.cnpg.io",
            &["ImageCatalog", "ClusterImageCatalog"], ways!["spec.inheritedMetadata.annotations"])]),
    Workload::new(CNPG, ["postgresql.cnpg.io", "Pooler", "poolers"], &["v1"],
        &[images("", "spec", &[
            ways!["spec.template.spec.initContainers.*.image"],
            ways!["spec.template.spec.containers.{name=pgbouncer}.image", "spec.pgbouncer.image"],
            ways!["spec.template.spec.containers.*.image"],
        ], ways!["spec.template.metadata.annotations"])
            .pod_specs(ways!["spec.template.spec"]).replicas("spec.instances")],
        "spec.template.metadata.annotations"),

    // Training and notebooks. MPIJob v2beta1 is of mpi-operator v0.8.0. The template of a Notebook has no metadata; its
    // own annotations reach the pod, unless `kubectl` or `notebook` is in their name. The image of a TrainJob replaces
    // that of the container `node` in its runtime.
    Workload::new(TRAINING, ["kubeflow.org", "PyTorchJob", "pytorchjobs"], &["v1"],
        &[replicas!("replica", "spec.pytorchReplicaSpecs.*")],
        "spec.pytorchReplicaSpecs.*.template.metadata.annotations"),
    Workload::new(TRAINING, ["kubeflow.org", "TFJob", "tfjobs"], &["v1"],
        &[replicas!("replica", "spec.tfReplicaSpecs.*")],
        "spec.tfReplicaSpecs.*.template.metadata.annotations"),
    Workload::new(TRAINING, ["kubeflow.org", "XGBoostJob", "xgboostjobs"], &["v1"],
        &[replicas!("replica", "spec.xgbReplicaSpecs.*")],
        "spec.xgbReplicaSpecs.*.template.metadata.annotations"),
    Workload::new(TRAINING, ["kubeflow.org", "JAXJob", "jaxjobs"], &["v1"],
        &[replicas!("replica", "spec.jaxReplicaSpecs.*")],
        "spec.jaxReplicaSpecs.*.template.metadata.annotations"),
    Workload::new(TRAINING, ["kubeflow.org", "PaddleJob", "paddlejobs"], &["v1"],
        &[replicas!("replica", "spec.paddleReplicaSpecs.*")],
        "spec.paddleReplicaSpecs.*.template.metadata.annotations"),
    Workload::new(TRAINING, ["kubeflow.org", "MPIJob", "mpijobs"], &["v2beta1", "v1"],
        &[replicas!("replica", "spec.mpiReplicaSpecs.*")],
        "spec.mpiReplicaSpecs.*.template.metadata.annotations"),
    Workload::new(TRAINER, ["trainer.kubeflow.org", "TrainJob", "trainjobs"], &["v1alpha1"],
        &[images("trainer", "spec.trainer", &[ways!["spec.trainer.image"]],
            ways![patched!(".replicatedJobs.*.template.spec.template.metadata.annotations")])
            .pod_specs(ways![patched!(".replicatedJobs.*.template.spec.template.spec")])
            .replicas("spec.trainer.numNodes")],
        patched!(".replicatedJobs.*.template.spec.template.metadata.annotations"))
        .without_effect(ways![
            "metadata.annotations", "spec.runtimePatches.*.trainingRuntimeSpec.template.metadata.annotations",
            patched!(".replicatedJobs.*.template.metadata.annotations"),
        ])
        .references(&[reference("spec.runtimeRef.name", "trainer.kubeflow.org",
            &["TrainingRuntime", "ClusterTrainingRuntime"],
            ways![patched!(".replicatedJobs.*.template.spec.template.metadata.annotations")])]),
    Workload::new(TRAINER, ["trainer.kubeflow.org", "TrainingRuntime", "trainingruntimes"], &["v1alpha1"],
        &[jobs!("spec.template.spec")],
        "spec.template.spec.replicatedJobs.*.template.spec.template.metadata.annotations")
        .without_effect(RUNTIME_WITHOUT_EFFECT),
    Workload::new(TRAINER, ["trainer.kubeflow.org", "ClusterTrainingRuntime", "clustertrainingruntimes"], &["v1alpha1"],
        &[jobs!("spec.template.spec")],
        "spec.template.spec.replicatedJobs.*.template.spec.template.metadata.annotations")
        .without_effect(RUNTIME_WITHOUT_EFFECT),
    Workload::new(NOTEBOOKS, ["kubeflow.org", "Notebook", "notebooks"], &["v1", "v1beta1", "v1alpha1"],
        &[pod_spec!("", "spec.template.spec", ways!["metadata.annotations"])],
        "metadata.annotations").without_effect(&[]),

    // Ray. Without a template of its own, the submitter runs the image of the head, without annotations.
    Workload::new(RAY, ["ray.io", "RayCluster", "rayclusters"], &["v1", "v1alpha1"],
        ray!("spec"), "spec.headGroupSpec.template.metadata.annotations and \
            spec.workerGroupSpecs.*.template.metadata.annotations")
        .without_effect(ways!["metadata.annotations", "spec.headServiceAnnotations"]),
    Workload::new(RAY, ["ray.io", "RayJob", "rayjobs"], &["v1", "v1alpha1"],
        ray!("spec.rayClusterSpec", template!("submitter", "spec.submitterPodTemplate")),
        "spec.rayClusterSpec.headGroupSpec.template.metadata.annotations and \
            spec.rayClusterSpec.workerGroupSpecs.*.template.metadata.annotations")
        .without_effect(ways!["metadata.annotations", "spec.rayClusterSpec.headServiceAnnotations"]),
    Workload::new(RAY, ["ray.io", "RayService", "rayservices"], &["v1", "v1alpha1"],
        ray!("spec.rayClusterConfig"), "spec.rayClusterConfig.headGroupSpec.template.metadata.annotations and \
            spec.rayClusterConfig.workerGroupSpecs.*.template.metadata.annotations")
        .without_effect(ways!["metadata.annotations", "spec.rayClusterConfig.headServiceAnnotations"]),
    Workload::new(RAY, ["ray.io", "RayCronJob", "raycronjobs"], &["v1"],
        ray!("spec.jobTemplate.rayClusterSpec", template!("submitter", "spec.jobTemplate.submitterPodTemplate")),
        "spec.jobTemplate.rayClusterSpec.headGroupSpec.template.metadata.annotations and \
            spec.jobTemplate.rayClusterSpec.workerGroupSpecs.*.template.metadata.annotations")
        .without_effect(ways!["metadata.annotations", "spec.jobTemplate.rayClusterSpec.headServiceAnnotations"]),

    // Batch. Without `leaderTemplate`, the leader of a LeaderWorkerSet is made from `workerTemplate`.
    Workload::new(VOLCANO, ["batch.volcano.sh", "Job", "jobs"], &["v1alpha1"],
        &[replicas!("task", "spec.tasks.*").named_by("spec.tasks.*.name")],
        "spec.tasks.*.template.metadata.annotations"),
    Workload::new(VOLCANO, ["batch.volcano.sh", "CronJob", "cronjobs"], &["v1alpha1"],
        &[replicas!("task", "spec.jobTemplate.spec.tasks.*").named_by("spec.jobTemplate.spec.tasks.*.name")],
        "spec.jobTemplate.spec.tasks.*.template.metadata.annotations")
        .without_effect(ways!["metadata.annotations", "spec.jobTemplate.metadata.annotations"]),
    Workload::new(JOBSET, ["jobset.x-k8s.io", "JobSet", "jobsets"], &["v1alpha2"],
        &[jobs!("spec")],
        "spec.replicatedJobs.*.template.spec.template.metadata.annotations")
        .without_effect(ways!["metadata.annotations", "spec.replicatedJobs.*.template.metadata.annotations"]),
    Workload::new(LWS, ["leaderworkerset.x-k8s.io", "LeaderWorkerSet", "leaderworkersets"], &["v1"],
        &[
            template!("leader", "spec.leaderWorkerTemplate.leaderTemplate").replicas("spec.replicas"),
            template!("worker", "spec.leaderWorkerTemplate.workerTemplate").replicas("spec.leaderWorkerTemplate.size"),
        ],
        "spec.leaderWorkerTemplate.leaderTemplate.metadata.annotations and \
            spec.leaderWorkerTemplate.workerTemplate.metadata.annotations"),
    Workload::new(KEDA, ["keda.sh", "ScaledJob", "scaledjobs"], &["v1alpha1"],
        &[template!("", "spec.jobTargetRef.template").replicas("spec.jobTargetRef.parallelism")],
        "spec.jobTargetRef.template.metadata.annotations"),

    // Tekton. The annotations of a run, and of the Task or Pipeline that it names, reach the pods. A StepAction is a step
    // of the pods whose Task names it.
    Workload::new(TEKTON, ["tekton.dev", "Task", "tasks"], &["v1", "v1beta1"],
        &[task!("", "spec", &[], ways!["metadata.annotations"])],
        "metadata.annotations")
        .without_effect(&[])
        .references(&[reference("spec.steps.*.ref.name", "tekton.dev", &["StepAction"], ways!["metadata.annotations"])]),
    Workload::new(TEKTON, ["tekton.dev", "TaskRun", "taskruns"], &["v1", "v1beta1"],
        &[task!("", "spec.taskSpec", ways!["spec.podTemplate"], ways!["metadata.annotations"])],
        "metadata.annotations")
        .without_effect(&[])
        .references(&[
            reference("spec.taskRef.name", "tekton.dev", &["Task"], ways!["metadata.annotations"]),
            reference("spec.taskSpec.steps.*.ref.name", "tekton.dev", &["StepAction"], ways!["metadata.annotations"]),
        ]),
    Workload::new(TEKTON, ["tekton.dev", "Pipeline", "pipelines"], &["v1", "v1beta1"],
        &[
            task!("task", "spec.tasks.*.taskSpec", &[],
                ways!["metadata.annotations", "spec.tasks.*.taskSpec.metadata.annotations"])
                .named_by("spec.tasks.*.name"),
            task!("finally task", "spec.finally.*.taskSpec", &[],
                ways!["metadata.annotations", "spec.finally.*.taskSpec.metadata.annotations"])
                .named_by("spec.finally.*.name"),
        ],
        "metadata.annotations")
        .without_effect(&[])
        .references(&[
            reference("spec.tasks.*.taskRef.name", "tekton.dev", &["Task"], ways!["metadata.annotations"]),
            reference("spec.finally.*.taskRef.name", "tekton.dev", &["Task"], ways!["metadata.annotations"]),
            reference("spec.tasks.*.taskSpec.steps.*.ref.name", "tekton.dev", &["StepAction"],
                ways!["metadata.annotations"]),
            reference("spec.finally.*.taskSpec.steps.*.ref.name", "tekton.dev", &["StepAction"],
                ways!["metadata.annotations"]),
        ]),
    Workload::new(TEKTON, ["tekton.dev", "PipelineRun", "pipelineruns"], &["v1", "v1beta1"],
        &[
            task!("task", "spec.pipelineSpec.tasks.*.taskSpec", PIPELINE_RUN_POD_SPECS, ways![
                "spec.taskRunSpecs.{pipelineTaskName=*}.metadata.annotations", "metadata.annotations",
                "spec.pipelineSpec.tasks.*.taskSpec.metadata.annotations",
            ]).named_by("spec.pipelineSpec.tasks.*.name"),
            task!("finally task", "spec.pipelineSpec.finally.*.taskSpec", PIPELINE_RUN_POD_SPECS, ways![
                "spec.taskRunSpecs.{pipelineTaskName=*}.metadata.annotations", "metadata.annotations",
                "spec.pipelineSpec.finally.*.taskSpec.metadata.annotations",
            ]).named_by("spec.pipelineSpec.finally.*.name"),
        ],
        "metadata.annotations")
        .without_effect(&[])
        .references(&[
            reference("spec.pipelineRef.name", "tekton.dev", &["Pipeline"], ways!["metadata.annotations"]),
            reference("spec.pipelineSpec.tasks.*.taskRef.name", "tekton.dev", &["Task"], ways!["metadata.annotations"]),
            reference("spec.pipelineSpec.finally.*.taskRef.name", "tekton.dev", &["Task"], ways!["metadata.annotations"]),
            reference("spec.pipelineSpec.tasks.*.taskSpec.steps.*.ref.name", "tekton.dev", &["StepAction"],
                ways!["metadata.annotations"]),
            reference("spec.pipelineSpec.finally.*.taskSpec.steps.*.ref.name", "tekton.dev", &["StepAction"],
                ways!["metadata.annotations"]),
        ]),
    Workload::new(TEKTON, ["tekton.dev", "StepAction", "stepactions"], &["v1beta1", "v1alpha1"],
        &[images("step", "spec", &[ways!["spec.image"]], &[])],
        "metadata.annotations of the TaskRun"),
];

const ARGO_WITHOUT_EFFECT: &[Way] = ways![
    "metadata.annotations",
    "spec.workflowMetadata.annotations",
    "spec.templates.*.annotations",
];
const ARGO_REFERENCES: &[TemplateReference] = &[reference(
    "spec.workflowTemplateRef.name",
    "argoproj.io",
    &["WorkflowTemplate", "ClusterWorkflowTemplate"],
    ways!["spec.podMetadata.annotations"],
)];
const SERVING_RUNTIME: &[PodTemplate] = &[
    pod_spec!("", "spec", ways!["spec.annotations"]).images(&[ways!["spec.containers.*.image"]]),
    pod_spec!(
        "worker",
        "spec.workerSpec",
        ways!["spec.workerSpec.annotations"]
    )
    .images(&[ways!["spec.workerSpec.containers.*.image"]]),
];
const LLM: &[PodTemplate] = &[
    pod_spec!("template", "spec.template", ways!["spec.annotations"]).replicas("spec.replicas"),
    pod_spec!("worker", "spec.worker", ways!["spec.annotations"]),
    pod_spec!(
        "prefill template",
        "spec.prefill.template",
        ways!["spec.prefill.annotations"]
    )
    .replicas("spec.prefill.replicas"),
    pod_spec!(
        "prefill worker",
        "spec.prefill.worker",
        ways!["spec.prefill.annotations"]
    ),
    pod_spec!(
        "scheduler",
        "spec.router.scheduler.template",
        ways!["spec.router.scheduler.annotations"]
    ),
];
const LLM_REFERENCES: &[TemplateReference] = &[reference(
    "spec.baseRefs.*.name",
    "serving.kserve.io",
    &["LLMInferenceServiceConfig"],
    ways!["spec.annotations"],
)];
const RUNTIME_WITHOUT_EFFECT: &[Way] = ways![
    "metadata.annotations",
    "spec.template.metadata.annotations",
    "spec.template.spec.replicatedJobs.*.template.metadata.annotations",
];
const PIPELINE_RUN_POD_SPECS: &[Way] = ways![
    "spec.taskRunSpecs.{pipelineTaskName=*}.podTemplate",
    "spec.taskRunTemplate.podTemplate",
    "spec.podTemplate",
];
const SANDBOX_EXTENSIONS: &str = "extensions.agents.x-k8s.io";
