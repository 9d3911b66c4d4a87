//! The HTTP client of every host that calls others: one pool of connections, TLS with the certificates of the machine, the
//! proxy of the environment for https, and a limit of time and bytes for each response.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

/// Longest time to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle time after which a connection is closed: the servers close theirs after about a minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Sends requests over connections that are kept open. It follows no redirects and never retries: a signed request is
/// sent once.
#[derive(Debug, Clone)]
pub struct Http {
    direct: Pool<HttpConnector>,
    proxy: Proxy,
}

type Pool<C> = Client<HttpsConnector<C>, Full<Bytes>>;

/// The proxy of the environment for https (`HTTPS_PROXY`, `ALL_PROXY`, less `NO_PROXY`, as curl reads them).
/// Plain http is used for loopback and the network of an instance only, and never through a proxy.
#[derive(Debug, Clone)]
struct Proxy {
    matcher: Arc<Matcher>,
    /// Created at its first use.
    pool: Arc<OnceLock<Pool<Tunnel<HttpConnector>>>>,
}

/// A response with any status.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// The reason why a request has no response.
#[derive(Debug)]
pub enum Lost {
    /// The connection failed.
    Broken(String),
    /// The certificate of the server is not trusted.
    Untrusted(String),
    /// The time limit was exceeded.
    Timeout(Duration),
    /// The response is larger than this many bytes.
    TooLarge(usize),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Broken(what) | Lost::Untrusted(what) => f.write_str(what),
            Lost::Timeout(time) => write!(f, "no answer within {time:?}"),
            Lost::TooLarge(limit) => write!(f, "an answer of more than {limit} bytes"),
        }
    }
}

impl Http {
    /// Creates a client without connections.
    ///
    /// # Errors
    /// Returns the error of the TLS library if it cannot be set up.
    pub fn new() -> Result<Self, rustls::Error> {
        Ok(Http {
            direct: pool(connector(), tls()?),
            proxy: Proxy {
                matcher: Arc::new(Matcher::from_env()),
                pool: Arc::default(),
            },
        })
    }

    /// Sends a request and reads the whole response, at most `limit` bytes of it, within `time`.
    ///
    /// # Errors
    /// Returns [`Lost`] if there is no response within these limits.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        limit: usize,
        time: Duration,
    ) -> Result<Answer, Lost> {
        let exchange = async {
            let answer = match self.proxy.of(request.uri())? {
                Some(pool) => pool.request(request).await,
                None => self.direct.request(request).await,
            };
            let (head, body) = answer.map_err(|error| broken(&error))?.into_parts();
            let body = Limited::new(body, limit).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    Lost::TooLarge(limit)
                } else {
                    broken(error.as_ref())
                }
            })?;
            Ok(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        let answer = tokio::time::timeout(time, exchange).await;
        answer.unwrap_or(Err(Lost::Timeout(time)))
    }
}

impl Proxy {
    /// Returns the connections through the proxy, if this address uses it.
    fn of(&self, uri: &Uri) -> Result<Option<&Pool<Tunnel<HttpConnector>>>, Lost> {
        let https = uri.scheme_str() == Some("https");
        let Some(proxy) = self.matcher.intercept(uri).filter(|_| https) else {
            return Ok(None);
        };
        if proxy.uri().scheme_str() != Some("http") {
            let fact = "the proxy of the environment: only http:// proxies are supported";
            return Err(Lost::Untrusted(fact.to_owned()));
        }
        let tls = tls().map_err(|error| Lost::Untrusted(error.to_string()))?;
        Ok(Some(self.pool.get_or_init(|| {
            let tunnel = Tunnel::new(proxy.uri().clone(), connector());
            let tunnel = match proxy.basic_auth() {
                Some(login) => tunnel.with_auth(login.clone()),
                None => tunnel,
            };
            pool(tunnel, tls)
        })))
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector
}

/// A pool of connections, with TLS for https.
fn pool<C>(connector: C, tls: ClientConfig) -> Pool<C>
where
    HttpsConnector<C>: Connect + Clone,
{
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
    let connector = builder
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    let mut client = Client::builder(TokioExecutor::new());
    client
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        // a second attempt needs a nonce of its own
        .retry_canceled_requests(false);
    client.build(connector)
}

/// TLS with the certificates of the machine, or with those of Mozilla where the machine has none (an image from
/// scratch). Reading them takes a while, so it is done once.
fn tls() -> Result<ClientConfig, rustls::Error> {
    static TLS: OnceLock<Result<ClientConfig, rustls::Error>> = OnceLock::new();
    TLS.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let with_roots = match builder.clone().with_native_roots() {
            Ok(builder) => builder,
            Err(_) => builder.with_webpki_roots(),
        };
        Ok(with_roots.with_no_client_auth())
    })
    .clone()
}

/// Returns an error with its causes, each text once.
fn broken(error: &(dyn std::error::Error + 'static)) -> Lost {
    let mut message = error.to_string();
    let mut untrusted = is_untrusted(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        untrusted |= is_untrusted(error);
        cause = error.source();
    }
    if untrusted {
        Lost::Untrusted(message)
    } else {
        Lost::Broken(message)
    }
}

/// Reports whether TLS refused a certificate. Its error is inside an IO error, which does not return it as its source.
fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    let socket = error.downcast_ref::<std::io::Error>();
    let inner = socket.and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| is_untrusted(inner))
}
