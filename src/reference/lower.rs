//! Go's `strings.ToLower`, as far as it can be seen through the grammar.
//!
//! Go maps rune by rune with the simple mappings of Unicode 15.0; Rust's `to_lowercase` maps with the full ones (`İ`
//! becomes two characters) of a newer Unicode. Two questions are asked of it, and only there may the two differ.

/// The bytes of the first character that lower-casing changes.
pub(super) fn first_change(text: &str) -> Option<std::ops::Range<usize>> {
    let (at, found) = text.char_indices().find(|&(_, c)| changes(c))?;
    Some(at..at + found.len_utf8())
}

/// Whether lower-casing changes this character.
pub(super) fn changes(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_uppercase();
    }
    let mut lower = c.to_lowercase();
    lower.next() != Some(c) && !has_lower_case_since_unicode_16(c)
}

/// Capital letters that Unicode 16 and 17 added: Latin, Garay, Beria Erfe.
fn has_lower_case_since_unicode_16(c: char) -> bool {
    matches!(
        c,
        '\u{A7CB}' | '\u{A7CC}' | '\u{A7CE}' | '\u{A7D2}' | '\u{A7D4}' | '\u{A7DA}' | '\u{A7DC}'
            | '\u{10D50}'..='\u{10D65}' | '\u{16EA0}'..='\u{16EB8}'
    )
}

/// The text in lower case if that is another text, all ASCII: nothing else can follow the grammar.
/// Of all characters beyond ASCII only `İ` and the Kelvin sign have an ASCII letter as their simple lower case.
pub(super) fn ascii_lower(text: &str) -> Option<String> {
    let lower: String = text
        .chars()
        .map(|c| match c {
            '\u{130}' => Some('i'),
            '\u{212A}' => Some('k'),
            c => c.is_ascii().then(|| c.to_ascii_lowercase()),
        })
        .collect::<Option<_>>()?;
    (lower != text).then_some(lower)
}
