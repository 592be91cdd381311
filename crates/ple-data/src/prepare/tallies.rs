//! What training rows show: how often each key occurs, and the numbers that scalers and bins need.

use super::decode::{DecodedFeature, DecodedRows};
use super::draft::DenseDraft;
use super::encoder::Encoder;
use super::feature_file::Scale;
use super::input::Part;
use super::key::Key;
use super::key_index::KeyIndex;
use super::scaler::Scaler;
use super::transformation::{NamedEncoder, Transformation};
use crate::error::DataError;
use crate::memory::{MemoryCause, MemoryNeed, MemoryPart};
use crate::memory_room::MemoryRoom;
use crate::moments::Moments;
use crate::quantiles::quantile_edges;

/// Keys with their numbers of occurrences.
#[derive(Default)]
pub(crate) struct KeyCounts {
    index: KeyIndex,
    counts: Vec<u64>,
}

/// The bytes of how often a key occurs.
const COUNT_BYTES: u64 = 8;
/// The bytes of a key's place in the order of a vocabulary.
const ORDER_BYTES: u64 = 4;

impl KeyCounts {
    /// Counts a key; beyond the largest vocabulary it is passed over.
    fn add(&mut self, key: &Key<'_>, count: u64) {
        if let Some(position) = self.index.insert(key) {
            match self.counts.get_mut(position as usize) {
                Some(known) => *known += count,
                None => self.counts.push(count),
            }
        }
    }

    /// The keys that occur at least so often, the most frequent first, and of equally frequent ones the smaller first.
    pub(crate) fn frequent(&self, min_count: u64) -> impl ExactSizeIterator<Item = (Key<'_>, u64)> {
        let (index, counts) = (&self.index, &self.counts);
        let is_frequent = |&position: &u32| counts[position as usize] >= min_count;
        // Positions alone are sorted: there may be tens of millions of keys.
        let mut order: Vec<u32> = (0..counts.len() as u32).filter(is_frequent).collect();
        order.sort_unstable_by(|&a, &b| {
            let by_count = counts[b as usize].cmp(&counts[a as usize]);
            by_count.then_with(|| index.key(a).cmp(&index.key(b)))
        });
        order.into_iter().map(|position| (index.key(position), counts[position as usize]))
    }

    /// What the counts take, and with a vocabulary of `numbered` of the keys besides.
    fn part(&self, encoder: &str, numbered: usize) -> MemoryPart {
        let (bytes, keys) = (self.index.bytes() + COUNT_BYTES * self.counts.len() as u64, self.index.len());
        let of_vocabulary = u128::from(bytes + ORDER_BYTES * keys as u64) * numbered as u128;
        let of_vocabulary = (of_vocabulary / keys.max(1) as u128) as u64;
        MemoryPart {
            what: format!("{keys} distinct keys of `{encoder}`"),
            bytes: bytes.saturating_add(of_vocabulary),
            cause: MemoryCause::Data,
            remedy: "hash the column (buckets = N), or raise its min_count where few keys are frequent",
        }
    }

    /// How often a key occurs.
    pub(crate) fn count(&self, key: &Key<'_>) -> u64 {
        self.index.get(key).map_or(0, |position| self.counts[position as usize])
    }
}

/// What the training rows of a chunk, or of all chunks so far, show.
pub(crate) struct Tallies {
    /// For each encoder with a vocabulary.
    pub(crate) keys: Vec<Option<KeyCounts>>,
    /// For each feature that has something to be found.
    pub(crate) dense: Vec<Option<DenseTally>>,
    pub(crate) rows: u64,
}

/// The training rows of a chunk.
pub(crate) struct ChunkTally {
    keys: Vec<Option<KeyCounts>>,
    /// The values of dense features, with the numbers by which samples are drawn.
    values: Vec<Vec<(u64, f64)>>,
    rows: u64,
}

impl ChunkTally {
    /// Counts the keys of a chunk, and takes its dense values.
    pub(crate) fn new(
        rows: &DecodedRows,
        transformation: &Transformation,
        dense: &[Option<DenseDraft>],
    ) -> Self {
        let mut keys = new_counts(transformation);
        let mut values = vec![Vec::new(); transformation.features.len()];
        let train = &rows.rows[Part::Train as usize];
        for (number, (feature, decoded)) in transformation.features.iter().zip(&rows.features).enumerate() {
            let encoder = transformation
                .encoders
                .iter()
                .position(|known| Some(known.name.as_str()) == feature.encoder());
            let counts = encoder.and_then(|encoder| keys[encoder].as_mut());
            match (decoded, counts) {
                (DecodedFeature::Keys(column), Some(counts)) => {
                    let keys = train.iter().filter_map(|&row| column.get(row as usize));
                    keys.for_each(|key| counts.add(&key, 1));
                }
                (DecodedFeature::Lists { offsets, keys: column, .. }, Some(counts)) => {
                    let places =
                        train.iter().flat_map(|&row| offsets[row as usize]..offsets[row as usize + 1]);
                    places.filter_map(|at| column.get(at)).for_each(|key| counts.add(&key, 1));
                }
                (DecodedFeature::Numbers(column), _) if dense[number].is_some() => {
                    let present = train.iter().map(|&row| (rows.draws[row as usize], column[row as usize]));
                    values[number] = present.filter(|(_, value)| !value.is_nan()).collect();
                }
                _ => {}
            }
        }
        ChunkTally { keys, values, rows: train.len() as u64 }
    }
}

impl Tallies {
    pub(crate) fn new(transformation: &Transformation, dense: &[Option<DenseDraft>]) -> Self {
        let tally = |draft: &Option<DenseDraft>| draft.map(DenseTally::new);
        Tallies { keys: new_counts(transformation), dense: dense.iter().map(tally).collect(), rows: 0 }
    }

    /// Adds a chunk. Chunks come in the order of the rows, so that sums do not depend on where they were cut.
    pub(crate) fn add(&mut self, chunk: ChunkTally) {
        for (all, more) in self.keys.iter_mut().zip(&chunk.keys) {
            if let (Some(all), Some(more)) = (all, more) {
                more.index.keys().zip(&more.counts).for_each(|(key, &count)| all.add(&key, count));
            }
        }
        for (tally, values) in self.dense.iter_mut().zip(chunk.values) {
            if let Some(tally) = tally {
                tally.add(&values);
            }
        }
        self.rows += chunk.rows;
    }
}

impl Tallies {
    /// Fails where the keys that have been counted take more memory than there is, or will with the vocabularies of those
    /// among them that are frequent enough.
    ///
    /// # Errors
    /// [`DataError::Memory`], which names the encoder with the most keys.
    pub(crate) fn check_memory(
        &self,
        encoders: &[NamedEncoder],
        keys: CountedKeys,
        room: MemoryRoom,
    ) -> Result<(), DataError> {
        let part = |(named, counts): (&NamedEncoder, &Option<KeyCounts>)| {
            let counts = counts.as_ref()?;
            let numbered = match (keys, &named.encoder) {
                (CountedKeys::SoFar, _) | (_, Encoder::Hash(_)) => 0,
                (CountedKeys::All, Encoder::Vocabulary(vocabulary)) => {
                    let least = vocabulary.min_count();
                    counts.counts.iter().filter(|&&count| count >= least).count()
                }
            };
            Some(counts.part(&named.name, numbered))
        };
        let parts = encoders.iter().zip(&self.keys).filter_map(part).collect();
        Ok(MemoryNeed { parts }.check("counting distinct keys", room)?)
    }
}

/// Whether keys are still being counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountedKeys {
    /// More may come.
    SoFar,
    /// None will come, and those that are frequent enough get numbers.
    All,
}

fn new_counts(transformation: &Transformation) -> Vec<Option<KeyCounts>> {
    let counts = |encoder: &Encoder| matches!(encoder, Encoder::Vocabulary(_)).then(KeyCounts::default);
    transformation.encoders.iter().map(|named| counts(&named.encoder)).collect()
}

/// What the training rows show of a dense feature.
pub(crate) struct DenseTally {
    draft: DenseDraft,
    moments: Moments,
    minimum: f64,
    maximum: f64,
    /// The values with the smallest draws.
    sample: Vec<(u64, f64)>,
}

/// The values from which quantiles are taken; up to so many they are exact.
const SAMPLE: usize = 1 << 18;

impl DenseTally {
    fn new(draft: DenseDraft) -> Self {
        let (minimum, maximum) = (f64::INFINITY, f64::NEG_INFINITY);
        DenseTally { draft, moments: Moments::default(), minimum, maximum, sample: Vec::new() }
    }

    fn add(&mut self, values: &[(u64, f64)]) {
        for &(_, value) in values {
            self.moments.add(value);
            self.minimum = self.minimum.min(value);
            self.maximum = self.maximum.max(value);
        }
        if self.draft.bins.is_some() {
            self.sample.extend_from_slice(values);
            if self.sample.len() > 2 * SAMPLE {
                self.cut_sample();
            }
        }
    }

    /// Keeps the values with the smallest draws.
    fn cut_sample(&mut self) {
        if self.sample.len() > SAMPLE {
            self.sample.select_nth_unstable_by(SAMPLE, |a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            self.sample.truncate(SAMPLE);
        }
    }

    /// The mean of the values, 0 if there is none.
    pub(crate) fn mean(&self) -> f64 {
        self.moments.mean
    }

    /// The scaler that was asked for. Each value fits into 32 bits, so that ranges and sums of squares fit into 64.
    pub(crate) fn scaler(&self) -> Scaler {
        match self.draft.scale {
            Scale::None => Scaler::Identity,
            Scale::Log => Scaler::Log,
            Scale::MinMax if self.moments.count == 0 => Scaler::MinMax { minimum: 0.0, maximum: 0.0 },
            Scale::MinMax => Scaler::MinMax { minimum: self.minimum, maximum: self.maximum },
            Scale::Standard => {
                Scaler::Standard { mean: self.moments.mean, deviation: self.moments.deviation() }
            }
        }
    }

    /// The edges of the bins, of scaled values.
    pub(crate) fn edges(&mut self, scaler: &Scaler) -> Option<(Vec<f32>, usize)> {
        let (bins, embedding_dim) = self.draft.bins?;
        self.cut_sample();
        let values: Vec<f32> = self.sample.iter().map(|&(_, value)| scaler.scale(value)).collect();
        Some((quantile_edges(&values, bins), embedding_dim))
    }

    /// Whether a missing value is the mean.
    pub(crate) fn missing_is_mean(&self) -> bool {
        self.draft.missing_is_mean
    }
}
