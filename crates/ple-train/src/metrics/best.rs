//! Which values of a metric are better, and which is the best that there can be.

use std::fmt;

/// Where the best value of a metric lies.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::Best;
///
/// assert!(Best::Highest.is_better(0.7, 0.6));
/// assert!(Best::Nearest(1.0).is_better(0.9, 1.3));
/// assert_eq!(Best::Nearest(1.0).to_string(), "nearer to 1 is better");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Best {
    /// Higher is better, as for the AUC.
    Highest,
    /// Lower is better, as for losses and errors.
    Lowest,
    /// Nearer to a number is better, from either side.
    Nearest(f64),
}

impl Best {
    /// Whether the first value is strictly better than the second. NaN is never better than a number, and no number is
    /// better than NaN.
    pub fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            Self::Highest => value > than,
            Self::Lowest => value < than,
            Self::Nearest(best) => (value - best).abs() < (than - best).abs(),
        }
    }

    /// A value that is as good as this one and may enter a mean: at or above the best one where that is a number, so that two
    /// tasks on its two sides do not look like two tasks at it.
    pub(crate) fn for_mean(self, value: f64) -> f64 {
        match self {
            Self::Highest | Self::Lowest => value,
            Self::Nearest(best) => best + (value - best).abs(),
        }
    }
}

impl fmt::Display for Best {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Highest => f.write_str("higher is better"),
            Self::Lowest => f.write_str("lower is better"),
            Self::Nearest(best) => write!(f, "nearer to {best} is better"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Best;

    #[test]
    fn no_value_is_better_than_itself_and_none_is_compared_with_nan() {
        for best in [Best::Highest, Best::Lowest, Best::Nearest(1.0)] {
            assert!(!best.is_better(0.5, 0.5), "{best}");
            assert!(!best.is_better(f64::NAN, 0.5) && !best.is_better(0.5, f64::NAN), "{best}");
        }
        assert!(!Best::Nearest(1.0).is_better(0.75, 1.25));
    }

    #[test]
    fn means_keep_the_distance_and_not_the_side() {
        assert_eq!(Best::Nearest(1.0).for_mean(0.75), 1.25);
        assert_eq!(Best::Nearest(1.0).for_mean(1.25), 1.25);
        assert_eq!(Best::Highest.for_mean(0.75), 0.75);
    }
}
