//! The documents that describe the server: discovery, OpenAPI, version, health.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_TYPE, ETAG, EXPIRES, LAST_MODIFIED, LOCATION, VARY,
};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use imagecache_http::{Body, whole};
use serde_json::{Value, json};

use super::Server;
use super::answer::{self, Answer};
use super::negotiate::{self, Form, Media};
use super::request::Request;
use crate::api::openapi::{self, Documents};
use crate::api::{ApiError, Resources, discovery};

/// The Kubernetes whose behaviour this is.
const MINOR: &str = "36";
/// When the documents were made; they change with the program only.
const MADE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
/// When a document with its hash in the URL is to be asked for again.
const NEVER: &str = "Thu, 31 Dec 2099 23:59:59 UTC";

pub(super) async fn answer(server: &Server, request: &Request) -> Answer {
    let segments = request.segments();
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Ok(answer::no_such_page());
    }
    // Documents are not objects: no Table is made of them, and a client gets JSON that accepts nothing else.
    let form = Form::of_error(request);
    let served = server.cluster.served();
    let resources = &served.resources;
    // These two are not objects of Kubernetes, and have no form in protobuf.
    let plain = Form {
        media: match form.media {
            Media::Protobuf => Media::Json,
            media => media,
        },
        ..form
    };
    let document = match segments.as_slice() {
        [] => return Ok(answer::value(200, &discovery::paths(resources), plain)),
        ["version"] => return Ok(answer::value(200, &version(), plain)),
        ["healthz" | "livez" | "readyz", ..] => {
            return Ok(health(server, request, &segments).await);
        }
        ["api"] => return Ok(groups(server, resources, request, form, true)),
        ["apis"] => return Ok(groups(server, resources, request, form, false)),
        ["api", version] => discovery::resources(resources, "", version),
        ["apis", group] => discovery::group(resources, group),
        ["apis", group, version] => discovery::resources(resources, group, version),
        ["openapi", "v2"] => return openapi_v2(served.documents(), request),
        ["openapi", "v3"] => {
            let mut index = answer::answer(
                200,
                "text/plain; charset=utf-8",
                text(&served.documents().index()),
            );
            set(&mut index, ACCEPT_RANGES, "bytes");
            set(&mut index, LAST_MODIFIED, MADE);
            return Ok(index);
        }
        ["openapi", "v3", path @ ..] => {
            return openapi_v3(served.documents(), request, &path.join("/"));
        }
        _ => None,
    };
    Ok(match document {
        Some(document) => answer::value(200, &document, form),
        None => answer::no_such_page(),
    })
}

fn text(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": MINOR,
        "emulationMajor": "1",
        "emulationMinor": MINOR,
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": concat!("v1.36.0+imagecache-", env!("CARGO_PKG_VERSION")),
        "gitCommit": "none",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, go_arch(std::env::consts::ARCH)),
    })
}

/// The name that Go has for an architecture.
fn go_arch(rust: &str) -> &str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

/// The server is alive while it responds. It is healthy while its store takes writes, as the last write said, and ready
/// until it stops. A restart mends no full disk, so it is alive all the same.
async fn health(server: &Server, request: &Request, segments: &[&str]) -> Response<Body> {
    let name = segments.first().copied().unwrap_or_default();
    let ready = name != "readyz" || !server.stop.is_cancelled();
    let store = name == "livez" || server.cluster.store().ready().await.is_ok();
    let checks = [("ping", true), ("store", store), ("shutdown", ready)];
    let wanted = segments.get(1).copied();
    let mut known = checks
        .iter()
        .filter(|(check, _)| wanted.is_none_or(|wanted| wanted == *check));
    if segments.len() > 2 || (wanted.is_some() && known.clone().next().is_none()) {
        return answer::no_such_page();
    }
    let healthy = known.all(|(_, healthy)| *healthy);
    if healthy && request.parameter("verbose").is_none() {
        return answer::text(200, "ok");
    }
    let mut lines = String::new();
    for (check, healthy) in checks {
        lines += &if healthy {
            format!("[+]{check} ok\n")
        } else {
            let why = if check == "store" {
                "the last write failed"
            } else {
                "the server is stopping"
            };
            format!("[-]{check} failed: {why}\n")
        };
    }
    let outcome = if healthy { "passed" } else { "failed" };
    lines += &format!("{name} check {outcome}\n");
    answer::text(if healthy { 200 } else { 500 }, lines)
}

/// `/api` and `/apis`: for clients who ask so, with everything below in one.
fn groups(
    server: &Server,
    resources: &Resources,
    request: &Request,
    form: Form,
    core: bool,
) -> Response<Body> {
    let aggregated = Form::kinds(request)
        .into_iter()
        .find_map(|(kind, group, version)| {
            let is = kind == "APIGroupDiscoveryList" && group == "apidiscovery.k8s.io";
            match (is, kind.is_empty(), version.as_str()) {
                (true, _, "v2") => Some(Some("v2")),
                (true, _, "v2beta1") => Some(Some("v2beta1")),
                // plain JSON is wanted before anything that could follow
                (_, true, _) => Some(None),
                _ => None,
            }
        });
    let Some(version) = aggregated.flatten() else {
        let document = if core {
            discovery::core_versions(&server.address.to_string())
        } else {
            discovery::groups(resources)
        };
        return answer::value(200, &document, form);
    };
    let document = discovery::aggregated(resources, core, version);
    let etag = etag(document.to_string().as_bytes());
    if request.header("if-none-match") == Some(etag.as_str()) {
        let mut unchanged = Response::new(whole(""));
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        set(&mut unchanged, ETAG, &etag);
        return unchanged;
    }
    let mut response = answer::value(
        200,
        &document,
        Form {
            pretty: form.pretty,
            ..Form::default()
        },
    );
    let kind =
        format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
    set(&mut response, CONTENT_TYPE, &kind);
    set(&mut response, CACHE_CONTROL, "public");
    set(&mut response, VARY, "Accept");
    set(&mut response, ETAG, &etag);
    response
}

/// The same for the same document in every run of one build.
fn etag(document: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    document.hash(&mut hasher);
    format!("\"{:016X}\"", hasher.finish())
}

fn openapi_v2(documents: &Documents, request: &Request) -> Answer {
    let wanted = negotiate::media_types(request);
    let is_protobuf = wanted.iter().find_map(|media| match media.as_str() {
        "*/*" | "application/*" | "application/json" => Some(false),
        media if openapi::V2_PROTOBUF.contains(&media) => Some(true),
        _ => None,
    });
    let (media, body) = match is_protobuf {
        Some(false) => ("application/json", text(&documents.v2())),
        Some(true) => {
            let [media, _] = openapi::V2_PROTOBUF;
            (media, documents.v2_protobuf().map_err(ApiError::internal)?)
        }
        None => return Ok(answer::answer(406, "text/plain; charset=utf-8", "")),
    };
    let etag = etag(&body);
    let mut response = answer::answer(200, media, body);
    described(&mut response, &etag);
    Ok(response)
}

fn described(response: &mut Response<Body>, etag: &str) {
    set(response, ACCEPT_RANGES, "bytes");
    set(response, LAST_MODIFIED, MADE);
    set(response, VARY, "Accept");
    set(response, ETAG, etag);
}

fn openapi_v3(documents: &Documents, request: &Request, path: &str) -> Answer {
    let Some((document, hash)) = documents.document(path) else {
        return Ok(answer::no_such_page());
    };
    let etag = format!("\"{hash}\"");
    let wanted = request
        .parameter("hash")
        .filter(|wanted| !wanted.is_empty());
    if wanted.is_some_and(|wanted| wanted != hash) {
        let mut moved = Response::new(whole(""));
        *moved.status_mut() = StatusCode::MOVED_PERMANENTLY;
        set(&mut moved, CACHE_CONTROL, "no-cache, private");
        set(&mut moved, CONTENT_TYPE, "application/json");
        set(
            &mut moved,
            LOCATION,
            &format!("/openapi/v3/{path}?hash={hash}"),
        );
        set(&mut moved, VARY, "Accept");
        set(&mut moved, ETAG, &etag);
        return Ok(moved);
    }
    let accept = request.header("accept").unwrap_or("*/*");
    if !accept.contains("json") && !accept.contains('*') {
        return Err(ApiError::not_acceptable());
    }
    let mut response = answer::answer(200, "application/json", text(document));
    described(&mut response, &etag);
    if wanted.is_some() {
        set(&mut response, CACHE_CONTROL, "public, immutable");
        set(&mut response, EXPIRES, NEVER);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_platform_has_the_names_of_go() {
        for (rust, go) in [
            ("x86_64", "amd64"),
            ("aarch64", "arm64"),
            ("s390x", "s390x"),
        ] {
            assert_eq!(go_arch(rust), go);
        }
        let platform = version()["platform"].as_str().map(str::to_owned);
        let expected = format!(
            "{}/{}",
            std::env::consts::OS,
            go_arch(std::env::consts::ARCH)
        );
        assert_eq!(platform, Some(expected));
    }
}
