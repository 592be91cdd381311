//! Binned dense features: the number of edges at or below a value is the row of its bin.

use super::{Emitter, Piece};
use crate::plan::{Segment, Source};
use crate::proto::{AttributeProto, DataType};

impl Emitter<'_> {
    /// `[batch, features x dim]` of binned features of one dimension.
    pub(super) fn bins(&mut self, group: &[&Segment]) -> Piece {
        let mut features = Vec::new();
        let mut edge_lists: Vec<&[f32]> = Vec::new();
        let mut places = Vec::new();
        for segment in group {
            if let Source::Bins { feature, table, edges } = &segment.source {
                features.push(feature.clone());
                edge_lists.push(edges);
                places.push(self.tables.place(*table));
            }
        }
        // No value is at or above a NaN, so lists of edges of different lengths fit one matrix.
        let longest = edge_lists.iter().map(|edges| edges.len()).max().unwrap_or(0).max(1);
        let mut edges = Vec::with_capacity(longest * edge_lists.len());
        for list in edge_lists {
            edges.extend_from_slice(list);
            edges.extend(std::iter::repeat_n(f32::NAN, longest - list.len()));
        }
        let edges = self.graph.floats(&edges, &[features.len(), longest]);

        let before = self.graph.nodes.len();
        let values = self.dense(&features);
        self.graph.bin_readers.push(before..self.graph.nodes.len());
        let last = self.graph.list(&[2]);
        let values = self.graph.node("Unsqueeze", &[&values, &last], Vec::new());
        let reached = self.graph.node("GreaterOrEqual", &[&values, &edges], Vec::new());
        let to = AttributeProto::int("to", DataType::Int64 as i64);
        let ones = self.graph.node("Cast", &[&reached], vec![to]);
        let drop = vec![AttributeProto::int("keepdims", 0)];
        let mut index = self.graph.node("ReduceSum", &[&ones, &last], drop);
        if places.iter().any(|place| place.first_row > 0) {
            let first_rows: Vec<i64> = places.iter().map(|place| place.first_row as i64).collect();
            let first_rows = self.graph.ints(&first_rows, &[features.len()]);
            index = self.graph.node("Add", &[&index, &first_rows], Vec::new());
        }
        let table = places.first().map_or(String::new(), |place| place.initializer.clone());
        let rows = self.gathered(&table, &index);
        let dim = group.first().map_or(0, |segment| segment.columns.len());
        let rows = self.flat(&rows, features.len() * dim);
        self.piece_of_rows(rows, &places, group)
    }
}
