//! Codes on the command line: read by code or by name, completed by the shell, corrected when misspelt.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use imagecache::diagnostic::Code;
use imagecache::validate::nearest;

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
            let known = Code::ALL
                .iter()
                .flat_map(|code| [code.as_str(), code.name()]);
            if let Some(near) = nearest(&text, known) {
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
