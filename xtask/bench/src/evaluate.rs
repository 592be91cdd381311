//! Evaluation as a user does it: the metrics of both tasks over a table, AUC among them.

use std::hint::black_box;
use std::time::Instant;

use crate::infer::new_model;
use crate::options::{Evaluate, Vocabulary};
use crate::outcome::Outcome;
use crate::workload;

/// Evaluates a table once.
pub(crate) fn measure(options: &Evaluate) -> Result<Outcome, String> {
    let model = new_model()?;
    let table = workload::table(Vocabulary::Full, options.rows)?;
    let start = Instant::now();
    black_box(model.evaluate(&table)).map_err(|error| error.to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    let parameters = model.store().n_parameters();
    Ok(Outcome { rows: table.rows() as u64, seconds, parameters, losses: Vec::new(), steps_per_loss: 0 })
}
