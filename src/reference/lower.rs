//! Go's `strings.ToLower`, as far as it matters for the grammar.
//!
//! Go maps rune by rune with the simple mappings of Unicode, 15.0 in Go 1.21 to 1.26. Rust's `to_lowercase` has the full
//! mappings of whatever Unicode its release has, and 10 kB of tables; here it is enough to know which letters change, and the
//! result only if it is ASCII.

use std::ops::Range;

/// Returns the bytes of the first character that lower-casing changes.
pub(super) fn first_change(text: &str) -> Option<Range<usize>> {
    if text.is_ascii() {
        let at = text.bytes().position(|byte| byte.is_ascii_uppercase())?;
        return Some(at..at + 1);
    }
    let (at, found) = text.char_indices().find(|&(_, c)| changes(c))?;
    Some(at..at + found.len_utf8())
}

fn changes(c: char) -> bool {
    let c = u32::from(c);
    let [first, second, third, fourth] = capitals(c >> 8);
    let quarter = match c >> 6 & 3 {
        0 => first,
        1 => second,
        2 => third,
        _ => fourth,
    };
    quarter >> (c & 63) & 1 == 1
}

/// Returns the text in lower case if it differs and is ASCII: no other text can follow the grammar.
/// Of all characters beyond ASCII only `İ` and the Kelvin sign have an ASCII letter as their simple lower case.
pub(crate) fn ascii_lower(text: &str) -> Option<String> {
    if text.is_ascii() {
        let capital = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return capital.then(|| text.to_ascii_lowercase());
    }
    let lower = |c: char| match c {
        '\u{130}' => Some('i'),
        '\u{212A}' => Some('k'),
        c => c.is_ascii().then(|| c.to_ascii_lowercase()),
    };
    text.chars().map(lower).collect()
}

/// The characters `page << 8` and up that lower-casing changes, one bit each; Unicode 15.0 has 1433 of them.
fn capitals(page: u32) -> &'static [u64; 4] {
    match page {
        0x00 => &[0, 0x07FF_FFFE, 0, 0x7F7F_FFFF],
        0x01 => &[
            0xAA55_5555_5555_5555,
            0x2B55_5555_5555_54AA,
            0x11AE_D2D5_B1DB_CED6,
            0x55D6_5555_4AAA_ADB0,
        ],
        0x02 => &[0x6C05_5555_5555_5555, 0x557A, 0, 0],
        0x03 => &[
            0,
            0x8045_0000_0000_0000,
            0x0FFB_FFFE_D740,
            0xE690_5555_5500_8000,
        ],
        0x04 => &[
            0xFFFF_FFFF_FFFF,
            0x5555_5555_0000_0000,
            0x5555_5555_5555_5401,
            0x5555_5555_5555_2AAB,
        ],
        0x05 => &[0xFFFE_5555_5555_5555, 0x007F_FFFF, 0, 0],
        0x10 => &[0, 0, 0xFFFF_FFFF_0000_0000, 0x20BF],
        0x13 => &[0, 0, 0xFFFF_FFFF_0000_0000, 0x003F_FFFF_FFFF_FFFF],
        0x1C => &[0, 0, 0xE7FF_FFFF_FFFF_0000, 0],
        0x1E => &[
            0x5555_5555_5555_5555,
            0x5555_5555_5555_5555,
            0x5555_5555_4015_5555,
            0x5555_5555_5555_5555,
        ],
        0x1F => &[
            0xFF00_FF00_3F00_FF00,
            0xFF00_AA00_3F00,
            0x1F00_FF00_FF00_FF00,
            0x1F00_1F00_0F00_1F00,
        ],
        0x21 => &[0x0004_0C40_0000_0000, 0xFFFF_0000_0000, 0x0008, 0],
        0x24 => &[0, 0, 0xFFC0_0000_0000_0000, 0xFFFF],
        0x2C => &[
            0xFFFF_FFFF_FFFF,
            0xC025_EA9D_0000_0000,
            0x5555_5555_5555_5555,
            0x0004_2805_5555_5555,
        ],
        0xA6 => &[0, 0x1555_5555_5555, 0x0555_5555, 0],
        0xA7 => &[
            0x5554_5554_0000_0000,
            0x6A00_5555_5555_5555,
            0x555F_7D55_5545_2855,
            0x0020_0000_0141_02F5,
        ],
        0xFF => &[0x07FF_FFFE_0000_0000, 0, 0, 0],
        0x104 => &[0x00FF_FFFF_FFFF, 0, 0xFFFF_0000_0000_0000, 0x000F_FFFF],
        0x105 => &[0, 0xF7FF_0000_0000_0000, 0x0037_F7FF, 0],
        0x10C => &[0, 0, 0x0007_FFFF_FFFF_FFFF, 0],
        0x118 => &[0, 0, 0xFFFF_FFFF_0000_0000, 0],
        0x16E => &[0, 0xFFFF_FFFF, 0, 0],
        0x1E9 => &[0x0003_FFFF_FFFF, 0, 0, 0],
        _ => &[0; 4],
    }
}
