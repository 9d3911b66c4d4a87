//! The two ends of the pipe: standard input, files of every kind, closed readers, full disks, terminals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod common;

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use common::{imagecache, run, stderr, stdout};

const VALID: &str = include_str!("data/valid.yaml");

/// Returns what a process writes to stderr until it ends.
fn errors(child: &mut Child) -> String {
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn standard_input_is_a_file_called_stdin() {
    let output = imagecache(&["validate", "-f", "-"])
        .stdin(VALID.replace("imageCacheSize: 40", "imageCacheSize: 4"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("--> <stdin>:11:19\n"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn validate_empty_input_fails() {
    for input in ["", "\n", "---\n", "# nothing\n"] {
        let output = imagecache(&["validate", "-f", "-"])
            .stdin(input)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{input:?}");
        assert!(
            stderr(&output).contains("the input has no object"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn an_escape_code_in_the_input_never_reaches_the_terminal() {
    let evil = "evil\u{1b}[31m";
    let manifest = VALID.replace("name: web", &format!("name: \"{evil}\""));
    for form in ["text", "json", "yaml", "name", "sarif", "junit", "github"] {
        let output = imagecache(&["validate", "-o", form, "-f", "-"])
            .stdin(manifest.as_str())
            .output()
            .unwrap();
        assert!(
            !output.stdout.contains(&0x1b),
            "{form}: {}",
            stdout(&output)
        );
    }
    for args in [
        &["validate", "-o", "github", evil][..],
        &["reference", evil],
        &["reference", "-o", "json", evil],
        &["validate", evil],
        &["match", evil],
    ] {
        let output = run(args);
        assert!(
            !output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b),
            "{args:?}"
        );
    }
}

#[test]
fn a_reader_that_leaves_early_leaves_the_exit_code() {
    for (last, code) in [("nginx", 0), ("no name", 1)] {
        let mut names = Vec::new();
        for number in 0..200_000 {
            names.extend(format!("registry.example.com/team/app:{number}\n").into_bytes());
        }
        names.extend(last.as_bytes());
        let mut child = Command::new(env!("CARGO_BIN_EXE_imagecache"))
            .args(["reference", "-o", "json", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&names).unwrap());
        let mut first = [0; 64];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let said = errors(&mut child);
        writer.join().unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), said.as_str()),
            (Some(code), "")
        );
    }
}

#[test]
fn a_full_disk_is_a_failure_and_says_so() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        println!("SKIP: there is no /dev/full here");
        return;
    };
    for args in [
        &["crd"][..],
        &["schema"],
        &["explain"],
        &["completions", "bash"],
        &["reference", "nginx"],
        &["validate", "tests/data/many.yaml"],
        &["match", "tests/data/match"],
        &["--help"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_imagecache"))
            .args(args)
            .stdout(full.try_clone().unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{args:?}");
        assert!(
            stderr(&output).contains("cannot write standard output: no space left"),
            "{args:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn file_not_text_reports_place() {
    for (file, said) in [
        (
            "tests/data/latin1.yaml",
            "byte 0xe9 at offset 74 is not UTF-8",
        ),
        (
            "tests/data/utf16.yaml",
            "byte 0xff at offset 0 is not UTF-8",
        ),
        (
            "tests/data/picture.png",
            "byte 0x89 at offset 0 is not UTF-8",
        ),
    ] {
        let output = run(&["validate", file]);
        assert_eq!(output.status.code(), Some(3), "{file}");
        assert!(stdout(&output).contains(said), "{}", stdout(&output));
        let output = run(&["match", file]);
        assert_eq!(output.status.code(), Some(3), "{file}");
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

#[test]
fn one_unreadable_file_does_not_hide_the_others() {
    let output = run(&[
        "validate",
        "tests/data/missing.yaml",
        "tests/data/invalid.yaml",
    ]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains("error[IC005]: cannot be read: no such file or directory"));
    assert!(stdout(&output).contains("error[IC022]: spec.images: 21 images, at most 20 allowed"));
    assert!(stdout(&output).contains("8 objects checked, 1 input unreadable: "));
}

#[test]
fn colour_follows_the_flag_and_the_environment() {
    let colored = |args: &[&str], env: &[(&str, &str)]| {
        let output = imagecache(args).envs(env.iter().copied()).output().unwrap();
        output.stdout.contains(&0x1b)
    };
    let validate = &["validate", "tests/data/invalid.yaml"][..];
    assert!(!colored(validate, &[]), "a pipe is no terminal");
    assert!(colored(validate, &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(
        validate,
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
    ));
    assert!(colored(
        &["--color", "always", "explain", "IC022"],
        &[("NO_COLOR", "1")]
    ));
    assert!(!colored(
        &["explain", "IC022", "--color=never"],
        &[("CLICOLOR_FORCE", "1")]
    ));
    for form in ["json", "yaml", "name", "sarif", "junit", "github"] {
        assert!(
            !colored(
                &[
                    "validate",
                    "-o",
                    form,
                    "tests/data/invalid.yaml",
                    "--color=always"
                ],
                &[]
            ),
            "{form}"
        );
    }
}

#[cfg(unix)]
#[test]
fn file_unreadable_or_link_loop_is_reported() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = std::env::temp_dir().join(format!("imagecache-streams-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("below")).unwrap();
    let secret = folder.join("secret.yaml");
    std::fs::write(&secret, VALID).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    symlink(&folder, folder.join("below/again")).unwrap();
    let output = run(&["validate", "-R", folder.to_str().unwrap()]);
    let said = stdout(&output).to_owned();
    let readable = std::fs::read(&secret).is_ok();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("the link leads to a directory above it"),
        "{said}"
    );
    // The superuser may read everything.
    assert!(
        readable || said.contains("cannot be read: permission denied"),
        "{said}"
    );
}

#[test]
fn a_hundred_thousand_names_are_answered_in_order() {
    let names: String = (0..100_000)
        .map(|number| format!("registry.example.com/team/app:{number}\n"))
        .collect();
    let output = imagecache(&["reference", "-o", "name", "-f", "-"])
        .stdin(names.as_str())
        .output()
        .unwrap();
    assert_eq!(stdout(&output), names);
}

#[test]
fn a_line_that_cannot_be_a_name_ends_its_file_only() {
    let folder = std::env::temp_dir();
    let long = folder.join(format!("imagecache-long-{}.txt", std::process::id()));
    std::fs::write(&long, format!("nginx\n{}\nredis\n", "x".repeat(3 << 20))).unwrap();
    let output = run(&[
        "reference",
        "-o",
        "name",
        "-f",
        long.to_str().unwrap(),
        "-f",
        "tests/data/names.txt",
    ]);
    std::fs::remove_file(&long).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("line 2 is longer than 1048576 bytes"),
        "{}",
        stderr(&output)
    );
    assert!(
        stdout(&output)
            .starts_with("docker.io/library/nginx:latest\ndocker.io/library/nginx:latest\n")
    );
}

#[test]
fn the_name_of_kubectls_plugin_shows_in_its_usage() {
    let folder = std::env::temp_dir().join(format!("imagecache-plugin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let plugin = folder.join(format!(
        "kubectl-imagecache{}",
        std::env::consts::EXE_SUFFIX
    ));
    std::fs::copy(env!("CARGO_BIN_EXE_imagecache"), &plugin).unwrap();
    let output = Command::new(&plugin).arg("validate").output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(
        stderr(&output).contains("Usage: kubectl imagecache validate"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn completions_contain_verbs_options_and_codes() {
    for (shell, words) in [
        ("bash", &["validate", "fail-on", "IC022"][..]),
        ("fish", &["validate", "fail-on", "IC022"]),
        ("zsh", &["validate", "fail-on", "IC022"]),
        ("elvish", &["validate", "fail-on"]),
        ("powershell", &["validate", "fail-on"]),
    ] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        for word in words {
            assert!(stdout(&output).contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn validate_with_findings_fails_though_the_reader_left() {
    let invalid = VALID.replace("imageCacheSize: 40", "imageCacheSize: 4");
    let many = format!("{invalid}---\n").repeat(300);
    for (text, code) in [(many, 1), (format!("{VALID}---\n"), 0)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_imagecache"))
            .args(["validate", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // No reader is there from the start: every write fails.
        drop(child.stdout.take());
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let said = errors(&mut child);
        assert_eq!(
            (child.wait().unwrap().code(), said.as_str()),
            (Some(code), "")
        );
    }
}

#[test]
fn line_forms_escape_line_ends_of_the_input() {
    let pod = r#"{"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a\nb", "namespace": "x\u2028y", "annotations": {"k8s.aliyun.com/eci-imc-id": 7}},
        "spec": {"containers": [{"name": "a", "image": "nginx"}]}}"#;
    let run = |args: &[&str]| {
        let output = imagecache(args).stdin(pod).output().unwrap();
        stdout(&output).to_owned()
    };
    assert_eq!(
        run(&["validate", "-o", "name", "-f", "-"]),
        "pod/a\\nb -n x\\u{2028}y\n"
    );
    let junit = run(&["validate", "-o", "junit", "-f", "-"]);
    assert!(junit.contains(r"pod/a\nb -n x\u{2028}y"), "{junit}");
    let table = run(&["match", "--fail-on", "never", "-f", "-"]);
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains(r"x\u{2028}y/a\nb"), "{table}");
}

#[test]
fn validate_an_empty_list_is_not_an_error() {
    let list = "apiVersion: v1\nkind: List\nitems: []\n";
    let output = imagecache(&["validate", "-f", "-"])
        .stdin(list)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), "0 objects checked: nothing found\n");
    assert_eq!(stderr(&output), "");
}

#[test]
fn validate_names_have_their_namespace() {
    let pods: String = ["one", "two", "two"]
        .map(|namespace| {
            format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: {namespace}, annotations: {{k8s.aliyun.com/eci-imc-id: 7}}}}\nspec: {{containers: [{{name: a, image: nginx}}]}}\n---\n")
        })
        .concat();
    let run = |form| {
        let output = imagecache(&["validate", "-o", form, "-f", "-"])
            .stdin(pods.as_str())
            .output()
            .unwrap();
        stdout(&output).to_owned()
    };
    assert_eq!(
        run("name"),
        "pod/web -n one\npod/web -n two\npod/web -n two\n"
    );
    let junit = run("junit");
    for name in [
        "pod/web -n one\"",
        "pod/web -n two\"",
        "pod/web -n two (document 2)\"",
    ] {
        assert_eq!(junit.matches(name).count(), 1, "{name}: {junit}");
    }
}
