//! Findings in the forms that people and machines read.

mod array;
mod github;
mod gitlab;
mod json;
mod junit;
mod name;
mod row;
mod sarif;
mod text;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use imagecache::diagnostic::{Code, Diagnostic, Severity};
use imagecache::validate::CheckedObject as Object;
use imagecache::validate::OtherDocument;

use crate::console::{Console, visible};
use crate::input::{Fault, Input};

pub(crate) use github::Github;
pub(crate) use gitlab::Gitlab;
pub(crate) use json::Json;
pub(crate) use junit::Junit;
pub(crate) use name::Name;
pub(crate) use sarif::Sarif;
pub(crate) use text::Text;
pub(crate) use yaml::Yaml;

/// What was found in one file.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The file's name, as it was asked for.
    pub(crate) name: String,
    /// Its text; empty when it could not be read.
    pub(crate) text: String,
    /// What was found, in document order.
    pub(crate) findings: Vec<Diagnostic>,
    /// The objects in it, in document order.
    pub(crate) objects: Vec<Object>,
    /// The file could not be read.
    pub(crate) unreadable: bool,
    /// Number of lists without items.
    pub(crate) empty_lists: usize,
    /// The documents that are not manifests.
    pub(crate) skipped: BTreeSet<OtherDocument>,
}

/// The findings of a file, object by object.
struct ByObject<'a> {
    /// One entry an object, in order.
    objects: Vec<(&'a Object, Vec<&'a Diagnostic>)>,
    /// Findings that are about no object: the text itself, or a document that is none.
    rest: Vec<&'a Diagnostic>,
}

impl Checked {
    /// Nothing yet.
    pub(crate) fn new(input: &Input) -> Self {
        Checked {
            name: input.name.clone(),
            text: String::new(),
            findings: Vec::new(),
            objects: Vec::new(),
            unreadable: false,
            empty_lists: 0,
            skipped: BTreeSet::new(),
        }
    }

    /// Notes the documents that were skipped.
    pub(crate) fn skip(&mut self, documents: &[(usize, OtherDocument)]) {
        self.skipped.extend(documents.iter().map(|(_, what)| what));
    }

    /// Returns the reason why a file, or a part of it, was skipped: `values of a Helm chart`.
    pub(crate) fn skip_reason(&self) -> Option<String> {
        let what: Vec<String> = self.skipped.iter().map(ToString::to_string).collect();
        (!what.is_empty()).then(|| what.join(", "))
    }

    /// Returns the line about a file that was skipped.
    pub(crate) fn skip_note(&self) -> Option<String> {
        let reason = self.skip_reason()?;
        let part = if self.objects.is_empty() {
            ""
        } else {
            " in part"
        };
        Some(format!("skipped{part}: {}: {reason}", visible(&self.name)))
    }

    /// Notes that the input could not be read.
    pub(crate) fn unread(&mut self, fault: &Fault) {
        self.findings = vec![fault.diagnostic()];
        self.unreadable = true;
    }

    fn by_object(&self) -> ByObject<'_> {
        let numbered = self.objects.iter().enumerate();
        let number: BTreeMap<(usize, &str), usize> = numbered
            .map(|(number, object)| ((object.document, object.path.as_str()), number))
            .collect();
        let mut sorted = ByObject {
            objects: self
                .objects
                .iter()
                .map(|object| (object, Vec::new()))
                .collect(),
            rest: Vec::new(),
        };
        for found in &self.findings {
            let mut steps = above(&found.path);
            let owner = steps.find_map(|path| number.get(&(found.document, path)));
            match owner.and_then(|number| sorted.objects.get_mut(*number)) {
                Some((_, findings)) => findings.push(found),
                None => sorted.rest.push(found),
            }
        }
        sorted
    }
}

/// A path and every path above it: `items[3].spec`, `items[3]`, `items`, and the empty one.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        let step = path.rfind(['.', '[']).unwrap_or_default();
        (!path.is_empty()).then(|| path.get(..step).unwrap_or_default())
    })
}

/// Returns the arguments by which kubectl finds an object: `deployment.apps/web`, `pod/one -n shop`.
fn kubectl_name(object: &Object) -> String {
    if object.kind.is_empty() {
        return format!("document {}", object.document);
    }
    let kind = object.kind.to_lowercase();
    let group = match object.api_version.split_once('/') {
        Some((group, _)) => format!(".{group}"),
        None => String::new(),
    };
    let namespace = match object.namespace.as_str() {
        "" => String::new(),
        namespace => format!(" -n {namespace}"),
    };
    format!("{kind}{group}/{}{namespace}", object.name)
}

/// A form of output. The expensive part is made where the file was checked, on any thread; it is put down in order.
pub(crate) trait Form: Sync {
    /// What is kept of a file until its turn comes.
    type Part: Send;

    /// Makes what one file adds to the output.
    fn part(&self, checked: &Checked) -> Self::Part;

    /// Writes the text before the first file.
    fn start(&mut self, _console: &mut Console) -> io::Result<()> {
        Ok(())
    }

    /// Writes what one file adds.
    fn put(&mut self, console: &mut Console, part: Self::Part) -> io::Result<()>;

    /// Writes the text after the last file.
    fn end(&mut self, _console: &mut Console, _tally: &Tally) -> io::Result<()> {
        Ok(())
    }
}

/// Counts over all files.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) checked: usize,
    pub(crate) skipped: usize,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) hints: usize,
    pub(crate) unreadable: usize,
    /// Lists without items.
    pub(crate) empty_lists: usize,
    /// Files that were skipped, or a part of them.
    pub(crate) skipped_files: usize,
    /// What they are.
    pub(crate) skipped_as: BTreeSet<OtherDocument>,
    /// Findings that make the exit code 1.
    pub(crate) failing: usize,
    pub(crate) codes: BTreeSet<Code>,
}

impl Tally {
    pub(crate) fn of(file: &Checked, fail_on: Option<Severity>) -> Self {
        let count = |severity| {
            let same = file.findings.iter().filter(|one| one.severity == severity);
            same.count()
        };
        let checked = file.objects.iter().filter(|object| object.checked).count();
        Tally {
            checked,
            skipped: file.objects.len().saturating_sub(checked),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            hints: count(Severity::Hint),
            unreadable: usize::from(file.unreadable),
            empty_lists: file.empty_lists,
            skipped_files: usize::from(!file.skipped.is_empty()),
            skipped_as: file.skipped.clone(),
            failing: file
                .findings
                .iter()
                .filter(|one| fail_on.is_some_and(|least| one.severity >= least))
                .count(),
            codes: file.findings.iter().map(|finding| finding.code).collect(),
        }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.checked += other.checked;
        self.skipped += other.skipped;
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.hints += other.hints;
        self.unreadable += other.unreadable;
        self.empty_lists += other.empty_lists;
        self.skipped_files += other.skipped_files;
        self.skipped_as.extend(other.skipped_as);
        self.failing += other.failing;
        self.codes.extend(other.codes);
    }

    /// Objects of any kind.
    pub(crate) fn objects(&self) -> usize {
        self.checked + self.skipped
    }

    /// Findings of any severity.
    pub(crate) fn findings(&self) -> usize {
        self.errors + self.warnings + self.hints
    }

    /// `3 objects checked, 1 skipped: 2 errors, 1 warning`.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("{} checked", count(self.checked, "object"));
        if self.skipped > 0 {
            text.push_str(&format!(", {} skipped", self.skipped));
        }
        if self.skipped_files > 0 {
            text.push_str(&format!(", {} skipped", count(self.skipped_files, "file")));
        }
        if self.unreadable > 0 {
            text.push_str(&format!(", {} unreadable", count(self.unreadable, "input")));
        }
        let found = [
            (self.errors, "error"),
            (self.warnings, "warning"),
            (self.hints, "hint"),
        ];
        let found: Vec<String> = found
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| count(number, word))
            .collect();
        text.push_str(": ");
        text.push_str(if found.is_empty() {
            "nothing found"
        } else {
            ""
        });
        text.push_str(&found.join(", "));
        text
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
