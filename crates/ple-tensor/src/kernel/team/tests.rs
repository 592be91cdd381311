//! Loops of random lengths on teams of any size, that share a pool, nest, and panic.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::{Share, for_each_in_parallel, in_team};

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Counts how often each item is visited, in loop after loop of `lengths` items.
fn visit(lengths: &[usize]) {
    for &length in lengths {
        let mut items = vec![0_usize; length];
        for_each_in_parallel(&mut items, |index, item| *item += index + 1);
        assert!(items.iter().enumerate().all(|(index, item)| *item == index + 1));
    }
}

proptest! {
    // Each case starts a pool.
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn each_item_is_visited_once(
        threads in 1_usize..6,
        lengths in proptest::collection::vec(prop_oneof![0_usize..20, 0_usize..500, Just(70_000)], 1..40),
    ) {
        let pool = pool(threads);
        pool.install(|| in_team(|| visit(&lengths)));
        pool.install(|| visit(&lengths));
        in_team(|| visit(&lengths));
    }

    #[test]
    fn a_share_gives_out_each_task_once(
        first in 0_usize..5, length in 0_usize..50, owner in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let share = Share(Share::pack(7, first, first + length).into());
        let mut claimed: Vec<_> = owner.iter().filter_map(|&owner| share.claim(7, owner)).collect();
        claimed.sort_unstable();
        prop_assert_eq!(claimed, (first..first + length).collect::<Vec<_>>());
        prop_assert_eq!(Share(Share::pack(7, 0, 3).into()).claim(8, true), None);
    }
}

#[test]
fn teams_share_a_pool_and_nest() {
    let pool = pool(3);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                pool.install(|| {
                    in_team(|| {
                        for length in 0..300 {
                            let total = AtomicUsize::new(0);
                            let mut items = vec![(); length];
                            for_each_in_parallel(&mut items, |outer, ()| {
                                let mut inner = vec![0; outer % 4];
                                in_team(|| for_each_in_parallel(&mut inner, |index, item| *item = index));
                                total.fetch_add(inner.iter().sum::<usize>() + 1, Ordering::Relaxed);
                            });
                            let expected = (0..length).map(|outer| [0, 0, 1, 3][outer % 4] + 1).sum();
                            assert_eq!(total.into_inner(), expected);
                        }
                    });
                });
            });
        }
    });
}

#[test]
fn rayons_loops_work_inside() {
    use rayon::prelude::*;

    let sum = || (0..1000_usize).into_par_iter().with_max_len(1).sum::<usize>();
    let pool = pool(3);
    let total: usize = pool.install(|| {
        in_team(|| {
            let mut sums = [0; 50];
            for_each_in_parallel(&mut sums, |_, item| *item = sum());
            sums.iter().sum::<usize>() + sum()
        })
    });
    assert_eq!(total, 51 * 499_500);
}

#[test]
fn a_panic_reaches_the_caller_after_every_task_has_ended() {
    let pool = pool(2);
    for panicking in 0..8 {
        let (mut items, ended) = ([0; 8], AtomicUsize::new(0));
        let work = AssertUnwindSafe(|| {
            pool.install(|| {
                in_team(|| {
                    for_each_in_parallel(&mut items, |index, _| {
                        ended.fetch_add(1, Ordering::Relaxed);
                        assert!(index != panicking, "of task {index}");
                    });
                });
            });
        });
        let caught = std::panic::catch_unwind(work).unwrap_err();
        assert_eq!(caught.downcast_ref::<String>(), Some(&format!("of task {panicking}")));
        assert_eq!(ended.into_inner(), 8);
        pool.install(|| in_team(|| visit(&[8])));
    }
    let caught = std::panic::catch_unwind(|| in_team(|| panic!("of the pass")));
    assert!(caught.is_err());
    in_team(|| visit(&[8]));
}
