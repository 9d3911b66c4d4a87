//! `cargo xtask bundles`: builds the policy bundles and writes every file in them that has a source elsewhere.
//!
//! A bundle is a module here with a function `assemble(sh, files)`. What it hands to [`Generated::file`] is written,
//! or, with `--check`, only held against what lies there.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::Shell;

use crate::setup;

mod kubernetes;
mod kubewarden;
mod messages;
mod workload_cel;
mod workloads;

pub(crate) fn run(sh: &Shell, check: bool) -> Result<()> {
    let mut files = Generated {
        root: setup::root()?,
        check,
        stale: Vec::new(),
    };
    workloads::assemble(&mut files)?;
    kubernetes::assemble(sh, &mut files)?;
    kubewarden::assemble(sh, &mut files)?;
    files.finish()
}

/// Files of the repository that are made from a source elsewhere in it.
pub(crate) struct Generated {
    pub(crate) root: PathBuf,
    pub(crate) check: bool,
    stale: Vec<String>,
}

impl Generated {
    /// Writes a file (path from the root), or notes that it is not current.
    pub(crate) fn file(&mut self, path: &str, text: &str) -> Result<()> {
        let place = self.root.join(path);
        if std::fs::read_to_string(&place).is_ok_and(|there| there == text) {
            return Ok(());
        }
        if self.check {
            self.stale.push(path.to_owned());
            return Ok(());
        }
        println!("writing {path}");
        std::fs::write(&place, text).with_context(|| format!("cannot write {path}"))
    }

    fn finish(self) -> Result<()> {
        if self.stale.is_empty() {
            return Ok(());
        }
        bail!(
            "not current: {}; run `cargo xtask bundles`",
            self.stale.join(", ")
        )
    }
}

/// Documents of YAML, below a line that says where they come from.
pub(crate) fn yaml(source: &str, documents: &[Value]) -> Result<String> {
    let texts = documents.iter().map(|document| {
        let text = serde_saphyr::to_string(document).context("cannot write YAML")?;
        Ok(format!("{}\n", text.trim_end()))
    });
    let texts = texts.collect::<Result<Vec<_>>>()?.join("---\n");
    Ok(format!("{}{texts}", made_from(source)))
}

/// The first line of a generated file.
fn made_from(source: &str) -> String {
    format!("# Made by `cargo xtask bundles` from {source}; edit that.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_current() {
        run(&Shell::new().unwrap(), true).unwrap();
    }
}
