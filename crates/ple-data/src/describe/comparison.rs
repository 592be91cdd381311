//! How far the values of a part are from those of the first.

use super::id_counts::IdCounts;

/// The share of rows whose id does not occur in the first part, if all ids of both were counted.
pub(super) fn unseen(first: &IdCounts, other: &IdCounts) -> Option<f64> {
    if first.missed() > 0 || other.missed() > 0 {
        return None;
    }
    let (mut rows, mut unseen) = (0, 0);
    for (id, cell) in other.cells() {
        rows += u64::from(cell[0]);
        unseen += if first.rows(id) == 0 { u64::from(cell[0]) } else { 0 };
    }
    (rows > 0).then(|| unseen as f64 / rows as f64)
}

/// The largest difference between two distribution functions, from sorted values (Kolmogorov and Smirnov's distance).
pub(super) fn largest_difference(first: &[f64], other: &[f64]) -> Option<f64> {
    if first.is_empty() || other.is_empty() {
        return None;
    }
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < first.len() && j < other.len() {
        let value = first[i].min(other[j]);
        i += first[i..].iter().take_while(|&&next| next <= value).count();
        j += other[j..].iter().take_while(|&&next| next <= value).count();
        largest = largest.max((i as f64 / first.len() as f64 - j as f64 / other.len() as f64).abs());
    }
    Some(largest)
}

/// Half the sum of the differences of two lists of shares; what neither lists is one more share.
pub(super) fn total_variation(first: &[f64], other: &[f64]) -> f64 {
    let listed: f64 = first.iter().zip(other).map(|(a, b)| (a - b).abs()).sum();
    let rest = (first.iter().sum::<f64>() - other.iter().sum::<f64>()).abs();
    (listed + rest) / 2.0
}

/// What [`total_variation`] would be between two random draws from one distribution.
pub(super) fn expected_variation(shares: &[f64], rows: [u64; 2]) -> f64 {
    let rest = 1.0 - shares.iter().sum::<f64>();
    let each = |share: f64| {
        let variance = share * (1.0 - share) * rows.iter().map(|&rows| 1.0 / rows.max(1) as f64).sum::<f64>();
        (2.0 / std::f64::consts::PI * variance.max(0.0)).sqrt()
    };
    shares.iter().copied().chain([rest]).map(each).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::{expected_variation, largest_difference, total_variation};

    #[test]
    fn equal_parts_do_not_differ_and_separate_ones_differ_by_one() {
        assert_eq!(largest_difference(&[1.0, 2.0, 2.0], &[1.0, 2.0, 2.0]), Some(0.0));
        assert_eq!(largest_difference(&[1.0, 2.0], &[3.0]), Some(1.0));
        assert_eq!(largest_difference(&[1.0, 2.0, 3.0, 4.0], &[3.0, 4.0]), Some(0.5));
        assert_eq!(largest_difference(&[], &[3.0]), None);
        assert_eq!(total_variation(&[0.5, 0.5], &[0.5, 0.5]), 0.0);
        assert_eq!(total_variation(&[1.0, 0.0], &[0.0, 1.0]), 1.0);
        assert_eq!(total_variation(&[1.0], &[0.0]), 1.0);
    }

    #[test]
    fn chance_shrinks_with_the_rows() {
        let (few, many) =
            (expected_variation(&[0.5, 0.3], [100, 100]), expected_variation(&[0.5, 0.3], [10_000, 10_000]));
        assert!((few / many - 10.0).abs() < 1e-9, "{few} {many}");
    }
}
