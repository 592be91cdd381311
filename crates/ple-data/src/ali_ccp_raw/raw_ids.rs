//! Raw ids in 32 bits: as they are where they fit, and by a number of their own where they do not.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

/// The first code that stands for another number than itself.
const FIRST_NUMBERED: u32 = 1 << 31;

/// The codes of raw ids. Which code a large id has depends on which thread met it first; codes are never written.
#[derive(Default)]
pub(super) struct RawIds {
    large: Mutex<LargeIds>,
}

#[derive(Default)]
struct LargeIds {
    codes: FxHashMap<u64, u32>,
    ids: Vec<u64>,
}

impl RawIds {
    /// The code of an id.
    #[inline]
    pub(super) fn code(&self, id: u64) -> u32 {
        if id < u64::from(FIRST_NUMBERED) { id as u32 } else { self.code_of_large(id) }
    }

    #[cold]
    fn code_of_large(&self, id: u64) -> u32 {
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&code) = large.codes.get(&id) {
            return code;
        }
        // Two thousand million distinct ids would not fit into memory before the numbers run out.
        let code = FIRST_NUMBERED.saturating_add(large.ids.len() as u32);
        large.ids.push(id);
        large.codes.insert(id, code);
        code
    }

    /// The id that a code stands for.
    pub(super) fn id(&self, code: u32) -> u64 {
        match code.checked_sub(FIRST_NUMBERED) {
            None => u64::from(code),
            Some(number) => {
                let large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
                large.ids.get(number as usize).copied().unwrap_or_default()
            }
        }
    }
}
