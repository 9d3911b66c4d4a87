use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use futures_util::{TryStreamExt as _, stream};
use imagecache::eci::VERSION;
use imagecache::eci::error::{ErrorReply, FAILURE_PAUSE, Retry, THROTTLING_PAUSE};
use imagecache::eci::params::Params;
use imagecache::eci::reply::{
    DescribeContainerGroupsReply, DescribeImageCachesReply, ImageCacheEntry,
};
use imagecache::eci::request::{DescribeContainerGroups, DescribeImageCaches, Request};
use imagecache::eci::signature::{ApiCall, Credential, Scheme, SignedCall};
use serde::de::DeserializeOwned;

use crate::USER_AGENT;
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::environment::{Environment, Real};
use crate::error::Error;
use crate::rate::Bucket;
use crate::redact::{MAX_MESSAGE, Redaction, Redactor};
use imagecache_http::client::{Answer, Http, Lost};

/// Largest response, in bytes. A page of 100 caches with 50 events each has about 2 MB.
const MAX_REPLY_BYTES: usize = 8 << 20;
/// Longest pause between two attempts, unless the server asks for a longer one.
const MAX_PAUSE: Duration = Duration::from_secs(20);

/// The configuration of a [`Client`].
#[derive(Debug, Clone)]
pub struct Config {
    /// The endpoint of ECI.
    pub endpoint: Endpoint,
    /// The signature scheme; V3 by default.
    pub scheme: Scheme,
    /// Maximum number of attempts of a call.
    pub attempts: u32,
    /// Time for a call with all its attempts and pauses.
    pub deadline: Duration,
    /// Time for one attempt.
    pub attempt_time: Duration,
    /// Average calls per second. The service's own limits are not published.
    pub rate: f64,
    /// Calls that may be sent at once.
    pub burst: u32,
    /// Clocks and random numbers.
    pub environment: Arc<dyn Environment>,
}

impl Config {
    /// 5 attempts of 15 s within 60 s; 10 calls a second, 20 at once.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Config {
            endpoint,
            scheme: Scheme::V3,
            attempts: 5,
            deadline: Duration::from_secs(60),
            attempt_time: Duration::from_secs(15),
            rate: 10.0,
            burst: 20,
            environment: Arc::new(Real::default()),
        }
    }
}

/// Calls ECI. Clones share connections, credentials and rate.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    credentials: Credentials,
    http: Http,
    bucket: Bucket,
    redactor: Redactor,
}

/// A request whose reply is one page of a list.
trait Paged: Request {
    /// The token of the page to request.
    fn token(&mut self) -> &mut Option<String>;

    /// The token of the page after a reply.
    fn next(reply: &Self::Reply) -> Option<&str>;
}

impl Paged for DescribeImageCaches {
    fn token(&mut self) -> &mut Option<String> {
        &mut self.next_token
    }

    fn next(reply: &Self::Reply) -> Option<&str> {
        reply.next_token.as_deref()
    }
}

impl Paged for DescribeContainerGroups {
    fn token(&mut self) -> &mut Option<String> {
        &mut self.next_token
    }

    fn next(reply: &Self::Reply) -> Option<&str> {
        reply.next_token.as_deref()
    }
}

/// The outcome of one attempt.
enum Outcome<T> {
    Done(T),
    Refused(u16, Box<ErrorReply>, Option<Duration>),
    Broken(String, Retry),
}

impl Client {
    /// Creates a client.
    ///
    /// # Errors
    /// Returns [`Error::Tls`] if TLS cannot be set up.
    pub fn new(config: Config, credentials: Credentials) -> Result<Self, Error> {
        let bucket = Bucket::new(config.rate, config.burst);
        let http = Http::new().map_err(Error::Tls)?;
        let inner = Inner {
            config,
            credentials,
            http,
            bucket,
            redactor: Redactor::default(),
        };
        Ok(Client {
            inner: Arc::new(inner),
        })
    }

    /// Calls an operation and returns its response.
    ///
    /// # Errors
    /// Returns [`Error`] if the service refuses, no attempt gets a response, or there are no credentials.
    pub async fn call<R>(&self, request: &R) -> Result<R::Reply, Error>
    where
        R: Request,
        R::Reply: DeserializeOwned,
    {
        let inner = &*self.inner;
        let (config, environment) = (&inner.config, &*inner.config.environment);
        let params = self.params(request);
        let end = environment.elapsed().saturating_add(config.deadline);
        let mut attempts: u32 = 0;
        loop {
            let left = end.saturating_sub(environment.elapsed());
            let Some(turn) = inner.bucket.take(environment.elapsed(), left) else {
                return Err(Error::Deadline {
                    action: R::ACTION,
                    time: config.deadline,
                });
            };
            wait(environment, turn).await;
            let credential = inner.credentials.current().await?;
            let prepared = self.sign(R::ACTION, &params, &credential);
            let redaction = inner.redactor.of_call(&params, &credential);
            let outcome = self.attempt(&prepared, end, &redaction).await;
            attempts = attempts.saturating_add(1);
            let (retry, asked, error) = match outcome {
                Outcome::Done(reply) => return Ok(reply),
                Outcome::Refused(status, reply, hint) => (
                    reply.code.retry(status, hint),
                    hint.is_some(),
                    Error::Refused {
                        action: R::ACTION,
                        status,
                        reply,
                        attempts,
                    },
                ),
                Outcome::Broken(what, retry) => (
                    retry,
                    false,
                    Error::Lost {
                        action: R::ACTION,
                        what,
                        attempts,
                    },
                ),
            };
            let pause = match retry {
                _ if attempts >= config.attempts => return Err(error),
                Retry::Never => return Err(error),
                Retry::WithNewCredentials if inner.credentials.forget(&credential).await => {
                    Duration::ZERO
                }
                Retry::WithNewCredentials => return Err(error),
                Retry::After(pause) if asked => later(pause, environment.random()),
                Retry::After(pause) => grown(pause, attempts, environment.random()),
            };
            if pause >= end.saturating_sub(environment.elapsed()) {
                return Err(error);
            }
            wait(environment, pause).await;
        }
    }

    /// Returns the request that [`Client::call`] would send now.
    ///
    /// # Errors
    /// Returns [`Error::Credentials`] if there are no credentials.
    pub async fn prepare<R: Request>(&self, request: &R) -> Result<SignedCall, Error> {
        let credential = self.inner.credentials.current().await?;
        Ok(self.sign(R::ACTION, &self.params(request), &credential))
    }

    /// Returns a stream of the pages of a list, from the request's own `NextToken` on. It requests each page when it is
    /// polled, and ends after the last page or the first error.
    pub fn pages(
        &self,
        request: DescribeImageCaches,
    ) -> impl Stream<Item = Result<DescribeImageCachesReply, Error>> + Send + 'static {
        self.every_page(request)
    }

    /// Returns a stream of the pages of a list of container groups, as [`Client::pages`] does for caches.
    pub fn group_pages(
        &self,
        request: DescribeContainerGroups,
    ) -> impl Stream<Item = Result<DescribeContainerGroupsReply, Error>> + Send + 'static {
        self.every_page(request)
    }

    fn every_page<R>(
        &self,
        request: R,
    ) -> impl Stream<Item = Result<R::Reply, Error>> + Send + 'static + use<R>
    where
        R: Paged + Send + Sync + 'static,
        R::Reply: DeserializeOwned + Send,
    {
        let client = self.clone();
        stream::try_unfold(Some(request), move |request| {
            let client = client.clone();
            async move {
                let Some(mut request) = request else {
                    return Ok(None);
                };
                let page = client.call(&request).await?;
                let next = R::next(&page).filter(|token| !token.is_empty());
                // a server that gives the same page again would never end
                let next = next.filter(|token| request.token().as_deref() != Some(*token));
                let next = next.map(str::to_owned).map(|token| {
                    *request.token() = Some(token);
                    request
                });
                Ok(Some((page, next)))
            }
        })
    }

    /// Returns a stream of the caches on all pages of a list.
    pub fn caches(
        &self,
        request: DescribeImageCaches,
    ) -> impl Stream<Item = Result<ImageCacheEntry, Error>> + Send + 'static {
        self.pages(request)
            .map_ok(|page| stream::iter(page.image_caches.into_iter().map(Ok)))
            .try_flatten()
    }

    /// Returns the endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.config.endpoint
    }

    /// Returns the clocks and random numbers of this client.
    #[must_use]
    pub fn environment(&self) -> &Arc<dyn Environment> {
        &self.inner.config.environment
    }

    /// Returns the parameters of a call, with a `ClientToken` if the operation has one. All attempts share it.
    fn params<R: Request>(&self, request: &R) -> Params {
        let mut params = request.to_params();
        if R::PARAMETERS.contains(&"ClientToken") && params.get("ClientToken").is_none() {
            params.push("ClientToken", uuid(self.inner.config.environment.random()));
        }
        params
    }

    fn sign(&self, action: &str, params: &Params, credential: &Credential) -> SignedCall {
        let config = &self.inner.config;
        let call = ApiCall {
            action,
            version: VERSION,
            params,
            host: config.endpoint.authority(),
            user_agent: USER_AGENT,
            date: config.environment.now(),
            nonce: &format!("{:032x}", config.environment.random()),
        };
        call.sign(config.scheme, credential)
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        prepared: &SignedCall,
        end: Duration,
        redaction: &Redaction,
    ) -> Outcome<T> {
        let config = &self.inner.config;
        let request = match config.endpoint.request(prepared) {
            Ok(request) => request,
            Err(error) => return Outcome::Broken(error, Retry::Never),
        };
        let left = end.saturating_sub(config.environment.elapsed());
        let time = left.min(config.attempt_time);
        match self.inner.http.send(request, MAX_REPLY_BYTES, time).await {
            Ok(answer) => read(&answer, redaction),
            Err(lost) => {
                let retry = match lost {
                    Lost::TooLarge(_) | Lost::Untrusted(_) => Retry::Never,
                    Lost::Broken(_) | Lost::Timeout(_) => Retry::After(FAILURE_PAUSE),
                };
                Outcome::Broken(redaction.text(&lost.to_string(), MAX_MESSAGE), retry)
            }
        }
    }
}

/// Waits for a duration. A timer of zero would still take a millisecond.
async fn wait(environment: &dyn Environment, time: Duration) {
    if !time.is_zero() {
        environment.sleep(time).await;
    }
}

/// Interprets a response, without the secrets of the call in it. A success that cannot be parsed is retried: the call had its effect, and a second call with
/// the same `ClientToken` returns the result.
fn read<T: DeserializeOwned>(answer: &Answer, redaction: &Redaction) -> Outcome<T> {
    let status = answer.status;
    if (200..300).contains(&status) {
        return match parse(&answer.body, redaction) {
            Ok(reply) => Outcome::Done(reply),
            Err(error) => {
                let error = redaction.text(&error.to_string(), MAX_MESSAGE);
                Outcome::Broken(
                    format!("the response is not JSON of the expected form: {error}"),
                    Retry::After(FAILURE_PAUSE),
                )
            }
        };
    }
    let hint = answer.headers.get("x-acs-retry-after");
    let hint = hint.and_then(|hint| hint.to_str().ok()?.trim().parse().ok());
    let hint = hint.filter(|millis| *millis > 0).map(Duration::from_millis);
    match ErrorReply::read(&answer.body) {
        Some(reply) => Outcome::Refused(status, Box::new(redaction.error(reply)), hint),
        None => {
            let retry = match status {
                429 => Retry::After(THROTTLING_PAUSE),
                500.. => Retry::After(FAILURE_PAUSE),
                _ => Retry::Never,
            };
            Outcome::Broken(
                format!("HTTP status {status} without an error of the service"),
                retry,
            )
        }
    }
}

/// Parses a successful response. Most hold no secret, and are parsed once.
fn parse<T: DeserializeOwned>(body: &[u8], redaction: &Redaction) -> serde_json::Result<T> {
    if !redaction.finds(&String::from_utf8_lossy(body)) {
        return serde_json::from_slice(body);
    }
    let mut value = serde_json::from_slice(body)?;
    redaction.value(&mut value);
    serde_json::from_value(value)
}

/// Returns the pause that the server asked for and up to a quarter more, so that clients do not return all at once.
fn later(pause: Duration, random: u128) -> Duration {
    pause.saturating_add(part(pause / 4, random))
}

/// Returns a pause that doubles with every attempt; half of it is random.
fn grown(pause: Duration, attempts: u32, random: u128) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    let whole = pause.saturating_mul(doubled).min(MAX_PAUSE);
    (whole / 2).saturating_add(part(whole / 2, random))
}

/// Returns a random part of a duration, in steps of a thousandth.
fn part(time: Duration, random: u128) -> Duration {
    let thousandths = u32::try_from(random % 1001).unwrap_or(0);
    time.saturating_mul(thousandths) / 1000
}

/// Returns 128 random bits as a UUID of version 4.
fn uuid(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{bits:032x}");
    let mut out = String::with_capacity(36);
    for (at, digit) in digits.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_one_of_version_4() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_leave_half_to_chance() {
        let ms = |time: Duration| time.as_millis();
        let pause = Duration::from_millis(200);
        assert_eq!(ms(grown(pause, 1, 0)), 100);
        assert_eq!(ms(grown(pause, 1, 1000)), 200);
        assert_eq!(ms(grown(pause, 4, 1000)), 1600);
        assert_eq!(ms(grown(pause, u32::MAX, 1000)), 20_000);
        assert_eq!(ms(later(pause, 0)), 200);
        assert_eq!(ms(later(pause, 1000)), 250);
    }
}
