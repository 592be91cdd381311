//! A hash of contents, as it stands in JSON, in the metadata of files and in messages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// The XXH3 hash of some bytes, 128 bits: 32 hexadecimal digits. It finds accidents, not forgery.
///
/// # Examples
///
/// ```
/// use ple_data::ContentHash;
///
/// let hash = ContentHash::of(b"rows");
/// assert_eq!(hash.to_string().parse(), Ok(hash));
/// assert_eq!(hash.short(), hash.to_string()[..8]);
/// assert!("rows".parse::<ContentHash>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentHash(u128);

/// A text that is no hash.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no hash: expected 32 hexadecimal digits")]
pub struct HashSyntax(String);

const DIGITS: usize = 32;
/// The digits of the short form.
const SHORT_DIGITS: usize = 8;

impl ContentHash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        ContentHash(xxh3_128(bytes))
    }

    /// The first 8 digits, for messages.
    pub fn short(self) -> String {
        self.to_string()[..SHORT_DIGITS].to_owned()
    }

    /// The hash as bytes, the first digits first.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl From<&Xxh3> for ContentHash {
    fn from(hash: &Xxh3) -> Self {
        ContentHash(hash.digest128())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:0DIGITS$x}", self.0)
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for ContentHash {
    type Err = HashSyntax;

    fn from_str(text: &str) -> Result<Self, HashSyntax> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_hash = text.len() == DIGITS && text.bytes().all(is_digit);
        let value = is_hash.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        value.map(ContentHash).ok_or_else(|| HashSyntax(text.to_owned()))
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = HashSyntax;

    fn try_from(text: String) -> Result<Self, HashSyntax> {
        text.parse()
    }
}
