//! The HTTP face: what a path means, what a client accepts, and the answer.
//!
//! | what | module |
//! |---|---|
//! | Method, path, query and headers; which resource a path names | `request` |
//! | Which form of answer a client accepts; JSON, YAML, Table, metadata alone | `negotiate`, `answer` |
//! | Get, list and the options of lists | `read` |
//! | Create, update, patch, delete | `write` |
//! | Watch streams, also over WebSocket | `stream`, `websocket` |
//! | Discovery, OpenAPI, version, health | `documents` |
//! | Files for browsers | `page` |

mod answer;
mod documents;
mod negotiate;
mod page;
mod read;
mod request;
mod stream;
mod websocket;
mod write;

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request as HttpRequest, Response};
use imagecache_http::{Body, Refusal, Visitors};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Cluster;
use crate::api::ApiError;
use crate::limits::{BODIES_BYTES, WRITE_TIME};

pub use page::File as PageFile;

use answer::Answer;
use negotiate::Form;
use request::{Request, Route, Target};

/// What the server grants to those who connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Watches at once; fewer than connections, so that watchers cannot lock everybody else out.
    pub watches: usize,
    /// Most bytes of request bodies that are held at once, over all connections.
    pub body_bytes: usize,
    /// Longest time that one attempt of a write may compute: patch, admission, validation.
    pub write_time: Duration,
    /// Longest time for a request head to come, and for a body.
    pub patience: Duration,
    /// Longest time that requests under way get when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            watches: 768,
            body_bytes: BODIES_BYTES,
            write_time: WRITE_TIME,
            patience: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// Largest request head, in bytes.
const HEAD_BYTES: usize = 64 << 10;

pub(super) async fn run(cluster: Cluster, listener: TcpListener, stop: CancellationToken) {
    let limits = cluster.inner.limits;
    let http = imagecache_http::Limits {
        connections: limits.connections,
        per_address: limits.connections.div_ceil(4),
        head: limits.patience,
        head_bytes: HEAD_BYTES,
        stall: limits.patience,
        drain: limits.drain,
    };
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let allowed = cluster.inner.allow_hosts.iter().cloned();
    let visitors = Visitors::of_machine(address, allowed).refusing_with(refused);
    let server = Server {
        cluster,
        address,
        stop: stop.clone(),
    };
    imagecache_http::serve(listener, None, http, visitors, stop, move |request, _| {
        let server = server.clone();
        async move { server.answer(request).await }
    })
    .await;
}

#[derive(Clone)]
struct Server {
    cluster: Cluster,
    /// Where it listens.
    address: SocketAddr,
    stop: CancellationToken,
}

impl Server {
    async fn answer(&self, request: HttpRequest<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let request = Request::read(&head);
        if let Some(find) = self.cluster.inner.page
            && let Some(file) = page::answer(find, &request)
        {
            return file;
        }
        let answered = self.route(&request, body).await;
        let answer =
            answered.unwrap_or_else(|error| answer::refusal(&error, Form::of_error(&request)));
        let (method, path, code) = (&request.method, &request.path, answer.status().as_u16());
        tracing::debug!(%method, path, code, "request");
        answer
    }

    async fn route(&self, request: &Request, body: Incoming) -> Answer {
        match request.route(&self.cluster.served().resources) {
            Route::Document => documents::answer(self, request).await,
            Route::Nowhere => Ok(answer::no_such_page()),
            Route::Resource(target) => {
                let form = Form::of(request, !target.place.resource.custom)?;
                self.resource(request, *target, form, body).await
            }
        }
    }

    async fn resource(
        &self,
        request: &Request,
        target: Target,
        form: Form,
        body: Incoming,
    ) -> Answer {
        let verb = target.verb(request)?;
        let resource = std::sync::Arc::clone(&target.place.resource);
        if !resource.verbs.contains(&verb) {
            return Err(ApiError::method_not_supported(&resource, verb));
        }
        let answered = match verb {
            "get" => read::get(&self.cluster, request, &target, form),
            "list" => read::list(&self.cluster, request, &target, form),
            "watch" => stream::watch(self, request, &target, form),
            _ => write::write(self, verb, request, &target, form, body).await,
        };
        let Some(warning) = &resource.deprecated else {
            return answered;
        };
        let warning = std::slice::from_ref(warning);
        match answered {
            Ok(mut answer) => {
                answer::warn(&mut answer, warning);
                Ok(answer)
            }
            Err(mut error) => {
                error.warnings.splice(0..0, warning.iter().cloned());
                Err(error)
            }
        }
    }
}

/// A refusal as the Status of an API server.
fn refused(refusal: &Refusal) -> Response<Body> {
    let reason = match refusal.status.as_u16() {
        403 => "Forbidden",
        415 => "UnsupportedMediaType",
        _ => "BadRequest",
    };
    let error = ApiError::new(refusal.status.as_u16(), reason, refusal.message);
    answer::refusal(&error, Form::default())
}
