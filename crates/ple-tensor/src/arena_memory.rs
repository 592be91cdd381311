//! Memory of tables. A step reads thousands of its rows at random, so it lies in huge pages where the system has them
//! (with small ones nearly each row costs a walk through the page tables), and starts a cache line, so that a row of 16
//! values is one line and not two halves.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Values that grow like a vector's; new ones are zeros.
pub(crate) struct ArenaMemory {
    map: MmapMut,
    length: usize,
}

const BYTES: usize = size_of::<f32>();

impl ArenaMemory {
    /// So many zeros. Pages that nobody has written to take no memory.
    ///
    /// # Panics
    /// If the system has no room in its address space: as where a vector cannot grow.
    pub(crate) fn zeros(length: usize) -> Self {
        let map = MmapMut::map_anon((length * BYTES).max(1))
            .unwrap_or_else(|error| panic!("no memory for tables of {length} values: {error}"));
        #[cfg(target_os = "linux")]
        // Where the advice is not taken, pages stay small, which is slower and as right.
        let _ = map.advise(memmap2::Advice::HugePage);
        Self { map, length }
    }

    /// Adds zeros up to `length` values; room for as many again is kept, so that many small tables cost no more than
    /// one large one.
    pub(crate) fn grow(&mut self, length: usize) {
        if length * BYTES > self.map.len() {
            let mut larger = Self::zeros(length.max(2 * self.length));
            larger[..self.length].copy_from_slice(self);
            larger.length = length;
            *self = larger;
        }
        self.length = self.length.max(length);
    }
}

impl Deref for ArenaMemory {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        bytemuck::cast_slice(&self.map[..self.length * BYTES])
    }
}

impl DerefMut for ArenaMemory {
    fn deref_mut(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.map[..self.length * BYTES])
    }
}

impl Clone for ArenaMemory {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.length);
        copy.copy_from_slice(self);
        copy
    }
}

impl std::fmt::Debug for ArenaMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArenaMemory of {} values", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::ArenaMemory;

    #[test]
    fn growing_keeps_what_is_there_and_adds_zeros() {
        let mut memory = ArenaMemory::zeros(0);
        assert!(memory.is_empty());
        let mut expected: Vec<f32> = Vec::new();
        for length in [3, 3, 5000, 4000, 20_000] {
            memory.grow(length);
            expected.resize(length.max(expected.len()), 0.0);
            assert_eq!(*memory, expected[..]);
            assert_eq!(memory.as_ptr() as usize % 64, 0);
            memory.iter_mut().enumerate().for_each(|(i, value)| *value = i as f32);
            expected.iter_mut().enumerate().for_each(|(i, value)| *value = i as f32);
        }
        assert_eq!(*memory.clone(), expected[..]);
    }
}
