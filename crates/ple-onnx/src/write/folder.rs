//! The files of an export: a model and its external data, proved in a folder of their own before they get their names.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ple_files::{FileError, WholeFiles};
use xxhash_rust::xxh3::Xxh3;

use crate::error::OnnxError;

/// An export that has no name yet. What was written is removed unless [`Unfinished::finish`] is reached.
#[derive(Debug)]
pub(crate) struct Unfinished {
    target: PathBuf,
    files: WholeFiles,
    data: Option<String>,
    /// The name that the file of external data was given, if it was.
    data_name: Option<String>,
}

/// The digits of the hash in the name of a file of external data.
const HASH_DIGITS: usize = 16;

impl Unfinished {
    /// A place beside the path.
    pub(crate) fn new(path: &Path, data_name: Option<&str>) -> Result<Self, OnnxError> {
        let files = WholeFiles::begin(path)?;
        check_path(Path::new(files.name())).map_err(|_| OnnxError::Ending { path: path.to_owned() })?;
        if let Some(data_name) =
            data_name.filter(|data_name| !is_data_name(data_name) || *data_name == files.name())
        {
            return Err(OnnxError::DataName { name: data_name.to_owned() });
        }
        Ok(Self { target: path.to_owned(), files, data: None, data_name: data_name.map(str::to_owned) })
    }

    /// The model's file as long as it has no name.
    pub(crate) fn model(&self) -> PathBuf {
        self.files.path().join(self.files.name())
    }

    /// Writes the file of external data, and gives back its name. A name that was not given holds a hash of the contents:
    /// an older model keeps the file that it refers to until the new model has taken its place.
    pub(crate) fn write_data<T>(
        &mut self,
        contents: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> Result<(String, T), OnnxError> {
        // No file of external data has this name: it would be the folder's.
        let path = self.files.path().join(".data");
        let write = || {
            let mut out = Hashed { file: File::create(&path)?, hash: Xxh3::new() };
            let result = contents(&mut out)?;
            let hashed = || format!("{}.{:0HASH_DIGITS$x}.data", self.files.name(), out.hash.digest());
            let name = self.data_name.clone().unwrap_or_else(hashed);
            fs::rename(&path, self.files.path().join(&name))?;
            Ok((name, result))
        };
        let (name, result) = write().map_err(|source| self.failed(source))?;
        self.data = Some(name.clone());
        Ok((name, result))
    }

    /// Writes the model's file.
    pub(crate) fn write_model(
        &self,
        contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), OnnxError> {
        let write = || {
            let mut file = io::BufWriter::new(File::create(self.model())?);
            contents(&mut file)?;
            file.flush()
        };
        write().map_err(|source| self.failed(source))
    }

    /// Appends to the model's file.
    pub(crate) fn append(&self, bytes: &[u8]) -> Result<(), OnnxError> {
        let append = || fs::OpenOptions::new().append(true).open(self.model())?.write_all(bytes);
        append().map_err(|source| self.failed(source))
    }

    /// Gives everything its name, the data first. Returns the bytes of the files.
    pub(crate) fn finish(self) -> Result<u64, OnnxError> {
        let size = |path: PathBuf| fs::metadata(path).map_err(|source| self.failed(source));
        let mut bytes = size(self.model())?.len();
        if let Some(data) = &self.data {
            bytes += size(self.files.path().join(data))?.len();
            self.files.give_name(data)?;
        }
        let (name, place) = (self.files.name().to_owned(), self.files.place("."));
        self.files.finish()?;
        remove_old_data(&place, &name, self.data.as_deref());
        Ok(bytes)
    }

    fn failed(&self, source: io::Error) -> OnnxError {
        FileError::writing(&self.target, source).into()
    }
}

/// Checks that a model may have this name: the runtime that proves it knows the format by the ending.
///
/// ```
/// use std::path::Path;
///
/// assert!(ple_onnx::check_path(Path::new("served/model.onnx")).is_ok());
/// assert_eq!(ple_onnx::check_path(Path::new("served/model.bin")).unwrap_err().exit_code(), 2);
/// ```
///
/// # Errors
/// [`OnnxError::Ending`].
pub fn check_path(path: &Path) -> Result<(), OnnxError> {
    match path.extension().is_some_and(|ending| ending == "onnx") {
        true => Ok(()),
        false => Err(OnnxError::Ending { path: path.to_owned() }),
    }
}

/// Removes the data of models that a new one has replaced; one that stays costs space and nothing else.
fn remove_old_data(folder: &Path, model: &str, data: Option<&str>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let hash =
            file.to_str().and_then(|file| file.strip_prefix(model)?.strip_prefix('.')?.strip_suffix(".data"));
        let is_ours = hash.is_some_and(|hash| {
            hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if is_ours && file.to_str() != data {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a name is that of a file in the same folder on every system (no separators, no drives, no dots alone) with the
/// ending that runtimes want.
fn is_data_name(name: &str) -> bool {
    let forbidden = |character: char| matches!(character, '/' | '\\' | ':') || character.is_control();
    name.ends_with(".data") && !name.starts_with('.') && !name.contains(forbidden)
}

struct Hashed {
    file: File,
    hash: Xxh3,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Write};

    use super::Unfinished;

    /// Writes some bytes, until the disk is full.
    fn until_full(out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&[0; 100])?;
        Err(io::ErrorKind::StorageFull.into())
    }

    #[test]
    fn a_full_disk_leaves_the_older_model_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        fs::write(&path, "an older model").unwrap();
        let model = |name| {
            let unfinished = Unfinished::new(&path, name).unwrap();
            unfinished.write_model(until_full).unwrap_err()
        };
        let data = |name| {
            let mut unfinished = Unfinished::new(&path, name).unwrap();
            unfinished.write_model(|out| out.write_all(b"a newer model")).unwrap();
            unfinished.write_data(until_full).unwrap_err()
        };
        for error in [model(None), data(None), data(Some("values.data"))] {
            let expected = format!(
                "{}: could not write: no storage space\n\
                 next: check the permissions, the free space and the disk",
                path.display()
            );
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.exit_code(), 74);
            let files: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(files, ["model.onnx"]);
            assert_eq!(fs::read_to_string(&path).unwrap(), "an older model");
        }
    }
}
