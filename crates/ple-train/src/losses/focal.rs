//! The focal loss: rows that are predicted well count less.

use ple_nn::Link;
use ple_tensor::PointwiseLoss;

use super::definition::{Definition, Labels, Settings, number};
use super::logistic::{sigmoid, softplus};

/// `-y (1 - p)^gamma ln p - (1 - y) p^gamma ln(1 - p)` for `p = sigmoid(z)`, from logits of any size.
///
/// With gamma 0 it is binary cross-entropy; the higher it is, the less a row counts whose label the model already gives a
/// high probability. Predictions are no longer calibrated then. Settings: `focal@1.5`.
///
/// Source: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equation 4, without the class weight.
///
/// ```
/// use ple_tensor::PointwiseLoss;
/// use ple_train::Focal;
///
/// let (certain, wrong) = (Focal::default().define(4.0, 1.0), Focal::default().define(-4.0, 1.0));
/// assert!(certain < 1e-5 && wrong > 3.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Focal {
    /// How fast the weight of a row falls with the probability of its label; at least 0.
    pub gamma: f64,
}

impl Default for Focal {
    fn default() -> Self {
        Self { gamma: 2.0 }
    }
}

impl PointwiseLoss for Focal {
    fn define(&self, z: f64, y: f64) -> f64 {
        let positive = sigmoid(-z).powf(self.gamma) * softplus(-z);
        let negative = sigmoid(z).powf(self.gamma) * softplus(z);
        y * positive + (1.0 - y) * negative
    }

    /// Of a positive row, with `q = 1 - p`: `-q^gamma (q - gamma p ln p)`; of a negative one the same for `-z`, with the other
    /// sign.
    fn derivative(&self, z: f64, y: f64) -> f64 {
        let rise =
            |z: f64| sigmoid(z).powf(self.gamma) * (sigmoid(z) + self.gamma * sigmoid(-z) * softplus(z));
        (1.0 - y) * rise(z) - y * rise(-z)
    }
}

impl Definition for Focal {
    fn name(&self) -> &'static str {
        "focal"
    }

    fn link(&self) -> Link {
        Link::Sigmoid
    }

    fn labels(&self) -> Labels {
        Labels::Shares
    }

    fn settings(&self) -> Option<String> {
        (*self != Self::default()).then(|| self.gamma.to_string())
    }
}

impl Settings for Focal {
    fn read(text: &str) -> Result<Self, &'static str> {
        let gamma = number(text, |gamma| gamma >= 0.0 && gamma.is_finite());
        gamma.map(|gamma| Self { gamma }).ok_or("a gamma from 0, as in focal@1.5")
    }
}

#[cfg(test)]
mod tests {
    use ple_tensor::{BceWithLogits, PointwiseLoss};

    use super::{Focal, Settings};

    #[test]
    fn with_gamma_0_it_is_binary_cross_entropy() {
        for z in [-700.0, -3.0, 0.0, 0.5, 700.0] {
            for y in [0.0, 0.25, 1.0] {
                let (focal, bce) = (Focal { gamma: 0.0 }.define(z, y), BceWithLogits.define(z, y));
                assert!((focal - bce).abs() <= 1e-12 * bce.abs().max(1.0), "{z} {y}: {focal} {bce}");
            }
        }
    }

    /// As the paper writes it, by way of a probability.
    #[test]
    fn values_are_those_of_the_formula() {
        let loss = Focal { gamma: 1.5 };
        for z in [-5.0, -1.0, 0.0, 2.0_f64] {
            let p = 1.0 / (1.0 + (-z).exp());
            assert!((loss.define(z, 1.0) + (1.0 - p).powf(1.5) * p.ln()).abs() < 1e-12);
            assert!((loss.define(z, 0.0) + p.powf(1.5) * (1.0 - p).ln()).abs() < 1e-12);
        }
    }

    #[test]
    fn gamma_may_not_be_negative() {
        assert_eq!(Focal::read("1.5"), Ok(Focal { gamma: 1.5 }));
        for text in ["-1", "NaN", "inf", "x", ""] {
            assert_eq!(Focal::read(text), Err("a gamma from 0, as in focal@1.5"), "{text}");
        }
    }
}
