//! Why a metric has no value. A metric that is undefined is carried with its reason, never as a plausible number.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The reason for which a metric has no value on a set of rows.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::{Undefined, roc_auc};
///
/// assert_eq!(roc_auc(&[0.1, 0.9], &[0.0, 0.0], None), Err(Undefined::NoPositives));
/// assert_eq!(Undefined::NoPositives.to_string(), "no row has a positive label");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undefined {
    /// The task has no row here, or every row has the weight 0.
    #[error("the task has no row")]
    NoRows,
    /// A ranking metric needs both classes, and the positive one is absent.
    #[error("no row has a positive label")]
    NoPositives,
    /// A ranking metric needs both classes, and the negative one is absent.
    #[error("no row has a negative label")]
    NoNegatives,
    /// A ranking metric within groups needs a group with both classes, or with a positive row.
    #[error("no group has rows that could be ranked")]
    NoGroups,
    /// A share of the labels' variance needs labels that differ.
    #[error("all labels are equal")]
    ConstantLabels,
    /// A score, a label or a weight of a row of the task is NaN or infinite, or the result would be.
    #[error("a value is not finite")]
    NotFinite,
}
