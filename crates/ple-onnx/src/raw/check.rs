//! Encoders are checked against the model's features before anything is written.

use std::collections::HashSet;
use std::hash::Hash;

use ple_nn::{FeatureKind, FeatureSpec};

use super::{Arithmetic, Encoder, Keys, PADDING_INT, PADDING_STRING, RawInput, Scaler};
use crate::error::OnnxError;
use crate::options::{ExportOptions, Inputs};

/// Checks that every encoder is one that its feature can have, that ids are in the vocabulary, and that no key has two.
///
/// # Errors
/// [`OnnxError::RawInput`].
pub(crate) fn check(features: &[FeatureSpec], options: &ExportOptions) -> Result<(), OnnxError> {
    let mut seen = HashSet::new();
    for raw in &options.raw_inputs {
        let refused = |found: &str, expected: &str| refusal(raw, found, expected);
        if options.inputs == Inputs::Packed {
            return refused(
                "has an encoder, and inputs are packed",
                "raw inputs that are one for each feature",
            );
        }
        if !seen.insert(&raw.feature) {
            return refused("has two encoders", "one at most");
        }
        let Some(feature) = features.iter().find(|feature| feature.name == raw.feature) else {
            return refused("is no feature of the model", "the name of one");
        };
        check_encoder(raw, &feature.kind)?;
    }
    Ok(())
}

fn refusal<T>(raw: &RawInput, found: &str, expected: &str) -> Result<T, OnnxError> {
    let (found, expected) = (found.to_owned(), expected.to_owned());
    Err(OnnxError::RawInput { feature: raw.feature.clone(), found, expected })
}

fn check_encoder(raw: &RawInput, kind: &FeatureKind) -> Result<(), OnnxError> {
    let refused = |found: &str, expected: &str| refusal(raw, found, expected);
    match (&raw.encoder, kind) {
        (Encoder::Buckets { buckets }, _) => refused(
            &format!("is hashed into {buckets} buckets, and ONNX has no hash"),
            "a vocabulary, or a feature that is sent as an id",
        ),
        (
            Encoder::Vocabulary { keys, unknown },
            FeatureKind::Sparse { vocab_size, .. } | FeatureKind::Sequence { vocab_size, .. },
        ) => {
            let sequence = matches!(kind, FeatureKind::Sequence { .. });
            let ids: Vec<u32> = match keys {
                Keys::Strings(keys) => {
                    check_keys(raw, keys, sequence.then(|| PADDING_STRING.to_owned()))?;
                    keys.iter().map(|(_, id)| *id).collect()
                }
                Keys::Ints(keys) => {
                    check_keys(raw, keys, sequence.then_some(PADDING_INT))?;
                    keys.iter().map(|(_, id)| *id).collect()
                }
            };
            check_ids(raw, ids.into_iter().chain([*unknown]), *vocab_size)
        }
        (Encoder::Bins { edges, first, missing }, FeatureKind::Sparse { vocab_size, .. }) => {
            if !edges.iter().all(|edge| edge.is_finite()) || !edges.is_sorted_by(|a, b| a < b) {
                return refused(
                    "has edges of bins that do not ascend",
                    "finite edges, each above the one before",
                );
            }
            let last = first.saturating_add(u32::try_from(edges.len()).unwrap_or(u32::MAX));
            check_ids(raw, [*first, last, *missing].into_iter(), *vocab_size)
        }
        (Encoder::Dense { missing, scaler, arithmetic }, FeatureKind::Dense { .. }) => {
            let numbers = match *scaler {
                Scaler::Identity | Scaler::Log => [0.0, 0.0],
                Scaler::MinMax { minimum, maximum } => [minimum, maximum - minimum],
                Scaler::Standard { mean, deviation } => [mean, deviation],
            };
            let negative = numbers[1] < 0.0;
            let fits = |number: f64| match arithmetic {
                Arithmetic::Single => (number as f32).is_finite(),
                Arithmetic::Double => number.is_finite(),
            };
            match negative || !numbers.into_iter().chain(*missing).all(fits) {
                true => refused(
                    "has a scaler that is no scale",
                    "finite numbers, a maximum that is not below the minimum, and a deviation that is not below 0",
                ),
                false => Ok(()),
            }
        }
        (Encoder::Dense { .. }, _) => refused("has ids and a scaler", "a vocabulary or bins"),
        (Encoder::Vocabulary { .. } | Encoder::Bins { .. }, FeatureKind::Dense { .. }) => {
            refused("is dense and has an encoder that gives ids", "a scaler")
        }
        (Encoder::Bins { .. }, FeatureKind::Sequence { .. }) => {
            refused("is a sequence and has bins", "a vocabulary")
        }
    }
}

fn check_ids(raw: &RawInput, mut ids: impl Iterator<Item = u32>, vocab_size: usize) -> Result<(), OnnxError> {
    match ids.find(|&id| id as usize >= vocab_size) {
        None => Ok(()),
        Some(id) => refusal(
            raw,
            &format!("has an encoder that gives the id {id}"),
            &format!("ids below {vocab_size}"),
        ),
    }
}

fn check_keys<K: Eq + Hash + std::fmt::Debug>(
    raw: &RawInput,
    keys: &[(K, u32)],
    padding: Option<K>,
) -> Result<(), OnnxError> {
    let mut seen = HashSet::with_capacity(keys.len());
    for (key, _) in keys {
        if padding.as_ref() == Some(key) {
            let found = format!("is a sequence and has the key {key:?}, which fills up its lists");
            return refusal(raw, &found, "other keys");
        }
        if !seen.insert(key) {
            return refusal(raw, &format!("has the key {key:?} twice"), "each key once");
        }
    }
    Ok(())
}
