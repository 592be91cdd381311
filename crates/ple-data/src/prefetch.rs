//! The batches of an epoch, made by another thread while the model computes, in the order of the epoch.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::batch::Batch;
use crate::order::EpochOrder;
use crate::table::Table;

/// The batches of one epoch, gathered ahead of time by a thread of their own.
///
/// The order is that of the [`EpochOrder`], whatever the threads do. Buffers travel in a circle: a batch that is
/// dropped gives its buffers back, so that an epoch in which one batch is held at a time allocates only at its
/// start. Dropping the iterator early stops the thread.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use ple_data::{Batches, EpochOrder, GeneratorConfig, LastBatch, Shuffle, Vocabulary, generate};
///
/// let config = GeneratorConfig { rows: 100, vocabulary: Vocabulary::Small, seed: 1 };
/// let table = Arc::new(generate(&config).table);
/// let order = Arc::new(EpochOrder::new(table.rows(), 32, LastBatch::Keep, Shuffle::Seeded(1), 0));
/// let mut batches = Batches::from_step(Arc::clone(&table), Arc::clone(&order), 2, 4);
/// let mut rows = 0;
/// while let Some(batch) = batches.next() {
///     rows += batch.rows();
/// }
/// assert_eq!(rows, 36); // batches 2 and 3 of 0..=3
/// ```
#[derive(Debug)]
pub struct Batches {
    ready: Option<Receiver<Batch>>,
    recycled: SyncSender<Batch>,
    producer: Option<JoinHandle<()>>,
    remaining: usize,
}

/// A batch on loan from [`Batches`]; its buffers go back when it is dropped.
#[derive(Debug)]
pub struct PrefetchedBatch {
    batch: Batch,
    recycled: SyncSender<Batch>,
}

impl Batches {
    /// All batches of an epoch; up to `depth` of them wait ready at any time.
    ///
    /// # Panics
    ///
    /// If `depth` is 0.
    pub fn new(table: Arc<Table>, order: Arc<EpochOrder>, depth: usize) -> Self {
        Batches::from_step(table, order, 0, depth)
    }

    /// The batches of an epoch from batch `step` on, as a run needs them that was interrupted before that step.
    ///
    /// A `step` at or past the end gives no batch.
    ///
    /// # Panics
    ///
    /// If `depth` is 0.
    pub fn from_step(table: Arc<Table>, order: Arc<EpochOrder>, step: usize, depth: usize) -> Self {
        assert!(depth >= 1, "Batches::from_step: depth is 0");
        let remaining = order.n_batches().saturating_sub(step);
        // One buffer is being filled, `depth` wait, one is with the consumer.
        let n_buffers = depth + 2;
        let (ready_sender, ready) = sync_channel(depth);
        let (recycled, recycled_receiver) = sync_channel(n_buffers);
        if remaining > 0 {
            for _ in 0..n_buffers {
                // The channel has room for all of them, so this cannot fail.
                let _ = recycled.try_send(Batch::with_capacity(&table, order.largest_batch()));
            }
        }
        let producer =
            std::thread::spawn(move || produce(&table, &order, step, &recycled_receiver, &ready_sender));
        Batches { ready: Some(ready), recycled, producer: Some(producer), remaining }
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
    type Item = PrefetchedBatch;

    /// The next batch, waiting for it if need be.
    ///
    /// # Panics
    ///
    /// If the producing thread panicked, with its panic.
    fn next(&mut self) -> Option<PrefetchedBatch> {
        if self.remaining == 0 {
            return None;
        }
        match self.ready.as_ref().and_then(|ready| ready.recv().ok()) {
            Some(batch) => {
                self.remaining -= 1;
                Some(PrefetchedBatch { batch, recycled: self.recycled.clone() })
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

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for Batches {}

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

fn produce(
    table: &Table,
    order: &EpochOrder,
    step: usize,
    recycled: &Receiver<Batch>,
    ready: &SyncSender<Batch>,
) {
    for k in step..order.n_batches() {
        // A consumer that holds many batches at once gets new buffers rather than a deadlock.
        let mut batch = recycled.try_recv().unwrap_or_default();
        table.gather(order.batch(k), &mut batch);
        if ready.send(batch).is_err() {
            return;
        }
    }
}
