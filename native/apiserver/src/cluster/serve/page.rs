//! Files for browsers, beside the API and at its origin, so that a page may speak to the API without further rules.

use http::header::{ACCEPT, CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Method, Response};
use imagecache_http::Body;

use super::answer;
use super::request::Request;

/// A file of a page.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Its content.
    pub bytes: &'static [u8],
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The value of `ETag`, quotes included.
    pub etag: &'static str,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
    /// What else its answer says.
    pub headers: &'static [(&'static str, &'static str)],
}

/// The file that a request means, if any. `/` is a file for browsers only: who asks for JSON there gets the paths of
/// the API, as from every API server.
pub(super) fn answer(find: fn(&str) -> Option<File>, request: &Request) -> Option<Response<Body>> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return None;
    }
    let wants_html = |accept: &str| accept.contains("text/html");
    if request.path == "/" && !request.header(ACCEPT.as_str()).is_some_and(wants_html) {
        return None;
    }
    let file = find(&request.path)?;
    let held = request.header(IF_NONE_MATCH.as_str());
    let same = held.is_some_and(|held| held.split(',').any(|tag| tag.trim() == file.etag));
    let mut response = if same {
        answer::answer(304, file.content_type, "")
    } else {
        answer::answer(200, file.content_type, file.bytes)
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::from_static(file.etag));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(file.cache_control));
    for (name, value) in file.headers {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    Some(response)
}
