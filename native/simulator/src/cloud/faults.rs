//! What goes wrong on purpose, so that clients can be tried: decided by a seed and the number of the request, so that a
//! run can be repeated.

use std::time::Duration;

use imagecache::eci::error::ErrorCode;
use serde::Deserialize;

use super::images::BadTable;

/// Rules of what goes wrong.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Faults {
    /// Another seed, another run.
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    faults: Vec<Rule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    /// Only for this operation.
    #[serde(default)]
    action: Option<String>,
    /// How often, 0 to 1; always when absent.
    #[serde(default = "always")]
    chance: f64,
    /// Not before this request, counted from 0 over all operations.
    #[serde(default)]
    after: u64,
    /// Only for this many requests from there on.
    #[serde(default)]
    requests: Option<u64>,
    fault: Kind,
    /// Milliseconds of a delay, or the time to come back after throttling.
    #[serde(default)]
    milliseconds: u64,
    /// Code of an error; `ServiceUnavailable` when absent.
    #[serde(default)]
    code: Option<String>,
}

fn always() -> f64 {
    1.0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    LostReply,
    HalfBody,
    HtmlPage,
    Delay,
    Error,
    Throttle,
    Refuse,
}

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The call has its effect, then the connection is closed without a word.
    LostReply,
    /// The call has its effect; half of the answer is sent.
    HalfBody,
    /// The call has its effect; a page in HTML with status 502 is sent.
    HtmlPage,
    /// The answer comes this much later.
    Delay(Duration),
    /// The call has no effect; this error is answered.
    Error(ErrorCode),
    /// The call has no effect; come back after this long.
    Throttle(Duration),
    /// The call has no effect; the connection is closed without a word.
    Refuse,
}

impl Faults {
    /// Reads rules in YAML or JSON.
    ///
    /// ```
    /// use imagecache_simulator::cloud::faults::{Fault, Faults};
    /// let faults = Faults::read("faults: [{action: CreateImageCache, fault: lost-reply, requests: 1}]").unwrap();
    /// assert_eq!(faults.of("CreateImageCache", 0), [Fault::LostReply]);
    /// assert!(faults.of("CreateImageCache", 1).is_empty());
    /// assert!(faults.of("ListUsage", 0).is_empty());
    /// ```
    ///
    /// # Errors
    /// When the text holds no such rules, or a chance is not between 0 and 1.
    pub fn read(text: &str) -> Result<Self, BadTable> {
        let faults: Faults = serde_saphyr::from_str(text).map_err(|error| {
            let text = error.to_string();
            BadTable(text.lines().next().unwrap_or_default().to_owned())
        })?;
        for (index, rule) in faults.faults.iter().enumerate() {
            if !(0.0..=1.0).contains(&rule.chance) {
                let chance = rule.chance;
                return Err(BadTable(format!(
                    "faults[{index}].chance: {chance}, 0 to 1 allowed"
                )));
            }
        }
        Ok(faults)
    }

    /// What goes wrong with the request of this number.
    #[must_use]
    pub fn of(&self, action: &str, request: u64) -> Vec<Fault> {
        let mut found = Vec::new();
        for (index, rule) in (0_u64..).zip(&self.faults) {
            let since = request.checked_sub(rule.after);
            let in_time = since.is_some_and(|since| rule.requests.is_none_or(|most| since < most));
            let named = rule.action.as_deref().is_none_or(|named| named == action);
            if in_time && named && draw(self.seed, request, index) < rule.chance {
                found.push(rule.fault());
            }
        }
        found
    }
}

impl Rule {
    fn fault(&self) -> Fault {
        let time = Duration::from_millis(self.milliseconds);
        match self.fault {
            Kind::LostReply => Fault::LostReply,
            Kind::HalfBody => Fault::HalfBody,
            Kind::HtmlPage => Fault::HtmlPage,
            Kind::Delay => Fault::Delay(time),
            Kind::Throttle => Fault::Throttle(time),
            Kind::Refuse => Fault::Refuse,
            Kind::Error => Fault::Error(match &self.code {
                Some(code) => ErrorCode::from(code.as_str()),
                None => ErrorCode::ServiceUnavailable,
            }),
        }
    }
}

/// A number from 0 up to 1 that depends on all three (the finalizer of splitmix64).
fn draw(seed: u64, request: u64, rule: u64) -> f64 {
    let mut mixed = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(request.wrapping_mul(0xbf58_476d_1ce4_e5b9))
        .wrapping_add(rule.wrapping_mul(0x94d0_49bb_1331_11eb));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let high = u32::try_from(mixed >> 32).unwrap_or(0);
    f64::from(high) / 4_294_967_296.0
}
