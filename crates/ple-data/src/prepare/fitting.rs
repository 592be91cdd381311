//! The pass over training rows that fits a transformation, anew or as an extension of an earlier one.

use super::draft::{DenseDraft, Draft};
use super::encoder::{Encoder, KeyVocabulary};
use super::identity::hash_of_transformation;
use super::tallies::Tallies;
use super::transformation::{FittedKind, Transformation};
use crate::error::DataError;
use crate::transformation_hash::Lineage;

/// A transformation whose vocabularies grow, and what else is to be found for it.
pub(crate) struct Unfitted {
    pub(crate) transformation: Transformation,
    pub(crate) dense: Vec<Option<DenseDraft>>,
    is_extension: bool,
}

impl From<Draft> for Unfitted {
    fn from(Draft { transformation, dense }: Draft) -> Self {
        Unfitted { transformation, dense, is_extension: false }
    }
}

impl Unfitted {
    /// A transformation that is fitted: its vocabularies may grow at their ends, its scalers and bins stay.
    pub(crate) fn extension(transformation: &Transformation) -> Self {
        let dense = vec![None; transformation.features.len()];
        Unfitted { transformation: transformation.clone(), dense, is_extension: true }
    }

    /// The transformation with what the training rows have shown.
    pub(crate) fn fitted(self, mut tallies: Tallies) -> Result<Transformation, DataError> {
        let Unfitted { mut transformation, is_extension, .. } = self;
        for (named, counts) in transformation.encoders.iter_mut().zip(&mut tallies.keys) {
            // The counts of an encoder go when its keys have their numbers.
            let counts = counts.take();
            if let (Encoder::Vocabulary(vocabulary), Some(counts)) = (&mut named.encoder, &counts) {
                vocabulary.recount(|key| counts.count(key));
                for (key, count) in counts.frequent(vocabulary.min_count()) {
                    // A key that has a number keeps it.
                    vocabulary.push(&key, count);
                }
            }
        }
        for (feature, tally) in tallies.dense.iter_mut().enumerate() {
            let Some(tally) = tally else { continue };
            let fitted = &mut transformation.features[feature];
            let FittedKind::Dense { scaler, missing, .. } = &mut fitted.kind else { continue };
            *scaler = tally.scaler();
            if tally.missing_is_mean() {
                *missing = Some(tally.mean());
            }
            if let Some((edges, embedding_dim)) = tally.edges(scaler) {
                transformation.set_bins(feature, edges, embedding_dim);
            }
        }
        transformation.update_vocab_sizes();
        transformation.schema.validate()?;
        let Transformation { schema, features, encoders, lineage, .. } = &transformation;
        let hash = hash_of_transformation(schema, features, encoders);
        transformation.lineage = if is_extension { lineage.extended_to(hash) } else { Lineage::new(hash) };
        Ok(transformation)
    }
}

impl KeyVocabulary {
    /// Adds what new rows show to the numbers of occurrences.
    fn recount(&mut self, more: impl Fn(&super::key::Key<'_>) -> u64) {
        for (position, count) in self.counts.iter_mut().enumerate() {
            *count += more(&self.index.key(position as u32));
        }
    }
}
