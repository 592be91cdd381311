//! Binary cross-entropy: the negative log likelihood of a label that is 0 or 1. The formula is in `ple-tensor`.

use ple_nn::Link;
use ple_tensor::BceWithLogits;

use super::definition::{Definition, Labels};

impl Definition for BceWithLogits {
    fn name(&self) -> &'static str {
        "binary_cross_entropy"
    }

    fn link(&self) -> Link {
        Link::Sigmoid
    }

    fn labels(&self) -> Labels {
        Labels::Shares
    }
}
