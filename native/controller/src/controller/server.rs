//! Metrics and health checks of a controller.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response, StatusCode, header};
use imagecache::foreign::Foreign;
use imagecache_http::{Body, Limits, Visitors, whole};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::context::Host;

/// Limits for few clients with small requests.
const LIMITS: Limits = Limits {
    connections: 64,
    per_address: 16,
    head: Duration::from_secs(10),
    head_bytes: 16 << 10,
    stall: Duration::from_secs(10),
    drain: Duration::from_secs(2),
};

pub(super) async fn serve(host: Arc<Host>, listener: TcpListener, stop: CancellationToken) {
    let visitors = Visitors::of_any_name();
    imagecache_http::serve(listener, None, LIMITS, visitors, stop, move |request, _| {
        let answer = answer(&host, request.method(), request.uri().path());
        std::future::ready(answer)
    })
    .await;
}

fn answer(host: &Host, method: &Method, path: &str) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
    }
    match path {
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" => match host.is_ready() {
            Ok(()) => text(StatusCode::OK, "ok\n"),
            Err(why) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!("{}\n", Foreign(&why).line()),
            ),
        },
        "/metrics" => {
            let mut answer = text(StatusCode::OK, &host.metrics.text());
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            answer
                .headers_mut()
                .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
            answer
        }
        _ => text(StatusCode::NOT_FOUND, "/metrics, /healthz, /readyz\n"),
    }
}

fn text(status: StatusCode, body: &str) -> Response<Body> {
    let mut answer = Response::new(whole(body.to_owned()));
    *answer.status_mut() = status;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}
