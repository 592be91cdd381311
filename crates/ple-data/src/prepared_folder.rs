//! A folder of prepared rows, of whichever kind its `schema.json` says.

use std::path::{Path, PathBuf};

use crate::ali_ccp_raw::{ALI_CCP_FORMATS, PREPARED_SCHEMA, Prepared, PreparedSchema, RawError, ShardFacts};
use crate::error::DataError;
use crate::output_folder::FileFacts;
use crate::prepare::{PreparedTable, TABLE_FORMATS, TableSchema};
use crate::recorded::RecordedKind;
use crate::schema::FeatureSchema;
use crate::schema_file::SchemaText;
use crate::transformation_hash::Lineage;

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

impl PreparedFolder {
    /// Opens a folder, and reads its vocabularies; `None` for one that has no `schema.json`, or one of another purpose.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::open`] and [`PreparedTable::open`].
    pub fn find(folder: impl AsRef<Path>) -> Result<Option<Self>, DataError> {
        let folder = folder.as_ref();
        Ok(match RecordedFolder::find(folder)? {
            None => None,
            Some(RecordedFolder::AliCcp(_)) => {
                Some(PreparedFolder::AliCcp(Box::new(Prepared::open(folder)?)))
            }
            Some(RecordedFolder::Table(_)) => {
                Some(PreparedFolder::Table(Box::new(PreparedTable::open(folder)?)))
            }
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            PreparedFolder::AliCcp(prepared) => prepared.folder(),
            PreparedFolder::Table(prepared) => prepared.folder(),
        }
    }

    /// The transformation that made the rows. A folder that was prepared before such hashes were written has one all the
    /// same: its vocabularies are read for it.
    ///
    /// # Errors
    ///
    /// What is wrong with the vocabularies.
    pub fn lineage(&self) -> Result<Lineage, DataError> {
        match self {
            PreparedFolder::AliCcp(prepared) => prepared.lineage(),
            PreparedFolder::Table(prepared) => prepared.lineage(),
        }
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

/// What the `schema.json` of a prepared folder says, without a look at the files that it names.
pub(crate) enum RecordedFolder {
    AliCcp(Box<PreparedSchema>),
    Table(Box<TableSchema>),
}

impl RecordedFolder {
    /// Reads the `schema.json` of a folder; `None` if it has none, or one of another purpose.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, DataError> {
        let path = folder.join(PREPARED_SCHEMA);
        if !path.exists() {
            return Ok(None);
        }
        let Some(text) = SchemaText::read(&path)? else { return Ok(None) };
        Ok(Some(match TABLE_FORMATS.knows(&text.format) {
            true => RecordedFolder::Table(Box::new(text.parse(&path, TABLE_FORMATS)?)),
            false => RecordedFolder::AliCcp(Box::new(text.parse(&path, ALI_CCP_FORMATS)?)),
        }))
    }

    /// Every file that is named, with what it is.
    pub(crate) fn files(&self) -> Box<dyn Iterator<Item = (&FileFacts, RecordedKind)> + '_> {
        let rows = |shard: &ShardFacts| RecordedKind::Rows(shard.rows);
        match self {
            RecordedFolder::AliCcp(schema) => {
                let shards = schema.parts.iter().flat_map(|part| &part.shards);
                let others = schema.vocabularies.iter().map(|vocabulary| &vocabulary.file);
                let others = others.chain(schema.common.shards.iter().map(|shard| &shard.file));
                let shards = shards.map(move |shard| (&shard.file, rows(shard)));
                Box::new(shards.chain(others.map(|file| (file, RecordedKind::Other))))
            }
            RecordedFolder::Table(schema) => {
                let shards = schema.parts.iter().flat_map(|part| &part.shards);
                let shards = shards.map(move |shard| (&shard.file, rows(shard)));
                Box::new(shards.chain(schema.vocabulary_files().map(|file| (file, RecordedKind::Other))))
            }
        }
    }

    /// The first part that has rows.
    fn first_part(&self) -> String {
        let mut names: Box<dyn Iterator<Item = &String>> = match self {
            RecordedFolder::AliCcp(schema) => Box::new(schema.parts.iter().map(|part| &part.name)),
            RecordedFolder::Table(schema) => Box::new(schema.parts.iter().map(|part| &part.name)),
        };
        names.next().cloned().unwrap_or_default()
    }

    /// The shards of one part, in order, or of all parts.
    fn shards(&self, part: Option<&str>) -> Vec<&FileFacts> {
        let is_wanted = |name: &str| part.is_none_or(|part| part == name);
        match self {
            RecordedFolder::AliCcp(schema) => {
                let parts = schema.parts.iter().filter(|part| is_wanted(&part.name));
                parts.flat_map(|part| &part.shards).map(|shard| &shard.file).collect()
            }
            RecordedFolder::Table(schema) => {
                let parts = schema.parts.iter().filter(|part| is_wanted(&part.name));
                parts.flat_map(|part| &part.shards).map(|shard| &shard.file).collect()
            }
        }
    }
}

/// Where the rows of a folder lie that is a prepared one, or a part of it: the shards that its `schema.json` names, of
/// which none may be missing. `None` for any other folder.
pub(crate) fn shards_below(folder: &Path) -> Result<Option<Vec<PathBuf>>, DataError> {
    let in_folder = |home: &Path, recorded: &RecordedFolder, part| {
        let shards = recorded.shards(part).into_iter();
        shards.map(|facts| facts.place(home)).collect::<Result<Vec<_>, _>>()
    };
    if let Some(recorded) = RecordedFolder::find(folder)? {
        return in_folder(folder, &recorded, None).map(Some);
    }
    let Some((home, part)) = home_and_part(folder) else { return Ok(None) };
    let Some(recorded) = RecordedFolder::find(&home)? else { return Ok(None) };
    let shards = in_folder(&home, &recorded, Some(&part))?;
    Ok((!shards.is_empty()).then_some(shards))
}

/// The shards of the part `test` of a prepared folder; `None` for any other path.
pub(crate) fn test_part(folder: &Path) -> Result<Option<Vec<PathBuf>>, DataError> {
    let Some(recorded) = RecordedFolder::find(folder)? else { return Ok(None) };
    let shards = recorded.shards(Some("test"));
    if shards.is_empty() {
        let path = folder.to_path_buf();
        return Err(RawError::NoTestPart { path, other: recorded.first_part() }.into());
    }
    shards.into_iter().map(|facts| facts.place(folder)).collect::<Result<_, _>>().map(Some)
}

/// The folder above, and the name of this one.
fn home_and_part(folder: &Path) -> Option<(PathBuf, String)> {
    let name = |folder: &Path| Some(folder.file_name()?.to_str()?.to_owned());
    match (folder.parent(), name(folder)) {
        (Some(home), Some(part)) => Some((home.to_path_buf(), part)),
        // The folder is given as `.` or `..`, which has a name all the same.
        _ => {
            let folder = folder.canonicalize().ok()?;
            Some((folder.parent()?.to_path_buf(), name(&folder)?))
        }
    }
}
