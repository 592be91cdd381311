//! Look-ups: the ids of all features of one dimension become rows of one initialiser, which one Gather reads.
//!
//! A runtime's Gather refuses an id beyond the last row, but takes a negative one from the end, and in an initialiser of
//! several tables an id beyond its own would be a row of the next. So ids outside of their vocabulary are sent to a row
//! that no table has, and the runtime refuses the batch.

use super::tables::{Place, Shared};
use super::{Emitter, Piece};
use crate::emit::features::PACKED_IDS;
use crate::options::Inputs;
use crate::plan::{Segment, Source};
use crate::proto::AttributeProto;

/// A row that no table has, in any runtime: the largest 32-bit id.
const NOWHERE: i64 = i32::MAX as i64;

impl Emitter<'_> {
    /// `[batch, features x dim]` of features of one dimension.
    pub(super) fn lookups(&mut self, group: &[&Segment]) -> Piece {
        let mut features = Vec::new();
        let mut places = Vec::new();
        for segment in group {
            if let Source::Lookup { feature, table } = &segment.source {
                features.push(feature.clone());
                places.push(self.tables.place(*table));
            }
        }
        let table = places.first().map_or(String::new(), |place| place.initializer.clone());
        let index = match (self.options.inputs, &features[..]) {
            (Inputs::PerFeature, [only]) => {
                let ids = match self.gives_the_rows(only) {
                    true => only.clone(),
                    false => self.in_rows(only, &[], &[]),
                };
                self.index(&ids, &places, &[])
            }
            (Inputs::PerFeature, _) => {
                let ids = self.stacked(&features);
                let index = self.index(&ids, &places, &[features.len(), 1]);
                self.graph.node("Transpose", &[&index], vec![AttributeProto::ints("perm", &[1, 0])])
            }
            (Inputs::Packed, _) => {
                let ids = self.packed_ids(&features);
                self.index(&ids, &places, &[features.len()])
            }
        };
        let mut rows = self.gathered(&table, &index);
        if self.options.inputs == Inputs::Packed || features.len() > 1 {
            let dim = group.first().map_or(0, |segment| segment.columns.len());
            rows = self.flat(&rows, features.len() * dim);
        }
        self.piece_of_rows(rows, &places, group)
    }

    /// Rows of an initialiser from ids: each feature's own offset added, and what is outside of its vocabulary sent to
    /// [`NOWHERE`]. `dims` is the shape of constants that hold one value for each feature.
    pub(super) fn index(&mut self, ids: &str, places: &[Place], dims: &[usize]) -> String {
        let nowhere = self.graph.ints(&[NOWHERE], &[]);
        let zero = self.graph.ints(&[0], &[]);
        let below = self.graph.node("Less", &[ids, &zero], Vec::new());
        if places.iter().all(|place| place.shared == Shared::Alone) {
            return self.graph.node("Where", &[&below, &nowhere, ids], Vec::new());
        }
        let mut constant = |of: fn(&Place) -> usize| {
            let values: Vec<i64> = places.iter().map(|place| of(place) as i64).collect();
            match &values[..] {
                [first, ..] if values.iter().all(|value| value == first) => self.graph.ints(&[*first], &[]),
                _ => self.graph.ints(&values, dims),
            }
        };
        let (rows, first_row) = (constant(|place| place.rows), constant(|place| place.first_row));
        let above = self.graph.node("GreaterOrEqual", &[ids, &rows], Vec::new());
        let outside = self.graph.node("Or", &[&below, &above], Vec::new());
        let moved = match places.iter().all(|place| place.first_row == 0) {
            true => ids.to_owned(),
            false => self.graph.node("Add", &[ids, &first_row], Vec::new()),
        };
        self.graph.node("Where", &[&outside, &nowhere, &moved], Vec::new())
    }

    fn packed_ids(&mut self, features: &[String]) -> String {
        let sparse = self.sparse_features();
        if features == sparse {
            return PACKED_IDS.to_owned();
        }
        let place = |name: &String| sparse.iter().position(|feature| feature == name);
        let places: Vec<i64> = features.iter().filter_map(place).map(|place| place as i64).collect();
        let places = self.graph.list(&places);
        self.graph.node("Gather", &[PACKED_IDS, &places], vec![AttributeProto::int("axis", 1)])
    }

    fn sparse_features(&self) -> Vec<String> {
        let segments = super::features::segments(self.plan).iter();
        segments
            .filter_map(|segment| match &segment.source {
                Source::Lookup { feature, .. } => Some(feature.clone()),
                _ => None,
            })
            .collect()
    }
}
