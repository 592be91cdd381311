//! A folder of prepared rows, of whichever kind its `schema.json` says.

use std::path::{Path, PathBuf};

use ple_files::{MOST_TEXT_BYTES, read_bytes};
use serde::Deserialize;

use crate::ali_ccp_raw::{PREPARED_SCHEMA, Prepared};
use crate::error::DataError;
use crate::prepare::{PreparedTable, TABLE_FORMAT};
use crate::schema::FeatureSchema;

/// A folder that `cargo xtask data` has prepared.
///
/// # Examples
///
/// ```
/// use ple_data::PreparedFolder;
/// use ple_data::prepare::{FeatureFile, Fitting, PrepareConfig, TableInput, prepare_table};
///
/// let folder = tempfile::tempdir()?;
/// let (file, out) = (folder.path().join("train.csv"), folder.path().join("prepared"));
/// std::fs::write(&file, "user,click\nanna,1\n")?;
/// let features = FeatureFile::parse("features.toml", "[[sparse]]\nname = \"user\"\n[[label]]\nname = \"click\"\n")?;
/// let input = TableInput::find(&[&file])?;
/// prepare_table(&input, Fitting::New(&features), &out, &PrepareConfig::default(), &|_| ())?;
///
/// assert!(PreparedFolder::find(folder.path())?.is_none());
/// let prepared = PreparedFolder::find(&out)?.ok_or("there is a schema.json")?;
/// assert_eq!(prepared.shards("train")?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum PreparedFolder {
    /// Raw files of Ali-CCP.
    AliCcp(Box<Prepared>),
    /// Any table, by a feature file.
    Table(Box<PreparedTable>),
}

/// What tells the kinds apart.
#[derive(Deserialize)]
struct Format {
    format: String,
}

impl PreparedFolder {
    /// Opens a folder; `None` for one that has no `schema.json`.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::open`] and [`PreparedTable::open`].
    pub fn find(folder: impl AsRef<Path>) -> Result<Option<Self>, DataError> {
        let path = folder.as_ref().join(PREPARED_SCHEMA);
        if !path.exists() {
            return Ok(None);
        }
        let text = read_bytes(&path, MOST_TEXT_BYTES)?;
        let format = serde_json::from_slice(&text).map_or(String::new(), |Format { format }| format);
        Ok(Some(match format.as_str() {
            TABLE_FORMAT => PreparedFolder::Table(Box::new(PreparedTable::open(folder)?)),
            _ => PreparedFolder::AliCcp(Box::new(Prepared::open(folder)?)),
        }))
    }

    /// What the columns of the row shards mean.
    pub fn schema(&self) -> &FeatureSchema {
        match self {
            PreparedFolder::AliCcp(prepared) => &prepared.schema.schema,
            PreparedFolder::Table(prepared) => &prepared.schema.schema,
        }
    }

    /// The same, without labels where the rows have none.
    pub(crate) fn schema_of_rows(&self) -> FeatureSchema {
        let mut schema = self.schema().clone();
        if let PreparedFolder::Table(prepared) = self
            && prepared.schema.parts.iter().all(|part| part.tasks.is_empty())
        {
            schema.labels.clear();
        }
        schema
    }

    /// The shards of a part, in order.
    ///
    /// # Errors
    ///
    /// A shard that is not there with its size, or a name that leads out of the folder.
    pub fn shards(&self, part: &str) -> Result<Vec<PathBuf>, DataError> {
        match self {
            PreparedFolder::AliCcp(prepared) => prepared.shards(part),
            PreparedFolder::Table(prepared) => prepared.shards(part),
        }
    }
}
