//! From raw ids to numbers of rows of an embedding table: by a vocabulary, or by a hash.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::key::Key;
use super::key_index::KeyIndex;

/// How the raw ids of a feature become numbers. 0 always stands for what is unknown or missing.
///
/// # Examples
///
/// ```
/// use ple_data::prepare::{Encoder, HashBuckets, Key, KeyVocabulary};
///
/// let vocabulary = KeyVocabulary::new(5, [("vienna".into(), 12), ("oslo".into(), 7)]);
/// let encoder = Encoder::Vocabulary(vocabulary);
/// assert_eq!((encoder.id(&Key::from("oslo")), encoder.id(&Key::from("rome"))), (2, 0));
/// assert_eq!(encoder.vocab_size(), 3);
///
/// let encoder = Encoder::Hash(HashBuckets { buckets: 100, seed: 0 });
/// assert!((1..=100).contains(&encoder.id(&Key::from("rome"))));
/// assert_eq!(encoder.vocab_size(), 101);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Encoder {
    /// Each known key has a number of its own.
    Vocabulary(KeyVocabulary),
    /// Keys share a fixed number of numbers.
    Hash(HashBuckets),
}

/// Keys that each have a number of their own, from 1 in the order of this list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyVocabulary {
    pub(crate) index: KeyIndex,
    pub(crate) counts: Vec<u64>,
    min_count: u64,
}

/// Numbers by a hash: `1 + XXH3(text of the key, seed) mod buckets`.
///
/// XXH3 is the 64-bit variant of <https://xxhash.com> with a seed, over the UTF-8 bytes of the key's text; a whole number
/// is hashed as its decimal text. The same key has the same number on every machine and in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashBuckets {
    /// The number of numbers.
    pub buckets: u32,
    /// What the hash depends on besides; another seed lets other keys share a number.
    pub seed: u64,
}

/// The keys of a vocabulary as plain lists; the key at position p has the number p + 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VocabularyKeys {
    /// Every key is a whole number of 64 bits.
    Integers(Vec<i64>),
    /// Some key is not; whole numbers stand among them as their decimal texts.
    Texts(Vec<String>),
}

impl Encoder {
    /// The number of a key: 0 if the vocabulary does not have it.
    #[inline]
    pub fn id(&self, key: &Key<'_>) -> u32 {
        match self {
            Encoder::Vocabulary(vocabulary) => vocabulary.id(key),
            Encoder::Hash(hash) => hash.id(key),
        }
    }

    /// All numbers are below this one.
    pub fn vocab_size(&self) -> usize {
        match self {
            Encoder::Vocabulary(vocabulary) => vocabulary.len() + 1,
            Encoder::Hash(hash) => hash.buckets as usize + 1,
        }
    }
}

impl HashBuckets {
    /// The number of a key.
    #[inline]
    pub fn id(&self, key: &Key<'_>) -> u32 {
        let hash = key.with_text(|text| xxh3_64_with_seed(text, self.seed));
        // Below the number of buckets, so it fits.
        1 + (hash % u64::from(self.buckets.max(1))) as u32
    }
}

impl KeyVocabulary {
    /// A vocabulary of keys with their numbers of occurrences, each at least `min_count`; the first one has the number 1. A
    /// key that is there twice counts once.
    pub fn new<'k>(min_count: u64, keys: impl IntoIterator<Item = (Key<'k>, u64)>) -> Self {
        let mut vocabulary = KeyVocabulary::empty(min_count);
        for (key, count) in keys {
            vocabulary.push(&key, count);
        }
        vocabulary
    }

    /// A vocabulary without keys.
    pub(crate) fn empty(min_count: u64) -> Self {
        KeyVocabulary { min_count, ..KeyVocabulary::default() }
    }

    /// How often a key has to occur in training rows to get a number.
    pub fn min_count(&self) -> u64 {
        self.min_count
    }

    /// Appends a key; `false` if it is there already, or there is no number left.
    pub(crate) fn push(&mut self, key: &Key<'_>, count: u64) -> bool {
        let before = self.index.len();
        let is_new = self.index.insert(key).is_some() && self.index.len() > before;
        if is_new {
            self.counts.push(count);
        }
        is_new
    }

    /// The number of a key, 0 if it is unknown.
    #[inline]
    pub fn id(&self, key: &Key<'_>) -> u32 {
        self.index.get(key).map_or(0, |position| position + 1)
    }

    /// The key with a number; `None` for 0 and for numbers that no key has.
    pub fn key(&self, id: u32) -> Option<Key<'_>> {
        let position = id.checked_sub(1)?;
        ((position as usize) < self.index.len()).then(|| self.index.key(position))
    }

    /// The number of keys; the numbers reach from 1 to this one.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no key has a number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each key with its number of occurrences in training rows, in the order of the numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Key<'_>, u64)> {
        self.index.keys().zip(self.counts.iter().copied())
    }

    /// The keys as plain lists, for whoever looks them up elsewhere.
    pub fn keys(&self) -> VocabularyKeys {
        match self.index.is_of_integers() {
            true => {
                let value = |key| if let Key::Integer(value) = key { value } else { 0 };
                VocabularyKeys::Integers(self.index.keys().map(value).collect())
            }
            false => VocabularyKeys::Texts(self.index.keys().map(|key| key.to_string()).collect()),
        }
    }
}
