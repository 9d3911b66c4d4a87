//! Searches for something short: a mark, a part of a name, the path of an image.
//!
//! The standard library's search is made for long patterns: it prepares itself first, and brings two kilobytes of machine
//! code along, which a browser loads and a policy engine compiles. These take the length of the text times that of the
//! part, so a part is a constant or has a limit.

/// What stands before and behind the first `byte`, which is ASCII.
pub(crate) fn cut(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|other| other == byte)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

/// What stands before and behind the first `part`.
#[inline(never)]
pub(crate) fn cut_at<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    if part.is_empty() {
        return Some(("", text));
    }
    let mut windows = text.as_bytes().windows(part.len());
    let at = windows.position(|window| window == part.as_bytes())?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.strip_prefix(part)?))
}

/// Whether one of the parts stands somewhere in the text.
pub(crate) fn holds(text: &str, parts: &[impl AsRef<str>]) -> bool {
    parts
        .iter()
        .any(|part| cut_at(text, part.as_ref()).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_searched_as_the_standard_library_does(text in "[ab:é]{0,8}", part in "[ab:é]{0,3}") {
            prop_assert_eq!(cut(&text, b':'), text.split_once(':'));
            prop_assert_eq!(cut_at(&text, &part), text.split_once(part.as_str()));
            prop_assert_eq!(holds(&text, &[&part]), text.contains(part.as_str()));
        }
    }
}
