//! A pass on a thread of the pool, with the other threads awake: a pass has dozens of parallel loops of some ten
//! microseconds each, and waking a thread that sleeps takes longer than that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rayon::Yield;

/// How long a thread stays awake without work: longer than any stretch of a pass that one thread does alone. There has
/// to be an end, since whoever shares the pool could wait for what lies below a waiting thread on its stack.
const PATIENCE: Duration = Duration::from_millis(1);

/// Runs `pass` on a thread of the current rayon pool. Until it returns, the pool's other threads look for work without
/// sleeping, so that the parallel loops inside start at once.
///
/// Wrap whole steps in it, not single operations. From outside of the pool each loop would have to hand its work over.
///
/// ```
/// let sum: u32 = ple_tensor::in_pool(|| (1..=4).sum());
/// assert_eq!(sum, 10);
/// ```
pub fn in_pool<R: Send>(pass: impl FnOnce() -> R + Send) -> R {
    let over = &AtomicBool::new(false);
    rayon::scope(|scope| {
        if rayon::current_num_threads() > 1 {
            let leader = rayon::current_thread_index();
            scope.spawn_broadcast(move |_, context| {
                if Some(context.index()) != leader {
                    work_until(over);
                }
            });
        }
        let _end = End(over);
        pass()
    })
}

/// Tells the waiting threads that the pass has ended, also when it ends in a panic.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn work_until(over: &AtomicBool) {
    let mut idle_since = None;
    while !over.load(Ordering::Relaxed) {
        match rayon::yield_now() {
            Some(Yield::Executed) => idle_since = None,
            _ if idle_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE => return,
            _ => std::hint::spin_loop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use rayon::prelude::*;

    use super::in_pool;

    fn sum(n: u64) -> u64 {
        (0..n as usize).into_par_iter().with_max_len(1).map(|i| i as u64).sum()
    }

    #[test]
    fn passes_nest_and_share_a_pool() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for n in 0..50 {
                        let total = pool.install(|| in_pool(|| sum(n) + in_pool(|| sum(n))));
                        assert_eq!(total, n * n.saturating_sub(1));
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_ends_the_pass() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let pass = AssertUnwindSafe(|| pool.install(|| in_pool(|| panic!("of the pass"))));
        let caught = std::panic::catch_unwind(pass);
        assert!(caught.is_err());
        assert_eq!(pool.install(|| in_pool(|| sum(10))), 45);
    }
}
