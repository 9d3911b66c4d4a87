//! Answers: objects, lists and refusals as bytes.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WARNING};
use http::{HeaderValue, Response, StatusCode};
use imagecache_http::{Body, whole};
use serde::Serialize;
use serde_json::{Value, json};

use super::negotiate::{Form, Media, View};
use super::request::Request;
use crate::api::table::{self, Include};
use crate::api::{ApiError, Resource, protobuf, yaml};
use crate::cluster::now;
use crate::cluster::place::Place;
use crate::cluster::store::Object;

/// An answer, or a refusal for which the form is still to be chosen.
pub(super) type Answer = Result<Response<Body>, ApiError>;

/// An answer with bytes of a type.
pub(super) fn answer(code: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(whole(body));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    response
}

/// Plain text.
pub(super) fn text(code: u16, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = answer(code, "text/plain; charset=utf-8", text);
    response.headers_mut().insert(
        http::header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A path that nothing answers.
pub(super) fn no_such_page() -> Response<Body> {
    text(404, "404 page not found\n")
}

/// A value in a form. One that protobuf cannot hold is an error of the server.
pub(super) fn value<T: Serialize>(code: u16, value: &T, form: Form) -> Response<Body> {
    let of = || serde_json::to_value(value).unwrap_or_default();
    let bytes = match form.media {
        Media::Yaml => yaml::write(&of()).into_bytes(),
        Media::Protobuf => match protobuf::write(&of()) {
            Ok(bytes) => bytes,
            Err(why) => {
                let error = ApiError::internal(why);
                let body = serde_json::to_vec(&error.status()).unwrap_or_default();
                return answer(error.code, Media::Json.name(), body);
            }
        },
        Media::Json if form.pretty => serde_json::to_vec_pretty(value).unwrap_or_default(),
        Media::Json => {
            let mut bytes = serde_json::to_vec(value).unwrap_or_default();
            bytes.push(b'\n');
            bytes
        }
    };
    answer(code, form.media.name(), bytes)
}

/// A refusal.
pub(super) fn refusal(error: &ApiError, form: Form) -> Response<Body> {
    let mut response = value(error.code, &error.status(), form);
    if let Some(seconds) = error.retry_after() {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    warn(&mut response, &error.warnings);
    response
}

/// Adds `Warning` headers. Where all of them are longer than the real server sends, each is cut, and the last are left
/// out.
pub(super) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    let length = |warning: &String| warning.chars().count();
    let is_long = warnings.iter().map(length).sum::<usize>() > WARNINGS_RUNES;
    let mut sent = 0;
    for warning in warnings {
        let cut = is_long.then(|| warning.chars().take(WARNING_RUNES).collect::<String>());
        let warning = cut.as_ref().unwrap_or(warning);
        sent += length(warning);
        if sent > WARNINGS_RUNES {
            break;
        }
        let mut header = String::from("299 - \"");
        for c in warning.chars() {
            match c {
                '"' | '\\' => header.extend(['\\', c]),
                c if c.is_control() => header.push(' '),
                c => header.push(c),
            }
        }
        header.push('"');
        if let Ok(header) = HeaderValue::from_bytes(header.as_bytes()) {
            response.headers_mut().append(WARNING, header);
        }
    }
}

/// Most characters of all warnings of a response, as in the real server.
const WARNINGS_RUNES: usize = 4096;
/// Most characters of one warning where all are too long.
const WARNING_RUNES: usize = 256;

/// A stored object in a form.
pub(super) fn stored(object: &Object, request: &Request, place: &Place, form: Form) -> Answer {
    if form == Form::default() && place.resource.stored.is_none() {
        let mut bytes = Vec::with_capacity(object.text.len() + 1);
        bytes.extend_from_slice(&object.text);
        bytes.push(b'\n');
        return Ok(answer(200, form.media.name(), bytes));
    }
    shown(200, &place.show(object), request, place, form)
}

/// An object in a form.
pub(super) fn shown(
    code: u16,
    object: &Value,
    request: &Request,
    place: &Place,
    form: Form,
) -> Answer {
    Ok(match form.view {
        View::Whole => value(code, object, form),
        View::Metadata(version) => value(code, &table::partial(object, version), form),
        View::Table(version) => {
            let include = Include::parse(request.parameter("includeObject"))?;
            let metadata = object.get("metadata").unwrap_or(&Value::Null);
            let table = table::render(
                &place.resource,
                [object],
                metadata,
                include,
                version,
                true,
                now(),
            );
            value(code, &table, form)
        }
    })
}

/// The metadata of a list.
#[derive(Debug, Clone, Default)]
pub(super) struct ListMeta {
    pub(super) version: u64,
    pub(super) continues: Option<String>,
    pub(super) following: Option<usize>,
}

impl ListMeta {
    fn value(&self, resource: &Resource) -> Value {
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if let Some(fields) = metadata.as_object_mut() {
            match &self.continues {
                Some(token) => {
                    fields.insert("continue".to_owned(), token.as_str().into());
                }
                // lists of custom resources always have the field
                None if resource.custom => {
                    fields.insert("continue".to_owned(), "".into());
                }
                None => {}
            }
            if let Some(following) = self.following {
                fields.insert("remainingItemCount".to_owned(), following.into());
            }
        }
        metadata
    }

    /// The same without what only lists of custom resources have.
    fn plain(&self) -> Value {
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if let (Some(fields), Some(token)) = (metadata.as_object_mut(), &self.continues) {
            fields.insert("continue".to_owned(), token.as_str().into());
            if let Some(following) = self.following {
                fields.insert("remainingItemCount".to_owned(), following.into());
            }
        }
        metadata
    }
}

/// A list in a form.
pub(super) fn list(
    objects: &[std::sync::Arc<Object>],
    meta: &ListMeta,
    request: &Request,
    place: &Place,
    form: Form,
) -> Answer {
    let resource = &place.resource;
    if form == Form::default() && resource.custom {
        return Ok(answer(
            200,
            form.media.name(),
            joined(objects, meta, resource),
        ));
    }
    let shown: Vec<Value> = objects.iter().map(|object| place.show(object)).collect();
    Ok(match form.view {
        View::Table(version) => {
            let include = Include::parse(request.parameter("includeObject"))?;
            let metadata = meta.plain();
            let table = table::render(resource, &shown, &metadata, include, version, true, now());
            value(200, &table, form)
        }
        View::Metadata(version) => {
            let items: Vec<Value> = shown
                .iter()
                .map(|object| table::partial(object, version))
                .collect();
            let list = json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": format!("meta.k8s.io/{version}"),
                "metadata": meta.plain(),
                "items": items,
            });
            value(200, &list, form)
        }
        View::Whole => {
            let mut items = shown;
            if !resource.custom {
                for item in &mut items {
                    if let Some(fields) = item.as_object_mut() {
                        fields.remove("kind");
                        fields.remove("apiVersion");
                    }
                }
            }
            let list = json!({
                "apiVersion": resource.api_version(),
                "kind": resource.list_kind,
                "metadata": meta.value(resource),
                "items": items,
            });
            value(200, &list, form)
        }
    })
}

/// A compact list, made of the texts that are stored.
fn joined(objects: &[std::sync::Arc<Object>], meta: &ListMeta, resource: &Resource) -> Vec<u8> {
    let size: usize = objects.iter().map(|object| object.text.len() + 1).sum();
    let mut bytes = Vec::with_capacity(size + 256);
    let head = json!(resource.api_version());
    bytes.extend_from_slice(format!("{{\"apiVersion\":{head},\"items\":[").as_bytes());
    for (place, object) in objects.iter().enumerate() {
        if place > 0 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(&object.text);
    }
    let (kind, metadata) = (json!(resource.list_kind), meta.value(resource));
    bytes.extend_from_slice(format!("],\"kind\":{kind},\"metadata\":{metadata}}}\n").as_bytes());
    bytes
}
