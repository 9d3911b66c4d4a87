//! Temporary storage that a pod asks for.
//!
//! A candidate must be as large as the larger of two numbers: the extra storage of the annotation
//! `k8s.aliyun.com/eci-extra-ephemeral-storage`, and the `ephemeral-storage` that the containers request together
//! (limits where no request is written, as the API server defaults it; init containers as the scheduler counts
//! them). Both are rounded up to whole GiB. The 30 GiB that every instance has anyway are not added: ECI starts pods
//! from caches of 20 GiB.

use serde_json::Value;

use super::template::Template;

/// Bytes of a GiB, the unit of cache sizes.
pub const GIB: u128 = 1 << 30;

/// Significant digits that are read of a quantity; a non-zero digit after them rounds up.
const DIGITS: u32 = 20;

/// Bytes of a Kubernetes quantity (`50Gi`, `1.5G`, `2e9`, `100m`), a part of a byte rounded up. `None` when the text
/// is not a quantity, or is negative; more than `u128` holds is the most it holds.
///
/// ```
/// use imagecache::pod::storage_bytes;
/// assert_eq!(storage_bytes("1.5Gi"), Some(1_610_612_736));
/// assert_eq!(storage_bytes("2e3"), Some(2_000));
/// assert_eq!(storage_bytes("100m"), Some(1));
/// assert_eq!(storage_bytes("50 Gi"), None);
/// ```
#[must_use]
pub fn storage_bytes(quantity: &str) -> Option<u128> {
    let unsigned = quantity.strip_prefix('+').unwrap_or(quantity);
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (number, suffix) = unsigned.split_at_checked(
        unsigned
            .find(|c: char| !is_number(c))
            .unwrap_or(unsigned.len()),
    )?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let (twos, tens) = scale(suffix)?;
    let (mut value, mut digits, mut power, mut rest) = (0_u128, 0_u32, tens, false);
    for (digit, behind_point) in whole
        .bytes()
        .map(|byte| (byte, 0))
        .chain(fraction.bytes().map(|byte| (byte, 1)))
    {
        if digits < DIGITS {
            value = value * 10 + u128::from(digit - b'0');
            digits += u32::from(value > 0);
            power = power.saturating_sub(behind_point);
        } else {
            rest |= digit != b'0';
            power = power.saturating_add(1 - behind_point);
        }
    }
    // At most 20 digits (67 bits) and 60 bits: fits.
    let value = value << twos;
    let tens = 10_u128.checked_pow(u32::try_from(power.unsigned_abs()).unwrap_or(u32::MAX));
    Some(match (tens, power < 0) {
        _ if value == 0 => 0,
        (Some(tens), true) => (value.div_ceil(tens)).max(value / tens + u128::from(rest)),
        (Some(tens), false) => value.saturating_mul(tens).saturating_add(u128::from(rest)),
        (None, true) => 1,
        (None, false) => u128::MAX,
    })
}

/// A suffix as powers of two and of ten.
fn scale(suffix: &str) -> Option<(u32, i64)> {
    Some(match suffix {
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "" => (0, 0),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            (0, i64::from(exponent.parse::<i32>().ok()?))
        }
    })
}

/// The smallest whole number of GiB that holds this many bytes.
pub(super) fn gib(bytes: u128) -> u64 {
    u64::try_from(bytes.div_ceil(GIB)).unwrap_or(u64::MAX)
}

/// Bytes of `ephemeral-storage` that the containers of a pod request together: all containers and sidecars at once,
/// or an init container beside the sidecars before it, whichever is more.
pub(super) fn requested(template: &Template<'_>, mut bad: impl FnMut(&Value)) -> u128 {
    let list = |name| {
        let list = template.spec(name).and_then(Value::as_array);
        list.into_iter().flatten()
    };
    let mut of = |container| request(container, &mut bad);
    let (mut sidecars, mut most) = (0_u128, 0_u128);
    for container in list("initContainers") {
        let bytes = of(container);
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            sidecars = sidecars.saturating_add(bytes);
            most = most.max(sidecars);
        } else {
            most = most.max(sidecars.saturating_add(bytes));
        }
    }
    let together =
        list("containers").fold(sidecars, |sum, container| sum.saturating_add(of(container)));
    most.max(together)
}

fn request(container: &Value, bad: &mut impl FnMut(&Value)) -> u128 {
    let Some(resources) = container.get("resources") else {
        return 0;
    };
    let of = |name| resources.get(name)?.get("ephemeral-storage");
    let Some(quantity) = of("requests").or_else(|| of("limits")) else {
        return 0;
    };
    let bytes = match quantity {
        Value::String(text) => storage_bytes(text),
        Value::Number(number) => storage_bytes(&number.to_string()),
        _ => None,
    };
    bytes.unwrap_or_else(|| {
        bad(quantity);
        0
    })
}
