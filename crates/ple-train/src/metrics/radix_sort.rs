//! A stable sort by 32-bit keys in time linear in their number: exact AUC sorts every row of a validation set.

use super::undefined::Undefined;

/// A value that is sorted by 32 of its bits.
pub(super) trait RadixKey: Copy + Default {
    /// The bits to sort by.
    fn key(self) -> u32;
}

impl RadixKey for u32 {
    fn key(self) -> u32 {
        self
    }
}

/// The upper half is the key and the lower half is carried along.
impl RadixKey for u64 {
    fn key(self) -> u32 {
        (self >> 32) as u32
    }
}

/// Bits whose order as integers is the order of the numbers, with the two zeros made one.
pub(super) fn ordered_bits(score: f32) -> Result<u32, Undefined> {
    if !score.is_finite() {
        return Err(Undefined::NotFinite);
    }
    let bits = (score + 0.0).to_bits();
    let negative = bits >> 31 == 1;
    Ok(if negative { !bits } else { bits | 1 << 31 })
}

/// Sorts by key, keeping the order of equal keys. Takes one more buffer of the same size.
pub(super) fn radix_sort<T: RadixKey>(values: &mut Vec<T>) {
    if values.len() < FEW {
        values.sort_by_key(|value| value.key());
        return;
    }
    let mut counts = vec![[0_usize; N_BUCKETS]; N_DIGITS];
    for value in values.iter() {
        for (digit, counts) in counts.iter_mut().enumerate() {
            counts[bucket(value.key(), digit)] += 1;
        }
    }
    let mut from = std::mem::take(values);
    let mut to = vec![T::default(); from.len()];
    for (digit, counts) in counts.iter_mut().enumerate() {
        // Scores of a narrow range share their leading digit: nothing to move.
        if counts.contains(&from.len()) {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for &value in &from {
            let place = &mut counts[bucket(value.key(), digit)];
            to[*place] = value;
            *place += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    *values = from;
}

/// Below this many values, counting buckets costs more than comparing.
const FEW: usize = 1024;
const DIGIT_BITS: usize = 11;
const N_BUCKETS: usize = 1 << DIGIT_BITS;
const N_DIGITS: usize = 3;

fn bucket(key: u32, digit: usize) -> usize {
    (key >> (digit * DIGIT_BITS)) as usize & (N_BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FEW, radix_sort};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn keys_come_out_in_order(mut keys in prop::collection::vec(any::<u32>(), 0..3 * FEW)) {
            let mut expected = keys.clone();
            expected.sort_unstable();
            radix_sort(&mut keys);
            prop_assert_eq!(keys, expected);
        }

        #[test]
        fn equal_keys_keep_their_order(keys in prop::collection::vec(0_u64..5, 0..3 * FEW)) {
            let mut rows: Vec<u64> = keys.iter().enumerate().map(|(row, key)| key << 40 | row as u64).collect();
            let mut expected = rows.clone();
            // The row numbers rise, so a stable sort by key alone is a sort of the whole.
            expected.sort_unstable();
            radix_sort(&mut rows);
            prop_assert_eq!(rows, expected);
        }
    }
}
