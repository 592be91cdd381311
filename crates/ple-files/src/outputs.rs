//! Everything that a program will write, checked before it reads its first row.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::claim::{Claim, folder_of};
use crate::error::FileError;
use crate::folder_lock::create_folder;
use crate::what::{Identity, What};

/// The outputs of a program, each with the option that names it, and its inputs.
///
/// ```
/// use ple_files::{ExitKind, Outputs};
///
/// let folder = tempfile::tempdir()?;
/// let rows = folder.path().join("test.csv");
/// std::fs::write(&rows, "user,click\n1,0\n")?;
/// let model = folder.path().join("model");
/// Outputs::new().folder(&model, "--out").file(&folder.path().join("scores.csv"), "--predictions").check()?;
///
/// let error = Outputs::new().file(&rows, "--predictions").inputs([&rows]).check().unwrap_err();
/// assert_eq!(error.kind(), ExitKind::Configuration);
/// assert!(error.to_string().contains("--predictions would replace an input"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Outputs {
    outputs: Vec<Output>,
    inputs: Vec<PathBuf>,
}

#[derive(Debug)]
struct Output {
    path: PathBuf,
    option: String,
    form: Form,
}

/// What an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A file, new or in the place of an older one.
    File,
    /// A folder that outputs go into, beside what others have there.
    Folder,
    /// A folder in which everything is the program's.
    OwnFolder,
    /// A folder that is not there yet, or is empty.
    NewFolder,
}

impl Outputs {
    /// No output yet.
    pub fn new() -> Self {
        Outputs::default()
    }

    /// A file, which may replace an older one.
    #[must_use]
    pub fn file(self, path: &Path, option: &str) -> Self {
        self.with(path, option, Form::File)
    }

    /// A folder that outputs go into; what else is in it is left alone. It is made if it is not there.
    #[must_use]
    pub fn folder(self, path: &Path, option: &str) -> Self {
        self.with(path, option, Form::Folder)
    }

    /// A folder in which everything is the program's, so that it may remove what is there. It is not made.
    #[must_use]
    pub fn own_folder(self, path: &Path, option: &str) -> Self {
        self.with(path, option, Form::OwnFolder)
    }

    /// A folder that appears as a whole, where there is nothing yet, or an empty folder.
    #[must_use]
    pub fn new_folder(self, path: &Path, option: &str) -> Self {
        self.with(path, option, Form::NewFolder)
    }

    /// Files and folders that the program reads. Names in buckets are no local files, and cannot be replaced.
    #[must_use]
    pub fn inputs<P: AsRef<Path>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.inputs.extend(paths.into_iter().map(|path| path.as_ref().to_path_buf()));
        self
    }

    fn with(mut self, path: &Path, option: &str, form: Form) -> Self {
        self.outputs.push(Output { path: path.to_path_buf(), option: option.to_owned(), form });
        self
    }

    /// Checks that each output can be written, is of its form, is no input and no other output, and that no other process
    /// is writing it. What killed processes have left of it is removed. Folders for outputs are made.
    ///
    /// # Errors
    ///
    /// [`FileError::OutputIsInput`], [`FileError::OutputTwice`], [`FileError::OutputKind`], [`FileError::OutputExists`],
    /// [`FileError::OutputName`], [`FileError::Busy`] and [`FileError::Io`].
    pub fn check(&self) -> Result<(), FileError> {
        // First what leaves everything as it is.
        self.outputs.iter().try_for_each(Output::check_form)?;
        self.refuse_inputs()?;
        self.refuse_two_at_one_place()?;
        self.outputs.iter().try_for_each(Output::probe)
    }

    fn refuse_inputs(&self) -> Result<(), FileError> {
        let identities: HashMap<Identity, &Path> =
            self.inputs.iter().filter_map(|path| Some((Identity::at(path)?, path.as_path()))).collect();
        for output in &self.outputs {
            let replaced = match output.form {
                Form::File => Identity::at(&output.path).and_then(|found| identities.get(&found).copied()),
                Form::Folder => None,
                Form::OwnFolder | Form::NewFolder => {
                    let place = resolved(&output.path);
                    let inputs = self.inputs.iter().filter(|input| input.exists());
                    inputs.map(PathBuf::as_path).find(|input| resolved(input).starts_with(&place))
                }
            };
            if let Some(input) = replaced {
                let (path, option, input) = (output.path.clone(), output.option.clone(), input.to_path_buf());
                return Err(FileError::OutputIsInput { path, option, input });
            }
        }
        Ok(())
    }

    fn refuse_two_at_one_place(&self) -> Result<(), FileError> {
        let places: Vec<PathBuf> = self.outputs.iter().map(|output| resolved(&output.path)).collect();
        for (second, output) in self.outputs.iter().enumerate() {
            for (first, other) in self.outputs[..second].iter().enumerate() {
                let is_same = places[first] == places[second]
                    || Identity::at(&output.path)
                        .is_some_and(|found| Some(found) == Identity::at(&other.path));
                let is_inside = |outer: usize, inner: usize| {
                    self.outputs[outer].form != Form::Folder && places[inner].starts_with(&places[outer])
                };
                if is_same || is_inside(first, second) || is_inside(second, first) {
                    let options = [other.option.clone(), output.option.clone()];
                    return Err(FileError::OutputTwice { path: output.path.clone(), options });
                }
            }
        }
        Ok(())
    }
}

impl Output {
    fn expected(&self) -> What {
        match self.form {
            Form::File => What::File,
            Form::Folder | Form::OwnFolder | Form::NewFolder => What::Folder,
        }
    }

    /// Refuses what stands at the output's place and is nothing that it may replace.
    fn check_form(&self) -> Result<(), FileError> {
        let (path, expected) = (self.path.clone(), self.expected());
        match What::is_at(&path).map_err(|source| FileError::writing(&path, source))? {
            Some(found) if found != expected => Err(FileError::OutputKind { path, found, expected }),
            _ => Ok(()),
        }
    }

    /// Begins the output and gives it up again, which shows that it can be begun.
    fn probe(&self) -> Result<(), FileError> {
        match self.form {
            Form::File => Claim::of(&self.path, What::File).map(drop),
            Form::Folder => create_folder(&self.path),
            // Made when something is put into it, in a folder that is checked on its own.
            Form::OwnFolder => Ok(()),
            Form::NewFolder => {
                let above = folder_of(&self.path);
                fs::create_dir_all(above).map_err(|source| FileError::writing(&self.path, source))?;
                Claim::of(&self.path, What::Folder).map(drop)
            }
        }
    }
}

/// A path without links and dots. What it does not lead to yet has no links, so there a dot is what it says.
fn resolved(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for above in whole.ancestors() {
        if let (Ok(found), Ok(rest)) = (above.canonicalize(), whole.strip_prefix(above)) {
            return rest.components().fold(found, |mut place, part| {
                match part {
                    Component::ParentDir => _ = place.pop(),
                    part => place.push(part),
                }
                place
            });
        }
    }
    whole
}
