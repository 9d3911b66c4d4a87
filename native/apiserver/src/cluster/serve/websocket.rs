//! Watches over WebSocket, as pages in browsers ask for them: one message an event.

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use imagecache_http::{Body, whole};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use super::negotiate::Media;
use super::request::Request;
use super::stream::Feed;
use crate::api::ApiError;

/// Largest message of a client; it has nothing to say.
const MESSAGE_BYTES: usize = 64 << 10;

/// What a client asks for.
pub(super) struct Handshake {
    upgrade: OnUpgrade,
    accept: String,
    protocol: Option<HeaderValue>,
}

/// Reads the request for a WebSocket; `None` if it is not one.
///
/// # Errors
/// 400 if it is not complete.
pub(super) fn handshake(request: &Request) -> Result<Option<Handshake>, ApiError> {
    let has = |name: &str, wanted: &str| {
        request
            .headers(name)
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(wanted))
    };
    if !(has(CONNECTION.as_str(), "upgrade") && has(UPGRADE.as_str(), "websocket")) {
        return Ok(None);
    }
    let protocols: Vec<&str> = request
        .headers(SEC_WEBSOCKET_PROTOCOL.as_str())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let protocol = match protocols.as_slice() {
        [] => None,
        [one] => HeaderValue::from_str(one).ok(),
        _ => return Err(ApiError::bad_request("bad protocol")),
    };
    let version = request.header(SEC_WEBSOCKET_VERSION.as_str());
    let key = request.header(SEC_WEBSOCKET_KEY.as_str());
    let (Some("13"), Some(key), Some(upgrade)) = (version, key, &request.upgrade) else {
        return Err(ApiError::bad_request("missing or bad WebSocket version"));
    };
    Ok(Some(Handshake {
        upgrade: upgrade.clone(),
        accept: derive_accept_key(key.as_bytes()),
        protocol,
    }))
}

/// Switches the protocol, and then sends the events.
pub(super) fn answer(handshake: Handshake, feed: Feed, media: Media) -> Response<Body> {
    let mut response = Response::new(whole(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&handshake.accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = handshake.protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    tokio::spawn(send(handshake.upgrade, feed, media));
    response
}

async fn send(upgrade: OnUpgrade, mut feed: Feed, media: Media) {
    let Ok(connection) = upgrade.await else {
        return;
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let io = TokioIo::new(connection);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    loop {
        tokio::select! {
            said = socket.next() => match said {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
            },
            chunk = feed.next() => {
                let Some(chunk) = chunk else { break };
                for message in messages(&chunk, media) {
                    if socket.feed(message).await.is_err() {
                        return;
                    }
                }
                if socket.flush().await.is_err() {
                    return;
                }
            }
        }
    }
    let _ = socket.close(None).await;
}

/// The events of a chunk: lines of JSON, or protobuf without the lengths.
fn messages(chunk: &[u8], media: Media) -> Vec<Message> {
    let mut messages = Vec::new();
    if media == Media::Protobuf {
        let mut rest = chunk;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let Some((event, after)) = after.split_at_checked(length) else {
                break;
            };
            messages.push(Message::binary(event.to_vec()));
            rest = after;
        }
    } else {
        let lines = String::from_utf8_lossy(chunk);
        messages.extend(lines.split_inclusive('\n').map(Message::text));
    }
    messages
}
