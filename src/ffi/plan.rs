//! Plans for foreign hosts.

use serde::Serialize;
use serde_json::Value;

use super::{FfiError, check_size, chosen};
use crate::diagnostic::{Diagnostic, Levels, Report, Severity};
use crate::document::{self, TextFormat};
use crate::plan::{Plan, PlanInput, PlanOptions, PriceTable};

/// A plan, its manifests, and what could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanAnswer {
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
    /// The manifests of the plan as YAML, ready to apply, with the reasons as comments.
    pub manifests: String,
    /// The parts of the objects that could not be read.
    pub diagnostics: Vec<Diagnostic>,
    /// The number of objects with a fact that could not be read. The plan is not complete unless it is 0.
    pub unread: usize,
}

/// Plans which caches to have for workloads. `objects` are workloads, caches, autoscalers and nodes, as an object, a list,
/// a reply of the ECI API, or an array of these. `facts` has `sizes`, an object of sizes by image, and `prices`, a price
/// file or a list of price files; without prices, costs are unknown.
///
/// ```
/// use imagecache::ffi;
/// use serde_json::json;
/// let pod = json!({"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"image": "web:1"}]}});
/// let facts = json!({"sizes": {"web:1": "12Gi"}});
/// let answer = ffi::plan(&pod, Some(&facts), None)?;
/// assert_eq!(answer.plan.caches[0].size_gib, 24);
/// # Ok::<(), ffi::FfiError>(())
/// ```
///
/// # Errors
/// Returns an error if the options are invalid, or `facts` has an unknown member. Invalid sizes and prices are findings of
/// the plan.
pub fn plan(
    objects: &Value,
    facts: Option<&Value>,
    options: Option<&Value>,
) -> Result<PlanAnswer, FfiError> {
    answer(facts, options, |input| {
        let mut report = Report::new(&Levels::DEFAULT);
        input.add(objects, &mut report);
        report.finish()
    })
}

/// [`plan`] for the objects of a text: YAML or JSON, any number of documents. A document that cannot be read is counted in
/// [`PlanAnswer::unread`].
///
/// ```
/// use imagecache::ffi;
/// let text = r#"{"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"image": "web:1"}]}}"#;
/// let answer = ffi::plan_text(text, None, None)?;
/// assert_eq!((answer.plan.uncovered.len(), answer.unread), (1, 0));
/// assert_eq!(ffi::plan_text("[", None, None)?.unread, 1);
/// # Ok::<(), ffi::FfiError>(())
/// ```
///
/// # Errors
/// Returns the errors of [`plan`], or an error if the text is too large.
pub fn plan_text(
    objects: &str,
    facts: Option<&Value>,
    options: Option<&Value>,
) -> Result<PlanAnswer, FfiError> {
    check_size("objects", objects.len())?;
    answer(facts, options, |input| {
        let (documents, mut diagnostics) =
            document::read(objects, TextFormat::Auto, &Levels::DEFAULT);
        let severe = |found: &Diagnostic| found.severity == Severity::Error;
        input.unread += diagnostics.iter().filter(|found| severe(found)).count();
        for document in &documents {
            let mut report = Report::on(document, &Levels::DEFAULT);
            input.add(document.value(), &mut report);
            diagnostics.extend(report.finish());
        }
        diagnostics
    })
}

fn answer(
    facts: Option<&Value>,
    options: Option<&Value>,
    read: impl FnOnce(&mut PlanInput) -> Vec<Diagnostic>,
) -> Result<PlanAnswer, FfiError> {
    let options = chosen("options", options, PlanOptions::parse)?;
    let mut input = PlanInput::default();
    input.pod_paths.clone_from(&options.pod_paths);
    let table = facts_of(facts, &mut input)?;
    let diagnostics = read(&mut input);
    input.apply_defaults();
    let plan = crate::plan::plan(&input, &table, &options);
    Ok(PlanAnswer {
        manifests: plan.yaml(),
        plan,
        diagnostics,
        unread: input.unread,
    })
}

/// Reads the sizes of `facts` into the input, and returns the prices.
fn facts_of(facts: Option<&Value>, input: &mut PlanInput) -> Result<PriceTable, FfiError> {
    let mut table = PriceTable::default();
    let Some(facts) = facts.filter(|facts| !facts.is_null()) else {
        return Ok(table);
    };
    let members = facts.as_object();
    let members = members.ok_or_else(|| FfiError::invalid("facts", "must be an object"))?;
    for (name, value) in members {
        match (name.as_str(), value) {
            ("sizes" | "prices", Value::Null) => {}
            ("sizes", sizes) => input.sizes("sizes", sizes),
            ("prices", Value::Array(files)) => {
                for (index, file) in files.iter().enumerate() {
                    table.add(&format!("prices[{index}]"), file);
                }
            }
            ("prices", file) => table.add("prices", file),
            _ => {
                let message = format!("`{name}`: unknown field, expected `sizes` or `prices`");
                return Err(FfiError::invalid("facts", message));
            }
        }
    }
    Ok(table)
}
