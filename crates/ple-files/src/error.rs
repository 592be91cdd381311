//! What can be wrong with a file, as input or as output. A message has up to three lines: what was found and where, what
//! was expected, and what to do next.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::exit_kind::ExitKind;
use crate::what::What;

/// An error about a file or a folder.
///
/// ```
/// use ple_files::{ExitKind, FileError};
///
/// let error = FileError::Missing { path: "train.csv".into() };
/// assert_eq!(error.kind(), ExitKind::MissingInput);
/// assert!(error.to_string().starts_with("train.csv: there is no such file"));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// A file or folder that is to be read is not there.
    #[error("{}: there is no such file or folder\nnext: check the path; a relative one starts at the folder that the program was started in", path.display())]
    Missing {
        /// What was asked for.
        path: PathBuf,
    },

    /// The operating system refused an operation.
    #[error("{}: could not {action}: {source}\nnext: check the permissions, the free space and the disk", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done: `read`, `write`, ...
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },

    /// An input is no regular file.
    #[error("{}: found {found}\nexpected: a regular file\nnext: {}", path.display(), way_on(*found))]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it leads to.
        found: What,
    },

    /// A file stands where a folder is meant.
    #[error("{}: found {found}\nexpected: a folder\nnext: name the folder that holds the files", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
        /// What it leads to.
        found: What,
    },

    /// A file of text is not UTF-8.
    #[error("{}, line {line}: the text is not UTF-8\nexpected: a file in UTF-8\nnext: save the file as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is none of UTF-8, counted from 1.
        line: usize,
    },

    /// A file is larger than any of its sort would be.
    #[error("{}: the file has more than {limit} bytes\nexpected: at most so many, since it is read into memory as a whole\nnext: check that it is the right file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes that it may have.
        limit: u64,
    },

    /// An output would replace what is no file, or what is no folder.
    #[error("{}: found {found} where {expected} is to be written\nexpected: {expected}, or nothing yet\nnext: choose another output", path.display())]
    OutputKind {
        /// The output.
        path: PathBuf,
        /// What is there.
        found: What,
        /// `a file` or `a folder`.
        expected: What,
    },

    /// A folder that is to be made is there already, with something in it.
    #[error("{}: the folder is not empty\nexpected: a folder that does not exist yet, or an empty one\nnext: choose another output, or remove the folder", path.display())]
    OutputExists {
        /// The output.
        path: PathBuf,
    },

    /// An output would replace what the program reads.
    #[error("{}: {option} would replace an input{}\nexpected: an output that is none of the files that are read\nnext: choose another output", path.display(), also_called(path, input))]
    OutputIsInput {
        /// The output.
        path: PathBuf,
        /// The option that names it.
        option: String,
        /// The name of the input, or of the first one inside of the output.
        input: PathBuf,
    },

    /// Two outputs would be at one place, or one inside of the other.
    #[error("{}: {} and {} would replace each other\nexpected: another place for each output\nnext: choose another path for one of them", path.display(), options[0], options[1])]
    OutputTwice {
        /// The second output.
        path: PathBuf,
        /// The options that name the two.
        options: [String; 2],
    },

    /// The path of an output does not end in a name.
    #[error("{}: there is no name to write to\nexpected: a path that ends in a name\nnext: choose another output", path.display())]
    OutputName {
        /// The output.
        path: PathBuf,
    },

    /// Another process is making the same output.
    #[error("{}: another process is writing here\nexpected: one process at a time for each output\nnext: wait until it has ended, or choose another output", path.display())]
    Busy {
        /// The output.
        path: PathBuf,
    },
}

impl FileError {
    /// The kind of end that a program comes to by this error.
    pub fn kind(&self) -> ExitKind {
        match self {
            FileError::Missing { .. } => ExitKind::MissingInput,
            FileError::Io { .. } | FileError::Busy { .. } => ExitKind::InputOutput,
            FileError::NotAFile { .. }
            | FileError::NotAFolder { .. }
            | FileError::NotUtf8 { .. }
            | FileError::TooLong { .. } => ExitKind::BadData,
            FileError::OutputKind { .. }
            | FileError::OutputExists { .. }
            | FileError::OutputIsInput { .. }
            | FileError::OutputTwice { .. }
            | FileError::OutputName { .. } => ExitKind::Configuration,
        }
    }

    /// An error of the operating system while something was read. A file that is not there is told apart, and so is one
    /// that stands where a folder is meant.
    pub fn reading(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => FileError::Missing { path: path.to_path_buf() },
            io::ErrorKind::NotADirectory => {
                let above = path.ancestors().skip(1).map(|above| (above, What::is_at(above)));
                let file = above.into_iter().find_map(|(above, what)| Some((above, what.ok()??)));
                let (path, found) = file.unwrap_or((path, What::File));
                FileError::NotAFolder { path: path.to_path_buf(), found }
            }
            _ => FileError::Io { path: path.to_path_buf(), action: "read", source },
        }
    }

    /// An error of the operating system while an output was written.
    pub fn writing(path: &Path, source: io::Error) -> Self {
        FileError::Io { path: path.to_path_buf(), action: "write", source }
    }
}

/// The name under which an output is read, where it is another one.
fn also_called(output: &Path, input: &Path) -> String {
    match output == input {
        true => String::new(),
        false => format!(", {}", input.display()),
    }
}

/// What to do with an input that is no regular file.
fn way_on(found: What) -> &'static str {
    match found {
        What::Pipe | What::Device => {
            "write its contents into a file, and name that: inputs are read more than once"
        }
        What::BrokenLink => "correct the link",
        _ => "check the path",
    }
}
