//! Label smoothing: binary cross-entropy that does not ask for certainty.

use ple_nn::Link;
use ple_tensor::PointwiseLoss;

use super::definition::{Definition, Labels, Settings, number};
use super::logistic::{sigmoid, softplus};

/// `softplus(z) - s z` with `s = (1 - epsilon) y + epsilon / 2`: binary cross-entropy with the label moved towards 1/2.
///
/// The best logit of a row is finite, at most `ln(2 / epsilon - 1)`. Predictions are moved towards 1/2 likewise. Settings:
/// `label_smoothing@0.05`.
///
/// Source: C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7, for two
/// classes.
///
/// ```
/// use ple_tensor::PointwiseLoss;
/// use ple_train::LabelSmoothing;
///
/// let best = 19.0_f64.ln(); // of epsilon 0.1
/// assert!(LabelSmoothing::default().derivative(best, 1.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelSmoothing {
    /// How far a label moves, of the whole way from 0 to 1/2 or from 1 to 1/2.
    pub epsilon: f64,
}

impl Default for LabelSmoothing {
    fn default() -> Self {
        Self { epsilon: 0.1 }
    }
}

impl LabelSmoothing {
    fn smoothed(&self, y: f64) -> f64 {
        (1.0 - self.epsilon) * y + self.epsilon / 2.0
    }
}

impl PointwiseLoss for LabelSmoothing {
    fn define(&self, z: f64, y: f64) -> f64 {
        softplus(z) - self.smoothed(y) * z
    }

    fn derivative(&self, z: f64, y: f64) -> f64 {
        sigmoid(z) - self.smoothed(y)
    }
}

impl Definition for LabelSmoothing {
    fn name(&self) -> &'static str {
        "label_smoothing"
    }

    fn link(&self) -> Link {
        Link::Sigmoid
    }

    fn labels(&self) -> Labels {
        Labels::Shares
    }

    fn settings(&self) -> Option<String> {
        (*self != Self::default()).then(|| self.epsilon.to_string())
    }
}

impl Settings for LabelSmoothing {
    fn read(text: &str) -> Result<Self, &'static str> {
        let epsilon = number(text, |epsilon| (0.0..1.0).contains(&epsilon));
        epsilon
            .map(|epsilon| Self { epsilon })
            .ok_or("an epsilon from 0 to below 1, as in label_smoothing@0.05")
    }
}

#[cfg(test)]
mod tests {
    use ple_tensor::{BceWithLogits, PointwiseLoss};

    use super::{LabelSmoothing, Settings};

    #[test]
    fn it_is_binary_cross_entropy_with_other_labels() {
        for z in [-700.0, -3.0, 0.0, 0.5, 700.0] {
            for (y, smoothed) in [(0.0, 0.1), (0.5, 0.5), (1.0, 0.9)] {
                let found = LabelSmoothing { epsilon: 0.2 }.define(z, y);
                let expected = BceWithLogits.define(z, smoothed);
                assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{z} {y}");
            }
        }
    }

    #[test]
    fn epsilon_is_a_share() {
        assert_eq!(LabelSmoothing::read("0.05"), Ok(LabelSmoothing { epsilon: 0.05 }));
        for text in ["-0.1", "1", "NaN", "x", ""] {
            let expected = "an epsilon from 0 to below 1, as in label_smoothing@0.05";
            assert_eq!(LabelSmoothing::read(text), Err(expected), "{text}");
        }
    }
}
