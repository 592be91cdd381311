//! Powers with the same bits everywhere.

/// `base^exponent` by repeated squaring: the same bits everywhere, unlike a library's `pow`.
pub(super) fn power(base: f64, mut exponent: u64) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}
