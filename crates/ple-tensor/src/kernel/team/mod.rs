//! Fork and join for loops of a few microseconds: the threads of a pool stand by while a pass runs, each begins with its
//! own share of every loop, and who has finished helps the others.
//!
//! A pass has some sixty parallel loops. Waking a thread that sleeps takes longer than most of them, and a thread that
//! takes whatever is next finds the rows that it needs in another thread's cache. So the threads stay awake, and the
//! share of a thread depends on its seat alone: the rows that it wrote are those that it reads.

#![allow(unsafe_code, reason = "a task lives on its leader's stack, and its items are addressed by pointers")]

#[cfg(test)]
mod tests;

use std::any::Any;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ndarray::{ArrayViewMut2, ShapeBuilder};
use rayon::prelude::*;

/// How long a thread stands by without work: longer than the stretches of a step that one thread does alone.
const PATIENCE: Duration = Duration::from_micros(400);

/// How long it looks for the next loop alone: longer than most pauses between two loops. Then it looks for the pool's
/// other work, too.
const ATTENTION: Duration = Duration::from_micros(30);

/// How long a thread serves before it looks for the pool's other work: whoever shares the pool may wait for it.
const TERM: Duration = Duration::from_millis(8);

/// Turns of a waiting loop between two looks at the clock and at the pool's other work.
const TURNS: usize = 64;

/// Tasks to a loop, at most: their numbers are packed into 16 bits. More are done several at a time.
const MOST_TASKS: usize = u16::MAX as usize;

/// Threads of a team, at most: a seat is one bit.
const MOST_SEATS: usize = u64::BITS as usize;

thread_local! {
    /// The team that this thread leads, kept from pass to pass.
    static TEAM: RefCell<Option<Arc<Team>>> = const { RefCell::new(None) };
    static ROLE: Cell<Role> = const { Cell::new(Role::None) };
}

/// What a thread is doing, as far as loops are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// No pass: loops are rayon's.
    None,
    /// Leading a pass: loops are the team's.
    Leader,
    /// Inside a loop of a team, or in a pass of one thread: loops are done alone.
    Busy,
}

/// Runs `pass` with the other threads of the current rayon pool standing by, so that the parallel loops inside start at
/// once. Wrap whole steps in it, not single operations.
///
/// `pass` runs on this thread, which need not be one of the pool. Nested calls are calls of `pass`.
///
/// ```
/// let sum: u32 = ple_tensor::in_team(|| (1..=4).sum());
/// assert_eq!(sum, 10);
/// ```
pub fn in_team<R>(pass: impl FnOnce() -> R) -> R {
    if ROLE.get() != Role::None {
        return pass();
    }
    let alone = rayon::current_num_threads() < 2;
    let _end = Played::begin(if alone { Role::Busy } else { Role::Leader });
    pass()
}

/// Calls `work` with the number and the value of each item, the items shared out to the threads in the order in which
/// they come: the first share is this thread's. Inside [`in_team`] the team's threads do it, otherwise rayon's.
///
/// ```
/// let mut squares = [0; 5];
/// ple_tensor::for_each_in_parallel(&mut squares, |index, square| *square = index * index);
/// assert_eq!(squares, [0, 1, 4, 9, 16]);
/// ```
///
/// # Panics
/// If `work` does.
pub fn for_each_in_parallel<T: Send>(items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    let first = Shared(items.as_mut_ptr());
    // SAFETY: each number below the items' length comes once while they are borrowed here.
    for_each_task(items.len(), &|index| work(index, unsafe { &mut *first.at(index) }));
}

/// Calls `work` with the number and the rows of each block of `rows` rows of a matrix, in parallel.
pub(crate) fn for_each_block_in_parallel(
    mut matrix: ArrayViewMut2<'_, f32>,
    rows: usize,
    work: impl Fn(usize, ArrayViewMut2<'_, f32>) + Sync,
) {
    let (n, columns) = matrix.dim();
    let strides = [matrix.strides()[0] as usize, matrix.strides()[1] as usize];
    let first = Shared(matrix.as_mut_ptr());
    for_each_task(n.div_ceil(rows), &|block| {
        let start = block * rows;
        let shape = (rows.min(n - start), columns).strides((strides[0], strides[1]));
        // SAFETY: the block's rows are rows of the matrix, which is borrowed here, and each block comes once.
        work(block, unsafe { ArrayViewMut2::from_shape_ptr(shape, first.at(start * strides[0])) });
    });
}

/// Calls `task` with each number below `tasks`, on the threads of the team or of rayon.
pub(crate) fn for_each_task(tasks: usize, task: &(dyn Fn(usize) + Sync)) {
    match ROLE.get() {
        Role::None if tasks > 1 => (0..tasks).into_par_iter().with_max_len(1).for_each(task),
        Role::Leader if tasks > 1 => run(tasks, task),
        _ => (0..tasks).for_each(task),
    }
}

/// The start of values that are handed out piece by piece.
struct Shared<T>(*mut T);

// SAFETY: each value is reached by one thread at a time, to which it may be sent.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn at(&self, index: usize) -> *mut T {
        self.0.wrapping_add(index)
    }
}

/// A role that ends with this value, also in a panic.
struct Played {
    before: Role,
}

impl Played {
    fn begin(role: Role) -> Self {
        Self { before: ROLE.replace(role) }
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        ROLE.set(self.before);
    }
}

/// Runs a loop on the team of this thread.
fn run(tasks: usize, task: &(dyn Fn(usize) + Sync)) {
    let threads = rayon::current_num_threads().min(MOST_SEATS);
    let team = TEAM.with_borrow_mut(|team| match team {
        Some(team) if team.shares.len() == threads => Arc::clone(team),
        _ => Arc::clone(team.insert(Arc::new(Team::new(threads)))),
    });
    team.invite();
    let together = tasks.div_ceil(MOST_TASKS);
    if together == 1 {
        team.run(tasks, task);
    } else {
        team.run(tasks.div_ceil(together), &|group| {
            (group * together..tasks.min((group + 1) * together)).for_each(task);
        });
    }
}

/// A share of a loop that nobody has begun with: the loop's number in the upper half, then the first of its tasks and
/// the end of them. A cache line of its own, since its owner changes it for each task.
#[repr(align(128))]
struct Share(AtomicU64);

impl Share {
    fn pack(number: u32, first: usize, end: usize) -> u64 {
        u64::from(number) << 32 | (first as u64) << 16 | end as u64
    }

    /// A task of loop `number`, if one is left: from the front for the owner, from the back for a helper, so that they
    /// meet as late as can be.
    fn claim(&self, number: u32, owner: bool) -> Option<usize> {
        let mut share = self.0.load(Ordering::Acquire);
        loop {
            let (first, end) = ((share >> 16) as u16 as usize, share as u16 as usize);
            if (share >> 32) as u32 != number || first == end {
                return None;
            }
            let (task, rest) = if owner { (first, (first + 1, end)) } else { (end - 1, (first, end - 1)) };
            let rest = Self::pack(number, rest.0, rest.1);
            match self.0.compare_exchange_weak(share, rest, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(task),
                Err(now) => share = now,
            }
        }
    }
}

/// A leader and the threads that stand by, or may.
///
/// The leader writes a loop's task, then the shares, then the loop's number. A thread that has claimed a task of a share
/// knows that the loop is not over, and so that the task is there: the leader returns only when all have been done.
struct Team {
    /// One for each thread; the leader's is the first.
    shares: Vec<Share>,
    /// The number of the loop that was begun last.
    number: AtomicU64,
    /// The tasks of that loop that have been done.
    done: AtomicUsize,
    task: UnsafeCell<Option<Task>>,
    /// The seats that are taken or offered, bit by bit.
    seats: AtomicU64,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// A loop's body, without the lifetime that the protocol stands for.
type Task = *const (dyn Fn(usize) + Sync);

// SAFETY: `task` is written by the leader while no task of a loop is left to claim, and read only by who has claimed
// one; what it points to may be called from any thread.
unsafe impl Sync for Team {}
// SAFETY: as above.
unsafe impl Send for Team {}

impl Team {
    fn new(threads: usize) -> Self {
        Self {
            shares: (0..threads).map(|_| Share(AtomicU64::new(0))).collect(),
            number: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            task: UnsafeCell::new(None),
            seats: AtomicU64::new(1),
            panic: Mutex::new(None),
        }
    }

    /// Asks the pool's threads to take the seats that are empty.
    fn invite(self: &Arc<Self>) {
        for seat in 1..self.shares.len() {
            let bit = 1 << seat;
            if self.seats.load(Ordering::Relaxed) & bit == 0 {
                self.seats.fetch_or(bit, Ordering::Relaxed);
                let team = Arc::clone(self);
                rayon::spawn(move || team.serve(seat));
            }
        }
    }

    /// The leader's side of a loop.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let number = self.number.load(Ordering::Relaxed) as u32;
        let number = number.wrapping_add(1);
        // SAFETY: the last loop is over, so nobody reads the task; and the lifetime that is left out here ends after
        // this function, which waits until each task has been done.
        unsafe {
            *self.task.get() = Some(std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), Task>(task))
        };
        self.done.store(0, Ordering::Relaxed);
        let n_shares = self.shares.len();
        for (index, share) in self.shares.iter().enumerate() {
            let (first, end) = (index * tasks / n_shares, (index + 1) * tasks / n_shares);
            share.0.store(Share::pack(number, first, end), Ordering::Release);
        }
        self.number.store(u64::from(number), Ordering::Release);
        self.work(0, number);
        let mut turns = 0_usize;
        while self.done.load(Ordering::Acquire) < tasks {
            turns += 1;
            wait(turns);
        }
        if let Some(panic) = self.panic.lock().unwrap_or_else(PoisonError::into_inner).take() {
            resume_unwind(panic);
        }
    }

    /// Does tasks of loop `number` until none is left to begin with.
    fn work(&self, seat: usize, number: u32) {
        let _busy = Played::begin(Role::Busy);
        let n = self.shares.len();
        let mut done = 0;
        for offset in 0..n {
            let share = &self.shares[(seat + offset) % n];
            while let Some(task) = share.claim(number, offset == 0) {
                // SAFETY: the task that was claimed has not been done, so the leader waits for it, and what it wrote
                // before the shares has been read with them.
                let result = catch_unwind(AssertUnwindSafe(|| unsafe {
                    if let Some(work) = *self.task.get() {
                        (*work)(task);
                    }
                }));
                if let Err(panic) = result {
                    *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
                }
                done += 1;
            }
        }
        if done > 0 {
            self.done.fetch_add(done, Ordering::Release);
        }
    }

    /// A member's side: loop after loop, until none has come for a while or the term is over.
    fn serve(&self, seat: usize) {
        let began = Instant::now();
        let mut idle_since = began;
        let mut last = 0;
        // A leader that waits for the pool takes its own invitation.
        while ROLE.get() == Role::None {
            let number = self.number.load(Ordering::Acquire);
            if number != last {
                last = number;
                self.work(seat, number as u32);
                idle_since = Instant::now();
                if idle_since - began > TERM {
                    break;
                }
                continue;
            }
            if !self.stands_by(last) {
                match idle_since.elapsed() {
                    idle if idle > PATIENCE => break,
                    idle if idle > ATTENTION => drop(rayon::yield_now()),
                    _ => {}
                }
            }
        }
        self.seats.fetch_and(!(1 << seat), Ordering::Relaxed);
    }

    /// Waits for the next loop for some turns: whether it has come.
    fn stands_by(&self, last: u64) -> bool {
        (0..TURNS).any(|_| {
            std::hint::spin_loop();
            self.number.load(Ordering::Relaxed) != last
        })
    }
}

/// A turn of a waiting leader: who is waited for may need this processor.
fn wait(turns: usize) {
    if turns.is_multiple_of(TURNS) {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}
