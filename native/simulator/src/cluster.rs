//! The API server of a local cluster: the definition of `ImageCache` that it serves, and its admission.

use imagecache::admission::{AdmissionSettings, CacheSource, decide};
use imagecache::resource::{CRD_NAME, CrdVersion, GROUP, PLURAL, VERSION, crd};
use imagecache_apiserver::api::write::Admitted;
use imagecache_apiserver::api::{self, ApiError, Cause};
use imagecache_apiserver::cluster::{self, Admission, Config, Definition, Review};
use serde_json::Value;

/// Returns the configuration of an API server that serves `ImageCache`.
///
/// `definition` replaces the stored definition. Without one, the definition of this program is applied unless another
/// field manager has changed it; it has validation rules only if there is admission, because the vendor's definition
/// has none.
#[must_use]
pub fn config(definition: Option<Value>, settings: Option<AdmissionSettings>) -> Config {
    let definition = match definition {
        Some(object) => Definition {
            object,
            manager: "imagecache-crd".to_owned(),
            force: true,
        },
        None => Definition {
            object: own_definition(settings.is_some()),
            manager: "imagecache".to_owned(),
            force: false,
        },
    };
    Config {
        definitions: vec![definition],
        admission: settings.map(admission),
        ..Config::default()
    }
}

/// Returns the definition of `ImageCache` of this program, with or without its validation rules.
#[must_use]
pub fn own_definition(rules: bool) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("x-kubernetes-validations");
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut definition = crd(CrdVersion::V1);
    if !rules {
        strip(&mut definition);
    }
    definition
}

/// Returns the reasons why an API server cannot serve a definition as the one of `ImageCache`.
#[must_use]
pub fn definition_faults(definition: &Value) -> Vec<Cause> {
    let at = |pointer: &str| definition.pointer(pointer);
    let is_definition = at("/kind").is_some_and(|kind| kind == "CustomResourceDefinition")
        && at("/apiVersion").is_some_and(|version| version == "apiextensions.k8s.io/v1");
    let name = at("/metadata/name").and_then(Value::as_str).unwrap_or("");
    if is_definition && name != CRD_NAME {
        let name = format!("{name:?}");
        return vec![Cause::not_supported("metadata.name", &name, &[CRD_NAME])];
    }
    let mut causes = api::definition_faults(definition);
    if !is_definition {
        return causes;
    }
    if at("/spec/scope").is_some_and(|scope| scope == "Namespaced") {
        let why = "image caches are cluster-scoped";
        causes.push(Cause::invalid("spec.scope", &"Namespaced".into(), why));
    }
    let versions = at("/spec/versions").and_then(Value::as_array);
    let versions = versions.map(Vec::as_slice).unwrap_or_default();
    let is_served = |version: &Value| {
        version.get("name").is_some_and(|name| name == VERSION)
            && version.get("served").is_some_and(|served| served == true)
    };
    if !versions.iter().any(is_served) {
        let why = format!("must serve {VERSION}");
        let shown = versions.to_vec().into();
        causes.push(Cause::invalid("spec.versions", &shown, &why));
    }
    causes
}

/// Returns the admission of the core as a hook of an API server.
#[must_use]
pub fn admission(settings: AdmissionSettings) -> Admission {
    Admission::new(move |review| admit(&settings, review))
}

fn admit(settings: &AdmissionSettings, review: Review<'_>) -> Result<Admitted, ApiError> {
    let verdict = decide(
        &review.request,
        settings,
        || Ok(CacheSource::Text(review.list(GROUP, PLURAL))),
        Some(cluster::now()),
    );
    if let Some(reason) = verdict.reason {
        let message = format!("admission denied the request: {}", verdict.message);
        let error = ApiError::new(verdict.code, reason.as_str(), message);
        return Err(error.with_warnings(verdict.warnings));
    }
    Ok(Admitted {
        object: verdict.object.unwrap_or(review.object),
        warnings: verdict.warnings,
    })
}
