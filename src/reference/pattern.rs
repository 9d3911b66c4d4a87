//! Shell patterns over the familiar form, as in `docker images 'team/*:1.?'`: Go's `FamiliarMatch` and `path.Match`.

use std::str::Chars;

use super::any::AnyReference;

/// The maximum product of pattern bytes and text bytes. Go has no such limit.
pub const MATCH_STEPS_MAX: usize = 1 << 20;

/// An invalid pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPattern {
    /// A class is not closed or is empty, a range has no end, or `\` is last.
    #[error("syntax error in pattern")]
    Malformed,
    /// Matching could take more than [`MATCH_STEPS_MAX`] steps.
    #[error("pattern times reference: more than {MATCH_STEPS_MAX} steps")]
    TooMuchWork,
}

/// Returns true if the pattern matches the whole familiar form of the reference, with or without its tag and digest. `*` and
/// `?` match anything but `/`, `[a-z]` and `[^a-z]` one character, `\` escapes the next character.
///
/// # Errors
/// Returns an error if any part of the pattern is malformed, or if it takes too many steps.
///
/// ```
/// use imagecache::reference::{AnyReference, familiar_match};
/// let reference = AnyReference::parse("docker.io/team/app:1.2").unwrap();
/// assert_eq!(familiar_match("team/*", &reference), Ok(true));
/// assert_eq!(familiar_match("*", &reference), Ok(false));
/// ```
pub fn familiar_match(pattern: &str, reference: &AnyReference<'_>) -> Result<bool, BadPattern> {
    let AnyReference::Named(named) = reference else {
        return matches(pattern, &reference.to_string());
    };
    let name = named.repository().familiar().to_string();
    Ok(matches(pattern, &named.familiar().to_string())? || matches(pattern, &name)?)
}

fn matches(mut pattern: &str, mut text: &str) -> Result<bool, BadPattern> {
    if pattern.len().saturating_mul(text.len()) > MATCH_STEPS_MAX {
        return Err(BadPattern::TooMuchWork);
    }
    while !pattern.is_empty() {
        let (star, chunk, rest) = next_chunk(pattern);
        if star && chunk.is_empty() {
            return Ok(!text.contains('/'));
        }
        // The first place where a chunk fits will do; the last chunk must reach the text's end.
        let mut place = text.chars();
        let left = loop {
            if let Some(left) = match_chunk(chunk, place.clone())?
                && (!rest.is_empty() || left.is_empty())
            {
                break Some(left);
            }
            if !star || place.next().is_none_or(|skipped| skipped == '/') {
                break None;
            }
        };
        let Some(left) = left else {
            return well_formed(rest).map(|()| false);
        };
        (pattern, text) = (rest, left);
    }
    Ok(text.is_empty())
}

fn well_formed(mut pattern: &str) -> Result<(), BadPattern> {
    while !pattern.is_empty() {
        let (_, chunk, rest) = next_chunk(pattern);
        match_chunk(chunk, "".chars())?;
        pattern = rest;
    }
    Ok(())
}

/// Returns true if stars come first, the text after them up to the next star, and the rest.
fn next_chunk(pattern: &str) -> (bool, &str, &str) {
    let chunk = pattern.trim_start_matches('*');
    let star = chunk.len() < pattern.len();
    let (mut escaped, mut in_class) = (false, false);
    let end = chunk.find(|c| {
        let literal = escaped;
        escaped = !literal && c == '\\';
        match c {
            _ if literal => {}
            '[' => in_class = true,
            ']' => in_class = false,
            '*' => return !in_class,
            _ => {}
        }
        false
    });
    let (chunk, rest) = chunk
        .split_at_checked(end.unwrap_or(chunk.len()))
        .unwrap_or((chunk, ""));
    (star, chunk, rest)
}

/// Returns the text after a chunk without stars. Reads the whole chunk even if it does not match, so that a malformed
/// pattern is an error for every text.
fn match_chunk<'t>(chunk: &str, mut text: Chars<'t>) -> Result<Option<&'t str>, BadPattern> {
    let mut pattern = chunk.chars();
    let mut fits = true;
    while let Some(sign) = pattern.next() {
        let next = text.next();
        fits &= next.is_some();
        match sign {
            '[' => fits &= match_class(&mut pattern, next)?,
            '?' => fits &= next != Some('/'),
            '\\' => fits &= Some(pattern.next().ok_or(BadPattern::Malformed)?) == next,
            literal => fits &= Some(literal) == next,
        }
    }
    Ok(fits.then_some(text.as_str()))
}

/// Reads a class up to its `]`, and returns true if it contains the character.
fn match_class(pattern: &mut Chars<'_>, next: Option<char>) -> Result<bool, BadPattern> {
    let mut ahead = pattern.clone();
    let negated = ahead.next() == Some('^');
    if negated {
        *pattern = ahead;
    }
    let mut found = false;
    loop {
        let low = class_character(pattern)?;
        let mut high = low;
        let mut ahead = pattern.clone();
        if ahead.next() == Some('-') {
            *pattern = ahead;
            high = class_character(pattern)?;
        }
        found |= next.is_some_and(|next| (low..=high).contains(&next));
        let mut ahead = pattern.clone();
        if ahead.next() == Some(']') {
            *pattern = ahead;
            return Ok(found != negated);
        }
    }
}

fn class_character(pattern: &mut Chars<'_>) -> Result<char, BadPattern> {
    let character = match pattern.next() {
        None | Some('-' | ']') => None,
        Some('\\') => pattern.next(),
        character => character,
    };
    // A class goes on, at least with its `]`.
    character
        .filter(|_| !pattern.as_str().is_empty())
        .ok_or(BadPattern::Malformed)
}
