//! Cut points of a dense column that put about the same number of training rows into each bin.

/// Inner edges of (at most) `bins` bins with about equally many of the `values` in each.
///
/// Edge k is the smallest value v such that at least k/`bins` of the values lie below it or equal the value just
/// before it in sorted order, that is `sorted[ceil(k * n / bins)]` for k = 1 to `bins - 1`. Edges that repeat, or
/// that equal the smallest value (the bin below would stay empty), are left out: a column with many zeros gets fewer
/// bins. The bin of x is the number of edges that are at most x.
///
/// # Panics
///
/// If `bins` is 0 or a value is NaN; the readers refuse NaN before it comes here.
///
/// # Examples
///
/// ```
/// use ple_data::quantile_edges;
///
/// let edges = quantile_edges(&[0.0, 0.0, 0.0, 1.0, 2.0, 3.0], 3);
/// assert_eq!(edges, [2.0]);
/// ```
pub fn quantile_edges(values: &[f32], bins: usize) -> Vec<f32> {
    assert!(bins >= 1, "quantile_edges: bins is 0");
    assert!(!values.iter().any(|value| value.is_nan()), "quantile_edges: a value is NaN");
    let mut sorted: Vec<f32> = values.iter().map(|&value| value + 0.0).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let mut edges: Vec<f32> = Vec::with_capacity(bins - 1);
    let Some(&smallest) = sorted.first() else { return edges };
    for k in 1..bins {
        let Some(&edge) = sorted.get((k * sorted.len()).div_ceil(bins)) else { continue };
        if edge > edges.last().copied().unwrap_or(smallest) {
            edges.push(edge);
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bin_of(value: f32, edges: &[f32]) -> usize {
        edges.iter().filter(|&&edge| edge <= value).count()
    }

    #[test]
    fn even_values_make_even_bins() {
        let values: Vec<f32> = (0..100).map(|value| value as f32).collect();
        let edges = quantile_edges(&values, 4);
        assert_eq!(edges, [25.0, 50.0, 75.0]);
        let mut counts = [0; 4];
        values.iter().for_each(|&value| counts[bin_of(value, &edges)] += 1);
        assert_eq!(counts, [25; 4]);
    }

    #[test]
    fn a_constant_column_and_an_empty_one_have_one_bin() {
        assert!(quantile_edges(&[0.5; 10], 8).is_empty());
        assert!(quantile_edges(&[], 8).is_empty());
        assert!(quantile_edges(&[1.0, 2.0], 1).is_empty());
    }

    #[test]
    fn more_bins_than_values_give_an_edge_at_each_value_but_the_first() {
        assert_eq!(quantile_edges(&[3.0, 1.0, 2.0], 64), [2.0, 3.0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn edges_increase_and_no_bin_is_empty(values in proptest::collection::vec(-3i8..6, 1..80), bins in 1usize..20) {
            let values: Vec<f32> = values.into_iter().map(|value| f32::from(value) / 2.0).collect();
            let edges = quantile_edges(&values, bins);
            prop_assert!(edges.len() < bins);
            prop_assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
            let mut counts = vec![0; edges.len() + 1];
            values.iter().for_each(|&value| counts[bin_of(value, &edges)] += 1);
            prop_assert!(counts.iter().all(|&count| count > 0), "{:?}", counts);
        }
    }
}
