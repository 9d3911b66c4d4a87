//! Validating admission policies: expressions in CEL that every write must meet, as bindings say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::hook::Hook;
use super::{GROUP, Request, part, text};
use crate::api::schema::{Expression, POLICY, Scope};
use crate::api::{ApiError, Resource, meta, selector};
use crate::cluster::store::{self, List, Object, Store};

/// The policies that were compiled, by their names, each with the version of its object.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Policies(Mutex<HashMap<String, (u64, Arc<Policy>)>>);

impl Policies {
    fn of(&self, object: &Object) -> Arc<Policy> {
        let name = meta::text(&object.value, "name").to_owned();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&name) {
            Some((version, policy)) if *version == object.version => Arc::clone(policy),
            _ => {
                let policy = Arc::new(Policy::compile(&object.value));
                known.insert(name, (object.version, Arc::clone(&policy)));
                policy
            }
        }
    }
}

/// An expression, or why it cannot be evaluated.
type Compiled = Result<Expression, String>;

/// A compiled policy.
#[derive(Debug)]
struct Policy {
    name: String,
    spec: Value,
    /// Are its errors ignored?
    ignores: bool,
    conditions: Vec<(String, Compiled)>,
    variables: Vec<(String, Compiled)>,
    validations: Vec<Validation>,
}

#[derive(Debug)]
struct Validation {
    expression: Compiled,
    message: String,
    message_expression: Option<Expression>,
    reason: &'static str,
}

/// Why a policy denies a request.
#[derive(Debug)]
struct Denial {
    message: String,
    reason: &'static str,
}

impl Policy {
    fn compile(object: &Value) -> Self {
        let spec = part(object, "spec");
        let named = |list: &str| {
            let items = items(&spec, list);
            let compiled = items.map(|item| {
                let expression = Expression::compile(&text(item, "expression"), POLICY);
                (text(item, "name"), expression)
            });
            compiled.collect()
        };
        Policy {
            name: meta::text(object, "name").to_owned(),
            ignores: text(&spec, "failurePolicy") == "Ignore",
            conditions: named("matchConditions"),
            variables: named("variables"),
            validations: items(&spec, "validations")
                .map(Validation::compile)
                .collect(),
            spec,
        }
    }

    /// Evaluates the policy on a request with one parameter, and returns why it denies the request.
    fn denials(&self, request: &Value, param: &Value, namespace: &Value) -> Vec<Denial> {
        let mut scope = Scope::new(request);
        scope.set("params", param);
        scope.set("namespaceObject", namespace);
        scope.set("variables", &json!({}));
        match self.is_met(&mut scope) {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err(why) => return self.failed(why).into_iter().collect(),
        }
        for (name, expression) in &self.variables {
            if let Ok(expression) = expression {
                scope.define(name, expression);
            }
        }
        let mut denials = Vec::new();
        for validation in &self.validations {
            let holds = validation.expression.as_ref().map_err(Clone::clone);
            match holds.and_then(|expression| scope.holds(expression)) {
                Ok(true) => {}
                Ok(false) => denials.push(validation.denial(&mut scope)),
                Err(why) => denials.extend(self.failed(why)),
            }
        }
        denials
    }

    /// Are all its conditions met? One that is not outweighs one that has no answer.
    fn is_met(&self, scope: &mut Scope) -> Result<bool, String> {
        let mut fault = None;
        for (name, condition) in &self.conditions {
            let holds = condition.as_ref().map_err(Clone::clone);
            match holds.and_then(|condition| scope.holds(condition)) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(why) => {
                    fault.get_or_insert(format!("match condition {name:?}: {why}"));
                }
            }
        }
        fault.map_or(Ok(true), Err)
    }

    /// What an error means under the failure policy.
    fn failed(&self, message: String) -> Option<Denial> {
        if self.ignores {
            let policy = &self.name;
            tracing::debug!(policy, %message, "an expression has no answer, the failure policy is Ignore");
            return None;
        }
        Some(Denial {
            message,
            reason: "Invalid",
        })
    }
}

impl Validation {
    fn compile(validation: &Value) -> Self {
        let expression = text(validation, "expression");
        let message = match text(validation, "message").trim() {
            "" => format!("failed expression: {}", expression.trim()),
            message => message.to_owned(),
        };
        let message_expression = match text(validation, "messageExpression").as_str() {
            "" => None,
            expression => Expression::compile(expression, POLICY).ok(),
        };
        Validation {
            expression: Expression::compile(&expression, POLICY),
            message,
            message_expression,
            reason: match text(validation, "reason").as_str() {
                "Forbidden" => "Forbidden",
                "RequestEntityTooLarge" => "RequestEntityTooLarge",
                "Unauthorized" => "Unauthorized",
                _ => "Invalid",
            },
        }
    }

    fn denial(&self, scope: &mut Scope) -> Denial {
        let expression = self.message_expression.as_ref();
        let made = expression.and_then(|expression| scope.message(expression));
        Denial {
            message: made.unwrap_or_else(|| self.message.clone()),
            reason: self.reason,
        }
    }
}

/// The items of a list of an object.
fn items<'a>(object: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    let items = object.get(list).and_then(Value::as_array);
    items.into_iter().flatten()
}

/// Returns the stored objects of a resource of the group, in the order of their names.
fn stored(store: &Store, plural: &str) -> Vec<Arc<Object>> {
    let page = store.list(&List {
        prefix: &store::prefix(GROUP, plural, None),
        at: None,
        from: None,
        limit: None,
        keep: &|_| true,
    });
    page.unwrap_or_default().items // the present is never forgotten
}

/// Are there policies?
pub(in crate::cluster) fn are_stored(store: &Store) -> bool {
    !stored(store, "validatingadmissionpolicies").is_empty()
}

impl Request<'_> {
    /// Evaluates the policies on a request; without `object` it is a deletion. Adds the warnings of policies.
    ///
    /// # Errors
    /// The reason of the first validation that is not met and whose binding denies; 422 if it has none.
    pub(super) fn policies(
        &self,
        live: Option<&Value>,
        object: Option<&Value>,
        warnings: &mut Vec<String>,
    ) -> Result<(), ApiError> {
        let store = self.cluster.store();
        let policies = stored(store, "validatingadmissionpolicies");
        if policies.is_empty() || !self.place.resource.kept {
            return Ok(());
        }
        let bindings = stored(store, "validatingadmissionpolicybindings");
        let mut denied = None;
        for policy in &policies {
            let name = meta::text(&policy.value, "name");
            let mut bindings = bindings
                .iter()
                .map(|binding| &binding.value)
                .filter(|binding| text(&part(binding, "spec"), "policyName") == name)
                .peekable();
            if bindings.peek().is_none() {
                continue;
            }
            let policy = self.cluster.inner.policies.of(policy);
            let constraints = part(&policy.spec, "matchConstraints");
            let Some(matched) = self.constrained(name, &constraints, live, object)? else {
                continue;
            };
            let request = self.review(&matched, operation(live, object), live, object);
            for binding in bindings {
                self.bound(
                    &policy,
                    binding,
                    &request,
                    (live, object),
                    |denial, action| {
                        let by = format!(
                            "ValidatingAdmissionPolicy '{name}' with binding '{}'",
                            meta::text(binding, "name")
                        );
                        match action {
                            "Deny" => {
                                denied.get_or_insert((
                                    format!("{by} denied request: {}", denial.message),
                                    denial.reason,
                                ));
                            }
                            "Warn" => warnings
                                .push(format!("Validation failed for {by}: {}", denial.message)),
                            // nothing is audited here
                            _ => {}
                        }
                    },
                )?;
            }
        }
        let Some((message, reason)) = denied else {
            return Ok(());
        };
        let any = object.or(live).unwrap_or(&Value::Null);
        let name = self.place.name.as_deref();
        let name = name.unwrap_or_else(|| meta::text(any, "name"));
        let error = ApiError::denied(&self.place.resource, name, &message, reason);
        Err(error.with_warnings(std::mem::take(warnings)))
    }

    /// Evaluates a policy as a binding says, and passes each denial with each of the binding's actions.
    fn bound(
        &self,
        policy: &Policy,
        binding: &Value,
        request: &Value,
        (live, object): (Option<&Value>, Option<&Value>),
        mut act: impl FnMut(&Denial, &str),
    ) -> Result<(), ApiError> {
        let spec = part(binding, "spec");
        let resources = part(&spec, "matchResources");
        if !resources.is_null()
            && self
                .constrained(&policy.name, &resources, live, object)?
                .is_none()
        {
            return Ok(());
        }
        let denials = match self.params(&part(&policy.spec, "paramKind"), &part(&spec, "paramRef"))
        {
            Ok(params) => {
                let namespace = self.namespace();
                let of = |param| policy.denials(request, param, &namespace);
                params.iter().flat_map(of).collect()
            }
            Err(why) => {
                let failed = policy.failed(format!("failed to configure binding: {why}"));
                failed.into_iter().collect::<Vec<_>>()
            }
        };
        for denial in &denials {
            for action in items(&spec, "validationActions").filter_map(Value::as_str) {
                act(denial, action);
            }
        }
        Ok(())
    }

    /// Returns the resource, or another version of it, that `matchConstraints` or `matchResources` include.
    fn constrained(
        &self,
        name: &str,
        constraints: &Value,
        live: Option<&Value>,
        object: Option<&Value>,
    ) -> Result<Option<Arc<Resource>>, ApiError> {
        let any = object.or(live).unwrap_or(&Value::Null);
        let of = meta::text(any, "name");
        let with = |rules: &str| {
            let rules = items(constraints, rules).filter(|rule| {
                let mut names = items(rule, "resourceNames").peekable();
                names.peek().is_none() || names.any(|name| name == of)
            });
            let mut constraints = constraints.clone();
            if let Some(fields) = constraints.as_object_mut() {
                fields.insert("name".to_owned(), name.into());
                fields.insert("rules".to_owned(), rules.cloned().collect());
            }
            Hook::read(&constraints)
        };
        let (resources, operation) = (self.cluster.served(), operation(live, object));
        let included = with("resourceRules");
        let matched = if items(constraints, "resourceRules").next().is_none() {
            Some(Arc::clone(&self.place.resource))
        } else {
            self.matched(&resources.resources, &included, operation)
        };
        let excluded = with("excludeResourceRules");
        let excluded = self.matched(&resources.resources, &excluded, operation);
        if excluded.is_some() || !self.selects(&included, live, object)? {
            return Ok(None);
        }
        Ok(matched)
    }

    /// Returns the parameters that a binding names; `null` for a policy or binding without parameters.
    fn params(&self, kind: &Value, reference: &Value) -> Result<Vec<Value>, String> {
        if kind.is_null() || reference.is_null() {
            return Ok(vec![Value::Null]);
        }
        let (version, kind) = (text(kind, "apiVersion"), text(kind, "kind"));
        let served = self.cluster.served();
        let mut resources = served.resources.iter();
        let resource =
            resources.find(|resource| resource.api_version() == version && resource.kind == kind);
        let resource =
            resource.ok_or_else(|| format!("paramKind kind `{version}, Kind={kind}` not known"))?;
        let namespace = match (text(reference, "namespace"), resource.namespaced) {
            (namespace, false) if namespace.is_empty() => None,
            (_, false) => {
                return Err(
                    "paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
                        .to_owned(),
                );
            }
            (namespace, true) if !namespace.is_empty() => Some(namespace),
            (_, true) => Some(self.place.namespace.clone().ok_or(
                "use of namespaced paramRef in policy binding with cluster-scoped resource",
            )?),
        };
        let place = crate::cluster::place::Place {
            resource: Arc::clone(resource),
            namespace,
            name: None,
            subresource: Default::default(),
        };
        let found = self.cluster.store().list(&List {
            prefix: &place.prefix(),
            at: None,
            from: None,
            limit: None,
            keep: &|object| match text(reference, "name").as_str() {
                "" => {
                    let labels = meta::get(&object.value, "labels");
                    selector::selects(&part(reference, "selector"), labels)
                }
                name => meta::text(&object.value, "name") == name,
            },
        });
        let found = found.unwrap_or_default().items; // the present is never forgotten
        let params: Vec<Value> = found.iter().map(|param| place.show(param)).collect();
        if params.is_empty() && text(reference, "parameterNotFoundAction") == "Deny" {
            return Err(
                "no params found for policy binding with `Deny` parameterNotFoundAction".to_owned(),
            );
        }
        Ok(params)
    }

    /// Returns the namespace of the object; `null` if it is in none.
    fn namespace(&self) -> Value {
        let resource = &self.place.resource;
        let namespace = self.place.namespace.as_deref();
        let namespace = namespace.filter(|_| resource.namespaced);
        let found = namespace.and_then(|namespace| {
            let key = store::key("", "namespaces", None, namespace);
            self.cluster.store().get(&key)
        });
        found.map_or(Value::Null, |namespace| namespace.value.clone())
    }
}

fn operation(live: Option<&Value>, object: Option<&Value>) -> &'static str {
    match (live, object) {
        (None, _) => "CREATE",
        (_, None) => "DELETE",
        _ => "UPDATE",
    }
}
