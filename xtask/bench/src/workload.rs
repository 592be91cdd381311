//! The rows and the models that everything is measured on. All of it follows from one seed.

use std::ops::Range;
use std::path::Path;

use ple_data::{
    ALI_CCP_SPARSE, DataError, GeneratorConfig, ParquetShards, RowSource, StreamConfig, Table,
    ali_ccp_schema, generate_rows, write_parquet,
};
use ple_nn::{Architecture, MlpConfig, ModelConfig, PleConfig};

use crate::options::{Size, Source, Vocabulary};
use crate::raw_files::prepared;

/// The seed of rows, first weights and order.
pub(crate) const SEED: u64 = 2020;

/// The dimension of every embedding.
pub(crate) const EMBEDDING_DIM: usize = 16;

/// By how much the small vocabularies are smaller.
const SMALLER: usize = 1_000;

/// Generated rows. Those of the small vocabulary are those of the full one with their ids mapped.
pub(crate) fn table(vocabulary: Vocabulary, rows: usize) -> Result<Table, String> {
    rows_of(vocabulary, 0..rows)
}

/// The same rows as Parquet shards in a folder. They are generated shard by shard, so that they never are in memory
/// together.
pub(crate) fn shards(vocabulary: Vocabulary, rows: usize, folder: &Path) -> Result<ParquetShards, String> {
    for (shard, start) in (0..rows).step_by(ROWS_PER_SHARD).enumerate() {
        let path = folder.join(format!("part-{shard:05}.parquet"));
        if path.is_file() {
            continue;
        }
        let table = rows_of(vocabulary, start..rows.min(start + ROWS_PER_SHARD))?;
        write_parquet(&table, path).map_err(|error| error.to_string())?;
    }
    let schema = ali_ccp_schema(&sizes(vocabulary), EMBEDDING_DIM);
    ParquetShards::open(&[folder], &schema, StreamConfig::default()).map_err(|error| error.to_string())
}

/// Rows with the lists of their users: generated as raw files and prepared in a folder.
pub(crate) fn joined(rows: usize, source: Source, folder: &Path) -> Result<RowSource, String> {
    let prepared = prepared(rows, folder)?;
    let rows = || {
        let lists = prepared.user_lists()?;
        let (files, schema) = (prepared.shards("train")?, &prepared.schema.schema);
        Ok(match source {
            Source::Memory => lists.read_tables(&files, schema)?.into(),
            Source::Shards => {
                ParquetShards::open_joined(&files, schema, &lists, StreamConfig::default())?.into()
            }
        })
    };
    rows().map_err(|error: DataError| error.to_string())
}

/// Rows of a shard: what a row group holds at most.
const ROWS_PER_SHARD: usize = 128 * 1024;

fn rows_of(vocabulary: Vocabulary, rows: Range<usize>) -> Result<Table, String> {
    let full = ple_data::Vocabulary::Full;
    let table = generate_rows(&GeneratorConfig { rows: 0, vocabulary: full, seed: SEED }, rows).table;
    match vocabulary {
        Vocabulary::Full => Ok(table),
        Vocabulary::Small => {
            let small = sizes(vocabulary);
            let mut columns = table.to_columns();
            for row in columns.sparse.chunks_exact_mut(ALI_CCP_SPARSE.len()) {
                for ((id, size), full) in row.iter_mut().zip(small).zip(full.sizes()) {
                    *id = smaller_id(*id, full, size);
                }
            }
            let schema = ali_ccp_schema(&small, EMBEDDING_DIM);
            Table::new(schema, columns).map_err(|error| error.to_string())
        }
    }
}

/// The number of ids of each sparse feature.
pub(crate) fn sizes(vocabulary: Vocabulary) -> [usize; 23] {
    let full = ple_data::Vocabulary::Full.sizes();
    match vocabulary {
        Vocabulary::Full => full,
        Vocabulary::Small => full.map(|size| (size / SMALLER).max(2)),
    }
}

/// The id that the draw behind `id` gives under another size: ids are `floor(size^u) - 1`, u uniform.
fn smaller_id(id: u32, full: usize, size: usize) -> u32 {
    let u = f64::from(id + 1).ln() / (full as f64).ln();
    let id = (size as f64).powf(u).floor() - 1.0;
    (id.max(0.0) as u32).min(size as u32 - 1)
}

/// The model: the tutorial's PLE, or one as large as the paper's.
pub(crate) fn model_config(size: Size) -> ModelConfig {
    match size {
        Size::Tutorial => ModelConfig::default(),
        Size::Paper => ModelConfig {
            architecture: Architecture::Ple(PleConfig {
                n_levels: 2,
                n_specific_experts: 2,
                n_shared_experts: 1,
                expert: MlpConfig::new([256, 128, 64]),
                towers: vec![MlpConfig::new([8])],
            }),
            ..ModelConfig::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{sizes, smaller_id, table};
    use crate::options::Vocabulary;

    #[test]
    fn the_full_vocabulary_has_ali_ccps_rows() {
        assert_eq!(sizes(Vocabulary::Full).iter().sum::<usize>(), 1_585_888);
    }

    #[test]
    fn small_ids_keep_their_order_and_fit() {
        let mapped: Vec<u32> = (0..467_298).step_by(7).map(|id| smaller_id(id, 467_298, 467)).collect();
        assert!(mapped.is_sorted());
        assert_eq!((mapped[0], mapped.last().copied()), (0, Some(465)));
    }

    #[test]
    fn small_rows_have_the_same_labels() {
        let (full, small) = (table(Vocabulary::Full, 300).unwrap(), table(Vocabulary::Small, 300).unwrap());
        assert_eq!(full.to_columns().labels, small.to_columns().labels);
        assert_ne!(full.to_columns().sparse, small.to_columns().sparse);
    }
}
