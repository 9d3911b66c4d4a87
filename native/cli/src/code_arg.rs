//! Codes on the command line: read by code or by name, completed by the shell, corrected when misspelt.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use imagecache::diagnostic::Code;

/// Reads a [`Code`] from an argument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeParser;

impl TypedValueParser for CodeParser {
    type Value = Code;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Code, clap::Error> {
        let text = value.to_string_lossy();
        text.parse().map_err(|_| {
            let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
            if let Some(argument) = argument {
                error.insert(
                    ContextKind::InvalidArg,
                    ContextValue::String(argument.to_string()),
                );
            }
            error.insert(
                ContextKind::InvalidValue,
                ContextValue::String(text.to_string()),
            );
            if let Some(near) = nearest(&text) {
                error.insert(
                    ContextKind::SuggestedValue,
                    ContextValue::String(near.to_owned()),
                );
            }
            error.insert(
                ContextKind::Suggested,
                ContextValue::StyledStrs(vec![
                    "`imagecache explain` lists every code".to_owned().into(),
                ]),
            );
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Code::ALL.iter().map(|code| {
            PossibleValue::new(code.as_str())
                .alias(code.name())
                .help(code.summary())
        })))
    }
}

/// The code or name that was most likely meant.
fn nearest(text: &str) -> Option<&'static str> {
    Code::ALL
        .iter()
        .flat_map(|code| [code.as_str(), code.name()])
        .map(|known| {
            (
                strsim::jaro(&text.to_ascii_uppercase(), &known.to_ascii_uppercase()),
                known,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
