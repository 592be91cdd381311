//! Writing to the terminal, in one place: nothing here panics, and no name or value from a file can steer a terminal.
//!
//! - [`say`] writes what a program has found to standard output. Where that fails the work goes on, and [`finish`] says at
//!   the end what became of it: a closed pipe is no error, since its reader has had enough; a full disk is one.
//! - [`note`] writes progress to standard error. What cannot be shown there is dropped.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, PoisonError};

use super::failure::Failure;

/// The first error of standard output, after which nothing more is written there.
static REFUSED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes a line of the result to standard output.
pub(crate) fn say(text: impl Display) {
    write_result(&format!("{}\n", plain(&text.to_string())));
}

/// Writes a result as JSON.
pub(crate) fn say_json(value: impl Display) {
    write_result(&format!("{}\n", plain_json(&value.to_string())));
}

/// Writes a line to standard error, or drops it.
pub(crate) fn note(text: impl Display) {
    let line = format!("{}\n", plain(&text.to_string()));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Puts a text in the place of the last line of a terminal at standard error; an empty one removes it.
pub(crate) fn replace_line(text: &str) {
    let line = format!("\r\x1B[K{}", plain(text));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Remembers what became of a write to standard output.
pub(crate) fn said(result: io::Result<()>) {
    if let Err(error) = result {
        REFUSED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Whether everything that was said has gone out.
///
/// # Errors
/// The first error of standard output, unless its reader has closed it.
pub(crate) fn finish() -> Result<(), Failure> {
    said(io::stdout().flush());
    match REFUSED.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Error {
            text: format!(
                "standard output: could not write: {error}\nexpected: room for the result; the work itself is done\nnext: \
                 check the free space where standard output goes"
            ),
            exit_code: 74,
        }),
        _ => Ok(()),
    }
}

fn write_result(text: &str) {
    if REFUSED.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
        let mut out = io::stdout().lock();
        said(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }
}

/// A text without characters that steer a terminal or turn the direction of a line: those stand as `\u{1b}`.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |character, out| write!(out, "{}", character.escape_unicode()))
}

/// The same for JSON, in which such a character stands in a string, and stays the same value.
fn plain_json(text: &str) -> Cow<'_, str> {
    escaped(text, |character, out| write!(out, "\\u{:04x}", u32::from(character)))
}

fn escaped(text: &str, mut escape: impl FnMut(char, &mut String) -> std::fmt::Result) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match steers(character) {
            // Writing to a string cannot fail.
            true => drop(escape(character, &mut out)),
            false => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// Control characters but for the line break, marks of direction, and the separators of lines and paragraphs.
fn steers(character: char) -> bool {
    match character {
        '\n' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::{plain, plain_json, steers};

    #[test]
    fn what_steers_a_terminal_is_spelt_out() {
        assert_eq!(
            plain("a\u{1b}[31mb\u{202e}c\0\r\u{9b}\n"),
            "a\\u{1b}[31mb\\u{202e}c\\u{0}\\u{d}\\u{9b}\n"
        );
        assert_eq!(plain("größe 日本 👩\u{200d}🔬 – x"), "größe 日本 👩\u{200d}🔬 – x");
    }

    #[test]
    fn every_character_either_stays_or_is_spelt_out() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = character.to_string();
            let shown = plain(&text);
            assert_eq!(shown == text, !steers(character), "{character:?}");
            assert!(!shown.contains(steers), "{character:?}");
        }
    }

    #[test]
    fn json_keeps_its_values() {
        for character in (0..=0xffff).filter_map(char::from_u32) {
            let value = serde_json::json!({ "name": format!("a{character}b") });
            let text = value.to_string();
            let shown = plain_json(&text);
            assert!(!shown.contains(steers), "{character:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
