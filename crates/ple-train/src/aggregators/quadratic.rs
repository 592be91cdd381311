//! The least value of a quadratic function of weights that may not be negative: what several aggregators come down to.

use ndarray::Array2;

/// What is asked of the weights besides that none is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    /// Nothing.
    Free,
    /// That they add up to 1.
    One,
}

/// The `x >= 0` with the least `x' a x / 2 + b' x`, for a matrix without negative eigenvalues.
///
/// An active-set method: the weights that are not 0 are the solution of linear equations, so the result is as exact as
/// these. A weight joins them where the function falls the most, and leaves where the solution would make it negative.
/// With [`Sum::Free`] the matrix has to be positive definite, and with [`Sum::One`] `b` a product of it with some vector, so
/// that the function falls nowhere without end.
///
/// Source: C. Lawson and R. Hanson, "Solving Least Squares Problems", 1974, chapter 23, here with products instead of rows.
pub(super) fn least(a: &Array2<f64>, b: &[f64], sum: Sum) -> Vec<f64> {
    let n = b.len();
    let mut x = vec![0.0; n];
    let mut support = Vec::new();
    if sum == Sum::One {
        let at = |i: usize| a[[i, i]] / 2.0 + b[i];
        let Some(first) = (0..n).min_by(|&i, &j| at(i).total_cmp(&at(j))) else { return x };
        x[first] = 1.0;
        support.push(first);
    }
    let mut refused = vec![false; n];
    // Each round lowers the function, so no support comes twice; the limit is for numbers that are not finite.
    for _ in 0..100 * n {
        let slopes: Vec<f64> = (0..n).map(|i| slope(a, b, &x, i)).collect();
        let level = match sum {
            Sum::Free => 0.0,
            Sum::One => support.iter().map(|&i| x[i] * slopes[i]).sum(),
        };
        let falls =
            |i: &usize| !support.contains(i) && !refused[*i] && slopes[*i] < level - rounding(a, b, &x, *i);
        let Some(next) = (0..n).filter(falls).min_by(|&i, &j| slopes[i].total_cmp(&slopes[j])) else { break };
        support.push(next);
        if enter(a, b, sum, &mut x, &mut support, next) {
            refused.fill(false);
        } else {
            refused[next] = true;
        }
    }
    x
}

/// Moves to the least value over the support, dropping the weights that would become negative on the way. Says whether the
/// new one made a difference.
fn enter(a: &Array2<f64>, b: &[f64], sum: Sum, x: &mut [f64], support: &mut Vec<usize>, new: usize) -> bool {
    let mut moved = false;
    while let Some(best) = least_over(a, b, sum, support) {
        // By rounding alone: the function does not fall there.
        if !moved && best.last().is_some_and(|&weight| weight <= 0.0) {
            break;
        }
        let share = |k: usize| x[support[k]] / (x[support[k]] - best[k]);
        let blocking = (0..support.len()).filter(|&k| best[k] <= 0.0);
        let Some(blocked) = blocking.min_by(|&k, &l| share(k).total_cmp(&share(l))) else {
            for (&i, &value) in support.iter().zip(&best) {
                x[i] = value;
            }
            return true;
        };
        let step = share(blocked);
        for (&i, &value) in support.iter().zip(&best) {
            x[i] += step * (value - x[i]);
        }
        x[support[blocked]] = 0.0;
        support.remove(blocked);
        moved = true;
    }
    if !moved {
        support.retain(|&i| i != new);
    }
    moved
}

fn slope(a: &Array2<f64>, b: &[f64], x: &[f64], i: usize) -> f64 {
    a.row(i).iter().zip(x).map(|(a, x)| a * x).sum::<f64>() + b[i]
}

/// What rounding makes of a slope that is 0.
fn rounding(a: &Array2<f64>, b: &[f64], x: &[f64], i: usize) -> f64 {
    let size = a.row(i).iter().zip(x).map(|(a, x)| (a * x).abs()).sum::<f64>() + b[i].abs();
    16.0 * f64::EPSILON * size
}

/// The least value over the weights of the support, whatever their signs; nothing if there is more than one.
fn least_over(a: &Array2<f64>, b: &[f64], sum: Sum, support: &[usize]) -> Option<Vec<f64>> {
    let n = support.len();
    match sum {
        Sum::Free => {
            let matrix = Array2::from_shape_fn((n, n), |(k, l)| a[[support[k], support[l]]]);
            solve(matrix, support.iter().map(|&i| -b[i]).collect())
        }
        // The last weight is what the others leave of 1, so they are free.
        Sum::One => {
            let last = *support.last()?;
            let matrix = Array2::from_shape_fn((n - 1, n - 1), |(k, l)| {
                let (i, j) = (support[k], support[l]);
                (a[[i, j]] - a[[last, j]]) - (a[[i, last]] - a[[last, last]])
            });
            let right = support[..n - 1].iter().map(|&i| (a[[last, last]] - a[[i, last]]) + (b[last] - b[i]));
            let mut weights = solve(matrix, right.collect())?;
            weights.push(1.0 - weights.iter().sum::<f64>());
            Some(weights)
        }
    }
}

/// Solves equations with a positive definite matrix, by elimination with the largest pivot first, on a diagonal of ones.
fn solve(mut a: Array2<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    let scales: Vec<f64> = a.diag().iter().map(|value| 1.0 / value.sqrt()).collect();
    if scales.iter().any(|scale| !scale.is_finite()) {
        return None;
    }
    for i in 0..n {
        b[i] *= scales[i];
        for j in 0..n {
            a[[i, j]] *= scales[i] * scales[j];
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    for k in 0..n {
        let largest = (k..n).max_by(|&p, &q| a[[order[p], order[p]]].total_cmp(&a[[order[q], order[q]]]))?;
        order.swap(k, largest);
        let pivot = order[k];
        // Less is what rounding leaves of 0.
        if a[[pivot, pivot]].is_nan() || a[[pivot, pivot]] <= 4.0 * n as f64 * f64::EPSILON {
            return None;
        }
        for &i in &order[k + 1..] {
            let factor = a[[i, pivot]] / a[[pivot, pivot]];
            for &j in &order[k + 1..] {
                a[[i, j]] -= factor * a[[pivot, j]];
            }
            b[i] -= factor * b[pivot];
        }
    }
    for k in (0..n).rev() {
        let pivot = order[k];
        let known: f64 = order[k + 1..].iter().map(|&j| a[[pivot, j]] * b[j]).sum();
        b[pivot] = (b[pivot] - known) / a[[pivot, pivot]];
    }
    Some(b.iter().zip(scales).map(|(value, scale)| value * scale).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Sum, least, least_over};
    use crate::aggregators::Gramian;
    use crate::aggregators::test_rows::rows;

    fn value(gramian: &Gramian, b: &[f64], x: &[f64]) -> f64 {
        let norm = gramian.norm_of_sum(x);
        norm * norm / 2.0 + x.iter().zip(b).map(|(x, b)| x * b).sum::<f64>()
    }

    /// The least value over every support whose solution has no negative weight.
    fn by_enumeration(gramian: &Gramian, b: &[f64], sum: Sum) -> f64 {
        let n = b.len();
        let supports = (0..1_u32 << n).map(|bits| (0..n).filter(|i| bits >> i & 1 == 1).collect::<Vec<_>>());
        let values = supports.filter_map(|support| {
            let best = match (support.is_empty(), sum) {
                (true, Sum::Free) => Vec::new(),
                (true, Sum::One) => return None,
                (false, _) => least_over(gramian.matrix(), b, sum, &support)?,
            };
            let mut x = vec![0.0; n];
            for (&i, value) in support.iter().zip(best) {
                x[i] = value;
            }
            x.iter().all(|&weight| weight >= 0.0).then(|| value(gramian, b, &x))
        });
        values.fold(f64::INFINITY, f64::min)
    }

    proptest! {
        #[test]
        fn no_support_has_a_lower_value(
            rows in rows(),
            pull in proptest::collection::vec(-2.0f64..2.0, 8),
        ) {
            let plain = Gramian::of_rows(&rows).normalized();
            for (gramian, sum) in [(plain.plus_diagonal(1e-4), Sum::Free), (plain, Sum::One)] {
                let b = &gramian.times(&pull[..rows.len()]);
                let x = least(gramian.matrix(), b, sum);
                prop_assert!(x.iter().all(|&weight| weight >= 0.0), "{x:?}");
                if sum == Sum::One {
                    prop_assert!((x.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{x:?}");
                }
                let (ours, best) = (value(&gramian, b, &x), by_enumeration(&gramian, b, sum));
                prop_assert!(ours <= best + 1e-9 * best.abs().max(1.0), "{sum:?} {x:?}: {ours} {best}");
            }
        }
    }
}
