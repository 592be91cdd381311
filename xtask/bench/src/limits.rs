//! The three rates that bound a training step on this machine, and how much of each a row needs.
//!
//! `seconds a row >= 2 x multiply-adds / rate of products + look-ups / rate of reads + distinct rows / rate of changes`

use ple_tensor::ParamStore;
use ple_train::{RankingModel, RunSeed};
use serde_json::{Value, json};

use crate::options::{Limits, Vocabulary};
use crate::product_rate;
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

    let (flops, product) = product_rate::best(options.seconds);
    let mut arena = Arena::new(sizes.iter().sum()).map_err(|error| format!("an arena of rows: {error}"))?;
    let reads = arena.reads_per_second(&lookups, options.seconds);
    let changes = arena.changes_per_second(&lookups, options.seconds);
    Ok(json!({
        "flops_per_second": flops,
        "product": product,
        "reads_per_second": reads,
        "changes_per_second": changes,
        "multiply_adds_per_row": PASSES * multiply_adds(model.store()),
        "reads_per_row": lookups.mean_reads() / BATCH as f64,
        "changes_per_row": lookups.mean_distinct() / BATCH as f64,
        "threads": rayon::current_num_threads(),
        "instruction_set": ple_train::instruction_set(),
    }))
}

/// The multiply-adds of all linear maps for one row, forward only: the sizes of their weights.
fn multiply_adds(store: &ParamStore) -> usize {
    let weights = store.blocks().iter().filter(|b| b.name.contains(".layer.") && b.name.ends_with(".weight"));
    weights.map(|block| store.matrix(block.matrix).nrows() * block.columns.len()).sum()
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
        assert_eq!(multiply_adds(model.store()), 376 * (5 * 16 + 2 * 3) + 2 * (16 * 8 + 8));
    }
}
