//! From a trained model to one whose vocabularies are others: what was learned of a key goes with the key.

use ple_data::prepare::{Encoder, FittedFeature, Transformation};
use ple_data::{Feature, FeatureKind, FeatureSchema};
use ple_nn::first_embedding;
use ple_tensor::{Entry, TableId};

use crate::error::TrainError;
use crate::ranking_model::RankingModel;
use crate::seed::RunSeed;

/// What became of the rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedRows {
    /// The table.
    pub table: String,
    /// Rows whose keys were known: they keep their weights. The row of everything unknown is one of them.
    pub known: usize,
    /// Rows whose keys are new.
    pub new: usize,
    /// Rows of the old table whose keys are gone.
    pub gone: usize,
}

impl RankingModel {
    /// The model for data of a new transformation, usually an extension of the one that this model was trained with.
    ///
    /// A row of an embedding table keeps its weights if its key was known, whatever its number is now. A new row starts from
    /// a stream of the seed, the table and the key, so that its values depend on neither the size of the table nor the other
    /// keys. All other weights and the running statistics of batch norm stay. The moments of the optimiser are no part of a model:
    /// [`CarriedMoments`](crate::CarriedMoments) carries those of a checkpoint over, likewise.
    ///
    /// # Errors
    /// [`TrainError::OtherTransformation`] where the old transformation is not the model's, [`TrainError::OtherState`] where
    /// it has another schema, or the new one has other features, tasks, dimensions or bins.
    ///
    /// # Examples
    ///
    /// ```
    /// use ple_data::prepare::{FeatureFile, Fitting, PrepareConfig, PreparedTable, TableInput, prepare_table};
    /// use ple_nn::ModelConfig;
    /// use ple_train::{RankingModel, RunSeed};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let text = "min_count = 1\n[[sparse]]\nname = \"user\"\n[[label]]\nname = \"click\"\n";
    /// let features = FeatureFile::parse("features.toml", text)?;
    /// let prepare = |day: &str, rows: &str, fitting: Fitting<'_>| {
    ///     let (file, out) = (folder.path().join(format!("{day}.csv")), folder.path().join(day));
    ///     std::fs::write(&file, format!("user,click\n{rows}")).expect("a file");
    ///     let input = TableInput::find(&[&file])?;
    ///     prepare_table(&input, fitting, &out, &PrepareConfig::default(), &|_| ())?;
    ///     PreparedTable::open(&out)?.transformation()
    /// };
    /// let monday = prepare("monday", "anna,1\nbob,0\n", Fitting::New(&features))?;
    /// let model = RankingModel::new(monday.schema().clone(), ModelConfig::default(), RunSeed(1))?;
    ///
    /// let tuesday = prepare("tuesday", "clara,1\nanna,0\n", Fitting::Extend(&monday))?;
    /// let (next, rows) = model.carried_over(&monday, &tuesday, RunSeed(1))?;
    /// assert_eq!((rows[0].known, rows[0].new, rows[0].gone), (3, 1, 0));
    /// assert_eq!(next.schema(), tuesday.schema());
    /// assert_eq!(next.transformation(), Some(tuesday.hash()));
    /// assert!(tuesday.lineage().includes(monday.hash()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn carried_over(
        &self,
        old: &Transformation,
        new: &Transformation,
        seed: RunSeed,
    ) -> Result<(Self, Vec<CarriedRows>), TrainError> {
        if self.transformation.is_some_and(|expected| expected != old.hash()) {
            return Err(self.other_transformation("the old transformation".to_owned(), old.hash()));
        }
        if *old.schema() != self.schema {
            return Err(other(
                "old transformation",
                "other features, labels or vocabularies",
                "those of the model",
            ));
        }
        check_alike(old.schema(), new.schema())?;
        let config = self.model.config().clone();
        let deviation = config.embedding_deviation;
        let mut next = Self::new(new.schema().clone(), config, seed)?;
        next.transformation = Some(new.hash());
        let mut carried = Vec::new();
        for entry in next.store.entries().to_vec() {
            let name = next.store.entry_name(entry).to_owned();
            match (entry, self.store.entry(&name)) {
                (Entry::Table(to), Some(Entry::Table(from))) => {
                    let rows = match KeyMap::of_table(&name, old, new) {
                        Some(keys) => {
                            let keys = KeyRows { keys, seed, deviation };
                            keys.carry(self, from, &mut next, to, &name)
                        }
                        // The table of bins, whose edges are the same.
                        None => copy_all(self, from, &mut next, to, &name),
                    };
                    carried.push(rows);
                }
                (Entry::Block(_), Some(Entry::Block(_))) => {
                    let values = self.store.get(&name).map(|values| values.to_owned());
                    if let (Some(values), Some(mut to)) = (values, next.store.get_mut(&name)) {
                        to.assign(&values);
                    }
                }
                _ => {
                    return Err(other(
                        "old model",
                        "no parameter of that name",
                        "the parameters of the new one",
                    ));
                }
            }
        }
        Ok((next, carried))
    }
}

/// Which rows of a table have the same key before and after.
pub(crate) struct KeyMap<'a> {
    old: &'a Encoder,
    new: &'a Encoder,
}

impl<'a> KeyMap<'a> {
    /// Of the table with a name; `None` if its rows are no keys.
    pub(crate) fn of_table(name: &str, old: &'a Transformation, new: &'a Transformation) -> Option<Self> {
        let is_owner = |feature: &&FittedFeature| name == format!("embedding.{}.weight", feature.name);
        let encoder = |transformation: &'a Transformation| {
            transformation.encoder_of(transformation.features().iter().find(is_owner)?)
        };
        Some(KeyMap { old: encoder(old)?, new: encoder(new)? })
    }

    /// The numbers of rows before and after.
    pub(crate) fn rows(&self) -> (usize, usize) {
        (self.old.vocab_size(), self.new.vocab_size())
    }

    /// The number that the key of a new number had.
    pub(crate) fn old_id(&self, id: u32) -> Option<u32> {
        match (self.old, self.new) {
            _ if id == 0 => Some(0),
            (Encoder::Vocabulary(old), Encoder::Vocabulary(new)) => {
                new.key(id).map(|key| old.id(&key)).filter(|&old| old > 0)
            }
            (Encoder::Hash(old), Encoder::Hash(new)) => (old == new).then_some(id),
            _ => None,
        }
    }

    /// The key of a new number; a bucket's is its number.
    fn key_text(&self, id: u32) -> String {
        match self.new {
            Encoder::Vocabulary(new) => new.key(id).map(|key| key.to_string()).unwrap_or_default(),
            Encoder::Hash(_) => id.to_string(),
        }
    }
}

/// The rows of one table, and what new ones start from.
struct KeyRows<'a> {
    keys: KeyMap<'a>,
    seed: RunSeed,
    deviation: f32,
}

impl KeyRows<'_> {
    fn carry(
        &self,
        model: &RankingModel,
        from: TableId,
        next: &mut RankingModel,
        to: TableId,
        name: &str,
    ) -> CarriedRows {
        let (n_old, n_new) = (model.store.table(from).rows, next.store.table(to).rows);
        let mut known = 0;
        for id in 0..n_new as u32 {
            let row = next.store.table_row_mut(to, id as usize);
            match self.keys.old_id(id) {
                Some(old) => {
                    row.copy_from_slice(model.store.table_row(from, old as usize));
                    known += 1;
                }
                None => {
                    let mut random = self.seed.row_generator(name, &self.keys.key_text(id));
                    first_embedding(&mut random, self.deviation, row);
                }
            }
        }
        CarriedRows { table: name.to_owned(), known, new: n_new - known, gone: n_old - known }
    }
}

fn copy_all(
    model: &RankingModel,
    from: TableId,
    next: &mut RankingModel,
    to: TableId,
    name: &str,
) -> CarriedRows {
    let rows = model.store.table(from).rows;
    for row in 0..rows {
        next.store.table_row_mut(to, row).copy_from_slice(model.store.table_row(from, row));
    }
    CarriedRows { table: name.to_owned(), known: rows, new: 0, gone: 0 }
}

/// Fails unless two schemas differ in the sizes of vocabularies alone.
fn check_alike(old: &FeatureSchema, new: &FeatureSchema) -> Result<(), TrainError> {
    let without_sizes = |schema: &FeatureSchema| {
        let mut features = schema.features.clone();
        for Feature { kind, .. } in &mut features {
            if let FeatureKind::Sparse { vocab_size, .. } | FeatureKind::Sequence { vocab_size, .. } = kind {
                *vocab_size = 1;
            }
        }
        features
    };
    let tasks = |schema: &FeatureSchema| -> Vec<_> {
        schema.labels.iter().map(|label| (label.name.clone(), label.task)).collect()
    };
    match without_sizes(old) == without_sizes(new) && tasks(old) == tasks(new) {
        true => Ok(()),
        false => Err(other(
            "new transformation",
            "other features, tasks, dimensions or bins",
            "those of the model, with vocabularies of any size",
        )),
    }
}

fn other(what: &'static str, found: &str, expected: &str) -> TrainError {
    TrainError::OtherState { what, found: found.to_owned(), expected: expected.to_owned() }
}
