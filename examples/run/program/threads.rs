//! The threads of a program: one rayon pool, in which all of its work runs.

use super::failure::Failure;

/// The most threads that can be asked for. Waiting for each other costs threads more the more there are of them, and a
/// machine with more processors than this takes as many as it has.
const MOST: usize = 256;

/// The size of a thread's stack: that of a program's first thread, whose place the pool's threads take.
const STACK_BYTES: usize = 8 << 20;

/// A pool of so many threads, or of one for each processor.
///
/// # Errors
/// A number that no machine has, and threads that cannot be started.
pub(super) fn pool(threads: Option<usize>) -> Result<rayon::ThreadPool, Failure> {
    let most = std::thread::available_parallelism().map_or(MOST, |processors| processors.get().max(MOST));
    if let Some(threads) = threads
        && threads > most
    {
        return Err(Failure::Error {
            text: format!(
                "--threads is {threads}\nexpected: at most {most}\nnext: leave it out, for one thread on each processor"
            ),
            exit_code: 2,
        });
    }
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).stack_size(STACK_BYTES);
    builder.build().map_err(|error| Failure::Error {
        text: format!(
            "the threads could not be started: {error}\nexpected: room for {} more threads\nnext: ask for fewer with \
             --threads, or raise the limit of threads",
            threads.map_or_else(|| "some".to_owned(), |threads| threads.to_string())
        ),
        exit_code: 74,
    })
}

#[cfg(test)]
mod tests {
    use super::pool;

    #[test]
    fn a_number_that_no_machine_has_is_refused() {
        for threads in [100_000, 1 << 63] {
            let failure = pool(Some(threads)).unwrap_err();
            assert_eq!(failure.exit_code(), 2);
        }
        assert_eq!(pool(Some(3)).unwrap().current_num_threads(), 3);
    }
}
