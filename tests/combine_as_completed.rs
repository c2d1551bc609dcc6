//! `as_completed`: outputs in the order of completion.

mod probe;

use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use probe::{Count, Rings, Spot, poll_with, text, virtual_time};
use proptest::prelude::*;
use turnwise::combine::AsCompleted;
use turnwise::sync::Mutex;
use turnwise::{
    RunError, Scheduler, as_completed, block_on, select, sleep, spawn, time, yield_now,
};

async fn all<F: Future>(mut outputs: AsCompleted<F>) -> Vec<F::Output> {
    let mut all = Vec::new();
    while let Some(output) = outputs.next().await {
        all.push(output);
    }
    all
}

/// asyncio's program 12.
#[test]
fn each_output_comes_when_it_is_ready() {
    virtual_time().block_on(async {
        let start = time::now();
        let fact = |number: u64| async move {
            let mut product = 1;
            for factor in 2..=number {
                sleep(Duration::from_secs(1)).await;
                product *= factor;
            }
            (number, product)
        };
        let mut outputs = as_completed([fact(4), fact(3), fact(2)]);
        let mut seen = Vec::new();
        while let Some((number, product)) = outputs.next().await {
            seen.push(((time::now() - start).as_secs(), number, product));
        }
        assert_eq!(seen, [(1, 2, 2), (2, 3, 6), (3, 4, 24)]);
    });
}

#[test]
fn tasks_that_completed_before_the_wait_come_in_the_order_of_completion() {
    for count in [10, 100] {
        let scheduler = Scheduler::new();
        let spots: Vec<Spot> = (0..count).map(|_| Spot::default()).collect();
        let handles: Vec<_> = (0..count)
            .map(|number| {
                let wait = spots[number].wait();
                scheduler.spawn(async move {
                    wait.await;
                    number
                })
            })
            .collect();
        scheduler.run_until_stalled();
        let order: Vec<usize> = (0..count).map(|number| (number * 3 + 1) % count).collect();
        order.iter().for_each(|&number| spots[number].open());
        scheduler.run().unwrap();
        let ended = scheduler.block_on(all(as_completed(handles)));
        let ended: Vec<usize> = ended.into_iter().map(Result::unwrap).collect();
        assert_eq!(ended, order);
    }
}

#[test]
fn tasks_that_complete_during_the_wait_come_in_the_order_of_completion() {
    for count in [10, 100] {
        let ended = block_on(async {
            let turns = |count: usize| async move {
                for _ in 0..count {
                    yield_now().await;
                }
                count
            };
            all(as_completed((0..count).rev().map(|number| spawn(turns(number))))).await
        });
        let ended: Vec<usize> = ended.into_iter().map(Result::unwrap).collect();
        assert_eq!(ended, (0..count).collect::<Vec<_>>());
    }
}

#[test]
fn futures_that_are_ready_immediately_come_in_argument_order() {
    for count in [0, 1, 10, 100] {
        assert_eq!(
            block_on(all(as_completed((0..count).map(ready)))),
            (0..count).collect::<Vec<_>>()
        );
    }
}

#[test]
fn an_output_is_not_lost_when_the_wait_for_it_is_given_up() {
    virtual_time().block_on(async {
        let after = |seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        };
        let mut outputs = as_completed([after(2), after(2), after(3)]);
        let mut seen = Vec::new();
        while !outputs.is_empty() {
            select! {
                output = outputs.next() => seen.extend(output),
                () = sleep(Duration::from_millis(700)) => {}
            }
        }
        assert_eq!(seen, [2, 2, 3]);
        assert_eq!(outputs.next().await, None);
    });
}

#[test]
fn dropping_it_detaches_tasks_and_drops_futures() {
    let scheduler = Scheduler::new();
    let (done, dropped) = (Count::default(), Count::default());
    scheduler.block_on(async {
        let counted = done.clone();
        drop(as_completed([spawn(async move { counted.add() })]));
        let token = dropped.token();
        drop(as_completed([async move {
            let _token = token;
            pending::<()>().await;
        }]));
    });
    scheduler.run().unwrap();
    assert_eq!((done.get(), dropped.get()), (1, 1));
}

#[test]
fn among_many_only_those_that_were_woken_are_polled() {
    let spots: Vec<Spot> = (0..100).map(|_| Spot::default()).collect();
    let mut outputs = as_completed(spots.iter().enumerate().map(|(number, spot)| {
        let wait = spot.wait();
        async move {
            wait.await;
            number
        }
    }));
    let (rings, waker) = Rings::new();
    assert!(poll_with(&mut outputs.next(), &waker).is_pending());
    for number in [50, 3, 99] {
        spots[number].open();
    }
    assert_eq!(rings.get(), 1);
    let seen = futures::executor::block_on(async {
        [outputs.next().await, outputs.next().await, outputs.next().await]
    });
    assert_eq!(seen, [Some(50), Some(3), Some(99)]);
    assert_eq!(outputs.len(), 97);
    assert_eq!(spots.iter().map(Spot::turns).sum::<usize>(), 103);
}

#[test]
fn a_panic_of_a_future_reaches_the_caller() {
    let mut outputs = as_completed([async { panic!("a bug") }]);
    let panics =
        catch_unwind(AssertUnwindSafe(|| poll_with(&mut outputs.next(), Waker::noop()).is_ready()));
    assert_eq!(text(&*panics.unwrap_err()), "a bug");
}

#[test]
fn a_report_names_the_awaited_tasks_and_the_cycle() {
    let outcome = Scheduler::new().try_block_on(async {
        let lock = std::rc::Rc::new(Mutex::new(()).named("accounts"));
        let _guard = lock.lock().await;
        let handles = [1, 2].map(|_| {
            let lock = std::rc::Rc::clone(&lock);
            spawn(async move { drop(lock.lock().await) })
        });
        all(as_completed(handles)).await.len()
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(report.certain && text.contains("waits for task #2"), "{text}");
    assert!(text.contains("cycle: #1 -> #2 -> mutex \"accounts\" -> #1"), "{text}");
}

#[test]
fn it_works_on_other_executors_and_inside_their_combinators() {
    for count in [3, 300] {
        let later = |number| async move {
            yield_now().await;
            number
        };
        let outputs = || all(as_completed((0..count).map(later)));
        let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(futures::executor::block_on(outputs()), (0..count).collect::<Vec<_>>());
        assert_eq!(tokio.block_on(outputs()), (0..count).collect::<Vec<_>>());
        block_on(async {
            let group: FuturesUnordered<_> = (0..3).map(|_| outputs()).collect();
            assert_eq!(group.map(|outputs| outputs.len()).collect::<Vec<_>>().await, [count; 3]);
        });
    }
}

proptest! {
    /// Every future that is opened between the polls comes once, and no other comes.
    #[test]
    fn every_output_comes_once(
        count in 1_usize..60,
        opens in prop::collection::vec((0_usize..60, any::<bool>()), 0..100),
    ) {
        let dropped = Count::default();
        let spots: Vec<Spot> = (0..count).map(|_| Spot::default()).collect();
        let mut outputs = as_completed(spots.iter().enumerate().map(|(number, spot)| {
            let (wait, token) = (spot.wait(), dropped.token());
            async move {
                wait.await;
                (number, token)
            }
        }));
        let (mut open, mut seen) = (vec![false; count], Vec::new());
        for (number, polls) in opens {
            if let Some(open) = open.get_mut(number) && poll_with(&mut outputs.next(), Waker::noop()).map(|output| {
                seen.extend(output.map(|(number, _)| number));
            }).is_pending() {
                *open = true;
                spots[number].open();
            }
            if polls && let std::task::Poll::Ready(Some((number, _))) = poll_with(&mut outputs.next(), Waker::noop()) {
                seen.push(number);
            }
        }
        prop_assert!(seen.iter().all(|&number| open[number]));
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), seen.len());
        drop(outputs);
        prop_assert_eq!(dropped.get(), count);
    }
}
