//! From the settings and a step's number to the numbers of its arithmetic, which matrices, touched rows and replayed
//! rows share.

use ple_tensor::AdamStep;

use super::config::{AdamConfig, DecayKind, LearningRate};

/// Step `t`, counted from 1, of a run of `n_steps` whose moments come from so many `carried` steps of earlier runs;
/// `decayed` says whether weight decay acts.
pub(super) fn adam_step(config: &AdamConfig, t: u64, carried: u64, n_steps: u64, decayed: bool) -> AdamStep {
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
    AdamStep {
        beta1: config.beta1 as f32,
        one_minus_beta1: (1.0 - config.beta1) as f32,
        beta2: config.beta2 as f32,
        one_minus_beta2: (1.0 - config.beta2) as f32,
        epsilon: config.epsilon as f32,
        coupled_decay: coupled as f32,
        kept: (1.0 - rate * decoupled) as f32,
        step_size: (rate / (1.0 - power(config.beta1, carried + t))) as f32,
        root_correction: (1.0 / (1.0 - power(config.beta2, carried + t)).sqrt()) as f32,
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
