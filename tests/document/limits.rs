//! Every limit, just kept and just passed.

use imagecache::diagnostic::{Code, Diagnostic, Level, Levels, QuotedPart, Report};
use imagecache::document::{
    Document, MAX_ALIAS_BYTES, MAX_BYTES, MAX_DEPTH, MAX_DOCUMENTS, MAX_NODES, MAX_YAML_NODES,
    NODE_BYTES, TextFormat, TextLimits, read, read_within,
};
use imagecache::path::Path;

fn auto(text: &str) -> (Vec<Document>, Vec<Diagnostic>) {
    read(text, TextFormat::Auto, &Levels::default())
}

/// The text is read whole.
fn kept(text: &str) {
    let (documents, findings) = auto(text);
    assert!(!documents.is_empty(), "{:.40}", text);
    assert_eq!(findings, [], "{:.40}", text);
}

/// The text ends at a limit, named so; how many documents were read before.
fn passed(text: &str, message: &str) -> usize {
    let (documents, findings) = auto(text);
    let last = findings.last().unwrap();
    assert_eq!(last.code, Code::IC003, "{:.40}: {last}", text);
    assert_eq!(last.message, message, "{:.40}", text);
    documents.len()
}

#[test]
fn bytes_are_counted_before_anything_is_read() {
    let mut text = "# ".to_owned() + &"x".repeat(MAX_BYTES - 7) + "\na: 1";
    assert_eq!(text.len(), MAX_BYTES);
    kept(&text);
    text.push('2');
    assert_eq!(
        passed(&text, "4194305 bytes of text, at most 4194304 are read"),
        0
    );
}

#[test]
fn depth_is_limited_in_json_yaml_and_through_aliases() {
    let message = "nested deeper than 100 levels";
    let nested = |open: &str, middle: &str, close: &str, depth: usize| {
        open.repeat(depth) + middle + &close.repeat(depth)
    };
    assert_eq!(MAX_DEPTH, 100);
    kept(&nested("[", "1", "]", 100));
    passed(&nested("[", "1", "]", 101), message);
    kept(&nested("{\"a\":", "1", "}", 100));
    passed(&nested("{\"a\":", "1", "}", 101), message);
    passed(&"[".repeat(100_000), message);
    kept(&nested("{a: ", "1", "}", 100));
    passed(&nested("{a: ", "1", "}", 101), message);
    kept(&nested("- ", "1", "", 100));
    passed(&nested("- ", "1", "", 101), message);
    passed(&nested("- ", "1", "", 300), message);
    passed(&nested("[{a: ", "1", "}]", 51), message);
    // Each alias is one level deeper than the one before.
    let chain = |length: usize| {
        let mut text = "a0: &a0 1\n".to_owned();
        for at in 1..length {
            text += &format!("a{at}: &a{at} [*a{}]\n", at - 1);
        }
        text
    };
    kept(&chain(100));
    passed(&chain(101), message);
    passed(&chain(3_000), message);
}

#[test]
fn one_document_too_deep_leaves_the_others_whole() {
    let text = "a: 1\n---\n".to_owned() + &"[".repeat(150) + &"]".repeat(150) + "\n---\nb: 2\n";
    let (documents, findings) = auto(&text);
    assert_eq!(documents.len(), 2);
    assert_eq!(
        (findings.len(), findings[0].code, findings[0].document),
        (1, Code::IC003, 1)
    );
    assert_eq!(
        (
            findings[0].span.unwrap().start.line,
            findings[0].span.unwrap().start.column
        ),
        (3, 101)
    );
}

#[test]
fn documents_are_counted_empty_ones_too() {
    let message = "more than 10000 documents";
    kept(&"---\n1\n".repeat(MAX_DOCUMENTS - 1));
    // The text above the first line `---` is a document, too.
    let read = passed(&"---\n1\n".repeat(MAX_DOCUMENTS), message);
    assert_eq!(read, MAX_DOCUMENTS - 1);
    passed(&"---\n".repeat(MAX_DOCUMENTS), "more than 10000 documents");
    kept(&"{}".repeat(MAX_DOCUMENTS));
    passed(&"{}".repeat(MAX_DOCUMENTS + 1), "more than 10000 documents");
}

#[test]
fn keys_and_values_are_counted_over_all_documents() {
    let message = format!("more than {MAX_NODES} keys and values");
    kept(&format!("[{}1]", "1,".repeat(MAX_NODES - 2)));
    passed(&format!("[{}1]", "1,".repeat(MAX_NODES - 1)), &message);
    let many = format!("[{}1]", "1,".repeat(MAX_NODES / 2));
    assert_eq!(passed(&many.repeat(2), &message), 1);

    let message = format!("more than {MAX_YAML_NODES} keys and values");
    kept(&"- a\n".repeat(MAX_YAML_NODES - 1));
    passed(&"- a\n".repeat(MAX_YAML_NODES), &message);
    assert_eq!(
        passed(&"a: {b: 1}\n---\n".repeat(MAX_YAML_NODES / 5 + 1), &message),
        MAX_YAML_NODES / 5
    );
}

#[test]
fn an_alias_bomb_ends_at_the_count_of_values() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for at in 1..30 {
        let aliases = vec![format!("*a{}", at - 1); 9].join(",");
        text += &format!("a{at}: &a{at} [{aliases}]\n");
    }
    assert_eq!(
        passed(
            &text,
            &format!("more than {MAX_YAML_NODES} keys and values")
        ),
        0
    );
    // An anchor counts twice, for itself and for its aliases; the merge of an alias counts what it brings.
    let merges = "a: &a {b: 1}\nc:\n".to_owned() + &"  <<: *a\n".repeat(MAX_YAML_NODES / 4);
    passed(
        &merges,
        &format!("more than {MAX_YAML_NODES} keys and values"),
    );
}

#[test]
fn aliases_of_a_long_text_end_at_their_bytes() {
    let part = MAX_ALIAS_BYTES / 16;
    let text = |aliases: usize| {
        let long = "x".repeat(part - NODE_BYTES);
        format!("a: &a {long}\nb: [{}]\n", vec!["*a"; aliases].join(","))
    };
    // The value of the anchor is kept as well.
    kept(&text(15));
    let message = format!("more than {MAX_ALIAS_BYTES} bytes repeated by aliases");
    passed(&text(16), &message);
    // The limit holds for all documents together.
    passed(&format!("{}---\n{}", text(7), text(8)), &message);
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for at in 1..10 {
        let aliases = vec![format!("*a{}", at - 1); 10].join(",");
        bomb += &format!("a{at}: &a{at} [{aliases}]\n");
    }
    let mut trusted = TextLimits::default();
    trusted.yaml_nodes = usize::MAX;
    let (_, findings) = read_within(&bomb, TextFormat::Yaml, &Levels::default(), &trusted);
    assert_eq!(findings[0].message, message);
}

#[test]
fn findings_are_limited() {
    let (documents, findings) = auto(&"]\n---\n".repeat(5_000));
    assert_eq!(documents.len(), 0);
    assert_eq!(findings.len(), Report::MAX_FINDINGS + 1);
    assert_eq!(findings.last().unwrap().message, "more than 1000 findings");
    let (_, findings) = auto(&format!("{{{}\"a\":1}}", "\"a\":1,".repeat(5_000)));
    assert_eq!(findings.len(), Report::MAX_FINDINGS + 1);
    assert_eq!(
        findings.last().unwrap().message,
        "4000 more findings omitted, at most 1000 are reported"
    );
}

#[test]
fn a_host_may_allow_more_or_less() {
    let large = "- a\n".repeat(MAX_YAML_NODES);
    let mut more = TextLimits::default();
    more.yaml_nodes = usize::MAX;
    let (documents, findings) = read_within(&large, TextFormat::Auto, &Levels::default(), &more);
    assert_eq!((documents.len(), findings.len()), (1, 0));
    let mut less = TextLimits::default();
    less.bytes = 3;
    let (documents, findings) = read_within("a: 1", TextFormat::Auto, &Levels::default(), &less);
    assert_eq!((documents.len(), findings[0].code), (0, Code::IC003));
    let mut none = TextLimits::default();
    none.nodes = 0;
    none.yaml_nodes = 0;
    none.documents = 0;
    none.bytes = 0;
    assert_eq!(
        read_within("", TextFormat::Auto, &Levels::default(), &none)
            .1
            .len(),
        1
    );
}

#[test]
fn levels_are_obeyed() {
    let mut levels = Levels::default();
    levels.set(Code::IC001, Level::Off);
    levels.set(Code::IC002, Level::Hint);
    let (documents, findings) = read("a: [\n---\nb: 1\nb: 2\n", TextFormat::Auto, &levels);
    assert_eq!((documents.len(), documents[0].index()), (1, 1));
    assert_eq!(findings.len(), 1);
    assert_eq!(
        findings[0].to_string(),
        "b: duplicate key, first defined on line 3; the last value wins"
    );
    assert_eq!(findings[0].severity.as_str(), "hint");
}

#[test]
fn long_keys_do_not_multiply_in_paths() {
    let long = "k".repeat(500_000);
    let text = format!("{{\"{long}\":{{{}\"a\":1}}}}", "\"a\":1,".repeat(2_000));
    let (_, findings) = auto(&text);
    let bytes: usize = findings.iter().map(|finding| finding.path.len()).sum();
    assert!(bytes < 1_000_000, "{bytes} bytes of paths");
}

#[test]
fn long_lists_and_mappings_are_searched_by_a_table() {
    let items = vec!["{\"name\": \"n\"}"; 5_000].join(", ");
    let keys: Vec<String> = (0..5_000).map(|at| format!("\"key{at}\": {at}")).collect();
    let text = format!(
        "{{\"items\": [{items}], \"keys\": {{{}, \"key7\": \"again\"}}}}",
        keys.join(", ")
    );
    let (documents, _) = auto(&text);
    let shown = |path: &Path<'_>, part: QuotedPart| {
        let span = documents[0].locate(path, &part);
        &text[span.start.offset..span.end.offset]
    };
    let (items, keys) = (Path::Root.field("items"), Path::Root.field("keys"));
    for at in [0, 31, 32, 33, 4_999] {
        let name = format!("key{at}");
        assert_eq!(
            shown(&keys.field(&name), QuotedPart::Key),
            format!("\"{name}\"")
        );
        assert_eq!(shown(&keys.field(&name), QuotedPart::Value), at.to_string());
        assert_eq!(
            shown(&items.index(at).field("name"), QuotedPart::Value),
            "\"n\""
        );
    }
    assert_eq!(
        shown(&keys.field("key7"), QuotedPart::Value),
        "\"again\"",
        "the last of two counts"
    );
    assert_eq!(shown(&keys.field("none"), QuotedPart::Value), "\"keys\"");
    assert_eq!(shown(&items.index(5_000), QuotedPart::Value), "\"items\"");
}
