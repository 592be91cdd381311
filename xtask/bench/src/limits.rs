//! The three rates that bound a training step on this machine, and how much of each a row needs at least.
//!
//! `seconds a row >= 2 x multiply-adds / rate in registers + look-ups / rate of reads + distinct rows / rate of changes`
//!
//! A row of a table that several rows of a batch read has to be multiplied once, so its multiply-adds count once.

use ple_data::{ALI_CCP_DENSE, ALI_CCP_SPARSE};
use ple_tensor::ParamStore;
use ple_train::{RankingModel, RunSeed};
use serde_json::{Value, json};

use crate::multiply_add_rate;
use crate::options::{Limits, Vocabulary};
use crate::row_rates::{Arena, Lookups};
use crate::workload;

/// Rows to a step.
const BATCH: usize = 1024;

/// Batches whose look-ups are measured.
const BATCHES: usize = 200;

/// Passes of a linear map: forward, the gradient of its input, the gradient of its weight.
const PASSES: usize = 3;

/// Measures the rates.
pub(crate) fn measure(options: &Limits) -> Result<Value, String> {
    let table = workload::table(Vocabulary::Full, BATCH * BATCHES)?;
    let sizes = workload::sizes(Vocabulary::Full);
    let lookups = Lookups::new(&table.to_columns().sparse, &sizes, BATCH);
    // The products of a model do not depend on its vocabularies, and a small one is made faster.
    let schema = ple_data::ali_ccp_schema(&workload::sizes(Vocabulary::Small), 16);
    let config = workload::model_config(options.size);
    let model =
        RankingModel::new(schema, config, RunSeed(workload::SEED)).map_err(|error| error.to_string())?;

    let by_set = multiply_add_rate::by_set(options.seconds);
    let flops = by_set.values().copied().fold(0.0, f64::max);
    let mut arena = Arena::new(sizes.iter().sum()).map_err(|error| format!("an arena of rows: {error}"))?;
    let reads = arena.reads_per_second(&lookups, options.seconds);
    let changes = arena.changes_per_second(&lookups, options.seconds);
    Ok(json!({
        "flops_per_second": flops,
        "flops_per_second_by_set": by_set,
        "reads_per_second": reads,
        "changes_per_second": changes,
        "multiply_adds_per_row": PASSES as f64 * multiply_adds(model.store(), lookups.mean_distinct() / lookups.mean_reads()),
        "reads_per_row": lookups.mean_reads() / BATCH as f64,
        "changes_per_row": lookups.mean_distinct() / BATCH as f64,
        "threads": rayon::current_num_threads(),
        "instruction_set": ple_train::instruction_set(),
    }))
}

/// Columns of the embedding matrix that are rows of tables, and those that are dense values.
const LOOK_UP_COLUMNS: usize = ALI_CCP_SPARSE.len() * workload::EMBEDDING_DIM;
const DENSE_COLUMNS: usize = ALI_CCP_DENSE.len();

/// The multiply-adds of all linear maps for one row, forward only: the sizes of their weights, and of those that meet rows
/// of tables the share `distinct` of rows that no row of the batch has met before.
fn multiply_adds(store: &ParamStore, distinct: f64) -> f64 {
    let weights = store.blocks().iter().filter(|b| b.name.contains(".layer.") && b.name.ends_with(".weight"));
    let inputs = |rows: usize| match rows == LOOK_UP_COLUMNS + DENSE_COLUMNS {
        true => DENSE_COLUMNS as f64 + distinct * LOOK_UP_COLUMNS as f64,
        false => rows as f64,
    };
    weights.map(|block| inputs(store.matrix(block.matrix).nrows()) * block.columns.len() as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::multiply_adds;
    use crate::options::{Size, Vocabulary};
    use crate::workload;
    use ple_train::{RankingModel, RunSeed};

    #[test]
    fn the_tutorials_products_are_counted() {
        let schema = ple_data::ali_ccp_schema(&workload::sizes(Vocabulary::Small), 16);
        let model = RankingModel::new(schema, workload::model_config(Size::Tutorial), RunSeed(1)).unwrap();
        // 376 inputs; 5 experts of 16 and 2 gates over 3; two towers of 16 x 8 and 8 x 1.
        let towers = 2.0 * (16 * 8 + 8) as f64;
        assert_eq!(multiply_adds(model.store(), 1.0), 376.0 * (5 * 16 + 2 * 3) as f64 + towers);
        // Half of the readings are of rows that were met before.
        assert_eq!(multiply_adds(model.store(), 0.5), (8.0 + 184.0) * (5 * 16 + 2 * 3) as f64 + towers);
    }
}
