//! The losses of tasks: their names, the links that they are for, and what each adds to a step.

mod binary_cross_entropy;
mod definition;
mod focal;
mod huber;
mod label_smoothing;
mod logistic;
mod loss;
mod poisson;
mod squared_error;

pub use focal::Focal;
pub use huber::Huber;
pub use label_smoothing::LabelSmoothing;
pub use loss::Loss;
pub use poisson::Poisson;
