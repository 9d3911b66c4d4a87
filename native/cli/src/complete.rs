//! `imagecache __complete`: completions for `kubectl imagecache`, by the protocol of Cobra, which kubectl speaks with
//! `kubectl_complete-imagecache`.

use std::ffi::OsString;

use anyhow::Context as _;
use imagecache::foreign::Foreign;

use crate::console::{Console, UNWRITABLE};
use crate::exit::Exit;

/// Directive of Cobra: do not complete names of files besides.
const NO_FILES: u8 = 4;
/// Directive of Cobra: add no space after the completion, because it is a directory.
const NO_SPACE: u8 = 2;

/// Print the completions of the last word, one a line, and a directive
#[derive(Debug, clap::Args)]
pub(crate) struct Complete {
    /// Words after `kubectl imagecache`; the last one is completed
    #[arg(
        value_name = "WORD",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

impl Complete {
    pub(crate) fn run(
        &self,
        command: &mut clap::Command,
        console: &mut Console,
    ) -> anyhow::Result<Exit> {
        let mut words = vec![OsString::from("imagecache")];
        words.extend(self.words.iter().cloned());
        if self.words.is_empty() {
            words.push(OsString::new());
        }
        let last = words.len() - 1;
        let here = std::env::current_dir().ok();
        // A word that no option takes has no completion.
        let found = clap_complete::engine::complete(command, words, last, here.as_deref());
        let found = found.unwrap_or_default();
        let mut directive = if found.is_empty() { 0 } else { NO_FILES };
        for candidate in &found {
            let value = candidate.get_value().to_string_lossy();
            if value.ends_with('/') {
                directive |= NO_SPACE;
            }
            let help = candidate.get_help().map(ToString::to_string);
            let help = help.as_deref().and_then(|help| help.lines().next());
            let value = Foreign(&value).line();
            let line = match help {
                Some(help) => format!("{value}\t{}\n", Foreign(help).line()),
                None => format!("{value}\n"),
            };
            console.document(&line).context(UNWRITABLE)?;
        }
        console
            .line(format_args!(":{directive}"))
            .context(UNWRITABLE)?;
        Ok(Exit::Ok)
    }
}
