//! Aggregators against what others computed for the same Jacobians: a file of cases, a line for each method.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::golden::ParityError;
use crate::aggregators::{Aggregator, Gramian};

/// How far a value may be off, relative to the length of the Jacobian's longest row.
const TOLERANCE: f64 = 1e-6;

/// The same for CAGrad, whose values come from a solver that stops early.
const TOLERANCE_OF_A_SOLVER: f64 = 1e-4;

/// The file: Jacobians with a row for each task, and the vector that each method makes of their rows.
#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    jacobian: Vec<Vec<f64>>,
    aggregated: BTreeMap<String, Vec<f64>>,
}

/// What the comparison of one method found.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregatorReport {
    /// The method, as the file calls it.
    pub method: String,
    /// The cases that have a value of it.
    pub cases: usize,
    /// The largest difference, relative to the length of the Jacobian's longest row; nothing for a method that there is not.
    pub largest: Option<f64>,
    tolerance: f64,
}

impl AggregatorReport {
    /// Whether every value is within its tolerance; a method that there is not does not count.
    pub fn agrees(&self) -> bool {
        self.largest.is_none_or(|largest| largest <= self.tolerance)
    }
}

impl fmt::Display for AggregatorReport {
    /// One line: method, cases, the largest difference, and `ok`, `DIFFERS` or `not built`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<14} {:>4} cases", self.method, self.cases)?;
        match self.largest {
            None => f.write_str("  not built"),
            Some(largest) => {
                let verdict = if self.agrees() { "ok" } else { "DIFFERS" };
                write!(f, "  largest difference {largest:.1e}  {verdict}")
            }
        }
    }
}

/// Compares every method of a file, in the order of their names.
///
/// # Errors
/// A file that cannot be read, or is no file of cases.
pub fn check_aggregators(path: &Path) -> Result<Vec<AggregatorReport>, ParityError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ParityError::Read { path: path.to_owned(), source })?;
    let cases = read(&text).map_err(|detail| ParityError::Cases { path: path.to_owned(), detail })?;
    let mut reports: BTreeMap<&str, AggregatorReport> = BTreeMap::new();
    for Case { jacobian, aggregated } in &cases {
        let gramian = Gramian::of_rows(jacobian);
        let longest = (0..gramian.tasks()).map(|task| gramian.norm(task)).fold(0.0, f64::max);
        for (method, expected) in aggregated {
            let aggregator = aggregator(method);
            let report = reports.entry(method).or_insert_with(|| AggregatorReport {
                method: method.clone(),
                cases: 0,
                largest: aggregator.as_ref().map(|_| 0.0),
                tolerance: match aggregator {
                    Some(Aggregator::CaGrad(_)) => TOLERANCE_OF_A_SOLVER,
                    _ => TOLERANCE,
                },
            });
            report.cases += 1;
            let (Some(aggregator), Some(largest)) = (&aggregator, &mut report.largest) else { continue };
            let weights = aggregator.weights(&gramian);
            for (column, expected) in expected.iter().enumerate() {
                let found: f64 = weights.iter().zip(jacobian).map(|(weight, row)| weight * row[column]).sum();
                let difference = (found - expected).abs();
                // A Jacobian of zeros has no length, and nothing to be off by.
                let relative = if longest > 0.0 { difference / longest } else { difference };
                // NaN is further off than any number.
                *largest = if relative <= *largest {
                    *largest
                } else if relative.is_nan() {
                    f64::INFINITY
                } else {
                    relative
                };
            }
        }
    }
    Ok(reports.into_values().collect())
}

fn read(text: &str) -> Result<Vec<Case>, String> {
    let Cases { cases } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for (number, Case { jacobian, aggregated }) in cases.iter().enumerate() {
        let width = jacobian.first().map_or(0, Vec::len);
        if width == 0 || jacobian.iter().any(|row| row.len() != width) {
            return Err(format!("case {number} has a Jacobian without rows of one length"));
        }
        if let Some((method, _)) = aggregated.iter().find(|(_, vector)| vector.len() != width) {
            return Err(format!("case {number} has a vector of `{method}` that is not as long as the rows"));
        }
    }
    match cases.is_empty() {
        true => Err("it has no cases".to_owned()),
        false => Ok(cases),
    }
}

/// The aggregator of a method, which may end with a setting as in `cagrad_0.5`.
fn aggregator(method: &str) -> Option<Aggregator> {
    Aggregator::named(method, None).or_else(|| {
        let (name, setting) = method.rsplit_once('_')?;
        Aggregator::named(name, Some(setting))
    })
}
