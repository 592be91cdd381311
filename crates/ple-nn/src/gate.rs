//! Gates: softmax over experts, and their mixtures.

use ple_tensor::{Tape, Var};

/// A gate over experts: `y = Σᵢ softmax(logits)ᵢ expertᵢ`.
///
/// The linear map that makes its logits (with or without batch norm) is part of [`Experts`](crate::Experts), since it
/// reads what the experts read. Source: H. Tang et al., "Progressive Layered Extraction", RecSys 2020, equations 1 to 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The prefix of its parameters' names, such as `cgc.0.task.1.gate`.
    pub name: String,
    /// The number of experts that it mixes.
    pub n_experts: usize,
}

impl Gate {
    /// Records several gates: the softmax of the logits of each, and the mixtures of the experts, side by side.
    ///
    /// # Shapes
    /// The logits of a gate over n experts are `[batch, n]`, and it mixes the next n of `experts`, `[batch, expert_dim]`
    /// each. The result is `[batch, gates x expert_dim]`.
    ///
    /// # Panics
    /// If the experts are not as many as the logits have columns.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_nn::Gate;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
    /// let logits = [array![[0.0, 0.0]], array![[5.0]]].map(|logits| tape.input(logits.view()));
    /// let [a, b] = [array![[1.0, 2.0]], array![[3.0, 6.0]]].map(|output| tape.input(output.view()));
    /// let mixed = Gate::mix(&mut tape, &logits, &[a, b, b]);
    /// assert_eq!(tape.value(mixed), array![[2.0, 4.0, 3.0, 6.0]]);
    /// ```
    pub fn mix(tape: &mut Tape<'_>, logits: &[Var], experts: &[Var]) -> Var {
        let mut gates = tape.list();
        // The softmax of gates of one size that lie side by side is one operation.
        for run in logits.chunk_by(|a, b| a.precedes(*b) && a.width() == b.width()) {
            let whole = run[1..].iter().fold(run[0], |whole, &next| whole.joined(next));
            let (weights, width) = (tape.softmax(whole, run.len()), run[0].width());
            gates.extend((0..run.len()).map(|gate| weights.columns(gate * width..(gate + 1) * width)));
        }
        let mixed = tape.mixtures(&gates, experts);
        tape.recycle_list(gates);
        mixed
    }
}
