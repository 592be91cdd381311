//! Where the distinct keys of a list have their places, in the order in which they first come.

/// The places of keys: by a cell for each key, or by open addressing with steps of one. A cell holds a key in its upper
/// half and its place below.
#[derive(Debug)]
pub(crate) struct Places {
    cells: Vec<u64>,
    /// Brings a hash of 32 bits down to a cell's number, where there is not a cell for each key.
    shift: Option<u32>,
}

const EMPTY: u64 = u64::MAX;

const FEW_KEYS: usize = 1024;

impl Places {
    /// Room for so many keys, all below `limit` and below the largest number; where they are hashed, at most half full, or
    /// a quarter where that stays in a first cache.
    pub(crate) fn new(mut cells: Vec<u64>, keys: usize, limit: usize) -> Self {
        let room = if keys <= FEW_KEYS { 4 * keys } else { 2 * keys };
        let bits = room.next_power_of_two().trailing_zeros().max(4);
        let (n_cells, shift) = match limit <= 2 * keys {
            true => (limit, None),
            false => (1 << bits, Some(u32::BITS.saturating_sub(bits))),
        };
        cells.clear();
        cells.resize(n_cells, EMPTY);
        Self { cells, shift }
    }

    /// Room that is enough for so many keys of whatever limit up to this one.
    pub(crate) fn n_cells(keys: usize, limit: usize) -> usize {
        limit.max(16).min((4 * keys).next_power_of_two().max(16))
    }

    /// The place of a key, which is `next` if the key is new.
    #[inline(always)]
    pub(crate) fn find_or_insert(&mut self, key: u32, next: u32) -> u32 {
        // The multiplier is 2^32 over the golden ratio: D. E. Knuth, "The Art of Computer Programming", volume 3, 6.4.
        let mut cell = match self.shift {
            None => key as usize,
            Some(shift) => (key.wrapping_mul(0x9E37_79B1) >> shift) as usize,
        };
        // Whether the key is new is hard to foretell, so that it decides no branch: a cell is the key's, or empty, where one
        // of two differences is zero.
        let differs = |content: u64| {
            let owner = (content >> 32) as u32;
            (owner ^ key).min(!owner)
        };
        let mut content = self.cells[cell];
        while differs(content) != 0 {
            cell = (cell + 1) & (self.cells.len() - 1);
            content = self.cells[cell];
        }
        let place = if content == EMPTY { next } else { content as u32 };
        self.cells[cell] = u64::from(key) << 32 | u64::from(place);
        place
    }

    /// The memory of `new`.
    pub(crate) fn into_cells(self) -> Vec<u64> {
        self.cells
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Places;

    proptest! {
        #[test]
        fn are_those_of_the_order_in_which_keys_first_come(
            keys in proptest::collection::vec(0_u32..3_000, 0..2_500),
            few in 1_u32..60,
        ) {
            // Many distinct keys, hashed; and few, with a cell for each.
            for limit in [3_000, few] {
                let keys: Vec<u32> = keys.iter().map(|key| key % limit).collect();
                let left_over = vec![7; Places::n_cells(keys.len(), limit as usize)];
                let mut places = Places::new(left_over, keys.len(), limit as usize);
                let mut distinct: Vec<u32> = Vec::new();
                for &key in &keys {
                    let expected = distinct.iter().position(|&before| before == key);
                    let place = places.find_or_insert(key, distinct.len() as u32) as usize;
                    prop_assert_eq!(place, expected.unwrap_or(distinct.len()));
                    if expected.is_none() {
                        distinct.push(key);
                    }
                }
            }
        }
    }
}
