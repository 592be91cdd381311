//! What a model is judged by: exact, per task, and undefined with a reason where a value would be made up.
//!
//! - [`roc_auc`], [`log_loss`], [`mse`], [`rmse`], [`mae`] and [`r2`] are plain functions on slices.
//! - [`Metric`] is the list of them: their names, [the best value](Best), the tasks that they apply to, and the value on [`Rows`].
//! - [`TaskMetrics`] is everything that is known of one task on one set of rows, with [`ServedMetrics`] where the
//!   probabilities that are served say something else than the logits.

mod best;
mod by_group;
mod computed;
mod definition;
mod ece;
mod gauc;
mod log_loss;
mod metric;
mod ndcg;
mod normalized_entropy;
mod pcoc;
mod pr_auc;
mod radix_sort;
mod regression;
mod roc_auc;
mod rows;
mod served;
mod task_metrics;
mod undefined;
mod weighted_mean;

pub use best::Best;
pub use by_group::for_each_group;
pub use computed::{Computed, GroupCounts, LeftOut};
pub use ece::{Ece, expected_calibration_error};
pub use gauc::{Gauc, gauc};
pub use log_loss::log_loss;
pub use metric::Metric;
pub use ndcg::{Ndcg, ndcg};
pub use normalized_entropy::normalized_entropy;
pub use pcoc::pcoc;
pub use pr_auc::pr_auc;
pub use regression::{mae, mse, r2, rmse};
pub use roc_auc::roc_auc;
pub use rows::Rows;
pub use served::ServedMetrics;
pub use task_metrics::{LabelCounts, LabelSpread, Measured, TaskMetrics};
pub use undefined::Undefined;
