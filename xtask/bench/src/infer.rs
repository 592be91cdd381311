//! Inference as a user does it: `predict` on tables of one batch each, and requests of one row to a `Predictor`.

use std::hint::black_box;
use std::time::Instant;

use ple_data::{Batch, Table};
use ple_train::{Predictor, RankingModel, RunSeed, bank_input};

use crate::options::{Infer, Size, Vocabulary};
use crate::outcome::Outcome;
use crate::workload;

/// Rows that the batches are cut from: enough that the next pass over them does not find the rare ones in cache.
const ROWS: usize = 1 << 18;

/// The most tables that are cut, for small batches.
const MOST_TABLES: usize = 1 << 13;

/// Predicts batch after batch for some time.
pub(crate) fn measure(options: &Infer) -> Result<Outcome, String> {
    let batch = options.batch.clamp(1, ROWS);
    let model = new_model()?;
    if batch == 1 {
        return measure_requests(options, model);
    }
    let tables = batches(&workload::table(Vocabulary::Full, ROWS)?, batch);
    for table in tables.iter().take(8) {
        black_box(model.predict(table)).map_err(|error| error.to_string())?;
    }
    let (start, mut rows) = (Instant::now(), 0);
    for table in tables.iter().cycle() {
        black_box(model.predict(table)).map_err(|error| error.to_string())?;
        rows += table.rows() as u64;
        if start.elapsed().as_secs_f64() >= options.seconds {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let parameters = model.store().n_parameters();
    Ok(Outcome { rows, seconds, parameters, losses: Vec::new(), steps_per_loss: 0 })
}

/// Asks a predictor for one row after the other, as a server does.
fn measure_requests(options: &Infer, model: RankingModel) -> Result<Outcome, String> {
    let table = workload::table(Vocabulary::Full, MOST_TABLES)?;
    let batches: Vec<Batch> = (0..table.rows() as u32)
        .map(|row| {
            let mut batch = Batch::new();
            table.gather(&[row], &mut batch);
            batch
        })
        .collect();
    let requests: Vec<_> = batches.iter().map(|batch| bank_input(table.schema(), batch)).collect();
    let parameters = model.store().n_parameters();
    let predictor = Predictor::new(model);
    let mut out = vec![0.0; table.schema().n_tasks()];
    let (mut start, mut rows) = (Instant::now(), 0_u64);
    for (number, request) in requests.iter().cycle().enumerate() {
        if number == 8 {
            (start, rows) = (Instant::now(), 0);
        }
        predictor.predict(black_box(request), &mut out).map_err(|error| error.to_string())?;
        black_box(&mut out);
        rows += 1;
        if start.elapsed().as_secs_f64() >= options.seconds {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Outcome { rows, seconds, parameters, losses: Vec::new(), steps_per_loss: 0 })
}

/// The tutorial's model at full vocabulary, not trained: the work is the same.
pub(crate) fn new_model() -> Result<RankingModel, String> {
    let schema = ple_data::ali_ccp_schema(&workload::sizes(Vocabulary::Full), 16);
    RankingModel::new(schema, workload::model_config(Size::Tutorial), RunSeed(workload::SEED))
        .map_err(|error| error.to_string())
}

/// Tables of `batch` rows each.
fn batches(table: &Table, batch: usize) -> Vec<Table> {
    let starts = (0..=table.rows() - batch).step_by(batch).take(MOST_TABLES);
    starts.map(|start| table.select(&(start as u32..(start + batch) as u32).collect::<Vec<_>>())).collect()
}

#[cfg(test)]
mod tests {
    use super::batches;
    use crate::options::Vocabulary;
    use crate::workload;

    #[test]
    fn batches_are_full_and_follow_each_other() {
        let table = workload::table(Vocabulary::Full, 1_000).unwrap();
        let cut = batches(&table, 300);
        assert_eq!(cut.iter().map(|table| table.rows()).collect::<Vec<_>>(), [300, 300, 300]);
        assert_eq!(cut[1].to_columns().sparse[..23], table.to_columns().sparse[300 * 23..301 * 23]);
    }
}
