//! Lists that rows have through their user: stored once for each user, and joined to the rows when a batch is made.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::ali_ccp_raw::{CommonFeatures, ListsOfUser, RawError};
use crate::batch::{Batch, SequenceBatch};
use crate::error::DataError;
use crate::group_columns::besides_features;
use crate::read::read_kept;
use crate::records::Records;
use crate::schema::{Feature, FeatureKind, FeatureSchema, Pooling};
use crate::table::Table;
use crate::table_contents::{SequenceColumn, TableContents};

/// The column of the rows that says to which user a row belongs.
const USER: &str = "user";

/// Sequence features whose lists belong to the user of a row.
///
/// A list that all rows of a user share is stored once, in files; a row has the number of its user, and
/// [`Table::gather`] copies the lists of the rows that it is asked for. Where the user has no list in a field, a row's own
/// one counts, if there is a column of them. A row without either has an empty list.
///
/// Small files are read once. Large ones are read when a batch is made, and what is read is checked: a file that was cut short or changed since it was
/// opened gives empty lists and is kept as an error, which [`Batches`](crate::Batches) and
/// [`RowSource::check_lists`](crate::RowSource::check_lists) give back.
///
/// It comes from [`Prepared::user_lists`](crate::ali_ccp_raw::Prepared::user_lists), and is cheap to clone: the files are
/// opened once.
///
/// # Examples
///
/// ```
/// use ple_data::ali_ccp_raw::{Prepared, RawConfig, RawGeneratorConfig, generate_ali_ccp, prepare_ali_ccp};
/// use ple_data::{Batch, Vocabulary};
///
/// let folder = tempfile::tempdir()?;
/// let vocabulary = Vocabulary::Small;
/// let raw = RawGeneratorConfig { rows: 900, test_rows: 100, users: 30, features_per_user: 40, vocabulary, seed: 1 };
/// generate_ali_ccp(&raw, folder.path())?;
/// let out = folder.path().join("prepared");
/// prepare_ali_ccp(folder.path(), &out, &RawConfig::default(), &|_| ())?;
///
/// let prepared = Prepared::open(&out)?;
/// let lists = prepared.user_lists()?;
/// let table = lists.read_tables(&prepared.shards("val")?, &prepared.schema.schema)?;
/// let names: Vec<&str> = table.schema().sequences().map(|feature| feature.name.as_str()).collect();
/// assert_eq!(names, ["210", "109_14", "110_14", "127_14", "150_14"]);
///
/// let mut batch = Batch::new();
/// table.gather(&[0, 1], &mut batch);
/// assert!(batch.sequence(1).ids.len() > 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct UserLists {
    lists: Arc<CommonFeatures>,
    joined: Arc<[JoinedList]>,
    fingerprint: u64,
    /// The file of the ids, which errors name.
    path: Arc<Path>,
    /// The first error of reading lists for a batch.
    failed: Arc<Mutex<Option<DataError>>>,
}

/// A field whose lists belong to users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinedList {
    /// The name of the feature.
    pub(crate) name: String,
    /// Its ids are below this one.
    pub(crate) vocab_size: usize,
    /// Its place among the lists of a user.
    pub(crate) list: usize,
    /// The column of the rows' own lists, if there is one.
    pub(crate) own: Option<String>,
}

impl JoinedList {
    fn sequence(&self, name: &str, embedding_dim: usize) -> Feature {
        let kind = FeatureKind::Sequence {
            vocab_size: self.vocab_size,
            embedding_dim,
            pooling: Pooling::Mean,
            padding_id: None,
            weights: Some(weights_column(name)),
            shared_with: None,
        };
        Feature { name: name.to_owned(), kind }
    }
}

/// The column of the weights of a list's column.
pub(crate) fn weights_column(column: &str) -> String {
    format!("{column}_weights")
}

impl UserLists {
    /// Takes lists after a look at every id and every weight; `path` is what errors name.
    pub(crate) fn checked(
        lists: CommonFeatures,
        joined: Vec<JoinedList>,
        fingerprint: u64,
        path: &Path,
    ) -> Result<Self, DataError> {
        let lists = UserLists {
            lists: Arc::new(lists),
            joined: joined.into(),
            fingerprint,
            path: path.into(),
            failed: Arc::default(),
        };
        let check = |of_user: &mut ListsOfUser, user| lists.read_and_check(user, of_user).err();
        match (0..lists.users())
            .into_par_iter()
            .map_init(ListsOfUser::default, check)
            .find_map_first(|error| error)
        {
            Some(error) => Err(error),
            None => Ok(lists),
        }
    }

    /// Reads the lists of a user; what comes from a file is looked at again, since the file may have changed.
    fn read(&self, user: usize, of_user: &mut ListsOfUser) -> Result<(), DataError> {
        match self.lists.are_in_memory() {
            true => self.lists.read(user, of_user),
            false => self.read_and_check(user, of_user),
        }
    }

    /// Reads the lists of a user, and looks at their ids and weights.
    fn read_and_check(&self, user: usize, of_user: &mut ListsOfUser) -> Result<(), DataError> {
        self.lists.read(user, of_user)?;
        for JoinedList { name, vocab_size, list, .. } in self.joined.iter() {
            let (ids, weights) = of_user.list(*list);
            // Sums without an early end, in the widest vectors; what is wrong is looked for where there is something.
            let largest = ids.iter().fold(0, |largest, &id| id.max(largest));
            let valid = |weight: &f32| weight.is_finite() & (*weight >= 0.0);
            let all_valid = weights.iter().fold(true, |all, weight| all & valid(weight));
            if (largest as usize) < *vocab_size && all_valid {
                continue;
            }
            let id = ids.iter().find(|&&id| id as usize >= *vocab_size);
            let weight = weights.iter().find(|weight| !valid(weight));
            let found = match (id, weight) {
                (Some(id), _) => format!("the id {id}, where {vocab_size} are known"),
                (None, Some(weight)) => format!("the weight {weight}"),
                (None, None) => continue,
            };
            let detail = format!("user {user} has in the list `{name}` {found}");
            return Err(RawError::Damaged { path: self.path.to_path_buf(), detail }.into());
        }
        Ok(())
    }

    /// The first error of reading lists for batches since the last call.
    ///
    /// # Errors
    ///
    /// [`RawError::Damaged`] for a file that was cut short, or with an id or a weight that cannot be; [`DataError::File`].
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let error = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or(Ok(()), Err)
    }

    /// The number of users.
    pub fn users(&self) -> usize {
        self.lists.users()
    }

    /// The schema of joined rows: what the rows have, and after it one sequence feature for each field whose lists belong
    /// to users, weighted, pooled by the mean, with embeddings as wide as those of the first feature.
    ///
    /// # Errors
    ///
    /// Those of [`FeatureSchema::validate`], for rows that have a feature of such a name already.
    pub fn joined_schema(&self, rows: &FeatureSchema) -> Result<FeatureSchema, DataError> {
        self.with_features(rows, self.joined.iter().map(|list| (list, list.name.as_str())), None)
    }

    /// Reads several files into one table, in the order given, and joins the lists to it. `schema` is that of the rows.
    ///
    /// # Errors
    ///
    /// Those of [`read_tables`](crate::read_tables): a `user` that does not exist is an id outside of its vocabulary.
    ///
    /// # Panics
    ///
    /// If no file is given.
    pub fn read_tables(
        &self,
        paths: &[impl AsRef<Path>],
        schema: &FeatureSchema,
    ) -> Result<Table, DataError> {
        self.read_tables_keeping(paths, schema, &[""; 0])
    }

    /// The same with columns by which rows are to be grouped, as [`read_tables_keeping`](crate::read_tables_keeping) has them.
    ///
    /// # Errors
    ///
    /// Those of [`UserLists::read_tables`], and [`DataError::WrongType`] for a column by which rows cannot be grouped.
    ///
    /// # Panics
    ///
    /// If no file is given.
    pub fn read_tables_keeping(
        &self,
        paths: &[impl AsRef<Path>],
        schema: &FeatureSchema,
        columns: &[impl AsRef<str>],
    ) -> Result<Table, DataError> {
        let joined = Arc::new(self.joined_schema(schema)?);
        // The number of the user is read as a feature and is none of the joined rows, which can be grouped by it.
        let mut columns = besides_features(schema, &columns.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        columns.retain(|column| !schema.keys.iter().any(|key| key == column));
        let mut rows = read_kept(paths, &self.row_schema(schema)?, &columns)?;
        let (origin, kept) = (rows.origin().clone(), Arc::clone(rows.kept()));
        Ok(self.join(Arc::clone(&joined), rows.take_contents()).with_origin(origin).keeping(joined, kept))
    }

    /// The schema under which the files of the rows are read: the number of the user is a sparse feature after the others,
    /// and the rows' own lists are sequences after the others.
    pub(crate) fn row_schema(&self, rows: &FeatureSchema) -> Result<FeatureSchema, DataError> {
        let own = self.joined.iter().filter_map(|list| Some((list, list.own.as_deref()?)));
        self.with_features(rows, own, Some(Feature::sparse(USER, self.users().max(1), 1)))
    }

    fn with_features<'a>(
        &self,
        rows: &FeatureSchema,
        lists: impl Iterator<Item = (&'a JoinedList, &'a str)>,
        user: Option<Feature>,
    ) -> Result<FeatureSchema, DataError> {
        let dim = rows.features.iter().find_map(|feature| match feature.kind {
            FeatureKind::Sparse { embedding_dim, .. } | FeatureKind::Sequence { embedding_dim, .. } => {
                Some(embedding_dim)
            }
            FeatureKind::Dense { .. } => None,
        });
        let mut schema = rows.clone();
        schema.features.extend(user);
        schema.features.extend(lists.map(|(list, name)| list.sequence(name, dim.unwrap_or(DEFAULT_DIM))));
        schema.validate()?;
        Ok(schema)
    }

    /// Makes a table of rows that were read under [`UserLists::row_schema`].
    pub(crate) fn join(&self, schema: Arc<FeatureSchema>, mut rows: TableContents) -> Table {
        rows.records.take_last_id_as_user();
        Table::joined(schema, rows, self.clone())
    }

    /// The number of features that are joined: the last sequences of the schema.
    pub(crate) fn n_joined(&self) -> usize {
        self.joined.len()
    }

    /// The bytes of the lists in memory; those of large files stay in the files.
    pub(crate) fn bytes(&self) -> u64 {
        self.lists.bytes()
    }

    /// An estimate of the ids in the lists of `rows` rows: each user is taken to have the same number of rows.
    pub(crate) fn n_ids_of_rows(&self, rows: u64) -> u64 {
        let all = u128::from(self.lists.n_ids()) * u128::from(rows) / (self.users().max(1) as u128);
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// A number that stands for the contents of the lists.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Appends the lists of some rows to a batch. `records` are those of all rows of the table, which have the numbers of
    /// users, and `own` its columns of the rows' own lists.
    pub(crate) fn gather(
        &self,
        records: &Records,
        own: &[SequenceColumn],
        indices: &[u32],
        targets: &mut [SequenceBatch],
    ) {
        let user = records.layout().user().start;
        let mut own = own.iter();
        let own: Vec<Option<&SequenceColumn>> =
            self.joined.iter().map(|joined| joined.own.as_ref().and_then(|_| own.next())).collect();
        let mut of_user = ListsOfUser::default();
        for &index in indices {
            let user = records.record(index as usize)[user] as usize;
            if let Err(error) = self.read(user, &mut of_user) {
                self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                of_user.empty();
            }
            for ((joined, own), target) in self.joined.iter().zip(&own).zip(&mut *targets) {
                let (mut ids, mut weights) = of_user.list(joined.list);
                if let (true, Some(own)) = (ids.is_empty(), own) {
                    let span = own.span(index as usize);
                    ids = &own.ids[span.clone()];
                    weights = own.weights.as_ref().map_or(&[], |weights| &weights[span]);
                }
                target.push(ids, Some(weights));
            }
        }
    }
}

/// The width of embeddings where no feature of the rows has any.
const DEFAULT_DIM: usize = 16;

impl Table {
    /// The same rows with the lists of their users copied to each of them, if such lists are [joined](UserLists): what a
    /// file holds. A user's lists are then as often in memory as the user has rows.
    ///
    /// # Errors
    ///
    /// Those of reading lists.
    pub fn with_lists_copied(self) -> Result<Self, DataError> {
        let Some(lists) = self.lists().cloned() else { return Ok(self) };
        let all: Vec<u32> = (0..self.rows() as u32).collect();
        let mut sequences: Vec<SequenceColumn> = Vec::new();
        let mut batch = Batch::new();
        for chosen in all.chunks(COPIED_AT_A_TIME) {
            self.gather(chosen, &mut batch);
            let lists = (0..self.schema().n_sequences()).map(|feature| batch.sequence(feature));
            let more = lists.map(|list| SequenceColumn {
                offsets: list.offsets.iter().map(|&offset| offset as usize).collect(),
                ids: list.ids.clone(),
                weights: list.weights.clone(),
            });
            match sequences.is_empty() {
                true => sequences = more.collect(),
                false => sequences.iter_mut().zip(more).for_each(|(all, more)| all.append(&more)),
            }
        }
        lists.check()?;
        let TableContents { records, keys, .. } = self.contents();
        let contents = TableContents { records: records.without_user(), sequences, keys: keys.clone() };
        let schema = Arc::new(self.schema().clone());
        let table = Table::assembled(Arc::clone(&schema), contents).with_origin(self.origin().clone());
        Ok(table.keeping(schema, Arc::clone(self.kept())))
    }
}

/// Rows whose lists are copied at a time: those of a batch have offsets of 32 bits.
const COPIED_AT_A_TIME: usize = 4096;
