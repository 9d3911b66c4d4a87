//! Text that somebody else wrote, and the escapes for each place where it is shown.
//!
//! Names, images, messages of ECI, registries and API servers can hold characters that steer a terminal, turn the
//! direction of text, end a line or start a workflow command of GitHub. [`Foreign`] has no `Display`: code that shows
//! such a text names the place, and gets the escapes of that place.
//!
//! ```
//! use imagecache::foreign::Foreign;
//! let name = Foreign("web\n::error::gone\u{202e}");
//! assert_eq!(name.line().to_string(), r"web\n::error::gone\u{202e}");
//! assert_eq!(Foreign("::error::gone").line().to_string(), r"\u{3a}:error::gone");
//! assert_eq!(Foreign("100%\n").github().to_string(), "100%25%0A");
//! assert_eq!(Foreign("a\u{9b}b").json().to_string(), r"a\u009bb");
//! ```

use std::fmt::{self, Write as _};

/// A text that somebody else wrote.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Foreign<'a>(pub &'a str);

/// A [`Foreign`] text with the escapes of one place.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    text: &'a str,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Line,
    Lines,
    Github,
    GithubProperty,
    Xml,
    Json,
    Event(usize),
}

impl<'a> Foreign<'a> {
    fn shown(self, place: Place) -> Shown<'a> {
        Shown {
            text: self.0,
            place,
        }
    }

    /// Returns the text for a part of one line: of a terminal, a log, a table or a list of names. A line end is written as
    /// `\n`. The two marks that make a line a workflow command of GitHub are broken: `::` at the start and `##[`.
    #[must_use]
    pub fn line(self) -> Shown<'a> {
        self.shown(Place::Line)
    }

    /// Returns the text for several lines of a terminal: like [`Foreign::line`], but line ends and tabs are kept. For a
    /// text that is put together here, of parts that were shown as lines.
    #[must_use]
    pub fn lines(self) -> Shown<'a> {
        self.shown(Place::Lines)
    }

    /// Returns the text for the message of a GitHub workflow command. Line ends are kept, as `%0A`.
    #[must_use]
    pub fn github(self) -> Shown<'a> {
        self.shown(Place::Github)
    }

    /// Returns the text for a property of a GitHub workflow command.
    #[must_use]
    pub fn github_property(self) -> Shown<'a> {
        self.shown(Place::GithubProperty)
    }

    /// Returns the text for XML such as JUnit reports, before `&`, `<` and `>` are escaped: a line, in which what XML 1.0
    /// cannot hold is U+FFFD.
    #[must_use]
    pub fn xml(self) -> Shown<'a> {
        self.shown(Place::Xml)
    }

    /// Returns JSON (a whole document, SARIF too) with the characters that steer a terminal as `\uXXXX`. JSON holds such
    /// characters in strings only, so its value stays the same.
    #[must_use]
    pub fn json(self) -> Shown<'a> {
        self.shown(Place::Json)
    }

    /// Returns the text for the message of a condition or an Event: a line of at most `limit` bytes.
    #[must_use]
    pub fn event(self, limit: usize) -> Shown<'a> {
        self.shown(Place::Event(limit))
    }

    /// Reports whether the text holds no character that steers a terminal; see [`steers`].
    #[must_use]
    pub fn is_plain(self) -> bool {
        !self.0.contains(steers)
    }
}

impl fmt::Debug for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Foreign({})", self.line())
    }
}

/// Reports whether a character steers a terminal or a reader: control characters (C0, DEL, C1), line and paragraph
/// separators, and marks that turn the direction of text.
#[must_use]
pub fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Line => line(self.text, f),
            Place::Lines => {
                for (index, part) in self.text.split('\n').enumerate() {
                    if index > 0 {
                        f.write_char('\n')?;
                    }
                    for (index, part) in part.split('\t').enumerate() {
                        if index > 0 {
                            f.write_char('\t')?;
                        }
                        line(part, f)?;
                    }
                }
                Ok(())
            }
            Place::Github | Place::GithubProperty => {
                let property = self.place == Place::GithubProperty;
                for character in self.text.chars() {
                    match character {
                        '%' => f.write_str("%25")?,
                        '\n' => f.write_str("%0A")?,
                        ':' if property => f.write_str("%3A")?,
                        ',' if property => f.write_str("%2C")?,
                        // `##[` starts a command of the older form anywhere in a line
                        '[' => f.write_str("%5B")?,
                        other => one(other, f)?,
                    }
                }
                Ok(())
            }
            Place::Xml => {
                for character in self.text.chars() {
                    match character {
                        '\u{fffe}' | '\u{ffff}' => f.write_char(char::REPLACEMENT_CHARACTER)?,
                        other => one(other, f)?,
                    }
                }
                Ok(())
            }
            Place::Json => {
                for character in self.text.chars() {
                    // between the values of a document there are line ends
                    if steers(character) && !matches!(character, '\n' | '\t' | '\r') {
                        write!(f, "\\u{:04x}", u32::from(character))?;
                    } else {
                        f.write_char(character)?;
                    }
                }
                Ok(())
            }
            Place::Event(limit) => {
                let mut kept = Kept {
                    f,
                    left: limit.saturating_sub(CUT.len()),
                };
                match line(self.text, &mut kept) {
                    Ok(()) => Ok(()),
                    Err(_) => f.write_str(CUT),
                }
            }
        }
    }
}

const CUT: &str = "…";

/// Writes whole pieces until there is no space.
struct Kept<'a, W> {
    f: &'a mut W,
    left: usize,
}

impl<W: fmt::Write> fmt::Write for Kept<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.checked_sub(text.len()).ok_or(fmt::Error)?;
        self.f.write_str(text)
    }
}

fn line(text: &str, f: &mut impl fmt::Write) -> fmt::Result {
    let mut rest = text;
    let start = text.trim_start_matches(|c: char| c.is_whitespace() && !steers(c));
    if let Some(tail) = start.strip_prefix("::") {
        f.write_str(text.strip_suffix(start).unwrap_or_default())?;
        f.write_str("\\u{3a}:")?;
        rest = tail;
    }
    let mut hashes = 0_u32;
    for character in rest.chars() {
        match character {
            '[' if hashes >= 2 => f.write_str("\\u{5b}")?,
            other => one(other, f)?,
        }
        hashes = if character == '#' {
            hashes.saturating_add(1)
        } else {
            0
        };
    }
    Ok(())
}

fn one(character: char, f: &mut impl fmt::Write) -> fmt::Result {
    if steers(character) {
        write!(f, "{}", character.escape_default())
    } else {
        f.write_char(character)
    }
}

/// Cuts a text after a number of characters, and marks the cut.
///
/// ```
/// use imagecache::foreign::cut;
/// assert_eq!(cut("registry", 8), "registry");
/// assert_eq!(cut("registry", 4), "regi…");
/// ```
#[must_use]
pub fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}{CUT}", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Foreign, steers};

    /// Everything that may do harm in one text.
    fn hostile() -> String {
        let mut text = "::error::a##[error]b\r\n::stop-commands::x\t".to_owned();
        text.extend(
            (0..=0x2fff)
                .filter_map(char::from_u32)
                .filter(|c| steers(*c)),
        );
        text
    }

    #[test]
    fn line_holds_nothing_that_steers() {
        let text = hostile();
        for shown in [
            Foreign(&text).line().to_string(),
            Foreign(&text).github().to_string(),
            Foreign(&text).github_property().to_string(),
            Foreign(&text).xml().to_string(),
            Foreign(&text).event(10_000).to_string(),
        ] {
            assert!(!shown.contains(steers), "{shown:?}");
        }
        for shown in [Foreign(&text).line(), Foreign(&text).lines()].map(|one| one.to_string()) {
            assert!(!shown.contains("##["), "{shown:?}");
            assert!(
                shown
                    .lines()
                    .all(|line| !line.trim_start().starts_with("::")),
                "{shown:?}"
            );
        }
        assert!(!Foreign(&text).github().to_string().contains("##["));
    }

    #[test]
    fn c0_c1_bidi_and_separators_steer() {
        let set = "\0\n\r\u{1b}\u{7f}\u{80}\u{85}\u{9b}\u{9f}\u{200e}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}";
        assert!(set.chars().all(steers));
        assert!(!"aä镜😀 \u{a0}[:#".chars().any(steers));
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "a": hostile(), "b": ["x"] });
        for text in [
            value.to_string(),
            serde_json::to_string_pretty(&value).unwrap(),
        ] {
            let shown = Foreign(&text).json().to_string();
            assert!(!shown.contains(|c| steers(c) && c != '\n'), "{shown:?}");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
                value
            );
        }
    }

    #[test]
    fn event_is_cut_at_its_limit() {
        for limit in 3..40 {
            let shown = Foreign("aä\u{9b}bcdefghijklmnopqrstuvwxyz")
                .event(limit)
                .to_string();
            assert!(shown.len() <= limit, "{limit}: {shown}");
        }
        assert_eq!(Foreign("abc").event(6).to_string(), "abc");
    }
}
