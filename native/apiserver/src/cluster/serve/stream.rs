//! Watch streams: the log of changes as a client asks to see it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Server;
use super::answer::Answer;
use super::negotiate::{Form, Media, View};
use super::read::{ListOptions, version};
use super::request::{Request, Target};
use super::websocket;
use crate::api::selector::Selector;
use crate::api::table::{self, Include};
use crate::api::{ApiError, protobuf};
use crate::cluster::definitions::definition_key;
use crate::cluster::place::Place;
use crate::cluster::store::{Change, Compacted, Object, Watch};
use crate::cluster::{Cluster, now};
use crate::limits::WATCH_TIME;

/// How long a watch lasts if the client does not say; so much longer at most, that not all end at once.
const LASTS: Duration = Duration::from_secs(30 * 60);
/// Interval between the bookmarks of a watch that asks for them.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// Time between the last bookmark and the end of a watch, so that the client can resume.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);

pub(super) fn watch(server: &Server, request: &Request, target: &Target, form: Form) -> Answer {
    if form.media == Media::Yaml {
        return Err(ApiError::new(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json;stream=watch, \
             application/vnd.kubernetes.protobuf;stream=watch",
        ));
    }
    let mut place = target.place.clone();
    let name = place.name.take();
    let options = ListOptions::read(request, &place, true)?;
    let wanted = version(&options.version).map_err(ApiError::internal)?;
    let cluster = &server.cluster;
    let permit = Arc::clone(&cluster.inner.watches)
        .try_acquire_owned()
        .map_err(|_| ApiError::too_many_requests("too many watches, try again later", 1))?;
    let include = Include::parse(request.parameter("includeObject"))?;
    let lasts = lasts(options.timeout_seconds);
    let end = Instant::now() + lasts;
    let mut view = Lens {
        cluster: cluster.clone(),
        place,
        name,
        selector: options.selector,
        view: form.view,
        media: form.media,
        include,
        first: true,
    };
    let starts_with_state = match options.initial_events {
        Some(state) => state,
        None => wanted == 0,
    };
    // followed first, looked at then: no end of the definition is missed
    let definition = view.definition();
    if !view.is_served() {
        return Err(ApiError::no_such_path());
    }
    let mut initial = Vec::new();
    let from = if starts_with_state {
        let current = cluster.store().version();
        if wanted > current {
            return Err(ApiError::version_too_large(wanted, current));
        }
        let page = cluster.list(&view.place, &view.selector);
        for object in &page.items {
            if view.is_named(object) {
                view.event("ADDED", object, &mut initial);
            }
        }
        if options.initial_events == Some(true) && options.bookmarks {
            view.bookmark(page.version, true, &mut initial);
        }
        page.version
    } else if wanted == 0 {
        cluster.store().version()
    } else {
        wanted
    };
    let feed = Feed {
        watch: cluster.watch(&view.place, from),
        definition,
        view,
        initial,
        end,
        next_bookmark: options.bookmarks.then(|| first_bookmark(end, lasts)),
        stop: server.stop.clone(),
        ended: false,
        _permit: permit,
    };
    if let Some(handshake) = websocket::handshake(request)? {
        return Ok(websocket::answer(handshake, feed, form.media));
    }
    let frames = stream::unfold(feed, |mut feed| async move {
        let chunk = feed.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(chunk))), feed))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(form)));
    headers.insert(
        http::header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, private"),
    );
    Ok(response)
}

/// The media type of a stream.
fn media_type(form: Form) -> &'static str {
    match form.media {
        Media::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        _ => "application/json",
    }
}

/// How long a watch lasts that asks for some seconds, at most [`WATCH_TIME`].
fn lasts(timeout_seconds: Option<u64>) -> Duration {
    let lasts = timeout_seconds.map_or_else(
        || LASTS + Duration::from_secs(now().seconds().unsigned_abs() % LASTS.as_secs()),
        Duration::from_secs,
    );
    lasts.min(WATCH_TIME)
}

fn first_bookmark(end: Instant, lasts: Duration) -> Instant {
    let before = BOOKMARK_BEFORE_END.min(lasts / 2);
    let last = end.checked_sub(before).unwrap_or(end);
    last.min(Instant::now() + BOOKMARK_EVERY)
}

/// One client's stream.
pub(super) struct Feed {
    watch: Watch,
    /// The definition of a custom resource: the watch ends after it.
    definition: Option<Watch>,
    view: Lens,
    /// What is sent first.
    initial: Vec<u8>,
    end: Instant,
    next_bookmark: Option<Instant>,
    stop: CancellationToken,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    /// The next bytes, some whole events; `None` at the end. A call that is dropped loses none.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        if !self.initial.is_empty() {
            return Some(std::mem::take(&mut self.initial));
        }
        if self.ended {
            return None;
        }
        loop {
            let mut chunk = Vec::new();
            let bookmark = self.next_bookmark;
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = sleep_until(self.end) => return None,
                () = sleep_until(bookmark.unwrap_or(self.end)), if bookmark.is_some() => {
                    let rest = self.end.saturating_duration_since(Instant::now());
                    self.next_bookmark =
                        (rest > BOOKMARK_BEFORE_END).then(|| first_bookmark(self.end, rest));
                    self.view.bookmark(self.watch.version(), false, &mut chunk);
                }
                changed = changed(&mut self.definition) => {
                    if changed.is_err() {
                        self.definition = self.view.definition();
                    }
                    if !self.view.is_served() {
                        self.ended = true;
                        for change in self.watch.ready().unwrap_or_default() {
                            self.view.change(&change, &mut chunk);
                        }
                    }
                }
                changes = self.watch.next() => match changes {
                    Ok(changes) => {
                        for change in changes {
                            self.view.change(&change, &mut chunk);
                        }
                    }
                    Err(compacted) => {
                        self.ended = true;
                        self.view.too_old(self.watch.version(), compacted, &mut chunk);
                    }
                },
            }
            if !chunk.is_empty() {
                return Some(chunk);
            }
            if self.ended {
                return None;
            }
        }
    }
}

/// Waits for a change of a definition, or for the news that it changed too often to be followed.
async fn changed(definition: &mut Option<Watch>) -> Result<(), Compacted> {
    match definition {
        Some(definition) => definition.next().await.map(drop),
        None => std::future::pending().await,
    }
}

fn write(what: &str, object: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(what.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(object);
    out.extend_from_slice(b"}\n");
}

/// How a client wants to see changes.
struct Lens {
    cluster: Cluster,
    place: Place,
    name: Option<String>,
    selector: Selector,
    view: View,
    media: Media,
    include: Include,
    /// No event has been shown yet: of Tables only the first has headers.
    first: bool,
}

impl Lens {
    /// Returns the changes of the definition of a custom resource from now on.
    fn definition(&self) -> Option<Watch> {
        let resource = &self.place.resource;
        let (group, plural) = resource.storage();
        let store = self.cluster.store();
        let watch = || store.watch(&definition_key(group, plural), store.version());
        resource.custom.then(watch)
    }

    /// Reports whether a definition still says that the resource is served.
    fn is_served(&self) -> bool {
        let resource = &self.place.resource;
        let served = self.cluster.served();
        let found = served
            .resources
            .find(&resource.group, &resource.version, &resource.plural);
        found.is_some_and(|found| found.kind == resource.kind)
    }

    fn is_named(&self, object: &Object) -> bool {
        let name = self.name.as_deref();
        name.is_none_or(|name| object.meta("name") == name)
    }

    fn sees(&self, object: &Object) -> bool {
        self.is_named(object) && self.cluster.selects(&self.place, &self.selector, object)
    }

    /// Writes a change: an object that becomes selected is added, one that stops being selected is deleted.
    fn change(&mut self, change: &Change, out: &mut Vec<u8>) {
        let was = change.old.as_ref().filter(|old| self.sees(old));
        let is = change.new_object().filter(|new| self.sees(new));
        match (was, is) {
            (None, None) => {}
            (None, Some(new)) => self.event("ADDED", new, out),
            (Some(_), Some(new)) => self.event("MODIFIED", new, out),
            (Some(_), None) if change.deleted => self.event("DELETED", &change.object, out),
            (Some(old), None) => self.event("DELETED", &old.at(change.version), out),
        }
    }

    fn event(&mut self, what: &str, object: &Object, out: &mut Vec<u8>) {
        let first = std::mem::replace(&mut self.first, false);
        let is_stored = self.view == View::Whole && self.place.resource.stored.is_none();
        if is_stored && self.media != Media::Protobuf {
            return write(what, &object.text, out);
        }
        let shown = self.place.show(object);
        let shown = match self.view {
            View::Whole => shown,
            View::Metadata(version) => table::partial(&shown, version),
            View::Table(version) => {
                let metadata = shown.get("metadata").unwrap_or(&Value::Null);
                let resource = &self.place.resource;
                let include = self.include;
                table::render(resource, [&shown], metadata, include, version, first, now())
            }
        };
        self.write(what, &shown, out);
    }

    /// Writes an event. An object that protobuf cannot hold is an error of the server.
    fn write(&self, what: &str, object: &Value, out: &mut Vec<u8>) {
        if self.media != Media::Protobuf {
            return write(what, object.to_string().as_bytes(), out);
        }
        match protobuf::write(object) {
            Ok(bytes) => protobuf::frame(what, &bytes, out),
            Err(why) => self.error(&ApiError::internal(why), out),
        }
    }

    fn error(&self, error: &ApiError, out: &mut Vec<u8>) {
        if self.media != Media::Protobuf {
            let status = serde_json::to_vec(&error.status()).unwrap_or_default();
            return write("ERROR", &status, out);
        }
        let status = serde_json::to_value(error.status()).unwrap_or_default();
        if let Ok(bytes) = protobuf::write(&status) {
            protobuf::frame("ERROR", &bytes, out);
        }
    }

    fn too_old(&self, version: u64, compacted: Compacted, out: &mut Vec<u8>) {
        let oldest = compacted.oldest;
        let message = format!("too old resource version: {version} ({oldest})");
        self.error(&ApiError::expired(message), out);
    }

    /// How far the client has read; `initial` ends the objects that were there.
    fn bookmark(&self, version: u64, initial: bool, out: &mut Vec<u8>) {
        let resource = &self.place.resource;
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if let (true, Some(metadata)) = (initial, metadata.as_object_mut()) {
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            metadata.insert("annotations".to_owned(), annotations);
        }
        let (kind, api_version) = match self.view {
            View::Whole => (&*resource.kind, resource.api_version()),
            View::Metadata(version) => ("PartialObjectMetadata", format!("meta.k8s.io/{version}")),
            View::Table(version) => ("Table", format!("meta.k8s.io/{version}")),
        };
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
        if let (View::Table(_), Some(table)) = (self.view, object.as_object_mut()) {
            table.insert("columnDefinitions".to_owned(), json!([]));
            table.insert("rows".to_owned(), json!([]));
        }
        self.write("BOOKMARK", &object, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watch_time_is_capped_at_its_limit() {
        let limit = WATCH_TIME.as_secs();
        for (asked, given) in [
            (1, 1),
            (limit, limit),
            (limit + 1, limit),
            (u64::MAX, limit),
        ] {
            assert_eq!(lasts(Some(asked)).as_secs(), given);
        }
        assert!(lasts(None) >= LASTS);
    }

    #[test]
    fn the_last_bookmark_comes_shortly_before_the_end() {
        let now = Instant::now();
        let at = |seconds| {
            let lasts = Duration::from_secs(seconds);
            let first = first_bookmark(now + lasts, lasts);
            first.saturating_duration_since(now).as_secs_f64().round()
        };
        assert_eq!(at(8), 6.0);
        assert_eq!(at(2), 1.0);
        assert_eq!(at(3600), 60.0);
    }
}
