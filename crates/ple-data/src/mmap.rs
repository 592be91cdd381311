//! Files as memory: the one place of this crate where a file is mapped.

#![allow(unsafe_code)]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::error::DataError;

/// A file that is read as an array of numbers, in the byte order of the machine.
#[derive(Debug)]
pub(crate) struct MappedFile {
    /// `None` for an empty file, which cannot be mapped.
    map: Option<Mmap>,
}

impl MappedFile {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let refuse = |error| DataError::io(path, "read", error);
        let file = File::open(path).map_err(refuse)?;
        if file.metadata().map_err(refuse)?.len() == 0 {
            return Ok(MappedFile { map: None });
        }
        // SAFETY: the map is only read, and as plain numbers, every bit pattern of which is one. A file that another
        // process cuts short while it is mapped ends this one with a signal; prepared data is never changed in place.
        let map = unsafe { Mmap::map(&file) }.map_err(refuse)?;
        Ok(MappedFile { map: Some(map) })
    }

    /// The numbers; `None` if the size of the file is no multiple of theirs.
    pub(crate) fn numbers<T: bytemuck::Pod>(&self) -> Option<&[T]> {
        self.map.as_deref().map_or(Some(&[][..]), |bytes| bytemuck::try_cast_slice(bytes).ok())
    }
}
