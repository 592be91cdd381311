//! The hash of what a preparation of Ali-CCP has fitted: the ids of its fields with their numbers, and the ends of its
//! dense columns.

use super::format::LISTS;
use super::prepared::{DenseFacts, PreparedSchema, VocabularyFacts};
use crate::content_hash::ContentHash;
use crate::prepare::Arithmetic;
use crate::transformation_hash::{
    EncoderIdentity, FeatureIdentity, KeysHash, ListIdentity, Made, ScalerIdentity, TransformationHash,
    hash_of_features,
};

/// The hash of raw ids, the first of which has the number 1.
pub(super) fn hash_of_ids(ids: impl IntoIterator<Item = u64>) -> ContentHash {
    let mut hash = KeysHash::new();
    ids.into_iter().for_each(|id| hash.push(id.to_string().as_bytes()));
    hash.finish()
}

/// The hash of the transformation that a `schema.json` describes; `keys` are those of its vocabularies.
pub(super) fn ali_ccp_hash(schema: &PreparedSchema, keys: &[ContentHash]) -> TransformationHash {
    let fields = schema.vocabularies.iter().map(|VocabularyFacts { field, .. }| field.as_str());
    hash_of_fields(fields.zip(keys.iter().copied()), &schema.dense)
}

/// The same from fields with the hashes of their ids, and dense columns.
pub(super) fn hash_of_fields<'a>(
    fields: impl IntoIterator<Item = (&'a str, ContentHash)>,
    dense: &'a [DenseFacts],
) -> TransformationHash {
    let ids = fields.into_iter().map(|(field, keys)| {
        let list = if LISTS.contains(&field) { ListIdentity::AliCcp } else { ListIdentity::Single };
        let encoder = EncoderIdentity::Keys(keys);
        FeatureIdentity {
            name: field,
            column: field,
            made: Made::Ids { encoder, list, missing_fails: false },
        }
    });
    let numbers = dense.iter().map(|&DenseFacts { ref column, minimum, maximum }| {
        let (minimum, maximum) = (minimum.into(), maximum.into());
        let scaler = ScalerIdentity::MinMax { minimum, maximum, arithmetic: Arithmetic::Single };
        let made = Made::Number { scaler, missing: Some(0.0), edges: Vec::new() };
        FeatureIdentity { name: column, column, made }
    });
    hash_of_features(ids.chain(numbers))
}
