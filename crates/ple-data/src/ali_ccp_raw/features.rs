//! What a line's features say, field by field.

use super::fault::RawFault;
use super::format::{Fields, LISTS, N_FIELDS, N_LISTS};
use super::line::{FeatureList, StatedNumber, for_each_feature};
use super::raw_ids::RawIds;

/// What is kept of the fields with several ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// All ids and weights.
    Kept,
    /// The last id and value alone, as torch-rechub's script does.
    LastOnly,
}

/// How lines are read, the same for all files.
pub(super) struct Reading {
    pub(super) fields: Fields,
    pub(super) ids: RawIds,
    pub(super) lists: Lists,
    pub(super) stated_number: StatedNumber,
}

impl Reading {
    /// The list of a field, if all of it is kept.
    #[inline]
    pub(super) fn kept_list(&self, field: usize) -> Option<usize> {
        match self.lists {
            Lists::Kept => self.fields.list[field],
            Lists::LastOnly => None,
        }
    }
}

/// The features of one line, in buffers that are used again for the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Features {
    /// A bit for each field that is there.
    pub(super) mask: u32,
    /// The code of the last id of each field that is there.
    pub(super) last: [u32; N_FIELDS],
    /// The last value of each field that is there.
    pub(super) values: [f32; N_FIELDS],
    /// The codes and weights of each list, if they are kept.
    pub(super) lists: [WeightedIds; N_LISTS],
}

/// Ids of one field with their weights.
#[derive(Debug, Clone, Default)]
pub(super) struct WeightedIds {
    pub(super) ids: Vec<u32>,
    pub(super) weights: Vec<f32>,
}

impl Features {
    /// Reads the features of a line, instead of those that were there. A list takes no negative weight: mean pooling divides
    /// by the sum of the weights.
    #[inline]
    pub(super) fn read(
        &mut self,
        reading: &Reading,
        bytes: &[u8],
        list: FeatureList,
    ) -> Result<(), RawFault> {
        self.mask = 0;
        for list in &mut self.lists {
            list.ids.clear();
            list.weights.clear();
        }
        let mut negative = None;
        for_each_feature(bytes, list, &reading.fields, reading.stated_number, |field, id, value| {
            let code = reading.ids.code(id);
            self.mask |= 1 << field;
            self.last[field] = code;
            self.values[field] = value;
            if let Some(list) = reading.kept_list(field) {
                self.lists[list].ids.push(code);
                self.lists[list].weights.push(value);
                if value < 0.0 {
                    negative = Some((LISTS[list], value));
                }
            }
        })?;
        negative.map_or(Ok(()), |(field, weight)| Err(RawFault::NegativeWeight { field, weight }))
    }
}

/// The fields of a mask, in order.
#[inline]
pub(super) fn fields_of(mask: u32) -> impl Iterator<Item = usize> {
    let mut rest = mask;
    std::iter::from_fn(move || {
        let field = rest.trailing_zeros();
        (rest != 0).then(|| {
            rest &= rest - 1;
            field as usize
        })
    })
}
