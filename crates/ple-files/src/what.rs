//! What a path leads to, and whether two paths lead to the same.

use std::fmt;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// What a path leads to, in the words of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// An ordinary file.
    File,
    /// A folder.
    Folder,
    /// A named pipe, or one that a shell made for `<(...)` or `|`.
    Pipe,
    /// A socket.
    Socket,
    /// A device, such as `/dev/null`.
    Device,
    /// A link whose target is not there.
    BrokenLink,
}

impl What {
    /// What a path leads to, through links; `None` if nothing is there.
    ///
    /// # Errors
    ///
    /// What the operating system refuses, as where a folder may not be searched.
    pub fn is_at(path: &Path) -> io::Result<Option<What>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(What::of(metadata.file_type()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let is_link = fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink());
                Ok(is_link.then_some(What::BrokenLink))
            }
            Err(error) => Err(error),
        }
    }

    #[cfg(unix)]
    pub(crate) fn of(kind: FileType) -> What {
        use std::os::unix::fs::FileTypeExt;
        match kind {
            kind if kind.is_file() => What::File,
            kind if kind.is_dir() => What::Folder,
            kind if kind.is_fifo() => What::Pipe,
            kind if kind.is_socket() => What::Socket,
            kind if kind.is_symlink() => What::BrokenLink,
            _ => What::Device,
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn of(kind: FileType) -> What {
        match kind {
            kind if kind.is_file() => What::File,
            kind if kind.is_dir() => What::Folder,
            kind if kind.is_symlink() => What::BrokenLink,
            _ => What::Device,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::File => "a file",
            What::Folder => "a folder",
            What::Pipe => "a pipe",
            What::Socket => "a socket",
            What::Device => "a device",
            What::BrokenLink => "a link to what is not there",
        })
    }
}

/// What tells one file or folder from every other one, whatever names lead to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    /// The device and the number of the file on it.
    #[cfg_attr(not(unix), allow(dead_code))]
    Inode(u64, u64),
    /// Its path without links, where the system has no such numbers.
    #[cfg_attr(unix, allow(dead_code))]
    Path(PathBuf),
}

impl Identity {
    /// The identity of what is at a path, through links; `None` if nothing can be found there.
    pub(crate) fn at(path: &Path) -> Option<Identity> {
        fs::metadata(path).ok().and_then(|metadata| Identity::of(&metadata, path))
    }

    /// The identity of what lies at a path with this metadata.
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata, _path: &Path) -> Option<Identity> {
        use std::os::unix::fs::MetadataExt;
        Some(Identity::Inode(metadata.dev(), metadata.ino()))
    }

    /// The identity of what lies at a path with this metadata.
    #[cfg(not(unix))]
    pub(crate) fn of(_metadata: &Metadata, path: &Path) -> Option<Identity> {
        path.canonicalize().ok().map(Identity::Path)
    }
}
