//! Dense values as torch-rechub's script scales them: in floats of 16 bits where the values fit, over all rows.
//!
//! The script narrows each column of the training part and of the test part by itself, joins them, and scales with
//! scikit-learn's `MinMaxScaler` in whatever type the columns then share; at the end it narrows once more. The same
//! roundings are made here, so that the texts agree, too.

use half::f16;

use super::format::N_DENSE;

/// The type that a column or a computation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Half,
    Single,
}

impl Width {
    /// The narrowest type that holds a range.
    fn of((least, largest): (f32, f32)) -> Self {
        let limit = f16::MAX.to_f32();
        if least > -limit && largest < limit { Width::Half } else { Width::Single }
    }

    fn round(self, value: f32) -> f32 {
        match self {
            Width::Half => f16::from_f32(value).to_f32(),
            Width::Single => value,
        }
    }

    /// Ranges below this one are taken for a single value.
    fn least_range(self) -> f32 {
        match self {
            Width::Half => 10.0 * f16::EPSILON.to_f32(),
            Width::Single => 10.0 * f32::EPSILON,
        }
    }
}

/// How one dense column is scaled.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompatScaler {
    /// The types of the training part and of the test part.
    parts: [Width; 2],
    arithmetic: Width,
    scale: f32,
    shift: f32,
}

impl CompatScaler {
    /// The scalers of all columns, from the ranges in the training part and in the test part.
    pub(super) fn of_columns(train: &[(f32, f32); N_DENSE], test: &[(f32, f32); N_DENSE]) -> Vec<Self> {
        let widths = |ranges: &[(f32, f32); N_DENSE]| ranges.map(Width::of);
        let parts = [widths(train), widths(test)];
        let all_half = parts.iter().flatten().all(|width| *width == Width::Half);
        let arithmetic = if all_half { Width::Half } else { Width::Single };
        let column = |column: usize| {
            let parts = [parts[0][column], parts[1][column]];
            let [(least, largest), (test_least, test_largest)] = [train[column], test[column]];
            let least = parts[0].round(least).min(parts[1].round(test_least));
            let largest = parts[0].round(largest).max(parts[1].round(test_largest));
            let range = arithmetic.round(largest - least);
            let scale = if range < arithmetic.least_range() { 1.0 } else { arithmetic.round(1.0 / range) };
            let shift = arithmetic.round(-arithmetic.round(least * scale));
            CompatScaler { parts, arithmetic, scale, shift }
        };
        (0..N_DENSE).map(column).collect()
    }

    /// The scaled form of a raw value of the training part (0) or the test part (1).
    pub(super) fn scale(&self, part: usize, value: f32) -> f16 {
        let value = self.parts[part].round(value);
        f16::from_f32(self.arithmetic.round(self.arithmetic.round(value * self.scale) + self.shift))
    }
}

/// The shortest text that is read as a number of 16 bits, in the form that Python gives it.
pub(super) fn shortest_text(value: f16) -> String {
    let exact = value.to_f32();
    if !exact.is_finite() {
        return exact.to_string();
    }
    // Five digits always suffice.
    let text = (0..5).map(|digits| format!("{exact:.digits$e}"));
    let is_enough = |text: &String| text.parse::<f32>().is_ok_and(|read| f16::from_f32(read) == value);
    let short = text.into_iter().find(is_enough).unwrap_or_default();
    let (mantissa, exponent) = short.split_once('e').unwrap_or((&short, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exact != 0.0 && exact.abs() < 1e-4 {
        return format!("{mantissa}e-{:02}", -exponent);
    }
    let shown: f64 = short.parse().unwrap_or(0.0);
    let n_digits = mantissa.chars().filter(char::is_ascii_digit).count() as i32;
    let decimals = (n_digits - 1 - exponent).max(1) as usize;
    format!("{shown:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_python() {
        for (value, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.1517, "0.1517"),
            (0.01123, "0.01123"),
            (0.623, "0.623"),
            (0.5, "0.5"),
            (2.3e-5, "2.3e-05"),
            (6e-8, "6e-08"),
            (0.0001, "0.0001"),
            (1.001, "1.001"),
            (123.0, "123.0"),
            (-0.25, "-0.25"),
        ] {
            assert_eq!(shortest_text(f16::from_f32(value)), text);
        }
    }

    #[test]
    fn every_text_gives_its_number_back() {
        for bits in 0..=f16::ONE.to_bits() {
            let value = f16::from_bits(bits);
            assert_eq!(f16::from_f32(shortest_text(value).parse().unwrap()), value);
        }
    }

    #[test]
    fn one_value_alone_becomes_0_and_large_ones_stay_in_range() {
        let mut ranges = [(0.0, 4.0); N_DENSE];
        ranges[1] = (3.0, 3.0);
        let scalers = CompatScaler::of_columns(&ranges, &ranges);
        assert_eq!(scalers[0].scale(0, 4.0), f16::ONE);
        assert_eq!(scalers[1].scale(1, 3.0), f16::ZERO);
        ranges[0] = (0.0, 1e6);
        let scalers = CompatScaler::of_columns(&ranges, &ranges);
        assert_eq!(scalers[0].scale(0, 1e6), f16::ONE);
        assert_eq!(scalers[0].scale(0, 5e5).to_f32(), 0.5);
    }
}
