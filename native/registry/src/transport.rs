//! Requests to registries: addresses, authentication, redirects, pauses and retries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request, Uri};
use imagecache::eci::login::RegistryLogin;
use imagecache::reference::DEFAULT_DOMAIN;
use imagecache::registry::{FailureReason, RegistryFailure};
use imagecache_http::client::{Answer, Http, Lost};

use crate::auth::{Challenge, Token, TokenRequest, Tokens, basic, bearer, pull};
use crate::client::Options;
use crate::logins::Logins;

/// Largest manifest, index or configuration, in bytes. The distribution specification asks registries for 4 MiB.
pub const MAX_DOCUMENT: usize = 4 << 20;
/// Longest pause that a registry may ask for. If it asks for a longer one, the question fails.
pub const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Largest reply of a token service, in bytes.
const MAX_TOKEN: usize = 256 << 10;
/// Most attempts of a request.
const ATTEMPTS: u32 = 4;
/// The first pause between two attempts; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Most redirects of a request.
const MAX_REDIRECTS: usize = 5;
/// Most answers to a challenge: a token may have ended, and the scope of the first guess may be wrong.
const MAX_CHALLENGES: usize = 2;
/// The user agent of this client.
const AGENT: &str = concat!("imagecache/", env!("CARGO_PKG_VERSION"));
/// The address of Docker Hub.
const DOCKER_HUB: &str = "registry-1.docker.io";

#[derive(Debug)]
pub(crate) struct Transport {
    http: Http,
    options: Options,
    registries: Mutex<HashMap<String, Arc<Registry>>>,
}

/// What is known of one registry.
#[derive(Debug, Default)]
struct Registry {
    /// The last challenge, and the repository that it was for.
    challenge: Mutex<Option<(String, Challenge)>>,
    tokens: Tokens,
    /// No request is sent before this time.
    not_before: Mutex<Option<Instant>>,
}

/// What to ask a registry for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource<'a> {
    /// The registry, as in references: `docker.io`.
    pub(crate) host: &'a str,
    pub(crate) repository: &'a str,
    /// `manifests` or `blobs`.
    pub(crate) what: &'static str,
    /// A tag or a digest.
    pub(crate) reference: &'a str,
    pub(crate) accept: &'static str,
}

/// One question to one registry, with its login.
struct Session<'a> {
    transport: &'a Transport,
    registry: &'a Registry,
    resource: Resource<'a>,
    login: Option<RegistryLogin>,
}

impl Transport {
    pub(crate) fn new(options: Options) -> Result<Self, RegistryFailure> {
        let http = Http::new();
        let http = http
            .map_err(|error| RegistryFailure::new(FailureReason::Unreachable, error.to_string()))?;
        Ok(Transport {
            http,
            options,
            registries: Mutex::default(),
        })
    }

    /// Asks a registry for a resource.
    pub(crate) async fn get(
        &self,
        method: Method,
        resource: Resource<'_>,
        logins: &Logins,
    ) -> Result<Answer, RegistryFailure> {
        let login = logins.login(resource.host, resource.repository).await?;
        let registry = {
            let mut all = self
                .registries
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(resource.host.to_owned()).or_default())
        };
        let session = Session {
            transport: self,
            registry: &registry,
            resource,
            login,
        };
        session.get(&method).await
    }

    /// Reports whether plain HTTP is allowed to an address, asked by or for a registry.
    fn is_plain_allowed(&self, authority: &str, registry: &str) -> bool {
        self.options.plain_http.contains(authority)
            || (is_loopback(authority) && is_loopback(registry))
    }

    fn scheme(&self, registry: &str) -> &'static str {
        if self.is_plain_allowed(registry, registry) {
            "http"
        } else {
            "https"
        }
    }
}

/// Returns the reason why an address of a redirect or of a token service is not used.
fn refused(uri: &Uri) -> &'static str {
    match uri.scheme_str() {
        Some("http") => "over plain HTTP, which is not allowed for it",
        _ => "that is not an HTTPS address",
    }
}

/// Reports whether the host of `host[:port]` is on the loopback interface.
fn is_loopback(authority: &str) -> bool {
    let Ok(uri) = format!("http://{authority}").parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Returns `host[:port]` of an address without user and password, which it may have before an `@`.
fn authority(uri: &Uri) -> String {
    let authority = uri.authority().map(|one| one.as_str()).unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.to_ascii_lowercase()
}

impl Session<'_> {
    fn fail(&self, reason: FailureReason, what: &str) -> RegistryFailure {
        RegistryFailure::new(reason, format!("{}: {what}", self.resource.host))
    }

    async fn get(&self, method: &Method) -> Result<Answer, RegistryFailure> {
        let mut challenges = 0;
        let mut authorization = self.prepare().await?;
        loop {
            let answer = self.follow(method, authorization.as_ref()).await?;
            match answer.status {
                200 => return Ok(answer),
                401 if challenges < MAX_CHALLENGES => {
                    challenges += 1;
                    let challenge = Challenge::of(&answer.headers)
                        .ok_or_else(|| self.fail(FailureReason::Unauthorized, self.no_login()))?;
                    // A login that was sent and refused is not sent again.
                    if challenge == Challenge::Basic && authorization.is_some() {
                        return Err(self.fail(FailureReason::Unauthorized, self.no_login()));
                    }
                    self.remember(&challenge);
                    authorization = self.answer(&challenge, challenges > 1).await?;
                    if authorization.is_none() {
                        return Err(self.fail(FailureReason::Unauthorized, self.no_login()));
                    }
                }
                401 | 403 => return Err(self.fail(FailureReason::Unauthorized, self.no_login())),
                404 => return Err(self.fail(FailureReason::NotFound, "has no such image")),
                406 => {
                    let what = "has the image in no known format";
                    return Err(self.fail(FailureReason::NotAnImage, what));
                }
                status => {
                    let what = format!("answered with HTTP status {status}");
                    return Err(self.fail(FailureReason::Unreachable, &what));
                }
            }
        }
    }

    fn no_login(&self) -> &'static str {
        match self.login {
            Some(_) => "refuses the login",
            None => "wants a login, and none is known for it",
        }
    }

    /// Returns the header for the first attempt, where the registry has made a challenge before.
    async fn prepare(&self) -> Result<Option<HeaderValue>, RegistryFailure> {
        let known = {
            let known = self.registry.challenge.lock();
            known.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let Some((repository, challenge)) = known else {
            return Ok(None);
        };
        match challenge.for_repository(&repository, self.resource.repository) {
            Some(challenge) => self.answer(&challenge, false).await,
            None => Ok(None),
        }
    }

    fn remember(&self, challenge: &Challenge) {
        let known = self.registry.challenge.lock();
        *known.unwrap_or_else(PoisonError::into_inner) =
            Some((self.resource.repository.to_owned(), challenge.clone()));
    }

    /// Returns the header that answers a challenge; `None` if there is no login for it.
    async fn answer(
        &self,
        challenge: &Challenge,
        again: bool,
    ) -> Result<Option<HeaderValue>, RegistryFailure> {
        let Challenge::Bearer {
            realm,
            service,
            scope,
        } = challenge
        else {
            return Ok(self.login.as_ref().and_then(basic));
        };
        let scope = scope
            .clone()
            .unwrap_or_else(|| pull(self.resource.repository));
        let login = self.login.as_ref();
        if again {
            self.registry.tokens.drop(&scope, login);
        } else if let Some(token) = self.registry.tokens.get(&scope, login, Instant::now()) {
            return Ok(bearer(&token));
        }
        let token = self.token(realm, service.as_deref(), &scope).await?;
        let header = bearer(&token.secret);
        self.registry.tokens.put(&scope, login, token);
        Ok(header)
    }

    /// Gets a token of the service that the registry names.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
    ) -> Result<Token, RegistryFailure> {
        let unusable = |what: &str| {
            let what = format!("names a token service {what}");
            self.fail(FailureReason::Unauthorized, &what)
        };
        let address: Uri = realm
            .parse()
            .map_err(|_| unusable("that is not an address"))?;
        let host = authority(&address);
        let allowed = match address.scheme_str() {
            Some("https") => true,
            Some("http") => self.transport.is_plain_allowed(&host, self.resource.host),
            _ => false,
        };
        if !allowed || host.is_empty() {
            return Err(unusable(refused(&address)));
        }
        let request = TokenRequest::new(realm, service, Some(scope), self.login.as_ref());
        let uri: Uri = request
            .uri
            .parse()
            .map_err(|_| unusable("that is not an address"))?;
        let mut headers = HeaderMap::new();
        if let Some(value) = request.authorization {
            headers.insert(AUTHORIZATION, value);
        }
        let (method, body) = match request.form {
            Some(form) => {
                let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
                headers.insert(CONTENT_TYPE, form_type);
                (
                    Method::POST,
                    Bytes::copy_from_slice(form.expose().as_bytes()),
                )
            }
            None => (Method::GET, Bytes::new()),
        };
        let answer = self.send(&method, &uri, &headers, body, MAX_TOKEN).await?;
        let fail = |reason, what: &str| {
            let what = format!("the token service {host} {what}");
            self.fail(reason, &what)
        };
        match answer.status {
            200 => Token::read(&answer.body, Instant::now())
                .ok_or_else(|| fail(FailureReason::Unreachable, "answered without a token")),
            400 | 401 | 403 => Err(fail(FailureReason::Unauthorized, self.no_login())),
            status => {
                let what = format!("answered with HTTP status {status}");
                Err(fail(FailureReason::Unreachable, &what))
            }
        }
    }

    /// Sends the request, and follows redirects. The login goes to the registry only.
    async fn follow(
        &self,
        method: &Method,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, RegistryFailure> {
        let Resource {
            host,
            repository,
            what,
            reference,
            accept,
        } = self.resource;
        let scheme = self.transport.scheme(host);
        let address = if host == DEFAULT_DOMAIN {
            DOCKER_HUB
        } else {
            host
        };
        let first: Uri = format!("{scheme}://{address}/v2/{repository}/{what}/{reference}")
            .parse()
            .map_err(|_| self.fail(FailureReason::Unreachable, "is not the host of a registry"))?;
        let mut uri = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            let home = uri.scheme() == first.scheme() && authority(&uri) == authority(&first);
            if let Some(value) = authorization.filter(|_| home) {
                headers.insert(AUTHORIZATION, value.clone());
            }
            let answer = self
                .send(method, &uri, &headers, Bytes::new(), MAX_DOCUMENT)
                .await?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                if !home && answer.status == 401 {
                    // Its challenge is not one of the registry: no login is for it.
                    let what = "sends the client to an address that wants a login";
                    return Err(self.fail(FailureReason::Moved, what));
                }
                return Ok(answer);
            }
            uri = self.redirect(&uri, &answer)?;
        }
        Err(self.fail(FailureReason::Moved, "sends the client on and on"))
    }

    fn redirect(&self, from: &Uri, answer: &Answer) -> Result<Uri, RegistryFailure> {
        let moved = |what: &str| {
            let what = format!("sends the client to an address {what}");
            self.fail(FailureReason::Moved, &what)
        };
        let location = answer.headers.get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let location = location.unwrap_or_default();
        let text = if location.starts_with('/') && !location.starts_with("//") {
            let scheme = from.scheme_str().unwrap_or("https");
            format!("{scheme}://{}{location}", authority(from))
        } else {
            location.to_owned()
        };
        let to: Uri = text.parse().map_err(|_| moved("that is not one"))?;
        let allowed = match to.scheme_str() {
            Some("https") => true,
            Some("http") => {
                let host = authority(&to);
                self.transport.is_plain_allowed(&host, self.resource.host)
            }
            _ => false,
        };
        if !allowed {
            return Err(moved(refused(&to)));
        }
        Ok(to)
    }

    /// Sends one request, and again after a pause where that may help.
    async fn send(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
        limit: usize,
    ) -> Result<Answer, RegistryFailure> {
        let time = self.transport.options.attempt_time;
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            self.wait().await?;
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            request.headers_mut().clone_from(headers);
            let agent = HeaderValue::from_static(AGENT);
            request.headers_mut().insert(USER_AGENT, agent);
            let sent = self.transport.http.send(request, limit, time).await;
            let last = attempt == ATTEMPTS;
            attempt += 1;
            match sent {
                Ok(answer) if answer.status == 429 => {
                    let asked = retry_after(&answer.headers);
                    let wait = asked.unwrap_or(pause.saturating_mul(4));
                    self.hold(wait);
                    if last {
                        return Err(self.too_many(Some(wait)));
                    }
                }
                Ok(answer) if matches!(answer.status, 500 | 502 | 503 | 504) && !last => {
                    let asked = retry_after(&answer.headers);
                    tokio::time::sleep(asked.unwrap_or(pause).min(MAX_PAUSE)).await;
                }
                Ok(answer) => return Ok(answer),
                Err(Lost::Broken(_)) if !last && attempt <= 2 => tokio::time::sleep(pause).await,
                Err(Lost::TooLarge(limit)) => {
                    let what = format!("answered with a document of more than {limit} bytes");
                    return Err(self.fail(FailureReason::NotAnImage, &what));
                }
                Err(lost) => {
                    let what = lost.to_string().replace("client error (Connect): ", "");
                    return Err(self.fail(FailureReason::Unreachable, &what));
                }
            }
            pause = pause.saturating_mul(2);
        }
    }

    fn too_many(&self, wait: Option<Duration>) -> RegistryFailure {
        let wait = wait.map_or(0, |wait| wait.as_secs());
        let what = format!("limits the rate of requests; it asks for a pause of {wait} s");
        self.fail(FailureReason::TooManyRequests, &what)
    }

    /// Lets no request to this registry start for a while.
    fn hold(&self, time: Duration) {
        let not_before = self.registry.not_before.lock();
        let mut not_before = not_before.unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now().checked_add(time);
        *not_before = (*not_before).max(until);
    }

    /// Waits until the registry may be asked again.
    async fn wait(&self) -> Result<(), RegistryFailure> {
        loop {
            let not_before = {
                let not_before = self.registry.not_before.lock();
                *not_before.unwrap_or_else(PoisonError::into_inner)
            };
            let now = Instant::now();
            let Some(left) = not_before.and_then(|at| at.checked_duration_since(now)) else {
                return Ok(());
            };
            if left.is_zero() {
                return Ok(());
            }
            if left > MAX_PAUSE {
                return Err(self.too_many(Some(left)));
            }
            tokio::time::sleep(left).await;
        }
    }
}

/// Returns the pause that a server asks for, in seconds or until a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_and_named_hosts() {
        let options = Options {
            plain_http: ["registry.internal:5000".to_owned()].into(),
            ..Options::default()
        };
        let transport = Transport::new(options).unwrap();
        for (host, scheme) in [
            ("localhost:5000", "http"),
            ("127.0.0.1", "http"),
            ("127.8.9.1:80", "http"),
            ("[::1]:5000", "http"),
            ("registry.internal:5000", "http"),
            ("registry.internal", "https"),
            ("docker.io", "https"),
            ("127.0.0.1.example.com", "https"),
            ("localhost.example.com", "https"),
        ] {
            assert_eq!(transport.scheme(host), scheme, "{host}");
        }
        // A registry elsewhere cannot point the client at this machine.
        assert!(!transport.is_plain_allowed("127.0.0.1:80", "registry.example.com"));
        assert!(!transport.is_plain_allowed("169.254.169.254", "registry.example.com"));
        assert!(transport.is_plain_allowed("127.0.0.1:80", "localhost:5000"));
    }

    #[test]
    fn authority_leaves_out_the_user() {
        let uri: Uri = "https://a:b@Example.com:1/x".parse().unwrap();
        assert_eq!(authority(&uri), "example.com:1");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let seconds = read(&date).unwrap().as_secs();
        assert!((95..=100).contains(&seconds), "{seconds}");
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        for bad in ["", "-1", "soon"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
