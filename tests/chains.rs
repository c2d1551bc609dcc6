//! Long chains and large things on small stacks: nothing in the kernel recurses from task to task.

mod probe;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

use probe::{Count, Spot, Token, on_stack, virtual_time};
use turnwise::{JoinHandle, Scheduler, yield_now};

/// The stack for a chain: recursion with two small frames per task would need a thousand times as much.
const SMALL_STACK: usize = 256 * 1024;

/// The length of a chain.
const MANY: usize = 1_000_000;

/// Spawns a chain of tasks, each of which awaits the one before it, and returns the handle of the last.
fn chain(scheduler: &Scheduler, first: JoinHandle<()>, ended: &Count) -> JoinHandle<()> {
    let mut last = first;
    for _ in 1..MANY {
        let (before, ended) = (last, ended.clone());
        last = scheduler.spawn(async move {
            if before.await.is_ok() {
                ended.add();
            }
        });
    }
    last
}

// swift-nio#970, guava#2254, flare#204: chains of futures that completed or were dropped by recursion.
#[test]
fn a_million_joins_in_a_row_end_one_after_the_other() {
    on_stack(SMALL_STACK, || {
        let (scheduler, ended, spot) = (virtual_time(), Count::default(), Spot::default());
        let last = chain(&scheduler, scheduler.spawn(spot.wait()), &ended);
        assert_eq!(scheduler.run_until_stalled(), MANY);
        assert_eq!(ended.get(), 0);
        spot.open();
        assert_eq!(scheduler.run_until_stalled(), MANY, "one turn for each task");
        assert_eq!(ended.get(), MANY - 1);
        assert!(last.is_finished());
        assert_eq!(scheduler.metrics().alive, 0);
    });
}

#[test]
fn a_million_joins_in_a_row_are_dropped_with_their_scheduler() {
    // The last task may also be dropped first, which only detaches the one before it.
    for last_first in [false, true] {
        on_stack(SMALL_STACK, move || {
            let (scheduler, ended) = (virtual_time(), Count::default());
            let last = chain(&scheduler, scheduler.spawn(pending()), &ended);
            scheduler.run_until_stalled();
            if last_first {
                last.abort();
                scheduler.run_until_stalled();
                assert_eq!(scheduler.metrics().alive, MANY - 1, "no other task is dropped");
            }
            drop(scheduler);
            assert_eq!(ended.get(), 0);
            assert!(last.is_finished());
        });
    }
}

#[test]
fn a_million_idle_tasks_are_dropped_with_their_scheduler() {
    on_stack(SMALL_STACK, || {
        let (scheduler, dropped) = (virtual_time(), Count::default());
        for _ in 0..MANY {
            let held = dropped.token();
            scheduler.spawn(async move {
                let _held = held;
                pending::<()>().await;
            });
        }
        assert_eq!(scheduler.run_until_stalled(), MANY);
        drop(scheduler);
        assert_eq!(dropped.get(), MANY);
    });
}

/// The output of a finished task: the handle of another task, whose output is again a link.
struct Link {
    _before: Option<JoinHandle<Link>>,
    _counted: Token,
}

/// Finished tasks, each of whose outputs holds the handle of the one before; spread over the schedulers in turn.
fn finished_chain(schedulers: &[Scheduler], dropped: &Count) -> JoinHandle<Link> {
    let mut last = None;
    for scheduler in schedulers.iter().cycle().take(MANY) {
        let link = Link { _before: last, _counted: dropped.token() };
        last = Some(scheduler.spawn(async move { link }));
    }
    for scheduler in schedulers {
        scheduler.run().expect("all tasks end");
    }
    assert_eq!(dropped.get(), 0);
    last.expect("the chain is not empty")
}

#[test]
fn a_million_outputs_that_hold_each_other_are_dropped_from_one_handle() {
    for (count, scheduler_first) in [(1, false), (1, true), (2, false)] {
        on_stack(SMALL_STACK, move || {
            let dropped = Count::default();
            let schedulers: Vec<Scheduler> = (0..count).map(|_| virtual_time()).collect();
            let last = finished_chain(&schedulers, &dropped);
            let mut schedulers = Some(schedulers);
            if scheduler_first {
                schedulers = None;
            }
            assert_eq!(dropped.get(), 0, "the handle keeps them");
            drop(last);
            assert_eq!(dropped.get(), MANY);
            drop(schedulers);
            assert_eq!(dropped.get(), MANY);
        });
    }
}

#[test]
fn a_million_outputs_that_hold_each_other_are_dropped_by_the_caller_that_joined_the_last() {
    on_stack(SMALL_STACK, || {
        let (schedulers, dropped) = ([virtual_time()], Count::default());
        let last = finished_chain(&schedulers, &dropped);
        let link = schedulers[0].block_on(last);
        assert_eq!(dropped.get(), 0);
        drop(link);
        assert_eq!(dropped.get(), MANY);
    });
}

#[test]
fn a_million_yields_of_one_task_need_no_deep_stack() {
    on_stack(SMALL_STACK, || {
        let turns = Rc::new(Cell::new(0));
        let count = Rc::clone(&turns);
        virtual_time().block_on(async move {
            for _ in 0..MANY {
                yield_now().await;
                count.set(count.get() + 1);
            }
        });
        assert_eq!(turns.get(), MANY);
    });
}

/// In a debug build a future is copied nine times, into as many frames, before it reaches its box.
const LARGE: usize = if cfg!(debug_assertions) { 128 * 1024 } else { 256 * 1024 };

// tokio#6692: a large future overflowed the stack while it was moved into its box.
#[allow(clippy::large_stack_arrays, reason = "a large future is what is tested")]
#[test]
fn a_large_future_is_spawned_on_a_thread_of_2_mib() {
    on_stack(2 * 1024 * 1024, || {
        let scheduler = virtual_time();
        let large = async {
            let mut bytes = [1_u8; LARGE];
            yield_now().await;
            bytes[0] = 2;
            yield_now().await;
            bytes.iter().map(|&byte| usize::from(byte)).sum::<usize>()
        };
        assert!(std::mem::size_of_val(&large) >= LARGE);
        let handle = scheduler.spawn(large);
        assert_eq!(scheduler.block_on(handle).unwrap(), LARGE + 1);
    });
}
