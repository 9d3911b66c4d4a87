//! Admission webhooks: the stored webhook configurations, and what their webhooks say to a request.
//!
//! Mutating webhooks are called one after the other before an object is validated, validating ones after that, each time
//! in the order of the names of their configurations. A mutating webhook with `reinvocationPolicy: IfNeeded` is called
//! once more if the object has changed since. Requests about the group `admissionregistration.k8s.io` are sent to none,
//! so that a broken configuration can be repaired. The same holds for validating admission policies, which are evaluated
//! before validating webhooks are called.

mod call;
mod hook;
mod policy;
mod service;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::Cluster;
use super::place::Place;
use super::store::{self, List, Store};
use crate::api::write::{Admitted, Subresource};
use crate::api::{ApiError, Resource, Resources, decode, meta, patch, selector};
use crate::limits::WEBHOOKS_TIME;
use hook::Hook;
pub(super) use policy::{Policies, are_stored as has_policies};

/// The group of the configurations.
const GROUP: &str = "admissionregistration.k8s.io";

/// When a webhook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Mutating,
    Validating,
}

impl Phase {
    fn plural(self) -> &'static str {
        match self {
            Phase::Mutating => "mutatingwebhookconfigurations",
            Phase::Validating => "validatingwebhookconfigurations",
        }
    }
}

/// A request that is sent to webhooks.
pub(super) struct Request<'a> {
    pub cluster: &'a Cluster,
    pub place: &'a Place,
    pub dry_run: bool,
}

/// Returns the webhooks of a phase, in the order in which they are called.
fn hooks(store: &Store, phase: Phase) -> Vec<Hook> {
    let page = store.list(&List {
        prefix: &store::prefix(GROUP, phase.plural(), None),
        at: None,
        from: None,
        limit: None,
        keep: &|_| true,
    });
    let configurations = page.unwrap_or_default().items; // the present is never forgotten
    let webhooks = configurations.iter().flat_map(|configuration| {
        let webhooks = configuration.value.get("webhooks");
        webhooks.and_then(Value::as_array).into_iter().flatten()
    });
    webhooks.map(Hook::read).collect()
}

/// Returns the longest time that all webhooks together may take.
pub(super) fn time(store: &Store) -> Duration {
    let phases = [Phase::Mutating, Phase::Validating].into_iter();
    let all = phases.flat_map(|phase| hooks(store, phase));
    all.map(|hook| hook.timeout)
        .sum::<Duration>()
        .min(WEBHOOKS_TIME)
}

impl Request<'_> {
    /// Calls the mutating webhooks about a new or changed object, and returns the object that they make of it.
    ///
    /// # Errors
    /// 400 or the code of the webhook if one denies the request, 500 if one fails whose failure policy is `Fail`.
    pub(super) fn mutate(&self, live: Option<&Value>, object: Value) -> Result<Admitted, ApiError> {
        let mut admitted = Admitted {
            object,
            warnings: Vec::new(),
        };
        if self.is_exempt() {
            return Ok(admitted);
        }
        let hooks = hooks(self.cluster.store(), Phase::Mutating);
        // the object as each webhook that may be called again left it
        let mut seen: Vec<(&Hook, Value)> = Vec::new();
        for hook in &hooks {
            if self.mutate_by(hook, live, &mut admitted)? && hook.again {
                seen.push((hook, admitted.object.clone()));
            }
        }
        for (hook, left) in seen {
            if left != admitted.object {
                self.mutate_by(hook, live, &mut admitted)?;
            }
        }
        Ok(admitted)
    }

    /// Calls the validating webhooks about an object that is about to be stored, and returns their warnings.
    ///
    /// # Errors
    /// As [`Request::mutate`].
    pub(super) fn validate(
        &self,
        live: Option<&Value>,
        object: &Value,
    ) -> Result<Vec<String>, ApiError> {
        let mut warnings = Vec::new();
        if !self.is_exempt() {
            self.policies(live, Some(object), &mut warnings)?;
            for hook in hooks(self.cluster.store(), Phase::Validating) {
                let called = self.ask(&hook, live, Some(object), &mut warnings)?;
                drop(called);
            }
        }
        Ok(warnings)
    }

    /// Calls all webhooks about an object that is to be deleted, and returns their warnings.
    ///
    /// # Errors
    /// As [`Request::mutate`].
    pub(super) fn delete(&self, live: &Value) -> Result<Vec<String>, ApiError> {
        let mut warnings = Vec::new();
        if self.is_exempt() {
            return Ok(warnings);
        }
        for phase in [Phase::Mutating, Phase::Validating] {
            if phase == Phase::Validating {
                self.policies(Some(live), None, &mut warnings)?;
            }
            for hook in hooks(self.cluster.store(), phase) {
                let patch = self.ask(&hook, Some(live), None, &mut warnings)?;
                if phase == Phase::Mutating && patch.flatten().is_some() {
                    let why =
                        "attempted to modify the object, which is not supported for this operation";
                    let message = format!("admission webhook {:?} {why}", hook.name);
                    return Err(internal(&message));
                }
            }
        }
        Ok(warnings)
    }

    fn is_exempt(&self) -> bool {
        self.place.resource.group == GROUP
    }

    /// Calls a mutating webhook, and returns whether it was called.
    fn mutate_by(
        &self,
        hook: &Hook,
        live: Option<&Value>,
        admitted: &mut Admitted,
    ) -> Result<bool, ApiError> {
        let object = Some(&admitted.object);
        let Some(answer) = self.ask(hook, live, object, &mut admitted.warnings)? else {
            return Ok(false);
        };
        let Some((patch, version)) = answer else {
            return Ok(true);
        };
        let resource = &self.place.resource;
        let mut object = admitted.object.clone();
        set_version(&mut object, &version);
        patch::json(&mut object, patch).map_err(|error| {
            hook.failed(&format!("the patch does not apply: {}", error.message))
        })?;
        set_version(&mut object, &resource.api_version());
        let (kind, version) = (resource.kind.as_ref(), resource.api_version());
        decode::take_in(resource, kind, &version, &mut object)
            .map_err(|words| hook.failed(&format!("the patched object is invalid: {words}")))?;
        admitted.object = object;
        Ok(true)
    }

    /// Asks a webhook if it is for the request. Returns the patch of its answer, and the version of the patched object.
    fn ask(
        &self,
        hook: &Hook,
        live: Option<&Value>,
        object: Option<&Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Option<(Value, String)>>, ApiError> {
        let operation = match (live, object) {
            (None, _) => "CREATE",
            (_, None) => "DELETE",
            _ => "UPDATE",
        };
        let served = self.cluster.served();
        let Some(matched) = self.matched(&served.resources, hook, operation) else {
            return Ok(None);
        };
        if !self.selects(hook, live, object)? {
            return Ok(None);
        }
        let request = self.review(&matched, operation, live, object);
        match hook.meets_conditions(&request) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(_) if hook.ignores => return Ok(None),
            Err(why) => {
                let name = text(&request, "name");
                return Err(ApiError::forbidden(&self.place.resource, &name, &why));
            }
        }
        if self.dry_run && !hook.dry_run {
            let message = format!("admission webhook {:?} does not support dry run", hook.name);
            return Err(ApiError::bad_request(message));
        }
        let answer = service::address(self.cluster.store(), hook)
            .and_then(|address| Handle::current().block_on(call::call(hook, &address, &request)));
        match answer {
            Ok(answer) => {
                warnings.extend(answer.warnings);
                if let Some(error) = answer.denied {
                    return Err(error.with_warnings(std::mem::take(warnings)));
                }
                let patch = answer.patch;
                Ok(Some(patch.map(|patch| (patch, matched.api_version()))))
            }
            Err(why) if hook.ignores => {
                let webhook = &hook.name;
                tracing::warn!(webhook, %why, "failed calling webhook, its failure policy is Ignore");
                Ok(None)
            }
            Err(why) => Err(hook.failed(&why)),
        }
    }

    /// Returns the resource, or another version of it, for which the webhook has a rule.
    fn matched(
        &self,
        resources: &Resources,
        hook: &Hook,
        operation: &str,
    ) -> Option<std::sync::Arc<Resource>> {
        let own = &self.place.resource;
        let part = match self.place.subresource {
            Subresource::None => "",
            Subresource::Status => "status",
        };
        if hook.has_rule(own, part, operation) {
            return Some(std::sync::Arc::clone(own));
        }
        let others = resources.iter().filter(|other| {
            hook.equivalent && other.group == own.group && other.plural == own.plural
        });
        let mut others = others.filter(|other| hook.has_rule(other, part, operation));
        others.next().cloned()
    }

    /// Are namespace and object selected?
    fn selects(
        &self,
        hook: &Hook,
        live: Option<&Value>,
        object: Option<&Value>,
    ) -> Result<bool, ApiError> {
        let resource = &self.place.resource;
        let of_either = object.into_iter().chain(live);
        let mut labels = of_either.map(|object| meta::get(object, "labels"));
        if !labels.any(|labels| selector::selects(&hook.object_selector, labels)) {
            return Ok(false);
        }
        if let Some(namespace) = self
            .place
            .namespace
            .as_deref()
            .filter(|_| resource.namespaced)
        {
            let key = store::key("", "namespaces", None, namespace);
            let found = self.cluster.store().get(&key);
            let found = found.ok_or_else(|| ApiError::no_namespace(namespace))?;
            let labels = meta::get(&found.value, "labels");
            return Ok(selector::selects(&hook.namespace_selector, labels));
        }
        let is_namespace = resource.group.is_empty() && resource.plural == "namespaces";
        let own = object.or(live).filter(|_| is_namespace);
        Ok(own.is_none_or(|own| {
            selector::selects(&hook.namespace_selector, meta::get(own, "labels"))
        }))
    }

    /// Returns the request of an AdmissionReview.
    fn review(
        &self,
        matched: &Resource,
        operation: &str,
        live: Option<&Value>,
        object: Option<&Value>,
    ) -> Value {
        let own = &self.place.resource;
        let kind =
            |of: &Resource| json!({"group": of.group, "version": of.version, "kind": of.kind});
        let resource = |of: &Resource| json!({"group": of.group, "version": of.version, "resource": of.plural});
        let shown = |object: Option<&Value>| {
            let mut object = object.cloned().unwrap_or_default();
            set_version(&mut object, &matched.api_version());
            object
        };
        let any = object.or(live).unwrap_or(&Value::Null);
        let name = self.place.name.as_deref();
        let options = match operation {
            "CREATE" => "CreateOptions",
            "DELETE" => "DeleteOptions",
            _ => "UpdateOptions",
        };
        let mut request = json!({
            "uid": uuid::Uuid::new_v4().to_string(),
            "kind": kind(matched),
            "resource": resource(matched),
            "requestKind": kind(own),
            "requestResource": resource(own),
            "operation": operation,
            "userInfo": {"username": "system:anonymous", "groups": ["system:unauthenticated"]},
            "object": shown(object),
            "oldObject": shown(live),
            "dryRun": self.dry_run,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": options},
        });
        if let Some(fields) = request.as_object_mut() {
            let name = name.unwrap_or_else(|| meta::text(any, "name"));
            let namespace = match self.place.namespace.as_deref() {
                None if own.group.is_empty() && own.plural == "namespaces" => name,
                namespace => namespace.unwrap_or_default(),
            };
            for (field, value) in [("name", name), ("namespace", namespace)] {
                if !value.is_empty() {
                    fields.insert(field.to_owned(), value.into());
                }
            }
            if self.place.subresource == Subresource::Status {
                for field in ["subResource", "requestSubResource"] {
                    fields.insert(field.to_owned(), "status".into());
                }
            }
        }
        request
    }
}

fn set_version(object: &mut Value, version: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), version.into());
    }
}

fn text(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn part(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or_default()
}

fn internal(message: &str) -> ApiError {
    ApiError::new(
        500,
        "InternalError",
        format!("Internal error occurred: {message}"),
    )
}
