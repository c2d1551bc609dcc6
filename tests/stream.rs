//! As streams, these types yield what their own methods return, so that adaptors can be chained.

mod probe;

use std::time::Duration;

use futures::stream::{FusedStream, Stream, StreamExt};
use probe::virtual_time;
use turnwise::channel::{broadcast, mpsc, remote, watch};
use turnwise::generator::AsyncGenerator;
use turnwise::task::JoinSet;
use turnwise::time::{self, Missed};
use turnwise::{RunError, Scheduler, as_completed, sleep, spawn};

async fn after(seconds: u64) -> u64 {
    sleep(Duration::from_secs(seconds)).await;
    seconds
}

#[test]
fn outputs_are_a_stream_in_completion_order() {
    virtual_time().block_on(async {
        let outputs = as_completed([3, 1, 2].map(after));
        assert_eq!(outputs.size_hint(), (3, Some(3)));
        assert!(!outputs.is_terminated());
        let doubled: Vec<u64> = outputs.map(|seconds| seconds * 2).collect().await;
        assert_eq!(doubled, [2, 4, 6]);
        let handles = [3, 1, 2].map(|seconds| spawn(after(seconds)));
        let ended: Vec<u64> = as_completed(handles).map(Result::unwrap).collect().await;
        assert_eq!(ended, [1, 2, 3]);
    });
}

#[test]
fn a_set_is_a_stream_that_may_continue_after_its_end() {
    virtual_time().block_on(async {
        let mut set: JoinSet<u64> = [3, 1, 2].into_iter().map(after).collect();
        assert_eq!(Stream::size_hint(&set), (3, Some(3)));
        let ended: Vec<u64> = (&mut set).map(Result::unwrap).collect().await;
        assert_eq!(ended, [1, 2, 3]);
        assert!(set.next().await.is_none());
        set.spawn(after(5));
        assert_eq!(set.next().await.unwrap().unwrap(), 5);
    });
}

#[test]
fn ticks_are_a_stream_without_end() {
    virtual_time().block_on(async {
        let start = time::now();
        let mut interval = time::interval(Duration::from_secs(10)).missed(Missed::Burst);
        let ticks: Vec<_> = (&mut interval).take(3).collect().await;
        let since: Vec<u64> = ticks.iter().map(|tick| (*tick - start).as_secs()).collect();
        assert_eq!(since, [0, 10, 20]);
        assert_eq!(interval.tick().await - start, Duration::from_secs(30));
        assert_eq!(interval.size_hint(), (usize::MAX, None));
    });
}

#[test]
fn a_stream_that_waits_is_reported_with_the_location_where_it_was_created() {
    let outcome = Scheduler::new().try_block_on(async {
        let mut set = JoinSet::new(); // created here
        set.spawn(std::future::pending::<()>());
        drop(StreamExt::next(&mut set).await);
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let line = 1 + include_str!("stream.rs")
        .lines()
        .position(|line| line.ends_with("// created here"))
        .unwrap();
    let place = format!("join set at tests/stream.rs:{line}:");
    assert!(report.to_string().contains(&place), "{report}");
}

#[test]
fn receivers_are_streams_of_what_is_sent() {
    virtual_time().block_on(async {
        let (sender, receiver) = mpsc::channel(2);
        let (all, mut heard) = broadcast::channel(2);
        let (set, changes) = watch::channel(0);
        let (far, near) = remote::channel(4);
        spawn(async move {
            for number in 1..=4 {
                sender.send(number).await.unwrap();
                all.send(number).unwrap();
                set.send(number).unwrap();
                far.send(number).await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
        });
        assert_eq!(heard.next().await, Some(Ok(1)));
        assert_eq!(receiver.collect::<Vec<_>>().await, [1, 2, 3, 4]);
        assert_eq!(near.collect::<Vec<_>>().await, [1, 2, 3, 4]);
        // The channel holds two, so the first of the three values that were not received is lost.
        let heard: Vec<_> = heard.collect().await;
        assert_eq!(heard, [Err(broadcast::RecvError::Lagged(1)), Ok(3), Ok(4)]);
        let changes: Vec<i32> = changes.map(|value| *value).collect().await;
        assert_eq!(changes, [4], "all changes before the first look are one");
    });
}

#[test]
fn a_receiver_that_is_polled_as_a_stream_and_left_no_longer_waits() {
    virtual_time().block_on(async {
        let (sender, mut receiver) = mpsc::channel(1);
        assert!(futures::poll!(receiver.next()).is_pending());
        sender.send(1).await.unwrap();
        assert_eq!(receiver.recv().await, Some(1));
        let (far, mut near) = remote::channel(1);
        assert!(futures::poll!(near.next()).is_pending());
        far.send(1).await.unwrap();
        assert_eq!(near.recv().await, Some(1));
        drop((receiver, near));
        assert!(sender.is_closed() && far.is_closed());
    });
}

#[test]
fn an_async_generator_is_a_stream() {
    virtual_time().block_on(async {
        let countdown = AsyncGenerator::new(async |co| {
            for n in (1..=3).rev() {
                sleep(Duration::from_secs(1)).await;
                co.yield_(n).await;
            }
        });
        assert!(!countdown.is_terminated());
        let doubled: Vec<i32> = countdown.map(|n| n * 2).collect().await;
        assert_eq!(doubled, [6, 4, 2]);
    });
}
