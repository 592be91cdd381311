//! Squared error: up to a constant the negative log likelihood of a label with normal noise. The formula is in `ple-tensor`.

use ple_nn::Link;
use ple_tensor::SquaredError;

use super::definition::{Definition, Labels};

impl Definition for SquaredError {
    fn name(&self) -> &'static str {
        "squared_error"
    }

    fn link(&self) -> Link {
        Link::Identity
    }

    fn labels(&self) -> Labels {
        Labels::Numbers
    }

    fn uncertainty_factor(&self) -> f32 {
        0.5
    }
}
