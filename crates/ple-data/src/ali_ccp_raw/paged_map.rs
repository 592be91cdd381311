//! A map from ids to small values that is an array where ids are dense, as Ali-CCP's are, and a hash map elsewhere.

use rustc_hash::FxHashMap;

/// The ids of a page.
const PAGE: usize = 1024;
/// The pages that a map may have: eight million ids by array, the rest by hash.
const MOST_PAGES: usize = 8192;
/// The first id that never has a page.
const FIRST_WITHOUT_PAGE: u32 = 1 << 26;

/// A map from u32 in which every id has a value, at first the default.
#[derive(Debug, Clone)]
pub(super) struct PagedMap<T> {
    pages: Vec<Option<Box<[T; PAGE]>>>,
    n_pages: usize,
    rest: FxHashMap<u32, T>,
}

impl<T: Copy + Default> Default for PagedMap<T> {
    fn default() -> Self {
        PagedMap { pages: Vec::new(), n_pages: 0, rest: FxHashMap::default() }
    }
}

impl<T: Copy + Default> PagedMap<T> {
    /// The value of an id, to be changed.
    #[inline]
    pub(super) fn slot(&mut self, id: u32) -> &mut T {
        let page = id as usize / PAGE;
        let has_page = matches!(self.pages.get(page), Some(Some(_)));
        if !has_page && !self.add_page(id) {
            return self.rest.entry(id).or_default();
        }
        match &mut self.pages[page] {
            Some(values) => &mut values[id as usize % PAGE],
            None => self.rest.entry(id).or_default(),
        }
    }

    /// The value of an id.
    #[inline]
    pub(super) fn get(&self, id: u32) -> T {
        match self.pages.get(id as usize / PAGE) {
            Some(Some(values)) => values[id as usize % PAGE],
            _ if self.rest.is_empty() => T::default(),
            _ => self.rest.get(&id).copied().unwrap_or_default(),
        }
    }

    /// All ids that may have another value than the default.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, T)> + '_ {
        let pages = self.pages.iter().enumerate().filter_map(|(page, values)| Some((page, values.as_ref()?)));
        let paged = pages.flat_map(|(page, values)| {
            values.iter().enumerate().map(move |(place, &value)| ((page * PAGE + place) as u32, value))
        });
        paged.chain(self.rest.iter().map(|(&id, &value)| (id, value)))
    }

    /// Makes room for the page of an id, if it may have one. A page takes over nothing from the hash map, so once ids
    /// have gone there, no page is made.
    #[cold]
    fn add_page(&mut self, id: u32) -> bool {
        if id >= FIRST_WITHOUT_PAGE || self.n_pages == MOST_PAGES {
            return false;
        }
        let page = id as usize / PAGE;
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        self.pages[page] = Some(Box::new([T::default(); PAGE]));
        self.n_pages += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_is_a_map_with_and_without_pages() {
        let (mut map, mut expected) = (PagedMap::<u32>::default(), BTreeMap::new());
        let ids = (0..60_000u32).map(|step| step.wrapping_mul(2_654_435_761) >> (step % 32));
        for id in ids.clone() {
            *map.slot(id) += id % 7 + 1;
            *expected.entry(id).or_insert(0) += id % 7 + 1;
        }
        assert_eq!(map.n_pages, MOST_PAGES);
        assert!(ids.into_iter().all(|id| map.get(id) == expected[&id]));
        assert_eq!(map.get(123_456_789), 0);
        assert_eq!(map.iter().filter(|(_, value)| *value > 0).collect::<BTreeMap<_, _>>(), expected);
    }
}
