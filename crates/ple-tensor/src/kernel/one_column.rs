//! Linear maps whose groups make one value each, as the last layers of towers do: dot products of rows, and multiples of
//! rows on the way back. A tile of a product would be empty but for one of its columns.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::instruction_set::multiversion;
use super::rows::{row, slice_mut};
use super::vectors::{add_scaled, dot};

multiversion! {
    /// `y = x w + b` for each row of `y`, which is a block of the batch from row `first` on; `weights` has the column of
    /// one group after the other.
    pub(crate) fn dot_products(
        y: ArrayViewMut2<'_, f32>,
        first: usize,
        x: ArrayView2<'_, f32>,
        weights: &[f32],
        bias: Option<&[f32]>,
    ) {
        let fan_in = weights.len() / y.ncols();
        let mut y = y;
        for (i, y) in y.outer_iter_mut().enumerate() {
            let inputs = row(&x, first + i).chunks_exact(fan_in).zip(weights.chunks_exact(fan_in));
            for (group, (y, (x, w))) in slice_mut(y).iter_mut().zip(inputs).enumerate() {
                *y = bias.map_or(0.0, |bias| bias[group]) + dot(x, w);
            }
        }
    }
}

multiversion! {
    /// The sums over the rows of `dy x` for each group, and after them those of `dy`.
    pub(crate) fn add_weight_gradient(
        sums: &mut [f32],
        rows: Range<usize>,
        x: ArrayView2<'_, f32>,
        dy: ArrayView2<'_, f32>,
    ) {
        let (of_weights, of_biases) = sums.split_at_mut(x.ncols());
        let fan_in = x.ncols() / dy.ncols();
        for i in rows {
            let terms = row(&x, i).chunks_exact(fan_in).zip(row(&dy, i));
            let sums = of_weights.chunks_exact_mut(fan_in).zip(&mut *of_biases);
            for ((weights, bias), (x, &dy)) in sums.zip(terms) {
                add_scaled(weights, dy, x);
                *bias += dy;
            }
        }
    }
}

multiversion! {
    /// `dx += dy w` for each row of a block from row `first` on; only written if `fresh`.
    pub(crate) fn input_gradient(
        dx: ArrayViewMut2<'_, f32>,
        first: usize,
        fresh: bool,
        dy: ArrayView2<'_, f32>,
        weights: &[f32],
    ) {
        let (mut dx, fan_in) = (dx, weights.len() / dy.ncols());
        for (i, dx) in dx.outer_iter_mut().enumerate() {
            let groups = weights.chunks_exact(fan_in).zip(row(&dy, first + i));
            for (dx, (w, &dy)) in slice_mut(dx).chunks_exact_mut(fan_in).zip(groups) {
                if fresh {
                    dx.iter_mut().zip(w).for_each(|(dx, w)| *dx = dy * w);
                } else {
                    add_scaled(dx, dy, w);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::{add_weight_gradient, dot_products, input_gradient};

    proptest! {
        #[test]
        fn products_and_their_gradients_are_the_plain_ones(
            rows in 1_usize..20,
            fan_in in 1_usize..40,
            groups in 1_usize..4,
            fresh: bool,
        ) {
            let value = |index: usize| (index as u32).wrapping_mul(0x9E37_79B1) as f32 / u32::MAX as f32 - 0.5;
            let x = Array2::from_shape_fn((rows, groups * fan_in), |(row, i)| value(row * 97 + i));
            let dy = Array2::from_shape_fn((rows, groups), |(row, i)| value(row * 89 + i + 5_000));
            let weights: Vec<f32> = (0..groups * fan_in).map(|i| value(i + 9_000)).collect();
            let near = |computed: f32, expected: f64| (f64::from(computed) - expected).abs() < 1e-5;
            let product = |a: f32, b: f32| f64::from(a) * f64::from(b);

            let mut y = Array2::from_elem((rows, groups), f32::NAN);
            dot_products(y.view_mut(), 0, x.view(), &weights, Some(&vec![0.25; groups]));
            for ((row, group), &y) in y.indexed_iter() {
                let columns = group * fan_in..(group + 1) * fan_in;
                let expected = 0.25 + columns.map(|i| product(x[[row, i]], weights[i])).sum::<f64>();
                prop_assert!(near(y, expected), "{y} for {expected}");
            }
            let mut sums = vec![1.0; groups * fan_in + groups];
            add_weight_gradient(&mut sums, 0..rows, x.view(), dy.view());
            for (i, &sum) in sums.iter().enumerate() {
                let term = |row: usize| match i.checked_sub(groups * fan_in) {
                    None => product(x[[row, i]], dy[[row, i / fan_in]]),
                    Some(group) => f64::from(dy[[row, group]]),
                };
                let expected = 1.0 + (0..rows).map(term).sum::<f64>();
                prop_assert!(near(sum, expected), "{sum} for {expected}");
            }
            let mut dx = Array2::from_elem(x.dim(), 3.0);
            input_gradient(dx.view_mut(), 0, fresh, dy.view(), &weights);
            for ((row, i), &dx) in dx.indexed_iter() {
                let expected = if fresh { 0.0 } else { 3.0 } + product(dy[[row, i / fan_in]], weights[i]);
                prop_assert!(near(dx, expected), "{dx} for {expected}");
            }
        }
    }
}
