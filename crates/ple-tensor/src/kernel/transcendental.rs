//! exp and log from additions and multiplications alone: the same bits on every machine, and loops that vectorise.
//!
//! Argument reduction by multiples of ln 2 and a polynomial on what is left, as in W. J. Cody and W. Waite, "Software
//! Manual for the Elementary Functions" (1980).

use super::instruction_set::multiversion;

/// `exp(x)` in f32, within 2 units in the last place; 0 below -87.3, infinite above 88.7.
#[inline]
pub fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5 x 2^23 rounds to the nearest integer without a call.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.clamp(-87.3, 88.8);
    let n = (clamped * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = (clamped - n * LN_2_HIGH) - n * LN_2_LOW;
    // The Taylor polynomial of degree 7 on |r| <= ln 2 / 2 is within 3e-8.
    let mut p = 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    let value = (p * r * r + r) + 1.0;
    // Two factors of 2^n each keep n = 128 and n = -126 in range.
    let half = (n as i32) >> 1;
    let scaled = value * power_of_two(half) * power_of_two(n as i32 - half);
    if x.is_nan() {
        x
    } else if x < -87.3 {
        0.0
    } else {
        scaled
    }
}

#[inline]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

/// `1 / (1 + exp(-x))`, without overflow at either end.
#[inline]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let positive = 1.0 / (1.0 + e);
    if x < 0.0 { e * positive } else { positive }
}

/// `exp(x)` in f64, within 2 units in the last place for |x| < 700.
#[inline(always)]
pub(crate) fn exp_f64(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = x.clamp(-700.0, 700.0);
    // As in `exp`: adding and subtracting 1.5 x 2^52 rounds to the nearest integer, and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut sum = 0.0;
    for coefficient in INVERSE_FACTORIALS.iter().rev() {
        sum = sum * r + coefficient;
    }
    sum * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

/// 1 / k!, for k = 0 to 13.
const INVERSE_FACTORIALS: [f64; 14] = {
    let (mut inverse, mut k, mut factorial) = ([1.0; 14], 1, 1.0);
    while k < inverse.len() {
        factorial *= k as f64;
        inverse[k] = 1.0 / factorial;
        k += 1;
    }
    inverse
};

/// `ln(1 + exp(x))`, exact at any size of `x`.
///
/// `ln(1 + exp(x)) = max(x, 0) + ln(1 + u)` with `u = exp(-|x|)`, and `ln(1 + u) = 2 artanh(u / (2 + u))`, whose series
/// in powers of at most 1/3 needs 16 terms.
#[inline(always)]
pub(crate) fn softplus(x: f64) -> f64 {
    let u = exp_f64(-x.abs());
    let s = u / (2.0 + u);
    let square = s * s;
    let mut series = 0.0;
    for k in (0..16).rev() {
        series = series * square + 1.0 / f64::from(2 * k + 1);
    }
    x.max(0.0) + 2.0 * s * series
}

multiversion! {
    /// `terms = w (softplus(z) - y z)` for each row, and 0 for a row of weight 0, whatever its logit.
    pub(crate) fn bce_terms(terms: &mut [f64], z: &[f32], y: &[f32], w: &[f32]) {
        for (((term, &z), &y), &w) in terms.iter_mut().zip(z).zip(y).zip(w) {
            let (z, y, w) = (f64::from(z), f64::from(y), f64::from(w));
            let loss = w * (softplus(z) - y * z);
            *term = if w == 0.0 { 0.0 } else { loss };
        }
    }
}

multiversion! {
    /// In the place of each logit z its part of the gradient, `scale w (sigmoid(z) - y)`, and 0 for a row of weight 0.
    pub(crate) fn bce_gradient(z: &mut [f32], y: &[f32], w: &[f32], scale: f32) {
        for ((z, &y), &w) in z.iter_mut().zip(y).zip(w) {
            let term = scale * w * (sigmoid(*z) - y);
            *z = if w == 0.0 { 0.0 } else { term };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for i in -870_000..=880_000 {
            let x = i as f32 * 1e-4;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 2.4e-7, "exp({x}): {error:e}");
        }
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_and_softplus_hold_at_both_ends() {
        for i in -2_000..=2_000 {
            let x = f64::from((f64::from(i) * 0.05) as f32);
            let expected = 1.0 / (1.0 + (-x).exp());
            assert!(
                (f64::from(sigmoid(x as f32)) - expected).abs() <= 3e-7 * expected.max(1e-30),
                "sigmoid({x})"
            );
            let expected = x.max(0.0) + (-x.abs()).exp().ln_1p();
            assert!((softplus(x) - expected).abs() <= 1e-14 * expected.max(1.0), "softplus({x})");
        }
        assert_eq!(softplus(1e4), 1e4);
        assert_eq!(sigmoid(1e4), 1.0);
        assert_eq!(sigmoid(-1e4), 0.0);
    }
}
