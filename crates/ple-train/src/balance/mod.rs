//! How the losses of several tasks become one step: the strategies, and what one of them does with a step's losses.

mod aggregated;
mod balancer;
mod decaying_weights;
mod dynamic_weight_average;
mod fixed;
mod grad_norm;
mod learned;
mod list;
mod pcgrad;
mod progress;
mod shared_gradients;
mod strategy;
mod uncertainty;

pub use balancer::Balancer;
pub use decaying_weights::DecayingWeights;
pub use dynamic_weight_average::DynamicWeightAverage;
pub use grad_norm::GradNorm;
pub(crate) use learned::{is_of_balance, log_variance_name, may_learn};
pub use list::Balance;
pub use progress::Progress;
pub(crate) use strategy::{BalanceState, StepLosses};
