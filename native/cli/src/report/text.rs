//! `-o text`: each finding at its line, as rustc shows its own.

use std::io;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use imagecache::diagnostic::{Code, Diagnostic, Severity};
use imagecache::document::Span;

use super::{Checked, Form, Tally};
use crate::console::{Console, visible, width};

/// Maximum number of bytes shown of one line.
const LINE_SHOWN: usize = 1_000;
/// How much of a longer line is shown before the finding.
const LINE_BEFORE: usize = 120;
/// Width without a terminal, and the minimum width, in columns.
const WIDTH: usize = 120;
const WIDTH_MIN: usize = 40;
/// Maximum number of codes in the closing line.
const CODES_NAMED: usize = 6;

/// Text for people.
pub(crate) struct Text {
    renderer: Renderer,
    quiet: bool,
}

impl Text {
    pub(crate) fn new(console: &Console, quiet: bool) -> Self {
        Text {
            renderer: renderer(console.color(), width()),
            quiet,
        }
    }

    /// Returns the form for standard error.
    pub(crate) fn for_stderr() -> Self {
        let color = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        let width =
            terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0));
        Text {
            renderer: renderer(color, width),
            quiet: false,
        }
    }

    /// One finding at its line, without a line end.
    pub(crate) fn render(&self, file: &str, text: &str, found: &Diagnostic) -> String {
        let file = &*visible(file);
        let level = match found.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Hint => Level::NOTE.with_name("hint"),
        };
        let title = level
            .primary_title(found.to_string())
            .id(found.code.as_str());
        let mut group = Group::with_title(title);
        let mut own_place = false;
        match (found.span, found.span.and_then(|span| excerpt(text, span))) {
            (Some(span), Some((line, mark))) => {
                let mut snippet = Snippet::source(line).line_start(span.start.line);
                // The renderer counts characters of what it is given; where that is not the column that editors count in
                // the whole line, the place is written by ourselves.
                let counted = line
                    .get(..mark.start)
                    .map_or(0, |head| head.chars().count());
                if counted.saturating_add(1) == span.start.column {
                    snippet = snippet.path(file);
                } else {
                    group = group.element(origin(file, span));
                    own_place = true;
                }
                group = group.element(snippet.annotation(AnnotationKind::Primary.span(mark)));
            }
            (Some(span), None) => group = group.element(origin(file, span)),
            (None, _) => group = group.element(Origin::path(file)),
        }
        if let Some(help) = &found.help {
            group = group.element(Level::HELP.message(visible(help)));
        }
        let shown = self.renderer.render(&[group]);
        if own_place {
            without_empty_place(&shown)
        } else {
            shown
        }
    }
}

/// Returns a rendered finding without the line `:::` that the renderer writes for a snippet without a path.
fn without_empty_place(shown: &str) -> String {
    let is_place = |line: &&str| strip_str(line).to_string().trim() != ":::";
    let lines: Vec<&str> = shown.lines().filter(is_place).collect();
    lines.join("\n")
}

fn renderer(color: bool, width: Option<usize>) -> Renderer {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.term_width(width.unwrap_or(WIDTH).max(WIDTH_MIN))
}

impl Form for Text {
    type Part = String;

    fn part(&self, checked: &Checked) -> String {
        let mut text = String::new();
        for found in &checked.findings {
            text.push_str(&self.render(&checked.name, &checked.text, found));
            text.push_str("\n\n");
        }
        text
    }

    fn put(&mut self, console: &mut Console, part: String) -> io::Result<()> {
        console.document(&part)
    }

    fn end(&mut self, console: &mut Console, tally: &Tally) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        if !tally.codes.is_empty() {
            console.line(format_args!("{}", more(tally.codes.iter().copied())))?;
        }
        console.styled(&[(Style::new().bold(), &tally.summary())])
    }
}

/// Where to read on: `imagecache explain IC022`.
fn more(codes: impl ExactSizeIterator<Item = Code>) -> String {
    let left = codes.len().saturating_sub(CODES_NAMED);
    let named: Vec<&str> = codes.take(CODES_NAMED).map(Code::as_str).collect();
    let rest = if left == 0 {
        String::new()
    } else {
        format!(" (and {left} more)")
    };
    format!(
        "For cause and fix: imagecache explain {}{rest}",
        named.join(" ")
    )
}

fn origin(file: &str, span: Span) -> Origin<'_> {
    Origin::path(file)
        .line(span.start.line)
        .char_column(span.start.column)
}

/// The line where a finding begins, and the part of it to underline.
fn excerpt(text: &str, span: Span) -> Option<(&str, Range<usize>)> {
    if text.is_empty() {
        return None;
    }
    let (before, after) = text.split_at_checked(span.start.offset)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    // A byte order mark is not a character of the line.
    let mark = if line_start == 0 && text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8().min(span.start.offset)
    } else {
        0
    };
    let line_start = line_start + mark;
    let line_end = after
        .find('\n')
        .map_or(text.len(), |at| span.start.offset + at);
    let shown_start = if line_end - line_start > LINE_SHOWN {
        boundary(
            text,
            span.start
                .offset
                .saturating_sub(LINE_BEFORE)
                .max(line_start),
        )
    } else {
        line_start
    };
    let shown_end = boundary(text, line_end.min(shown_start.saturating_add(LINE_SHOWN)));
    let line = text.get(shown_start..shown_end)?.trim_end_matches('\r');
    // GitHub runs `##[…]` as a command wherever it is in a line
    if line.contains("##[") {
        return None;
    }
    let start = span.start.offset - shown_start;
    let end = span
        .end
        .offset
        .saturating_sub(shown_start)
        .clamp(start, line.len().max(start));
    Some((line, start..end))
}

/// The end of the character in which `at` lies.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use imagecache::diagnostic::{Code, Diagnostic};
    use imagecache::document::{Position, Span};

    use super::{Text, renderer};

    fn shown(text: &str, start: usize, end: usize) -> String {
        let place = |offset: usize| {
            let before = text.get(..offset).unwrap();
            let column = before.rsplit('\n').next().unwrap().encode_utf16().count() + 1;
            Position {
                offset,
                line: before.matches('\n').count() + 1,
                column,
            }
        };
        let mut found = Diagnostic::new(Code::IC001, "here");
        found.span = Some(Span {
            start: place(start),
            end: place(end),
        });
        let text_form = Text {
            renderer: renderer(false, Some(80)),
            quiet: false,
        };
        text_form.render("f", text, &found)
    }

    #[test]
    fn a_finding_over_several_lines_is_shown_at_its_first() {
        assert_eq!(
            shown("a:\n  b: 1\n  c: 2\n", 5, 16),
            "error[IC001]: here\n --> f:2:3\n  |\n2 |   b: 1\n  |   ^^^^"
        );
    }

    #[test]
    fn finding_at_end_of_text_is_shown_after_last_character() {
        assert_eq!(
            shown("a: [", 4, 4),
            "error[IC001]: here\n --> f:1:5\n  |\n1 | a: [\n  |     ^"
        );
        assert_eq!(
            shown("a: 1\r\n", 3, 4),
            "error[IC001]: here\n --> f:1:4\n  |\n1 | a: 1\n  |    ^"
        );
    }

    #[test]
    fn columns_count_utf_16_units_and_marks_count_cells() {
        let text = "a: \"é😀\" x";
        let at = text.find('x').unwrap();
        assert!(shown(text, at, at + 1).contains("f:1:10\n"));
        assert!(
            shown(text, at, at + 1).ends_with("| a: \"é😀\" x\n  |          ^"),
            "{}",
            shown(text, at, at + 1)
        );
    }

    #[test]
    fn a_place_is_written_once() {
        for text in ["\u{feff}a: x", "a: \"é😀\" x", "\ta:\tx"] {
            let at = text.find('x').unwrap();
            let shown = shown(text, at, at + 1);
            assert!(!shown.contains(":::"), "{shown}");
            assert_eq!(shown.matches("f:1:").count(), 1, "{shown}");
        }
    }

    #[test]
    fn of_a_very_long_line_only_the_place_is_shown() {
        let text = format!("a: {}ä!{}", "ä".repeat(400_000), "ö".repeat(400_000));
        let at = text.find('!').unwrap();
        let shown = shown(&text, at, at + 1);
        assert!(shown.contains("f:1:400005\n"), "{shown}");
        assert!(shown.contains("ä!ö") && shown.len() < 1_000, "{shown}");
    }

    #[test]
    fn a_control_character_of_the_text_is_shown_not_sent() {
        assert!(!shown("a: \u{1b}[31m", 3, 4).contains('\u{1b}'));
    }
}
