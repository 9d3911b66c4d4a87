//! How often and how long the pods of a workload run in a month.

use serde_json::Value;

use super::input::{Autoscaler, Demand};
use super::money::{MILLIS, decimal};
use super::options::PlanOptions;
use super::report::Finding;
use super::schedule::starts_a_month;
use crate::matching::Pod;

/// How the pods of a workload run, as far as its object says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Runs {
    /// The number of pods at a time.
    pub pods: u64,
    /// The kind of life.
    pub life: Life,
    /// The most seconds that a run may take, where the object sets it.
    pub deadline: Option<u64>,
    /// The assumptions that were made.
    pub assumed: Vec<String>,
}

/// The kind of life of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Life {
    /// It runs all the time.
    #[default]
    Always,
    /// It runs to its end, once.
    Once,
    /// It runs to its end, at each start of a schedule: thousandths of starts a month.
    Scheduled(u64),
    /// It is suspended.
    Suspended,
}

/// Kinds that run to their end, besides those whose name ends in `Job` or `Run`.
const TO_THE_END: [&str; 12] = [
    "ClusterWorkflowTemplate",
    "CronWorkflow",
    "EphemeralRunner",
    "JobSet",
    "Pipeline",
    "PodTemplate",
    "ScheduledSparkApplication",
    "SparkApplication",
    "StepAction",
    "Task",
    "Workflow",
    "WorkflowTemplate",
];

/// Reads how the pods of an object run.
pub(super) fn runs(pod: &Pod, object: &Value) -> Runs {
    let mut assumed = Vec::new();
    let kind = pod.kind.as_str();
    let spec = object.get("spec");
    let field = |name: &str| spec.and_then(|spec| spec.get(name));
    let schedules: Vec<&str> = match (field("schedule"), field("schedules")) {
        (_, Some(Value::Array(schedules))) => schedules.iter().filter_map(Value::as_str).collect(),
        (Some(Value::String(schedule)), _) => vec![schedule],
        _ => Vec::new(),
    };
    let to_the_end = kind.ends_with("Job") || kind.ends_with("Run") || TO_THE_END.contains(&kind);
    let life = if field("suspend").and_then(Value::as_bool) == Some(true) {
        Life::Suspended
    } else if !schedules.is_empty() {
        let mut starts = 0_u64;
        for schedule in schedules {
            match starts_a_month(schedule) {
                Some(count) => starts = starts.saturating_add(count),
                None => {
                    assumed.push(format!(
                        "schedule `{schedule}` cannot be read: counted as one start a month"
                    ));
                    starts = starts.saturating_add(MILLIS);
                }
            }
        }
        Life::Scheduled(starts)
    } else if to_the_end {
        Life::Once
    } else {
        Life::Always
    };
    if life == Life::Once {
        assumed.push("counted as one run a month".to_owned());
    }
    if pod.replicas.is_none() && kind == "DaemonSet" {
        assumed.push("the number of nodes is unknown: counted as 1 pod".to_owned());
    }
    let deadline = ["activeDeadlineSeconds"].iter().find_map(|name| {
        let job = spec.and_then(|spec| spec.get("jobTemplate")?.get("spec"));
        [spec, job]
            .iter()
            .find_map(|spec| spec.as_ref()?.get(name)?.as_u64())
    });
    Runs {
        pods: pod.replicas.unwrap_or(1),
        life,
        deadline,
        assumed,
    }
}

/// What the pods of a workload come to in a month.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Usage {
    /// Hours of all pods together, in thousandths.
    pub(super) pod_hours: u64,
    /// Starts of pods, in thousandths.
    pub(super) starts: u64,
    pub(super) assumed: Vec<String>,
}

/// The hours that the user gives, checked.
pub(super) struct GivenHours<'o> {
    rows: Vec<(&'o str, u64, bool)>,
}

impl<'o> GivenHours<'o> {
    pub(super) fn read(options: &'o PlanOptions, findings: &mut Vec<Finding>) -> Self {
        let mut rows = Vec::new();
        for (name, written) in &options.hours {
            let text = match written {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let path = format!("hours[{name}]");
            let parts = name.split('/').count();
            if !(2..=3).contains(&parts) {
                findings.push(Finding::new(
                    path,
                    "must be `Kind/name` or `Kind/namespace/name`",
                ));
                continue;
            }
            let hours =
                decimal(&text, u128::from(MILLIS)).and_then(|hours| u64::try_from(hours).ok());
            match hours.filter(|hours| *hours <= MOST_HOURS) {
                Some(hours) => rows.push((name.as_str(), hours, false)),
                None => {
                    let message = format!("`{text}`, must be a number of hours a month, 0 to 744");
                    findings.push(Finding::new(path, &message));
                }
            }
        }
        GivenHours { rows }
    }

    fn of(&mut self, pod: &Pod) -> Option<u64> {
        let same = |name: &str| {
            let parts: Vec<&str> = name.split('/').collect();
            match parts.as_slice() {
                [kind, name] => kind.eq_ignore_ascii_case(&pod.kind) && *name == pod.name,
                [kind, namespace, name] => {
                    kind.eq_ignore_ascii_case(&pod.kind)
                        && *name == pod.name
                        && *namespace == pod.namespace.as_deref().unwrap_or("default")
                }
                _ => false,
            }
        };
        // The longer name is the more exact one.
        let mut best: Option<&mut (&str, u64, bool)> = None;
        for row in self.rows.iter_mut().filter(|row| same(row.0)) {
            row.2 = true;
            let more =
                |best: &(&str, u64, bool)| row.0.split('/').count() > best.0.split('/').count();
            if best.as_deref().is_none_or(more) {
                best = Some(row);
            }
        }
        best.map(|row| row.1)
    }

    /// Reports the names that no workload has.
    pub(super) fn unused(self, findings: &mut Vec<Finding>) {
        for (name, _, used) in self.rows {
            if !used {
                findings.push(Finding::new(
                    format!("hours[{name}]"),
                    "no such workload in the input",
                ));
            }
        }
    }
}

/// Thousandths of the hours of the longest month.
const MOST_HOURS: u64 = 744 * MILLIS;

/// Counts hours and starts of a workload.
pub(super) fn usage(
    demand: &Demand,
    autoscalers: &[Autoscaler],
    given: &mut GivenHours<'_>,
    options: &PlanOptions,
) -> Usage {
    let runs = &demand.runs;
    let mut assumed = runs.assumed.clone();
    let mut pods = runs.pods.saturating_mul(MILLIS);
    let scaled = autoscalers.iter().find(|scaler| {
        let (kind, name) = &scaler.target;
        *kind == demand.pod.kind
            && *name == demand.pod.name
            && scaler.namespace == demand.pod.namespace
    });
    if let Some(scaler) = scaled {
        pods = scaler
            .min
            .saturating_add(scaler.max)
            .saturating_mul(MILLIS / 2);
        let Autoscaler { name, min, max, .. } = scaler;
        assumed.push(format!(
            "autoscaler `{name}` has {min} to {max} pods: counted as {}, their mean",
            shown(pods)
        ));
    }
    let given = given.of(&demand.pod);
    let product = |a: u64, b: u64| {
        let product = u128::from(a).saturating_mul(u128::from(b)) / u128::from(MILLIS);
        u64::try_from(product).unwrap_or(u64::MAX)
    };
    let month = options.hours_per_month.saturating_mul(MILLIS);
    let (hours, starts) = match runs.life {
        Life::Suspended => {
            assumed.push("suspended: counted with 0 hours".to_owned());
            (0, 0)
        }
        Life::Always => (month, options.starts_per_pod.saturating_mul(MILLIS)),
        Life::Once => (run_hours(runs, given, options, &mut assumed), MILLIS),
        Life::Scheduled(starts) => {
            let run = run_hours(runs, given, options, &mut assumed);
            // Runs that overlap are pods of their own.
            (product(starts, run), starts)
        }
    };
    Usage {
        pod_hours: product(pods, given.unwrap_or(hours)),
        starts: product(pods, starts),
        assumed,
    }
}

/// Returns the thousandths of an hour that one run takes.
fn run_hours(
    runs: &Runs,
    given: Option<u64>,
    options: &PlanOptions,
    assumed: &mut Vec<String>,
) -> u64 {
    let assumption = options.run_minutes.saturating_mul(MILLIS).div_ceil(60);
    let deadline = runs
        .deadline
        .map(|seconds| seconds.saturating_mul(MILLIS).div_ceil(3_600));
    let hours = deadline.map_or(assumption, |deadline| deadline.min(assumption));
    if given.is_none() {
        assumed.push(format!(
            "the time of a run is unknown: counted as {} h",
            shown(hours)
        ));
    }
    hours
}

/// Writes thousandths as a number: `2.5`.
pub(super) fn shown(thousandths: u64) -> String {
    let (whole, part) = (thousandths / MILLIS, thousandths % MILLIS);
    if part == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{part:03}");
    text.trim_end_matches('0').to_owned()
}
