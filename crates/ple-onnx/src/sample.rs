//! Sample rows: checked against the model's features, and laid out as the inputs of the graph.

use ple_nn::{BankInput, FeatureKind, FeatureSpec, Model, SequenceInput};

use crate::emit::{NO_ELEMENT, PACKED_DENSE, PACKED_IDS, weights_name};
use crate::error::OnnxError;
use crate::options::Inputs;

/// The values of one input of the graph.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fed {
    pub(crate) name: String,
    pub(crate) dims: Vec<usize>,
    pub(crate) values: FedValues,
}

/// Ids or numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FedValues {
    Ids(Vec<i32>),
    Floats(Vec<f32>),
}

/// Checks that features are the model's, in its order.
///
/// # Errors
/// [`OnnxError::Schema`].
pub(crate) fn check_features(model: &[FeatureSpec], rows: &[FeatureSpec]) -> Result<(), OnnxError> {
    let position =
        (0..model.len().max(rows.len())).find(|&position| model.get(position) != rows.get(position));
    match position {
        None => Ok(()),
        Some(position) => Err(OnnxError::Schema {
            position: position + 1,
            found: described(rows.get(position)),
            expected: described(model.get(position)),
        }),
    }
}

fn described(feature: Option<&FeatureSpec>) -> String {
    let Some(FeatureSpec { name, kind }) = feature else { return "missing".to_owned() };
    match kind {
        FeatureKind::Sparse { vocab_size, embedding_dim, shared_with } => {
            let shared = shared_with.iter().map(|other| format!(", shared with `{other}`"));
            format!(
                "`{name}`, sparse, {vocab_size} ids of dimension {embedding_dim}{}",
                shared.collect::<String>()
            )
        }
        FeatureKind::Sequence { vocab_size, embedding_dim, pooling, padding_id, shared_with } => {
            let padding = padding_id.iter().map(|id| format!(", padded with {id}"));
            let shared = shared_with.iter().map(|other| format!(", shared with `{other}`"));
            let rest: String = padding.chain(shared).collect();
            format!("`{name}`, a sequence, {vocab_size} ids of dimension {embedding_dim}, {pooling:?}{rest}")
        }
        FeatureKind::Dense { bins: None } => format!("`{name}`, dense"),
        FeatureKind::Dense { bins: Some(bins) } => {
            format!("`{name}`, dense, {} bins of dimension {}", bins.edges.len() + 1, bins.embedding_dim)
        }
    }
}

/// Checks that the rows are rows of the model's features, so that a forward pass over them cannot fail.
///
/// # Errors
/// [`OnnxError::Sample`].
pub(crate) fn check(model: &Model, sample: &BankInput<'_>) -> Result<(), OnnxError> {
    let differs = |found: String, expected: String| Err(OnnxError::Sample { found, expected });
    let features = model.features();
    if sample.batch == 0 {
        return differs("there are none".to_owned(), "at least one row".to_owned());
    }
    let count = |kind: fn(&FeatureKind) -> bool| features.iter().filter(|f| kind(&f.kind)).count();
    let counts = [
        ("sparse", sample.sparse.len(), count(|kind| matches!(kind, FeatureKind::Sparse { .. }))),
        ("sequence", sample.sequences.len(), count(|kind| matches!(kind, FeatureKind::Sequence { .. }))),
        ("dense", sample.dense.ncols(), count(|kind| matches!(kind, FeatureKind::Dense { .. }))),
    ];
    for (kind, found, expected) in counts {
        if found != expected {
            return differs(format!("{found} {kind} features"), format!("{expected}"));
        }
    }
    let rows = sample.sparse.iter().map(|ids| ids.len());
    let rows = rows.chain(sample.sequences.iter().map(|sequence| sequence.offsets.len().saturating_sub(1)));
    if let Some(found) = rows.chain([sample.dense.nrows()]).find(|&rows| rows != sample.batch) {
        return differs(format!("a feature has {found} rows"), format!("{}", sample.batch));
    }
    let (mut sparse, mut sequences) = (sample.sparse.iter(), sample.sequences.iter());
    let mut columns = sample.dense.columns().into_iter();
    for feature in features {
        let (ids, vocabulary, padding): (&[u32], _, _) = match &feature.kind {
            FeatureKind::Sparse { vocab_size, .. } => {
                (sparse.next().copied().unwrap_or(&[]), *vocab_size, None)
            }
            FeatureKind::Sequence { vocab_size, padding_id, .. } => {
                let Some(sequence) = sequences.next() else { continue };
                check_sequence(&feature.name, sequence)?;
                (sequence.ids, *vocab_size, *padding_id)
            }
            FeatureKind::Dense { .. } => {
                let mut values = columns.next().into_iter().flatten().enumerate();
                match values.find(|(_, value)| !value.is_finite()) {
                    Some((row, value)) => {
                        let found = format!("the feature `{}` is {value} in row {row}", feature.name);
                        return differs(found, "finite numbers".to_owned());
                    }
                    None => continue,
                }
            }
        };
        let outside = ids.iter().find(|&&id| id as usize >= vocabulary && Some(id) != padding);
        if let Some(id) = outside {
            return differs(
                format!("id {id} of the feature `{}`", feature.name),
                format!("ids below {vocabulary}"),
            );
        }
    }
    Ok(())
}

fn check_sequence(feature: &str, sequence: &SequenceInput<'_>) -> Result<(), OnnxError> {
    let SequenceInput { offsets, ids, weights } = sequence;
    let ascending = offsets.first() == Some(&0)
        && offsets.is_sorted()
        && offsets.last().map(|&last| last as usize) == Some(ids.len());
    if !ascending || weights.is_some_and(|weights| weights.len() != ids.len()) {
        return Err(OnnxError::Sample {
            found: format!("the lists of the feature `{feature}` do not cover its {} ids", ids.len()),
            expected: "ascending offsets from 0 to the number of ids, and as many weights".to_owned(),
        });
    }
    match weights.unwrap_or(&[]).iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
        Some(weight) => Err(OnnxError::Sample {
            found: format!("a weight of the feature `{feature}` is {weight}"),
            expected: "finite numbers of at least 0".to_owned(),
        }),
        None => Ok(()),
    }
}

/// The rows of the sample as the graph's inputs; lists are padded to the longest one.
#[cfg_attr(not(feature = "proof"), expect(dead_code))]
pub(crate) fn feed(features: &[FeatureSpec], sample: &BankInput<'_>, inputs: Inputs) -> Vec<Fed> {
    let (mut fed, rows) = (Vec::new(), sample.batch);
    let narrow = |id: u32| i32::try_from(id).unwrap_or(i32::MAX);
    let sparse_names = features.iter().filter(|f| matches!(f.kind, FeatureKind::Sparse { .. }));
    let dense_names = features.iter().filter(|f| matches!(f.kind, FeatureKind::Dense { .. }));
    match inputs {
        Inputs::PerFeature => {
            for (feature, ids) in sparse_names.zip(&sample.sparse) {
                let ids = ids.iter().map(|&id| narrow(id)).collect();
                fed.push(Fed { name: feature.name.clone(), dims: vec![rows], values: FedValues::Ids(ids) });
            }
            for (feature, column) in dense_names.zip(sample.dense.columns()) {
                let values = FedValues::Floats(column.iter().copied().collect());
                fed.push(Fed { name: feature.name.clone(), dims: vec![rows], values });
            }
        }
        Inputs::Packed => {
            if !sample.sparse.is_empty() {
                let row = |row: usize| sample.sparse.iter().map(move |ids| narrow(ids[row]));
                let values = FedValues::Ids((0..rows).flat_map(row).collect());
                fed.push(Fed { name: PACKED_IDS.to_owned(), dims: vec![rows, sample.sparse.len()], values });
            }
            if sample.dense.ncols() > 0 {
                let dims = vec![rows, sample.dense.ncols()];
                let values = sample.dense.iter().copied().collect();
                fed.push(Fed { name: PACKED_DENSE.to_owned(), dims, values: FedValues::Floats(values) });
            }
        }
    }
    let sequences = features.iter().filter_map(|feature| match &feature.kind {
        FeatureKind::Sequence { padding_id, .. } => Some((&feature.name, *padding_id)),
        _ => None,
    });
    for ((name, padding), sequence) in sequences.zip(&sample.sequences) {
        let lists = || sequence.offsets.windows(2).map(|ends| ends[0] as usize..ends[1] as usize);
        let longest = lists().map(|list| list.len()).max().unwrap_or(0).max(1);
        let dims = vec![rows, longest];
        let padding = padding.map_or(NO_ELEMENT as i32, narrow);
        let (mut ids, mut weights) = (Vec::new(), Vec::new());
        for (row, list) in lists().enumerate() {
            ids.extend(sequence.ids[list.clone()].iter().map(|&id| narrow(id)));
            ids.resize((row + 1) * longest, padding);
            if let Some(all) = sequence.weights {
                weights.extend_from_slice(&all[list]);
                weights.resize((row + 1) * longest, 1.0);
            }
        }
        fed.push(Fed { name: name.clone(), dims: dims.clone(), values: FedValues::Ids(ids) });
        if sequence.weights.is_some() {
            fed.push(Fed { name: weights_name(name), dims, values: FedValues::Floats(weights) });
        }
    }
    fed
}
