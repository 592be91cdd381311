//! What every contestant printed in every round, and what follows from it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::control::Control;
use super::spread::Spread;

/// By how much the losses of two contestants may differ after the same number of steps. Their first weights are not the
/// same, and over the first hundred steps that alone makes a quarter.
const LOSS_TOLERANCE: f64 = 0.4;

/// By how much two graphs of one model may differ.
const PREDICTION_TOLERANCE: f64 = 1e-4;

/// The samples of one contestant in one workload.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The workload.
    pub workload: String,
    /// The contestant.
    pub contestant: String,
    /// What it printed, with the number of the round.
    pub samples: Vec<(usize, Value)>,
}

/// Everything that was measured, in the order in which it first ran.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    rows: Vec<Row>,
    /// The fixed work between the workloads.
    pub control: Control,
    failed: BTreeSet<(String, String)>,
}

impl Results {
    /// Takes a sample.
    pub(crate) fn add(&mut self, workload: &str, contestant: &str, round: usize, sample: Value) {
        let position =
            self.rows.iter().position(|row| row.workload == workload && row.contestant == contestant);
        let index = position.unwrap_or_else(|| {
            let (workload, contestant) = (workload.to_owned(), contestant.to_owned());
            self.rows.push(Row { workload, contestant, samples: Vec::new() });
            self.rows.len() - 1
        });
        self.rows[index].samples.push((round, sample));
    }

    /// Notes that a contestant could not run, so that it is not tried again; its samples do not count.
    pub(crate) fn fail(&mut self, workload: &str, contestant: &str) {
        self.failed.insert((workload.to_owned(), contestant.to_owned()));
        self.rows.retain(|row| row.workload != workload || row.contestant != contestant);
    }

    /// Whether it did.
    pub(crate) fn has_failed(&self, workload: &str, contestant: &str) -> bool {
        self.failed.contains(&(workload.to_owned(), contestant.to_owned()))
    }

    /// Every contestant of every workload.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// One contestant of one workload, if it ran.
    pub(crate) fn row(&self, workload: &str, contestant: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.workload == workload && row.contestant == contestant)
    }

    /// Rows a second of one contestant.
    pub(crate) fn rate(&self, workload: &str, contestant: &str) -> Option<Spread> {
        self.spread(self.row(workload, contestant)?)
    }

    /// Rows a second of a row.
    pub(crate) fn spread(&self, row: &Row) -> Option<Spread> {
        Spread::of(&row.samples.iter().filter_map(|(_, sample)| rate(sample)).collect::<Vec<_>>())
    }

    /// Whether the machine was disturbed in at least half of a row's rounds, so that its median is not to be believed.
    pub(crate) fn was_disturbed(&self, row: &Row) -> bool {
        let rounds = row.samples.iter().map(|(round, _)| *round);
        let disturbed = rounds.filter(|&round| self.control.was_disturbed(&row.workload, round)).count();
        2 * disturbed >= row.samples.len()
    }

    /// Contestants of one workload whose work was not the same: other parameters, or losses that fall otherwise.
    pub(crate) fn unequal_work(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let first = self.rows[..index].iter().find(|other| other.workload == row.workload);
            if let Some(first) = first
                && let Some((_, a)) = first.samples.first()
                && let Some((_, b)) = row.samples.first()
                && let Some(difference) = difference(a, b)
            {
                let Row { workload, contestant, .. } = row;
                found.push(format!(
                    "{workload}: {contestant} did not do the work of {}: {difference}",
                    first.contestant
                ));
            }
        }
        found
    }
}

impl Row {
    /// The largest peak memory of any round.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let peaks = self.samples.iter().filter_map(|(_, sample)| sample["peak_memory_bytes"].as_u64());
        peaks.max()
    }
}

/// Rows a second of a sample: what it says, or what the rates of the machine allow at most.
pub(crate) fn rate(sample: &Value) -> Option<f64> {
    number(sample, "rows_per_second").or_else(|| limit(sample))
}

fn number(sample: &Value, key: &str) -> Option<f64> {
    sample.get(key)?.as_f64()
}

fn numbers(sample: &Value, key: &str) -> Option<Vec<f64>> {
    sample.get(key)?.as_array()?.iter().map(Value::as_f64).collect()
}

/// The most rows a second that the machine's rates allow.
fn limit(sample: &Value) -> Option<f64> {
    let products = 2.0 * number(sample, "multiply_adds_per_row")? / number(sample, "flops_per_second")?;
    let reads = number(sample, "reads_per_row")? / number(sample, "reads_per_second")?;
    let changes = number(sample, "changes_per_row")? / number(sample, "changes_per_second")?;
    Some(1.0 / (products + reads + changes))
}

/// Why two samples are not of the same work, if they are not.
fn difference(a: &Value, b: &Value) -> Option<String> {
    let parameters = [a, b].map(|sample| number(sample, "parameters"));
    if let [Some(a), Some(b)] = parameters
        && a != b
    {
        return Some(format!("{b} parameters, not {a}"));
    }
    if let [Some(a), Some(b)] = [numbers(a, "predictions"), numbers(b, "predictions")]
        && a.iter().zip(&b).any(|(a, b)| (a - b).abs() > PREDICTION_TOLERANCE)
    {
        return Some(format!("predictions {b:?}, not {a:?}, for the first row"));
    }
    if a["steps_per_loss"] != b["steps_per_loss"] {
        return None;
    }
    let losses = |sample: &Value| -> Vec<f64> {
        sample["losses"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|loss| loss.as_f64().unwrap_or(f64::NAN))
            .collect()
    };
    let (a, b) = (losses(a), losses(b));
    for (losses, whose) in [(&a, "the other's"), (&b, "its")] {
        if let [first, .., last] = losses[..]
            && last >= first
        {
            return Some(format!("{whose} loss does not fall: from {first:.4} to {last:.4}"));
        }
    }
    let (last, (a, b)) = a.into_iter().zip(b).enumerate().next_back()?;
    let is_close = (a - b).abs() <= LOSS_TOLERANCE * a.abs();
    (!is_close).then(|| format!("loss {b:.4}, not {a:.4}, in stretch {} of the run", last + 1))
}

#[cfg(test)]
mod tests {
    use super::{Results, difference};
    use crate::bench::plan::LIMIT;
    use serde_json::json;

    #[test]
    fn the_limit_follows_from_the_rates_of_its_own_sample() {
        let mut results = Results::default();
        let sample = json!({"flops_per_second": 100.0, "multiply_adds_per_row": 50, "reads_per_row": 1,
            "reads_per_second": 2.0, "changes_per_row": 1, "changes_per_second": 2.0});
        results.add("train_full", LIMIT, 0, sample.clone());
        assert_eq!(results.rate("train_full", LIMIT).map(|rate| rate.median), Some(0.5));
        results.add("train_full", "another", 0, json!({"flops_per_second": 200.0}));
        assert_eq!(results.rate("train_full", LIMIT).map(|rate| rate.median), Some(0.5));
        let mut quicker = sample;
        quicker["flops_per_second"] = json!(200.0);
        results.add("train_full", LIMIT, 1, quicker);
        assert_eq!(results.rate("train_full", LIMIT).map(|rate| rate.max), Some(1.0 / 1.5));
    }

    #[test]
    fn a_row_is_marked_where_half_of_its_rounds_were_disturbed() {
        let mut results = Results::default();
        for (round, seconds) in [1.0, 1.5, 1.0, 1.0].into_iter().enumerate() {
            results.control.ran(seconds, "paper", round);
            results.add("paper", "ple", round, json!({"rows_per_second": 5.0}));
        }
        results.control.ended(1.0);
        // The rounds before and after the slow run.
        assert!(results.was_disturbed(&results.rows()[0]));
        results.control.ran(1.0, "paper", 4);
        results.add("paper", "ple", 4, json!({"rows_per_second": 5.0}));
        assert!(!results.was_disturbed(&results.rows()[0]));
    }

    #[test]
    fn unequal_work_is_found() {
        let ours = json!({"parameters": 7, "steps_per_loss": 50, "losses": [0.5, 0.2, 0.1]});
        let same = json!({"parameters": 7, "steps_per_loss": 50, "losses": [0.7, 0.21]});
        assert_eq!(difference(&ours, &same), None);
        let other = json!({"parameters": 8});
        assert_eq!(difference(&ours, &other).as_deref(), Some("8 parameters, not 7"));
        let [near, far] = [0.50001, 0.6].map(|value| json!({"predictions": [0.25, value]}));
        assert_eq!(difference(&json!({"predictions": [0.25, 0.5]}), &near), None);
        assert!(difference(&json!({"predictions": [0.25, 0.5]}), &far).is_some());
        let slow = json!({"parameters": 7, "steps_per_loss": 50, "losses": [0.7, 0.6]});
        assert_eq!(
            difference(&ours, &slow).as_deref(),
            Some("loss 0.6000, not 0.2000, in stretch 2 of the run")
        );
        let stuck = json!({"parameters": 7, "steps_per_loss": 50, "losses": [0.5, 0.5]});
        assert_eq!(
            difference(&ours, &stuck).as_deref(),
            Some("its loss does not fall: from 0.5000 to 0.5000")
        );
        let undefined = json!({"parameters": 7, "steps_per_loss": 50, "losses": [0.7, null]});
        assert!(difference(&ours, &undefined).is_some());
    }

    #[test]
    fn a_contestant_that_failed_has_no_rate() {
        let mut results = Results::default();
        results.add("paper", "ple", 0, json!({"rows_per_second": 5.0, "peak_memory_bytes": 9}));
        results.add("paper", "ple", 1, json!({"rows_per_second": 7.0, "peak_memory_bytes": 8}));
        assert_eq!(results.rate("paper", "ple").map(|rate| rate.median), Some(6.0));
        assert_eq!(results.rows()[0].peak_memory(), Some(9));
        results.fail("paper", "ple");
        assert!(results.has_failed("paper", "ple") && results.rate("paper", "ple").is_none());
    }
}
