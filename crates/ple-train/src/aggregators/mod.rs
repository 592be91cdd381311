//! Aggregators: one gradient for several tasks, as a weighted sum whose weights are a function of the gradients' products.

mod aggregator;
mod aligned_mtl;
mod ca_grad;
mod conflict_free;
mod definition;
mod dual_cone;
mod eigen;
mod gramian;
mod imtl_g;
mod mean;
mod mgda;
mod pc_grad;
mod quadratic;
#[cfg(test)]
mod test_rows;

pub use aggregator::Aggregator;
pub use ca_grad::CaGrad;
pub use gramian::Gramian;
pub use pc_grad::pcgrad_weights;
