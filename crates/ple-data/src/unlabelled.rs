//! Rows that are to be predicted rather than learned from: Parquet files without labels, of any size, read in order and a
//! few thousand rows at a time, with the columns that tell their rows apart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::DataType;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};

use crate::describe::parts::files_of;
use crate::error::DataError;
use crate::parquet_limits::{corrupt, guarded};
use crate::parquet_source::{ParquetSource, sources};
use crate::prepared_folder::test_part;
use crate::read::FileFormat;
use crate::read_parquet::{ParquetLayout, Piece};
use crate::recorded::{Unrecorded, verify_rows};
use crate::row_origin::RowOrigin;
use crate::schema::FeatureSchema;
use crate::table::Table;

/// The rows of Parquet files, of which the features and, if asked for, some keys are read: an iterator of tables without
/// tasks, each of some thousand rows, in the order of the files and of the rows in them.
///
/// It holds no rows but those that it gives out, whatever the files hold. After an error there is nothing more.
///
/// # Examples
///
/// ```
/// use ple_data::{GeneratorConfig, UnlabelledRows, Vocabulary, generate, write_parquet};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rows.parquet");
/// let table = generate(&GeneratorConfig { rows: 10_000, vocabulary: Vocabulary::Small, seed: 1 }).table;
/// write_parquet(&table, &path)?;
///
/// let rows = UnlabelledRows::open(&[&path], table.schema(), &["101"])?;
/// assert_eq!(rows.rows(), 10_000);
/// let mut read = 0;
/// for piece in rows {
///     let piece = piece?;
///     assert_eq!((piece.schema().n_tasks(), piece.keys().len()), (0, 1));
///     read += piece.rows();
/// }
/// assert_eq!(read, 10_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UnlabelledRows {
    /// The features, and the keys that were asked for.
    schema: Arc<FeatureSchema>,
    files: Vec<ParquetSource>,
    rows: usize,
    origin: RowOrigin,
    /// The prepared folders of which the part `test` is read.
    prepared: Vec<PathBuf>,
    /// The number of files that were begun.
    begun: usize,
    current: Option<OpenFile>,
}

impl UnlabelledRows {
    /// Opens files: each path is a file, a folder (with all below it) or a pattern such as `day-*.parquet`. Of a prepared
    /// folder the part `test` is read. `schema` is that of the model; its labels and keys are not looked for. `keys` are
    /// columns of any type, which are passed on. Before the first row, what is recorded of prepared shards is compared.
    ///
    /// # Errors
    ///
    /// Those of [`read_parquet`](crate::read_parquet) that a footer can show, for every file,
    /// [`DataError::NotStreamed`] for a file of another format, and [`DataError::WrongType`] for a key that is not of one
    /// type in all files.
    pub fn open(
        paths: &[impl AsRef<Path>],
        schema: &FeatureSchema,
        keys: &[impl AsRef<str>],
    ) -> Result<Self, DataError> {
        let keys: Vec<String> = keys.iter().map(|key| key.as_ref().to_owned()).collect();
        FeatureSchema { keys: keys.clone(), ..schema.clone() }.validate()?;
        let schema = FeatureSchema { features: schema.features.clone(), labels: Vec::new(), keys };
        let (mut files, mut prepared) = (Vec::new(), Vec::new());
        for path in paths.iter().map(AsRef::as_ref) {
            match test_part(path)? {
                Some(shards) => {
                    prepared.push(path.to_path_buf());
                    files.extend(shards);
                }
                None => files.extend(files_of(path)?),
            }
        }
        verify_rows(files.iter().map(PathBuf::as_path), Unrecorded::Skipped)?;
        let schema = Arc::new(schema);
        let files = sources(files)?;
        let (mut rows, mut types_of_first, mut origin) = (0, None, RowOrigin::default());
        for source in &files {
            let file = OpenFile::open(source, &schema)?;
            let types = file.key_types();
            let expected = types_of_first.get_or_insert_with(|| types.clone());
            let mut pairs = schema.keys.iter().zip(expected.iter().zip(&types));
            if let Some((key, (_, found))) = pairs.find(|(_, (expected, found))| expected != found) {
                return Err(DataError::WrongType {
                    path: source.path().to_path_buf(),
                    column: key.clone(),
                    found: found.to_string(),
                    expected: "the type that the column has in the first file",
                });
            }
            origin.add(&RowOrigin::of_footer(source.path(), &file.footer)?)?;
            // The footer's claims were checked when it was read.
            rows += file.footer.metadata().file_metadata().num_rows() as usize;
        }
        Ok(Self { schema, files, rows, origin, prepared, begun: 0, current: None })
    }

    /// The files, in order.
    pub fn files(&self) -> Vec<&Path> {
        self.files.iter().map(ParquetSource::path).collect()
    }

    /// Which transformation made the rows, as the files say.
    pub fn origin(&self) -> &RowOrigin {
        &self.origin
    }

    /// The prepared folders among the paths: their parts `test` are read.
    pub fn prepared(&self) -> &[PathBuf] {
        &self.prepared
    }

    /// The number of rows of all files.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn piece(&mut self) -> Result<Option<Table>, DataError> {
        loop {
            if let Some(file) = &mut self.current
                && let Some(piece) = file.piece(&self.schema)?
            {
                return Ok(Some(piece));
            }
            let Some(source) = self.files.get(self.begun) else { return Ok(None) };
            self.current = Some(OpenFile::open(source, &self.schema)?);
            self.begun += 1;
        }
    }
}

impl Iterator for UnlabelledRows {
    type Item = Result<Table, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.piece();
        if piece.is_err() {
            (self.begun, self.current) = (self.files.len(), None);
        }
        piece.transpose()
    }
}

/// A file that is being read.
#[derive(Debug)]
struct OpenFile {
    source: ParquetSource,
    footer: ArrowReaderMetadata,
    /// Where the columns of the schema are, in the order of its keys.
    keys: Vec<usize>,
    group: usize,
    reader: Option<ParquetRecordBatchReader>,
    /// The rows of the group that have been read.
    read: usize,
}

impl OpenFile {
    fn open(source: &ParquetSource, schema: &FeatureSchema) -> Result<Self, DataError> {
        let path = source.path();
        if FileFormat::of(path)? != FileFormat::Parquet {
            return Err(DataError::NotStreamed { path: path.to_path_buf() });
        }
        guarded(path, || {
            let (footer, _hash) = source.open()?;
            ParquetLayout::new(source, schema, &footer)?;
            let of_key = |key: &String| footer.schema().index_of(key).map_err(|error| corrupt(path, &error));
            let keys = schema.keys.iter().map(of_key).collect::<Result<_, _>>()?;
            Ok(Self { source: source.clone(), footer, keys, group: 0, reader: None, read: 0 })
        })
    }

    fn key_types(&self) -> Vec<DataType> {
        self.keys.iter().map(|&key| self.footer.schema().field(key).data_type().clone()).collect()
    }

    /// The next rows, if there are any left.
    fn piece(&mut self, schema: &Arc<FeatureSchema>) -> Result<Option<Table>, DataError> {
        let Self { source, footer, group, reader, read, .. } = self;
        let path = source.path();
        guarded(path, || {
            let layout = ParquetLayout::new(source, schema, footer)?;
            while *group < footer.metadata().num_row_groups() {
                let open = match reader {
                    Some(open) => open,
                    None => reader.insert(layout.open_group(footer, *group)?),
                };
                if let Some(batch) = open.next() {
                    let batch = batch.map_err(|error| corrupt(path, &error))?;
                    let mut piece = Piece::empty(schema);
                    layout.append(&batch, *group, *read, &mut piece)?;
                    *read += batch.num_rows();
                    return Ok(Some(piece.into_table(path, schema)?));
                }
                layout.check_rows(footer, *group, *read)?;
                (*group, *reader, *read) = (*group + 1, None, 0);
            }
            Ok(None)
        })
    }
}
