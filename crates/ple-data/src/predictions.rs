//! Writes what a model predicted, beside the keys of the rows, in file order: all at once, or piece by piece.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;

use ple_files::WholeFile;

use crate::error::DataError;
use crate::output_columns::refuse_same_names;
use crate::write_parquet::{plain_error, writer_properties};

/// Writes predictions as Parquet: first the keys `(name, values)`, then one `Float32` column for each task.
///
/// Row r of the file is row r of the table that was predicted; pass that table's keys. The file appears whole or not at
/// all.
///
/// # Errors
///
/// [`DataError::Length`] if the columns have different lengths or there is not one for each task,
/// [`DataError::OutputColumn`] if two columns have one name, [`DataError::File`] if the file cannot be written.
///
/// # Examples
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("predictions.parquet");
/// ple_data::write_predictions(&path, &["click"], &[vec![0.25, 0.75]], &[])?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_predictions(
    path: impl AsRef<Path>,
    task_names: &[impl AsRef<str>],
    columns: &[Vec<f32>],
    keys: &[(String, ArrayRef)],
) -> Result<(), DataError> {
    let mut writer = PredictionWriter::create(path, task_names)?;
    writer.write(columns, keys)?;
    writer.finish()
}

/// Writes predictions as [`write_predictions`] does, but piece by piece, so that there may be more than memory holds.
///
/// The file has its name from [`finish`](PredictionWriter::finish) on; a writer that is dropped before leaves nothing.
///
/// # Examples
///
/// ```
/// use ple_data::PredictionWriter;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("predictions.parquet");
/// let mut writer = PredictionWriter::create(&path, &["click"])?;
/// writer.write(&[vec![0.25, 0.75]], &[])?;
/// writer.write(&[vec![0.5]], &[])?;
/// assert!(!path.exists());
/// writer.finish()?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PredictionWriter {
    path: PathBuf,
    task_names: Vec<String>,
    /// Before the first piece there are no types of keys, so no columns.
    state: State,
}

#[derive(Debug)]
enum State {
    Empty(WholeFile),
    Begun(Box<ArrowWriter<WholeFile>>, Arc<Schema>),
    Failed,
}

impl PredictionWriter {
    /// A file to be, whose columns of predictions have the names of the tasks.
    ///
    /// # Errors
    ///
    /// [`DataError::OutputColumn`] if two tasks have one name, [`DataError::File`] if the file cannot be written.
    pub fn create(path: impl AsRef<Path>, task_names: &[impl AsRef<str>]) -> Result<Self, DataError> {
        let path = path.as_ref().to_path_buf();
        let task_names: Vec<String> = task_names.iter().map(|name| name.as_ref().to_owned()).collect();
        refuse_same_names(&path, task_names.iter().map(String::as_str))?;
        let state = State::Empty(WholeFile::create(&path)?);
        Ok(Self { path, task_names, state })
    }

    /// Appends the predictions of some rows, a list for each task, and the keys of these rows, which have the same names
    /// and types in each call.
    ///
    /// # Errors
    ///
    /// As [`write_predictions`]. After an error of this kind the writer takes nothing more.
    pub fn write(&mut self, columns: &[Vec<f32>], keys: &[(String, ArrayRef)]) -> Result<(), DataError> {
        let (schema, arrays) = self.arrays(columns, keys)?;
        let failed = |error| DataError::io(&self.path, "write", error);
        let (mut writer, schema) = match std::mem::replace(&mut self.state, State::Failed) {
            State::Begun(writer, schema) => (writer, schema),
            State::Failed => return Err(failed(std::io::Error::other("writing has failed before"))),
            State::Empty(file) => {
                let schema = Arc::new(schema);
                let writer =
                    ArrowWriter::try_new(file, Arc::clone(&schema), Some(writer_properties().build()));
                (Box::new(writer.map_err(plain_error).map_err(failed)?), schema)
            }
        };
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(std::io::Error::other);
        let batch = batch.map_err(failed)?;
        writer.write(&batch).map_err(plain_error).map_err(failed)?;
        self.state = State::Begun(writer, schema);
        Ok(())
    }

    /// Puts the file on the disk and gives it its name.
    ///
    /// # Errors
    ///
    /// [`DataError::File`] if it cannot be written, and if nothing was.
    pub fn finish(self) -> Result<(), DataError> {
        let failed = |error| DataError::io(&self.path, "write", error);
        match self.state {
            State::Begun(writer, _) => {
                Ok(writer.into_inner().map_err(plain_error).map_err(failed)?.finish()?)
            }
            State::Empty(_) => Err(failed(std::io::Error::other("there is no prediction"))),
            State::Failed => Err(failed(std::io::Error::other("writing has failed before"))),
        }
    }

    /// The columns of a piece, keys first, after a check of their lengths and names.
    fn arrays(
        &self,
        columns: &[Vec<f32>],
        keys: &[(String, ArrayRef)],
    ) -> Result<(Schema, Vec<ArrayRef>), DataError> {
        let check = |what: String, found: usize, expected: usize| match found == expected {
            true => Ok(()),
            false => Err(DataError::Length { what, found, expected }),
        };
        check("the list of predictions".to_string(), columns.len(), self.task_names.len())?;
        let rows = columns.first().map_or(0, Vec::len);
        let mut fields = Vec::with_capacity(keys.len() + columns.len());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(keys.len() + columns.len());
        for (name, key) in keys {
            check(format!("the key `{name}`"), key.len(), rows)?;
            fields.push(Field::new(name, key.data_type().clone(), true));
            arrays.push(Arc::clone(key));
        }
        for (name, column) in self.task_names.iter().zip(columns) {
            check(format!("the predictions of `{name}`"), column.len(), rows)?;
            fields.push(Field::new(name, DataType::Float32, false));
            arrays.push(Arc::new(Float32Array::from(column.clone())));
        }
        refuse_same_names(&self.path, fields.iter().map(|field| field.name().as_str()))?;
        Ok((Schema::new(fields), arrays))
    }
}
