//! Generated data in the shape of Ali-CCP, whose true probabilities are known.
//!
//! The licence of the real data asks for a login, so the project cannot ship it; this takes its place in the examples,
//! and, because the truth is known, it also tells how far a model is from the best possible one.

use std::ops::Range;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use crate::ali_ccp::{ALI_CCP_DENSE, ALI_CCP_SPARSE, Vocabulary, ali_ccp_schema};
use crate::error::DataError;
use crate::memory::{MemoryCause, MemoryNeed, MemoryPart};
use crate::memory_room::MemoryRoom;
use crate::planted::{PlantedTruth, Truth};
use crate::records::RecordLayout;
use crate::schema::FeatureSchema;
use crate::source_size::SourceSize;
use crate::table::Table;
use crate::table_contents::TableContents;

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GeneratorConfig {
    /// The number of rows.
    pub rows: usize,
    /// The sizes of the vocabularies.
    pub vocabulary: Vocabulary,
    /// Row r is a function of (seed, r): more rows of one seed begin with the same rows.
    pub seed: u64,
}

/// Generated rows and the truth behind them.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The rows, under [`ali_ccp_schema`] with embeddings of 16.
    pub table: Table,
    /// For each task (`click`, `conversion`) the true probability of each row: P(click) and P(purchase).
    ///
    /// Their AUC against the labels is the best that any model can reach on these rows (up to chance).
    pub probabilities: Vec<Vec<f64>>,
}

/// Training, validation and test rows of one seed; no row is in two of them.
#[derive(Debug, Clone)]
pub struct GeneratedSplit {
    /// The first rows.
    pub train: Generated,
    /// The rows after those of training.
    pub val: Generated,
    /// The rows after those of validation.
    pub test: Generated,
}

/// Generates the rows from 0 on.
///
/// # Recipe
///
/// An id of a field with v ids is `floor(v^u) - 1`, u uniform on [0, 1), so small ids are frequent, as in ids by
/// rank. `D109_14`, `D110_14`, `D127_14` and `D150_14` are uniform on [0, 1); the other dense columns are 0 in four
/// rows of ten, else uniform; all have four decimals. About 4.5% of the rows have a click and 1.2% a purchase, always
/// after a click. How the probabilities follow from the features is written in `planted.rs`.
///
/// # Examples
///
/// ```
/// use ple_data::{GeneratorConfig, Vocabulary, generate};
///
/// let config = GeneratorConfig { rows: 1_000, vocabulary: Vocabulary::Small, seed: 2020 };
/// let generated = generate(&config);
/// assert_eq!(generated.table.rows(), 1_000);
/// assert!(generated.table.positives(1) <= generated.table.positives(0));
/// ```
pub fn generate(config: &GeneratorConfig) -> Generated {
    generate_rows(config, 0..config.rows)
}

impl GeneratorConfig {
    /// Checks that there is memory for rows of training, validation and test, and that each part can be counted.
    ///
    /// # Errors
    ///
    /// [`DataError::TooManyRows`] for more rows of a part than 32 bits count, and [`DataError::Memory`].
    pub fn check(&self, val_rows: usize, test_rows: usize, room: MemoryRoom) -> Result<(), DataError> {
        let schema = ali_ccp_schema(&self.vocabulary.sizes(), 16);
        let mut need = MemoryNeed::default();
        for (what, rows) in [("training", self.rows), ("validation", val_rows), ("test", test_rows)] {
            let size = SourceSize::generated(&schema, rows as u64);
            need.parts.push(MemoryPart {
                what: format!("{rows} {what} rows"),
                bytes: size.resident.saturating_add(size.reading),
                cause: MemoryCause::Setting,
                remedy: "ask for fewer rows",
            });
        }
        need.check("generating rows", room)?;
        match [self.rows, val_rows, test_rows].into_iter().find(|&rows| u32::try_from(rows).is_err()) {
            Some(found) => Err(DataError::TooManyRows { found }),
            None => Ok(()),
        }
    }
}

/// Generates some of the rows of a seed. `config.rows` does not matter.
///
/// # Panics
///
/// If there are more than 2^32 - 1 rows.
pub fn generate_rows(config: &GeneratorConfig, rows: Range<usize>) -> Generated {
    assert!(u32::try_from(rows.len()).is_ok(), "generate_rows: {} rows do not fit into 32 bits", rows.len());
    let sizes = config.vocabulary.sizes();
    let truth = PlantedTruth::calibrated(&sizes, &pilot_rows(&sizes));
    let key = stream_key(ROWS_STREAM, config.seed);
    let schema: Arc<FeatureSchema> = Arc::new(ali_ccp_schema(&sizes, 16));
    let mut contents = TableContents::empty(&schema);
    let layout = contents.records.layout();
    let mut blocks = Vec::new();
    contents.records.clear_for(layout, rows.len());
    let mut records = contents.records.grow(rows.len());
    for block in blocks_of(rows) {
        let (own, rest) = records.split_at_mut(block.len() * layout.width());
        records = rest;
        blocks.push((block.start, own));
    }
    let truths: Vec<Vec<Truth>> = blocks
        .into_par_iter()
        .map(|(first, records)| generate_block(&key, &sizes, &truth, first, records, layout))
        .collect();
    let of_task = |probability: fn(&Truth) -> f64| truths.iter().flatten().map(probability).collect();
    let probabilities = vec![of_task(|truth| truth.click), of_task(|truth| truth.purchase)];
    Generated { table: Table::assembled(schema, contents), probabilities }
}

/// Generates `config.rows` rows for training, and the rows after them for validation and test.
pub fn generate_split(config: &GeneratorConfig, val_rows: usize, test_rows: usize) -> GeneratedSplit {
    let val_end = config.rows + val_rows;
    GeneratedSplit {
        train: generate(config),
        val: generate_rows(config, config.rows..val_end),
        test: generate_rows(config, val_end..val_end + test_rows),
    }
}

/// Rows that share one stream of random numbers; each row has its own place in it.
const BLOCK_ROWS: usize = 4096;
/// The 64-bit draws of a row: one for each feature and one for each label.
const DRAWS: usize = ALI_CCP_SPARSE.len() + ALI_CCP_DENSE.len() + 2;
/// The rows on which the rates are calibrated.
const PILOT_ROWS: usize = 16_384;
/// The dense columns from this one on are 0 in some rows.
const FIRST_SPARSE_DENSE: usize = 4;
/// The share of zeros in them.
const ZERO_SHARE: f64 = 0.4;

const ROWS_STREAM: &[u8; 16] = b"ple-data.rows..1";
const PILOT_STREAM: &[u8; 16] = b"ple-data.pilot.1";

/// Cuts a range of rows at the multiples of the block size.
fn blocks_of(rows: Range<usize>) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut start = rows.start;
    while start < rows.end {
        let end = ((start / BLOCK_ROWS + 1) * BLOCK_ROWS).min(rows.end);
        blocks.push(start..end);
        start = end;
    }
    blocks
}

fn stream_key(stream: &[u8; 16], seed: u64) -> [u8; 32] {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[16..].copy_from_slice(stream);
    key
}

/// Writes the records of some rows of a block, from row `first` on, and gives the truth behind each.
fn generate_block(
    key: &[u8; 32],
    sizes: &[usize; 23],
    truth: &PlantedTruth,
    first: usize,
    records: &mut [u32],
    layout: RecordLayout,
) -> Vec<Truth> {
    let mut generator = generator_at(key, first);
    let (mut sparse, mut dense) = (Vec::new(), Vec::new());
    let row = |record: &mut [u32]| {
        sparse.clear();
        dense.clear();
        draw_features(&mut generator, sizes, &mut sparse, &mut dense);
        let truth = truth.of(&sparse, &dense);
        let is_click = uniform(&mut generator) < truth.click;
        let is_purchase = uniform(&mut generator) * truth.click < truth.purchase && is_click;
        record[layout.sparse()].copy_from_slice(&sparse);
        let labels = [is_click, is_purchase].map(|label| f32::from(u8::from(label)));
        for (word, number) in record[layout.sparse().end..].iter_mut().zip(dense.iter().chain(&labels)) {
            *word = number.to_bits();
        }
        truth
    };
    records.chunks_exact_mut(layout.width()).map(row).collect()
}

/// The generator, standing before the draws of a row.
fn generator_at(key: &[u8; 32], row: usize) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::from_seed(*key);
    generator.set_stream((row / BLOCK_ROWS) as u64);
    // Positions count 32-bit words.
    generator.set_word_pos((row % BLOCK_ROWS * DRAWS * 2) as u128);
    generator
}

/// Appends the ids and dense values of one row.
pub(crate) fn draw_features(
    generator: &mut ChaCha8Rng,
    sizes: &[usize; 23],
    sparse: &mut Vec<u32>,
    dense: &mut Vec<f32>,
) {
    for &size in sizes {
        let id = (size as f64).powf(uniform(generator)).floor() - 1.0;
        sparse.push((id.max(0.0) as u32).min(size as u32 - 1));
    }
    for column in 0..ALI_CCP_DENSE.len() {
        let draw = uniform(generator);
        let value = match column {
            0..FIRST_SPARSE_DENSE => draw,
            _ => ((draw - ZERO_SHARE) / (1.0 - ZERO_SHARE)).max(0.0),
        };
        dense.push(((value * 10_000.0).floor() / 10_000.0) as f32);
    }
}

/// A number in [0, 1) with 53 random bits.
pub(crate) fn uniform(generator: &mut ChaCha8Rng) -> f64 {
    (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Rows for the calibration, the same for every seed, so that all seeds share one truth.
pub(crate) fn pilot_rows(sizes: &[usize; 23]) -> Vec<(Vec<u32>, Vec<f32>)> {
    let mut generator = ChaCha8Rng::from_seed(stream_key(PILOT_STREAM, 0));
    (0..PILOT_ROWS)
        .map(|_| {
            let (mut sparse, mut dense) = (Vec::new(), Vec::new());
            draw_features(&mut generator, sizes, &mut sparse, &mut dense);
            (sparse, dense)
        })
        .collect()
}
