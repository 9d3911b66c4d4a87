//! `-o github`: workflow commands, which GitHub Actions shows beside the lines of a pull request.

use std::fmt::Write as _;
use std::io::{self, Write};

use imagecache::diagnostic::{Diagnostic, Severity};

use super::{Checked, Form};
use crate::console::{Console, visible_lines};

/// Workflow commands.
pub(crate) struct Github;

impl Form for Github {
    type Part = String;

    fn part(&self, checked: &Checked) -> String {
        let mut commands = String::new();
        for found in &checked.findings {
            command(&mut commands, &checked.name, found);
        }
        commands
    }

    fn put(&mut self, console: &mut Console, part: String) -> io::Result<()> {
        console.write_all(part.as_bytes())
    }
}

fn command(out: &mut String, file: &str, found: &Diagnostic) {
    let command = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "notice",
    };
    let _ = write!(out, "::{command} file={}", property(file));
    if let Some(span) = found.span {
        let _ = write!(out, ",line={},endLine={}", span.start.line, span.end.line);
        // Columns are understood within one line only.
        if span.start.line == span.end.line {
            let _ = write!(
                out,
                ",col={},endColumn={}",
                span.start.column, span.end.column
            );
        }
    }
    let title = format!("{} {}", found.code, found.code.name());
    let _ = write!(
        out,
        ",title={}::{}",
        property(&title),
        data(&found.to_string())
    );
    if let Some(help) = &found.help {
        let _ = write!(out, "%0A{}", data(help));
    }
    out.push('\n');
}

/// The text of a command: what would end it is escaped (a carriage return among the control characters).
fn data(text: &str) -> String {
    visible_lines(text).replace('%', "%25").replace('\n', "%0A")
}

/// A property of a command: what would end the property is escaped too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};

    #[test]
    fn github_command_terminators_are_escaped() {
        assert_eq!(data("100%: a,b\r\nc"), "100%25: a,b\\r%0Ac");
        assert_eq!(property("100%: a,b\nc"), "100%25%3A a%2Cb%0Ac");
    }
}
