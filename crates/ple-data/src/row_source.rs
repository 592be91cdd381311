//! Where the rows of a run come from: a table in memory, or shards that are read window by window. Whoever trains or
//! evaluates does not see the difference.

use std::sync::Arc;

use crate::error::DataError;
use crate::group_columns::{besides_features, check_groups};
use crate::label_range::LabelRange;
use crate::order::{BatchPlan, EpochOrder, LastBatch, Shuffle};
use crate::row_origin::RowOrigin;
use crate::schema::FeatureSchema;
use crate::shards::{ParquetShards, TaskCounts};
use crate::table::Table;
use crate::user_lists::UserLists;
use crate::windows::Windows;

/// Rows to train on or to evaluate.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use ple_data::{GeneratorConfig, RowSource, Vocabulary, generate};
///
/// let table = generate(&GeneratorConfig { rows: 100, vocabulary: Vocabulary::Small, seed: 1 }).table;
/// let source = RowSource::from(table);
/// assert_eq!(source.rows(), 100);
/// for window in source.windows() {
///     assert_eq!(window?.rows(), 100); // a table is one window
/// }
/// # Ok::<(), ple_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub enum RowSource {
    /// A table in memory: one window that covers everything.
    Memory(Arc<Table>),
    /// Parquet files, read window by window on other threads.
    Shards(Arc<ParquetShards>),
}

impl From<Table> for RowSource {
    fn from(table: Table) -> Self {
        RowSource::Memory(Arc::new(table))
    }
}

impl From<Arc<Table>> for RowSource {
    fn from(table: Arc<Table>) -> Self {
        RowSource::Memory(table)
    }
}

impl From<ParquetShards> for RowSource {
    fn from(shards: ParquetShards) -> Self {
        RowSource::Shards(Arc::new(shards))
    }
}

impl RowSource {
    /// What the columns mean.
    pub fn schema(&self) -> &FeatureSchema {
        match self {
            RowSource::Memory(table) => table.schema(),
            RowSource::Shards(shards) => shards.schema(),
        }
    }

    /// Which transformation made the rows, as their files say.
    pub fn origin(&self) -> &RowOrigin {
        match self {
            RowSource::Memory(table) => table.origin(),
            RowSource::Shards(shards) => shards.origin(),
        }
    }

    /// The same rows with what is needed to [group](crate::GroupNumbers) them by some columns: of a table all of them have to
    /// be there, of shards those that are no sparse features are read too, window by window.
    ///
    /// Windows have the same rows as without. Each row takes the bytes of these values besides.
    ///
    /// # Errors
    ///
    /// A column that is not there, with the nearest name, or is neither integers nor booleans nor text.
    ///
    /// # Examples
    ///
    /// ```
    /// use ple_data::{GeneratorConfig, RowSource, Vocabulary, generate};
    ///
    /// let table = generate(&GeneratorConfig { rows: 100, vocabulary: Vocabulary::Small, seed: 1 }).table;
    /// let source = RowSource::from(table);
    /// assert!(source.keeping(&["101"]).is_ok());
    /// let error = source.keeping(&["1o1"]).unwrap_err().to_string();
    /// assert!(error.starts_with("rows cannot be grouped by `1o1`, which is not there\nnearest: `101`\n"));
    /// ```
    pub fn keeping(&self, columns: &[&str]) -> Result<RowSource, DataError> {
        match self {
            RowSource::Memory(table) => {
                columns.iter().try_for_each(|column| check_groups(table, column)).map(|()| self.clone())
            }
            RowSource::Shards(shards) => match besides_features(shards.schema(), columns) {
                others if others.is_empty() => Ok(self.clone()),
                others => Ok(RowSource::from(shards.keeping(&others)?)),
            },
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            RowSource::Memory(table) => table.rows(),
            RowSource::Shards(shards) => shards.rows(),
        }
    }

    /// The rows and positives of one task.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn task_counts(&self, task: usize) -> TaskCounts {
        match self {
            RowSource::Memory(table) => TaskCounts::of(table, task),
            RowSource::Shards(shards) => shards.task_counts()[task],
        }
    }

    /// The labels of one task; nothing unless it is a regression that has rows.
    ///
    /// # Panics
    ///
    /// If there is no such task.
    pub fn label_range(&self, task: usize) -> Option<LabelRange> {
        match self {
            RowSource::Memory(table) => LabelRange::of(table, task),
            RowSource::Shards(shards) => shards.label_ranges()[task],
        }
    }

    /// A hash that tells other data, and another order of the same data, apart. See [`Table::fingerprint`] and
    /// [`ParquetShards::fingerprint`].
    pub fn fingerprint(&self) -> u64 {
        match self {
            RowSource::Memory(table) => table.fingerprint(),
            RowSource::Shards(shards) => shards.fingerprint(),
        }
    }

    /// Whether all lists of users that were read since the last call could be read, and were what the schema allows: to be
    /// asked after rows have been gathered from a table or a window, where lists are [joined](crate::UserLists).
    ///
    /// # Errors
    ///
    /// The first that could not, with the file's name.
    pub fn check_lists(&self) -> Result<(), DataError> {
        match self {
            RowSource::Memory(table) => table.lists(),
            RowSource::Shards(shards) => shards.lists(),
        }
        .map_or(Ok(()), UserLists::check)
    }

    /// The hash of the same data in a version before, where it was another one: shards were known by their footers.
    pub fn earlier_fingerprint(&self) -> Option<u64> {
        match self {
            RowSource::Memory(_) => None,
            RowSource::Shards(shards) => Some(shards.fingerprint_of_footers()),
        }
    }

    /// Which rows make up the batches of an epoch.
    pub fn order(&self, plan: BatchPlan, epoch: u64) -> EpochOrder {
        match self {
            RowSource::Memory(table) => EpochOrder::new(table.rows(), plan, epoch),
            RowSource::Shards(shards) => {
                let (group_rows, per_window) = shards.groups();
                EpochOrder::of_groups(group_rows, per_window, plan, epoch)
            }
        }
    }

    /// All rows in order, a window at a time, decoded ahead on other threads. After an error there is nothing more.
    pub fn windows(&self) -> Windows {
        let plan = BatchPlan { batch_size: 1, last_batch: LastBatch::Keep, shuffle: Shuffle::InOrder };
        let order = Arc::new(self.order(plan, 0));
        let all = (0..order.n_windows()).map(move |w| (Arc::clone(&order), w));
        Windows::new(self, all)
    }
}
