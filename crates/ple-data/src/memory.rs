//! What something needs of memory, part by part, against what there is: said before memory is asked for.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::memory_room::{Bytes, MemoryRoom};

/// A part of what is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPart {
    /// What it is, as in ``the table of `user` ``.
    pub what: String,
    /// Its bytes.
    pub bytes: u64,
    /// Whether a setting or the data makes it as large as it is.
    pub cause: MemoryCause,
    /// What makes it smaller, as in `use --stream`.
    pub remedy: &'static str,
}

/// What decides how large a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryCause {
    /// A setting, a schema or an option.
    Setting,
    /// What files hold.
    Data,
}

/// More memory is needed than there is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{what} needs about {} of memory, {} of them for {}\nexpected: at most {room}\nnext: {}, or allow more with --memory",
    Bytes(*needed),
    Bytes(largest.bytes),
    largest.what,
    largest.remedy
)]
pub struct MemoryShortage {
    /// What needs it.
    pub what: Cow<'static, str>,
    /// All bytes that are needed at a time.
    pub needed: u64,
    /// The largest part of them.
    pub largest: MemoryPart,
    /// What there is.
    pub room: MemoryRoom,
}

/// What is in memory at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Its parts.
    pub parts: Vec<MemoryPart>,
}

impl MemoryNeed {
    /// All bytes together, or the largest number where they are more than 64 bits count.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.bytes))
    }

    /// Fails where there is not so much memory.
    ///
    /// # Errors
    ///
    /// [`MemoryShortage`], which names the largest part.
    pub fn check(&self, what: impl Into<Cow<'static, str>>, room: MemoryRoom) -> Result<(), MemoryShortage> {
        let needed = self.bytes();
        match self.parts.iter().max_by_key(|part| part.bytes) {
            Some(largest) if needed > room.bytes => {
                Err(MemoryShortage { what: what.into(), needed, largest: largest.clone(), room })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for MemoryNeed {
    /// A line for each part, the largest first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<&MemoryPart> = self.parts.iter().collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
        parts
            .into_iter()
            .try_for_each(|part| writeln!(f, "{:>12}  {}", Bytes(part.bytes).to_string(), part.what))
    }
}

#[cfg(test)]
mod tests {
    use super::{MemoryCause, MemoryNeed, MemoryPart, MemoryRoom};

    #[test]
    fn a_shortage_names_the_largest_part_and_the_way_out() {
        let part = |what: &str, bytes, remedy| MemoryPart {
            what: what.to_owned(),
            bytes,
            cause: MemoryCause::Data,
            remedy,
        };
        let rows = part("the training rows", 3_000_000_000, "read them with --stream");
        let need = MemoryNeed { parts: vec![part("the program", 20_000_000, ""), rows] };
        assert!(need.check("the run", MemoryRoom::allowed(3_020_000_000)).is_ok());
        let error = need.check("the run", MemoryRoom::allowed(3_019_000_000)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the run needs about 3,020 MB of memory, 3,000 MB of them for the training rows\n\
             expected: at most 3,019 MB (the memory that was allowed)\n\
             next: read them with --stream, or allow more with --memory"
        );
        let endless = MemoryNeed { parts: vec![part("a", u64::MAX, "b"), part("c", u64::MAX, "d")] };
        assert_eq!(endless.bytes(), u64::MAX);
    }
}
