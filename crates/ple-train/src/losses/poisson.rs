//! The Poisson loss, for counts.

use ple_nn::Link;
use ple_tensor::PointwiseLoss;

use super::definition::{Definition, Labels};

/// `exp(z) - y z`: the negative log likelihood of a count y whose expected value is `exp(z)`, without `ln y!`, which no
/// model changes. As `torch.nn.PoissonNLLLoss` with its defaults.
///
/// ```
/// use ple_tensor::PointwiseLoss;
/// use ple_train::Poisson;
///
/// assert_eq!(Poisson.define(0.0, 3.0), 1.0);
/// assert!(Poisson.derivative(3.0_f64.ln(), 3.0).abs() < 1e-12); // the best prediction is the label
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Poisson;

impl PointwiseLoss for Poisson {
    fn define(&self, z: f64, y: f64) -> f64 {
        z.exp() - y * z
    }

    fn derivative(&self, z: f64, y: f64) -> f64 {
        z.exp() - y
    }
}

impl Definition for Poisson {
    fn name(&self) -> &'static str {
        "poisson"
    }

    fn link(&self) -> Link {
        Link::Exp
    }

    fn may_be_negative(&self) -> bool {
        true
    }

    fn labels(&self) -> Labels {
        Labels::NotNegative
    }
}
