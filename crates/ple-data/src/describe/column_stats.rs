//! What is kept of a column while its rows pass by.

use super::id_counts::{Half, IdCounts};
use super::numbers::{NumberStats, Sample};
use super::values::{Column, Values};
use crate::distinct::DistinctCounter;

/// Lengths from this on share the last bar.
pub(super) const LENGTH_BARS: usize = 24;

/// The rows that all columns of a stretch are counted with.
pub(super) struct RowFacts<'a> {
    /// A hash of each row's number: the order of sampling, and its lowest bit the half.
    pub priorities: &'a [u64],
    /// For each task and row 1, 0, or -1 outside of the task; no task at all where labels do not matter.
    pub labels: &'a [Vec<i8>],
}

/// A column in one part.
pub(super) struct ColumnStats {
    pub nulls: u64,
    pub ids: IdCounts,
    /// The integers among the ids.
    pub range: Option<(i128, i128)>,
    pub values: NumberStats,
    pub numbers: DistinctCounter,
    pub sample: Sample,
    pub lengths: Option<Lengths>,
    pub seen: Seen,
    /// For each task the rows of label 0, and of label 1, that have no value.
    pub gaps: Vec<[u64; 2]>,
}

/// Which kinds of values there were. Text wins over numbers, and numbers over whole numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub integers: bool,
    pub numbers: bool,
    pub texts: bool,
    pub lists: bool,
}

/// The lengths of lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Lengths {
    pub rows: u64,
    pub elements: u64,
    pub smallest: u64,
    pub largest: u64,
    pub bars: [u64; LENGTH_BARS],
}

impl ColumnStats {
    pub(super) fn new(n_tasks: usize) -> Self {
        Self {
            nulls: 0,
            ids: IdCounts::new(n_tasks),
            range: None,
            values: NumberStats::default(),
            numbers: DistinctCounter::default(),
            sample: Sample::new(n_tasks),
            lengths: None,
            seen: Seen::default(),
            gaps: vec![[0; 2]; n_tasks],
        }
    }

    /// Counts the rows of a stretch.
    pub(super) fn add(&mut self, column: &Column, rows: usize, facts: &RowFacts<'_>) {
        let present = |row: &usize| column.has(*row);
        for row in (0..rows).filter(|&row| column.is_gap(row)) {
            for (gaps, labels) in self.gaps.iter_mut().zip(facts.labels) {
                if let Ok(label @ 0..=1) = usize::try_from(labels[row]) {
                    gaps[label] += 1;
                }
            }
        }
        self.nulls += (rows - (0..rows).filter(present).count()) as u64;
        let half = |row: usize| if facts.priorities[row] & 1 == 0 { Half::First } else { Half::Second };
        let labels = |row: usize| facts.labels.iter().map(move |labels| labels[row]);
        match &column.values {
            Values::Integers(values) => {
                for row in (0..rows).filter(present) {
                    self.seen.integers = true;
                    self.widen(values[row].into());
                    self.ids.add(values[row], half(row), labels(row));
                    self.values.add(values[row] as f64);
                    self.sample.add(facts.priorities[row], values[row] as f64, labels(row));
                }
            }
            Values::Wide(values) => {
                for row in (0..rows).filter(present) {
                    self.seen.integers = true;
                    self.widen(values[row]);
                    self.ids.add_wide(values[row], half(row), labels(row));
                    self.values.add(values[row] as f64);
                    self.sample.add(facts.priorities[row], values[row] as f64, labels(row));
                }
            }
            Values::Numbers(values) => {
                for row in (0..rows).filter(present) {
                    self.seen.numbers = true;
                    self.values.add(values[row]);
                    self.numbers.add(values[row].to_bits());
                    self.sample.add(facts.priorities[row], values[row], labels(row));
                }
            }
            Values::Texts(values) => {
                for row in (0..rows).filter(present) {
                    self.seen.texts = true;
                    self.ids.add_text(values.value(row), half(row), labels(row));
                }
            }
            Values::Lists { lengths, elements } => {
                self.seen.lists = true;
                let all = self.lengths.get_or_insert_default();
                for row in (0..rows).filter(present) {
                    all.add(u64::from(lengths[row]));
                }
                self.add_elements(elements);
            }
            Values::Opaque => {}
        }
    }

    fn add_elements(&mut self, elements: &Column) {
        match &elements.values {
            Values::Integers(values) => {
                for (_, &value) in values.iter().enumerate().filter(|(index, _)| elements.has(*index)) {
                    self.seen.integers = true;
                    self.widen(value.into());
                    self.ids.add(value, Half::First, std::iter::empty());
                }
            }
            Values::Wide(values) => {
                for (_, &value) in values.iter().enumerate().filter(|(index, _)| elements.has(*index)) {
                    self.seen.integers = true;
                    self.widen(value);
                    self.ids.add_wide(value, Half::First, std::iter::empty());
                }
            }
            Values::Numbers(values) => {
                for (_, &value) in values.iter().enumerate().filter(|(index, _)| elements.has(*index)) {
                    self.seen.numbers = true;
                    self.values.add(value);
                    self.numbers.add(value.to_bits());
                }
            }
            Values::Texts(values) => {
                for index in (0..arrow_array::Array::len(values)).filter(|&index| elements.has(index)) {
                    self.seen.texts = true;
                    self.ids.add_text(values.value(index), Half::First, std::iter::empty());
                }
            }
            Values::Lists { .. } | Values::Opaque => {}
        }
    }

    fn widen(&mut self, id: i128) {
        let (smallest, largest) = self.range.unwrap_or((id, id));
        self.range = Some((smallest.min(id), largest.max(id)));
    }
}

impl Lengths {
    fn add(&mut self, length: u64) {
        self.smallest = if self.rows == 0 { length } else { self.smallest.min(length) };
        self.largest = self.largest.max(length);
        self.rows += 1;
        self.elements += length;
        self.bars[(length as usize).min(LENGTH_BARS - 1)] += 1;
    }
}
