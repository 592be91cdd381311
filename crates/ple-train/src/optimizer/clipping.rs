//! Gradients that are cut to a length.

use ple_tensor::Gradients;

/// Scales a gradient down where it is longer than `most`, and gives back its length before, `sqrt(Σ g²)` over all matrices and
/// all rows of tables that have a gradient:
///
/// ```text
/// g = g min(1, most / (length + 1e-6))
/// ```
///
/// The sum is taken in 64 bits, in an order that does not depend on the number of threads. A gradient that is not finite is left as
/// it is, to be found.
///
/// Source: R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, as
/// `torch.nn.utils.clip_grad_norm_`.
pub fn clip_to_norm(gradients: &mut Gradients, most: f64) -> f64 {
    let length = gradients.norm();
    let factor = most / (length + 1e-6);
    if length.is_finite() && factor < 1.0 {
        gradients.scale(factor as f32);
    }
    length
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use ple_tensor::{Mode, ParamStore, Role, Segment, Tape, Workspace};

    use super::clip_to_norm;

    /// The gradient of `e w` for a row `e` of a table and a matrix `w` is `e` for the matrix and `w` for the row.
    #[test]
    fn matrices_and_rows_are_cut_together_as_by_torch() {
        let mut store = ParamStore::new();
        let table = store.add_table("table", 3, 2);
        store.table_row_mut(table, 1).copy_from_slice(&[3.0, 4.0]);
        let matrix = store.add("matrix", array![[12.0], [0.0]], Role::Decayed);
        let cut = |most| {
            let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
            let e = tape.embedding(1, vec![Segment::Lookup { table, ids: &[1] }]);
            let y = tape.linear(e, matrix, None, 1);
            let (mut gradients, _) = tape.backward(y);
            let length = clip_to_norm(&mut gradients, most);
            let of_matrix: Vec<f32> = gradients.matrix(matrix).unwrap().iter().copied().collect();
            (length, of_matrix, gradients.table(table).unwrap().values.clone())
        };
        // import torch
        // for most in [2.6, 13.0, 20.0]:
        //     a, b = [torch.zeros(2, requires_grad=True) for _ in range(2)]
        //     a.grad, b.grad = torch.tensor([3., 4.]), torch.tensor([12., 0.])
        //     norm = torch.nn.utils.clip_grad_norm_([a, b], most)
        //     print(most, norm.item(), a.grad.tolist(), b.grad.tolist())
        let torch = [
            (2.6, [0.599_999_96, 0.799_999_95], [2.399_999_9, 0.0]),
            (13.0, [2.999_999_8, 3.999_999_8], [11.999_999, 0.0]),
            (20.0, [3.0, 4.0], [12.0, 0.0]),
        ];
        for (most, of_matrix, of_row) in torch {
            let (length, found_matrix, found_row) = cut(most);
            assert_eq!(length, 13.0);
            let pairs = found_matrix.iter().chain(&found_row).zip(of_matrix.iter().chain(&of_row));
            // The factor is rounded once here, and several times by torch.
            pairs.for_each(|(found, expected)| {
                assert!((found - expected).abs() <= 2e-6, "{found} {expected}")
            });
        }
    }
}
