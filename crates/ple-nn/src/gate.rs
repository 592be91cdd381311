//! The gate: softmax over experts, and their mixture.

use ple_tensor::{Tape, Var};

/// A gate over experts: `y = Σᵢ softmax(logits)ᵢ expertᵢ`.
///
/// The linear map that makes its logits (with or without batch norm) is part of [`Experts`](crate::Experts), since it
/// reads what the experts read. Source: H. Tang et al., "Progressive Layered Extraction", RecSys 2020, equations 1 to 4.
///
/// # Shapes
/// The logits are `[batch, n_experts]`, each expert and the result `[batch, expert_dim]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::Gate;
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
///
/// let store = ParamStore::new();
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let logits = tape.input(array![[0.0, 0.0]].view());
/// let experts = [tape.input(array![[1.0, 2.0]].view()), tape.input(array![[3.0, 6.0]].view())];
/// let mixed = Gate { name: "gate".into(), n_experts: 2 }.forward(&mut tape, logits, &experts);
/// assert_eq!(tape.value(mixed), array![[2.0, 4.0]]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The prefix of its parameters' names, such as `cgc.0.task.1.gate`.
    pub name: String,
    /// The number of experts that it mixes.
    pub n_experts: usize,
}

impl Gate {
    /// Records softmax and mixture.
    ///
    /// # Panics
    /// If the number of experts is not the gate's.
    pub fn forward(&self, tape: &mut Tape<'_>, logits: Var, experts: &[Var]) -> Var {
        let weights = tape.softmax(logits, 1);
        tape.mixture(weights, experts)
    }
}
