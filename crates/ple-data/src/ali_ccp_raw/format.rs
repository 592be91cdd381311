//! The bytes between features and inside them, and which of Ali-CCP's fields hold what.

use crate::ali_ccp::{ALI_CCP_DENSE, ALI_CCP_SPARSE};

/// Between two features of a list.
pub(super) const FEATURE_SEPARATOR: u8 = 1;
/// After the name of a feature's field.
pub(super) const ID_SEPARATOR: u8 = 2;
/// Before the value of a feature.
pub(super) const VALUE_SEPARATOR: u8 = 3;

/// The number of fields that are kept, those of [`ALI_CCP_SPARSE`]; a field is known by its position there.
pub(super) const N_FIELDS: usize = ALI_CCP_SPARSE.len();
/// The number of fields with a dense column.
pub(super) const N_DENSE: usize = ALI_CCP_DENSE.len();
/// The fields with several weighted ids; a list is known by its position here.
pub(super) const LISTS: [&str; 5] = ["210", "109_14", "110_14", "127_14", "150_14"];
/// The number of fields with several ids.
pub(super) const N_LISTS: usize = LISTS.len();

/// Where a field of [`ALI_CCP_SPARSE`] stands in the published files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// With the common features.
    Common,
    /// In the skeleton.
    Skeleton,
}

/// Where each field of [`ALI_CCP_SPARSE`] stands: what says who the user is, and what the user did in the 14 days
/// before, is with the common features.
pub(super) fn home(field: &str) -> Home {
    match field.ends_with("_14") || field.starts_with('1') {
        true => Home::Common,
        false => Home::Skeleton,
    }
}

/// What is kept of each field.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    /// For each field its list, if it has one.
    pub(super) list: [Option<usize>; N_FIELDS],
    /// For each field its dense column, if it has one.
    pub(super) dense: [Option<usize>; N_FIELDS],
    /// For each dense column its field.
    pub(super) of_dense: [usize; N_DENSE],
    /// For each list its field.
    pub(super) of_list: [usize; N_LISTS],
    /// A field's name as a number, and its place in `ALI_CCP_SPARSE`, at a slot that follows from the number.
    slots: [(u64, u8); SLOTS],
}

const SLOTS: usize = 128;
/// Sends the names of the fields to different slots; found by trying.
const SLOT_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl Fields {
    pub(super) fn new() -> Self {
        let position = |name: &str, names: &[&str]| names.iter().position(|other| *other == name);
        let mut slots = [(0, u8::MAX); SLOTS];
        for (field, name) in ALI_CCP_SPARSE.iter().enumerate() {
            let key = name.bytes().rev().fold(0, |key, byte| key << 8 | u64::from(byte));
            let mut slot = slot_of(key);
            while slots[slot].1 != u8::MAX {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = (key, field as u8);
        }
        Fields {
            list: std::array::from_fn(|field| position(ALI_CCP_SPARSE[field], &LISTS)),
            dense: std::array::from_fn(|field| {
                ALI_CCP_DENSE.iter().position(|column| column[1..] == *ALI_CCP_SPARSE[field])
            }),
            of_dense: ALI_CCP_DENSE.map(|column| position(&column[1..], &ALI_CCP_SPARSE).unwrap_or_default()),
            of_list: LISTS.map(|list| position(list, &ALI_CCP_SPARSE).unwrap_or_default()),
            slots,
        }
    }

    /// The field with a name of at most 7 bytes, given as a number with its first byte lowest.
    #[inline]
    pub(super) fn find(&self, key: u64) -> Option<usize> {
        let mut slot = slot_of(key);
        loop {
            let (other, field) = self.slots[slot];
            if field == u8::MAX {
                return None;
            }
            if other == key {
                return Some(usize::from(field));
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

#[inline]
fn slot_of(key: u64) -> usize {
    (key.wrapping_mul(SLOT_FACTOR) >> (u64::BITS - SLOTS.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_and_nothing_else() {
        let fields = Fields::new();
        let key = |name: &str| name.bytes().rev().fold(0, |key, byte| key << 8 | u64::from(byte));
        for (field, name) in ALI_CCP_SPARSE.iter().enumerate() {
            assert_eq!(fields.find(key(name)), Some(field));
        }
        assert_eq!(["", "1", "102", "109", "109_15"].map(|name| fields.find(key(name))), [None; 5]);
        assert_eq!(fields.of_list.map(|field| ALI_CCP_SPARSE[field]), LISTS);
        assert_eq!(fields.dense.iter().flatten().count(), N_DENSE);
    }
}
