//! Experts, and the gates that read the same input: their first linear maps are one product.

use ple_tensor::{Tape, Var};
use std::ops::Range;

use crate::batch_norm::{BatchNorm1d, Norm};
use crate::error::NnError;
use crate::gate::Gate;
use crate::init::Builder;
use crate::linear::{Linear, Part};
use crate::mlp::{Finish, Layers, MlpConfig, parts};

/// An expert's place among those that read one input: a perceptron without output layer.
///
/// Its name is the prefix of its parameters, such as `cgc.0.task.1.expert.2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expert {
    /// The prefix of its parameters' names.
    pub name: String,
}

/// The experts and gates that read one input.
///
/// Source: H. Tang et al., "Progressive Layered Extraction", RecSys 2020, section 4.1. The paper's experts are
/// perceptrons with ReLU and its gates linear maps with softmax; torch-rechub puts batch norm into both. Here either is
/// a choice.
///
/// # Shapes
/// The input is `[batch, fan_in]`, each expert's output `[batch, expert_dim]`, and the logits of a gate over n experts
/// `[batch, n]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, Expert, Experts, Gate, Initialization, MlpConfig, Norm};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let experts = [Expert { name: "expert.0".into() }, Expert { name: "expert.1".into() }];
/// let gate = Gate { name: "gate.0".into(), n_experts: 2 };
/// let layer = Experts::new(builder, &experts, &[gate], 3, &MlpConfig::new([8, 4]), [Norm::Batch, Norm::None]);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0]].view());
/// let (mut outputs, mut logits) = (vec![], vec![]);
/// layer.forward(&mut tape, x, &mut outputs, &mut logits);
/// let mixed = Gate::mix(&mut tape, &logits, &outputs);
/// assert_eq!(tape.value(mixed).dim(), (1, 4));
/// ```
#[derive(Clone, Debug)]
pub struct Experts {
    first: Linear,
    /// The columns of the first product that are normalised, if any.
    norm: Option<(Range<usize>, BatchNorm1d)>,
    /// What follows the experts' first linear maps; gates may stand alone, and then there is nothing.
    rest: Option<(Finish, Layers)>,
    n_experts: usize,
    first_dim: usize,
    gates: Vec<Range<usize>>,
}

impl Experts {
    /// Experts of one shape, then gates, over one input of `fan_in` columns. `norms` are the experts' and the gates'.
    pub fn new(
        builder: &mut Builder<'_>,
        experts: &[Expert],
        gates: &[Gate],
        fan_in: usize,
        config: &MlpConfig,
        norms: [Norm; 2],
    ) -> Self {
        let names: Vec<String> = experts.iter().map(|expert| expert.name.clone()).collect();
        let first_dim = config.dims[0];
        let of_experts = |what: &str| parts(&names, what, 0, first_dim);
        let of_gates = |what: &str| -> Vec<Part> {
            gates.iter().map(|gate| (format!("{}.{what}.0", gate.name), gate.n_experts)).collect()
        };
        let both = |what: &str| [of_experts(what), of_gates(what)].concat();

        let first = Linear::new(builder, &both("layer"), fan_in);
        let boundary = experts.len() * first_dim;
        let width = boundary + gates.iter().map(|gate| gate.n_experts).sum::<usize>();
        let (normed_parts, normed_columns) = match norms {
            [Norm::Batch, Norm::Batch] => (both("norm"), 0..width),
            [Norm::Batch, Norm::None] => (of_experts("norm"), 0..boundary),
            [Norm::None, Norm::Batch] => (of_gates("norm"), boundary..width),
            [Norm::None, Norm::None] => (Vec::new(), 0..0),
        };
        let norm =
            (!normed_columns.is_empty()).then(|| (normed_columns, BatchNorm1d::new(builder, &normed_parts)));
        let rest = (!experts.is_empty()).then(|| {
            let finish = Finish::new(builder, &names, 0, config);
            (finish, Layers::new(builder, &names, config, norms[0], 1, first_dim))
        });
        let gates = gates.iter().scan(boundary, |end, gate| {
            let start = *end;
            *end += gate.n_experts;
            Some(start..*end)
        });
        Self { first, norm, rest, n_experts: experts.len(), first_dim, gates: gates.collect() }
    }

    /// Records experts and gates; appends the experts' outputs to `experts` and the gates' logits to `logits`, each in the
    /// order given.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var, experts: &mut Vec<Var>, logits: &mut Vec<Var>) {
        let product = self.first.forward(tape, x);
        let of_experts = 0..self.n_experts * self.first_dim;
        let (first, normed) = match (&self.rest, &self.norm) {
            (Some((finish, _)), Some((columns, norm))) if columns.start == 0 => {
                let x = product.columns(columns.clone());
                let (first, normed) = finish.forward(tape, x, Some(norm), of_experts);
                (Some(first), Some(normed))
            }
            (rest, norm) => {
                let norm = norm.as_ref();
                let normed = norm.map(|(columns, norm)| norm.forward(tape, product.columns(columns.clone())));
                let rest = rest.as_ref();
                (rest.map(|(finish, _)| finish.forward(tape, product, None, of_experts).0), normed)
            }
        };
        // A gate's columns come from the normalised value where that covers them, else from the product itself.
        logits.extend(self.gates.iter().map(|gate| match (&self.norm, normed) {
            (Some((columns, _)), Some(normed)) if columns.start <= gate.start && gate.end <= columns.end => {
                normed.columns(gate.start - columns.start..gate.end - columns.start)
            }
            _ => product.columns(gate.clone()),
        }));
        let (Some(first), Some((_, rest))) = (first, &self.rest) else { return };
        let outputs = rest.forward(tape, first);
        let dim = outputs.width() / self.n_experts;
        experts.extend((0..self.n_experts).map(|i| outputs.columns(i * dim..(i + 1) * dim)));
    }
}

/// Checks experts of which a gate mixes `mixed`; `setting` is what leaves none.
pub(crate) fn check_experts(expert: &MlpConfig, mixed: usize, setting: &str) -> Result<(), NnError> {
    if mixed == 0 {
        return Err(NnError::NoExperts { setting: setting.to_owned() });
    }
    if expert.dims.is_empty() {
        return Err(NnError::ZeroSize { setting: "the number of layers of the experts".to_owned() });
    }
    expert.check("the experts")
}
