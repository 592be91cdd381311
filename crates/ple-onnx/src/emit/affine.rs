//! Linear maps: one Gemm, or two where a wide and a narrow part of the features would have to be put together first.

use ndarray::{Array2, Axis, s};
use serde_json::{Value, json};

use super::columns::{gate_and_expert_blocks, groups_of};
use super::{Emitter, Piece};
use crate::graph::Values;
use crate::plan::{Affine, Form, Gated, Operand, Part, layer_name, widest};

/// What an initialiser has of a layer's rows: row `i` of the parameter for each place, or nothing but zeros.
pub(super) type Rows = Vec<Option<usize>>;

impl Emitter<'_> {
    /// The value of `x W + b`.
    pub(super) fn affine(&mut self, affine: &Affine) -> String {
        match &affine.x {
            Operand::Block(x) if affine.groups > 1 => {
                let parts: Vec<String> = groups_of(*x, affine.groups)
                    .enumerate()
                    .map(|(group, x)| {
                        let input = self.value(x);
                        let part = affine.group(group);
                        let rows = (0..part.weight.nrows()).map(Some).collect();
                        self.product(&input, &part, rows, "weight", None)
                    })
                    .collect();
                self.side_by_side(&parts)
            }
            Operand::Block(x) => match self.pieces.get(&x.step).cloned() {
                Some(pieces) if *x == self.whole(x.step) => self.product_of_pieces(affine, x.step, &pieces),
                _ => {
                    let input = self.value(*x);
                    let rows = (0..affine.weight.nrows()).map(Some).collect();
                    self.product(&input, affine, rows, "weight", None)
                }
            },
            Operand::Gated(mixtures) if affine.groups > 1 => {
                let parts: Vec<String> = mixtures
                    .iter()
                    .enumerate()
                    .map(|(group, mixture)| {
                        self.product_of_gated(&affine.group(group), std::slice::from_ref(mixture))
                    })
                    .collect();
                self.side_by_side(&parts)
            }
            Operand::Gated(mixtures) => self.product_of_gated(affine, mixtures),
        }
    }

    /// The product of gated experts: the gates are spread over the experts' columns by a product with zeros and ones.
    fn product_of_gated(&mut self, affine: &Affine, mixtures: &[Gated]) -> String {
        let n_slots: usize = mixtures.iter().map(|mixture| mixture.slots.len()).sum();
        let n_gates = mixtures.iter().map(|mixture| mixture.gate.width).sum();
        let slot = affine.weight.nrows() / n_slots.max(1);
        let mut spread = Array2::<f32>::zeros((n_gates, n_slots * slot));
        let (mut rows, mut column, mut first_gate): (Rows, usize, usize) = (Vec::new(), 0, 0);
        for (number, mixture) in mixtures.iter().enumerate() {
            for expert in &mixture.slots {
                if let Some(expert) = expert {
                    spread.slice_mut(s![first_gate + expert, column..column + slot]).fill(1.0);
                }
                rows.extend((0..slot).map(|row| expert.map(|_| number * slot + row)));
                column += slot;
            }
            first_gate += mixture.gate.width;
        }
        let [gates, experts] = gate_and_expert_blocks(mixtures).map(|blocks| {
            let values: Vec<String> = blocks.into_iter().map(|block| self.value(block)).collect();
            self.side_by_side(&values)
        });
        let dims = [spread.nrows(), spread.ncols()];
        let spread = self.graph.floats(&spread.into_raw_vec_and_offset().0, &dims);
        let spread = self.graph.node("MatMul", &[&gates, &spread], Vec::new());
        let gated = self.graph.node("Mul", &[&spread, &experts], Vec::new());
        self.product(&gated, affine, rows, "weight", None)
    }

    /// The product of the widest piece starts from that of the others, and that of the codes of tables from that of all
    /// floats: no matrix of all of them is ever copied together.
    fn product_of_pieces(&mut self, affine: &Affine, step: usize, pieces: &[Piece]) -> String {
        if let Form::Dynamic { .. } = affine.form {
            // A range for all of the matrix at once, so it has to be one.
            let input = self.value(self.whole(step));
            return self.product(
                &input,
                affine,
                (0..affine.weight.nrows()).map(Some).collect(),
                "weight",
                None,
            );
        }
        let widths: Vec<usize> = pieces.iter().map(Piece::width).collect();
        let widest = widest(&widths);
        let is_wide = |place: usize, piece: &Piece| match affine.form {
            Form::Codes { .. } => piece.scales.is_some(),
            _ => place == widest,
        };
        let places = || pieces.iter().enumerate();
        let wide: Vec<&Piece> = places().filter(|(i, piece)| is_wide(*i, piece)).map(|(_, p)| p).collect();
        let others: Vec<&Piece> = places().filter(|(i, piece)| !is_wide(*i, piece)).map(|(_, p)| p).collect();
        let rows = |pieces: &[&Piece]| -> Vec<usize> {
            pieces.iter().flat_map(|piece| piece.columns.iter().cloned().flatten()).collect()
        };
        let of_rows =
            |rows: &[usize]| Affine { weight: affine.weight.select(Axis(0), rows), ..affine.clone() };
        let some = |rows: Vec<usize>| rows.into_iter().map(Some).collect();
        let start = (!others.is_empty()).then(|| {
            let values: Vec<String> = others.iter().map(|piece| self.floats_of(piece)).collect();
            let narrow = self.side_by_side(&values);
            let rows = rows(&others);
            self.product(&narrow, &of_rows(&rows), some(rows), "weight.narrow", None)
        });
        let what = if others.is_empty() { "weight" } else { "weight.wide" };
        if let Form::Codes { .. } = affine.form {
            let parts: Vec<(&Piece, Affine, Rows)> = wide
                .iter()
                .map(|piece| {
                    let rows = rows(&[piece]);
                    (*piece, of_rows(&rows), some(rows))
                })
                .collect();
            return self.product_of_codes(affine, parts, what, start.as_deref());
        }
        let values: Vec<String> = wide.iter().map(|piece| self.floats_of(piece)).collect();
        let (input, rows) = (self.side_by_side(&values), rows(&wide));
        self.product(&input, &of_rows(&rows), some(rows), what, start.as_deref())
    }

    /// The weight as an initialiser: under the parameter's name if it is that parameter, else with a note of what it is.
    pub(super) fn weight(&mut self, affine: &Affine, rows: Rows, what: &str) -> String {
        let values = affine.weight.iter().map(|&weight| weight as f32).collect();
        match affine.form {
            Form::Halves => {
                let weight = self.weight_values(affine, rows, what, Values::Halves(values));
                self.as_floats(&weight)
            }
            _ => self.weight_values(affine, rows, what, Values::Floats(values)),
        }
    }

    pub(super) fn weight_values(
        &mut self,
        affine: &Affine,
        rows: Rows,
        what: &str,
        values: Values,
    ) -> String {
        let names: Vec<String> = affine.parts.iter().map(|part| part.weight.clone()).collect();
        let dims = vec![affine.weight.nrows(), affine.weight.ncols()];
        let layer = if names.is_empty() { "mixture.weight".to_owned() } else { layer_name(&names) };
        let in_order = rows.iter().enumerate().all(|(place, row)| *row == Some(place));
        let one = names.len() == 1 && affine.parts[0].norm.is_none() && in_order;
        let plain = one && what == "weight";
        let wanted = match layer.strip_suffix("weight") {
            Some(_) if plain => layer,
            Some(path) if one && what == "weight.codes" => format!("{path}{what}"),
            Some(path) => format!("{path}{}{what}", if names.len() == 1 { "folded." } else { "fused." }),
            None => format!("{layer}.{what}"),
        };
        let name = self.graph.initializer(&wanted, dims, values);
        if !plain {
            let columns = columns_note(&affine.parts, |part| Some(part.weight.clone()));
            self.graph.notes.push((name.clone(), json!({"columns": columns, "rows": runs(&rows)})));
        }
        name
    }

    /// The bias, if there is one.
    pub(super) fn bias(&mut self, affine: &Affine) -> Option<String> {
        if affine.parts.is_empty() && affine.bias.iter().all(|&bias| bias == 0.0) {
            return None;
        }
        let names: Vec<String> = affine.parts.iter().filter_map(|part| part.bias.clone()).collect();
        let values = affine.bias.iter().map(|&bias| bias as f32).collect();
        let plain = names.len() == 1 && affine.parts.len() == 1 && affine.parts[0].norm.is_none();
        let layer = layer_name(&names);
        let wanted = match layer.strip_suffix("bias") {
            Some(_) if plain => layer,
            Some(path) => format!("{path}{}bias", if names.len() == 1 { "folded." } else { "fused." }),
            None => "mixture.bias".to_owned(),
        };
        let name = self.graph.initializer(&wanted, vec![affine.bias.len()], Values::Floats(values));
        if !plain {
            let columns = columns_note(&affine.parts, |part| part.bias.clone());
            self.graph.notes.push((name.clone(), json!({"columns": columns})));
        }
        Some(name)
    }
}

impl Affine {
    /// One group as a map of its own.
    fn group(&self, group: usize) -> Affine {
        let width = self.weight.ncols() / self.groups;
        let columns = group * width..(group + 1) * width;
        let own = |part: &&Part| columns.contains(&part.columns.start);
        let moved = |part: &Part| Part {
            columns: part.columns.start - columns.start..part.columns.end - columns.start,
            ..part.clone()
        };
        Affine {
            x: self.x.clone(),
            weight: self.weight.slice(s![.., columns.clone()]).to_owned(),
            bias: self.bias[columns.clone()].to_vec(),
            groups: 1,
            parts: self.parts.iter().filter(own).map(moved).collect(),
            form: match &self.form {
                Form::Dynamic { columns: scales } => Form::Dynamic { columns: scales[columns].to_vec() },
                form => form.clone(),
            },
        }
    }
}

/// `[parameter, first column, end, batch norm that is folded in or null]` for each part.
fn columns_note(parts: &[Part], name: impl Fn(&Part) -> Option<String>) -> Value {
    parts.iter().map(|part| json!([name(part), part.columns.start, part.columns.end, part.norm])).collect()
}

/// Runs of consecutive rows as `[first, end]`, and `[null, length]` for zeros.
fn runs(rows: &[Option<usize>]) -> Value {
    let mut runs: Vec<(Option<usize>, usize)> = Vec::new();
    for row in rows {
        match (runs.last_mut(), row) {
            (Some((Some(_), end)), Some(row)) if *end == *row => *end += 1,
            (Some((None, length)), None) => *length += 1,
            _ => runs.push((*row, row.map_or(1, |row| row + 1))),
        }
    }
    runs.into_iter().map(|(first, end)| json!([first, end])).collect()
}
