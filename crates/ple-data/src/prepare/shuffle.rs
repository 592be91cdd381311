//! Training rows between encoding and writing: the whole part in a random order, with few of its rows in memory.
//!
//! A row's place in the order is a hash of the seed and of its place in the input. Rows that fit into memory are sorted
//! there. More of them go to files, one for each stretch of the order, which are read, sorted and written one after the
//! other. Which stretches there are changes nothing: the order is that of all rows.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use arrow_select::concat::concat;
use arrow_select::take::take;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::encode::EncodedRows;
use crate::error::DataError;
use crate::in_order::in_order;
use crate::output_folder::OutputFolder;

/// The rows that have come so far.
pub(crate) struct RowShuffle<'a> {
    output: &'a OutputFolder,
    stream: u64,
    memory: Memory,
    /// Batches of rows whose first column has their places in the order.
    waiting: Vec<RecordBatch>,
    waiting_bytes: u64,
    spill: Option<Spill>,
}

/// How many bytes of rows are held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// While they come; more go to files.
    pub(crate) waiting: u64,
    /// In a stretch that is sorted, about.
    pub(crate) stretch: u64,
}

impl<'a> RowShuffle<'a> {
    pub(crate) fn new(output: &'a OutputFolder, seed: u64, memory: Memory) -> Self {
        // Another stream than that of the split, which hashes the same numbers.
        let stream = xxh3_64_with_seed(b"order of training rows", seed);
        RowShuffle { output, stream, memory, waiting: Vec::new(), waiting_bytes: 0, spill: None }
    }

    /// Adds rows. `share` is how much of the input has been read with them, from which the number of files is guessed.
    pub(crate) fn push(&mut self, rows: EncodedRows, share: f64) -> Result<(), DataError> {
        if rows.rows == 0 {
            return Ok(());
        }
        let place = |draw: &u64| xxh3_64_with_seed(&draw.to_le_bytes(), self.stream);
        let order: ArrayRef = Arc::new(UInt64Array::from_iter_values(rows.draws.iter().map(place)));
        let batch = batch([order].into_iter().chain(rows.columns).collect(), rows.rows);
        let batch = batch.map_err(|error| failed(self.output.path(), "write", error))?;
        self.waiting_bytes += bytes_of(&batch);
        self.waiting.push(batch);
        if self.waiting_bytes < self.memory.waiting {
            return Ok(());
        }
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => {
                let expected = self.waiting_bytes as f64 / share.clamp(1e-6, 1.0);
                let n = (expected / self.memory.stretch.max(1) as f64).ceil() as u64;
                let folder = self.output.subfolder(SPILL)?;
                none.insert(Spill::create(folder, "part", Places::ALL, n, self.waiting[0].schema())?)
            }
        };
        self.waiting_bytes = 0;
        spill.write(std::mem::take(&mut self.waiting))
    }

    /// Gives all rows, in their order, to `commit`: the columns of some of them at a time.
    pub(crate) fn finish(
        self,
        mut commit: impl FnMut(Vec<ArrayRef>, usize) -> Result<(), DataError> + Send,
    ) -> Result<(), DataError> {
        let mut commit = |(columns, rows)| if rows == 0 { Ok(()) } else { commit(columns, rows) };
        let Some(mut spill) = self.spill else {
            let sorted = sorted(self.waiting);
            return commit(sorted.map_err(|error| failed(self.output.path(), "write", error))?);
        };
        if !self.waiting.is_empty() {
            spill.write(self.waiting)?;
        }
        let folder = spill.folder.clone();
        let stretches = spill.fine(self.memory)?;
        let work = |(): &mut (), number: usize| {
            let stretch: &Stretch = &stretches[number];
            let batches = stretch.read()?.collect::<Result<Vec<_>, ArrowError>>();
            let sorted = batches.and_then(sorted).map_err(|error| failed(&stretch.path, "read", error))?;
            stretch.remove()?;
            Ok(sorted)
        };
        in_order(stretches.len(), || (), work, |_, sorted| commit(sorted))?;
        std::fs::remove_dir_all(&folder).map_err(|error| DataError::io(&folder, "write", error))
    }
}

/// The folder of the files, inside of the output until they have been read.
const SPILL: &str = "spill";

/// More stretches than this would be too many open files.
const MOST_STRETCHES: u64 = 400;

/// Files of rows, one for each stretch of the order.
struct Spill {
    folder: PathBuf,
    places: Places,
    schema: SchemaRef,
    stretches: Vec<Stretch>,
}

/// Some consecutive places of the order.
#[derive(Debug, Clone, Copy)]
struct Places {
    first: u64,
    last: u64,
}

impl Places {
    const ALL: Places = Places { first: 0, last: u64::MAX };

    fn width(self) -> u128 {
        u128::from(self.last - self.first) + 1
    }

    /// The one of `n` equal pieces that a place is in.
    fn piece_of(self, place: u64, n: usize) -> usize {
        (u128::from(place - self.first) * n as u128 / self.width()) as usize
    }

    /// Piece `number` of `n` equal pieces.
    fn piece(self, number: u128, n: u128) -> Places {
        let start = |number: u128| (self.width() * number).div_ceil(n);
        Places { first: self.first + start(number) as u64, last: self.first + (start(number + 1) - 1) as u64 }
    }
}

/// A file of rows in the format of Arrow's streams.
struct Stretch {
    path: PathBuf,
    places: Places,
    file: Option<StreamWriter<File>>,
    rows: u64,
    bytes: u64,
}

impl Spill {
    fn create(
        folder: PathBuf,
        name: &str,
        places: Places,
        n: u64,
        schema: SchemaRef,
    ) -> Result<Self, DataError> {
        let n = u128::from(n.clamp(1, MOST_STRETCHES)).min(places.width());
        let stretch = |number: u128| {
            let path = folder.join(format!("{name}-{number}.rows"));
            let create = || StreamWriter::try_new(File::create_new(&path)?, &schema);
            let file = create().map_err(|error| failed(&path, "write", error))?;
            let places = places.piece(number, n);
            Ok(Stretch { path, places, file: Some(file), rows: 0, bytes: 0 })
        };
        let stretches = (0..n).map(stretch).collect::<Result<_, DataError>>()?;
        Ok(Spill { folder, places, schema, stretches })
    }

    /// Writes rows, each to the file of its stretch, in the order in which they came.
    fn write(&mut self, batches: Vec<RecordBatch>) -> Result<(), DataError> {
        let (n, places) = (self.stretches.len(), self.places);
        let dealt: Result<Vec<(RecordBatch, Vec<usize>)>, ArrowError> =
            batches.into_par_iter().map(|batch| dealt(&batch, places, n)).collect();
        let dealt = dealt.map_err(|error| failed(&self.folder, "write", error))?;
        self.stretches.par_iter_mut().enumerate().try_for_each(|(number, stretch)| {
            let slice = |(batch, ends): &(RecordBatch, Vec<usize>)| {
                batch.slice(ends[number], ends[number + 1] - ends[number])
            };
            let slices: Vec<RecordBatch> =
                dealt.iter().map(slice).filter(|slice| slice.num_rows() > 0).collect();
            stretch.write(&slices).map_err(|error| failed(&stretch.path, "write", error))
        })
    }

    /// Ends the files. Stretches that are far larger than the others are dealt out once more.
    fn fine(self, memory: Memory) -> Result<Vec<Stretch>, DataError> {
        let mut fine = Vec::with_capacity(self.stretches.len());
        for mut stretch in self.stretches {
            stretch.finish()?;
            if stretch.bytes <= LARGE * memory.stretch || stretch.rows <= 1 {
                fine.push(stretch);
                continue;
            }
            let name = stretch.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let n = stretch.bytes.div_ceil(memory.stretch.max(1));
            let (folder, schema) = (self.folder.clone(), Arc::clone(&self.schema));
            let mut parts = Spill::create(folder, &name, stretch.places, n, schema)?;
            for batch in stretch.read()? {
                parts.write(vec![batch.map_err(|error| failed(&stretch.path, "read", error))?])?;
            }
            stretch.remove()?;
            fine.extend(parts.fine(memory)?);
        }
        Ok(fine)
    }
}

/// A stretch of so many times the wanted size is dealt out once more.
const LARGE: u64 = 4;

impl Stretch {
    fn write(&mut self, slices: &[RecordBatch]) -> Result<(), ArrowError> {
        if let (Some(file), false) = (&mut self.file, slices.is_empty()) {
            let batch = joined(slices)?;
            self.rows += batch.num_rows() as u64;
            self.bytes += bytes_of(&batch);
            file.write(&batch)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), DataError> {
        let finished = self.file.take().map_or(Ok(()), |mut file| file.finish());
        finished.map_err(|error| failed(&self.path, "write", error))
    }

    fn read(&self) -> Result<StreamReader<BufReader<File>>, DataError> {
        let open = || StreamReader::try_new_buffered(File::open(&self.path)?, None);
        open().map_err(|error| failed(&self.path, "read", error))
    }

    fn remove(&self) -> Result<(), DataError> {
        std::fs::remove_file(&self.path).map_err(|error| DataError::io(&self.path, "write", error))
    }
}

/// The rows of a batch grouped by their stretches, and where each stretch ends.
fn dealt(batch: &RecordBatch, places: Places, n: usize) -> Result<(RecordBatch, Vec<usize>), ArrowError> {
    let order = batch.column(0).as_primitive::<UInt64Type>().values();
    let stretches: Vec<u32> = order.iter().map(|&place| places.piece_of(place, n) as u32).collect();
    let mut ends = vec![0; n + 1];
    stretches.iter().for_each(|&stretch| ends[stretch as usize + 1] += 1);
    (0..n).for_each(|stretch| ends[stretch + 1] += ends[stretch]);
    let mut next = ends.clone();
    let mut rows = vec![0; stretches.len()];
    for (row, &stretch) in (0..).zip(&stretches) {
        rows[next[stretch as usize]] = row;
        next[stretch as usize] += 1;
    }
    Ok((taken(batch.columns(), &UInt32Array::from(rows))?, ends))
}

/// The columns of all rows, sorted by their places, without the places; and the number of rows.
fn sorted(batches: Vec<RecordBatch>) -> Result<(Vec<ArrayRef>, usize), ArrowError> {
    let all = joined(&batches)?;
    drop(batches);
    let Some(order) = all.columns().first() else { return Ok((Vec::new(), 0)) };
    let order = order.as_primitive::<UInt64Type>().values();
    let mut rows: Vec<(u64, u32)> = order.iter().copied().zip(0..).collect();
    // Of equal places the row that came first is first.
    rows.sort_unstable();
    let rows = UInt32Array::from_iter_values(rows.into_iter().map(|(_, row)| row));
    let (_, columns, n) = taken(&all.columns()[1..], &rows)?.into_parts();
    Ok((columns, n))
}

fn joined(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let n_columns = batches.first().map_or(0, RecordBatch::num_columns);
    let column = |column: usize| {
        concat(&batches.iter().map(|batch| batch.column(column).as_ref()).collect::<Vec<&dyn Array>>())
    };
    let columns = (0..n_columns).map(column).collect::<Result<_, ArrowError>>()?;
    batch(columns, batches.iter().map(RecordBatch::num_rows).sum())
}

fn taken(columns: &[ArrayRef], rows: &UInt32Array) -> Result<RecordBatch, ArrowError> {
    let columns = columns.iter().map(|column| take(column, rows, None)).collect::<Result<_, ArrowError>>()?;
    batch(columns, rows.len())
}

/// Columns as a batch, under their numbers: what they are called is of no interest here.
fn batch(columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, ArrowError> {
    let field = |(number, column): (usize, &ArrayRef)| {
        Field::new(number.to_string(), column.data_type().clone(), true)
    };
    let schema = Arc::new(Schema::new(columns.iter().enumerate().map(field).collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

fn bytes_of(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|column| column.get_buffer_memory_size() as u64).sum()
}

fn failed(path: &Path, action: &'static str, error: ArrowError) -> DataError {
    let error = match error {
        ArrowError::IoError(_, error) => error,
        other => std::io::Error::other(other),
    };
    DataError::io(path, action, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::{Int32Type, UInt32Type};
    use arrow_array::{Int32Array, ListArray, StringArray};
    use proptest::prelude::*;

    /// The rows with some numbers: the number, a list of as many elements as its last digit says, a text and a null.
    fn rows(numbers: std::ops::Range<u32>) -> EncodedRows {
        let list = |number: u32| Some((0..number % 10).map(Some).collect::<Vec<_>>());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from_iter_values(numbers.clone())),
            Arc::new(ListArray::from_iter_primitive::<UInt32Type, _, _>(numbers.clone().map(list))),
            Arc::new(StringArray::from_iter_values(numbers.clone().map(|number| number.to_string()))),
            Arc::new(
                numbers
                    .clone()
                    .map(|number| (number % 3 > 0).then_some(number as i32))
                    .collect::<Int32Array>(),
            ),
        ];
        let draws = numbers.clone().map(u64::from).collect();
        EncodedRows { rows: numbers.len(), columns, tasks: Vec::new(), draws, scaled: Vec::new() }
    }

    /// The numbers of all rows after shuffling, each with its other columns.
    fn shuffled(chunks: &[u32], share: f64, memory: Memory) -> Vec<u32> {
        let folder = tempfile::tempdir().unwrap();
        let output = OutputFolder::begin(&folder.path().join("out")).unwrap();
        let mut shuffle = RowShuffle::new(&output, 7, memory);
        let mut next = 0;
        for &length in chunks {
            shuffle.push(rows(next..next + length), share).unwrap();
            next += length;
        }
        let mut numbers = Vec::new();
        let take = |columns: Vec<ArrayRef>, n: usize| {
            let found = columns[0].as_primitive::<UInt32Type>().values();
            assert_eq!(found.len(), n);
            for (row, number) in found.iter().enumerate() {
                assert_eq!(columns[1].as_list::<i32>().value(row).len(), *number as usize % 10);
                assert_eq!(columns[2].as_string::<i32>().value(row), number.to_string());
                let optional = columns[3].as_primitive::<Int32Type>();
                let value = optional.is_valid(row).then(|| optional.value(row) as u32);
                assert_eq!(value, (number % 3 > 0).then_some(*number));
            }
            numbers.extend_from_slice(found);
            Ok(())
        };
        shuffle.finish(take).unwrap();
        assert!(!output.path().join(SPILL).exists(), "files are left");
        numbers
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_order_is_that_of_the_hashes_whatever_waits_in_files(
            chunks in prop::collection::vec(0_u32..60, 0..12),
            share in 0.01_f64..1.0,
            waiting in 0_u64..4000,
            stretch in 200_u64..4000,
        ) {
            let stream = xxh3_64_with_seed(b"order of training rows", 7);
            let mut expected: Vec<u32> = (0..chunks.iter().sum()).collect();
            expected.sort_by_key(|&number| xxh3_64_with_seed(&u64::from(number).to_le_bytes(), stream));
            prop_assert_eq!(shuffled(&chunks, share, Memory { waiting, stretch }), expected);
        }
    }

    #[test]
    fn a_stretch_that_is_far_too_large_is_dealt_out_once_more() {
        let memory = Memory { waiting: 1000, stretch: 1000 };
        // One file, as if the first rows were all.
        let (one, many) = (shuffled(&[40; 30], 1.0, memory), shuffled(&[40; 30], 0.02, memory));
        assert_eq!(one, many);
        assert!(!one.is_sorted());
    }

    #[test]
    fn pieces_cover_all_places() {
        for n in [1, 2, 3, 400] {
            let pieces: Vec<Places> = (0..n).map(|number| Places::ALL.piece(number, n)).collect();
            assert_eq!((pieces[0].first, pieces[n as usize - 1].last), (0, u64::MAX));
            for (number, piece) in pieces.iter().enumerate() {
                assert_eq!(Places::ALL.piece_of(piece.first, n as usize), number);
                assert_eq!(Places::ALL.piece_of(piece.last, n as usize), number);
            }
        }
    }
}
