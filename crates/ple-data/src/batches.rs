//! The batches of a run, in the order of its epochs, several of them gathered at a time.

use std::ops::Range;
use std::sync::Arc;

use crate::batch::Batch;
use crate::error::DataError;
use crate::order::{BatchPlan, EpochOrder};
use crate::row_source::RowSource;
use crate::windows::{WindowRows, Windows};

/// The batches of some epochs, gathered a group at a time, from windows that are decoded ahead of time.
///
/// The rows of a batch lie at random places, so that gathering them is mostly waiting for memory: as many batches as there
/// are threads are gathered side by side, one by each, before the first of them is given. The order is that of the
/// [`EpochOrder`], however many there are in a group, and the first batch may be any one of any epoch. Buffers are used
/// again, so that a run allocates only at its start.
///
/// # Examples
///
/// ```
/// use ple_data::{
///     BatchPlan, BatchPosition, Batches, GeneratorConfig, LastBatch, RowSource, Shuffle, Vocabulary, generate,
/// };
/// use rayon::prelude::*;
///
/// let config = GeneratorConfig { rows: 100, vocabulary: Vocabulary::Small, seed: 1 };
/// let source = RowSource::from(generate(&config).table);
/// let plan = BatchPlan { batch_size: 32, last_batch: LastBatch::Keep, shuffle: Shuffle::Seeded(1) };
/// // Epoch 0 has batches 0 to 3, of which the last two are asked for.
/// let start = BatchPosition { epoch: 0, batch: 2 };
/// let mut batches = Batches::new(&source, plan, start, 1, 2);
/// let mut rows = 0;
/// while let Some(batch) = batches.next_batch(|group| group.par_iter_mut().for_each(|batch| batch.gather())) {
///     rows += batch?.rows();
/// }
/// assert_eq!(rows, 36);
/// # Ok::<(), ple_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Batches {
    source: RowSource,
    plan: BatchPlan,
    windows: Windows,
    /// The epoch that is read, and the batch of it that is planned next.
    epoch: u64,
    order: Arc<EpochOrder>,
    next: usize,
    window: Option<Arc<OpenWindow>>,
    /// Of these the first ones are ready, and of those the first ones have been given.
    group: Vec<PlannedBatch>,
    n_ready: usize,
    n_given: usize,
    /// What comes after those that are ready.
    failed: Option<DataError>,
    remaining: usize,
}

/// A batch by the numbers of its epoch and of its place there, both counted from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchPosition {
    /// The epoch.
    pub epoch: u64,
    /// The batch of that epoch. At or past the end of the epoch, the next one begins.
    pub batch: usize,
}

/// A batch of which it is known which rows it will have.
#[derive(Debug)]
pub struct PlannedBatch {
    batch: Batch,
    /// The rows that are still to be gathered.
    rest: Option<Piece>,
}

/// The rows of a batch that are in one window.
#[derive(Debug)]
struct Piece {
    window: Arc<OpenWindow>,
    /// Where they are in the order of the window.
    places: Range<usize>,
    /// The first of them in the batch.
    first: usize,
}

/// A window, and the order in which its rows come.
#[derive(Debug)]
struct OpenWindow {
    number: usize,
    rows: WindowRows,
    order: Vec<u32>,
}

impl PlannedBatch {
    /// Copies the rows of the batch from where they lie, unless that has been done.
    pub fn gather(&mut self) {
        if let Some(Piece { window, places, first }) = self.rest.take() {
            window.rows.gather_part(&window.order[places], first, &mut self.batch);
        }
    }
}

impl Batches {
    /// The batches from `start` on, up to the end of epoch `epochs - 1`, `together` to a group.
    ///
    /// # Panics
    ///
    /// If `together` is 0.
    pub fn new(
        source: &RowSource,
        plan: BatchPlan,
        start: BatchPosition,
        epochs: u64,
        together: usize,
    ) -> Self {
        assert!(together >= 1, "Batches::new: together is 0");
        let order = Arc::new(source.order(plan, start.epoch));
        let later = epochs.saturating_sub(start.epoch).checked_sub(1);
        let remaining = later.map_or(0, |later| {
            let of_later = usize::try_from(later).unwrap_or(usize::MAX).saturating_mul(order.n_batches());
            of_later.saturating_add(order.n_batches().saturating_sub(start.batch))
        });
        let planned = |_| PlannedBatch {
            batch: Batch::with_capacity(source.schema(), order.largest_batch()),
            rest: None,
        };
        let group = (0..together.min(remaining)).map(planned).collect();
        Self {
            windows: Windows::new(source, windows(source.clone(), plan, start, epochs)),
            source: source.clone(),
            plan,
            epoch: start.epoch,
            order,
            next: start.batch,
            window: None,
            group,
            n_ready: 0,
            n_given: 0,
            failed: None,
            remaining,
        }
    }

    /// The next batch, waiting for its window if need be. After an error there is nothing more.
    ///
    /// `gather_all` is called where the next group is to be gathered, to do so with whatever threads there are; what it
    /// leaves is gathered after it, one batch after the other. So `|_| ()` is right, too, if slow.
    ///
    /// # Errors
    ///
    /// Those of reading a window, or the lists of its users.
    ///
    /// # Panics
    ///
    /// If a thread that decodes windows panicked, with its panic.
    pub fn next_batch(
        &mut self,
        gather_all: impl FnOnce(&mut [PlannedBatch]),
    ) -> Option<Result<&Batch, DataError>> {
        if self.remaining == 0 {
            return None;
        }
        if self.n_given == self.n_ready && self.failed.is_none() {
            self.plan_group();
            gather_all(&mut self.group[..self.n_ready]);
            self.group.iter_mut().for_each(PlannedBatch::gather);
            if let Err(error) = self.source.check_lists() {
                self.n_ready = 0;
                self.failed = Some(error);
            }
        }
        if self.n_given == self.n_ready {
            self.remaining = 0;
            return self.failed.take().map(Err);
        }
        self.remaining -= 1;
        self.n_given += 1;
        Some(Ok(&self.group[self.n_given - 1].batch))
    }

    fn plan_group(&mut self) {
        (self.n_given, self.n_ready) = (0, 0);
        for place in 0..self.group.len().min(self.remaining) {
            match self.plan_batch(place) {
                Ok(()) => self.n_ready += 1,
                Err(error) => {
                    self.failed = Some(error);
                    return;
                }
            }
        }
    }

    /// Takes the rows of the next batch from the window at hand, and from the next ones where it reaches beyond.
    fn plan_batch(&mut self, place: usize) -> Result<(), DataError> {
        while self.next >= self.order.n_batches() {
            self.close_window();
            self.epoch += 1;
            self.order = Arc::new(self.source.order(self.plan, self.epoch));
            self.next = 0;
        }
        let order = Arc::clone(&self.order);
        let positions = order.positions(self.next);
        self.next += 1;
        self.group[place].batch.start(self.source.schema(), positions.len());
        let mut next = positions.start;
        while next < positions.end {
            let number = order.window_at(next);
            if self.window.as_ref().is_none_or(|window| window.number != number) {
                self.close_window();
                let rows = self.windows.next().expect("as many windows as the orders have")?;
                let order = order.window_order(number);
                self.window = Some(Arc::new(OpenWindow { number, rows, order }));
            }
            let Some(window) = &self.window else { unreachable!("a window was opened") };
            let of_window = &order.window(number).positions;
            let end = positions.end.min(of_window.end);
            self.group[place].rest = Some(Piece {
                window: Arc::clone(window),
                places: next - of_window.start..end - of_window.start,
                first: next - positions.start,
            });
            next = end;
        }
        Ok(())
    }

    /// Gathers what is still to come from the window at hand, and gives its memory back before the next one needs some.
    fn close_window(&mut self) {
        self.group.iter_mut().for_each(PlannedBatch::gather);
        self.window = None;
    }
}

/// The windows of some epochs in their order, each by its number, from that of the first batch on.
fn windows(
    source: RowSource,
    plan: BatchPlan,
    start: BatchPosition,
    epochs: u64,
) -> impl Iterator<Item = (Arc<EpochOrder>, usize)> + Clone + Send + 'static {
    (start.epoch..epochs).flat_map(move |epoch| {
        let order = Arc::new(source.order(plan, epoch));
        let first = if epoch == start.epoch { start.batch } else { 0 };
        let first = match first < order.n_batches() {
            true => order.window_at(order.positions(first).start),
            false => order.n_windows(),
        };
        (first..order.n_windows()).map(move |window| (Arc::clone(&order), window))
    })
}
