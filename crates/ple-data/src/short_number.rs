//! Numbers as messages show them: the shortest digits that lead back to the number, and never hundreds of zeros.

use std::fmt;

/// A number in a message: `0.25`, `2`, `1e-320`, `-3e38`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ShortNumber(pub(crate) f64);

impl fmt::Display for ShortNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            size if size != 0.0 && size.is_finite() && !(1e-5..1e16).contains(&size) => {
                write!(formatter, "{:e}", self.0)
            }
            _ => write!(formatter, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ShortNumber;

    #[test]
    fn usual_numbers_look_as_usual() {
        let values = [0.0, 2.0, -0.25, 1e-5, 123_456.5, 1e-320, -3e38, 1e300, f64::NAN, f64::INFINITY];
        let shown = values.map(|value| ShortNumber(value).to_string());
        let expected = ["0", "2", "-0.25", "0.00001", "123456.5", "1e-320", "-3e38", "1e300", "NaN", "inf"];
        assert_eq!(shown, expected);
    }

    proptest! {
        #[test]
        fn every_number_is_short_and_leads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let shown = ShortNumber(value).to_string();
            prop_assert!(shown.len() <= 25, "{}", shown);
            prop_assert!(value.is_nan() || shown.parse::<f64>() == Ok(value), "{}", shown);
        }
    }
}
