//! Puts the files of `www/dist` into the crate, where `cargo xtask www` has built them. Without them the crate builds
//! all the same: the command line builds without Node.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let www = root.join("../../www");
    let dist = www.join("dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    // A folder with no `index.html` is no page: a build that was cut off, or none at all.
    if dist.join("index.html").is_file() {
        collect(&dist, "", &mut files)?;
        files.sort();
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let mut table = String::from("&[\n");
    for (number, (name, path)) in files.iter().enumerate() {
        let bytes = fs::read(path)?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        // A copy: the page may be built anew while the compiler is on its way here.
        let copy = out.join(format!("{number}.part"));
        fs::write(&copy, bytes)?;
        let _ = writeln!(table, "    ({name:?}, include_bytes!({copy:?}), {tag:?}),");
    }
    table.push(']');
    fs::write(out.join("files.rs"), table)?;
    let policy = fs::read_to_string(www.join("src/policy.txt"))?;
    println!(
        "cargo::rerun-if-changed={}",
        www.join("src/policy.txt").display()
    );
    let policy: Vec<&str> = policy.lines().collect();
    fs::write(out.join("policy.txt"), policy.join("; "))
}

/// Every file below a folder, by its path in a URL; names that begin with a dot are not of the page.
fn collect(folder: &Path, below: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            collect(&path, &format!("{below}{name}/"), files)?;
        } else {
            files.push((format!("{below}{name}"), path));
        }
    }
    Ok(())
}
