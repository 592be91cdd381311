//! An export appears whole or not at all: it is written into a folder of its own beside its place, proved there, and
//! renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xxhash_rust::xxh3::Xxh3;

use crate::error::OnnxError;

/// An export that has no name yet. What was written is removed unless [`Unfinished::finish`] is reached.
#[derive(Debug)]
pub(crate) struct Unfinished {
    target: PathBuf,
    folder: PathBuf,
    name: String,
    place: TempDir,
    data: Option<String>,
    /// The name that the file of external data was given, if it was.
    data_name: Option<String>,
}

/// The digits of the hash in the name of a file of external data.
const HASH_DIGITS: usize = 16;

impl Unfinished {
    /// A place beside the path.
    pub(crate) fn new(path: &Path, data_name: Option<&str>) -> Result<Self, OnnxError> {
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let name = name.ok_or_else(|| OnnxError::Path { path: path.to_owned() })?;
        if path.is_dir() {
            return Err(OnnxError::Path { path: path.to_owned() });
        }
        if let Some(data_name) = data_name.filter(|data_name| !is_data_name(data_name) || *data_name == name)
        {
            return Err(OnnxError::DataName { name: data_name.to_owned() });
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::metadata(&folder).map_err(|source| io_error(&folder, "find the folder", source))?;
        let place = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(&folder);
        let place = place.map_err(|source| io_error(&folder, "write into the folder", source))?;
        let data_name = data_name.map(str::to_owned);
        Ok(Self { target: path.to_owned(), folder, name, place, data: None, data_name })
    }

    /// The model's file as long as it has no name.
    pub(crate) fn model(&self) -> PathBuf {
        self.place.path().join(&self.name)
    }

    /// Writes the file of external data, and gives back its name. A name that was not given holds a hash of the contents:
    /// an older model keeps the file that it refers to until the new model has taken its place.
    pub(crate) fn write_data<T>(
        &mut self,
        contents: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> Result<(String, T), OnnxError> {
        // No file of external data has this name: it would be the folder's.
        let path = self.place.path().join(".data");
        let write = || {
            let mut out = Hashed { file: File::create(&path)?, hash: Xxh3::new() };
            let result = contents(&mut out)?;
            out.file.sync_all()?;
            let hashed = || format!("{}.{:0HASH_DIGITS$x}.data", self.name, out.hash.digest());
            let name = self.data_name.clone().unwrap_or_else(hashed);
            fs::rename(&path, self.place.path().join(&name))?;
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

    /// Syncs everything and gives it its name, the data first. Returns the bytes of the files.
    pub(crate) fn finish(self) -> Result<u64, OnnxError> {
        let finish = || {
            let file = File::open(self.model())?;
            file.sync_all()?;
            let mut bytes = file.metadata()?.len();
            if let Some(data) = &self.data {
                bytes += fs::metadata(self.place.path().join(data))?.len();
                fs::rename(self.place.path().join(data), self.folder.join(data))?;
                sync(&self.folder)?;
            }
            fs::rename(self.model(), &self.target)?;
            sync(&self.folder)?;
            Ok(bytes)
        };
        let bytes = finish().map_err(|source| self.failed(source))?;
        self.remove_old_data();
        Ok(bytes)
    }

    /// Removes the data of models that this one has replaced; one that stays costs space and nothing else.
    fn remove_old_data(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let file = entry.file_name();
            let hash = file
                .to_str()
                .and_then(|file| file.strip_prefix(&self.name)?.strip_prefix('.')?.strip_suffix(".data"));
            let is_ours = hash.is_some_and(|hash| {
                hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
            if is_ours && file.to_str() != self.data.as_deref() {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn failed(&self, source: io::Error) -> OnnxError {
        io_error(&self.target, "write the file", source)
    }
}

/// An error with the path that the user knows.
fn io_error(path: &Path, action: &'static str, source: io::Error) -> OnnxError {
    OnnxError::Io { path: path.to_owned(), action, source }
}

/// Makes a rename survive a loss of power. On systems that cannot open folders there is nothing to do.
fn sync(folder: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
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
                "{}: could not write the file: no storage space\n\
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
