//! Numbered pieces of work on all threads of the pool, and their results in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::DataError;

/// Does the pieces `0..n` on all threads, and hands each result to `commit` in the order of the pieces, one at a time.
/// Gives back what each thread kept. Results do not depend on the number of threads if states are merged without order.
///
/// # Errors
///
/// The error of the first piece, in order, that has one; pieces after it are not committed.
pub(crate) fn in_order<S: Send, T: Send>(
    n: usize,
    new_state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<T, DataError> + Sync,
    commit: impl FnMut(usize, T) -> Result<(), DataError> + Send,
) -> Result<Vec<S>, DataError> {
    let next = AtomicUsize::new(0);
    let turns = Turns { line: Mutex::new(Line { turn: 0, commit, end: None }), moved: Condvar::new() };
    let states = rayon::broadcast(|_| {
        let mut state = new_state();
        let mut guard = EndsOnPanic { turns: &turns, is_over: false };
        loop {
            // Pieces are taken in order, so whoever has the lowest one never waits.
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= n || turns.is_ended() {
                break;
            }
            let result = work(&mut state, piece);
            turns.take_turn(piece, result);
        }
        guard.is_over = true;
        state
    });
    let line = turns.line.into_inner().unwrap_or_else(PoisonError::into_inner);
    match line.end {
        Some(End::Failed(error)) => Err(error),
        _ => Ok(states),
    }
}

/// Who may commit.
struct Turns<C> {
    line: Mutex<Line<C>>,
    moved: Condvar,
}

struct Line<C> {
    turn: usize,
    commit: C,
    end: Option<End>,
}

/// Why nothing more is committed.
enum End {
    Failed(DataError),
    Panicked,
}

impl<C> Turns<C> {
    fn lock(&self) -> MutexGuard<'_, Line<C>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    fn take_turn<T>(&self, piece: usize, result: Result<T, DataError>)
    where
        C: FnMut(usize, T) -> Result<(), DataError>,
    {
        let mut line = self.lock();
        while line.turn != piece && line.end.is_none() {
            line = self.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        if line.end.is_none() {
            match result.and_then(|result| (line.commit)(piece, result)) {
                Ok(()) => line.turn += 1,
                Err(error) => line.end = Some(End::Failed(error)),
            }
        }
        drop(line);
        self.moved.notify_all();
    }
}

/// Lets the others go where a thread panics, which would otherwise never have its turn.
struct EndsOnPanic<'a, C> {
    turns: &'a Turns<C>,
    is_over: bool,
}

impl<C> Drop for EndsOnPanic<'_, C> {
    fn drop(&mut self) {
        if !self.is_over {
            self.turns.lock().end.get_or_insert(End::Panicked);
            self.turns.moved.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use ple_files::FileError;

    use super::*;

    fn in_pool<T: Send>(threads: usize, task: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(task)
    }

    #[test]
    fn results_come_in_order_and_the_first_error_counts() {
        for threads in [1, 2, 5] {
            let mut seen = Vec::new();
            let work = |count: &mut usize, piece: usize| {
                *count += 1;
                match piece {
                    70.. => Err(DataError::File(FileError::Missing { path: piece.to_string().into() })),
                    _ => Ok(piece * piece),
                }
            };
            let result = in_pool(threads, || {
                in_order(
                    100,
                    || 0,
                    work,
                    |piece, square| {
                        assert_eq!(square, piece * piece);
                        seen.push(piece);
                        Ok(())
                    },
                )
            });
            assert!(result.unwrap_err().to_string().starts_with("70: "));
            assert_eq!(seen, (0..70).collect::<Vec<_>>());
            let states = in_pool(threads, || in_order(50, || 0, work, |_, _| Ok(())).unwrap());
            assert_eq!(states.iter().sum::<usize>(), 50);
        }
    }

    #[test]
    fn a_panic_is_passed_on_and_nobody_waits() {
        let result = std::panic::catch_unwind(|| {
            in_pool(3, || {
                in_order(
                    30,
                    || (),
                    |(), piece| if piece == 4 { panic!("four") } else { Ok(()) },
                    |_, ()| Ok(()),
                )
            })
        });
        assert!(result.is_err());
    }
}
