//! Everything that can be wrong with a file, a schema or a request, in one enum whose variants carry the facts.
//!
//! A message has up to three lines: what was found and where, what was expected, and what to do next.

use std::path::PathBuf;

use ple_files::FileError;
use thiserror::Error;

use crate::ali_ccp_raw::RawError;
use crate::bucket_error::BucketError;
use crate::group_columns::NoGroupColumn;
use crate::memory::MemoryShortage;
use crate::name_error::NameError;
use crate::nearest::nearest_line;
use crate::not_a_table::NotATable;
use crate::place::{Place, after_comma};
use crate::prepare::PrepareError;
use crate::short_number::ShortNumber;

/// An error of this crate. `Display` gives up to three lines: what, what was expected, the next step.
///
/// # Examples
///
/// ```
/// use ple_data::{DataError, ExitKind, FileError};
///
/// let error = DataError::from(FileError::Missing { path: "train.csv".into() });
/// assert_eq!(error.kind(), ExitKind::MissingInput);
/// assert!(error.to_string().starts_with("train.csv: there is no such file"));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file is not there, is no file, or cannot be read or written.
    #[error(transparent)]
    File(FileError),

    /// The name of a file ends in nothing that a reader is known for.
    #[error("{}: no reader for a file ending in `{extension}`\nexpected: a name that ends in .csv or .parquet\nnext: rename the file or convert it", path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
        /// What its name ends in, without the dot.
        extension: String,
    },

    /// A schema has no feature.
    #[error(
        "the schema has no feature\nexpected: at least one feature\nnext: list the columns that the model may read"
    )]
    NoFeatures,

    /// A schema has no label.
    #[error(
        "the schema has no label\nexpected: at least one label\nnext: name the columns that the model is to predict"
    )]
    NoLabels,

    /// A name that no model can have.
    #[error(transparent)]
    Name(#[from] NameError),

    /// A label is also an input of the model.
    #[error(
        "the column `{column}` of the label `{label}` is also read by the feature `{feature}`: the model would see its answer\nexpected: labels and features from different columns\nnext: remove `{feature}` from the features"
    )]
    LabelAmongFeatures {
        /// The label.
        label: String,
        /// The column both read.
        column: String,
        /// The feature that reads it.
        feature: String,
    },

    /// A feature shares a table that it cannot share.
    #[error(
        "the feature `{feature}` shares the table of `{shared_with}`, which {reason}\nexpected: an earlier sparse or sequence feature with the same vocabulary and dimension\nnext: correct shared_with, or give `{feature}` a table of its own"
    )]
    SharedTable {
        /// The feature that shares.
        feature: String,
        /// The feature whose table it asks for.
        shared_with: String,
        /// Why that is not possible.
        reason: String,
    },

    /// A size in a schema is out of range.
    #[error(
        "the feature `{feature}` has {setting} = {found}\nexpected: {expected}\nnext: correct {setting} in the schema"
    )]
    FeatureSetting {
        /// The feature.
        feature: String,
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have.
        expected: &'static str,
    },

    /// A schema file could not be parsed.
    #[error(
        "the schema cannot be read: {detail}\nexpected: features, labels and, if there are any, keys\nnext: correct the schema; a key that is not known is refused"
    )]
    SchemaSyntax {
        /// What the parser said.
        detail: String,
    },

    /// A file lacks a column that the schema asks for.
    #[error("{}: there is no column `{column}`, which {role} needs{}\nnext: correct the schema, or add the column to the file", path.display(), nearest_line(nearest))]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// Who needs it, for example ``the feature `101` ``.
        role: String,
        /// The column of the file whose name is nearest.
        nearest: Option<String>,
    },

    /// Rows in memory lack a column to group them by.
    #[error(transparent)]
    NoGroupColumn(#[from] NoGroupColumn),

    /// A file names a column twice.
    #[error("{}: the column `{column}` occurs twice\nexpected: each column once\nnext: remove or rename one of the two", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The name that occurs twice.
        column: String,
    },

    /// A column holds another type than its role asks for.
    #[error("{}, column `{column}`: found {found}\nexpected: {expected}\nnext: correct the schema, or convert the column", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The type in the file.
        found: String,
        /// The types that the role accepts.
        expected: &'static str,
    },

    /// A column of text would have become a feature, and has no ids yet.
    #[error("{}{}, column `{column}`: found text (`{value}`)\nexpected: integer ids or numbers\nnext: replace its values by ids from 0, or name the column as a key, or list the features in a schema", path.display(), after_comma(place))]
    TextFeature {
        /// The file.
        path: PathBuf,
        /// The row, unless the type of the column says it all.
        place: Option<Place>,
        /// The column.
        column: String,
        /// The first text found there, or the name of its type.
        value: String,
    },

    /// A file has no row.
    #[error("{}: the file has no row ({found})\nexpected: at least one row of data\nnext: check how the file was made", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
        /// `zero bytes`, `blank lines alone`, `a header alone` or `a schema alone`.
        found: &'static str,
    },

    /// There is no table where one should be.
    #[error(transparent)]
    NotATable(#[from] NotATable),

    /// A line has another number of fields than the header.
    #[error("{}, line {line}: found {found} fields\nexpected: {expected}, as in the header\nnext: look at the line; a value that holds a comma stands in double quotes", path.display())]
    FieldCount {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// Its number of fields.
        found: usize,
        /// The number of fields of the header.
        expected: usize,
    },

    /// A line goes on for longer than any line of numbers would.
    #[error("{}, line {line}: the line does not end within {limit} bytes\nexpected: a text file with one row a line\nnext: check that the file is CSV", path.display())]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The most bytes that a line may have.
        limit: usize,
    },

    /// A quoted field is not closed on its line, or something follows the closing quote.
    #[error("{}, line {line}: a quoted field is not closed before the end of the field\nexpected: \"text\", with quotes inside doubled, on one line\nnext: correct the line; a value may not hold a line break", path.display())]
    Quotes {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },

    /// A name or a key is not UTF-8. (Columns that the schema does not name may hold any bytes.)
    #[error("{}, line {line}: the text `{text}` is not UTF-8\nexpected: a file in UTF-8\nnext: save the file as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The text, with replacement characters for the bytes that have no meaning.
        text: String,
    },

    /// An id lies outside of the vocabulary of its feature.
    #[error("{}, {place}, column `{column}`: found the id {value}\nexpected: 0 to {} (vocab_size = {vocab_size})\nnext: take the vocabulary from all files (training, validation and test), or map unknown ids to one that is kept for them", path.display(), vocab_size - 1)]
    IdOutOfVocabulary {
        /// The file.
        path: PathBuf,
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The id found.
        value: i128,
        /// The size of the vocabulary.
        vocab_size: usize,
    },

    /// A cell is not the number that its role asks for.
    #[error("{}, {place}, column `{column}`: found `{value}`\nexpected: {expected}\nnext: correct the value, or the schema if the column has another meaning", path.display())]
    BadNumber {
        /// The file.
        path: PathBuf,
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The text found.
        value: String,
        /// The numbers accepted.
        expected: &'static str,
    },

    /// A dense value, a label or a weight is NaN or infinite (or too large for f32).
    #[error("{}, {place}, column `{column}`: found {}\nexpected: a finite number that fits into 32 bits\nnext: fill or remove the row before training", path.display(), ShortNumber(*value))]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The value found.
        value: f64,
    },

    /// A cell is empty.
    #[error("{}, {place}, column `{column}`: the value is missing\nexpected: {expected}\nnext: fill the gap, or remove the row", path.display())]
    MissingValue {
        /// The file.
        path: PathBuf,
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// What belongs there.
        expected: &'static str,
    },

    /// The label of a classification task is neither 0 nor 1.
    #[error("{}, {place}, column `{column}`: found the label {}\nexpected: 0 or 1, since the task is a classification\nnext: correct the label, or declare the task a regression", path.display(), ShortNumber(*value))]
    LabelNotBinary {
        /// The file.
        path: PathBuf,
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The value found.
        value: f64,
    },

    /// A weight of a row, or of an id in a list, is negative.
    #[error("{}, {place}, column `{column}`: found the weight {}\nexpected: 0 (it counts for nothing) or a positive number\nnext: correct the weight", path.display(), ShortNumber(*value))]
    NegativeWeight {
        /// The file.
        path: PathBuf,
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The value found.
        value: f64,
    },

    /// The ids and the weights of a sequence have different lengths.
    #[error("{}, {place}, column `{column}`: found {ids} ids and {weights} weights in `{weights_column}`\nexpected: one weight for each id\nnext: correct one of the two columns", path.display())]
    SequenceLengths {
        /// The file.
        path: PathBuf,
        /// The row.
        place: Place,
        /// The column of the ids.
        column: String,
        /// The column of the weights.
        weights_column: String,
        /// The number of ids.
        ids: usize,
        /// The number of weights.
        weights: usize,
    },

    /// A sequence feature was to be read from, or written to, a format that has no lists.
    #[error("{}: the feature `{column}` is a sequence, and CSV has no lists\nexpected: sparse and dense features\nnext: keep the data as Parquet", path.display())]
    SequenceInCsv {
        /// The file.
        path: PathBuf,
        /// The sequence feature.
        column: String,
    },

    /// A text with a line break was to be written as CSV, where a row is one line.
    #[error("{}: the text `{text}` holds a line break, and a row of CSV is one line\nexpected: names and keys on one line\nnext: write Parquet, or replace the line break", path.display())]
    LineBreakInCsv {
        /// The file to be written.
        path: PathBuf,
        /// The text, with the line break as `\n`.
        text: String,
    },

    /// A Parquet file is damaged or cut short.
    #[error("{}: the file is damaged or cut short: {detail}\nexpected: a complete Parquet file\nnext: copy or write the file again", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        detail: String,
    },

    /// A file claims, or holds, more than the limit.
    #[error("{}: {what} is {found}\nexpected: at most {limit}\nnext: split the file, or write it again if it is damaged", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is too large.
        what: String,
        /// Its size.
        found: i128,
        /// The limit.
        limit: u64,
    },

    /// A column given in memory has the wrong number of values.
    #[error("{what}: {found} values\nexpected: {expected}\nnext: pass one value for each row and column")]
    Length {
        /// Which array it is.
        what: String,
        /// Its number of values.
        found: usize,
        /// The number of values that the rows ask for.
        expected: usize,
    },

    /// The offsets of a sequence given in memory are no offsets.
    #[error(
        "the offsets of `{feature}` do not start at 0, or fall\nexpected: 0, then the number of ids up to each row\nnext: correct the offsets"
    )]
    Offsets {
        /// The sequence feature.
        feature: String,
    },

    /// The parts of a split do not add up to the whole.
    #[error(
        "the fractions of the split are {found:?}\nexpected: positive numbers with a sum of 1\nnext: correct the fractions"
    )]
    Fractions {
        /// The fractions asked for.
        found: Vec<f64>,
    },

    /// A file that is to be streamed is of a format that is only read as a whole.
    #[error("{}: only Parquet files can be streamed\nexpected: a name that ends in .parquet\nnext: convert the file, or read it into memory; raw values have to be prepared: data prepare --data FILE --with SCHEMA.json", path.display())]
    NotStreamed {
        /// The file.
        path: PathBuf,
    },

    /// Of the files of a data set, none belongs to one of its parts.
    #[error("{}: there is no file whose name says `{part}`\nexpected: files of training, validation and test\nnext: name the files, or their folders, after the part that they belong to, as in {part}-0.parquet", path.display())]
    MissingPart {
        /// The folder or pattern.
        path: PathBuf,
        /// The word that was looked for.
        part: &'static str,
    },

    /// A file in a bucket cannot be read.
    #[error(transparent)]
    Bucket(#[from] BucketError),

    /// A file that is being streamed is no longer the one that was opened.
    #[error("{}: the file has changed since it was opened\nexpected: the same file from the first epoch to the last\nnext: start again, and write new data beside the old", path.display())]
    ChangedWhileRead {
        /// The file.
        path: PathBuf,
    },

    /// Something is wrong with raw files of Ali-CCP, or with what was prepared from them.
    #[error(transparent)]
    Raw(#[from] RawError),

    /// Something is wrong with a feature file, or with a table that is prepared by one.
    #[error(transparent)]
    Prepare(#[from] PrepareError),

    /// More rows are asked for than a table can have.
    #[error(
        "{found} rows are asked for\nexpected: at most {}, which is what 32 bits count\nnext: ask for fewer rows",
        u32::MAX
    )]
    TooManyRows {
        /// The rows asked for.
        found: usize,
    },

    /// More memory is needed than there is.
    #[error(transparent)]
    Memory(#[from] MemoryShortage),

    /// Two columns of an output have one name.
    #[error("{}: the output would have two columns `{column}`\nexpected: each column once\nnext: rename the task or the key", path.display())]
    OutputColumn {
        /// The file to be written.
        path: PathBuf,
        /// The name that occurs twice.
        column: String,
    },
}
