//! From a prepared folder to the encoders of its raw values.

use std::collections::BTreeMap;

use ple_data::ali_ccp_raw::{DenseFacts, Prepared};
use ple_data::prepare::{self, FittedKind, PrepareError, Transformation, VocabularyKeys};
use ple_data::{DataError, FeatureKind, FeatureSchema, PreparedFolder};
use ple_onnx::{Arithmetic, Encoder, Keys, RawInput, Scaler};

/// The encoders of the features of a schema: what the preparation has made of each raw id and number. A hashed feature has
/// none, and is sent as an id; a folder without any encoder is an error.
pub(crate) fn raw_inputs(
    prepared: &PreparedFolder,
    schema: &FeatureSchema,
) -> Result<Vec<RawInput>, DataError> {
    let mut encoders = match prepared {
        PreparedFolder::AliCcp(prepared) => of_ali_ccp(prepared, schema)?,
        PreparedFolder::Table(prepared) => of_table(&prepared.transformation()?),
    };
    let names = schema.features.iter().map(|feature| feature.name.clone());
    let raw_inputs: Vec<RawInput> = names
        .filter_map(|feature| {
            let encoder = encoders.remove(&feature)?;
            Some(RawInput { feature, encoder })
        })
        .collect();
    match raw_inputs.is_empty() {
        true => Err(PrepareError::NoRawInputs { folder: prepared.path().to_owned() }.into()),
        false => Ok(raw_inputs),
    }
}

/// 0 stands for every id that is rare or unknown; a number that is missing is 0.
fn of_ali_ccp(prepared: &Prepared, schema: &FeatureSchema) -> Result<BTreeMap<String, Encoder>, DataError> {
    let mut encoders = BTreeMap::new();
    for feature in &schema.features {
        let encoder = match &feature.kind {
            FeatureKind::Sparse { .. } | FeatureKind::Sequence { .. } => {
                // An id beyond 63 bits is none that a log of signed integers can have.
                let key = |(id, number): (u64, u32)| Some((i64::try_from(id).ok()?, number));
                let keys = prepared.vocabulary(&feature.name)?.into_iter().filter_map(key).collect();
                Encoder::Vocabulary { keys: Keys::Ints(keys), unknown: 0 }
            }
            FeatureKind::Dense { .. } => {
                let facts = prepared.schema.dense.iter().find(|dense| dense.column == feature.name);
                let scaler = match facts {
                    Some(&DenseFacts { minimum, maximum, .. }) => {
                        Scaler::MinMax { minimum: minimum.into(), maximum: maximum.into() }
                    }
                    None => Scaler::Identity,
                };
                Encoder::Dense { missing: Some(0.0), scaler, arithmetic: Arithmetic::Single }
            }
        };
        encoders.insert(feature.name.clone(), encoder);
    }
    Ok(encoders)
}

fn of_table(transformation: &Transformation) -> BTreeMap<String, Encoder> {
    let mut encoders = BTreeMap::new();
    for feature in transformation.features() {
        let encoder = match (&feature.kind, transformation.encoder_of(feature)) {
            (&FittedKind::Dense { scaler, missing, arithmetic }, _) => Encoder::Dense {
                missing,
                scaler: scaler_of(scaler),
                arithmetic: match arithmetic {
                    prepare::Arithmetic::Single => Arithmetic::Single,
                    prepare::Arithmetic::Double => Arithmetic::Double,
                },
            },
            (_, Some(prepare::Encoder::Vocabulary(vocabulary))) => {
                let keys = match vocabulary.keys() {
                    VocabularyKeys::Integers(keys) => Keys::Ints(keys.into_iter().zip(1..).collect()),
                    VocabularyKeys::Texts(keys) => Keys::Strings(keys.into_iter().zip(1..).collect()),
                };
                Encoder::Vocabulary { keys, unknown: 0 }
            }
            (_, Some(prepare::Encoder::Hash(_)) | None) => continue,
        };
        encoders.insert(feature.name.clone(), encoder);
    }
    encoders
}

fn scaler_of(scaler: prepare::Scaler) -> Scaler {
    match scaler {
        prepare::Scaler::Identity => Scaler::Identity,
        prepare::Scaler::MinMax { minimum, maximum } => Scaler::MinMax { minimum, maximum },
        prepare::Scaler::Standard { mean, deviation } => Scaler::Standard { mean, deviation },
        prepare::Scaler::Log => Scaler::Log,
    }
}
