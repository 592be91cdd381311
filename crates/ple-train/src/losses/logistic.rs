//! The logistic function in 64 bits, exact for arguments of any size.

/// `1 / (1 + exp(-z))`.
pub(super) fn sigmoid(z: f64) -> f64 {
    match z >= 0.0 {
        true => 1.0 / (1.0 + (-z).exp()),
        false => z.exp() / (1.0 + z.exp()),
    }
}

/// `ln(1 + exp(z))`.
pub(super) fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}
