//! The operations that a tape can record: one file each, with its forward pass, its derivative, and its definition.

mod batch_norm;
mod bce_with_logits;
mod calibration;
mod dice;
mod dropout;
mod embedded_linear;
mod embedding;
mod exp;
#[cfg(test)]
pub(crate) mod faulty;
mod joint_logit;
mod leaky_relu;
mod linear;
mod mixture;
mod pointwise;
mod prelu;
mod projection;
mod relu;
mod row_dots;
mod sigmoid;
mod softmax;
mod squared_error;
mod uncertainty;
mod weighted_sum;

use ndarray::Array2;

use crate::backward::BackwardPass;
use crate::gradients::Buffers;
use crate::reach::Reach;
use crate::replay::Replay;
use crate::store::{MatrixId, ParamStore};
use crate::var::Var;
use crate::workspace::Workspace;

pub use batch_norm::{BatchNorm, BatchNormParams};
pub use bce_with_logits::BceWithLogits;
pub use calibration::Calibration;
pub use dice::Dice;
pub use dropout::Dropout;
pub use embedding::{Embedding, Pooling, Segment};
pub use exp::Exp;
pub use joint_logit::JointLogit;
pub use leaky_relu::LeakyRelu;
pub use linear::Linear;
pub use mixture::{GatedExperts, Mixture};
pub use pointwise::{Pointwise, PointwiseLoss};
pub use prelu::Prelu;
pub use projection::Projection;
pub use relu::Relu;
pub use row_dots::RowDots;
pub use sigmoid::Sigmoid;
pub use softmax::Softmax;
pub use squared_error::SquaredError;
pub use uncertainty::{Uncertainty, UncertaintyTerm};
pub use weighted_sum::WeightedSum;

/// A constant or an input: the start of a tape.
#[derive(Clone, Copy, Debug)]
pub struct Input;

/// How an operation takes part in the passes over a tape.
pub(crate) trait Operation {
    /// The recorded values that it reads.
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_>;

    /// The matrices that it reads from the store.
    fn matrices(&self) -> Vec<MatrixId> {
        Vec::new()
    }

    /// Whether it has parameters that learn.
    fn learns(&self) -> bool {
        !self.matrices().is_empty()
    }

    /// The input whose gradient [`Operation::backward`] leaves in the place of the output's, if there is one.
    fn in_place(&self) -> Option<Var> {
        None
    }

    /// Marks what the columns `reached` of its output depend on.
    fn reach(&self, _reached: &[bool], reach: &mut Reach) {
        self.inputs().for_each(|input| reach.all_of(input));
        self.matrices().into_iter().for_each(|id| reach.columns_of_matrix(id, std::iter::repeat(true)));
    }

    /// Adds, for the gradient of its output, the gradients of its inputs and parameters.
    fn backward(&self, output: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>);

    /// Its definition: the plain computation in f64.
    fn define(&self, replay: &Replay<'_>) -> Array2<f64>;
}

macro_rules! operations {
    ($($(#[$attribute:meta])* $name:ident($type:ty) = $text:literal),* $(,)?) => {
        /// A recorded operation.
        #[derive(Debug)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "each variant is named after the operation that it holds")]
        pub enum Op<'a> {
            Input(Input),
            $($(#[$attribute])* $name($type)),*
        }

        impl Op<'_> {
            /// The names of all operations but the input, which computes nothing. A test demands a gradient check of each.
            pub const NAMES: &'static [&'static str] = &[$($(#[$attribute])* $text),*];

            /// The operation's name, as in messages.
            pub fn name(&self) -> &'static str {
                match self {
                    Op::Input(_) => "input",
                    $($(#[$attribute])* Op::$name(_) => $text),*
                }
            }

            /// The operation's name and the first parameter that it reads.
            pub(crate) fn label(&self, store: &ParamStore) -> String {
                let of = self.operation().matrices().first().map(|&id| format!(" of {}", store.matrix_name(id)));
                self.name().to_owned() + &of.unwrap_or_default()
            }

            pub(crate) fn operation(&self) -> &dyn Operation {
                match self {
                    Op::Input(op) => op,
                    $($(#[$attribute])* Op::$name(op) => op),*
                }
            }
        }
    };
}

operations! {
    Embedding(Embedding<'a>) = "embedding",
    Linear(Linear) = "linear",
    BatchNorm(BatchNorm) = "batch norm",
    Relu(Relu) = "relu",
    LeakyRelu(LeakyRelu) = "leaky relu",
    Prelu(Prelu) = "prelu",
    Sigmoid(Sigmoid) = "sigmoid",
    Exp(Exp) = "exp",
    Dice(Dice) = "dice",
    Softmax(Softmax) = "softmax",
    Dropout(Dropout) = "dropout",
    Mixture(Mixture) = "mixture of experts",
    Pointwise(Pointwise<'a>) = "pointwise loss",
    WeightedSum(WeightedSum) = "weighted sum",
    Uncertainty(Uncertainty) = "uncertainty weighting",
    JointLogit(JointLogit) = "joint logit",
    RowDots(RowDots) = "dot products of rows",
    Calibration(Calibration) = "calibration",
    Projection(Projection) = "projection",
    #[cfg(test)]
    Faulty(faulty::Faulty) = "faulty",
}

impl Op<'_> {
    /// Moves what the operation saved beside its value to those who need it: new running statistics to `buffers`, memory
    /// to the workspace.
    pub(crate) fn release(self, buffers: Option<&mut Buffers>, workspace: &mut Workspace) {
        match self {
            Op::BatchNorm(op) => op.release(buffers, workspace),
            Op::Dropout(op) => op.release(workspace),
            Op::Embedding(op) => op.release(workspace),
            Op::Mixture(op) => op.release(workspace),
            Op::RowDots(op) => op.release(workspace),
            _ => {}
        }
    }
}

impl Operation for Input {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::empty())
    }

    fn backward(&self, _: &Array2<f32>, _: &mut Array2<f32>, _: &mut BackwardPass<'_, '_>) {}

    fn define(&self, _: &Replay<'_>) -> Array2<f64> {
        unreachable!("a replay keeps the inputs of the tape")
    }
}
