//! The files that torch-rechub's script makes of the raw ones: the same numbers for the same ids, row by row.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::compat_scaling::{CompatScaler, shortest_text};
use super::config::{RawConfig, RawPhase};
use super::features::{Lists, Reading};
use super::files::RawFiles;
use super::format::Fields;
use super::line::StatedNumber;
use super::prepare::{OpenFiles, RawRows};
use super::progress::{Progress, ProgressFn};
use super::raw_ids::RawIds;
use super::spill::{RowOrder, Spill, SpilledRows, mixed};
use super::summary::RawSummary;
use super::tally::CountAndFirst;
use super::users::{UserRecord, Users};
use super::vocabulary::{FieldVocabulary, Numbering};
use super::write_common::number_users;
use crate::ali_ccp::{ALI_CCP_DENSE, ALI_CCP_SPARSE};
use crate::error::DataError;
use crate::in_order::in_order;
use crate::output_folder::OutputFolder;

/// Makes of the raw files what torch-rechub's `preprocess_ali_ccp.py` makes: `ali_ccp_train.csv`, `ali_ccp_val.csv` and
/// `ali_ccp_test.csv` in the folder `out`.
///
/// Where it differs from [`prepare_ali_ccp`](super::prepare_ali_ccp), it does what the script does: an id's number is the
/// rank of its first appearance in the training rows; of several ids of a field the last one counts; a field that is
/// missing has the id 0, which has a number if there is such an id; dense values are rounded to 16 bits and scaled over
/// training and test rows together; the stated number of features is not looked at; training rows keep their order.
///
/// The halves of the test part are as large as the script's, and chosen by the seed, not by numpy's generator: only both
/// together are comparable.
///
/// # Errors
///
/// Those of [`prepare_ali_ccp`](super::prepare_ali_ccp).
pub fn prepare_ali_ccp_compat(
    raw: impl AsRef<Path>,
    out: impl AsRef<Path>,
    config: &RawConfig,
    progress: ProgressFn<'_>,
) -> Result<RawSummary, DataError> {
    let reading = Reading {
        fields: Fields::new(),
        ids: RawIds::default(),
        lists: Lists::LastOnly,
        stated_number: StatedNumber::Ignored,
    };
    let files = OpenFiles::open(&RawFiles::in_folder(raw), config)?;
    let output = OutputFolder::begin(out.as_ref())?;
    let progress = Progress::new(progress, 2 * files.bytes());
    let order = |_| RowOrder::AsInFile;
    let mut rows = RawRows::<CountAndFirst>::read(&reading, &files, config, &output, None, order, &progress)?;

    progress.enter(RawPhase::Vocabularies);
    let vocabularies = rows.vocabularies(&reading, config, None, Numbering::ByAppearance)?;
    // The script looks a missing field up like any other, under the id 0.
    let missing: Vec<u32> = vocabularies.iter().map(|vocabulary| vocabulary.numbers.get(0)).collect();
    number_users(&mut rows.users, &vocabularies, &missing);

    progress.enter(RawPhase::WritingRows);
    let scalers = CompatScaler::of_columns(&rows.stats[0].dense, &rows.stats[1].dense);
    let text =
        RowText { reading: &reading, users: &rows.users, vocabularies: &vocabularies, scalers: &scalers };
    let mut writers = ["train", "val", "test"].map(|part| CsvFile::create(&output, part));
    let [train, val, test] = &mut writers;
    let (train, val, test) = (train.as_mut(), val.as_mut(), test.as_mut());
    let [Ok(train), Ok(val), Ok(test)] = [train, val, test] else {
        return Err(writers.into_iter().find_map(Result::err).unwrap_or(DataError::NoFeatures));
    };
    let share = files.bytes() / 2;
    text.write(&rows.spills[0], 0, |_| Half::First, [train, val], share, &progress)?;
    let halves = Halves { rows: rows.stats[1].rows, seed: config.seed };
    text.write(&rows.spills[1], 1, |row| halves.of(row), [val, test], share, &progress)?;
    for writer in writers {
        writer?.finish(&output)?;
    }

    rows.remove_spill_folder(&output)?;
    let vocab_sizes: Vec<usize> =
        vocabularies.iter().map(|vocabulary| vocabulary.entries.len() + 1).collect();
    let summary = rows.summary(&files, &vocab_sizes, config);
    output.finish()?;
    Ok(summary)
}

/// The half that a row goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

/// A split of rows into two halves: of each pair of rows that follow each other, one goes into the first half. A row that
/// is left over goes into the second.
struct Halves {
    rows: u64,
    seed: u64,
}

impl Halves {
    fn of(&self, row: u64) -> Half {
        let is_left_over = row + 1 == self.rows && self.rows % 2 == 1;
        let first_of_pair = mixed(mixed(self.seed) ^ (row / 2)) & 1;
        match !is_left_over && row % 2 == first_of_pair {
            true => Half::First,
            false => Half::Second,
        }
    }
}

/// A CSV file in the making.
struct CsvFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl CsvFile {
    fn create(output: &OutputFolder, part: &str) -> Result<Self, DataError> {
        let path = output.path().join(format!("ali_ccp_{part}.csv"));
        let create = || {
            let mut file = BufWriter::with_capacity(1 << 20, File::create_new(&path)?);
            let names = [&ALI_CCP_SPARSE[..], &ALI_CCP_DENSE[..]].concat().join(",");
            writeln!(file, "click,purchase,{names}").map(|()| file)
        };
        match create() {
            Ok(file) => Ok(CsvFile { path, file }),
            Err(error) => Err(DataError::io(&path, "write", error)),
        }
    }

    fn append(&mut self, text: &[u8]) -> Result<(), DataError> {
        self.file.write_all(text).map_err(|error| DataError::io(&self.path, "write", error))
    }

    fn finish(self, output: &OutputFolder) -> Result<(), DataError> {
        let CsvFile { path, file } = self;
        let file = file.into_inner().map_err(|error| DataError::io(&path, "write", error.into_error()))?;
        output.sync_later(&path, file);
        Ok(())
    }
}

/// What rows become text with.
struct RowText<'a> {
    reading: &'a Reading,
    users: &'a Users,
    vocabularies: &'a [FieldVocabulary],
    scalers: &'a [CompatScaler],
}

impl RowText<'_> {
    /// Writes the rows of a part in their order, each into the file of its half.
    fn write(
        &self,
        spill: &Spill,
        part: usize,
        half: impl Fn(u64) -> Half + Sync,
        files: [&mut CsvFile; 2],
        raw_bytes: u64,
        progress: &Progress<'_>,
    ) -> Result<(), DataError> {
        let stretches = spill.rows();
        let total: u64 = stretches.iter().sum();
        let first_rows: Vec<u64> = stretches
            .iter()
            .scan(0, |next, rows| {
                *next += rows;
                Some(*next - rows)
            })
            .collect();
        let [first, second] = files;
        let work = |(rows, texts): &mut (SpilledRows, DenseTexts), stretch: usize| {
            spill.take(stretch, rows)?;
            let mut lines = [Vec::new(), Vec::new()];
            for place in 0..rows.len() {
                let half = half(first_rows[stretch] + place as u64);
                self.push_line(rows, place, part, texts, &mut lines[usize::from(half == Half::Second)]);
            }
            Ok(lines)
        };
        let commit = |stretch: usize, lines: [Vec<u8>; 2]| {
            first.append(&lines[0])?;
            second.append(&lines[1])?;
            let share = u128::from(raw_bytes) * u128::from(stretches[stretch]) / u128::from(total.max(1));
            progress.advance(share as u64);
            Ok(())
        };
        in_order(stretches.len(), Default::default, work, commit).map(|_| ())
    }

    fn push_line(
        &self,
        rows: &SpilledRows,
        place: usize,
        part: usize,
        texts: &mut DenseTexts,
        line: &mut Vec<u8>,
    ) {
        let row = rows.row(place);
        let UserRecord { last: mut ids, mut dense, .. } = self.users.records[row.user];
        row.for_each_field(self.reading, |own| {
            ids[own.field] = self.vocabularies[own.field].numbers.get(own.last);
            if let Some(column) = self.reading.fields.dense[own.field] {
                dense[column] = own.value;
            }
        });
        line.extend_from_slice(if row.click { b"1," } else { b"0," });
        line.extend_from_slice(if row.purchase { b"1" } else { b"0" });
        let mut digits = [0; 10];
        for mut id in ids {
            line.push(b',');
            let mut start = digits.len();
            loop {
                start -= 1;
                digits[start] = b'0' + (id % 10) as u8;
                id /= 10;
                if id == 0 {
                    break;
                }
            }
            line.extend_from_slice(&digits[start..]);
        }
        for (value, scaler) in dense.into_iter().zip(self.scalers) {
            line.push(b',');
            line.extend_from_slice(texts.of(scaler.scale(part, value)));
        }
        line.push(b'\n');
    }
}

/// The texts of numbers of 16 bits, made when they are first needed.
#[derive(Default)]
struct DenseTexts {
    texts: Vec<Option<Box<[u8]>>>,
}

impl DenseTexts {
    fn of(&mut self, value: half::f16) -> &[u8] {
        let place = usize::from(value.to_bits());
        if self.texts.len() <= place {
            self.texts.resize(place + 1, None);
        }
        self.texts[place].get_or_insert_with(|| shortest_text(value).into_bytes().into())
    }
}
