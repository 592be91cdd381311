//! Distinct keys with their positions: one table for counting and for vocabularies, with the texts in one buffer.

use std::borrow::Cow;
use std::fmt;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;
use xxhash_rust::xxh3::xxh3_64;

use super::key::Key;

/// Distinct keys in the order in which they were added. A key takes some 25 bytes, and a text its length besides.
#[derive(Clone, Default)]
pub(crate) struct KeyIndex {
    positions: HashTable<u32>,
    entries: Vec<Entry>,
    texts: String,
}

/// A number, or where a text stands.
#[derive(Clone, Copy)]
enum Entry {
    Integer(i64),
    Text { start: u64, length: u32 },
}

impl KeyIndex {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The position of a key.
    pub(crate) fn get(&self, key: &Key<'_>) -> Option<u32> {
        let (entries, texts) = (&self.entries, &self.texts);
        self.positions.find(hash_of(key), |&position| is_key(entries, texts, position, key)).copied()
    }

    /// The position of a key, which is added at the end if it is new; `None` if there is no number left for it.
    pub(crate) fn insert(&mut self, key: &Key<'_>) -> Option<u32> {
        let (entries, texts) = (&self.entries, &self.texts);
        let entry = self.positions.entry(
            hash_of(key),
            |&position| is_key(entries, texts, position, key),
            |&known| hash_of(&key_of(entries, texts, known)),
        );
        let place = match entry {
            TableEntry::Occupied(known) => return Some(*known.get()),
            TableEntry::Vacant(place) => place,
        };
        let position = u32::try_from(entries.len()).ok().filter(|&position| position < MOST_KEYS)?;
        let entry = match key {
            Key::Integer(value) => Entry::Integer(*value),
            Key::Text(text) => {
                Entry::Text { start: texts.len() as u64, length: u32::try_from(text.len()).ok()? }
            }
        };
        place.insert(position);
        self.entries.push(entry);
        if let Key::Text(text) = key {
            self.texts.push_str(text);
        }
        Some(position)
    }

    /// The key at a position.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn key(&self, position: u32) -> Key<'_> {
        key_of(&self.entries, &self.texts, position)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        (0..self.entries.len() as u32).map(|position| self.key(position))
    }

    /// The bytes that it takes: keys and their places, and as much again for the places as their next growth takes.
    pub(crate) fn bytes(&self) -> u64 {
        let keys = self.entries.len() * size_of::<Entry>() + self.texts.len();
        (keys + 3 * self.positions.allocation_size()) as u64
    }

    /// Whether every key is a whole number.
    pub(crate) fn is_of_integers(&self) -> bool {
        self.entries.iter().all(|entry| matches!(entry, Entry::Integer(_)))
    }
}

/// Numbers of rows are 32 bits wide, and one of them stands for everything unknown.
const MOST_KEYS: u32 = u32::MAX - 1;

fn key_of<'t>(entries: &[Entry], texts: &'t str, position: u32) -> Key<'t> {
    match entries[position as usize] {
        Entry::Integer(value) => Key::Integer(value),
        Entry::Text { start, length } => {
            Key::Text(Cow::Borrowed(&texts[start as usize..start as usize + length as usize]))
        }
    }
}

/// Whether a key is the one at a position.
#[inline]
fn is_key(entries: &[Entry], texts: &str, position: u32, key: &Key<'_>) -> bool {
    match (entries[position as usize], key) {
        (Entry::Integer(known), Key::Integer(value)) => known == *value,
        (Entry::Text { start, length }, Key::Text(text)) => {
            let start = start as usize;
            text.len() == length as usize && text.as_bytes() == &texts.as_bytes()[start..start + text.len()]
        }
        _ => false,
    }
}

#[inline]
fn hash_of(key: &Key<'_>) -> u64 {
    match key {
        Key::Integer(value) => {
            let mixed = (*value as u64 ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (mixed ^ (mixed >> 32)).wrapping_mul(0x94D0_49BB_1331_11EB)
        }
        Key::Text(text) => xxh3_64(text.as_bytes()),
    }
}

impl PartialEq for KeyIndex {
    /// Whether both hold the same keys in the same order.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.keys().eq(other.keys())
    }
}

impl fmt::Debug for KeyIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn positions_are_those_of_a_hash_map(texts in proptest::collection::vec("[0-3a-c]{0,3}", 0..200)) {
            let (mut index, mut expected) = (KeyIndex::default(), HashMap::new());
            for text in &texts {
                let next = expected.len() as u32;
                let position = *expected.entry(text.clone()).or_insert(next);
                prop_assert_eq!(index.insert(&Key::from(text.as_str())), Some(position));
            }
            prop_assert_eq!(index.len(), expected.len());
            for (text, position) in expected {
                prop_assert_eq!(index.get(&Key::from(text.as_str())), Some(position));
                prop_assert_eq!(index.key(position).to_string(), text);
            }
            prop_assert_eq!(index.get(&Key::from("z")), None);
        }
    }
}
