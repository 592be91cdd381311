//! How the learning rate changes over a run. A schedule is a file and a line of the list in `learning_rate.rs`.

mod constant;
mod cosine;
mod definition;
mod learning_rate;
mod step;

pub use learning_rate::LearningRate;
pub use step::StepDecay;
