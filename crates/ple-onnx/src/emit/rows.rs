//! Rows of tables, as 32-bit floats or as the codes that a product can read.

use super::tables::Place;
use super::{Emitter, Piece};
use crate::plan::Segment;
use crate::proto::{AttributeProto, DataType};
use crate::rounding::TableForm;

impl Emitter<'_> {
    /// The rows at some positions, as they are in the initialiser.
    pub(super) fn gathered(&mut self, initializer: &str, index: &str) -> String {
        self.graph.node("Gather", &[initializer, index], vec![AttributeProto::int("axis", 0)])
    }

    /// The piece of `[batch, features x dim]` that rows of tables make. Codes stay what they are, with their scales.
    pub(super) fn piece_of_rows(&mut self, rows: String, places: &[Place], group: &[&Segment]) -> Piece {
        let mut piece = Piece::of_floats(rows, group);
        match places.first().map(|place| &place.form) {
            Some(TableForm::Halves) => piece.value = self.as_floats(&piece.value),
            Some(TableForm::Codes(_)) => {
                let scales = places.iter().flat_map(|place| match &place.form {
                    TableForm::Codes(scales) => &scales[..],
                    TableForm::Floats | TableForm::Halves => &[],
                });
                piece.scales = Some(scales.copied().collect());
            }
            Some(TableForm::Floats) | None => {}
        }
        piece
    }

    /// The floats of rows of one table, whose last axis is the table's columns.
    pub(super) fn rows_as_floats(&mut self, rows: &str, form: &TableForm, axis: i64) -> String {
        match form {
            TableForm::Floats => rows.to_owned(),
            TableForm::Halves => self.as_floats(rows),
            TableForm::Codes(scales) => self.decoded(rows, scales, axis),
        }
    }

    /// The value of a piece in floats.
    pub(super) fn floats_of(&mut self, piece: &Piece) -> String {
        match &piece.scales {
            None => piece.value.clone(),
            Some(scales) => self.decoded(&piece.value, scales, 1),
        }
    }

    pub(super) fn as_floats(&mut self, value: &str) -> String {
        self.graph.node("Cast", &[value], vec![AttributeProto::int("to", DataType::Float as i64)])
    }

    fn decoded(&mut self, codes: &str, scales: &[f32], axis: i64) -> String {
        let zeros = self.graph.zero_point(&[scales.len()]);
        let scales = self.graph.floats(scales, &[scales.len()]);
        let axis = vec![AttributeProto::int("axis", axis)];
        self.graph.node("DequantizeLinear", &[codes, &scales, &zeros], axis)
    }
}
