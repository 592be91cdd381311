//! Matrix operations with hand-written derivatives, on an arena tape, for models that are wide and thin.
//!
//! # Brief overview
//!
//! - [`ParamStore`] holds all parameters by name: matrices, and embedding tables stored by row.
//! - [`Tape`] records a forward pass over a borrowed store; each operation is a method. [`Var`] is the `Copy` handle of
//!   a value.
//! - [`Tape::backward`] consumes the tape and gives back [`Gradients`]: dense ones for matrices, [`RowGradients`] for
//!   the rows of tables that were read.
//! - [`gradient_check`] compares every derivative of a recorded computation with central differences of its f64
//!   definition.
//! - [`Workspace`] keeps the buffers between steps.
//!
//! Shapes use `batch` for the rows of a batch and `width` for a value's columns. A wrong shape is a bug in the program,
//! and panics with the operation and both shapes.
//!
//! The same seed gives the same bytes for any number of threads; AVX2 and AVX-512 give the same bytes, the portable
//! instruction set its own.
//!
//! ```
//! use ndarray::array;
//! use ple_tensor::{Mode, ParamStore, Role, Tape, Workspace};
//!
//! // Logistic regression on two rows: the loss falls after a step against the gradient.
//! let mut store = ParamStore::new();
//! let weight = store.add("weight", array![[0.0], [0.0]], Role::Decayed);
//! let (x, labels, weights) = (array![[1.0, 2.0], [-1.0, 0.5]], [1.0, 0.0], [1.0, 1.0]);
//! let mut workspace = Workspace::new();
//! let mut losses = Vec::new();
//! for _ in 0..2 {
//!     let mut tape = Tape::new(&store, workspace, Mode::Train { dropout_seed: 0 });
//!     let input = tape.input(x.view());
//!     let logits = tape.linear(input, weight, None, 1);
//!     let loss = tape.bce_with_logits(logits, &labels, &weights);
//!     losses.push(tape.scalar(loss));
//!     let (gradients, buffers) = tape.backward(loss);
//!     store.matrix_mut(weight).scaled_add(-0.1, &gradients.matrix(weight).expect("the loss depends on it"));
//!     workspace = buffers;
//!     workspace.recycle_gradients(gradients);
//! }
//! assert!(losses[1] < losses[0]);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arena_memory;
mod first_values;
mod store;
mod table;

mod backward;
mod gradient_sums;
mod gradients;
mod node_gradient;
mod non_finite;
mod op_times;
mod reach;
mod tape;
mod var;
mod workspace;

mod ops;

mod gradient_check;
mod replay;

mod kernel;

pub use gradient_check::{GradientCheck, GradientMismatch, GradientReport, gradient_check};
pub use gradient_sums::SharedParameters;
pub use gradients::{Buffers, Gradients, RowGradients};
pub use kernel::adam::AdamStep;
pub use kernel::instruction_set::{INSTRUCTION_SET_VARIABLE, InstructionSet, InstructionSetError};
pub use kernel::rule_step::{LEAST_GRADIENT, LEAST_SLOT, MOST_SLOTS, RuleStep, or_zero};
pub use kernel::team::{for_each_in_parallel, in_team};
pub use kernel::transcendental::{exp, sigmoid};
pub use kernel::written::Written;
pub use non_finite::{NonFinite, Origin};
pub use op_times::{Direction, OpTime, OpTimes};
pub use ops::{
    BatchNorm, BatchNormParams, BceWithLogits, Calibration, Dice, Dropout, Embedding, Exp, GatedExperts,
    Input, JointLogit, LeakyRelu, Linear, Mixture, Op, Pointwise, PointwiseLoss, Pooling, Prelu, Projection,
    Relu, RowDots, Segment, Sigmoid, Softmax, SquaredError, Uncertainty, UncertaintyTerm, WeightedSum,
};
pub use replay::ReferenceParams;
pub use store::{Entry, MatrixId, NamedBlock, ParamStore, Role, Snapshot, TableId};
pub use table::{RowStamps, SlotWidth, Table, TableRows};
pub use tape::{Mode, Node, Tape};
pub use var::Var;
pub use workspace::Workspace;
