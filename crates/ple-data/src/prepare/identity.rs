//! The hash of a transformation of any table, from its features and encoders.

use super::encoder::{Encoder, HashBuckets, KeyVocabulary};
use super::feature_file::MissingId;
use super::scaler::{Arithmetic, Scaler};
use super::transformation::{FittedFeature, FittedKind, ListForm, NamedEncoder};
use crate::content_hash::ContentHash;
use crate::schema::{FeatureKind, FeatureSchema};
use crate::transformation_hash::{
    EncoderIdentity, FeatureIdentity, KeysHash, ListIdentity, Made, ScalerIdentity, TransformationHash,
    hash_of_features,
};

/// The hash of the keys of a vocabulary.
pub(crate) fn hash_of_keys(vocabulary: &KeyVocabulary) -> ContentHash {
    let mut hash = KeysHash::new();
    vocabulary.iter().for_each(|(key, _count)| key.with_text(|text| hash.push(text)));
    hash.finish()
}

/// What tells an encoder from others.
pub(crate) fn identity_of(encoder: &Encoder) -> EncoderIdentity {
    match encoder {
        Encoder::Vocabulary(vocabulary) => EncoderIdentity::Keys(hash_of_keys(vocabulary)),
        Encoder::Hash(HashBuckets { buckets, seed }) => {
            EncoderIdentity::Buckets { buckets: *buckets, seed: *seed }
        }
    }
}

/// The hash of a transformation whose encoders are in memory.
pub(crate) fn hash_of_transformation(
    schema: &FeatureSchema,
    features: &[FittedFeature],
    encoders: &[NamedEncoder],
) -> TransformationHash {
    let identities: Vec<(&str, EncoderIdentity)> =
        encoders.iter().map(|named| (named.name.as_str(), identity_of(&named.encoder))).collect();
    hash_of_parts(schema, features, &identities)
}

/// The same where encoders are known by their names and by what tells them from others.
pub(crate) fn hash_of_parts(
    schema: &FeatureSchema,
    features: &[FittedFeature],
    encoders: &[(&str, EncoderIdentity)],
) -> TransformationHash {
    let encoder_of = |name: &str| {
        let known = encoders.iter().find(|(known, _)| *known == name);
        // A feature without its encoder is refused wherever it is used.
        known.map_or(EncoderIdentity::Buckets { buckets: 0, seed: 0 }, |(_, identity)| *identity)
    };
    let features = features.iter().zip(&schema.features).map(|(fitted, feature)| {
        let made = match &fitted.kind {
            FittedKind::Sparse { encoder, missing } => Made::Ids {
                encoder: encoder_of(encoder),
                list: ListIdentity::Single,
                missing_fails: *missing == MissingId::Fail,
            },
            FittedKind::Sequence { encoder, form, missing } => Made::Ids {
                encoder: encoder_of(encoder),
                list: list_of(form),
                missing_fails: *missing == MissingId::Fail,
            },
            &FittedKind::Dense { scaler, missing, arithmetic } => {
                let bins = match &feature.kind {
                    FeatureKind::Dense { bins: Some(bins) } => &bins.edges[..],
                    _ => &[],
                };
                let edges = bins.iter().map(|&edge| edge.into()).collect();
                Made::Number { scaler: scaler_of(scaler, arithmetic), missing, edges }
            }
        };
        FeatureIdentity { name: &fitted.name, column: &fitted.column, made }
    });
    hash_of_features(features)
}

fn list_of(form: &ListForm) -> ListIdentity<'_> {
    match form {
        ListForm::Text { separator, weight_separator } => {
            ListIdentity::Text { separator, weight_separator: weight_separator.as_deref() }
        }
        ListForm::List { weights } => ListIdentity::List { weights: weights.as_deref() },
    }
}

fn scaler_of(scaler: Scaler, arithmetic: Arithmetic) -> ScalerIdentity {
    match scaler {
        Scaler::Identity => ScalerIdentity::Identity,
        Scaler::MinMax { minimum, maximum } => ScalerIdentity::MinMax { minimum, maximum, arithmetic },
        Scaler::Standard { mean, deviation } => ScalerIdentity::Standard { mean, deviation, arithmetic },
        Scaler::Log => ScalerIdentity::Log { arithmetic },
    }
}
