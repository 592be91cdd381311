//! Linear maps: one Gemm, or two where a wide and a narrow part of the features would have to be put together first.

use ndarray::{Array2, Axis, s};
use serde_json::{Value, json};

use super::columns::groups_of;
use super::{Emitter, Piece};
use crate::graph::Values;
use crate::plan::{Affine, Operand, Part, layer_name};

/// What an initialiser has of a layer's rows: row `i` of the parameter for each place, or nothing but zeros.
type Rows = Vec<Option<usize>>;

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
                        self.gemm(&input, &part, rows, "weight")
                    })
                    .collect();
                self.side_by_side(&parts)
            }
            Operand::Block(x) => match self.pieces.get(&x.step).cloned() {
                Some(pieces) if *x == self.whole(x.step) => self.gemm_of_pieces(affine, &pieces),
                _ => {
                    let input = self.value(*x);
                    self.gemm(&input, affine, (0..affine.weight.nrows()).map(Some).collect(), "weight")
                }
            },
            Operand::Gated { gate, sources, slots } => {
                let sources: Vec<String> = sources.iter().map(|&source| self.value(source)).collect();
                let experts = self.side_by_side(&sources);
                let slot = affine.weight.nrows() / slots.len().max(1);
                let mut spread = Array2::<f32>::zeros((gate.width, slots.len() * slot));
                for (place, expert) in slots.iter().enumerate() {
                    if let Some(expert) = expert {
                        spread.slice_mut(s![*expert, place * slot..(place + 1) * slot]).fill(1.0);
                    }
                }
                let gate = self.value(*gate);
                let dims = [spread.nrows(), spread.ncols()];
                let spread = self.graph.floats(&spread.into_raw_vec_and_offset().0, &dims);
                let spread = self.graph.node("MatMul", &[&gate, &spread], Vec::new());
                let gated = self.graph.node("Mul", &[&spread, &experts], Vec::new());
                let rows = slots.iter().flat_map(|expert| (0..slot).map(move |row| expert.map(|_| row)));
                self.gemm(&gated, affine, rows.collect(), "weight")
            }
        }
    }

    /// The product of the widest piece starts from that of the others: no matrix of all of them is ever copied together.
    fn gemm_of_pieces(&mut self, affine: &Affine, pieces: &[Piece]) -> String {
        let widest = (0..pieces.len()).rev().max_by_key(|&piece| pieces[piece].width()).unwrap_or(0);
        let rows = |pieces: &[&Piece]| -> Vec<usize> {
            pieces.iter().flat_map(|piece| piece.columns.iter().cloned().flatten()).collect()
        };
        let others: Vec<&Piece> =
            pieces.iter().enumerate().filter(|(i, _)| *i != widest).map(|(_, p)| p).collect();
        let wide_rows = rows(&[&pieces[widest]]);
        let wide = Affine { weight: affine.weight.select(Axis(0), &wide_rows), ..affine.clone() };
        let some = |rows: Vec<usize>| rows.into_iter().map(Some).collect();
        if others.is_empty() {
            return self.gemm(&pieces[widest].value, &wide, some(wide_rows), "weight");
        }
        let values: Vec<String> = others.iter().map(|piece| piece.value.clone()).collect();
        let narrow_value = self.side_by_side(&values);
        let narrow_rows = rows(&others);
        let narrow = Affine { weight: affine.weight.select(Axis(0), &narrow_rows), ..affine.clone() };
        let start = self.gemm(&narrow_value, &narrow, some(narrow_rows), "weight.narrow");
        let weight = self.weight(&wide, some(wide_rows), "weight.wide");
        self.graph.node("Gemm", &[&pieces[widest].value, &weight, &start], Vec::new())
    }

    fn gemm(&mut self, input: &str, affine: &Affine, rows: Rows, what: &str) -> String {
        let weight = self.weight(affine, rows, what);
        if affine.parts.is_empty() && affine.bias.iter().all(|&bias| bias == 0.0) {
            return self.graph.node("MatMul", &[input, &weight], Vec::new());
        }
        let bias = self.bias(affine);
        self.graph.node("Gemm", &[input, &weight, &bias], Vec::new())
    }

    /// The weight as an initialiser: under the parameter's name if it is that parameter, else with a note of what it is.
    fn weight(&mut self, affine: &Affine, rows: Rows, what: &str) -> String {
        let names: Vec<String> = affine.parts.iter().map(|part| part.weight.clone()).collect();
        let dims = vec![affine.weight.nrows(), affine.weight.ncols()];
        let values = affine.weight.iter().map(|&weight| weight as f32).collect();
        let layer = if names.is_empty() { "mixture.weight".to_owned() } else { layer_name(&names) };
        let in_order = rows.iter().enumerate().all(|(place, row)| *row == Some(place));
        let plain = names.len() == 1 && affine.parts[0].norm.is_none() && in_order && what == "weight";
        let wanted = match layer.strip_suffix("weight") {
            Some(_) if plain => layer,
            Some(path) => format!("{path}{}{what}", if names.len() == 1 { "folded." } else { "fused." }),
            None => format!("{layer}.{what}"),
        };
        let name = self.graph.initializer(&wanted, dims, Values::Floats(values));
        if !plain {
            let columns = columns_note(&affine.parts, |part| Some(part.weight.clone()));
            self.graph.notes.push((name.clone(), json!({"columns": columns, "rows": runs(&rows)})));
        }
        name
    }

    fn bias(&mut self, affine: &Affine) -> String {
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
        name
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
