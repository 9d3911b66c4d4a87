//! `-o junit`: one suite a file and one case an object, as CI servers show test results.
//!
//! The root element has no totals: the schema makes them optional, and without them suites are written as they come.

use std::collections::BTreeSet;
use std::io;

use imagecache::diagnostic::{Diagnostic, Severity};
use imagecache::foreign::Foreign;
use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::{Checked, Form, Tally, count, kubectl_name};
use crate::console::Console;

/// One suite a file.
pub(crate) struct Junit {
    fail_on: Option<Severity>,
}

/// How one case ended.
enum Case<'a> {
    Passed,
    /// With the reason.
    Skipped(String),
    Failed(Vec<&'a Diagnostic>),
}

impl Junit {
    pub(crate) fn new(fail_on: Option<Severity>) -> Self {
        Junit { fail_on }
    }

    fn fails(&self, found: &Diagnostic) -> bool {
        self.fail_on.is_some_and(|least| found.severity >= least)
    }

    fn case<'a>(&self, checked: bool, found: &[&'a Diagnostic]) -> Case<'a> {
        let failing: Vec<&Diagnostic> = found
            .iter()
            .copied()
            .filter(|one| self.fails(one))
            .collect();
        if !failing.is_empty() {
            Case::Failed(failing)
        } else if checked || !found.is_empty() {
            Case::Passed
        } else {
            Case::Skipped("there are no rules for this kind of object".to_owned())
        }
    }

    fn suite(&self, file: &Checked) -> io::Result<Vec<u8>> {
        let sorted = file.by_object();
        let mut cases: Vec<(String, Vec<&Diagnostic>, Case<'_>)> = Vec::new();
        let mut names = BTreeSet::new();
        for (object, found) in sorted.objects {
            let case = self.case(object.checked, &found);
            let mut name = kubectl_name(object);
            if !names.insert(name.clone()) {
                let place = format!("document {} {}", object.document, object.path);
                name = format!("{name} ({})", place.trim_end());
            }
            cases.push((name, found, case));
        }
        if !sorted.rest.is_empty() {
            let case = self.case(true, &sorted.rest);
            cases.push(("the file itself".to_owned(), sorted.rest, case));
        }
        if let Some(reason) = file.skip_reason() {
            let name = "documents that are not manifests".to_owned();
            cases.push((name, Vec::new(), Case::Skipped(reason)));
        }
        let number = |which: fn(&Case<'_>) -> bool| {
            cases
                .iter()
                .filter(|(_, _, case)| which(case))
                .count()
                .to_string()
        };
        let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
        xml.create_element("testsuite")
            .with_attribute(("name", shown(&file.name).as_str()))
            .with_attribute(("tests", number(|_| true).as_str()))
            .with_attribute((
                "failures",
                number(|case| matches!(case, Case::Failed(_))).as_str(),
            ))
            .with_attribute(("errors", "0"))
            .with_attribute((
                "skipped",
                number(|case| matches!(case, Case::Skipped(_))).as_str(),
            ))
            .write_inner_content(|xml| {
                for (name, found, case) in &cases {
                    self.write_case(xml, file, name, found, case)?;
                }
                Ok(())
            })?;
        let mut xml = xml.into_inner();
        xml.push(b'\n');
        Ok(xml)
    }

    fn write_case(
        &self,
        xml: &mut Writer<Vec<u8>>,
        file: &Checked,
        name: &str,
        found: &[&Diagnostic],
        case: &Case<'_>,
    ) -> io::Result<()> {
        let told: Vec<&Diagnostic> = found
            .iter()
            .copied()
            .filter(|one| !self.fails(one))
            .collect();
        let element = xml
            .create_element("testcase")
            .with_attribute(("name", shown(name).as_str()))
            .with_attribute(("classname", shown(&file.name).as_str()));
        if matches!(case, Case::Passed) && told.is_empty() {
            element.write_empty()?;
            return Ok(());
        }
        element.write_inner_content(|xml| {
            match case {
                Case::Passed => {}
                Case::Skipped(reason) => {
                    xml.create_element("skipped")
                        .with_attribute(("message", reason.as_str()))
                        .write_empty()?;
                }
                Case::Failed(failing) => write_failure(xml, file, failing)?,
            }
            if !told.is_empty() {
                let text = lines(file, &told);
                xml.create_element("system-out")
                    .write_text_content(BytesText::new(&text))?;
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// One failure holds every finding that fails: readers of the format show only one.
fn write_failure(
    xml: &mut Writer<Vec<u8>>,
    file: &Checked,
    failing: &[&Diagnostic],
) -> io::Result<()> {
    let first = failing.first().map(|first| (first.code, first.to_string()));
    let (code, first) = first.map_or(("", String::new()), |(code, first)| (code.as_str(), first));
    let message = match failing.len() {
        1 => first,
        number => format!("{}, the first: {first}", count(number, "finding")),
    };
    xml.create_element("failure")
        .with_attribute(("message", shown(&message).as_str()))
        .with_attribute(("type", code))
        .write_text_content(BytesText::new(&lines(file, failing)))?;
    Ok(())
}

/// One line a finding: `a.yaml:3:5: error[IC022]: spec.images: 21 images, at most 20 allowed`.
fn lines(file: &Checked, found: &[&Diagnostic]) -> String {
    let mut text = String::new();
    for found in found {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&shown(&file.name));
        if let Some(span) = found.span {
            text.push_str(&format!(":{}:{}", span.start.line, span.start.column));
        }
        text.push_str(&format!(": {}[{}]: {found}", found.severity, found.code));
        if let Some(help) = &found.help {
            text.push_str("\n  ");
            text.push_str(&shown(help));
        }
    }
    text
}

/// Returns a text as one line of XML.
fn shown(text: &str) -> String {
    Foreign(text).xml().to_string()
}

impl Form for Junit {
    type Part = io::Result<Vec<u8>>;

    fn part(&self, checked: &Checked) -> Self::Part {
        self.suite(checked)
    }

    fn start(&mut self, console: &mut Console) -> io::Result<()> {
        console.document("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"imagecache validate\">\n")
    }

    fn put(&mut self, console: &mut Console, part: Self::Part) -> io::Result<()> {
        console.document(&String::from_utf8_lossy(&part?))
    }

    fn end(&mut self, console: &mut Console, _tally: &Tally) -> io::Result<()> {
        console.document("</testsuites>\n")
    }
}
