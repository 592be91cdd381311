//! One product of a value and a weight, in the form that the weight has.

use super::{Emitter, Piece, QuantisedInput};
use crate::plan::{Affine, Form, weight_code};
use crate::proto::{AttributeProto, DataType};

use super::affine::Rows;
use crate::graph::Values;

impl Emitter<'_> {
    /// `input W + start`, or `input W + b` without a start, where the weight is in floats or its input is quantised at each
    /// call.
    pub(super) fn product(
        &mut self,
        input: &str,
        affine: &Affine,
        rows: Rows,
        what: &str,
        start: Option<&str>,
    ) -> String {
        match &affine.form {
            Form::Dynamic { columns } => {
                let codes = self.graph.node_with_outputs("DynamicQuantizeLinear", &[input], 3, Vec::new());
                let [codes, scale, zero] = &codes[..] else { return String::new() };
                let names = [codes.clone(), scale.clone(), zero.clone()];
                let group = self.quantised.iter().filter(|input| input.step == self.step).count();
                self.quantised.push(QuantisedInput { step: self.step, group, names });
                let weight = self.weight_codes(affine, rows, what);
                let sum = self.graph.node("MatMulInteger", &[codes, &weight, zero], Vec::new());
                let columns = self.column_scales(&weight, columns);
                let scale = self.graph.node("Mul", &[scale, &columns], Vec::new());
                self.scaled(&sum, &scale, affine, start)
            }
            Form::Floats | Form::Halves | Form::Codes { .. } => {
                let weight = self.weight(affine, rows, what);
                let start = start.map(str::to_owned).or_else(|| self.bias(affine));
                match start {
                    Some(start) => self.graph.node("Gemm", &[input, &weight, &start], Vec::new()),
                    None => self.graph.node("MatMul", &[input, &weight], Vec::new()),
                }
            }
        }
    }

    /// The same for the codes of tables: a product for each piece with the rows of the weight that it meets, added up as
    /// integers.
    pub(super) fn product_of_codes(
        &mut self,
        whole: &Affine,
        pieces: Vec<(&Piece, Affine, Rows)>,
        what: &str,
        start: Option<&str>,
    ) -> String {
        let Form::Codes { columns, .. } = &whole.form else { return String::new() };
        let zero = self.graph.zero_point(&[]);
        let (mut total, mut first): (Option<String>, Option<String>) = (None, None);
        for (piece, mut affine, rows) in pieces {
            let scales = piece.scales.clone().unwrap_or_default();
            affine.form = Form::Codes { scales, columns: columns.clone() };
            let weight = self.weight_codes(&affine, rows, what);
            let sum = self.graph.node("MatMulInteger", &[&piece.value, &weight, &zero], Vec::new());
            total = Some(match total {
                Some(total) => self.graph.node("Add", &[&total, &sum], Vec::new()),
                None => sum,
            });
            first.get_or_insert(weight);
        }
        let (Some(total), Some(weight)) = (total, first) else { return String::new() };
        let columns = self.column_scales(&weight, columns);
        self.scaled(&total, &columns, whole, start)
    }

    fn column_scales(&mut self, weight: &str, scales: &[f32]) -> String {
        self.graph.initializer(
            &format!("{weight}.scale"),
            vec![scales.len()],
            Values::Floats(scales.to_vec()),
        )
    }

    /// A sum of products of codes in floats, with what it starts from.
    fn scaled(&mut self, sum: &str, scale: &str, affine: &Affine, start: Option<&str>) -> String {
        let to = AttributeProto::int("to", DataType::Float as i64);
        let sum = self.graph.node("Cast", &[sum], vec![to]);
        let scaled = self.graph.node("Mul", &[&sum, scale], Vec::new());
        let start = start.map(str::to_owned).or_else(|| self.bias(affine));
        match start {
            Some(start) => self.graph.node("Add", &[&scaled, &start], Vec::new()),
            None => scaled,
        }
    }

    /// The codes of a weight as an initialiser.
    fn weight_codes(&mut self, affine: &Affine, rows: Rows, what: &str) -> String {
        let (inputs, columns) = match &affine.form {
            Form::Codes { scales, columns, .. } => (&scales[..], columns),
            Form::Dynamic { columns } => (&[][..], columns),
            Form::Floats | Form::Halves => return String::new(),
        };
        let mut codes = Vec::with_capacity(affine.weight.len());
        for (row, weights) in affine.weight.outer_iter().enumerate() {
            let input = f64::from(inputs.get(row).copied().unwrap_or(1.0));
            let code = |(weight, column): (&f64, &f32)| weight_code(*weight, input, f64::from(*column)) as i8;
            codes.extend(weights.iter().zip(columns).map(code));
        }
        self.weight_values(affine, rows, &format!("{what}.codes"), Values::SignedBytes(codes))
    }
}
