//! The list of losses, and the ways through it.

use ple_nn::Link;
use ple_tensor::PointwiseLoss;

use super::definition::{Definition, Labels, Settings};
use super::{focal, huber, label_smoothing, poisson};
use crate::error::TrainError;
use crate::named::{Named, text_of_named};

/// Makes the enum and the ways through it. A loss is one line; of several for one link the first is the default.
macro_rules! losses {
    (
        plain { $($(#[$page:meta])* $plain:ident => $definition:path,)* }
        with settings { $($(#[$settings_page:meta])* $with:ident($settings:ty),)* }
    ) => {
        /// The loss of a task, by the name that configurations use. One with settings has them after an `@`; without them it
        /// has the defaults.
        ///
        /// A loss is a function of a row's logit and label; a task's loss is its weighted mean over the task's rows, see
        /// [`Tape::pointwise`](ple_tensor::Tape::pointwise). It is for the logits of one [`Link`].
        ///
        /// # Examples
        ///
        /// ```
        /// use ple_nn::Link;
        /// use ple_train::Loss;
        ///
        /// let loss: Loss = "squared_error".parse()?;
        /// assert_eq!(loss, Loss::of(Link::Identity));
        /// assert!("squard_error".parse::<Loss>().unwrap_err().to_string().ends_with("did you mean `squared_error`?"));
        /// # Ok::<(), ple_train::TrainError>(())
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        pub enum Loss {
            $($(#[$page])* $plain,)*
            $($(#[$settings_page])* $with($settings),)*
        }

        impl Loss {
            /// Every loss, with the defaults of its settings.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$plain,)* $(Self::$with(<$settings>::default()),)*]
            }

            fn definition(&self) -> &dyn Definition {
                match self {
                    $(Self::$plain => &$definition,)*
                    $(Self::$with(settings) => settings,)*
                }
            }

            /// The same loss with other settings, or what was expected of them.
            fn with(self, settings: &str) -> Result<Self, &'static str> {
                match self {
                    $(Self::$with(_) => <$settings as Settings>::read(settings).map(Self::$with),)*
                    _ => Err("a name alone, since it has no settings"),
                }
            }
        }
    };
}

losses! {
    plain {
        /// Binary cross-entropy, see [`Tape::bce_with_logits`](ple_tensor::Tape::bce_with_logits).
        BinaryCrossEntropy => ple_tensor::BceWithLogits,
        /// Squared error, see [`Tape::squared_error`](ple_tensor::Tape::squared_error).
        SquaredError => ple_tensor::SquaredError,
        /// For counts, see [`Poisson`](poisson::Poisson).
        Poisson => poisson::Poisson,
    }
    with settings {
        /// Squared near the label and absolute far from it, see [`Huber`](huber::Huber).
        Huber(huber::Huber),
        /// For few positives, see [`Focal`](focal::Focal).
        Focal(focal::Focal),
        /// Labels moved towards 1/2, see [`LabelSmoothing`](label_smoothing::LabelSmoothing).
        LabelSmoothing(label_smoothing::LabelSmoothing),
    }
}

impl Loss {
    /// The loss of a link unless another is named.
    pub fn of(link: Link) -> Self {
        let first = Self::all().into_iter().find(|loss| loss.link() == link);
        first.unwrap_or(Self::SquaredError)
    }

    /// The name in configurations and reports, without settings.
    pub fn name(&self) -> &'static str {
        self.definition().name()
    }

    /// The link of the heads that it fits.
    pub fn link(&self) -> Link {
        self.definition().link()
    }

    /// Its value and derivative.
    pub fn pointwise(&self) -> &dyn PointwiseLoss {
        self.definition()
    }

    pub(crate) fn labels(&self) -> Labels {
        self.definition().labels()
    }

    pub(crate) fn may_be_negative(&self) -> bool {
        self.definition().may_be_negative()
    }

    /// What it is multiplied by under [uncertainty weighting](crate::Balance::Uwl).
    pub(crate) fn uncertainty_factor(&self) -> f32 {
        self.definition().uncertainty_factor()
    }
}

impl Named for Loss {
    const KIND: &'static str = "loss";

    fn known() -> Vec<Self> {
        Self::all()
    }

    fn word(&self) -> &'static str {
        self.name()
    }

    fn written_settings(&self) -> Option<String> {
        self.definition().settings()
    }

    fn configured(self, settings: Option<&str>) -> Result<Self, &'static str> {
        match settings {
            Some(settings) => self.with(settings),
            None => Ok(self),
        }
    }

    fn unknown(found: String) -> TrainError {
        TrainError::UnknownLoss { found }
    }
}

text_of_named!(Loss);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ndarray::Array2;
    use ple_nn::Link;
    use ple_tensor::{GradientCheck, ParamStore, gradient_check};
    use proptest::prelude::*;

    use super::{Labels, Loss};

    #[test]
    fn names_differ_and_go_both_ways() {
        let names: BTreeSet<_> = Loss::all().iter().map(Loss::name).collect();
        assert_eq!(names.len(), Loss::all().len());
        for loss in Loss::all() {
            assert_eq!(loss.to_string().parse::<Loss>().unwrap(), loss);
            assert_eq!(serde_json::to_value(&loss).unwrap(), loss.to_string());
            assert_eq!(serde_json::from_value::<Loss>(loss.name().into()).unwrap(), loss);
        }
    }

    #[test]
    fn the_default_of_a_link_is_for_that_link() {
        for link in Link::ALL {
            assert_eq!(Loss::of(link).link(), link);
        }
    }

    fn label(loss: &Loss, uniform: f32) -> f32 {
        match loss.labels() {
            Labels::Numbers => 8.0 * uniform - 4.0,
            Labels::NotNegative => (8.0 * uniform).floor(),
            Labels::Shares => uniform.round(),
        }
    }

    proptest! {
        /// Values against the definition in 64 bits, derivatives against central differences of it.
        #[test]
        fn derivatives_are_those_of_the_definitions(
            rows in proptest::collection::vec((-4.0f32..4.0, 0.0f32..1.0, 0u8..3), 1..300),
        ) {
            let logits = Array2::from_shape_fn((rows.len(), 1), |(row, _)| rows[row].0);
            let weights: Vec<f32> = rows.iter().map(|row| f32::from(row.2) * 0.75).collect();
            for loss in Loss::all() {
                let labels: Vec<f32> = rows.iter().map(|row| label(&loss, row.1)).collect();
                let checked = gradient_check(&ParamStore::new(), GradientCheck::default(), |tape| {
                    let z = tape.variable(logits.view());
                    tape.pointwise(loss.pointwise(), z, &labels, &weights)
                });
                prop_assert!(checked.is_ok(), "{loss}: {}", checked.unwrap_err());
            }
        }
    }

    /// A loss has its least value where the prediction is the label, or no larger than anywhere else.
    #[test]
    fn large_logits_have_finite_losses_and_derivatives() {
        for loss in Loss::all() {
            let pointwise = loss.pointwise();
            for z in [-80.0, -30.0, 0.0, 30.0, 80.0] {
                for uniform in [0.0, 0.25, 1.0] {
                    let y = f64::from(label(&loss, uniform));
                    let (value, slope) = (pointwise.define(z, y), pointwise.derivative(z, y));
                    assert!(value.is_finite() && slope.is_finite(), "{loss} {z} {y}: {value} {slope}");
                }
            }
        }
    }
}
