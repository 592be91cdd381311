//! The batches of a run, made by another thread while the model computes, in the order of the epoch.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::batch::Batch;
use crate::error::DataError;
use crate::order::{BatchPlan, EpochOrder};
use crate::row_source::RowSource;
use crate::windows::{WindowRows, Windows};

/// The batches of some epochs, gathered ahead of time by a thread of their own, from windows that others decode.
///
/// The order is that of the [`EpochOrder`], whatever the threads do, and the first batch may be any one of any epoch.
/// One epoch follows the other without a pause. Buffers travel in a circle: a batch that is dropped gives its buffers
/// back, so that a run in which one batch is held at a time allocates only at its start. Dropping the iterator early
/// stops the threads.
///
/// # Examples
///
/// ```
/// use ple_data::{
///     BatchPlan, BatchPosition, Batches, GeneratorConfig, LastBatch, RowSource, Shuffle, Vocabulary, generate,
/// };
///
/// let config = GeneratorConfig { rows: 100, vocabulary: Vocabulary::Small, seed: 1 };
/// let source = RowSource::from(generate(&config).table);
/// let plan = BatchPlan { batch_size: 32, last_batch: LastBatch::Keep, shuffle: Shuffle::Seeded(1) };
/// // Epoch 0 has batches 0 to 3, of which the last two are asked for.
/// let start = BatchPosition { epoch: 0, batch: 2 };
/// let mut rows = 0;
/// for batch in Batches::new(&source, plan, start, 1, 4) {
///     rows += batch?.rows();
/// }
/// assert_eq!(rows, 36);
/// # Ok::<(), ple_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Batches {
    ready: Option<Receiver<Result<Batch, DataError>>>,
    recycled: SyncSender<Batch>,
    producer: Option<JoinHandle<()>>,
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

/// A batch on loan from [`Batches`]; its buffers go back when it is dropped.
#[derive(Debug)]
pub struct PrefetchedBatch {
    batch: Batch,
    recycled: SyncSender<Batch>,
}

impl Batches {
    /// The batches from `start` on, up to the end of epoch `epochs - 1`; up to `depth` of them wait ready at any time.
    ///
    /// # Panics
    ///
    /// If `depth` is 0.
    pub fn new(source: &RowSource, plan: BatchPlan, start: BatchPosition, epochs: u64, depth: usize) -> Self {
        assert!(depth >= 1, "Batches::new: depth is 0");
        let first = source.order(plan, start.epoch);
        let n_batches = first.n_batches();
        let remaining = match epochs.checked_sub(start.epoch + 1) {
            None => 0,
            Some(later) => n_batches.saturating_sub(start.batch) + later as usize * n_batches,
        };
        // One buffer is being filled, `depth` wait, one is with the consumer.
        let n_buffers = depth + 2;
        let (ready_sender, ready) = sync_channel(depth);
        let (recycled, recycled_receiver) = sync_channel(n_buffers);
        if remaining > 0 {
            for _ in 0..n_buffers {
                // The channel has room for all of them, so this cannot fail.
                let _ = recycled.try_send(Batch::with_capacity(source.schema(), first.largest_batch()));
            }
        }
        let producer = (remaining > 0).then(|| {
            let epochs = Epochs { source: source.clone(), plan, start, epochs };
            std::thread::spawn(move || epochs.produce(&recycled_receiver, &ready_sender))
        });
        Batches { ready: Some(ready), recycled, producer, remaining }
    }

    /// The number of batches still to come.
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    fn stop(&mut self) -> std::thread::Result<()> {
        // Without a receiver the producer's next send fails, which ends it.
        self.ready = None;
        self.producer.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Iterator for Batches {
    type Item = Result<PrefetchedBatch, DataError>;

    /// The next batch, waiting for it if need be. After an error there is nothing more.
    ///
    /// # Panics
    ///
    /// If the producing thread panicked, with its panic.
    fn next(&mut self) -> Option<Self::Item> {
        if self.remaining == 0 {
            return None;
        }
        match self.ready.as_ref().and_then(|ready| ready.recv().ok()) {
            Some(Ok(batch)) => {
                self.remaining -= 1;
                Some(Ok(PrefetchedBatch { batch, recycled: self.recycled.clone() }))
            }
            Some(Err(error)) => {
                self.remaining = 0;
                Some(Err(error))
            }
            None => {
                self.remaining = 0;
                if let Err(panic) = self.stop() {
                    std::panic::resume_unwind(panic);
                }
                None
            }
        }
    }

    /// All that remain come, unless an error ends them.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.remaining))
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        // A panic of the producer was either passed on by `next`, or concerns batches that nobody asked for.
        let _ = self.stop();
    }
}

impl Deref for PrefetchedBatch {
    type Target = Batch;

    fn deref(&self) -> &Batch {
        &self.batch
    }
}

impl Drop for PrefetchedBatch {
    fn drop(&mut self) {
        // If the circle is closed or full, the buffers are simply freed.
        let _ = self.recycled.try_send(std::mem::take(&mut self.batch));
    }
}

/// The batches to be made.
struct Epochs {
    source: RowSource,
    plan: BatchPlan,
    start: BatchPosition,
    epochs: u64,
}

impl Epochs {
    /// The orders of the epochs, each with its first batch.
    fn orders(&self) -> impl Iterator<Item = (Arc<EpochOrder>, usize)> + Clone + Send + 'static {
        let (source, plan, start) = (self.source.clone(), self.plan, self.start);
        (start.epoch..self.epochs).map(move |epoch| {
            let first = if epoch == start.epoch { start.batch } else { 0 };
            (Arc::new(source.order(plan, epoch)), first)
        })
    }

    fn produce(&self, recycled: &Receiver<Batch>, ready: &SyncSender<Result<Batch, DataError>>) {
        let mut windows = Windows::new(
            &self.source,
            self.orders().flat_map(|(order, first)| {
                let begun = first < order.n_batches();
                let first =
                    if begun { order.window_at(order.positions(first).start) } else { order.n_windows() };
                (first..order.n_windows()).map(move |w| (Arc::clone(&order), w))
            }),
        );
        for (order, first) in self.orders() {
            let mut window = None;
            for k in first..order.n_batches() {
                // A consumer that holds many batches at once gets new buffers rather than a deadlock.
                let mut batch = recycled.try_recv().unwrap_or_default();
                let filled = self.fill(&mut batch, &order, k, &mut window, &mut windows);
                let failed = filled.is_err();
                if ready.send(filled.map(|()| batch)).is_err() || failed {
                    return;
                }
            }
        }
    }

    /// Gathers batch `k` from the window at hand, and from the next ones where it reaches beyond.
    fn fill(
        &self,
        batch: &mut Batch,
        order: &EpochOrder,
        k: usize,
        window: &mut Option<OpenWindow>,
        windows: &mut Windows,
    ) -> Result<(), DataError> {
        let positions = order.positions(k);
        batch.start(self.source.schema(), positions.len());
        let mut next = positions.start;
        while next < positions.end {
            let w = order.window_at(next);
            if window.as_ref().is_none_or(|open| open.number != w) {
                // The buffers of the window before go back first.
                *window = None;
                let rows = windows.next().expect("as many windows as the orders have")?;
                *window = Some(OpenWindow { number: w, rows, order: order.window_order(w) });
            }
            let Some(open) = window else { unreachable!("a window was opened") };
            let of_window = &order.window(w).positions;
            let end = positions.end.min(of_window.end);
            let rows = &open.order[next - of_window.start..end - of_window.start];
            open.rows.gather_part(rows, next - positions.start, batch);
            next = end;
        }
        Ok(())
    }
}

/// The window that batches are gathered from.
struct OpenWindow {
    number: usize,
    rows: WindowRows,
    order: Vec<u32>,
}
