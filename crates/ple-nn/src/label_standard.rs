//! Labels of a regression in standard deviations from their mean: what a model keeps of them, and how its predictions come back
//! to the label's scale.

use ndarray::arr2;
use ple_tensor::{MatrixId, ParamStore, Role, Tape, Var};

/// What the names of standards begin with.
const PREFIX: &str = "standard.";

/// The mean and the deviation of a head's labels, two buffers of the model: `standard.HEAD.mean` and `standard.HEAD.deviation`.
///
/// The head's logit z is in standard deviations, `(y - mean) / deviation`, and its prediction is `mean + deviation z`. Before
/// the two are set the mean is 0 and the deviation 1.
///
/// ```
/// use ple_nn::{FeatureSpec, Model, ModelConfig, TaskKind, TaskSpec};
/// use ple_tensor::ParamStore;
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let features = vec![FeatureSpec::sparse("item", 50, 8)];
/// let task = TaskSpec { name: "minutes".into(), kind: TaskKind::Regression };
/// let mut store = ParamStore::new();
/// let checked = ModelConfig::default().check(features, vec![task])?;
/// let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(0));
///
/// let standard = model.label_standard(0).expect("the labels are standardised");
/// standard.set(&mut store, 30.0, 10.0);
/// assert_eq!(standard.apply(&store, 45.0), 1.5);
/// # Ok::<(), ple_nn::NnError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelStandard {
    mean: MatrixId,
    deviation: MatrixId,
}

impl LabelStandard {
    pub(crate) fn new(store: &mut ParamStore, head: &str) -> Self {
        let mut add =
            |what: &str, value| store.add(&format!("{PREFIX}{head}.{what}"), arr2(&[[value]]), Role::Buffer);
        Self { mean: add("mean", 0.0), deviation: add("deviation", 1.0) }
    }

    /// Mean and deviation.
    pub fn get(self, store: &ParamStore) -> (f32, f32) {
        (store.matrix(self.mean)[[0, 0]], store.matrix(self.deviation)[[0, 0]])
    }

    /// Sets mean and deviation, which have to be finite, the deviation above 0.
    pub fn set(self, store: &mut ParamStore, mean: f32, deviation: f32) {
        store.matrix_mut(self.mean).fill(mean);
        store.matrix_mut(self.deviation).fill(deviation);
    }

    /// A label in standard deviations from the mean; NaN by a deviation that is infinite, which would make any label 0.
    pub fn apply(self, store: &ParamStore, label: f32) -> f32 {
        let (mean, deviation) = self.get(store);
        if deviation.is_infinite() {
            return f32::NAN;
        }
        ((f64::from(label) - f64::from(mean)) / f64::from(deviation)) as f32
    }

    /// Records predictions on the scale of the label.
    pub(crate) fn undo(self, tape: &mut Tape<'_>, logits: Var) -> Var {
        tape.linear(logits, self.deviation, Some(self.mean), 1)
    }
}

/// Whether a parameter belongs to a standard of labels: it comes from the data, and no step changes it.
pub fn is_label_standard(name: &str) -> bool {
    name.starts_with(PREFIX)
}
