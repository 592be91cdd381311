//! From files with raw ids to a prepared folder: one pass fits, another one writes.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::collapse::{CollapseCheck, CollapsedColumn, largest_draw};
use super::config::{
    BadRowCounter, BadRows, PrepareConfig, PreparePhase, PrepareProgress, PrepareProgressFn, TrainOrder,
};
use super::decode::Decoder;
use super::draft::Draft;
use super::encode::{EncodedRows, RowEncoder, TaskTotals};
use super::encoder::Encoder;
use super::error::PrepareError;
use super::feature_file::FeatureFile;
use super::fitting::Unfitted;
use super::identity::hash_of_keys;
use super::input::{Part, PartRule, TableInput};
use super::labels::has_labels;
use super::prepared_table::{EncoderFacts, EncoderKind, KeyType, TABLE_FORMAT, TablePart, TableSchema};
use super::row_layout::RowLayout;
use super::shard_writer::ShardWriter;
use super::shuffle::{Memory, RowShuffle};
use super::summary::TableSummary;
use super::tallies::{ChunkTally, CountedKeys, Tallies};
use super::transformation::{NamedEncoder, Transformation};
use super::vocabulary_file::write_vocabulary;
use super::waves::Waves;
use crate::ali_ccp_raw::PREPARED_SCHEMA;
use crate::describe::parts::{PartWord, part_word};
use crate::error::DataError;
use crate::memory_room::MemoryRoom;
use crate::output_folder::OutputFolder;
use crate::recorded::{RecordedFiles, Unrecorded};
use crate::schema_file::sealed;

/// Where the numbers of ids and the scales of values come from.
#[derive(Debug, Clone, Copy)]
pub enum Fitting<'a> {
    /// They are fitted to the training rows, as a feature file asks.
    New(&'a FeatureFile),
    /// They are taken as they are: one pass, and the same raw row gives the same numbers. Where no file has the label of any
    /// task, rows are prepared without labels, to be scored: all of them are the part `test`, in the order of the files.
    Apply(&'a Transformation),
    /// Known ids keep their numbers, ids that occur often enough in the new training rows are appended. Scalers and bins
    /// stay as they are, since weights have been learned for them.
    Extend(&'a Transformation),
}

/// Prepares CSV or Parquet files with raw ids for training.
///
/// The folder `out` then holds `train`, `val` and `test` (those that have rows) with Parquet shards, `vocabulary` with a
/// file for each vocabulary, and `schema.json`, which [`PreparedTable`](super::PreparedTable) reads. Training rows are shuffled
/// as a whole, unless [`PrepareConfig::order`] says otherwise; the others keep the order of the files. Files are read twice,
/// in chunks that all threads take apart; memory holds the vocabularies (while they are counted: all distinct ids), the
/// chunks, and a shard for each part. Rows that wait to be shuffled are in files inside of the folder that is being made.
///
/// The result depends on the files, their order and the settings, and on nothing else.
///
/// # Errors
///
/// What is wrong with the feature file ([`PrepareError`]), with a file, or with a row, with its place and value;
/// [`DataError::File`] where reading or writing fails. Then `out` is as it was before.
///
/// # Examples
///
/// ```
/// use ple_data::prepare::{
///     FeatureFile, Fitting, PrepareConfig, PreparedTable, TableInput, TrainOrder, prepare_table,
/// };
/// use ple_data::read_table;
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("log.csv");
/// std::fs::write(&file, "user,tags,price,click\nanna,new|red,2.5,1\nbob,red,,0\nanna,,7.5,0\n")?;
/// let features = FeatureFile::parse("features.toml", r#"
///     min_count = 2
///     [[sparse]]
///     name = "user"
///     [[sequence]]
///     name = "tags"
///     separator = "|"
///     [[dense]]
///     name = "price"
///     scale = "min_max"
///     missing = "mean"
///     [[label]]
///     name = "click"
/// "#)?;
/// let input = TableInput::find(&[&file])?;
/// let out = folder.path().join("prepared");
/// let config = PrepareConfig { order: TrainOrder::AsInFiles, ..PrepareConfig::default() };
/// prepare_table(&input, Fitting::New(&features), &out, &config, &|_| ())?;
///
/// let prepared = PreparedTable::open(&out)?;
/// let table = read_table(&prepared.shards("train")?[0], &prepared.schema.schema)?;
/// assert_eq!(table.sparse(0).collect::<Vec<_>>(), [1, 0, 1], "anna is known, bob occurs once");
/// assert_eq!(table.dense(0).collect::<Vec<_>>(), [0.0, 0.5, 1.0]);
///
/// // Another day's rows, by the same numbers.
/// std::fs::write(&file, "user,tags,price,click\nclara,,2.5,1\nanna,red,12.5,0\n")?;
/// let transformation = prepared.transformation()?;
/// let next = folder.path().join("next");
/// prepare_table(&input, Fitting::Apply(&transformation), &next, &config, &|_| ())?;
/// let table = read_table(&PreparedTable::open(&next)?.shards("train")?[0], transformation.schema())?;
/// assert_eq!(table.sparse(0).collect::<Vec<_>>(), [0, 1]);
/// assert_eq!(table.dense(0).collect::<Vec<_>>(), [0.0, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn prepare_table(
    input: &TableInput,
    fitting: Fitting<'_>,
    out: impl AsRef<Path>,
    config: &PrepareConfig,
    progress: PrepareProgressFn<'_>,
) -> Result<TableSummary, DataError> {
    let unfitted = match fitting {
        Fitting::New(file) => Some(Unfitted::from(Draft::new(file)?)),
        Fitting::Extend(transformation) => Some(Unfitted::extension(transformation)),
        Fitting::Apply(_) => None,
    };
    let unlabelled = match fitting {
        Fitting::Apply(fitted) if !has_labels(input.paths(), fitted)? => Some(fitted.without_labels()),
        _ => None,
    };
    let of_input = match (&unlabelled, &unfitted, fitting) {
        (Some(unlabelled), ..) => unlabelled,
        (None, Some(unfitted), _) => &unfitted.transformation,
        (None, None, Fitting::Apply(transformation) | Fitting::Extend(transformation)) => transformation,
        (None, None, Fitting::New(_)) => unreachable!("a new fit starts from a draft"),
    };
    let layout = RowLayout::new(of_input);
    let files = match &unlabelled {
        Some(_) => input.paths().map(|path| (path, PartRule::Whole(Part::Test))).collect(),
        None => input.files(of_input.split.as_ref()),
    };
    let trains =
        |&(_, rule): &(&Path, PartRule)| matches!(rule, PartRule::Split | PartRule::Whole(Part::Train));
    if unfitted.is_some() && !files.iter().any(trains) {
        return Err(no_training_file(&files));
    }
    let bytes = input_bytes(&files)?;
    RecordedFiles::of(files.iter().map(|(path, _)| *path))?.verify(Unrecorded::Skipped)?;
    // What the output is called is refused before anything is read.
    RowEncoder::new(of_input, &layout, out.as_ref())?;
    let output = OutputFolder::begin(out.as_ref())?;
    let n_passes = if unfitted.is_some() { 2 } else { 1 };
    let is_shuffled = matches!(config.order, TrainOrder::Shuffled { .. }) && unlabelled.is_none();
    let progress = Progress::new(progress, bytes, n_passes + u64::from(is_shuffled));
    let waves = Waves {
        files: &files,
        layout: &layout,
        chunk_bytes: config.chunk_bytes,
        chunk_rows: config.chunk_rows,
    };

    let mut bad = BadRowCounter::new(config.bad_rows);
    let mut noted_draw = None;
    let transformation = match (unfitted, fitting) {
        (None, Fitting::Apply(transformation) | Fitting::Extend(transformation)) => transformation.clone(),
        (None, Fitting::New(_)) => unreachable!("a new fit starts from a draft"),
        (Some(unfitted), _) => {
            let tallies = fit(&unfitted, &waves, config.memory, &mut bad, &progress)?;
            if tallies.rows == 0 {
                return Err(PrepareError::NoRows.into());
            }
            if matches!(fitting, Fitting::New(_)) {
                noted_draw = Some(largest_draw(tallies.rows));
            }
            unfitted.fitted(tallies)?
        }
    };
    progress.enter(PreparePhase::Writing);
    // In the second pass bad rows have been judged before.
    let mut again = match n_passes {
        1 => BadRowCounter::new(config.bad_rows),
        _ => BadRowCounter::new(BadRows::Skip { limit: u64::MAX }),
    };
    let of_rows = unlabelled.as_ref().unwrap_or(&transformation);
    let (parts, collapsed) = write_rows(of_rows, noted_draw, &waves, &output, config, &mut again, &progress)?;
    if n_passes == 1 {
        bad = again;
    }
    let schema = TableSchema {
        format: TABLE_FORMAT.to_owned(),
        schema: transformation.schema.clone(),
        features: transformation.features.clone(),
        encoders: write_encoders(&output, &transformation.encoders)?,
        split: transformation.split.clone(),
        parts,
        transformation: Some(transformation.lineage.clone()),
    };
    output.write_hashed(PREPARED_SCHEMA, |file| file.write_all(sealed(&schema)?.as_bytes()))?;
    let summary = TableSummary::new(&schema, bad.skipped, collapsed, bytes);
    output.finish()?;
    Ok(summary)
}

/// The error for files that are all for validation or test; says by which word the first one is.
fn no_training_file(files: &[(&Path, PartRule)]) -> DataError {
    let Some(&(file, rule)) = files.first() else { return PrepareError::NoRows.into() };
    let (name, part) = match rule {
        PartRule::Whole(Part::Val) => ("val", "validation"),
        _ => ("test", "test"),
    };
    let because = match part_word(file).filter(|found| found.part == name) {
        Some(PartWord { word, of_folder: false, .. }) => format!(", since its name has the word `{word}`"),
        Some(PartWord { word, of_folder: true, .. }) => {
            format!(", since the name of its folder has the word `{word}`")
        }
        None => String::new(),
    };
    PrepareError::NoTrainingFile { path: file.to_path_buf(), part, because }.into()
}

/// The size of all files; one that is missing is told before anything else.
fn input_bytes(files: &[(&Path, PartRule)]) -> Result<u64, DataError> {
    let size = |(path, _): &(&Path, PartRule)| {
        Ok(std::fs::metadata(path).map_err(|error| DataError::io(path, "read", error))?.len())
    };
    files.iter().map(size).sum()
}

/// Looks at the training rows.
fn fit(
    unfitted: &Unfitted,
    waves: &Waves<'_>,
    room: MemoryRoom,
    bad: &mut BadRowCounter,
    progress: &Progress<'_>,
) -> Result<Tallies, DataError> {
    let Unfitted { transformation, dense, .. } = unfitted;
    let decoder = Decoder { transformation, layout: waves.layout };
    let mut tallies = Tallies::new(transformation, dense);
    waves.for_each(
        |chunk| {
            let mut rows = decoder.decode(chunk)?;
            let tally = ChunkTally::new(&rows, transformation, dense);
            Ok((std::mem::take(&mut rows.faults), rows.bytes, tally))
        },
        |(faults, bytes, tally)| {
            bad.take(faults)?;
            tallies.add(tally);
            tallies.check_memory(&transformation.encoders, CountedKeys::SoFar, room)?;
            progress.advance(bytes, 0);
            Ok(())
        },
    )?;
    tallies.check_memory(&transformation.encoders, CountedKeys::All, room)?;
    Ok(tallies)
}

/// Encodes all rows and writes them. Tells which columns have collapsed, if rows are to be looked at for it.
fn write_rows(
    transformation: &Transformation,
    noted_draw: Option<u64>,
    waves: &Waves<'_>,
    output: &OutputFolder,
    config: &PrepareConfig,
    bad: &mut BadRowCounter,
    progress: &Progress<'_>,
) -> Result<(Vec<TablePart>, Vec<CollapsedColumn>), DataError> {
    let decoder = Decoder { transformation, layout: waves.layout };
    let mut encoder = RowEncoder::new(transformation, waves.layout, output.path())?;
    encoder.noted_draw = noted_draw;
    let mut collapse = CollapseCheck::new(transformation.features.len());
    let hash = transformation.hash();
    let mut writers =
        Part::ALL.map(|part| ShardWriter::new(output, part, &encoder.columns, hash, config.shard_bytes));
    let mut totals = Part::ALL.map(|_| PartTotals::new(transformation.schema.n_tasks()));
    let mut training = match config.order {
        TrainOrder::AsInFiles => None,
        TrainOrder::Shuffled { seed } => {
            let stretch = (config.shard_bytes / STRETCHES_A_SHARD).max(SMALLEST_STRETCH);
            let memory = Memory { waiting: config.shard_bytes, stretch };
            Some(RowShuffle::new(output, seed, memory))
        }
    };
    let mut bytes_read = 0;
    waves.for_each(
        |chunk| {
            let mut rows = decoder.decode(chunk)?;
            let encoded = encoder.encode(&rows)?;
            Ok((std::mem::take(&mut rows.faults), rows.bytes, encoded))
        },
        |(faults, bytes, encoded)| {
            bad.take(faults)?;
            bytes_read += bytes;
            let mut n_written = 0;
            for (part, rows) in Part::ALL.into_iter().zip(encoded) {
                totals[part as usize].add(&rows);
                collapse.add(&rows.scaled);
                match (&mut training, part) {
                    (Some(training), Part::Train) => training.push(rows, progress.share(bytes_read))?,
                    _ => {
                        n_written += rows.rows as u64;
                        writers[part as usize].push(&rows.columns, rows.rows)?;
                    }
                }
            }
            progress.advance(bytes, n_written);
            Ok(())
        },
    )?;
    if let Some(training) = training {
        progress.enter(PreparePhase::Shuffling);
        let all = totals[Part::Train as usize].rows;
        training.finish(|columns, rows| {
            writers[Part::Train as usize].push(&columns, rows)?;
            progress.advance_by_rows(rows as u64, all);
            Ok(())
        })?;
    }
    let mut parts = Vec::new();
    for ((part, writer), totals) in Part::ALL.into_iter().zip(&mut writers).zip(&totals) {
        writer.finish()?;
        if totals.rows > 0 {
            parts.push(TablePart {
                name: part.name().to_owned(),
                rows: totals.rows,
                tasks: encoder.task_facts(&totals.tasks),
                shards: std::mem::take(&mut writer.shards),
            });
        }
    }
    match parts.is_empty() {
        true => Err(PrepareError::NoRows.into()),
        false => Ok((parts, collapse.collapsed(transformation))),
    }
}

/// Rows that are shuffled wait in files, and are sorted, in stretches of about this part of a shard.
const STRETCHES_A_SHARD: u64 = 4;
/// Smaller stretches would be more files than rows.
const SMALLEST_STRETCH: u64 = 16 << 10;

/// What the rows of a part add up to.
struct PartTotals {
    rows: u64,
    tasks: Vec<TaskTotals>,
}

impl PartTotals {
    fn new(n_tasks: usize) -> Self {
        PartTotals { rows: 0, tasks: vec![TaskTotals::default(); n_tasks] }
    }

    fn add(&mut self, rows: &EncodedRows) {
        self.rows += rows.rows as u64;
        self.tasks.iter_mut().zip(&rows.tasks).for_each(|(all, more)| all.add(more));
    }
}

/// The folder of the vocabularies.
const VOCABULARY: &str = "vocabulary";

fn write_encoders(output: &OutputFolder, encoders: &[NamedEncoder]) -> Result<Vec<EncoderFacts>, DataError> {
    output.subfolder(VOCABULARY)?;
    let write = |(number, named): (usize, &NamedEncoder)| {
        let kind = match &named.encoder {
            Encoder::Hash(hash) => EncoderKind::Hash(*hash),
            Encoder::Vocabulary(vocabulary) => {
                let place = format!("{VOCABULARY}/{number:03}-{}.parquet", plain(&named.name));
                EncoderKind::Vocabulary {
                    vocab_size: named.encoder.vocab_size(),
                    min_count: vocabulary.min_count(),
                    keys: match vocabulary.index.is_of_integers() {
                        true => KeyType::Integers,
                        false => KeyType::Texts,
                    },
                    file: write_vocabulary(output, &place, vocabulary)?,
                    hash: Some(hash_of_keys(vocabulary)),
                }
            }
        };
        Ok(EncoderFacts { name: named.name.clone(), kind })
    };
    encoders.iter().enumerate().map(write).collect()
}

/// A name as part of a file's name on any system.
fn plain(name: &str) -> String {
    let letter =
        |letter: char| if letter.is_ascii_alphanumeric() || "_-".contains(letter) { letter } else { '_' };
    name.chars().take(40).map(letter).collect()
}

/// How far a preparation is, added up over its threads.
struct Progress<'a> {
    observe: PrepareProgressFn<'a>,
    /// The size of all files.
    bytes: u64,
    now: Mutex<PrepareProgress>,
}

impl<'a> Progress<'a> {
    fn new(observe: PrepareProgressFn<'a>, bytes: u64, n_passes: u64) -> Self {
        let now = PrepareProgress { phase: PreparePhase::Fitting, done: 0, total: n_passes * bytes, rows: 0 };
        Progress { observe, bytes, now: Mutex::new(now) }
    }

    /// What share of the files some bytes are.
    fn share(&self, bytes: u64) -> f64 {
        bytes as f64 / self.bytes.max(1) as f64
    }

    /// Of a pass over `all` rows, so many have been done.
    fn advance_by_rows(&self, rows: u64, all: u64) {
        self.advance((u128::from(self.bytes) * u128::from(rows) / u128::from(all.max(1))) as u64, rows);
    }

    fn enter(&self, phase: PreparePhase) {
        self.change(|now| now.phase = phase);
    }

    fn advance(&self, bytes: u64, rows: u64) {
        self.change(|now| {
            now.done = (now.done + bytes).min(now.total);
            now.rows += rows;
        });
    }

    fn change(&self, change: impl FnOnce(&mut PrepareProgress)) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut now);
        (self.observe)(*now);
    }
}
