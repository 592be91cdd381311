//! Loops over one row of a value, in the widest vectors of the processor. Sums of a row go by fixed lanes, so that they
//! are the same in vectors of any width.

use super::instruction_set::multiversion;

multiversion! {
    /// `sum += x`.
    pub(crate) fn add(sum: &mut [f32], x: &[f32]) {
        sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
    }
}

multiversion! {
    /// `sum += factor x`.
    pub(crate) fn add_scaled(sum: &mut [f32], factor: f32, x: &[f32]) {
        sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += factor * x);
    }
}

multiversion! {
    /// `Σ x y`, in 8 lanes that are added in order at the end.
    pub(crate) fn dot(x: &[f32], y: &[f32]) -> f32 {
        let mut lanes = [0.0; 8];
        let (x_chunks, y_chunks) = (x.chunks_exact(8), y.chunks_exact(8));
        let (x_rest, y_rest) = (x_chunks.remainder(), y_chunks.remainder());
        for (x, y) in x_chunks.zip(y_chunks) {
            for lane in 0..8 {
                lanes[lane] += x[lane] * y[lane];
            }
        }
        let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
        lanes.iter().sum::<f32>() + rest
    }
}

multiversion! {
    /// `y = max(x, 0)`; NaN stays NaN.
    pub(crate) fn relu(y: &mut [f32], x: &[f32]) {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x < 0.0 { 0.0 } else { x });
    }
}

multiversion! {
    /// `dx += dy` where `y > 0`.
    pub(crate) fn relu_gradient(dx: &mut [f32], y: &[f32], dy: &[f32]) {
        for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
            *dx += if y > 0.0 { dy } else { 0.0 };
        }
    }
}

multiversion! {
    /// `sum += (x - mean)²`.
    pub(crate) fn add_squares(sum: &mut [f32], x: &[f32], mean: &[f32]) {
        for ((sum, x), mean) in sum.iter_mut().zip(x).zip(mean) {
            *sum += (x - mean) * (x - mean);
        }
    }
}

multiversion! {
    /// `y = (x - mean) scale + shift`.
    pub(crate) fn normalise(y: &mut [f32], x: &[f32], mean: &[f32], scale: &[f32], shift: &[f32]) {
        for ((((y, x), mean), scale), shift) in y.iter_mut().zip(x).zip(mean).zip(scale).zip(shift) {
            *y = (x - mean) * scale + shift;
        }
    }
}

multiversion! {
    /// `sum += dy x̂` with `x̂ = (x - mean) inverse`.
    pub(crate) fn add_normalised_products(sum: &mut [f32], dy: &[f32], x: &[f32], mean: &[f32], inverse: &[f32]) {
        for ((((sum, dy), x), mean), inverse) in sum.iter_mut().zip(dy).zip(x).zip(mean).zip(inverse) {
            *sum += dy * ((x - mean) * inverse);
        }
    }
}

/// What the gradient of a normalised row needs for each column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormaliseColumns<'a> {
    pub(crate) mean: &'a [f32],
    pub(crate) inverse: &'a [f32],
    pub(crate) gamma: &'a [f32],
    pub(crate) mean_dy: &'a [f32],
    pub(crate) mean_dy_x: &'a [f32],
}

multiversion! {
    /// `dx += gamma inverse (dy - mean_dy - x̂ mean_dy_x)` with `x̂ = (x - mean) inverse`.
    pub(crate) fn normalise_gradient(dx: &mut [f32], dy: &[f32], x: &[f32], columns: NormaliseColumns<'_>) {
        let n = dx.len();
        let NormaliseColumns { mean, inverse, gamma, mean_dy, mean_dy_x } = columns;
        let (dy, x, mean, inverse) = (&dy[..n], &x[..n], &mean[..n], &inverse[..n]);
        let (gamma, mean_dy, mean_dy_x) = (&gamma[..n], &mean_dy[..n], &mean_dy_x[..n]);
        for i in 0..n {
            let normalised = (x[i] - mean[i]) * inverse[i];
            let centred = dy[i] - mean_dy[i] - normalised * mean_dy_x[i];
            dx[i] += gamma[i] * inverse[i] * centred;
        }
    }
}
