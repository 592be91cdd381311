//! Training as a user does it: one epoch through `fit`, without validation rows, so that only steps are timed.

use ple_data::RowSource;
use ple_train::{Every, OptimizerConfig, RankingModel, RunInput, RunSeed, TableUpdates, TrainConfig, fit};

use crate::losses::Losses;
use crate::options::{Features, Source, Tables, Train};
use crate::outcome::Outcome;
use crate::workload;

/// Training steps to a printed loss, where printing it changes nothing in the work.
const STEPS_PER_LOSS: u64 = 50;

/// Trains for one epoch.
pub(crate) fn measure(options: &Train) -> Result<Outcome, String> {
    // The shards go when the measurement is over.
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let train: RowSource = match (options.features, options.source) {
        (Features::Lists, source) => workload::joined(options.rows, source, folder.path())?,
        (_, Source::Memory) => workload::table(options.vocabulary, options.rows)?.into(),
        (_, Source::Shards) => workload::shards(options.vocabulary, options.rows, folder.path())?.into(),
    };
    let mut model = RankingModel::new(
        train.schema().clone(),
        workload::model_config(options.size),
        RunSeed(workload::SEED),
    )
    .map_err(|error| error.to_string())?;
    let config = config(options);
    let input = RunInput { train, validation: None, checkpoints: None };
    let mut losses = Losses::new();
    let report = fit(&mut model, &input, &config, &mut losses).map_err(|error| error.to_string())?;

    let steps_per_loss = match config.evaluate_every {
        Every::Epoch => report.steps,
        Every::Steps(steps) => steps,
    };
    // The last stretch may be shorter than the others.
    losses.means.truncate((report.steps / steps_per_loss) as usize);
    // The parameters of uncertainty weighting belong to the loss: the peers count the model's.
    let balance = model.schema().n_tasks();
    Ok(Outcome {
        rows: report.rows,
        seconds: (report.train_time + losses.after_steps).as_secs_f64(),
        parameters: model.store().n_parameters() - balance,
        losses: losses.means,
        steps_per_loss,
    })
}

fn config(options: &Train) -> TrainConfig {
    let (tables, evaluate_every) = match options.tables {
        Tables::Lazy => (TableUpdates::Lazy, Every::Steps(STEPS_PER_LOSS)),
        // An evaluation brings every row up to date, so there is one, at the end.
        Tables::Exact => (TableUpdates::Exact, Every::Epoch),
        Tables::Dense => (TableUpdates::Dense, Every::Epoch),
    };
    let optimizer = OptimizerConfig { tables, ..OptimizerConfig::default() };
    TrainConfig { epochs: 1, seed: workload::SEED, optimizer, evaluate_every, ..TrainConfig::default() }
}

#[cfg(test)]
mod tests {
    use super::measure;
    use crate::options::{Features, Size, Source, Tables, Train, Vocabulary};

    #[test]
    fn a_run_reports_equal_work() {
        let (vocabulary, size) = (Vocabulary::Small, Size::Tutorial);
        let features = Features::Tutorial;
        let run = |tables, source| {
            measure(&Train { vocabulary, size, tables, rows: 3_000, source, features }).unwrap()
        };
        let (lazy, exact) = (run(Tables::Lazy, Source::Memory), run(Tables::Exact, Source::Shards));
        assert_eq!((lazy.rows, exact.rows), (3_000, 3_000));
        assert_eq!(lazy.parameters, exact.parameters);
        assert_eq!((lazy.losses.len(), exact.losses.len(), exact.steps_per_loss), (0, 1, 3));
    }

    #[test]
    fn lists_of_users_are_trained_on_from_memory_and_from_shards() {
        let (vocabulary, size, tables) = (Vocabulary::Full, Size::Tutorial, Tables::Lazy);
        let run = |source| {
            measure(&Train { vocabulary, size, tables, rows: 2_000, source, features: Features::Lists })
                .unwrap()
        };
        let (memory, shards) = (run(Source::Memory), run(Source::Shards));
        assert_eq!((memory.parameters, memory.rows), (shards.parameters, shards.rows));
    }
}
