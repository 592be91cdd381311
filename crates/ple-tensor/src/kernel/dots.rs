//! Dot products and scaled sums of gradients, in lanes of a fixed number, so that they are the same in vectors of any width.

use super::instruction_set::multiversion;
use super::vectors::add_scaled;

/// The lanes of a sum.
const LANES: usize = 16;

multiversion! {
    /// `Σ x y` in 64 bits.
    pub(crate) fn dot_64(x: &[f32], y: &[f32]) -> f64 {
        let mut lanes = [0.0_f64; LANES];
        let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        for (x, y) in x.iter().zip(y) {
            for lane in 0..LANES {
                lanes[lane] += f64::from(x[lane]) * f64::from(y[lane]);
            }
        }
        let rest: f64 = x_rest.iter().zip(y_rest).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        lanes.iter().sum::<f64>() + rest
    }
}

multiversion! {
    /// `sum += factor x`.
    pub(crate) fn add_scaled_run(sum: &mut [f32], factor: f32, x: &[f32]) {
        add_scaled(sum, factor, x);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::dot_64;

    proptest! {
        #[test]
        fn a_dot_product_is_the_sum_of_products(
            pairs in proptest::collection::vec((-4.0_f32..4.0, -4.0_f32..4.0), 0..200),
        ) {
            let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let expected: f64 = x.iter().zip(&y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            prop_assert!((dot_64(&x, &y) - expected).abs() <= 1e-12);
        }
    }
}
