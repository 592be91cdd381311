//! Huber's loss: squared error near the label, absolute error far from it.

use ple_nn::Link;
use ple_tensor::PointwiseLoss;

use super::definition::{Definition, Labels, Settings, number};

/// `d² / 2` where `|d| ≤ delta`, and `delta (|d| - delta / 2)` beyond, for `d = z - y`.
///
/// A label that is far off pulls with the force `delta` and no more. `delta` is in the unit of the loss: where labels are
/// standardised, in their standard deviations. Settings: `huber@2.5`.
///
/// Source: P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35, 1964; scaled as
/// `torch.nn.HuberLoss`.
///
/// ```
/// use ple_tensor::PointwiseLoss;
/// use ple_train::Huber;
///
/// let loss = Huber::default();
/// assert_eq!((loss.define(0.5, 0.0), loss.define(10.0, 0.0)), (0.125, 9.5));
/// assert_eq!(loss.derivative(-10.0, 0.0), -1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// Where the square ends.
    pub delta: f64,
}

impl Default for Huber {
    fn default() -> Self {
        Self { delta: 1.0 }
    }
}

impl PointwiseLoss for Huber {
    fn define(&self, z: f64, y: f64) -> f64 {
        let distance = (z - y).abs();
        match distance <= self.delta {
            true => distance * distance / 2.0,
            false => self.delta * (distance - self.delta / 2.0),
        }
    }

    fn derivative(&self, z: f64, y: f64) -> f64 {
        (z - y).clamp(-self.delta, self.delta)
    }
}

impl Definition for Huber {
    fn name(&self) -> &'static str {
        "huber"
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

    fn settings(&self) -> Option<String> {
        (*self != Self::default()).then(|| self.delta.to_string())
    }
}

impl Settings for Huber {
    fn read(text: &str) -> Result<Self, &'static str> {
        let delta = number(text, |delta| delta > 0.0 && delta.is_finite());
        delta.map(|delta| Self { delta }).ok_or("a delta above 0, as in huber@2.5")
    }
}

#[cfg(test)]
mod tests {
    use ple_tensor::PointwiseLoss;

    use super::{Huber, Settings};

    /// PyTorch 2: `torch.nn.HuberLoss(reduction="none", delta=1.5)(torch.tensor([0.0, 1.5, -4.0, 2.0]), torch.zeros(4))`.
    #[test]
    fn values_are_those_of_pytorch() {
        let values = [0.0, 1.5, -4.0, 2.0].map(|z| Huber { delta: 1.5 }.define(z, 0.0));
        assert_eq!(values, [0.0, 1.125, 4.875, 1.875]);
    }

    #[test]
    fn delta_has_to_be_positive() {
        assert_eq!(Huber::read("2.5"), Ok(Huber { delta: 2.5 }));
        for text in ["0", "-1", "NaN", "inf", "x", ""] {
            assert_eq!(Huber::read(text), Err("a delta above 0, as in huber@2.5"), "{text}");
        }
    }
}
