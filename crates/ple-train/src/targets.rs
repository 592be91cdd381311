//! The labels that the losses of a step compare with: those of the batch, standardised ones, and those that two tasks make
//! together.

use ple_data::Batch;
use ple_nn::{Learns, Model};
use ple_tensor::ParamStore;

/// The labels and weights of heads that learn from other labels than the batch has, for its rows. The buffers go from step to
/// step.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    made: Vec<Option<Rows>>,
}

#[derive(Clone, Debug, Default)]
struct Rows {
    labels: Vec<f32>,
    weights: Vec<f32>,
}

impl Targets {
    /// Makes those of a batch.
    pub fn fill(&mut self, model: &Model, store: &ParamStore, batch: &Batch) {
        self.made.resize_with(model.heads().len(), || None);
        for (number, (made, head)) in self.made.iter_mut().zip(model.heads()).enumerate() {
            match (head.learns, model.label_standard(number)) {
                (Learns::Both { first, second }, _) => {
                    let rows = made.get_or_insert_default();
                    rows.fill([first, second].map(|task| (batch.labels(task), batch.weights(task))));
                }
                (Learns::Task(task), Some(standard)) => {
                    let rows = made.get_or_insert_default();
                    rows.labels.clear();
                    rows.labels.extend(batch.labels(task).iter().map(|&label| standard.apply(store, label)));
                    rows.weights.clear();
                    rows.weights.extend_from_slice(batch.weights(task));
                }
                _ => *made = None,
            }
        }
    }

    /// The labels and weights of a head of the batch that was filled in; nothing where it learns from no label.
    pub(crate) fn of<'t>(
        &'t self,
        head: usize,
        learns: Learns,
        batch: &'t Batch,
    ) -> Option<(&'t [f32], &'t [f32])> {
        let made = self.made.get(head).and_then(Option::as_ref);
        let of_batch = || learns.task().map(|task| (batch.labels(task), batch.weights(task)));
        made.map(|rows| (&rows.labels[..], &rows.weights[..])).or_else(of_batch)
    }
}

impl Rows {
    /// Both labels are positive, over the rows of the first task and by its weights. A row that is positive there and has no
    /// weight in the second task is left out, since its second label is not known.
    fn fill(&mut self, [first, second]: [(&[f32], &[f32]); 2]) {
        self.labels.clear();
        self.weights.clear();
        self.labels.extend(first.0.iter().zip(second.0).map(|(a, b)| if *a > 0.0 { a * b } else { 0.0 }));
        let rows = first.0.iter().zip(first.1).zip(second.1);
        self.weights.extend(rows.map(|((label, a), b)| if *label > 0.0 && *b == 0.0 { 0.0 } else { *a }));
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;

    #[test]
    fn a_row_that_did_not_click_has_no_conversion_whatever_is_written_there() {
        let mut rows = Rows::default();
        let clicks = ([0.0, 0.0, 1.0, 1.0, 1.0, 0.0], [1.0, 2.0, 1.0, 0.5, 1.0, 0.0]);
        let conversions = ([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.5, 0.0, 0.0]);
        rows.fill([(&clicks.0, &clicks.1), (&conversions.0, &conversions.1)]);
        assert_eq!(rows.labels, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(rows.weights, [1.0, 2.0, 1.0, 0.5, 0.0, 0.0]);
    }
}
