//! Decimal numbers as text: from the shortest form that `serde_json` writes to the forms that Go writes.
//!
//! Rust's own reading and writing of floats would do the same with 25 kB (gzip) of tables and code in a module;
//! `serde_json` brings its own anyway.

/// A number in scientific notation, taken apart.
pub(super) struct Decimal {
    /// `-` or nothing.
    pub(super) sign: &'static str,
    /// No zero at either end; `0` for zero.
    pub(super) digits: String,
    /// The power of ten of the first digit.
    pub(super) exponent: i32,
}

impl Decimal {
    /// Reads a JSON number.
    pub(super) fn read(written: &str) -> Self {
        let (sign, size) = match written.strip_prefix('-') {
            Some(size) => ("-", size),
            None => ("", written),
        };
        let (size, exponent) = size.split_once('e').unwrap_or((size, "0"));
        let (whole, fraction) = size.split_once('.').unwrap_or((size, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let zeros = all.len().saturating_sub(digits.len());
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            return Decimal {
                sign,
                digits: "0".to_owned(),
                exponent: 0,
            };
        }
        let before_point = |digits: usize| i32::try_from(digits).unwrap_or(i32::MAX);
        let exponent: i32 = exponent.parse().unwrap_or_default();
        Decimal {
            sign,
            digits: digits.to_owned(),
            exponent: exponent
                .saturating_add(before_point(whole.len()))
                .saturating_sub(before_point(zeros))
                .saturating_sub(1),
        }
    }

    /// The digits in front of the point; for less than one, below zero.
    fn whole(&self) -> i64 {
        i64::from(self.exponent).saturating_add(1)
    }

    /// Has it no fraction, and fits it perhaps into 64 bits?
    pub(super) fn is_whole(&self) -> bool {
        let digits = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        (digits..=20).contains(&self.whole())
    }

    /// Without an exponent.
    pub(super) fn positional(&self) -> String {
        let Decimal { sign, digits, .. } = self;
        match usize::try_from(self.whole()) {
            Ok(whole) if whole > 0 => match digits.split_at_checked(whole) {
                Some((whole, "")) => format!("{sign}{whole}"),
                Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
                None => {
                    let zeros = "0".repeat(whole.saturating_sub(digits.len()));
                    format!("{sign}{digits}{zeros}")
                }
            },
            _ => {
                let zeros = usize::try_from(self.whole().unsigned_abs()).unwrap_or_default();
                format!("{sign}0.{}{digits}", "0".repeat(zeros))
            }
        }
    }
}
