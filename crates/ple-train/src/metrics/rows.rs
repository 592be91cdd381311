//! The rows that a metric is taken of.

/// What the model says of each row of a set, and what is true.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Logits of a classification, predictions of a regression.
    pub outputs: &'a [f32],
    /// The labels.
    pub labels: &'a [f32],
    /// How much each row counts; all the same without them. A row of weight 0 is outside of the task.
    pub weights: Option<&'a [f32]>,
    /// The number of each row's group by the [column](super::Metric::column) that the metric declares, or
    /// [`NO_GROUP`](ple_data::NO_GROUP); nothing for a metric without one.
    pub groups: Option<&'a [u32]>,
}
