//! What a table holds: the records of its rows, their lists, and their keys.

use arrow_array::ArrayRef;
use arrow_select::concat::concat;

use crate::records::{RecordLayout, Records};
use crate::schema::{FeatureKind, FeatureSchema};

/// The ids (and weights) of one sequence feature, for all rows: row r has `ids[offsets[r]..offsets[r + 1]]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SequenceColumn {
    /// One offset more than rows; the first is 0.
    pub offsets: Vec<usize>,
    /// The ids of all rows, one after the other.
    pub ids: Vec<u32>,
    /// One weight for each id, if the feature names a column of weights.
    pub weights: Option<Vec<f32>>,
}

impl SequenceColumn {
    /// The span of one row in `ids` and `weights`.
    pub(crate) fn span(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row]..self.offsets[row + 1]
    }

    pub(crate) fn select(&self, indices: &[u32]) -> SequenceColumn {
        let mut offsets = Vec::with_capacity(indices.len() + 1);
        offsets.push(0);
        let mut ids = Vec::new();
        let mut weights = self.weights.as_ref().map(|_| Vec::new());
        for &index in indices {
            let span = self.span(index as usize);
            ids.extend_from_slice(&self.ids[span.clone()]);
            if let (Some(target), Some(source)) = (&mut weights, &self.weights) {
                target.extend_from_slice(&source[span]);
            }
            offsets.push(ids.len());
        }
        SequenceColumn { offsets, ids, weights }
    }

    /// Appends the lists of more rows.
    pub(crate) fn append(&mut self, more: &SequenceColumn) {
        let base = self.ids.len();
        self.offsets.extend(more.offsets[1..].iter().map(|offset| base + offset));
        self.ids.extend_from_slice(&more.ids);
        if let (Some(weights), Some(more)) = (&mut self.weights, &more.weights) {
            weights.extend_from_slice(more);
        }
    }

    fn clear(&mut self, rows: usize) {
        self.offsets.clear();
        self.offsets.reserve_exact(rows + 1);
        self.offsets.push(0);
        self.ids.clear();
        self.weights.iter_mut().for_each(Vec::clear);
    }
}

/// The rows of a table, or of a piece of one.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableContents {
    /// What each row has one of.
    pub(crate) records: Records,
    /// One for each sequence feature; where lists of users are joined, one for each that has own lists.
    pub(crate) sequences: Vec<SequenceColumn>,
    /// One array for each key.
    pub(crate) keys: Vec<ArrayRef>,
}

impl TableContents {
    /// No rows, of the right kinds for a schema. Keys are left out.
    pub(crate) fn empty(schema: &FeatureSchema) -> Self {
        let sequence = |has_weights: bool| SequenceColumn {
            offsets: vec![0],
            ids: Vec::new(),
            weights: has_weights.then(Vec::new),
        };
        let weighted = |kind: &FeatureKind| matches!(kind, FeatureKind::Sequence { weights: Some(_), .. });
        Self {
            records: Records::empty(RecordLayout::of(schema)),
            sequences: schema.sequences().map(|feature| sequence(weighted(&feature.kind))).collect(),
            keys: Vec::new(),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.records.rows()
    }

    /// Removes all rows, and makes room for `rows` new ones of the schema that these were made for.
    pub(crate) fn clear_for(&mut self, schema: &FeatureSchema, rows: usize) {
        self.records.clear_for(RecordLayout::of(schema), rows);
        self.sequences.iter_mut().for_each(|sequence| sequence.clear(rows));
        self.keys.clear();
    }

    /// Appends rows of the same schema. Keys are not joined here.
    pub(crate) fn append(&mut self, other: &TableContents) {
        self.records.append(&other.records);
        for (sequence, more) in self.sequences.iter_mut().zip(&other.sequences) {
            sequence.append(more);
        }
    }
}

/// Joins the pieces of one key column.
pub(crate) fn join_keys(pieces: &[ArrayRef]) -> Result<ArrayRef, arrow_schema::ArrowError> {
    let pieces: Vec<&dyn arrow_array::Array> = pieces.iter().map(AsRef::as_ref).collect();
    concat(&pieces)
}
