//! 20,000 damaged manifests, read here and by a real `kubectl`.
//!
//! `mutants.txt` holds what `kubectl` answered, a line for each manifest in `mutants/`: `x` and what it read before it
//! refused, `r` and what it read, `u` where it read the text but does not show the value. What was read is a hash.
//! Ask again, and write the file anew, with a `kubectl` on the `PATH`:
//!
//! ```sh
//! IMAGECACHE_RECORD=1 cargo test -p imagecache --test document -- --ignored mutants_recording
//! ```
//!
//! Every difference belongs to a class in `mutants.toml`, which says why.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path as FilePath;
use std::process::Command;

use imagecache::diagnostic::{Code, Levels};
use imagecache::document::{TextFormat, read};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const MUTANTS: usize = 20_000;

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// FNV-1a, folded to 32 bits.
fn hash(text: &str) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d]) ^ u32::from_be_bytes([e, f, g, h])
}

/// What is put between any two characters.
const PIECES: &[&str] = &[
    "\t", " ", "  ", "\n", "\r", "\r\n", "\u{85}", "\u{2028}", "\u{2029}", "\u{a0}", "\u{feff}",
    "\u{0}", "\u{7}", "\u{9b}", "\u{fffe}", "é", "😀", ":", ": ", "- ", "-", "? ", "?", "#", " #",
    "\"", "'", "''", "\\", "[", "]", "{", "}", ",", "&a ", "*a", "&a", "!", "!!str ", "!!int ",
    "!x ", "!!", "%", "@", "`", "|", ">", "|\n", ">-\n", "---", "...", "\n---\n", "\n...\n",
    "<<: ", "{{", "}}", "=", "~", "\n\t", "\n\n", "\n ", "\\u", "\\x41", "\\/",
];

/// What takes the place of a value.
const VALUES: &[&str] = &[
    "0o7",
    "0x1F",
    "1_0",
    "0b1",
    "1e3",
    ".inf",
    ".nan",
    "-",
    "=",
    "~",
    "null",
    "yes",
    "off",
    "2001-01-01",
    "<<",
    "1.0",
    "0123",
    "18446744073709551615",
    "!!binary aGk=",
    "!!str 1",
    "!!int a",
    "! a",
    "&a a",
    "*a",
    "&a [*a]",
    "|",
    "|2-",
    ">",
    "|+\n  a\n\n",
    ">-\n  a\n   b\n  c\n",
    "|\n\t a",
    "\"a\n  b\"",
    "'a\nb'",
    "\"a\\\n b\"",
    "\"\\ud83d\\ude00\"",
    "\"\\N\\_\\L\\P\\e\\0\"",
    "\"\\q\"",
    "'it''s'",
    "a: b",
    "a #b",
    "a#b",
    "\"a\"#b",
    "'a' 'b'",
    "[a, b",
    "[a:b]",
    "[a:]",
    "{a}",
    "{a: b, c}",
    "{a:b}",
    "{\"a\":b}",
    "[? a]",
    "[a: b]",
    "[- a]",
    "[,]",
    "[a,]",
    "{? a: b}",
    "{: a}",
    "a\n b",
    "a\nb",
    "a\n\tb",
    "@a",
    "`a",
    "%a",
    "-a",
    "?a",
    ":a",
    "- a",
    "? a",
    "\t a",
    "a\t",
    "{{ .Values.a }}",
    "\"{{ .Values.a }}\"",
];

/// What becomes a line of its own.
const LINES: &[&str] = &[
    "\t",
    "  \t",
    " ",
    "\t# note",
    "# note\u{2028}a: b",
    "# note\u{85}a: b",
    "# note\ra: b",
    ":::",
    "---",
    "--- ",
    "---x",
    "--- # note",
    "---\t",
    "...",
    "... # note",
    "...x",
    "%YAML 1.1",
    "%TAG ! a",
    "%a",
    "{{- if .Values.a }}",
    "{{ end }}",
    "\u{feff}",
    "a",
    "a:",
    "a: b",
    "- a",
    "? a",
    ": a",
    "? a\n: b",
    "]",
    "}",
    "'",
    "\"",
    "<<: {a: b}",
    "<<: a",
    "a: &a b",
    "*a : b",
    "&a",
    "!!str",
    "~: a",
    "[a]: b",
    "{a: b}: c",
    "1: a",
    "yes: a",
    "a: b: c",
    "a : b",
    "\"a\" : b",
    "\"a\": b",
    "'a':b",
    "=: a",
];

/// Where each line starts, and where it ends without its break.
fn lines(text: &str) -> Vec<(usize, usize)> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let from = start;
            start += line.len();
            (from, from + line.trim_end_matches(['\n', '\r']).len())
        })
        .collect()
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Makes one change.
fn mutate(text: &mut String, random: &mut Random) {
    let lines = lines(text);
    if lines.is_empty() {
        text.push_str(random.of(LINES));
        return;
    }
    let (start, end) = lines[random.below(lines.len())];
    let line = text[start..end].to_owned();
    let boundaries: Vec<usize> = line
        .char_indices()
        .map(|(at, _)| start + at)
        .chain([end])
        .collect();
    let place = boundaries[random.below(boundaries.len())];
    match random.below(12) {
        0..3 => text.insert_str(place, random.of(PIECES)),
        3 => {
            let until = (place + 1 + random.below(3)).min(end);
            let until = (until..=end).find(|at| text.is_char_boundary(*at)).unwrap();
            text.replace_range(place..until, random.of(&["", "", "\t", " ", "x"]));
        }
        4..6 => {
            let lead = if random.below(3) == 0 {
                0
            } else {
                indentation(&line)
            };
            text.insert_str(
                start,
                &format!("{}{}\n", " ".repeat(lead), random.of(LINES)),
            );
        }
        6..9 => {
            let value = match line.find(": ") {
                Some(colon) => start + colon + 2,
                None => match line.find("- ") {
                    Some(dash) => start + dash + 2,
                    None => place,
                },
            };
            text.replace_range(value..end, random.of(VALUES));
        }
        9 => match random.below(4) {
            0 => text.insert_str(start, random.of(&[" ", "  ", "\t", "    "])),
            1 => text.replace_range(
                start..start + indentation(&line).min(1 + random.below(3)),
                "",
            ),
            2 => text.insert_str(start, &format!("{line}\n")),
            _ => text.replace_range(start..end, ""),
        },
        10 => {
            let spaces: Vec<usize> = text.match_indices(' ').map(|(at, _)| at).collect();
            if !spaces.is_empty() {
                let space = spaces[random.below(spaces.len())];
                text.replace_range(
                    space..=space,
                    random.of(&["\t", "\n", " \t", "\u{a0}", "\n\t", "\n    "]),
                );
            }
        }
        _ => match random.below(6) {
            0 => *text = text.replace('\n', "\r\n"),
            1 => *text = text.replacen('\n', "\r", 1 + random.below(3)),
            2 => text.insert(0, '\u{feff}'),
            3 => text.truncate(place),
            4 => *text = text.trim_end().to_owned(),
            _ => text.push_str(random.of(LINES)),
        },
    }
}

fn data(name: &str) -> std::path::PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/document")
        .join(name)
}

/// The name of each manifest, and its mutants.
fn mutants() -> BTreeMap<String, Vec<String>> {
    let mut manifests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let files: Vec<_> = fs::read_dir(data("mutants"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let each = MUTANTS / files.len();
    for file in &files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let manifest = fs::read_to_string(file).unwrap();
        let mutant = |number: usize| {
            let mut random = Random(u64::from(hash(&name)) << 32 | number as u64);
            let mut text = manifest.clone();
            for _ in 0..1 + random.below(3) {
                mutate(&mut text, &mut random);
            }
            text
        };
        manifests.insert(name.clone(), (0..each).map(mutant).collect());
    }
    manifests
}

/// Writes a value so that equal values are equal texts: `kubectl` shows what 64 signed bits do not hold as a float.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(int) => write!(out, "{int}").unwrap(),
            None => write!(out, "{:e}", number.as_f64().unwrap() + 0.0).unwrap(),
        },
        Value::Array(items) => {
            out.push('[');
            items.iter().for_each(|item| canonical(item, out));
            out.push(']');
        }
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            out.push('{');
            for (name, member) in sorted {
                write!(out, "{name:?}:").unwrap();
                canonical(member, out);
            }
            out.push('}');
        }
        other => write!(out, "{other},").unwrap(),
    }
}

fn hash_of<'a>(documents: impl Iterator<Item = &'a Value>) -> u32 {
    let mut text = String::new();
    documents.for_each(|document| canonical(document, &mut text));
    hash(&text)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Read(u32),
    /// With what was read before.
    Refused(u32),
    /// Read, but not shown.
    Unknown,
}

/// With the annotation that `kubectl annotate` adds. It adds none to `metadata: null`, and drops all others beside one
/// that is null.
fn annotated(value: &Value) -> Value {
    let mut value = value.clone();
    let metadata = value
        .as_object_mut()
        .map(|object| object.entry("metadata").or_insert_with(|| json!({})));
    if let Some(metadata) = metadata.and_then(Value::as_object_mut) {
        metadata.retain(|key, value| key != "namespace" || !value.is_null() && value != "");
        let annotations = metadata.entry("annotations").or_insert(Value::Null);
        let has_null = |members: &Map<String, Value>| members.values().any(Value::is_null);
        if annotations.is_null() || annotations.as_object().is_some_and(has_null) {
            *annotations = json!({});
        }
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert("zz".to_owned(), json!("1"));
        }
    }
    value
}

/// Whether `kubectl` shows the document as it is: not a value that is not an object, nor a list, which it takes apart.
fn is_shown(document: &Value) -> bool {
    let is_text = |key: &str| document[key].as_str().is_some_and(|text| !text.is_empty());
    is_text("apiVersion") && is_text("kind") && !document["items"].is_array()
}

/// What the library answers, and the first message about syntax.
fn ours(text: &str) -> (Answer, String) {
    let (documents, findings) = read(text, TextFormat::Auto, &Levels::default());
    let fault = findings
        .iter()
        .find(|finding| matches!(finding.code, Code::IC001 | Code::IC003));
    let end = fault.map_or(usize::MAX, |fault| fault.document);
    let read: Vec<Value> = documents
        .iter()
        .filter(|document| document.index() < end)
        .map(|document| annotated(document.value()))
        .collect();
    let hash = hash_of(read.iter());
    let answer = match fault {
        _ if !read.iter().all(is_shown) => Answer::Unknown,
        None => Answer::Read(hash),
        Some(_) => Answer::Refused(hash),
    };
    (
        answer,
        fault.map(|fault| fault.message.clone()).unwrap_or_default(),
    )
}

/// Asks `kubectl` about some texts at once. A marker after each file separates what it prints.
fn kubectl(texts: &[&String]) -> Vec<Answer> {
    let folder = std::env::temp_dir().join(format!("imagecache-mutants-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (number, text) in texts.iter().enumerate() {
        fs::write(folder.join(format!("{number:05}.yaml")), text).unwrap();
        let marker = format!("apiVersion: v1\nkind: Marker\nmetadata: {{name: \"{number}\"}}\n");
        fs::write(folder.join(format!("{number:05}z.yaml")), marker).unwrap();
    }
    let output = Command::new("kubectl")
        .args(["annotate", "--local", "-o", "json", "zz=1", "-f"])
        .arg(&folder)
        .output()
        .expect("kubectl is on the PATH");
    let mut refused = HashMap::new();
    let errors = String::from_utf8_lossy(&output.stderr);
    for (prefix, is_syntax) in [("error parsing ", true), ("unable to decode \"", false)] {
        let prefix = format!("{prefix}{}/", folder.display());
        for error in errors.split(&prefix).skip(1) {
            // Not being an object is not a matter of syntax.
            let line = error.lines().next().unwrap_or_default();
            let is_syntax = is_syntax && !line.contains("json: cannot unmarshal");
            refused.insert(error[..5].parse::<usize>().unwrap(), is_syntax);
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    let mut answers = Vec::new();
    let mut documents = Vec::new();
    for document in serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>() {
        let document = document.unwrap();
        if document["kind"] != "Marker" {
            documents.push(document);
            continue;
        }
        let hash = hash_of(documents.iter());
        answers.push(match refused.get(&answers.len()) {
            Some(true) => Answer::Refused(hash),
            Some(false) => Answer::Unknown,
            None => Answer::Read(hash),
        });
        documents.clear();
    }
    assert_eq!(answers.len(), texts.len(), "{errors}");
    answers
}

fn recorded() -> HashMap<String, Vec<Answer>> {
    let record = fs::read_to_string(data("mutants.txt")).unwrap();
    let line = |line: &str| {
        let (name, answers) = line.split_once(' ').unwrap();
        let answers = answers.split(' ').map(|answer| {
            let hash = || u32::from_str_radix(&answer[1..], 36).unwrap();
            match answer.as_bytes()[0] {
                b'r' => Answer::Read(hash()),
                b'x' if answer == "x" => Answer::Refused(self::hash("")),
                b'x' => Answer::Refused(hash()),
                _ => Answer::Unknown,
            }
        });
        (name.to_owned(), answers.collect())
    };
    record.lines().map(line).collect()
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(number % 36, 36).unwrap());
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

fn record(answers: &BTreeMap<String, Vec<Answer>>) -> String {
    let mut record = String::new();
    for (name, answers) in answers {
        record.push_str(name);
        for answer in answers {
            match answer {
                Answer::Read(hash) => write!(record, " r{}", base36(*hash)).unwrap(),
                Answer::Refused(hash) if *hash == self::hash("") => record.push_str(" x"),
                Answer::Refused(hash) => write!(record, " x{}", base36(*hash)).unwrap(),
                Answer::Unknown => record.push_str(" u"),
            }
        }
        record.push('\n');
    }
    record
}

#[test]
#[ignore = "asks kubectl about 20,000 texts"]
fn yaml_mutants_recording_matches_kubectl() {
    let ask = |(name, texts): (String, Vec<String>)| {
        let texts: Vec<&String> = texts.iter().collect();
        (name, texts.chunks(250).flat_map(kubectl).collect())
    };
    let answers: BTreeMap<String, Vec<Answer>> = mutants().into_iter().map(ask).collect();
    if std::env::var_os("IMAGECACHE_RECORD").is_some() {
        fs::write(data("mutants.txt"), record(&answers)).unwrap();
    }
    assert!(record(&answers) == fs::read_to_string(data("mutants.txt")).unwrap());
}

/// Why the library and `kubectl` answer differently.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    reason: String,
    /// A pattern of `read`, `refused` and `unknown`.
    ours: String,
    kubectl: String,
    /// A pattern of the library's message.
    #[serde(default)]
    message: String,
    /// A pattern of the text.
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Classes {
    class: Vec<Class>,
}

fn kind(answer: Answer) -> &'static str {
    match answer {
        Answer::Read(_) => "read",
        Answer::Refused(_) => "refused",
        Answer::Unknown => "unknown",
    }
}

#[test]
fn yaml_mutants_match_kubectl() {
    let Classes { class: classes } =
        toml::from_str(&fs::read_to_string(data("mutants.toml")).unwrap()).unwrap();
    assert!(classes.len() <= 10, "at most ten classes of difference");
    assert!(classes.iter().all(|class| !class.reason.is_empty()));
    let patterns: Vec<[Regex; 4]> = classes
        .iter()
        .map(|class| {
            [&class.ours, &class.kubectl, &class.message, &class.text]
                .map(|pattern| Regex::new(pattern).unwrap())
        })
        .collect();
    let recorded = recorded();
    let mutants: Vec<(String, Vec<String>)> = mutants().into_iter().collect();
    let compared = |part: &[(String, Vec<String>)]| {
        let mut met = Vec::new();
        for (name, texts) in part {
            assert_eq!(recorded[name].len(), texts.len(), "{name}: record again");
            for (text, theirs) in texts.iter().zip(&recorded[name]) {
                let (ours, message) = ours(text);
                met.push((name.clone(), text.clone(), ours, *theirs, message));
            }
        }
        met
    };
    let half = mutants.split_at(mutants.len() / 2);
    let met = std::thread::scope(|scope| {
        let second = scope.spawn(|| compared(half.1));
        [compared(half.0), second.join().unwrap()].concat()
    });
    let shown = met
        .iter()
        .filter(|(_, _, ours, theirs, _)| ours == theirs)
        .count();
    let mut used = vec![0; classes.len()];
    let mut wrong = Vec::new();
    for (name, text, ours, theirs, message) in &met {
        let agree = match (*ours, *theirs) {
            (Answer::Unknown, _) => true,
            // `kubectl` stops at the first document that is not an object.
            (Answer::Refused(_), Answer::Unknown) => text.contains("\n---"),
            (_, Answer::Unknown) => true,
            (ours, theirs) => ours == theirs,
        };
        if agree {
            continue;
        }
        let class = (0..classes.len()).find(|at| {
            let facts = [kind(*ours), kind(*theirs), message, text];
            patterns[*at]
                .iter()
                .zip(facts)
                .all(|(pattern, fact)| pattern.is_match(fact))
        });
        match class {
            Some(class) => used[class] += 1,
            None => wrong.push((ours, theirs, message, name, text)),
        }
    }
    let met = met.len();
    println!("{met} mutants, {shown} of the same value; differences by class: {used:?}");
    assert!(met >= 19_000 && shown * 10 > met * 8, "{shown} of {met}");
    let first: Vec<_> = wrong.iter().take(10).collect();
    assert!(wrong.is_empty(), "{} of {met}:\n{first:#?}", wrong.len());
    let unused: Vec<&String> = classes
        .iter()
        .zip(&used)
        .filter(|(_, used)| **used == 0)
        .map(|(class, _)| &class.reason)
        .collect();
    assert!(unused.is_empty(), "no mutant differs so: {unused:?}");
}
