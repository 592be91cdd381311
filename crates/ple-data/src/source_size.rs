//! What rows take in memory, known from their schema and from what files say of themselves before they are read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::batch::batch_bytes;
use crate::error::DataError;
use crate::parquet_limits::open_parquet;
use crate::parquet_source::ParquetSource;
use crate::read::FileFormat;
use crate::read_parquet::n_values;
use crate::records::RecordLayout;
use crate::row_source::RowSource;
use crate::schema::{FeatureKind, FeatureSchema};

/// The size of some rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceSize {
    /// The number of rows. For CSV files that have not been read it is an estimate from their size.
    pub rows: u64,
    /// The ids of all lists together.
    pub list_ids: u64,
    /// The bytes of what stays in memory: all rows, or the windows that are decoded and in use.
    pub resident: u64,
    /// The bytes that are needed besides while the rows are read or made.
    pub reading: u64,
    /// The rows that are shuffled at a time.
    pub shuffled: u64,
}

/// Bytes that a generated row needs besides its record: the true probabilities of two tasks.
const TRUTH_BYTES: u64 = 16;

impl SourceSize {
    /// Rows that are generated. The true probabilities are made block by block and then copied, one for each task.
    pub fn generated(schema: &FeatureSchema, rows: u64) -> Self {
        let resident = rows.saturating_mul(record_bytes(schema));
        let reading = rows.saturating_mul(2 * TRUTH_BYTES);
        Self { rows, list_ids: 0, resident, reading, shuffled: rows }
    }

    /// The rows of some files that are to be read into memory: those of Parquet by their footers, those of CSV by the length
    /// of their first lines.
    ///
    /// # Errors
    ///
    /// Those of opening a file.
    pub fn of_files(paths: &[impl AsRef<Path>], schema: &FeatureSchema) -> Result<Self, DataError> {
        let mut all = Self::default();
        let record = record_bytes(schema);
        let threads = rayon::current_num_threads() as u64;
        for path in paths {
            let file = match FileFormat::of(path.as_ref())? {
                FileFormat::Csv => of_csv(path.as_ref(), schema, record)?,
                FileFormat::Parquet => of_parquet(path.as_ref(), schema, record, threads)?,
            };
            all.rows = all.rows.saturating_add(file.rows);
            all.list_ids = all.list_ids.saturating_add(file.list_ids);
            all.resident = all.resident.saturating_add(file.resident);
            // A file after the first is read as a whole, and then appended.
            let whole = if paths.len() > 1 { file.resident } else { 0 };
            all.reading = all.reading.max(file.reading.saturating_add(whole));
        }
        all.shuffled = all.rows;
        Ok(all)
    }

    /// The bytes of a batch of `rows` rows that are like these.
    pub fn batch_bytes(&self, schema: &FeatureSchema, rows: u64) -> u64 {
        batch_bytes(schema, rows, self.list_ids_of(rows))
    }

    /// The ids in the lists of `rows` rows that are like these.
    pub fn list_ids_of(&self, rows: u64) -> u64 {
        let all = u128::from(self.list_ids) * u128::from(rows);
        u64::try_from(all.div_ceil(u128::from(self.rows.max(1)))).unwrap_or(u64::MAX)
    }
}

impl RowSource {
    /// What the rows take in memory.
    pub fn size(&self) -> SourceSize {
        match self {
            RowSource::Memory(table) => SourceSize {
                rows: table.rows() as u64,
                list_ids: table.n_list_ids(),
                resident: table.bytes(),
                reading: 0,
                shuffled: table.rows() as u64,
            },
            RowSource::Shards(shards) => {
                let (of_windows, reading, largest) = shards.window_bytes();
                SourceSize {
                    rows: shards.rows() as u64,
                    list_ids: shards.n_list_ids(),
                    resident: of_windows,
                    reading,
                    shuffled: largest,
                }
            }
        }
    }
}

/// The bytes of a row without its lists: its record, and where its lists end.
pub(crate) fn record_bytes(schema: &FeatureSchema) -> u64 {
    4 * RecordLayout::of(schema).width() as u64 + 8 * schema.n_sequences() as u64
}

/// The bytes of an id in the lists of a schema, its weight included where any list has weights.
pub(crate) fn list_id_bytes(schema: &FeatureSchema) -> u64 {
    let weighted = |kind: &FeatureKind| matches!(kind, FeatureKind::Sequence { weights: Some(_), .. });
    if schema.sequences().any(|feature| weighted(&feature.kind)) { 8 } else { 4 }
}

/// The bytes at the beginning of a file that tell how long its lines are.
const SAMPLE_BYTES: u64 = 1 << 18;

fn of_csv(path: &Path, schema: &FeatureSchema, record: u64) -> Result<SourceSize, DataError> {
    let refuse = |error| DataError::io(path, "read", error);
    let file = File::open(path).map_err(refuse)?;
    let metadata = file.metadata().map_err(refuse)?;
    let mut sample = Vec::new();
    // A pipe can be read once, and has no length.
    if metadata.is_file() {
        file.take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(refuse)?;
    }
    let lines = memchr::memchr_iter(b'\n', &sample).count().max(1) as u128;
    let rows = u128::from(metadata.len()) * lines / (sample.len().max(1) as u128);
    let rows = u64::try_from(rows).unwrap_or(u64::MAX);
    let block = crate::csv_lines::BLOCK_BYTES as u64;
    let rows_of_block = (rows.saturating_mul(block) / metadata.len().max(1)).min(rows);
    // Keys are texts first; they are about as long as the lines at most.
    let keys = if schema.keys.is_empty() { 0 } else { metadata.len() / 4 };
    Ok(SourceSize {
        rows,
        list_ids: 0,
        resident: rows.saturating_mul(record.saturating_add(8 * schema.keys.len() as u64)),
        // A block, what is left of the one before, and its rows.
        reading: (2 * block).saturating_add(rows_of_block.saturating_mul(record)).saturating_add(keys),
        shuffled: rows,
    })
}

fn of_parquet(
    path: &Path,
    schema: &FeatureSchema,
    record: u64,
    threads: u64,
) -> Result<SourceSize, DataError> {
    let metadata = open_parquet(path)?;
    let source = ParquetSource::Local(path.to_path_buf());
    let (mut rows, mut list_ids, mut largest) = (0_u64, 0_u64, 0_u64);
    for (number, group) in metadata.metadata().row_groups().iter().enumerate() {
        let of_group = group.num_rows().max(0) as u64;
        let ids = list_ids_of_group(&source, schema, &metadata, number)?;
        let bytes = of_group.saturating_mul(record).saturating_add(ids.saturating_mul(list_id_bytes(schema)));
        (rows, list_ids, largest) = (rows + of_group, list_ids + ids, largest.max(bytes));
    }
    let of_keys: i64 = (metadata.metadata().row_groups().iter())
        .flat_map(|group| group.columns())
        .filter(|column| schema.keys.iter().any(|key| column.column_path().parts().first() == Some(key)))
        .map(|column| column.uncompressed_size().max(0))
        .fold(0, i64::saturating_add);
    let lists = list_ids.saturating_mul(list_id_bytes(schema));
    Ok(SourceSize {
        rows,
        list_ids,
        resident: rows.saturating_mul(record).saturating_add(lists).saturating_add(of_keys as u64),
        // The row groups of a wave, one on each thread.
        reading: threads.min(metadata.metadata().num_row_groups() as u64).saturating_mul(largest),
        shuffled: rows,
    })
}

/// The ids in the lists of a row group, from what its footer says of the values in its columns.
pub(crate) fn list_ids_of_group(
    source: &ParquetSource,
    schema: &FeatureSchema,
    metadata: &parquet::arrow::arrow_reader::ArrowReaderMetadata,
    group: usize,
) -> Result<u64, DataError> {
    if schema.n_sequences() == 0 {
        return Ok(0);
    }
    let of_sequences = FeatureSchema {
        features: schema.sequences().cloned().collect(),
        labels: Vec::new(),
        keys: Vec::new(),
    };
    // Weights are counted as ids are; an empty list counts as one value.
    let per_id = list_id_bytes(schema) / 4;
    Ok(n_values(source, &of_sequences, metadata, group)? / per_id)
}
