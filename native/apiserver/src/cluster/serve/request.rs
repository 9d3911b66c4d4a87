//! A request's head, and what its path names.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;
use http::Method;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use percent_encoding::percent_decode_str;

use crate::api::ApiError;
use crate::api::Resources;
use crate::api::write::Subresource;
use crate::cluster::place::Place;

/// The head of a request.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    /// The connection after a change of the protocol, where the client asks for one.
    pub(super) upgrade: Option<OnUpgrade>,
}

/// What a path names.
pub(super) enum Route {
    /// Something about the server.
    Document,
    /// Objects.
    Resource(Box<Target>),
    /// Nothing.
    Nowhere,
}

/// Objects, and how they were named.
pub(super) struct Target {
    pub(super) place: Place,
    /// The legacy path `/watch/`.
    watch: bool,
    /// A part of an object that there is not.
    unknown_part: bool,
}

impl Request {
    pub(super) fn read(head: &Parts) -> Self {
        let path = head.uri.path();
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decode)
            .collect();
        let query = head.uri.query().unwrap_or_default();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode_form(name), decode_form(value))
            })
            .collect();
        Request {
            method: head.method.clone(),
            path: path.to_owned(),
            segments,
            query,
            headers: head.headers.clone(),
            upgrade: head.extensions.get().cloned(),
        }
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| value)
    }

    pub(super) fn query(&self) -> impl Iterator<Item = (&str, &str)> {
        let query = self.query.iter();
        query.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A parameter that is a switch: there and not `false` or `0`.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        let value = self.parameter(name)?;
        Some(!(value.eq_ignore_ascii_case("false") || value == "0"))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok())
    }

    pub(super) fn route(&self, resources: &Resources) -> Route {
        let segments = self.segments();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
            _ => return Route::Document,
        };
        let (watch, rest) = match rest {
            ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
            rest => (false, rest),
        };
        let target = match rest {
            ["namespaces", namespace, plural, rest @ ..]
                if is_in_namespaces(resources, group, version, plural) =>
            {
                target(resources, group, version, plural, Some(namespace), rest)
            }
            [plural, rest @ ..] => target(resources, group, version, plural, None, rest),
            [] => None,
        };
        match target {
            Some(target) => Route::Resource(Box::new(Target { watch, ..target })),
            None => Route::Nowhere,
        }
    }
}

fn is_in_namespaces(resources: &Resources, group: &str, version: &str, plural: &str) -> bool {
    resources
        .find(group, version, plural)
        .is_some_and(|resource| resource.namespaced)
}

fn target(
    resources: &Resources,
    group: &str,
    version: &str,
    plural: &str,
    namespace: Option<&str>,
    rest: &[&str],
) -> Option<Target> {
    let resource = resources.find(group, version, plural)?;
    let (name, part) = match rest {
        [] => (None, None),
        [name] => (Some(*name), None),
        [name, part] => (Some(*name), Some(*part)),
        _ => return None,
    };
    if resource.namespaced && namespace.is_none() && name.is_some() {
        return None;
    }
    let is_status = part == Some("status") && resource.has_status;
    let unknown_part = part.is_some() && !is_status;
    // The real server looks at parts of custom resources only after it has found the resource.
    if unknown_part && !resource.custom {
        return None;
    }
    Some(Target {
        place: Place {
            resource: Arc::clone(resource),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            subresource: if is_status {
                Subresource::Status
            } else {
                Subresource::None
            },
        },
        watch: false,
        unknown_part,
    })
}

impl Target {
    /// The verb that a method means here.
    ///
    /// # Errors
    /// What the real server says to a method that means nothing here.
    pub(super) fn verb(&self, request: &Request) -> Result<&'static str, ApiError> {
        let resource = &self.place.resource;
        let name = self.place.name.as_deref();
        if self.unknown_part {
            return Err(ApiError::not_found(resource, name.unwrap_or_default()));
        }
        let is_status = self.place.subresource == Subresource::Status;
        let verb = match (&request.method, name) {
            (&Method::GET | &Method::HEAD, _) if self.watch => "watch",
            (&Method::GET | &Method::HEAD, Some(_)) => "get",
            (&Method::GET | &Method::HEAD, None) if request.switch("watch") == Some(true) => {
                "watch"
            }
            (&Method::GET | &Method::HEAD, None) => "list",
            (&Method::POST, _) => "create",
            (&Method::PUT, Some(_)) => "update",
            (&Method::PATCH, Some(_)) => "patch",
            (&Method::PUT | &Method::PATCH, None) => {
                return Err(ApiError::bad_request("name must be provided"));
            }
            (&Method::DELETE, Some(_)) => "delete",
            (&Method::DELETE, None) => "deletecollection",
            _ => "",
        };
        if is_status && !matches!(verb, "get" | "update" | "patch") {
            return Err(ApiError::method_not_supported(resource, verb));
        }
        if resource.namespaced && self.place.namespace.is_none() && verb == "create" {
            return Err(ApiError::method_not_supported(resource, verb));
        }
        Ok(verb)
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// In a query a plus sign is a space.
fn decode_form(text: &str) -> String {
    let text: Cow<'_, str> = if text.contains('+') {
        text.replace('+', " ").into()
    } else {
        text.into()
    };
    decode(&text)
}
