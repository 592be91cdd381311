//! Mean and deviation of numbers that come one after the other.

/// Sums by Welford's recurrence (B. P. Welford, Technometrics 4, 1962), which takes no difference of large sums and so loses
/// no digits to a large mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: u64,
    /// 0 if there is no number.
    pub(crate) mean: f64,
    /// The sum of the squared distances to the mean.
    squares: f64,
}

impl Moments {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
    }

    /// The square root of the mean squared distance to the mean.
    pub(crate) fn deviation(&self) -> f64 {
        (self.squares / self.count.max(1) as f64).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Moments;

    proptest! {
        #[test]
        fn a_large_mean_costs_no_digits(
            steps in prop::collection::vec(-40_i32..40, 1..60),
            origin in prop::sample::select(vec![0.0, 1.7e9, -1e12]),
        ) {
            let mut moments = Moments::default();
            steps.iter().for_each(|&step| moments.add(origin + f64::from(step) / 4.0));
            // The steps are exact, so that the definition is computed on small numbers.
            let n = steps.len() as f64;
            let mean = steps.iter().map(|&step| f64::from(step) / 4.0).sum::<f64>() / n;
            let squares = steps.iter().map(|&step| (f64::from(step) / 4.0 - mean).powi(2)).sum::<f64>();
            let digits = f64::abs(origin) * 1e-15 + 1e-12;
            prop_assert!((moments.mean - origin - mean).abs() <= digits);
            prop_assert!((moments.deviation() - (squares / n).sqrt()).abs() <= 20.0 * digits);
        }
    }
}
