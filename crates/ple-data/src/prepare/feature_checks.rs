//! What the form of a feature file cannot express: settings that contradict each other, or that have no effect.

use super::error::PrepareError;
use super::feature_file::{DenseEntry, FeatureFile, MissingNumber, RowSplit, SequenceEntry, SparseEntry};
use crate::names::is_blank;
use crate::short_number::ShortNumber;

/// Refuses a setting of an entry.
struct Refusal<'a> {
    file: &'a str,
    entry: String,
}

impl Refusal<'_> {
    fn because(&self, setting: &'static str, found: impl ToString, expected: &'static str) -> PrepareError {
        PrepareError::Setting {
            file: self.file.to_owned(),
            entry: self.entry.clone(),
            setting,
            found: found.to_string(),
            expected,
        }
    }
}

impl FeatureFile {
    /// Refuses what contradicts itself or has no effect.
    pub(crate) fn check(&self, file: &str) -> Result<(), PrepareError> {
        let top = Refusal { file, entry: "the file".to_owned() };
        if self.embedding_dim == 0 {
            return Err(top.because("embedding_dim", 0, AT_LEAST_1));
        }
        for entry in &self.sparse {
            entry.check(&named(file, "sparse", &entry.name, &entry.names, &entry.column)?)?;
        }
        for entry in &self.sequence {
            entry.check(&named(file, "sequence", &entry.name, &entry.names, &entry.column)?)?;
        }
        for entry in &self.dense {
            entry.check(&named(file, "dense", &entry.name, &entry.names, &entry.column)?)?;
        }
        self.split.as_ref().map_or(Ok(()), |split| split.check(&Refusal { file, entry: "split".to_owned() }))
    }
}

const AT_LEAST_1: &str = "at least 1";
const VISIBLE: &str = "a name with something to be seen";

/// Checks how an entry is named.
fn named<'a>(
    file: &'a str,
    kind: &str,
    name: &Option<String>,
    names: &[String],
    column: &Option<String>,
) -> Result<Refusal<'a>, PrepareError> {
    let shown = name.as_deref().or(names.first().map(String::as_str)).unwrap_or("without a name");
    let refusal = Refusal { file, entry: format!("{kind} `{shown}`") };
    match (name, names, column) {
        (None, [], _) => Err(refusal.because("name", "nothing", "name, or names for several features alike")),
        (Some(_), [_, ..], _) => Err(refusal.because("names", "both name and names", "one of the two")),
        (None, _, Some(column)) => {
            Err(refusal.because("column", format!("`{column}` beside names"), "column beside name alone"))
        }
        (Some(name), ..) if is_blank(name) => Err(refusal.because("name", "blank", VISIBLE)),
        (_, names, _) if names.iter().any(|name| is_blank(name)) => {
            Err(refusal.because("names", "a list with a blank name", VISIBLE))
        }
        (.., Some(column)) if is_blank(column) => Err(refusal.because("column", "blank", VISIBLE)),
        _ => Ok(refusal),
    }
}

/// The settings that say how raw ids become numbers.
struct Ids<'a> {
    min_count: Option<u64>,
    buckets: Option<u32>,
    hash_seed: Option<u64>,
    embedding_dim: Option<usize>,
    shared_with: &'a Option<String>,
}

impl Ids<'_> {
    fn check(&self, refusal: &Refusal<'_>) -> Result<(), PrepareError> {
        if let Some(owner) = self.shared_with {
            let own = [
                ("min_count", self.min_count.map(|value| value.to_string())),
                ("buckets", self.buckets.map(|value| value.to_string())),
                ("hash_seed", self.hash_seed.map(|value| value.to_string())),
                ("embedding_dim", self.embedding_dim.map(|value| value.to_string())),
            ];
            if let Some((setting, Some(value))) = own.into_iter().find(|(_, value)| value.is_some()) {
                let found = format!("{value} beside shared_with = `{owner}`");
                return Err(refusal.because(setting, found, "the setting at the feature that is shared"));
            }
        }
        match (self.buckets, self.min_count, self.hash_seed) {
            (Some(0), ..) => return Err(refusal.because("buckets", 0, "1 to 4294967294")),
            (Some(u32::MAX), ..) => return Err(refusal.because("buckets", u32::MAX, "1 to 4294967294")),
            (Some(_), Some(count), _) => {
                return Err(refusal.because(
                    "min_count",
                    format!("{count} beside buckets"),
                    "one of the two",
                ));
            }
            (None, _, Some(seed)) => {
                return Err(refusal.because(
                    "hash_seed",
                    format!("{seed} without buckets"),
                    "buckets as well",
                ));
            }
            _ => {}
        }
        match self.embedding_dim {
            Some(0) => Err(refusal.because("embedding_dim", 0, AT_LEAST_1)),
            _ => Ok(()),
        }
    }
}

impl SparseEntry {
    fn check(&self, refusal: &Refusal<'_>) -> Result<(), PrepareError> {
        let SparseEntry { min_count, buckets, hash_seed, embedding_dim, ref shared_with, .. } = *self;
        Ids { min_count, buckets, hash_seed, embedding_dim, shared_with }.check(refusal)
    }
}

impl SequenceEntry {
    fn check(&self, refusal: &Refusal<'_>) -> Result<(), PrepareError> {
        let SequenceEntry { min_count, buckets, hash_seed, embedding_dim, ref shared_with, .. } = *self;
        Ids { min_count, buckets, hash_seed, embedding_dim, shared_with }.check(refusal)?;
        if self.weights.as_deref().is_some_and(is_blank) {
            return Err(refusal.because("weights", "blank", VISIBLE));
        }
        match (self.separator.as_deref(), self.weight_separator.as_deref(), &self.weights) {
            (Some(""), ..) => Err(refusal.because("separator", "nothing", "at least one character")),
            (_, Some(""), _) => Err(refusal.because("weight_separator", "nothing", "at least one character")),
            (None, Some(separator), _) => Err(refusal.because(
                "weight_separator",
                format!("`{separator}` without separator"),
                "separator as well, or weights for a column of lists",
            )),
            (Some(separator), Some(same), _) if separator == same => {
                Err(refusal.because("weight_separator", format!("`{same}`"), "another text than separator"))
            }
            (Some(_), _, Some(column)) => Err(refusal.because(
                "weights",
                format!("`{column}` beside separator"),
                "weight_separator, since the lists are texts",
            )),
            _ if self.weights.is_some() && !self.names.is_empty() => {
                Err(refusal.because("weights", "one column for several names", "weights beside name alone"))
            }
            _ => Ok(()),
        }
    }
}

impl DenseEntry {
    fn check(&self, refusal: &Refusal<'_>) -> Result<(), PrepareError> {
        match (self.bins, self.embedding_dim) {
            (Some(bins @ 0..=1), _) => return Err(refusal.because("bins", bins, "at least 2")),
            (Some(bins), _) if bins > MOST_BINS => {
                return Err(refusal.because("bins", bins, "at most 65536"));
            }
            (None, Some(dim)) => {
                return Err(refusal.because("embedding_dim", format!("{dim} without bins"), "bins as well"));
            }
            (_, Some(0)) => return Err(refusal.because("embedding_dim", 0, AT_LEAST_1)),
            _ => {}
        }
        match &self.missing {
            Some(MissingNumber::Word(word)) if word != "mean" => {
                Err(refusal.because("missing", format!("`{word}`"), "a number, or \"mean\""))
            }
            Some(MissingNumber::Number(value)) if !(*value as f32).is_finite() => {
                Err(refusal.because("missing", ShortNumber(*value), "a finite number that fits into 32 bits"))
            }
            _ => Ok(()),
        }
    }
}

/// More bins than this are no bins.
const MOST_BINS: usize = 1 << 16;

impl RowSplit {
    fn check(&self, refusal: &Refusal<'_>) -> Result<(), PrepareError> {
        if self.by.as_deref().is_some_and(is_blank) {
            return Err(refusal.because("by", "blank", VISIBLE));
        }
        for (setting, share) in [("val", self.val), ("test", self.test)] {
            if !(0.0..1.0).contains(&share) {
                return Err(refusal.because(
                    setting,
                    ShortNumber(share),
                    "a share of the rows, from 0 to below 1",
                ));
            }
        }
        match self.val + self.test {
            sum if sum >= 1.0 => {
                Err(refusal.because("val", format!("{sum} with test"), "less than 1 with test"))
            }
            0.0 => Err(refusal.because("val", "0, as test is", "a share of the rows, or no [split]")),
            _ => Ok(()),
        }
    }
}
