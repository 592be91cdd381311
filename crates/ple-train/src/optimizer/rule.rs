//! One Adam step of one value: the arithmetic that matrices, touched rows and replayed rows all share.

use super::config::{AdamConfig, DecayKind, LearningRate};

/// What a step's arithmetic needs besides weight, gradient and moments: a function of the settings and the step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    epsilon: f32,
    /// Multiplies the weight before it is added to the gradient.
    coupled: f32,
    /// Multiplies the weight itself.
    kept: f32,
    /// `learning_rate / (1 - beta1^t)`.
    step_size: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    root_correction: f32,
}

impl Rule {
    /// The rule of step `t`, counted from 1, of a run of `n_steps`; `decayed` says whether weight decay acts.
    pub(super) fn new(config: &AdamConfig, t: u64, n_steps: u64, decayed: bool) -> Self {
        let rate = match config.schedule {
            LearningRate::Constant => config.learning_rate,
            LearningRate::Cosine => {
                let done = (t - 1).min(n_steps) as f64 / n_steps.max(1) as f64;
                config.learning_rate * (1.0 + (std::f64::consts::PI * done).cos()) / 2.0
            }
        };
        let decay = if decayed { config.weight_decay } else { 0.0 };
        let (coupled, decoupled) = match config.decay {
            DecayKind::Coupled => (decay, 0.0),
            DecayKind::Decoupled => (0.0, decay),
        };
        Self {
            beta1: config.beta1 as f32,
            one_minus_beta1: (1.0 - config.beta1) as f32,
            beta2: config.beta2 as f32,
            one_minus_beta2: (1.0 - config.beta2) as f32,
            epsilon: config.epsilon as f32,
            coupled: coupled as f32,
            kept: (1.0 - rate * decoupled) as f32,
            step_size: (rate / (1.0 - power(config.beta1, t))) as f32,
            root_correction: (1.0 / (1.0 - power(config.beta2, t)).sqrt()) as f32,
        }
    }

    /// One step of one value, as PyTorch computes it:
    /// `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g²`,
    /// `w -= step_size * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)`.
    #[inline]
    pub(super) fn step(&self, weight: &mut f32, m: &mut f32, v: &mut f32, gradient: f32) {
        let g = gradient + self.coupled * *weight;
        *m = self.beta1 * *m + self.one_minus_beta1 * g;
        *v = self.beta2 * *v + self.one_minus_beta2 * (g * g);
        let denominator = v.sqrt() * self.root_correction + self.epsilon;
        *weight = *weight * self.kept - self.step_size * (*m / denominator);
    }

    /// One step of a table's row, `[weights, m, v]`; without a gradient it is zero.
    #[inline]
    pub(super) fn step_row(&self, row: &mut [f32], dim: usize, gradient: Option<&[f32]>) {
        let (weights, moments) = row.split_at_mut(dim);
        let (m, v) = moments.split_at_mut(dim);
        for i in 0..dim {
            self.step(&mut weights[i], &mut m[i], &mut v[i], gradient.map_or(0.0, |gradient| gradient[i]));
        }
    }
}

/// `base^exponent` by repeated squaring: the same bits everywhere, unlike a library's `pow`.
fn power(base: f64, mut exponent: u64) -> f64 {
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
