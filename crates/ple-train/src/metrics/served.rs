//! The metrics of the probabilities that are served, where they are not those of the logits.
//!
//! A probability is a number of 32 bits. Logits that differ have the same one where the sigmoid is nearly flat, and beyond 17
//! it is exactly 1: pairs that the logits put in order are ties then, and the AUC of a file of predictions is another than
//! that of the model. A log loss cannot be taken of a probability of 0 or 1, and is taken of the nearest one that is neither.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::metric::Metric;
use super::rows::Rows;
use super::task_metrics::Measured;

/// Metrics of 32-bit probabilities that differ from those of the logits by more than a millionth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedMetrics {
    /// The metrics that differ.
    pub values: BTreeMap<Metric, f64>,
    /// The rows of the task whose probability is exactly 0 or 1.
    pub saturated: usize,
}

/// A difference that no report shows.
const LEAST_DIFFERENCE: f64 = 1e-6;

impl ServedMetrics {
    /// The metrics of the probabilities of a classification's logits, or `None` where they are those of the logits. `groups`
    /// gives the groups that a metric needs.
    pub(super) fn of<'r>(
        rows: &Rows<'r>,
        of_logits: &BTreeMap<Metric, Measured>,
        groups: impl Fn(&Metric) -> Option<&'r [u32]>,
    ) -> Option<Self> {
        let probabilities: Vec<f32> = rows.outputs.iter().map(|&logit| ple_tensor::sigmoid(logit)).collect();
        let served = |(metric, of_logits): (&Metric, &Measured)| {
            let rows = Rows { outputs: &probabilities, groups: groups(metric), ..*rows };
            let value = metric.compute_served(&rows)?.value.ok()?;
            let differs =
                of_logits.value().is_some_and(|of_logits| (of_logits - value).abs() > LEAST_DIFFERENCE);
            differs.then(|| (metric.clone(), value))
        };
        let values: BTreeMap<Metric, f64> = of_logits.iter().filter_map(served).collect();
        let weights = rows.weights;
        let is_saturated = |(row, probability): &(usize, &f32)| {
            (**probability == 0.0 || **probability == 1.0)
                && weights.is_none_or(|weights| weights[*row] != 0.0)
        };
        let saturated = probabilities.iter().enumerate().filter(is_saturated).count();
        (!values.is_empty()).then_some(Self { values, saturated })
    }
}

/// As in `auc 0.8271, log_loss 1.2034 of the 32-bit probabilities that are served: 130 rows have exactly 0 or 1, and
/// logits that differ have the same one`.
impl fmt::Display for ServedMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> = self
            .values
            .iter()
            .map(|(metric, value)| format!("{metric} {}", Measured::Value(*value)))
            .collect();
        write!(
            f,
            "{} of the 32-bit probabilities that are served: {} rows have exactly 0 or 1, and logits that differ have the \
             same one",
            values.join(", "),
            self.saturated
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use approx::assert_relative_eq;
    use ple_data::TaskType;

    use super::{Metric, ServedMetrics};
    use crate::metrics::TaskMetrics;

    fn compute(logits: &[f32], labels: &[f32]) -> TaskMetrics {
        TaskMetrics::compute("click", TaskType::Classification, logits, labels, None)
    }

    #[test]
    fn ties_of_saturated_probabilities_are_said() {
        let logits = [20.0, 30.0, 25.0, 40.0, -1.0, 3.0];
        let labels = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0];
        let task = compute(&logits, &labels);
        assert_relative_eq!(
            task.get(Metric::Auc).and_then(|auc| auc.value()).unwrap(),
            7.0 / 9.0,
            epsilon = 1e-12
        );
        let served = task.served.unwrap();
        // Of nine pairs the positive one of 3 is below two negatives, and four pairs of ones are ties.
        assert_relative_eq!(served.values[&Metric::Auc], 5.0 / 9.0, epsilon = 1e-12);
        // Two negatives at 1 - 2^-23, and the rest as the logits have it.
        let expected =
            (2.0 * 23.0 * 2.0_f64.ln() + (-1.0_f64).exp().ln_1p() + (-3.0_f64).exp().ln_1p()) / 6.0;
        assert_relative_eq!(served.values[&Metric::LogLoss], expected, epsilon = 1e-6);
        assert_eq!(served.saturated, 4);
        assert_eq!(
            served.to_string(),
            "auc 0.5556, log_loss 5.3744 of the 32-bit probabilities that are served: 4 rows have exactly 0 or 1, and \
             logits that differ have the same one"
        );
    }

    #[test]
    fn usual_logits_are_served_as_they_are_measured() {
        let logits: Vec<f32> = (0..2_000).map(|i| ((i * 37) % 1_999) as f32 / 200.0 - 5.0).collect();
        let labels: Vec<f32> = (0..2_000).map(|i| f32::from(u8::from(i % 3 == 0))).collect();
        let task = compute(&logits, &labels);
        assert_eq!(task.served, None);
        // Manifests of such tasks are what they were.
        assert!(!serde_json::to_string(&task).unwrap().contains("served"));
    }

    #[test]
    fn json_keeps_both() {
        let task = compute(&[20.0, 30.0], &[0.0, 1.0]);
        let json = serde_json::to_string(&task).unwrap();
        assert!(json.contains(r#""auc":1.0"#) && json.contains(r#""served":{"values":{"auc":0.5"#), "{json}");
        assert_eq!(serde_json::from_str::<TaskMetrics>(&json).unwrap(), task);
        let served = ServedMetrics { values: BTreeMap::from([(Metric::Auc, 0.5)]), saturated: 2 };
        assert!(served.to_string().starts_with("auc 0.5000 of the 32-bit probabilities"));
    }
}
