//! Amounts of money and other decimal numbers, exact: integers, never floats.

use serde::{Serialize, Serializer};

/// Billionths of the currency in a unit of it.
pub(super) const NANOS: u128 = 1_000_000_000;

/// Hours are counted in thousandths.
pub(super) const MILLIS: u64 = 1_000;

/// Units of [`Amount`] in a billionth of the currency: thousandths of an hour, and seconds of an hour, divide it.
pub(super) const UNITS_PER_NANO: u128 = 3_600_000;

/// An amount of money, as exact as prices, sizes and hours are: 3,600,000 units are a billionth of the currency. JSON has
/// whole millionths of the currency, rounded half up.
///
/// ```
/// use imagecache::plan::Amount;
/// let amount = Amount::from_micros(7_439);
/// assert_eq!(amount.micros(), 7_439);
/// assert_eq!(amount.to_string(), "0.007439");
/// assert_eq!(Amount::from_micros(219_000_000).to_string(), "219.00");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub(super) u128);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// Returns the amount of this many millionths of the currency.
    #[must_use]
    pub fn from_micros(micros: u64) -> Self {
        Amount(u128::from(micros).saturating_mul(1_000 * UNITS_PER_NANO))
    }

    /// Returns the amount in millionths of the currency, rounded half up.
    #[must_use]
    pub fn micros(self) -> u64 {
        let unit = 1_000 * UNITS_PER_NANO;
        u64::try_from(self.0.saturating_add(unit / 2) / unit).unwrap_or(u64::MAX)
    }

    /// Returns the amount in 3,600,000ths of a billionth of the currency, unrounded.
    #[must_use]
    pub fn units(self) -> u128 {
        self.0
    }

    /// Returns the sum.
    #[must_use]
    pub fn plus(self, other: Amount) -> Amount {
        Amount(self.0.saturating_add(other.0))
    }

    /// Returns the difference, at least nothing.
    #[must_use]
    pub fn minus(self, other: Amount) -> Amount {
        Amount(self.0.saturating_sub(other.0))
    }

    /// Returns this amount this many times.
    #[must_use]
    pub fn times(self, count: u128) -> Amount {
        Amount(self.0.saturating_mul(count))
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Amount>>(amounts: I) -> Amount {
        amounts.fold(Amount::ZERO, Amount::plus)
    }
}

impl std::fmt::Display for Amount {
    /// Writes hundredths, or millionths below a tenth.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.micros();
        match micros {
            1..100_000 => write!(f, "0.{micros:06}"),
            _ => {
                let hundredths = micros.saturating_add(5_000) / 10_000;
                write!(f, "{}.{:02}", hundredths / 100, hundredths % 100)
            }
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.micros())
    }
}

/// Reads a decimal number (`0.0005`, `7.7e-6`, `730`) as a whole number of `1 / scale` parts, `scale` a power of ten.
/// Digits beyond that are rounded up. Returns `None` for a negative number and for any other text.
pub(super) fn decimal(text: &str, scale: u128) -> Option<u128> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let all = all.trim_start_matches('0');
    let value: u128 = if all.is_empty() { 0 } else { all.parse().ok()? };
    let places = i32::try_from(fraction.len()).ok()?;
    let power = exponent.checked_sub(places)?;
    let tens = 10_u128.checked_pow(power.unsigned_abs());
    if power >= 0 {
        value.checked_mul(tens?)?.checked_mul(scale)
    } else {
        let scaled = value.checked_mul(scale)?;
        Some(tens.map_or(u128::from(value > 0), |tens| scaled.div_ceil(tens)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_reads_prices_exactly() {
        for (text, nanos) in [
            ("0.0005", Some(500_000)),
            ("7.7e-6", Some(7_700)),
            ("0.00000096", Some(960)),
            ("1e3", Some(1_000_000_000_000)),
            ("730", Some(730_000_000_000)),
            ("0", Some(0)),
            ("1e-300", Some(1)),
            ("-1", None),
            ("", None),
            (".5", None),
            ("1.2.3", None),
            ("1e", None),
            ("1e300", None),
            ("NaN", None),
        ] {
            assert_eq!(decimal(text, NANOS), nanos, "{text}");
        }
    }

    #[test]
    fn amount_shows_two_digits_at_least() {
        for (micros, text) in [
            (0, "0.00"),
            (1, "0.000001"),
            (99_999, "0.099999"),
            (100_000, "0.10"),
            (1_005_000, "1.01"),
            (6_652_800, "6.65"),
        ] {
            assert_eq!(Amount::from_micros(micros).to_string(), text);
        }
    }
}
