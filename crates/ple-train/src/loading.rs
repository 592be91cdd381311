//! What a checkpoint has to be before a model is made of it: a valid schema and configuration, the tensors of that model
//! and no others, and values that a run could have saved. Every verb that loads comes through here.

use std::collections::BTreeMap;
use std::path::Path;

use ple_data::{DataError, FeatureSchema, MemoryCause, MemoryRoom};
use ple_nn::{CheckedModel, FeatureKind, ModelConfig};
use ple_tensor::{Entry, InstructionSet, ParamStore, Role};

use crate::balance::{is_of_balance, log_variance_name, may_learn};
use crate::bridge::{feature_specs, task_specs};
use crate::checkpoint::{FILE_NAME, Manifest, Stored, TensorRecord, read_tensors};
use crate::error::TrainError;
use crate::finite::check_loaded;
use crate::memory::check_model;
use crate::optimizer::slot_of;
use crate::ranking_model::RankingModel;
use crate::seed::RunSeed;
use crate::standardizing::without_standard;

/// As many parameters without a tensor are left to [`check_tensors`], which names the first: a model that has more of them is
/// not worth building.
const MOST_NAMED_LATER: u64 = 1_000;

impl RankingModel {
    /// Loads a model that was saved, after verifying every byte and every value; gives back what the manifest says of its
    /// run, too.
    ///
    /// # Errors
    /// A checkpoint that is missing, damaged, or another model's, or one with a schema, a configuration or a value that no
    /// run could have saved, or that needs more memory than the machine has.
    pub fn load(folder: &Path) -> Result<(Self, Manifest), TrainError> {
        Self::load_allowed(folder, None)
    }

    /// The same, with the memory that the model may take.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_within(folder: &Path, room: MemoryRoom) -> Result<(Self, Manifest), TrainError> {
        Self::load_allowed(folder, Some(room))
    }

    fn load_allowed(folder: &Path, allowed: Option<MemoryRoom>) -> Result<(Self, Manifest), TrainError> {
        InstructionSet::requested()?;
        let manifest = Manifest::load(folder)?;
        let (schema, checked) = saved_model(folder, &manifest)?;
        let what = format!("{}: the model", folder.display());
        let room = allowed.unwrap_or_else(MemoryRoom::of_machine);
        check_model(what, &schema, &checked, room, MemoryCause::Data).map_err(DataError::from)?;
        let mut loaded = Self::build(schema, checked, RunSeed(manifest.run.seed), allowed);
        check_tensors(folder, &loaded.store, &manifest)?;
        let stored = read_verified(folder, manifest)?;
        loaded.set_values(folder, &stored)?;
        loaded.transformation = stored.manifest.run.transformation;
        loaded.place = Some(folder.to_owned());
        Ok((loaded, stored.manifest))
    }

    /// The configuration of a model that was saved, from its manifest alone.
    ///
    /// # Errors
    /// A manifest that is missing, damaged, or has a schema or a configuration that no run could have saved.
    pub fn saved_config(folder: &Path) -> Result<ModelConfig, TrainError> {
        let (_schema, checked) = saved_model(folder, &Manifest::load(folder)?)?;
        Ok(checked.into_config())
    }
}

/// The schema and the checked configuration in a manifest, with the tables that they ask for in the file: building the
/// model takes no more memory than its file has values.
///
/// # Errors
/// [`TrainError::CheckpointConfig`], and [`TrainError::OtherModel`] for a table that is not there.
pub(crate) fn saved_model(
    folder: &Path,
    manifest: &Manifest,
) -> Result<(FeatureSchema, CheckedModel), TrainError> {
    let invalid = |what: &'static str, detail: String| TrainError::CheckpointConfig {
        path: folder.join(FILE_NAME),
        what,
        detail: detail.lines().next().unwrap_or_default().to_owned(),
    };
    let schema: FeatureSchema = serde_json::from_value(manifest.run.schema.clone())
        .map_err(|error| invalid("feature schema", error.to_string()))?;
    let what = "configuration of the model";
    let config = manifest.run.config.get("model").cloned().unwrap_or_default();
    let mut config: ModelConfig =
        serde_json::from_value(config).map_err(|error| invalid(what, error.to_string()))?;
    without_standard(&mut config, &task_specs(&schema), &manifest.tensors);
    let checked = config
        .check(feature_specs(&schema), task_specs(&schema))
        .map_err(|error| invalid(what, error.to_string()))?;
    let (asked, there) = (checked.size().n_named, manifest.tensors.len() as u64);
    if asked > there.saturating_add(MOST_NAMED_LATER) {
        let detail = format!("the model has {asked} parameters, and the checkpoint {there} tensors");
        return Err(invalid(what, detail));
    }
    check_tables(folder, &schema, &manifest.tensors)?;
    Ok((schema, checked))
}

/// The tensors of a checkpoint whose manifest has been read, with every byte and every value verified.
///
/// # Errors
/// Those of [`checkpoint::read`](crate::checkpoint::read), and [`TrainError::CheckpointValue`].
pub(crate) fn read_verified(folder: &Path, manifest: Manifest) -> Result<Stored, TrainError> {
    let stored = read_tensors(folder, manifest)?;
    stored.tensors.iter().try_for_each(|(name, tensor)| check_loaded(folder, name, tensor))?;
    Ok(stored)
}

/// Fails unless a checkpoint has the tensors of a store in their shapes, and besides them what may be saved with a model:
/// what a balancing strategy has learned, if the run had one that learns, and the slots of an optimiser, if the run can
/// go on.
///
/// # Errors
/// [`TrainError::OtherModel`] for the first tensor that is missing, of another shape, or not known.
pub(crate) fn check_tensors(
    folder: &Path,
    store: &ParamStore,
    manifest: &Manifest,
) -> Result<(), TrainError> {
    let other = |tensor: &str, found: String, expected: String| {
        Err(TrainError::OtherModel { path: folder.to_owned(), tensor: tensor.to_owned(), found, expected })
    };
    let of_shape = |shape: &[usize]| format!("shape {shape:?}");
    let saved: BTreeMap<&str, &[usize]> =
        manifest.tensors.iter().map(|record| (record.name.as_str(), record.shape.as_slice())).collect();
    for &entry in store.entries() {
        let (name, expected) = (store.entry_name(entry), shape_of(store, entry));
        match saved.get(name) {
            None => return other(name, "no such tensor".to_owned(), of_shape(&expected)),
            Some(found) if **found != expected => return other(name, of_shape(found), of_shape(&expected)),
            Some(_) => {}
        }
    }
    let extra = Extra::of(manifest);
    for (name, shape) in saved {
        let expected = match store.entry(name) {
            Some(_) => continue,
            None => extra.shape(store, name),
        };
        match expected {
            None => return other(name, "a tensor".to_owned(), "no such parameter".to_owned()),
            Some(expected) if shape != expected => return other(name, of_shape(shape), of_shape(&expected)),
            Some(_) => {}
        }
    }
    Ok(())
}

/// What a checkpoint may have besides the parameters of its model.
struct Extra {
    /// The names of what a balancing strategy has learned.
    balance: Vec<String>,
    has_moments: bool,
}

impl Extra {
    fn of(manifest: &Manifest) -> Self {
        let run = &manifest.run;
        let labels = run.schema["labels"].as_array().map_or(&[][..], Vec::as_slice);
        let mut names: Vec<String> = match may_learn(&run.config["training"]) {
            true => labels.iter().filter_map(|label| label["name"].as_str()).map(log_variance_name).collect(),
            false => Vec::new(),
        };
        names.sort_unstable();
        Self { balance: names, has_moments: run.state.is_some() }
    }

    /// The shape that a tensor of this name has to have, if there may be one.
    fn shape(&self, store: &ParamStore, name: &str) -> Option<Vec<usize>> {
        let of_balance = |name: &str| {
            let is_known = is_of_balance(name)
                && self.balance.binary_search_by(|known| known.as_str().cmp(name)).is_ok();
            is_known.then(|| vec![1, 1])
        };
        let Some((slot, parameter)) = slot_of(name) else { return of_balance(name) };
        if !self.has_moments {
            return None;
        }
        match store.entry(parameter) {
            Some(Entry::Block(block)) if store.role(store.blocks()[block].matrix) == Role::Buffer => None,
            Some(entry @ Entry::Block(_)) => Some(shape_of(store, entry)),
            Some(Entry::Table(table)) => {
                let table = store.table(table);
                Some(vec![table.rows, slot.width.values(table.dim)])
            }
            None => of_balance(parameter),
        }
    }
}

fn shape_of(store: &ParamStore, entry: Entry) -> Vec<usize> {
    match entry {
        Entry::Table(table) => vec![store.table(table).rows, store.table(table).dim],
        Entry::Block(block) => {
            let block = &store.blocks()[block];
            vec![store.matrix(block.matrix).nrows(), block.columns.len()]
        }
    }
}

/// Fails unless the tables that a schema asks for are there with its sizes.
fn check_tables(folder: &Path, schema: &FeatureSchema, tensors: &[TensorRecord]) -> Result<(), TrainError> {
    let saved: BTreeMap<&str, &[usize]> =
        tensors.iter().map(|record| (record.name.as_str(), record.shape.as_slice())).collect();
    for feature in feature_specs(schema) {
        let (tensor, expected) = match feature.kind {
            FeatureKind::Sparse { vocab_size, embedding_dim, shared_with: None }
            | FeatureKind::Sequence { vocab_size, embedding_dim, shared_with: None, .. } => {
                (format!("embedding.{}.weight", feature.name), [vocab_size, embedding_dim])
            }
            FeatureKind::Dense { bins: Some(bins) } => (
                format!("embedding.{}.bins.weight", feature.name),
                [bins.edges.len() + 1, bins.embedding_dim],
            ),
            _ => continue,
        };
        let found = saved.get(tensor.as_str()).copied();
        if found != Some(&expected[..]) {
            return Err(TrainError::OtherModel {
                path: folder.to_owned(),
                tensor,
                found: found.map_or_else(|| "no such tensor".to_owned(), |shape| format!("shape {shape:?}")),
                expected: format!("shape {expected:?}"),
            });
        }
    }
    Ok(())
}
