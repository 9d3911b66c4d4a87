//! The HTTP face: what a path means, what a client accepts, and the answer.
//!
//! | what | module |
//! |---|---|
//! | Method, path, query and headers; which resource a path names | `request` |
//! | Which form of answer a client accepts; JSON, YAML, Table, metadata alone | `negotiate`, `answer` |
//! | Get, list and the options of lists | `read` |
//! | Create, update, patch, delete | `write` |
//! | Watch streams | `stream` |
//! | Discovery, OpenAPI, version, health | `documents` |
//! | Files for browsers | `page` |

mod answer;
mod documents;
mod negotiate;
mod page;
mod read;
mod request;
mod stream;
mod write;

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request as HttpRequest, Response};
use imagecache_http::Body;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Cluster;
use crate::api::ApiError;
use crate::limits::BODIES_BYTES;

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
        head: limits.patience,
        head_bytes: HEAD_BYTES,
        stall: limits.patience,
        drain: limits.drain,
    };
    let address = listener.local_addr().ok();
    let server = Server {
        cluster,
        address,
        stop: stop.clone(),
    };
    imagecache_http::serve(listener, None, http, stop, move |request, _| {
        let server = server.clone();
        async move { server.answer(request).await }
    })
    .await;
}

#[derive(Clone)]
struct Server {
    cluster: Cluster,
    /// Where it listens.
    address: Option<SocketAddr>,
    stop: CancellationToken,
}

impl Server {
    async fn answer(&self, request: HttpRequest<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let request = Request::read(&head);
        let (form, acceptable) = match Form::of(&request) {
            Ok(form) => (form, Ok(())),
            Err(refused) => (refused.form, Err(refused.error)),
        };
        let admitted = self.admit_stranger(&request);
        if let (Ok(()), Some(find)) = (&admitted, self.cluster.inner.page)
            && let Some(file) = page::answer(find, &request)
        {
            return file;
        }
        let answered = match admitted {
            Ok(()) => self.route(&request, form, acceptable, body).await,
            Err(refused) => Err(refused),
        };
        let answer = answered.unwrap_or_else(|error| answer::refusal(&error, form));
        let (method, path, code) = (&request.method, &request.path, answer.status().as_u16());
        tracing::debug!(%method, path, code, "request");
        answer
    }

    async fn route(
        &self,
        request: &Request,
        form: Form,
        acceptable: Result<(), ApiError>,
        body: Incoming,
    ) -> Answer {
        match request.route(&self.cluster.served().resources) {
            Route::Document => documents::answer(self, request, form).await,
            Route::Nowhere => Ok(answer::no_such_page()),
            Route::Resource(target) => {
                acceptable?;
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
        let resource = &target.place.resource;
        if !resource.verbs.contains(&verb) {
            return Err(ApiError::method_not_supported(resource, verb));
        }
        match verb {
            "get" => read::get(&self.cluster, request, &target, form),
            "list" => read::list(&self.cluster, request, &target, form),
            "watch" => stream::watch(self, request, &target, form),
            _ => write::write(self, verb, request, &target, form, body).await,
        }
    }

    /// Refuses requests that a foreign web page sends through a visitor's browser. On the loopback interface, the host
    /// of a request must be a name of this machine (another name that resolves to it is a DNS rebinding attack), and so
    /// must the origin of a script.
    fn admit_stranger(&self, request: &Request) -> Result<(), ApiError> {
        if !self
            .address
            .is_some_and(|address| address.ip().is_loopback())
        {
            return Ok(());
        }
        for (header, scheme) in [("host", ""), ("origin", "http://")] {
            let Some(value) = request.header(header) else {
                continue;
            };
            let value = value.strip_prefix(scheme).unwrap_or(value);
            if !is_this_machine(value) {
                let message = format!(
                    "{header} `{value}`: only names of this machine are answered on the loopback interface"
                );
                return Err(ApiError::new(403, "Forbidden", message));
            }
        }
        Ok(())
    }
}

/// Is this `host` or `host:port` the loopback interface by name or number?
fn is_this_machine(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        // An address of IPv6 without brackets has no port.
        Some((host, port))
            if port.bytes().all(|byte| byte.is_ascii_digit())
                && (!host.contains(':') || host.ends_with(']')) =>
        {
            host
        }
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_name =
        host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    is_name
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_this_machine() {
        for (authority, is) in [
            ("127.0.0.1:8001", true),
            ("127.0.0.1", true),
            ("localhost:1", true),
            ("LOCALHOST", true),
            ("api.localhost:80", true),
            ("[::1]:8001", true),
            ("::1", true),
            ("example.com:8001", false),
            ("127.0.0.1.example.com", false),
            ("localhost.example.com", false),
            ("10.0.0.1:8001", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(is_this_machine(authority), is, "{authority}");
        }
    }
}
