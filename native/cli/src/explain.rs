//! `imagecache explain`: the page of a finding's code.

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use imagecache::diagnostic::{Code, Severity};
use serde::Serialize;

use crate::code_arg::CodeParser;
use crate::console::{Console, UNWRITABLE};
use crate::exit::Exit;
use crate::{encode, table};

const EXAMPLES: &str = "\
Examples:
  imagecache explain                     all codes in one table
  imagecache explain IC022               one page
  imagecache explain too-many-images     one page, by the name of the rule
  imagecache explain -o json             all codes with their pages";

/// Explain findings: cause, fix, example
///
/// Each finding has a stable code (IC022) and a name (too-many-images). Without arguments all codes are listed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// Codes (`IC022`) or names (`too-many-images`) [default: all]
    #[arg(value_name = "CODE", value_parser = CodeParser, hide_possible_values = true)]
    codes: Vec<Code>,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    /// A table of all codes, or the pages of the named codes
    Text,
    /// One JSON array of codes with their pages in Markdown
    Json,
    /// One YAML list of codes with their pages
    Yaml,
}

/// One code as `-o json` prints it.
#[derive(Serialize)]
struct Entry {
    code: Code,
    name: &'static str,
    severity: Severity,
    summary: &'static str,
    page: &'static str,
}

impl From<Code> for Entry {
    fn from(code: Code) -> Self {
        Entry {
            code,
            name: code.name(),
            severity: code.severity(),
            summary: code.summary(),
            page: code.page(),
        }
    }
}

impl Explain {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let asked = if self.codes.is_empty() {
            Code::ALL
        } else {
            &self.codes
        };
        let text = match self.output {
            Form::Text if self.codes.is_empty() => list(),
            Form::Text => {
                let pages: Vec<String> = asked.iter().map(|code| page(*code, console)).collect();
                pages.join("\n\n")
            }
            Form::Json => encode::json(&entries(asked))?,
            Form::Yaml => encode::yaml(&entries(asked))?,
        };
        console.document(&text).context(UNWRITABLE)?;
        Ok(Exit::Ok)
    }
}

fn entries(codes: &[Code]) -> Vec<Entry> {
    codes.iter().copied().map(Entry::from).collect()
}

fn list() -> String {
    let mut table = table::new(&["CODE", "SEVERITY", "NAME", "MEANING"]);
    for code in Code::ALL {
        table.add_row([
            code.as_str(),
            code.severity().as_str(),
            code.name(),
            code.summary(),
        ]);
    }
    table::lines(&table)
}

/// A page for the terminal: Markdown is made to be read, so all that goes are the marks of headings,
/// labels and code.
fn page(code: Code, console: &Console) -> String {
    let heading = console.style(Style::new().bold().underline());
    let strong = console.style(Style::new().bold());
    let sample = console.style(AnsiColor::Cyan.on_default());
    let mut text = String::new();
    let mut in_sample = false;
    for line in code.page().lines() {
        if line.trim_start().starts_with("```") {
            in_sample = !in_sample;
            continue;
        }
        if in_sample && !line.is_empty() {
            text.push_str(&format!("    {sample}{line}{sample:#}"));
        } else if let Some(title) = line.strip_prefix('#') {
            let title = title.trim_start_matches('#').trim_start();
            text.push_str(&format!("{heading}{title}{heading:#}"));
        } else if let Some((label, rest)) = line
            .strip_prefix("**")
            .and_then(|line| line.split_once("**"))
        {
            text.push_str(&format!("{strong}{label}{strong:#}{rest}"));
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}
