//! Warnings within the bounds of the API server, which cuts what is longer without saying so.

use crate::foreign::steers;

/// Longest warning, in characters (Go's runes). Source: the API server's warning filter.
pub const MAX_WARNING_RUNES: usize = 256;
/// All warnings of one answer together, in characters. Source: the API server's warning filter.
pub const MAX_WARNINGS_RUNES: usize = 4096;

/// Bytes reserved for the line that counts what is left out.
const LAST_LINE: usize = 32;

/// Each warning once, on one line, within both bounds. What does not fit is counted in a last one.
pub(super) fn bounded(warnings: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let (mut runes, mut left_out) = (0, 0_usize);
    for warning in warnings {
        let warning = one_line(&warning);
        if kept.contains(&warning) {
            continue;
        }
        let length = warning.chars().count();
        if left_out > 0 || runes + length > MAX_WARNINGS_RUNES - LAST_LINE {
            left_out += 1;
            continue;
        }
        runes += length;
        kept.push(warning);
    }
    if left_out > 0 {
        kept.push(format!("and {left_out} more"));
    }
    kept
}

/// At most [`MAX_WARNING_RUNES`], without control characters: a header cannot carry them.
fn one_line(warning: &str) -> String {
    let clean = |letter: char| {
        if steers(letter) { '\u{fffd}' } else { letter }
    };
    let long = warning.chars().nth(MAX_WARNING_RUNES).is_some();
    let keep = if long {
        MAX_WARNING_RUNES - 1
    } else {
        MAX_WARNING_RUNES
    };
    let mut line: String = warning.chars().take(keep).map(clean).collect();
    if long {
        line.push('…');
    }
    line
}
