//! How parameters start, chosen by name.

use ndarray::Array2;
use ple_tensor::ParamStore;
use rand::{Rng, RngCore};
use rand_distr::{Distribution, Normal, Uniform};
use serde::{Deserialize, Serialize};

/// The distribution of a linear map's first weights, with `fan_in` inputs and `fan_out` outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initialization {
    /// Weight and bias uniform in ±1 / sqrt(fan_in), PyTorch's default for `nn.Linear`.
    #[default]
    Torch,
    /// Uniform in ±sqrt(6 / (fan_in + fan_out)), bias 0. X. Glorot and Y. Bengio, AISTATS 2010, equation 16.
    XavierUniform,
    /// Normal with deviation sqrt(2 / (fan_in + fan_out)), bias 0. X. Glorot and Y. Bengio, AISTATS 2010.
    XavierNormal,
    /// Uniform in ±sqrt(6 / fan_in), bias 0. K. He et al., ICCV 2015, for ReLU.
    KaimingUniform,
    /// Normal with deviation sqrt(2 / fan_in), bias 0. K. He et al., ICCV 2015, equation 10.
    KaimingNormal,
}

/// What layers are built with: the store that their parameters go to, and the random numbers that these start from.
pub struct Builder<'b> {
    /// Where the parameters go.
    pub store: &'b mut ParamStore,
    /// Where the random numbers come from: only the caller derives them from a seed.
    pub random: &'b mut dyn RngCore,
    /// How linear maps start.
    pub initialization: Initialization,
}

impl Initialization {
    /// A weight of `[fan_in, fan_out]`.
    pub fn weight(self, random: &mut dyn RngCore, fan_in: usize, fan_out: usize) -> Array2<f32> {
        let (inputs, both) = (fan_in as f32, (fan_in + fan_out) as f32);
        match self {
            Initialization::Torch => uniform(random, fan_in, fan_out, 1.0 / inputs.sqrt()),
            Initialization::XavierUniform => uniform(random, fan_in, fan_out, (6.0 / both).sqrt()),
            Initialization::XavierNormal => normal(random, fan_in, fan_out, (2.0 / both).sqrt()),
            Initialization::KaimingUniform => uniform(random, fan_in, fan_out, (6.0 / inputs).sqrt()),
            Initialization::KaimingNormal => normal(random, fan_in, fan_out, (2.0 / inputs).sqrt()),
        }
    }

    /// A bias of `[1, fan_out]`.
    pub fn bias(self, random: &mut dyn RngCore, fan_in: usize, fan_out: usize) -> Array2<f32> {
        match self {
            Initialization::Torch => uniform(random, 1, fan_out, 1.0 / (fan_in as f32).sqrt()),
            _ => Array2::zeros((1, fan_out)),
        }
    }
}

fn uniform(random: &mut dyn RngCore, rows: usize, columns: usize, bound: f32) -> Array2<f32> {
    let distribution = Uniform::new_inclusive(-bound, bound).expect("a bound is finite and positive");
    Array2::from_shape_simple_fn((rows, columns), || random.sample(distribution))
}

pub(crate) fn normal(random: &mut dyn RngCore, rows: usize, columns: usize, deviation: f32) -> Array2<f32> {
    let distribution = Normal::new(0.0, deviation).expect("a deviation is finite and not negative");
    Array2::from_shape_simple_fn((rows, columns), || distribution.sample(random))
}
