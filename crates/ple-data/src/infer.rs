//! A schema from the files themselves, for data that comes without one.

use std::path::Path;

use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use rayon::prelude::*;

use crate::arrow_columns::{as_large_list, for_each_id, is_id_type, is_number_type, list_element};
use crate::cell::{A_NUMBER, AN_ID, CellFault};
use crate::csv_lines::{
    BLANK_LINES, BlockReader, HEADER_ALONE, ZERO_BYTES, header_names, numbered_lines, shortened, split_fields,
};
use crate::error::DataError;
use crate::memory::{MemoryCause, MemoryNeed, MemoryPart};
use crate::memory_room::MemoryRoom;
use crate::names::refuse_unnamed_features;
use crate::parquet_limits::{corrupt, guarded, open_parquet, open_row_group};
use crate::place::Place;
use crate::read::FileFormat;
use crate::read_csv::{parse_integer, parse_number};
use crate::read_parquet::ROWS_AT_A_TIME;
use crate::resolve::Header;
use crate::schema::{Feature, FeatureKind, FeatureSchema, Label};

/// What has to be told before the rest of a schema can be found in the files.
#[derive(Debug, Clone, PartialEq)]
pub struct Roles {
    /// The tasks with their columns.
    pub labels: Vec<Label>,
    /// The columns that identify a row.
    pub keys: Vec<String>,
    /// The width of every embedding.
    pub embedding_dim: usize,
}

/// Finds the features of a data set in its files: all of training, validation and test.
///
/// Every column of the first file that is neither a label, nor a weight, nor a key becomes a feature; columns that
/// only later files have are passed over:
///
/// - integers (or booleans): sparse, with a vocabulary of the largest id over *all* files + 1;
/// - floats: dense, without bins;
/// - lists of integers (Parquet): a sequence, pooled by the mean, without padding;
/// - text: an error, and so are a column without a name and an index that pandas has written.
///
/// In CSV a column is dense if one of its values, in any file, has a point or an exponent, or if its name is a `D`
/// followed by a digit, as in Ali-CCP's `D109_14`.
///
/// Pass all files: ids that occur in the validation file alone would otherwise lie outside of the vocabulary.
///
/// # Errors
///
/// Those of [`read_table`](crate::read_table) for files that cannot be read, [`DataError::TextFeature`] for a column of
/// text, [`DataError::MissingColumn`] for a role's column, or a first file's column, that a file lacks, those of
/// [`FeatureSchema::validate`], and [`DataError::Memory`] for ids so large that this machine has no memory for tables of
/// them, as raw ids are.
///
/// # Panics
///
/// If `paths` is empty.
pub fn infer_schema(paths: &[impl AsRef<Path>], roles: &Roles) -> Result<FeatureSchema, DataError> {
    infer_schema_within(paths, roles, MemoryRoom::of_machine())
}

/// The same where a model may take so much memory, whatever the machine says that it has.
///
/// # Errors
///
/// Those of [`infer_schema`].
///
/// # Panics
///
/// If `paths` is empty.
pub fn infer_schema_within(
    paths: &[impl AsRef<Path>],
    roles: &Roles,
    room: MemoryRoom,
) -> Result<FeatureSchema, DataError> {
    assert!(!paths.is_empty(), "infer_schema: no file was given");
    let mut columns: Option<Vec<FoundColumn>> = None;
    for path in paths {
        let path = path.as_ref();
        let found = match FileFormat::of(path)? {
            FileFormat::Csv => scan_csv(path, roles, columns.as_deref())?,
            FileFormat::Parquet => guarded(path, || scan_parquet(path, roles, columns.as_deref()))?,
        };
        columns = Some(match columns {
            None => found,
            Some(columns) => joined(path, columns, found)?,
        });
    }
    let columns = columns.unwrap_or_default();
    let features: Result<Vec<Feature>, DataError> =
        columns.into_iter().map(|column| column.into_feature(roles.embedding_dim)).collect();
    let schema = FeatureSchema::new(features?, roles.labels.clone(), roles.keys.clone())?;
    table_need(&schema).check("training on these ids", room)?;
    Ok(schema)
}

/// The bytes of a value of a table while it is trained: itself and the two moments of Adam, and itself once more when they
/// are made.
const TRAINED_VALUE_BYTES: u64 = 4 * 4;

/// What the tables of a schema need: each id up to the largest one has a row.
fn table_need(schema: &FeatureSchema) -> MemoryNeed {
    let part = |feature: &Feature| {
        let (vocab_size, dim) = match feature.kind {
            FeatureKind::Sparse { vocab_size, embedding_dim, .. }
            | FeatureKind::Sequence { vocab_size, embedding_dim, .. } => {
                (vocab_size as u64, embedding_dim as u64)
            }
            FeatureKind::Dense { .. } => return None,
        };
        // Ids are at fault where there are more of them than columns.
        let (cause, remedy) = match vocab_size >= dim {
            true => (MemoryCause::Data, "map the ids (cargo xtask data prepare)"),
            false => (MemoryCause::Setting, "lower the embedding dimension"),
        };
        Some(MemoryPart {
            what: format!(
                "the column `{}`, whose largest id is {}, with embeddings of {dim}",
                feature.name,
                vocab_size.saturating_sub(1)
            ),
            bytes: vocab_size.saturating_mul(dim).saturating_mul(TRAINED_VALUE_BYTES),
            cause,
            remedy,
        })
    };
    MemoryNeed { parts: schema.features.iter().filter_map(part).collect() }
}

/// The columns of the files so far, and the same columns of one more file.
fn joined(
    path: &Path,
    mut columns: Vec<FoundColumn>,
    found: Vec<FoundColumn>,
) -> Result<Vec<FoundColumn>, DataError> {
    for (column, other) in columns.iter_mut().zip(found) {
        column.contents = column.contents.joined(other.contents).ok_or_else(|| DataError::WrongType {
            path: path.to_path_buf(),
            column: other.name,
            found: other.contents.describe().to_string(),
            expected: column.contents.as_before(),
        })?;
        column.not_an_id = column.not_an_id.take().or(other.not_an_id);
    }
    Ok(columns)
}

/// A column of a file that is to become a feature.
struct FoundColumn {
    name: String,
    contents: Contents,
    /// The first integer of any file that cannot be an id; an error unless the column turns out to hold numbers.
    not_an_id: Option<DataError>,
}

/// What the values of a column turned out to be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Contents {
    Ids { largest: u32 },
    Numbers,
    Lists { largest: u32 },
}

impl Contents {
    /// What a column is that has both contents. Whole numbers and floats together are floats.
    fn joined(self, other: Contents) -> Option<Contents> {
        match (self, other) {
            (Contents::Ids { largest: a }, Contents::Ids { largest: b }) => {
                Some(Contents::Ids { largest: a.max(b) })
            }
            (Contents::Lists { largest: a }, Contents::Lists { largest: b }) => {
                Some(Contents::Lists { largest: a.max(b) })
            }
            (Contents::Lists { .. }, _) | (_, Contents::Lists { .. }) => None,
            _ => Some(Contents::Numbers),
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Contents::Ids { .. } => "integer ids",
            Contents::Numbers => "numbers",
            Contents::Lists { .. } => "lists of integers",
        }
    }

    fn as_before(self) -> &'static str {
        match self {
            Contents::Ids { .. } => "integer ids, as in the files before",
            Contents::Numbers => "numbers, as in the files before",
            Contents::Lists { .. } => "lists of integers, as in the files before",
        }
    }
}

impl FoundColumn {
    fn into_feature(self, embedding_dim: usize) -> Result<Feature, DataError> {
        Ok(match self.contents {
            Contents::Ids { largest } => match self.not_an_id {
                Some(error) => return Err(error),
                None => Feature::sparse(self.name, largest as usize + 1, embedding_dim),
            },
            Contents::Lists { largest } => Feature::sequence(self.name, largest as usize + 1, embedding_dim),
            Contents::Numbers => Feature::dense(self.name),
        })
    }
}

/// The largest vocabulary that a feature may have.
const MAX_VOCAB: usize = u32::MAX as usize;

/// Checks that the columns of the roles exist, and gives the positions of all others, or, after the first file, of its
/// features.
fn feature_positions(
    path: &Path,
    names: &[&str],
    roles: &Roles,
    first: Option<&[FoundColumn]>,
) -> Result<Vec<usize>, DataError> {
    let header = Header::new(path, names.iter().copied())?;
    let mut is_feature = vec![true; names.len()];
    for label in &roles.labels {
        for column in
            std::iter::once(label.column_name()).chain(label.weight.as_deref()).chain(label.space.column())
        {
            is_feature[header.position(column, || format!("the task `{}`", label.name))?] = false;
        }
    }
    for key in &roles.keys {
        is_feature[header.position(key, || format!("the key `{key}`"))?] = false;
    }
    match first {
        None => {
            let positions = (0..names.len()).filter(|&position| is_feature[position]);
            refuse_unnamed_features(path, positions.clone().map(|position| (position, names[position])))?;
            Ok(positions.collect())
        }
        Some(first) => first
            .iter()
            .map(|column| {
                let role = || format!("the feature `{}` of the first file", column.name);
                header.position(&column.name, role)
            })
            .collect(),
    }
}

fn scan_parquet(
    path: &Path,
    roles: &Roles,
    first: Option<&[FoundColumn]>,
) -> Result<Vec<FoundColumn>, DataError> {
    let metadata = open_parquet(path)?;
    let schema = metadata.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut columns = Vec::new();
    for position in feature_positions(path, &names, roles, first)? {
        let data_type = schema.field(position).data_type();
        let contents = match (data_type, list_element(data_type)) {
            (_, Some(element)) if is_id_type(element) => Contents::Lists { largest: 0 },
            (data_type, _) if is_id_type(data_type) => Contents::Ids { largest: 0 },
            (data_type, _) if is_number_type(data_type) => Contents::Numbers,
            (data_type, _) => return Err(not_a_feature(path, names[position], data_type)),
        };
        columns
            .push((position, FoundColumn { name: names[position].to_string(), contents, not_an_id: None }));
    }
    let scanned: Vec<(usize, FoundColumn)> = columns
        .into_par_iter()
        .map(|(position, mut column)| {
            if column.contents != Contents::Numbers {
                scan_parquet_column(path, &metadata, position, &mut column)?;
            }
            Ok((position, column))
        })
        .collect::<Result<_, DataError>>()?;
    Ok(scanned.into_iter().map(|(_, column)| column).collect())
}

fn not_a_feature(path: &Path, column: &str, data_type: &DataType) -> DataError {
    let is_text = |data_type: &DataType| {
        matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            || matches!(data_type, DataType::Dictionary(_, values) if matches!(**values, DataType::Utf8 | DataType::LargeUtf8))
    };
    if is_text(data_type) {
        let value = format!("the type {data_type}");
        DataError::TextFeature { path: path.to_path_buf(), place: None, column: column.to_string(), value }
    } else {
        DataError::WrongType {
            path: path.to_path_buf(),
            column: column.to_string(),
            found: format!("the type {data_type}"),
            expected: "integers, floats or lists of integers for a feature (or name the column as a key)",
        }
    }
}

/// Finds the largest id of one column.
fn scan_parquet_column(
    path: &Path,
    metadata: &parquet::arrow::arrow_reader::ArrowReaderMetadata,
    position: usize,
    column: &mut FoundColumn,
) -> Result<(), DataError> {
    let projection = ProjectionMask::roots(metadata.metadata().file_metadata().schema_descr(), [position]);
    for row_group in 0..metadata.metadata().num_row_groups() {
        let reader = open_row_group(path, metadata, row_group, projection.clone(), ROWS_AT_A_TIME)?;
        let mut first_row = 0;
        for batch in reader {
            let batch = batch.map_err(|error| corrupt(path, &error))?;
            let at = |row: usize, fault: CellFault| {
                fault.at(path, Place::RowGroup { row_group, row: first_row + row }, &column.name)
            };
            match &mut column.contents {
                Contents::Ids { largest } => {
                    for_each_id(batch.column(0), MAX_VOCAB, |_, id| *largest = id.max(*largest))
                        .map_err(|(row, fault)| at(row, fault))?;
                }
                Contents::Lists { largest } => {
                    let lists = as_large_list(batch.column(0)).map_err(|error| corrupt(path, &error))?;
                    let offsets = lists.value_offsets();
                    let (start, end) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
                    let values = lists.values().slice(start, end - start);
                    for_each_id(&values, MAX_VOCAB, |_, id| *largest = id.max(*largest)).map_err(
                        |(element, fault)| {
                            let row =
                                offsets.partition_point(|&offset| offset as usize <= start + element) - 1;
                            at(row, fault)
                        },
                    )?;
                }
                Contents::Numbers => {}
            }
            first_row += batch.num_rows();
        }
    }
    Ok(())
}

fn scan_csv(
    path: &Path,
    roles: &Roles,
    first: Option<&[FoundColumn]>,
) -> Result<Vec<FoundColumn>, DataError> {
    let mut blocks = BlockReader::open(path)?;
    let mut names: Vec<String> = Vec::new();
    let mut columns: Vec<(usize, FoundColumn)> = Vec::new();
    let mut rows = 0;
    let mut found = ZERO_BYTES;
    while let Some(block) = blocks.next_block()? {
        let mut first_line = block.first_line;
        let mut bytes = block.bytes.as_slice();
        if names.is_empty() {
            let Some((line, header)) = numbered_lines(first_line, bytes).next() else {
                found = BLANK_LINES;
                continue;
            };
            found = HEADER_ALONE;
            names = header_names(path, line, header)?;
            let texts: Vec<&str> = names.iter().map(String::as_str).collect();
            for position in feature_positions(path, &texts, roles, first)? {
                let name = names[position].clone();
                let contents =
                    if is_dense_name(&name) { Contents::Numbers } else { Contents::Ids { largest: 0 } };
                columns.push((position, FoundColumn { name, contents, not_an_id: None }));
            }
            for _ in first_line..=line {
                let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
                bytes = &bytes[end..];
            }
            first_line = line + 1;
        }
        let mut fields = Vec::with_capacity(names.len());
        for (line, text) in numbered_lines(first_line, bytes) {
            split_fields(text, &mut fields)
                .map_err(|()| DataError::Quotes { path: path.to_path_buf(), line })?;
            if fields.len() != names.len() {
                let (found, expected) = (fields.len(), names.len());
                return Err(DataError::FieldCount { path: path.to_path_buf(), line, found, expected });
            }
            for (position, column) in &mut columns {
                let field = &fields[*position];
                match contents_of(field, column.contents) {
                    Ok(contents) => column.contents = contents,
                    Err(CellFault::NotANumber { value, .. }) => {
                        return Err(DataError::TextFeature {
                            path: path.to_path_buf(),
                            place: Some(Place::Line(line)),
                            column: column.name.clone(),
                            value,
                        });
                    }
                    Err(fault @ CellFault::Id { .. }) if column.not_an_id.is_none() => {
                        column.not_an_id = Some(fault.at(path, Place::Line(line), &column.name));
                    }
                    Err(CellFault::Id { .. }) => {}
                    Err(fault) => return Err(fault.at(path, Place::Line(line), &column.name)),
                }
            }
            rows += 1;
        }
    }
    if rows == 0 {
        return Err(DataError::EmptyFile { path: path.to_path_buf(), found });
    }
    Ok(columns.into_iter().map(|(_, column)| column).collect())
}

/// What a column holds after one more of its fields was seen.
fn contents_of(field: &[u8], before: Contents) -> Result<Contents, CellFault> {
    let Contents::Ids { largest } = before else {
        return parse_number(field).map(|_| before);
    };
    match parse_integer(field) {
        Ok(value) => match u32::try_from(value) {
            Ok(id) if (id as usize) < MAX_VOCAB => Ok(Contents::Ids { largest: largest.max(id) }),
            _ => Err(CellFault::Id { value: i128::from(value), vocab_size: MAX_VOCAB }),
        },
        Err(CellFault::Missing { .. }) => Err(CellFault::Missing { expected: AN_ID }),
        Err(_) => parse_number(field).map(|_| Contents::Numbers).map_err(|_| CellFault::NotANumber {
            value: shortened(&String::from_utf8_lossy(field)),
            expected: A_NUMBER,
        }),
    }
}

/// Whether a name is a `D` followed by a digit, which is how Ali-CCP's processed files name dense columns.
pub(crate) fn is_dense_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next() == Some('D') && letters.next().is_some_and(|letter| letter.is_ascii_digit())
}
