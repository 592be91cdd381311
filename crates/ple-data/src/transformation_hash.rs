//! The hash by which a transformation is known: in `schema.json`, in prepared shards, in checkpoints, in ONNX files.
//!
//! Two transformations have one hash if and only if they make the same numbers of the same raw values. What does not
//! change a number is left out: counts, labels, keys, the split, the widths of embeddings, the order of the features,
//! and how often a key had to occur.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::content_hash::{ContentHash, HashSyntax};
use crate::prepare::Arithmetic;

/// Where the hash of a transformation stands in the metadata of a Parquet file, and of an ONNX file.
pub const TRANSFORMATION_KEY: &str = "ple.transformation";

/// The hash of a transformation: of the names, raw columns and kinds of all features, of the keys and numbers of all
/// vocabularies, of hashed features' buckets and seeds, of scalers and their arithmetic, of what stands for missing values, and of the edges
/// of bins.
///
/// It depends on neither the order of files and features nor the number of threads. It is written as 32 hexadecimal
/// digits.
///
/// # Examples
///
/// ```
/// use ple_data::TransformationHash;
///
/// let hash: TransformationHash = "0123456789abcdef0123456789abcdef".parse()?;
/// assert_eq!(hash.to_string(), "0123456789abcdef0123456789abcdef");
/// assert_eq!(hash.short(), "01234567");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransformationHash(ContentHash);

/// A transformation's hash, and those of the transformations that it extends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The transformation.
    pub hash: TransformationHash,
    /// What it is an extension of, the nearest first: all keys of those have the same numbers in this one, and all values
    /// are scaled alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extends: Vec<TransformationHash>,
}

impl TransformationHash {
    /// The first 8 digits, for messages.
    pub fn short(self) -> String {
        self.0.short()
    }
}

impl fmt::Display for TransformationHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for TransformationHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for TransformationHash {
    type Err = HashSyntax;

    fn from_str(text: &str) -> Result<Self, HashSyntax> {
        text.parse().map(TransformationHash)
    }
}

impl Lineage {
    /// A transformation that extends none.
    pub(crate) fn new(hash: TransformationHash) -> Self {
        Lineage { hash, extends: Vec::new() }
    }

    /// An extension of this one. One that brings nothing new is the same transformation.
    pub(crate) fn extended_to(&self, hash: TransformationHash) -> Self {
        if hash == self.hash {
            return self.clone();
        }
        let extends = std::iter::once(self.hash).chain(self.extends.iter().copied()).collect();
        Lineage { hash, extends }
    }

    /// Whether every number of another transformation means the same here.
    pub fn includes(&self, other: TransformationHash) -> bool {
        self.hash == other || self.extends.contains(&other)
    }
}

/// The form of what is hashed. Another form needs another number here.
const FORM: &str = "ple-data.transformation.2";

/// The hash of the keys of a vocabulary, in the order of their numbers, which begin at 1.
pub(crate) struct KeysHash(Xxh3);

impl KeysHash {
    pub(crate) fn new() -> Self {
        let mut hash = Xxh3::new();
        hash.update(FORM.as_bytes());
        KeysHash(hash)
    }

    /// The next key, by its text.
    pub(crate) fn push(&mut self, key: &[u8]) {
        self.0.update(&(key.len() as u64).to_le_bytes());
        self.0.update(key);
    }

    pub(crate) fn finish(&self) -> ContentHash {
        ContentHash::from(&self.0)
    }
}

/// What makes the numbers of one feature.
pub(crate) enum Made<'a> {
    /// Ids, by an encoder.
    Ids { encoder: EncoderIdentity, list: ListIdentity<'a>, missing_fails: bool },
    /// A scaled number, and the edges of its bins.
    Number { scaler: ScalerIdentity, missing: Option<f64>, edges: Vec<f64> },
}

/// What makes the numbers of ids.
#[derive(Clone, Copy)]
pub(crate) enum EncoderIdentity {
    Keys(ContentHash),
    Buckets { buckets: u32, seed: u64 },
}

/// How the ids of a row are found.
pub(crate) enum ListIdentity<'a> {
    Single,
    Text { separator: &'a str, weight_separator: Option<&'a str> },
    List { weights: Option<&'a str> },
    AliCcp,
}

/// How a number is scaled.
pub(crate) enum ScalerIdentity {
    Identity,
    MinMax { minimum: f64, maximum: f64, arithmetic: Arithmetic },
    Standard { mean: f64, deviation: f64, arithmetic: Arithmetic },
    Log { arithmetic: Arithmetic },
}

/// A feature with its name and its raw column.
pub(crate) struct FeatureIdentity<'a> {
    pub(crate) name: &'a str,
    pub(crate) column: &'a str,
    pub(crate) made: Made<'a>,
}

/// The hash of a transformation, from what makes the numbers of its features.
pub(crate) fn hash_of_features<'a>(
    features: impl IntoIterator<Item = FeatureIdentity<'a>>,
) -> TransformationHash {
    let mut features: Vec<FeatureIdentity<'_>> = features.into_iter().collect();
    features.sort_by(|a, b| a.name.cmp(b.name));
    let mut canonical = Canonical(Xxh3::new());
    canonical.text(FORM);
    canonical.whole(features.len() as u64);
    features.iter().for_each(|feature| canonical.feature(feature));
    TransformationHash(ContentHash::from(&canonical.0))
}

/// Values as bytes that tell every two sequences of values apart: each has a length that follows from what is before it.
struct Canonical(Xxh3);

impl Canonical {
    fn feature(&mut self, FeatureIdentity { name, column, made }: &FeatureIdentity<'_>) {
        self.text(name);
        self.text(column);
        match made {
            Made::Ids { encoder, list, missing_fails } => {
                self.text("ids");
                self.encoder(encoder);
                self.list(list);
                self.whole(u64::from(*missing_fails));
            }
            Made::Number { scaler, missing, edges } => {
                self.text("number");
                self.scaler(scaler);
                self.whole(u64::from(missing.is_some()));
                self.number(missing.unwrap_or(0.0));
                self.whole(edges.len() as u64);
                edges.iter().for_each(|edge| self.number(*edge));
            }
        }
    }

    fn encoder(&mut self, encoder: &EncoderIdentity) {
        match encoder {
            EncoderIdentity::Keys(keys) => {
                self.text("keys");
                self.0.update(&keys.to_bytes());
            }
            EncoderIdentity::Buckets { buckets, seed } => {
                self.text("buckets");
                self.whole(u64::from(*buckets));
                self.whole(*seed);
            }
        }
    }

    fn list(&mut self, list: &ListIdentity<'_>) {
        match list {
            ListIdentity::Single => self.text("single"),
            ListIdentity::Text { separator, weight_separator } => {
                self.text("text");
                self.text(separator);
                self.perhaps(*weight_separator);
            }
            ListIdentity::List { weights } => {
                self.text("list");
                self.perhaps(*weights);
            }
            ListIdentity::AliCcp => self.text("ali_ccp"),
        }
    }

    fn scaler(&mut self, scaler: &ScalerIdentity) {
        let (name, arithmetic, [a, b]) = match *scaler {
            // A number that is only rounded is the same in both.
            ScalerIdentity::Identity => ("identity", Arithmetic::Single, [0.0; 2]),
            ScalerIdentity::MinMax { minimum, maximum, arithmetic } => {
                ("min_max", arithmetic, [minimum, maximum])
            }
            ScalerIdentity::Standard { mean, deviation, arithmetic } => {
                ("standard", arithmetic, [mean, deviation])
            }
            ScalerIdentity::Log { arithmetic } => ("log", arithmetic, [0.0; 2]),
        };
        self.text(name);
        self.whole(u64::from(arithmetic == Arithmetic::Double));
        self.number(a);
        self.number(b);
    }

    fn text(&mut self, text: &str) {
        self.whole(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn perhaps(&mut self, text: Option<&str>) {
        self.whole(u64::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn whole(&mut self, value: u64) {
        self.0.update(&value.to_le_bytes());
    }

    /// A zero has one form, whatever its sign.
    fn number(&mut self, value: f64) {
        self.0.update(&(value + 0.0).to_bits().to_le_bytes());
    }
}
