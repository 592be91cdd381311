//! The area under the ROC curve, exactly and with ties, as scikit-learn computes it, in time linear in the rows.

use ple_data::TaskType;

use super::best::Best;
use super::computed::Computed;
use super::definition::{self, Definition};
use super::radix_sort::{RadixKey, ordered_bits, radix_sort};
use super::rows::Rows;
use super::task_metrics::LabelCounts;
use super::undefined::Undefined;

/// The area under the ROC curve: the probability that a positive row scores higher than a negative one, ties counting
/// one half (the Mann-Whitney statistic).
///
/// ```text
///          sum over positives i, negatives j of  w_i w_j ([s_i > s_j] + [s_i = s_j] / 2)
/// AUC  =  -------------------------------------------------------------------------------
///                     (sum of w_i over positives) (sum of w_j over negatives)
/// ```
///
/// Any increasing map of the scores leaves it as it is, so logits and probabilities give the same value as long as
/// the map keeps different scores different. A row is positive if its label is at least 0.5. A row of weight 0 is
/// outside of the task: neither its score nor its label is looked at. With equal weights, as for a task over a subset
/// of the rows, the pairs are counted in integers; otherwise the weights are summed in f64, in the order of the rows.
/// The result equals scikit-learn's `roc_auc_score(labels, scores, sample_weight=weights)`.
///
/// # Errors
///
/// [`Undefined::NoRows`], [`Undefined::NoPositives`] or [`Undefined::NoNegatives`] where the definition divides by
/// zero, and [`Undefined::NotFinite`] if a score or a weight is NaN or infinite.
///
/// # Panics
///
/// If the lengths differ, or a weight is negative: both are bugs of the caller, since readers refuse such data.
///
/// # Examples
///
/// ```
/// use ple_train::metrics::roc_auc;
///
/// assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0], None), Ok(0.75));
/// // The second negative is outside of the task.
/// assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0], Some(&[1.0, 0.0, 1.0, 1.0])), Ok(1.0));
/// ```
pub fn roc_auc(scores: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    assert_eq!(scores.len(), labels.len(), "roc_auc: one label for each score");
    match weights {
        None => auc_of_counts(scores, labels, None),
        Some(weights) => {
            assert_eq!(scores.len(), weights.len(), "roc_auc: one weight for each score");
            match Weighting::of(weights)? {
                Weighting::Equal => auc_of_counts(scores, labels, Some(weights)),
                Weighting::Varied => auc_of_sums(scores, labels, weights),
            }
        }
    }
}

/// Whether the rows inside the task all count the same.
enum Weighting {
    Equal,
    Varied,
}

impl Weighting {
    fn of(weights: &[f32]) -> Result<Self, Undefined> {
        let mut first = None;
        let mut weighting = Self::Equal;
        for &weight in weights.iter().filter(|weight| **weight != 0.0) {
            if !weight.is_finite() {
                return Err(Undefined::NotFinite);
            }
            assert!(weight > 0.0, "roc_auc: the weight {weight} is negative");
            if *first.get_or_insert(weight) != weight {
                weighting = Self::Varied;
            }
        }
        Ok(weighting)
    }
}

/// Both classes sorted by themselves and merged: no row number is carried along, so it takes 8 bytes a row.
fn auc_of_counts(scores: &[f32], labels: &[f32], weights: Option<&[f32]>) -> Result<f64, Undefined> {
    let mut positives: Vec<u32> = Vec::new();
    let mut negatives: Vec<u32> = Vec::with_capacity(scores.len());
    for (row, (&score, &label)) in scores.iter().zip(labels).enumerate() {
        if weights.is_none_or(|weights| weights[row] != 0.0) {
            let class = if label >= 0.5 { &mut positives } else { &mut negatives };
            class.push(ordered_bits(score)?);
        }
    }
    both_classes(!positives.is_empty(), !negatives.is_empty())?;
    radix_sort(&mut positives);
    radix_sort(&mut negatives);

    // Twice the statistic, so that a tie is a whole number.
    let mut twice: u128 = 0;
    let (mut below, mut position) = (0, 0);
    while position < positives.len() {
        let score = positives[position];
        let n_positive = positives[position..].iter().take_while(|other| **other == score).count();
        below += negatives[below..].iter().take_while(|other| **other < score).count();
        let tied = negatives[below..].iter().take_while(|other| **other == score).count();
        twice += n_positive as u128 * (2 * below + tied) as u128;
        position += n_positive;
        below += tied;
    }
    let pairs = positives.len() as u128 * negatives.len() as u128;
    Ok(twice as f64 / (2 * pairs) as f64)
}

/// Rows sorted by score with their numbers, and the weights of each group of equal scores summed.
fn auc_of_sums(scores: &[f32], labels: &[f32], weights: &[f32]) -> Result<f64, Undefined> {
    let mut rows: Vec<u64> = Vec::with_capacity(scores.len());
    for (row, &score) in scores.iter().enumerate().filter(|(row, _)| weights[*row] != 0.0) {
        rows.push(u64::from(ordered_bits(score)?) << 32 | row as u64);
    }
    assert!(u32::try_from(scores.len()).is_ok(), "roc_auc: more than 2^32 weighted rows");
    radix_sort(&mut rows);

    let (mut statistic, mut positive, mut negative) = (0.0_f64, 0.0_f64, 0.0_f64);
    for group in rows.chunk_by(|a, b| a.key() == b.key()) {
        let (mut positive_here, mut negative_here) = (0.0_f64, 0.0_f64);
        for &entry in group {
            let row = (entry & u64::from(u32::MAX)) as usize;
            let class = if labels[row] >= 0.5 { &mut positive_here } else { &mut negative_here };
            *class += f64::from(weights[row]);
        }
        statistic += positive_here * (negative + 0.5 * negative_here);
        positive += positive_here;
        negative += negative_here;
    }
    both_classes(positive > 0.0, negative > 0.0)?;
    Ok(statistic / (positive * negative))
}

fn both_classes(positives: bool, negatives: bool) -> Result<(), Undefined> {
    match (positives, negatives) {
        (true, true) => Ok(()),
        (false, true) => Err(Undefined::NoPositives),
        (true, false) => Err(Undefined::NoNegatives),
        (false, false) => Err(Undefined::NoRows),
    }
}

/// [`roc_auc`] as a metric.
pub(super) struct Auc;

impl Definition for Auc {
    fn name(&self) -> &'static str {
        "auc"
    }

    fn heading(&self) -> &'static str {
        "AUC"
    }

    fn best(&self) -> Best {
        Best::Highest
    }

    fn task(&self) -> TaskType {
        TaskType::Classification
    }

    fn compute_served(&self, rows: &Rows<'_>) -> Option<Computed> {
        Some(self.compute(rows))
    }

    fn compute(&self, rows: &Rows<'_>) -> Computed {
        roc_auc(rows.outputs, rows.labels, rows.weights).into()
    }

    fn check_labels(&self, counts: LabelCounts) -> Result<(), Undefined> {
        definition::both_classes(counts)
    }
}
