//! Sequences: padded ids, a weight of 0 for what is padding, and one small product for each row.

use ple_tensor::Pooling;

use super::Emitter;
use super::features::weights_name;
use crate::plan::{Segment, Source, Weights};
use crate::proto::AttributeProto;

/// The id of no element, in a sequence of a feature without a padding id.
pub(crate) const NO_ELEMENT: i64 = -1;

impl Emitter<'_> {
    /// `[batch, dim]`: `Σ wᵢ eᵢ`, and for the mean `Σ wᵢ eᵢ / Σ wᵢ`, zero where the weights sum to zero.
    pub(super) fn bag(&mut self, segment: &Segment) -> String {
        let Source::Bag { feature, table, pooling, padding, weights } = &segment.source else {
            return String::new();
        };
        let place = self.tables.place(*table);
        let zero = self.graph.ints(&[0], &[]);
        let padding_id = self.graph.ints(&[padding.map_or(NO_ELEMENT, i64::from)], &[]);
        let is_padding = self.graph.node("Equal", &[feature, &padding_id], Vec::new());
        // The row that a padding id reads counts for nothing, so any will do: the first, where it has none of its own.
        let ids = match padding {
            Some(id) if (*id as usize) < place.rows => feature.clone(),
            _ => self.graph.node("Where", &[&is_padding, &zero, feature], Vec::new()),
        };
        let index = self.index(&ids, std::slice::from_ref(&place), &[]);
        let rows = self.gathered(&place.initializer, &index);
        let rows = self.rows_as_floats(&rows, &place.form, 2);
        let counts = self.graph.node("Not", &[&is_padding], Vec::new());
        let ones = self.graph.node("Cast", &[&counts], vec![AttributeProto::int("to", FLOAT)]);
        let middle = self.graph.list(&[1]);
        let mut factors = self.graph.node("Unsqueeze", &[&ones, &middle], Vec::new());
        if *weights == Weights::Given {
            // A product would repeat weights of another shape; to lie one above the other, both have to have the same.
            let weights = self.graph.node("Unsqueeze", &[&weights_name(feature), &middle], Vec::new());
            let axis = vec![AttributeProto::int("axis", 1)];
            let pairs = self.graph.node("Concat", &[&factors, &weights], axis);
            let over = vec![AttributeProto::ints("axes", &[1]), AttributeProto::int("keepdims", 1)];
            factors = self.graph.node("ReduceProd", &[&pairs], over);
        }
        let sum = self.graph.node("MatMul", &[&factors, &rows], Vec::new());
        let sum = match self.gives_the_rows(feature) {
            true => self.graph.node("Squeeze", &[&sum, &middle], Vec::new()),
            false => self.in_rows(&sum, &[], &[segment.columns.len() as i64]),
        };
        if *pooling == Pooling::Sum {
            return sum;
        }
        let (last, drop) = (self.graph.list(&[2]), vec![AttributeProto::int("keepdims", 0)]);
        let total = self.graph.node("ReduceSum", &[&factors, &last], drop);
        let nothing = self.graph.floats(&[0.0], &[]);
        let is_empty = self.graph.node("Equal", &[&total, &nothing], Vec::new());
        let share = self.graph.node("Reciprocal", &[&total], Vec::new());
        let share = self.graph.node("Where", &[&is_empty, &nothing, &share], Vec::new());
        self.graph.node("Mul", &[&sum, &share], Vec::new())
    }
}

/// The type of a Cast to 32-bit floats.
const FLOAT: i64 = crate::proto::DataType::Float as i64;
