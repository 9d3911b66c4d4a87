//! The gateway in front of the service: checks the signature, date, nonce and rate of a request.
//!
//! Pure: the time is an argument. The cheap checks come first, and only a request that a known key has signed changes
//! the state (its nonce, its place in the bucket).

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use imagecache::eci::error::{ApiError, ErrorCode};
use imagecache::eci::signature::{CLOCK_WINDOW, Received};
use imagecache::eci::{Secret, VERSION};
use imagecache::time::Timestamp;

/// Longest nonce, in bytes. SDKs send 32 to 36.
pub const MAX_NONCE_BYTES: usize = 128;
/// Most nonces that are remembered at once; a request more is asked to wait. They are kept for 30 minutes.
pub const MAX_NONCES: usize = 1 << 20;

/// Seconds for which a nonce is remembered: a request dated as far ahead as the window allows is valid until then.
const NONCE_KEPT: i64 = 2 * CLOCK_WINDOW;

/// A token bucket: `burst` calls at once, then `per_second` in the long run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    /// Calls a second.
    pub per_second: f64,
    /// Calls at once.
    pub burst: u32,
}

/// A request that is turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// The answer.
    pub refusal: ApiError,
    /// When it is worth another try.
    pub retry_after: Option<Duration>,
}

impl From<ApiError> for Turned {
    fn from(refusal: ApiError) -> Self {
        Turned {
            refusal,
            retry_after: None,
        }
    }
}

/// The gateway's memory.
#[derive(Debug, Default)]
pub struct Gateway {
    keys: BTreeMap<String, Secret>,
    nonces: HashSet<(String, String)>,
    /// The same in the order in which they came, with the time at which they are forgotten.
    forget: VecDeque<(Timestamp, (String, String))>,
    throttle: Option<Throttle>,
    /// When the bucket will be full again.
    full_at: Duration,
}

impl Gateway {
    /// A gateway for these keys.
    #[must_use]
    pub fn new(keys: Vec<(String, Secret)>, throttle: Option<Throttle>) -> Self {
        Gateway {
            keys: keys.into_iter().collect(),
            throttle,
            ..Gateway::default()
        }
    }

    /// Lets a request pass, or says why not. `wall` is the date, `elapsed` the time since some fixed moment.
    ///
    /// # Errors
    /// Unknown version or key, a date off by more than 15 minutes, a wrong signature, a nonce that was there before, or
    /// too many calls.
    pub fn admit(
        &mut self,
        received: &Received,
        wall: Timestamp,
        elapsed: Duration,
    ) -> Result<(), Turned> {
        if received.version != VERSION {
            let message = "Specified version is not found, please check your url and method.";
            return Err(ApiError::new(ErrorCode::InvalidApiNotFound, message).into());
        }
        let Some(secret) = self.keys.get(&received.access_key_id) else {
            let message = "Specified access key is not found.";
            return Err(ApiError::new(ErrorCode::AccessKeyNotFound, message).into());
        };
        received.check_clock(wall)?;
        received.verify(secret)?;
        self.remember(received, wall)?;
        self.take(elapsed)
    }

    fn remember(&mut self, received: &Received, wall: Timestamp) -> Result<(), Turned> {
        while let Some((end, nonce)) = self.forget.front()
            && *end < wall
        {
            self.nonces.remove(nonce);
            self.forget.pop_front();
        }
        if received.nonce.len() > MAX_NONCE_BYTES {
            let message = format!("SignatureNonce: more than {MAX_NONCE_BYTES} bytes");
            return Err(ApiError::new(ErrorCode::InvalidParameterFormat, message).into());
        }
        if self.nonces.len() >= MAX_NONCES {
            return Err(throttled(Duration::from_secs(60)));
        }
        let nonce = (received.access_key_id.clone(), received.nonce.clone());
        if !self.nonces.insert(nonce.clone()) {
            let message = "Specified signature nonce was used already.";
            return Err(ApiError::new(ErrorCode::NonceUsed, message).into());
        }
        self.forget.push_back((wall.plus(NONCE_KEPT), nonce));
        Ok(())
    }

    /// Takes a place in the bucket.
    fn take(&mut self, elapsed: Duration) -> Result<(), Turned> {
        let Some(throttle) = self.throttle else {
            return Ok(());
        };
        let interval = Duration::try_from_secs_f64(throttle.per_second.recip());
        let interval = interval.unwrap_or(Duration::MAX);
        let filled = self.full_at.max(elapsed);
        let ahead = interval.saturating_mul(throttle.burst.max(1).saturating_sub(1));
        match filled.saturating_sub(ahead).saturating_sub(elapsed) {
            Duration::ZERO => {
                self.full_at = filled.saturating_add(interval);
                Ok(())
            }
            wait => Err(throttled(wait)),
        }
    }
}

/// Too many calls; come back after this long.
#[must_use]
pub fn throttled(wait: Duration) -> Turned {
    Turned {
        refusal: ApiError::new(
            ErrorCode::ThrottlingUser,
            "Request was denied due to user flow control.",
        ),
        retry_after: Some(wait.max(Duration::from_millis(1))),
    }
}
