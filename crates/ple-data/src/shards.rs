//! Parquet shards that are larger than memory: what their footers say is kept, their rows are read window by window.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use crate::content_hash::ContentHash;
use crate::describe::parts::files_of;
use crate::error::DataError;
use crate::group_columns::{check_sources, of_one_type};
use crate::label_range::LabelRange;
use crate::order::Window;
use crate::parquet_limits::{corrupt, guarded};
use crate::parquet_source::{ParquetSource, sources};
use crate::read::FileFormat;
use crate::read_parquet::{append_row_groups, n_values};
use crate::recorded::{Unrecorded, verify_rows};
use crate::row_origin::RowOrigin;
use crate::schema::{FeatureSchema, TaskType};
use crate::source_size::list_ids_of_group;
use crate::table::Table;
use crate::table_contents::{TableContents, join_keys};
use crate::user_lists::UserLists;

/// How shards are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamConfig {
    /// The bytes of rows that are in memory at a time for each window; a window has at least one row group. The rows of
    /// a window are shuffled with each other, so it is part of what decides the order of the rows. Up to two windows a
    /// decoder, and one more, are in memory.
    pub window_bytes: u64,
    /// Threads that decode windows ahead of the training. The order of the rows does not depend on it.
    pub decoders: usize,
}

impl Default for StreamConfig {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { window_bytes: 48 << 20, decoders: (threads / 4).max(1) }
    }
}

/// The rows of a set of Parquet files, which are read again in each epoch and never all in memory.
///
/// Opening reads every byte of local files once, on all threads, for a hash by which a run knows its data again; of prepared
/// shards it is compared with the one that was recorded. Then footers and label columns are read: every file must have the
/// columns of the schema in types that fit, and counts of rows and positives are known before the first step. All other
/// values are checked when they are read.
///
/// # Examples
///
/// ```
/// use ple_data::{GeneratorConfig, ParquetShards, StreamConfig, Vocabulary, generate_rows, write_parquet};
///
/// let folder = tempfile::tempdir()?;
/// let config = GeneratorConfig { rows: 0, vocabulary: Vocabulary::Small, seed: 1 };
/// for shard in 0..3 {
///     let rows = generate_rows(&config, shard * 100..(shard + 1) * 100).table;
///     write_parquet(&rows, folder.path().join(format!("part-{shard}.parquet")))?;
/// }
/// let schema = generate_rows(&config, 0..1).table.schema().clone();
/// let shards = ParquetShards::open(&[folder.path()], &schema, StreamConfig::default())?;
/// assert_eq!((shards.files().len(), shards.rows()), (3, 300));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ParquetShards {
    schema: FeatureSchema,
    /// What is read: the schema without its keys, which nothing of a batch needs.
    read: Arc<FeatureSchema>,
    /// Columns that are read besides, by which rows are grouped.
    kept: Arc<[String]>,
    /// The lists of the rows' users, with the schema of rows to which they are joined.
    lists: Option<(UserLists, Arc<FeatureSchema>)>,
    shards: Vec<Shard>,
    groups: Vec<RowGroup>,
    /// The ids in the lists of all rows, those of users not counted.
    list_ids: u64,
    /// The bytes of the values of the largest row group.
    largest_group: u64,
    group_rows: Vec<u32>,
    groups_per_window: usize,
    rows: usize,
    tasks: Vec<TaskCounts>,
    labels: Vec<Option<LabelRange>>,
    config: StreamConfig,
    origin: RowOrigin,
}

/// How many rows belong to a task, and how many of those are positive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// Rows of a weight above 0.
    pub rows: usize,
    /// Those of them with a label above 0; none of a regression, whose labels are neither positive nor negative.
    pub positives: Option<usize>,
}

impl TaskCounts {
    /// Those of the rows of a table.
    pub(crate) fn of(table: &Table, task: usize) -> Self {
        let positives = match table.schema().labels[task].task {
            TaskType::Classification => Some(table.positives(task)),
            TaskType::Regression => None,
        };
        TaskCounts { rows: table.rows_in_task(task), positives }
    }

    /// Those of these rows and of others of the same task.
    fn add(&mut self, others: TaskCounts) {
        self.rows += others.rows;
        self.positives = match (self.positives, others.positives) {
            (Some(positives), Some(others)) => Some(positives + others),
            (None, positives) | (positives, None) => positives,
        };
    }
}

#[derive(Debug, Clone)]
struct Shard {
    source: ParquetSource,
    footer: u64,
    /// The hash of all bytes of a local file.
    contents: Option<ContentHash>,
}

/// A row group of a shard. Footers themselves grow with the data, and are read again when they are needed.
#[derive(Debug, Clone, Copy)]
struct RowGroup {
    shard: u32,
    group: u32,
}

impl ParquetShards {
    /// Opens shards: each path is a file, a folder (with all below it) or a pattern such as `day-*.parquet`. Their order
    /// is that of their names.
    ///
    /// With the feature `buckets` a path may be in a bucket: `s3://BUCKET/...`, `gs://BUCKET/...` or `az://CONTAINER/...`,
    /// again a file, a folder or a pattern. Footers and the columns that are needed are read by ranges; a request that fails,
    /// or whose answer breaks off, is made again. Where the bucket is, and credentials, come from the environment
    /// (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`, ...).
    ///
    /// # Errors
    ///
    /// Those of [`read_parquet`](crate::read_parquet) that a footer or a label column can show, and
    /// [`DataError::NotStreamed`] for a file of another format. [`DataError::Bucket`] where a bucket does not answer,
    /// or this crate was built without them.
    pub fn open(
        paths: &[impl AsRef<Path>],
        schema: &FeatureSchema,
        config: StreamConfig,
    ) -> Result<Self, DataError> {
        schema.validate()?;
        let read = FeatureSchema { keys: Vec::new(), ..schema.clone() };
        Self::open_read(paths, schema.clone(), read, config)
    }

    /// Opens shards and joins the lists of users to their rows. `schema` is that of the rows, and that of
    /// [`ParquetShards::schema`] has the lists.
    ///
    /// # Errors
    ///
    /// Those of [`ParquetShards::open`]; a `user` that does not exist is an id outside of its vocabulary.
    pub fn open_joined(
        paths: &[impl AsRef<Path>],
        schema: &FeatureSchema,
        lists: &UserLists,
        config: StreamConfig,
    ) -> Result<Self, DataError> {
        let rows = FeatureSchema { keys: Vec::new(), ..schema.clone() };
        let joined = lists.joined_schema(&rows)?;
        let shards = Self::open_read(paths, joined.clone(), lists.row_schema(&rows)?, config)?;
        Ok(Self { lists: Some((lists.clone(), Arc::new(joined))), ..shards })
    }

    fn open_read(
        paths: &[impl AsRef<Path>],
        schema: FeatureSchema,
        read: FeatureSchema,
        config: StreamConfig,
    ) -> Result<Self, DataError> {
        let read = Arc::new(read);
        let mut files = Vec::new();
        for path in paths {
            files.extend(files_of(path.as_ref())?);
        }
        let contents = verify_rows(files.iter().map(PathBuf::as_path), Unrecorded::Hashed)?;
        let files = sources(files)?;
        let opened: Vec<Opened> =
            files.par_iter().map(|source| Opened::read(source, &read)).collect::<Result<_, _>>()?;
        let mut origin = RowOrigin::default();
        opened.iter().try_for_each(|opened| origin.add(&opened.origin))?;
        let (mut shards, mut groups, mut group_rows) = (Vec::new(), Vec::new(), Vec::new());
        let (mut largest_group, mut tasks) = (1, vec![TaskCounts::default(); schema.n_tasks()]);
        let mut labels = vec![None; schema.n_tasks()];
        let list_ids = opened.iter().map(|opened| opened.list_ids).sum();
        for ((source, opened), contents) in files.into_iter().zip(opened).zip(contents) {
            for (group, &(rows, n_values)) in opened.groups.iter().enumerate() {
                groups.push(RowGroup { shard: shards.len() as u32, group: group as u32 });
                group_rows.push(rows);
                largest_group = largest_group.max(4 * n_values);
            }
            for (all, task) in tasks.iter_mut().zip(opened.tasks) {
                all.add(task);
            }
            for (all, task) in labels.iter_mut().zip(opened.labels) {
                *all = LabelRange::of_both(*all, task);
            }
            shards.push(Shard { source, footer: opened.footer, contents });
        }
        let groups_per_window = usize::try_from(config.window_bytes / largest_group).unwrap_or(usize::MAX);
        let rows = group_rows.iter().map(|&rows| rows as usize).sum();
        let groups_per_window = groups_per_window.clamp(1, groups.len().max(1));
        let lists = None;
        Ok(Self {
            schema,
            read,
            kept: Arc::default(),
            lists,
            shards,
            groups,
            list_ids,
            largest_group,
            group_rows,
            groups_per_window,
            rows,
            tasks,
            labels,
            config,
            origin,
        })
    }

    /// The same shards, of which these columns are read too; those that were kept before are not.
    ///
    /// # Errors
    ///
    /// A column that a file does not have, or has in a type by which rows cannot be grouped.
    pub(crate) fn keeping(&self, columns: &[&str]) -> Result<Self, DataError> {
        let sources: Vec<&ParquetSource> = self.shards.iter().map(|shard| &shard.source).collect();
        check_sources(&sources, columns)?;
        Ok(Self { kept: columns.iter().map(|&column| column.to_owned()).collect(), ..self.clone() })
    }

    /// The files, in order.
    pub fn files(&self) -> Vec<&Path> {
        self.shards.iter().map(|shard| shard.source.path()).collect()
    }

    /// The number of rows of all files.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What the columns mean. Keys are not read.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// Which transformation made the rows, as the files say.
    pub fn origin(&self) -> &RowOrigin {
        &self.origin
    }

    /// The rows and positives of each task.
    pub fn task_counts(&self) -> &[TaskCounts] {
        &self.tasks
    }

    /// The labels of each task, of a regression that has rows.
    pub fn label_ranges(&self) -> &[Option<LabelRange>] {
        &self.labels
    }

    /// The rows of each group, and the number of groups to a window.
    pub fn groups(&self) -> (&[u32], usize) {
        (&self.group_rows, self.groups_per_window)
    }

    /// The lists of the rows' users, if any are joined.
    pub(crate) fn lists(&self) -> Option<&UserLists> {
        self.lists.as_ref().map(|(lists, _)| lists)
    }

    /// How the shards are read.
    pub fn config(&self) -> StreamConfig {
        self.config
    }

    /// A 64-bit hash of the schema, of every byte of all local files, and of what decides the order of the rows. Of files in
    /// buckets, which are not read as a whole, sizes and footers count: a footer has the places, sizes and statistics of all
    /// columns, so other data has another one, and a byte that was changed in a page is not seen here.
    pub fn fingerprint(&self) -> u64 {
        self.hash_with(|shard| shard.contents)
    }

    /// The hash by which versions before knew the rows: by the sizes and footers of all files.
    pub(crate) fn fingerprint_of_footers(&self) -> u64 {
        self.hash_with(|_| None)
    }

    /// The hash with what stands for the contents of each file; else its footer does.
    fn hash_with(&self, contents: impl Fn(&Shard) -> Option<ContentHash>) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(self.schema.to_json().as_bytes());
        hash.update(&(self.groups_per_window as u64).to_le_bytes());
        for shard in &self.shards {
            match contents(shard) {
                Some(contents) => hash.update(&contents.to_bytes()),
                None => hash.update(&shard.footer.to_le_bytes()),
            }
        }
        if let Some((lists, _)) = &self.lists {
            hash.update(&lists.fingerprint().to_le_bytes());
        }
        hash.digest()
    }

    /// What windows take in memory: those that are ready or in use, with the lists of users that are in memory; what decoders
    /// hold besides; and the most rows of a window.
    pub(crate) fn window_bytes(&self) -> (u64, u64, u64) {
        let of_window = self.largest_group.saturating_mul(self.groups_per_window as u64);
        let decoders = self.config.decoders.max(1) as u64;
        let of_lists = self.lists.as_ref().map_or(0, |(lists, _)| lists.bytes());
        // Each decoder has one window ready while another one is in use.
        let windows = of_window.saturating_mul(decoders.saturating_add(1).min(self.n_windows()));
        let largest_rows = u64::from(self.group_rows.iter().copied().max().unwrap_or(0));
        let most_rows = largest_rows.saturating_mul(self.groups_per_window as u64).min(self.rows as u64);
        (windows.saturating_add(of_lists), self.largest_group.saturating_mul(decoders), most_rows)
    }

    fn n_windows(&self) -> u64 {
        self.groups.len().div_ceil(self.groups_per_window) as u64
    }

    /// The ids in the lists of all rows. Those in the lists of users are estimated: each user is taken to have the same number
    /// of rows.
    pub(crate) fn n_list_ids(&self) -> u64 {
        let of_users = self.lists.as_ref().map_or(0, |(lists, _)| lists.n_ids_of_rows(self.rows as u64));
        self.list_ids.saturating_add(of_users)
    }

    /// Reads the rows of a window into memory that is used again.
    pub(crate) fn read_window(&self, window: &Window, mut rows: TableContents) -> Result<Table, DataError> {
        rows.clear_for(&self.read, window.positions.len());
        let read = FeatureSchema { keys: self.kept.to_vec(), ..(*self.read).clone() };
        let mut kept = vec![Vec::new(); self.kept.len()];
        let groups = window.groups.iter().map(|&group| self.groups[group]).collect::<Vec<_>>();
        for of_shard in groups.chunk_by(|a, b| a.shard == b.shard) {
            let shard = &self.shards[of_shard[0].shard as usize];
            let groups = of_shard.iter().map(|group| group.group as usize);
            let path = shard.source.path();
            guarded(path, || {
                let (metadata, footer) = shard.source.open()?;
                if footer != shard.footer {
                    return Err(DataError::ChangedWhileRead { path: path.to_path_buf() });
                }
                append_row_groups(&shard.source, &read, &metadata, groups, &mut rows, &mut kept)?;
                // Files may have different types of integers or of text, and what is joined is of one.
                kept.iter_mut().flatten().try_for_each(|array| of_one_type(path, array))
            })?;
        }
        for pieces in &kept {
            rows.keys.push(join_keys(pieces).map_err(|error| corrupt(self.shards[0].source.path(), &error))?);
        }
        let table = match &self.lists {
            Some((lists, joined)) => lists.join(Arc::clone(joined), rows),
            None => Table::assembled(Arc::clone(&self.read), rows),
        };
        let schema = Arc::clone(table.schema_shared());
        Ok(table.keeping(schema, Arc::clone(&self.kept)))
    }

    /// Memory to read a window into.
    pub(crate) fn empty_window(&self) -> TableContents {
        TableContents::empty(&self.read)
    }
}

/// What is kept of a file's footer, and the counts of its labels.
struct Opened {
    footer: u64,
    origin: RowOrigin,
    /// Rows and values of each row group.
    groups: Vec<(u32, u64)>,
    list_ids: u64,
    tasks: Vec<TaskCounts>,
    labels: Vec<Option<LabelRange>>,
}

impl Opened {
    fn read(source: &ParquetSource, schema: &FeatureSchema) -> Result<Self, DataError> {
        let path = source.path();
        if FileFormat::of(path)? != FileFormat::Parquet {
            return Err(DataError::NotStreamed { path: path.to_path_buf() });
        }
        guarded(path, || {
            let (metadata, footer) = source.open()?;
            let origin = RowOrigin::of_footer(path, &metadata)?;
            let n_groups = metadata.metadata().num_row_groups();
            let mut groups = Vec::with_capacity(n_groups);
            let mut list_ids = 0;
            for group in 0..n_groups {
                list_ids += list_ids_of_group(source, schema, &metadata, group)?;
                // Checked against 32 bits, with all other claims, when the footer was read.
                let rows = metadata.metadata().row_group(group).num_rows() as u32;
                groups.push((rows, n_values(source, schema, &metadata, group)?));
            }
            let labels =
                FeatureSchema { features: Vec::new(), keys: Vec::new(), labels: schema.labels.clone() };
            let labels = Arc::new(labels);
            let mut tasks = vec![TaskCounts::default(); labels.n_tasks()];
            let mut ranges = vec![None; labels.n_tasks()];
            let mut of_group = TableContents::empty(&labels);
            for (group, &(rows, _)) in groups.iter().enumerate() {
                of_group.clear_for(&labels, rows as usize);
                append_row_groups(
                    source,
                    &labels,
                    &metadata,
                    std::iter::once(group),
                    &mut of_group,
                    &mut [],
                )?;
                let mut table = Table::assembled(Arc::clone(&labels), of_group);
                for (task, (counts, range)) in tasks.iter_mut().zip(&mut ranges).enumerate() {
                    counts.add(TaskCounts::of(&table, task));
                    *range = LabelRange::of_both(*range, LabelRange::of(&table, task));
                }
                of_group = table.take_contents();
            }
            Ok(Opened { footer, origin, groups, list_ids, tasks, labels: ranges })
        })
    }
}
