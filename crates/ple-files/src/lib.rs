//! Files as a program meets them: outputs that appear whole or not at all, inputs that are what they should be, and the
//! code that a program ends with when they are not.
//!
//! - [`WholeFile`] and [`write_whole`] write a file under another name, put it on the disk, and then give it its name.
//! - [`WholeFolder`] does the same for a folder, [`WholeFiles`] for files that belong together; [`FolderLock`] keeps a second process out of one that is there already.
//! - [`Outputs`] checks everything that a program will write before it reads its first row.
//! - [`open_file`] and [`read_text`] refuse what is no regular file before it is opened: a pipe would wait for ever.
//! - [`FileError`] says what went wrong in up to three lines, and [`ExitKind`] with which code a program ends.
//!
//! **Invariants.** An output has its name only once all of it is on the disk. One process at a time makes an output;
//! another one that tries is told so at once. What a killed process left is removed by the next one that makes the same
//! output, and what a living one is making never is. A new file has the permissions that the umask gives it.
//!
//! # Examples
//!
//! ```
//! use std::io::Write;
//!
//! use ple_files::{ExitKind, read_text, write_whole};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("notes.txt");
//! write_whole(&path, |file| file.write_all(b"all of it"))?;
//! assert_eq!(read_text(&path, 1 << 20)?, "all of it");
//!
//! let error = read_text(folder.path(), 1 << 20).unwrap_err();
//! assert!(error.to_string().contains("found a folder\nexpected: a regular file"));
//! assert_eq!(error.kind(), ExitKind::BadData);
//! assert_eq!(error.kind().code(), 65);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod claim;
mod error;
mod exit_kind;
mod folder_lock;
mod input;
mod outputs;
mod what;
mod whole_file;
mod whole_files;
mod whole_folder;

pub use claim::remove_unfinished;
pub use error::FileError;
pub use exit_kind::ExitKind;
pub use folder_lock::{FolderLock, create_folder, sync_folder};
pub use input::{MOST_TEXT_BYTES, open_file, read_bytes, read_text};
pub use outputs::Outputs;
pub use what::What;
pub use whole_file::{WholeFile, write_whole};
pub use whole_files::{WholeFiles, give_second_name};
pub use whole_folder::WholeFolder;
