//! `-o github`: workflow commands, which GitHub Actions shows beside the lines of a pull request.

use std::fmt::Write as _;
use std::io;

use imagecache::diagnostic::{Diagnostic, Severity};
use imagecache::foreign::Foreign;

use super::{Checked, Form};
use crate::console::Console;

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
        console.document(&part)
    }
}

fn command(out: &mut String, file: &str, found: &Diagnostic) {
    let command = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "notice",
    };
    let _ = write!(out, "::{command} file={}", Foreign(file).github_property());
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
        Foreign(&title).github_property(),
        Foreign(&found.to_string()).github()
    );
    if let Some(help) = &found.help {
        let _ = write!(out, "%0A{}", Foreign(help).github());
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use imagecache::foreign::Foreign;

    #[test]
    fn github_command_terminators_are_escaped() {
        let text = Foreign("100%: a,b\r\nc##[");
        assert_eq!(text.github().to_string(), "100%25: a,b\\r%0Ac##%5B");
        assert_eq!(
            text.github_property().to_string(),
            "100%25%3A a%2Cb\\r%0Ac##%5B"
        );
    }
}
