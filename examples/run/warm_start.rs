//! A run that starts from a trained model: its settings are those of that model, and its weights are carried over.

use std::path::Path;

use ple_data::prepare::PreparedTable;
use ple_nn::ModelConfig;
use ple_train::checkpoint::to_json;
use ple_train::{CarriedMoments, CarriedRows, RankingModel, RunSeed, TrainConfig, TrainError};

use crate::program::console;
use crate::program::failure::Failure;
use crate::run::options::RunOptions;
use crate::run::settings::differences;

/// The settings of the model that a run starts from, and those of the training. `named` is the model that `--model` names,
/// or the default.
///
/// # Errors
/// A name or a setting of a model that the saved one does not have: its weights fit no other.
pub(crate) fn settings(
    options: &RunOptions,
    from: &Path,
    named: &ModelConfig,
    training: TrainConfig,
) -> Result<(ModelConfig, TrainConfig), Failure> {
    let saved = RankingModel::saved_config(from)?;
    let refused = |what: String| Failure::Error {
        text: format!(
            "{what}\nexpected: the model in {}, which training goes on with\nnext: leave that out, or train a new model \
             without --from and --from-data",
            from.display()
        ),
        exit_code: 2,
    };
    let (is, asked) = (saved.architecture.model_name(), named.architecture.model_name());
    if options.model.is_some() && is != asked {
        return Err(refused(format!("--model says {asked}, and the model to start from is {is}")));
    }
    let (model, training) = options.apply(saved.clone(), training)?;
    let other = differences(&to_json(&saved), &to_json(&model), "there");
    match (other.is_empty(), &options.settings) {
        (false, Some(path)) => Err(refused(format!("{}: model.{}", path.display(), other.join(", model.")))),
        _ => Ok((model, training)),
    }
}

/// A trained model under the vocabularies of new data, and the moments of its optimiser where they were saved.
pub(crate) fn model(
    from: &Path,
    from_data: &Path,
    data: &Path,
    seed: RunSeed,
) -> Result<(RankingModel, Option<CarriedMoments>), TrainError> {
    let (model, _manifest) = RankingModel::load(from)?;
    let old = PreparedTable::open(from_data)?.transformation()?;
    if let Some(note) = model.check_transformation(from_data, old.hash())? {
        console::note(note);
    }
    let new = PreparedTable::open(data)?.transformation()?;
    let (data, from_data) = (data.display(), from_data.display());
    console::note(match new.lineage().includes(old.hash()) {
        true => format!("{data} keeps the numbers of {from_data}"),
        false => format!(
            "{data} was not prepared by --with or --extend of {from_data}: rows go with their keys, and values may be \
             scaled otherwise"
        ),
    });
    let (model, tables) = model.carried_over(&old, &new, seed)?;
    let moments = CarriedMoments::load(from)?;
    let moments = moments.map(|moments| moments.carried_over(&old, &new)).transpose()?;
    for CarriedRows { table, known, new, gone } in tables {
        console::note(format_args!("{table}: {known} rows carried over, {new} new, {gone} gone"));
    }
    console::note(match &moments {
        Some(_) => "the optimiser's moments: carried over by the same keys",
        None => "the optimiser's moments: begun anew (a checkpoint has them, a finished model has not)",
    });
    Ok((model, moments))
}
