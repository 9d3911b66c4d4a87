//! Kinds of bytes. A reference is mostly runs of one kind, and a table lookup is faster than comparisons.

/// A set of bytes: one bit of [`KINDS`].
#[derive(Clone, Copy)]
pub(super) struct Kind(u8);

impl Kind {
    pub(super) const COMPONENT: Kind = Kind(1);
    pub(super) const LABEL: Kind = Kind(2);
    pub(super) const TAG: Kind = Kind(4);
    pub(super) const DIGIT: Kind = Kind(8);
    pub(super) const IPV6: Kind = Kind(16);
    pub(super) const ALPHANUMERIC: Kind = Kind(32);
    pub(super) const HEX_DIGIT: Kind = Kind(64);
    pub(super) const DASH: Kind = Kind(128);

    pub(super) fn has(self, byte: u8) -> bool {
        KINDS
            .get(usize::from(byte))
            .is_some_and(|kinds| kinds & self.0 != 0)
    }
}

static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut rest = kinds.as_mut_slice();
    let mut byte = 0_u8;
    while let Some((first, others)) = rest.split_first_mut() {
        *first = kinds_of(byte);
        byte = byte.wrapping_add(1);
        rest = others;
    }
    kinds
};

const fn kinds_of(byte: u8) -> u8 {
    let ipv6 = Kind::IPV6.0;
    let word = Kind::LABEL.0 | Kind::TAG.0 | Kind::ALPHANUMERIC.0;
    let lower = word | Kind::COMPONENT.0;
    let hex = Kind::HEX_DIGIT.0 | ipv6;
    match byte {
        b'0'..=b'9' => lower | hex | Kind::DIGIT.0,
        b'a'..=b'f' => lower | hex,
        b'g'..=b'z' => lower,
        b'A'..=b'F' => word | hex,
        b'G'..=b'Z' => word,
        b'-' => Kind::LABEL.0 | Kind::TAG.0 | Kind::DASH.0,
        b'_' | b'.' => Kind::TAG.0,
        b':' => ipv6,
        _ => 0,
    }
}
