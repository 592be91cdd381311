//! `schema.json` of a prepared folder as a file. It contains a hash of its text, and a file whose text has another hash is
//! refused.

use std::io;
use std::path::Path;

use ple_files::{MOST_TEXT_BYTES, read_bytes};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ali_ccp_raw::RawError;
use crate::content_hash::ContentHash;
use crate::error::DataError;

/// Which forms of `schema.json` a reader knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Formats {
    /// What stands under `format` in files that are written now. These are sealed.
    pub(crate) sealed: &'static str,
    /// What stood there before files had a seal.
    pub(crate) unsealed: &'static str,
}

impl Formats {
    /// Whether a format is one of these.
    pub(crate) fn knows(self, format: &str) -> bool {
        format == self.sealed || format == self.unsealed
    }
}

/// What a `schema.json` says of itself.
pub(crate) struct SchemaText {
    /// What stands under `format`.
    pub(crate) format: String,
    /// The text without its seal.
    json: String,
    seal: Seal,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seal {
    Whole,
    Absent,
}

/// What every `format` begins with.
const MARK: &str = "\"ple-data.";

/// What stands before the hash, as the last entry of the object, and behind it.
const SEAL: &str = ",\n  \"xxh3\": \"";
const END: &str = "\"\n}\n";

/// The text of an object with its seal: a last entry `xxh3`, the hash of all that stands before it.
pub(crate) fn sealed(object: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string_pretty(object)?;
    let body = json.strip_suffix("\n}").unwrap_or(&json);
    Ok(format!("{body}{SEAL}{}{END}", ContentHash::of(body.as_bytes())))
}

impl SchemaText {
    /// Reads a file; `None` for one of another purpose, such as a feature schema.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, DataError> {
        let bytes = read_bytes(path, MOST_TEXT_BYTES)?;
        // A damaged byte can hide one of the two marks, not both.
        let is_prepared =
            [MARK, SEAL].iter().any(|mark| memchr::memmem::find(&bytes, mark.as_bytes()).is_some());
        if !is_prepared {
            return Ok(None);
        }
        let text = String::from_utf8(bytes).map_err(|_| not_prepared(path, "it is not UTF-8"))?;
        let (json, seal) = match text.rsplit_once(SEAL) {
            None => (text, Seal::Absent),
            Some((body, rest)) => {
                let hash = rest.strip_suffix(END).and_then(|hash| hash.parse::<ContentHash>().ok());
                if hash != Some(ContentHash::of(body.as_bytes())) {
                    return Err(damaged(path, "it is not as it was written"));
                }
                (format!("{body}\n}}"), Seal::Whole)
            }
        };
        let value: serde_json::Value =
            serde_json::from_str(&json).map_err(|error| not_prepared(path, &error.to_string()))?;
        match value.get("format").and_then(serde_json::Value::as_str) {
            Some(format) => Ok(Some(SchemaText { format: format.to_owned(), json, seal })),
            None => Err(not_prepared(path, "it has no `format`")),
        }
    }

    /// The contents, of a form that is known.
    pub(crate) fn parse<T: DeserializeOwned>(&self, path: &Path, formats: Formats) -> Result<T, DataError> {
        let Formats { sealed, unsealed } = formats;
        match (self.format == sealed, self.format == unsealed, self.seal) {
            (true, _, Seal::Absent) => return Err(damaged(path, "it is not as it was written")),
            (false, false, _) => {
                let detail = format!("the format is `{}`, not `{sealed}`", self.format);
                return Err(not_prepared(path, &detail));
            }
            _ => {}
        }
        serde_json::from_str(&self.json).map_err(|error| not_prepared(path, &error.to_string()))
    }
}

/// Reads a `schema.json` that has to be one of prepared data.
pub(crate) fn read_schema<T: DeserializeOwned>(path: &Path, formats: Formats) -> Result<T, DataError> {
    match SchemaText::read(path)? {
        Some(text) => text.parse(path, formats),
        None => Err(not_prepared(path, "it has no `format`")),
    }
}

/// The error for a file that is not what a preparation wrote.
pub(crate) fn not_prepared(path: &Path, detail: &str) -> DataError {
    RawError::NotPrepared { path: path.to_owned(), detail: detail.to_owned() }.into()
}

/// The error for a file that is another one than was written.
pub(crate) fn damaged(path: &Path, detail: &str) -> DataError {
    RawError::Damaged { path: path.to_owned(), detail: detail.to_owned() }.into()
}
