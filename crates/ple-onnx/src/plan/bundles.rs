//! Segments of the embedding matrix that are filled together: the look-ups of one dimension, the bins of one dimension;
//! each sequence, and the dense values, alone.

use std::collections::BTreeMap;

use super::{Segment, Source};

/// Some segments, and how they are filled.
#[derive(Debug, PartialEq)]
pub(crate) struct Bundle {
    pub(crate) kind: BundleKind,
    /// Their positions, in ascending order.
    pub(crate) segments: Vec<usize>,
}

/// How segments are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BundleKind {
    Lookups,
    Bins,
    Bag,
    Dense,
}

/// The bundles of a matrix, in the order in which they are emitted.
pub(crate) fn bundles(segments: &[Segment]) -> Vec<Bundle> {
    let mut lookups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut bins: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut others = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        let width = segment.columns.len();
        match segment.source {
            Source::Lookup { .. } => lookups.entry(width).or_default().push(index),
            Source::Bins { .. } => bins.entry(width).or_default().push(index),
            Source::Bag { .. } => others.push(Bundle { kind: BundleKind::Bag, segments: vec![index] }),
            Source::Dense { .. } => others.push(Bundle { kind: BundleKind::Dense, segments: vec![index] }),
        }
    }
    let of = |kind: BundleKind, by_width: BTreeMap<usize, Vec<usize>>| {
        by_width.into_values().map(move |segments| Bundle { kind, segments })
    };
    of(BundleKind::Lookups, lookups).chain(of(BundleKind::Bins, bins)).chain(others).collect()
}

/// The first of the widest.
pub(crate) fn widest(widths: &[usize]) -> usize {
    (0..widths.len()).rev().max_by_key(|&bundle| widths[bundle]).unwrap_or(0)
}
