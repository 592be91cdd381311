//! Windows of rows, decoded ahead on threads of their own, handed out in the order in which they were asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::error::DataError;
use crate::order::EpochOrder;
use crate::row_source::RowSource;
use crate::shards::ParquetShards;
use crate::table::Table;
use crate::table_contents::TableContents;

/// The rows of some windows, one window after the other.
///
/// With shards, decoder i of n decodes windows i, i + n, ...: each has one window ready at a time, and fills the buffers
/// of a window that was dropped. Dropping the iterator stops the threads.
#[derive(Debug)]
pub struct Windows {
    source: Source,
    next: usize,
}

enum Source {
    /// The same table for each window. They are counted as they come: epochs may be without end.
    Memory(Arc<Table>, Box<dyn Iterator<Item = (Arc<EpochOrder>, usize)> + Send>),
    Decoders(Vec<Decoder>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Memory(table, _) => f.debug_tuple("Memory").field(table).finish_non_exhaustive(),
            Source::Decoders(decoders) => f.debug_tuple("Decoders").field(decoders).finish(),
        }
    }
}

#[derive(Debug)]
struct Decoder {
    ready: Option<Receiver<Result<Table, DataError>>>,
    used: Sender<TableContents>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The rows of one window; its buffers go back to the decoder when it is dropped.
#[derive(Debug)]
pub struct WindowRows {
    table: Arc<Table>,
    used: Option<Sender<TableContents>>,
}

impl Windows {
    /// Windows of a source, each by its number in the order of an epoch.
    pub(crate) fn new(
        source: &RowSource,
        windows: impl Iterator<Item = (Arc<EpochOrder>, usize)> + Clone + Send + 'static,
    ) -> Self {
        let source = match source {
            RowSource::Memory(table) => Source::Memory(Arc::clone(table), Box::new(windows)),
            RowSource::Shards(shards) => {
                let n = shards.config().decoders.max(1);
                let decoder = |i| Decoder::start(Arc::clone(shards), windows.clone().skip(i).step_by(n));
                Source::Decoders((0..n).map(decoder).collect())
            }
        };
        Self { source, next: 0 }
    }
}

impl Iterator for Windows {
    type Item = Result<WindowRows, DataError>;

    /// The next window, waiting for it if need be.
    ///
    /// # Panics
    ///
    /// If a decoding thread panicked, with its panic.
    fn next(&mut self) -> Option<Self::Item> {
        let n = self.next;
        self.next += 1;
        match &mut self.source {
            Source::Memory(table, windows) => {
                windows.next().map(|_| Ok(WindowRows { table: Arc::clone(table), used: None }))
            }
            Source::Decoders(decoders) => {
                let n_decoders = decoders.len();
                decoders[n % n_decoders].next()
            }
        }
    }
}

impl Decoder {
    fn start(
        shards: Arc<ParquetShards>,
        windows: impl Iterator<Item = (Arc<EpochOrder>, usize)> + Send + 'static,
    ) -> Self {
        // A window is handed over, not queued: one waits while another is in use.
        let (ready_sender, ready) = sync_channel(0);
        let (used, used_receiver) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let windows = windows.take_while(|_| !stopped.load(Ordering::Relaxed));
            decode(&shards, windows, &ready_sender, &used_receiver);
        });
        Self { ready: Some(ready), used, stop, thread: Some(thread) }
    }

    fn next(&mut self) -> Option<Result<WindowRows, DataError>> {
        match self.ready.as_ref()?.recv() {
            Ok(Ok(table)) => Some(Ok(WindowRows { table: Arc::new(table), used: Some(self.used.clone()) })),
            Ok(Err(error)) => {
                self.ready = None;
                Some(Err(error))
            }
            Err(_) => {
                if let Err(panic) = self.finish() {
                    std::panic::resume_unwind(panic);
                }
                None
            }
        }
    }

    fn finish(&mut self) -> std::thread::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        // Without a receiver the thread's next send fails, which ends it.
        self.ready = None;
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // A panic of the thread was either passed on by `next`, or concerns windows that nobody asked for.
        let _ = self.finish();
    }
}

impl std::ops::Deref for WindowRows {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

impl Drop for WindowRows {
    fn drop(&mut self) {
        if let Some(used) = &self.used
            && let Some(table) = Arc::get_mut(&mut self.table)
        {
            // If the decoder has ended, the buffers are simply freed.
            let _ = used.send(table.take_contents());
        }
    }
}

fn decode(
    shards: &ParquetShards,
    windows: impl Iterator<Item = (Arc<EpochOrder>, usize)>,
    ready: &SyncSender<Result<Table, DataError>>,
    used: &Receiver<TableContents>,
) {
    for (order, w) in windows {
        let memory = used.try_recv().unwrap_or_else(|_| shards.empty_window());
        let table = shards.read_window(order.window(w), memory);
        let failed = table.is_err();
        if ready.send(table).is_err() || failed {
            return;
        }
    }
}
