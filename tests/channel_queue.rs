//! The queues of asyncio: their orders, capacity, `task_done` and `join`, and shutdown.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod elsewhere;
mod probe;

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{Either, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use proptest::prelude::*;

use elsewhere::everywhere;
use probe::{Acting, Count, Log, Rings, Token, poll_with, text, virtual_time};
use turnwise::channel::queue::{Fifo, Get, PutError, TryGetError, TryPutError};
use turnwise::channel::{LifoQueue, PriorityQueue, Queue};
use turnwise::{RunError, block_on, sleep, spawn, task, time, yield_now};

fn noop() -> &'static Waker {
    Waker::noop()
}

// ----- orders -----

#[test]
fn each_queue_has_its_order() {
    let (fifo, lifo) = (Queue::unbounded(), LifoQueue::unbounded());
    let smallest = PriorityQueue::unbounded();
    for item in [3, 1, 2] {
        fifo.try_put(item).unwrap();
        lifo.try_put(item).unwrap();
        smallest.try_put(item).unwrap();
    }
    let three = |get: &dyn Fn() -> Option<i32>| [get(), get(), get(), get()];
    assert_eq!(three(&|| fifo.try_get().ok()), [Some(3), Some(1), Some(2), None]);
    assert_eq!(three(&|| lifo.try_get().ok()), [Some(2), Some(1), Some(3), None]);
    assert_eq!(three(&|| smallest.try_get().ok()), [Some(1), Some(2), Some(3), None]);
}

/// Compared by rank alone.
#[derive(Debug)]
struct Ranked(u8, usize);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Ranked {}

proptest! {
    #[test]
    fn equal_items_come_in_fifo_order(ranks in prop::collection::vec(0_u8..4, 0..100)) {
        let queue = PriorityQueue::unbounded();
        for (number, &rank) in ranks.iter().enumerate() {
            queue.try_put(Ranked(rank, number)).unwrap();
        }
        let mut expected: Vec<(u8, usize)> = ranks.into_iter().zip(0..).collect();
        expected.sort_unstable(); // By rank, then by number.
        let got = std::iter::from_fn(|| queue.try_get().ok()).map(|Ranked(rank, number)| (rank, number));
        prop_assert_eq!(got.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_waiting_task_gets_the_smallest_item_that_is_there_when_it_runs() {
    block_on(async {
        let queue = Rc::new(PriorityQueue::unbounded());
        let theirs = Rc::clone(&queue);
        let task = spawn(async move { theirs.get().await });
        yield_now().await;
        for item in [2, 1, 3] {
            queue.try_put(item).unwrap();
        }
        assert_eq!(task.await.unwrap(), Ok(1));
    });
}

// ----- capacity -----

#[test]
fn maxsize_0_means_unbounded() {
    let queue = Queue::new(0);
    for item in 0..10_000 {
        queue.try_put(item).unwrap();
    }
    assert_eq!((queue.len(), queue.maxsize(), queue.is_full()), (10_000, 0, false));
}

#[test]
fn a_full_queue_makes_putters_wait_in_order() {
    let (rings, waker) = Rings::new();
    let queue = Queue::new(1);
    queue.try_put(0).unwrap();
    assert!(queue.is_full());
    let mut puts: Vec<_> = (1..4).map(|item| queue.put(item)).collect();
    assert!(puts.iter_mut().all(|put| poll_with(put, &waker).is_pending()));
    for (put, item) in puts.iter_mut().zip(0..) {
        assert_eq!(queue.try_get(), Ok(item));
        assert_eq!(queue.try_put(9), Err(TryPutError::Full(9)), "the slot is granted");
        assert_eq!(poll_with(put, &waker), Poll::Ready(Ok(())));
    }
    assert_eq!(rings.get(), 3);
}

#[test]
fn an_item_that_was_granted_to_a_get_that_is_dropped_goes_to_the_next() {
    let (rings, waker) = Rings::new();
    let queue = Queue::unbounded();
    let (mut first, mut second) = (queue.get(), queue.get());
    assert!(poll_with(&mut first, noop()).is_pending());
    assert!(poll_with(&mut second, &waker).is_pending());
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_get(), Err(TryGetError::Empty), "it is granted to the get");
    assert_eq!((rings.get(), queue.len()), (0, 1));
    drop(first);
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut second, &waker), Poll::Ready(Ok(1)));
}

#[test]
fn a_put_that_is_dropped_drops_its_item() {
    let dropped = Count::default();
    let queue = Queue::new(1);
    queue.try_put(dropped.token()).unwrap();
    let mut put = queue.put(dropped.token());
    assert!(poll_with(&mut put, noop()).is_pending());
    drop(put);
    assert_eq!((dropped.get(), queue.len()), (1, 1));
}

// ----- task_done and join -----

#[test]
fn join_waits_until_every_item_is_dealt_with() {
    // The program in asyncio's documentation: three workers sleep for the durations that they get.
    let scheduler = virtual_time();
    scheduler.block_on(async {
        let queue = Rc::new(Queue::unbounded());
        let lengths = [30, 10, 20, 40, 5];
        for length in lengths {
            queue.try_put(Duration::from_millis(length)).unwrap();
        }
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let queue = Rc::clone(&queue);
                spawn(async move {
                    while let Ok(length) = queue.get().await {
                        sleep(length).await;
                        queue.task_done().unwrap();
                    }
                })
            })
            .collect();
        let start = time::now();
        queue.join().await;
        assert_eq!(time::now() - start, Duration::from_millis(50), "10 and 40 by one worker");
        queue.shutdown();
        join_all(workers).await.into_iter().for_each(Result::unwrap);
        assert!(queue.task_done().is_err());
    });
}

#[test]
fn join_of_a_fresh_queue_is_ready_and_task_done_once_too_often_is_an_error() {
    let queue = Queue::<i32>::unbounded();
    assert!(poll_with(&mut queue.join(), noop()).is_ready());
    let error = queue.task_done().unwrap_err();
    assert_eq!(error.to_string(), "`task_done` was called more times than items were put");
}

#[test]
fn an_item_put_after_the_last_task_done_does_not_hold_a_join_up() {
    let (rings, waker) = Rings::new();
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    let (mut first, mut second) = (queue.join(), queue.join());
    assert!(poll_with(&mut first, &waker).is_pending());
    assert!(poll_with(&mut second, &waker).is_pending());
    assert_eq!(queue.try_get(), Ok(1));
    queue.task_done().unwrap();
    queue.try_put(2).unwrap();
    assert_eq!(rings.get(), 2);
    assert!(poll_with(&mut first, &waker).is_ready());
    assert!(poll_with(&mut second, &waker).is_ready());
    assert!(poll_with(&mut queue.join(), &waker).is_pending());
}

// ----- shutdown -----

#[test]
fn a_shutdown_refuses_all_waiters_and_leaves_the_items() {
    let (rings, waker) = Rings::new();
    let queue = Queue::new(1);
    queue.try_put(1).unwrap();
    let mut put = queue.put(2);
    assert!(poll_with(&mut put, &waker).is_pending());
    queue.shutdown();
    assert_eq!(rings.get(), 1);
    assert_eq!(poll_with(&mut put, &waker), Poll::Ready(Err(PutError(2))));
    assert_eq!(queue.try_put(3), Err(TryPutError::ShutDown(3)));
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(queue.try_get(), Err(TryGetError::ShutDown));
    assert!(poll_with(&mut queue.join(), noop()).is_pending(), "item 1 is not done");

    let queue = Queue::<i32>::unbounded();
    let mut get = queue.get();
    assert!(poll_with(&mut get, &waker).is_pending());
    queue.shutdown();
    assert!(matches!(poll_with(&mut get, &waker), Poll::Ready(Err(_))));
    assert!(queue.is_shut_down());
}

#[test]
fn an_item_granted_before_a_shutdown_goes_to_the_next_get_if_it_is_given_up() {
    let queue = Queue::unbounded();
    let mut get = queue.get();
    assert!(poll_with(&mut get, noop()).is_pending());
    queue.try_put(1).unwrap();
    queue.shutdown();
    drop(get);
    assert_eq!(poll_with(&mut queue.get(), noop()), Poll::Ready(Ok(1)));
}

#[test]
fn an_immediate_shutdown_drops_the_items_and_ends_the_joins() {
    let dropped = Count::default();
    let queue = Queue::unbounded();
    let mut get = queue.get();
    assert!(poll_with(&mut get, noop()).is_pending());
    for _ in 0..3 {
        queue.try_put(dropped.token()).unwrap();
    }
    let mut join = queue.join();
    assert!(poll_with(&mut join, noop()).is_pending());
    queue.shutdown_now();
    assert_eq!(dropped.get(), 3);
    assert!(poll_with(&mut join, noop()).is_ready());
    assert!(
        matches!(poll_with(&mut get, noop()), Poll::Ready(Err(_))),
        "although an item was granted"
    );
    assert!(queue.task_done().is_err());
}

// ----- against a model -----

type Item = (u32, Token);
type BoxedGet = Pin<Box<dyn Future<Output = Option<u32>>>>;
type BoxedPut = Pin<Box<dyn Future<Output = bool>>>;

#[derive(Clone, Copy, Debug)]
enum Step {
    Put,
    TryPut,
    Get,
    TryGet,
    CancelPut(usize),
    CancelGet(usize),
    TaskDone,
    Shutdown,
    ShutdownNow,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Put),
        3 => Just(Step::TryPut),
        6 => Just(Step::Get),
        3 => Just(Step::TryGet),
        2 => (0_usize..8).prop_map(Step::CancelPut),
        2 => (0_usize..8).prop_map(Step::CancelGet),
        4 => Just(Step::TaskDone),
        1 => Just(Step::Shutdown),
    ]
}

/// A queue, next to a model of it. After each step, every wait that can complete does so.
struct Both {
    queue: Rc<Queue<Item>>,
    puts: VecDeque<(u32, BoxedPut)>,
    gets: VecDeque<BoxedGet>,
    created: u32,
    dropped: Count,
    maxsize: usize,
    items: VecDeque<u32>,
    unfinished: usize,
    is_shut_down: bool,
}

impl Both {
    fn new(maxsize: usize) -> Self {
        Both {
            queue: Rc::new(Queue::new(maxsize)),
            puts: VecDeque::new(),
            gets: VecDeque::new(),
            created: 0,
            dropped: Count::default(),
            maxsize,
            items: VecDeque::new(),
            unfinished: 0,
            is_shut_down: false,
        }
    }

    fn item(&mut self) -> Item {
        self.created += 1;
        (self.created, self.dropped.token())
    }

    fn is_full(&self) -> bool {
        self.maxsize > 0 && self.items.len() >= self.maxsize
    }

    fn added(&mut self, number: u32) {
        self.items.push_back(number);
        self.unfinished += 1;
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Put => {
                let (item, queue) = (self.item(), Rc::clone(&self.queue));
                let put = Box::pin(async move { queue.put(item).await.is_ok() });
                self.puts.push_back((self.created, put));
            }
            Step::TryPut => {
                let item = self.item();
                let put = self.queue.try_put(item);
                let may = !self.is_shut_down && !self.is_full() && self.puts.is_empty();
                assert_eq!(put.is_ok(), may);
                if may {
                    self.added(self.created);
                }
            }
            Step::Get => {
                let queue = Rc::clone(&self.queue);
                self.gets
                    .push_back(Box::pin(async move { queue.get().await.ok().map(|item| item.0) }));
            }
            Step::TryGet => {
                let expected = if self.gets.is_empty() { self.items.pop_front() } else { None };
                assert_eq!(self.queue.try_get().ok().map(|item| item.0), expected);
            }
            Step::CancelPut(which) if !self.puts.is_empty() => {
                drop(self.puts.remove(which % self.puts.len()));
            }
            Step::CancelGet(which) if !self.gets.is_empty() => {
                drop(self.gets.remove(which % self.gets.len()));
            }
            Step::CancelPut(_) | Step::CancelGet(_) => {}
            Step::TaskDone => {
                assert_eq!(self.queue.task_done().is_ok(), self.unfinished > 0);
                self.unfinished = self.unfinished.saturating_sub(1);
            }
            Step::Shutdown => {
                self.queue.shutdown();
                self.is_shut_down = true;
            }
            Step::ShutdownNow => {
                self.queue.shutdown_now();
                self.is_shut_down = true;
                self.unfinished = self.unfinished.saturating_sub(self.items.len());
                self.items.clear();
            }
        }
        self.settle();
        assert_eq!(self.queue.len(), self.items.len());
        assert_eq!(self.queue.is_full(), self.is_full());
        let alive = self.items.len() + self.puts.len();
        assert_eq!(self.created as usize - self.dropped.get(), alive, "live payloads");
        let is_done = poll_with(&mut self.queue.join(), noop()).is_ready();
        assert_eq!(is_done, self.unfinished == 0);
    }

    fn settle(&mut self) {
        let cx = &mut Context::from_waker(noop());
        loop {
            let before = (self.items.len(), self.puts.len(), self.gets.len());
            for (number, mut put) in std::mem::take(&mut self.puts) {
                let expected = match () {
                    () if self.is_shut_down => Poll::Ready(false),
                    () if self.is_full() => Poll::Pending,
                    () => Poll::Ready(true),
                };
                assert_eq!(put.as_mut().poll(cx), expected);
                match expected {
                    Poll::Ready(true) => self.added(number),
                    Poll::Ready(false) => {}
                    Poll::Pending => self.puts.push_back((number, put)),
                }
            }
            for mut get in std::mem::take(&mut self.gets) {
                let expected = match self.items.pop_front() {
                    None if !self.is_shut_down => Poll::Pending,
                    item => Poll::Ready(item),
                };
                assert_eq!(get.as_mut().poll(cx), expected);
                if expected.is_pending() {
                    self.gets.push_back(get);
                }
            }
            if (self.items.len(), self.puts.len(), self.gets.len()) == before {
                return;
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_duplicated(
        maxsize in 0_usize..4,
        steps in prop::collection::vec(step(), 0..100),
        ends_immediately: bool,
    ) {
        let mut both = Both::new(maxsize);
        steps.iter().for_each(|&step| both.step(step));
        if ends_immediately {
            both.step(Step::ShutdownNow);
        }
        let (created, dropped) = (both.created as usize, both.dropped.clone());
        drop(both);
        prop_assert_eq!(created, dropped.get());
    }

    #[test]
    fn items_keep_their_order_whichever_gets_are_dropped(
        steps in prop::collection::vec((0_u8..5, 0_usize..8), 0..100),
    ) {
        let queue = Queue::unbounded();
        let mut gets: Vec<Get<'_, u32, Fifo<u32>>> = Vec::new();
        let (mut put, mut got) = (0, Vec::new());
        for (what, which) in steps {
            match what {
                0 => gets.push(queue.get()),
                1 | 2 if !gets.is_empty() => {
                    let which = which % gets.len();
                    if let Poll::Ready(item) = poll_with(&mut gets[which], noop()) {
                        got.push(item.expect("it is not shut down"));
                        drop(gets.remove(which));
                    }
                }
                3 if !gets.is_empty() => drop(gets.remove(which % gets.len())),
                4 => {
                    put += 1;
                    queue.try_put(put).expect("it has no bound");
                }
                _ => {}
            }
        }
        drop(gets);
        got.extend(std::iter::from_fn(|| queue.try_get().ok()));
        prop_assert_eq!(got, (1..=put).collect::<Vec<_>>());
    }
}

// ----- a user's `Ord` -----

thread_local! {
    static SWAYED: RefCell<Option<Rc<PriorityQueue<Swayed>>>> = const { RefCell::new(None) };
    static EXPLODES: Cell<bool> = const { Cell::new(false) };
}

/// Its `Ord` uses the queue that it is in, or panics.
#[derive(PartialEq, Eq, Debug)]
struct Swayed(u32);

impl Ord for Swayed {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(!EXPLODES.get(), "an `Ord` that panics");
        if let Some(queue) = SWAYED.with_borrow(Clone::clone) {
            let _ = queue.try_get();
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Swayed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[test]
fn an_ord_that_panics_or_uses_the_queue_loses_no_slot_and_no_count() {
    let queue = Rc::new(PriorityQueue::new(3));
    queue.try_put(Swayed(2)).unwrap();
    SWAYED.set(Some(Rc::clone(&queue)));
    assert!(catch_unwind(AssertUnwindSafe(|| queue.try_put(Swayed(1)))).is_err());
    SWAYED.set(None);
    EXPLODES.set(true);
    assert!(catch_unwind(AssertUnwindSafe(|| queue.try_put(Swayed(3)))).is_err());
    EXPLODES.set(false);
    assert!(queue.is_full());
    let got: Vec<u32> = std::iter::from_fn(|| queue.try_get().ok()).map(|item| item.0).collect();
    assert_eq!(got.len(), 3, "the items are in it nevertheless");
    assert_eq!((0..3).filter(|_| queue.task_done().is_ok()).count(), 3);
    assert!((0..3).all(|item| queue.try_put(Swayed(item)).is_ok()), "and so are the slots");
}

// ----- reports -----

#[test]
fn a_queue_on_which_all_tasks_wait_is_named() {
    let scheduler = virtual_time();
    let queue = Rc::new(Queue::new(1).named("work"));
    let worker = Rc::clone(&queue);
    task::Builder::new().name("worker").spawn_on(&scheduler, async move {
        let _first = worker.get().await; // and never calls `task_done`
        let _second = worker.get().await;
    });
    let outcome = scheduler.try_block_on(async {
        queue.put(1).await.unwrap();
        queue.join().await;
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(text.contains("waits for the last task_done of queue \"work\" at"), "{text}");
    assert!(text.contains("waits for an item in queue \"work\""), "{text}");
    assert!(report.certain);
    let shown = format!("{queue:?}");
    let expected =
        "Queue { maxsize: 1, unfinished: 1, len: 0, name: \"work\", waiters: [#1 \"worker\" at ";
    assert!(shown.starts_with(expected), "{shown}");
}

// ----- other executors and combinators -----

async fn shared_work() -> Vec<u32> {
    let queue = Queue::new(2);
    let work = async || {
        let mut mine = Vec::new();
        while let Ok(item) = queue.get().await {
            mine.push(item);
            queue.task_done().unwrap();
        }
        mine
    };
    let fill = async {
        for item in 0..10 {
            queue.put(item).await.unwrap();
        }
        queue.join().await;
        queue.shutdown();
    };
    let (one, two, ()) = futures::join!(work(), work(), fill);
    let mut all = [one, two].concat();
    all.sort_unstable();
    all
}

#[test]
fn it_works_on_any_executor() {
    let expected: Vec<u32> = (0..10).collect();
    assert_eq!(everywhere(shared_work), [(); 3].map(|()| expected.clone()));
}

#[test]
fn it_works_inside_foreign_combinators() {
    block_on(async {
        let queue = Queue::new(3);
        let gets: FuturesUnordered<_> = (0..40).map(|_| queue.get()).collect();
        let puts = join_all((0..40).map(|item| queue.put(item)));
        let (got, put) = futures::join!(gets.map(Result::unwrap).collect::<Vec<_>>(), puts);
        assert!(put.iter().all(Result::is_ok));
        assert_eq!(got, (0..40).collect::<Vec<_>>());
        let lost = matches!(select(pin!(yield_now()), queue.get()).await, Either::Left(_));
        assert!(lost);
        queue.try_put(1).unwrap();
        assert_eq!(queue.try_get(), Ok(1), "no grant is left behind");
    });
}

thread_local! {
    static MEDDLED: RefCell<Option<(Rc<Queue<u32>>, Log)>> = const { RefCell::new(None) };
}

fn meddle() {
    let Some((queue, log)) = MEDDLED.with_borrow(Clone::clone) else { return };
    let _ = queue.try_put(7);
    log.note(format!("{:?}", queue.try_get()));
}

fn explode() {
    panic!("the foreign waker");
}

#[test]
fn a_waker_may_use_the_queue_that_it_is_woken_by() {
    let (queue, log) = (Rc::new(Queue::new(1)), Log::default());
    MEDDLED.set(Some((Rc::clone(&queue), log.clone())));
    let mut get = queue.get();
    assert!(poll_with(&mut get, &Acting::waker(meddle, || {})).is_pending());
    queue.try_put(1).unwrap();
    assert_eq!(log.take(), ["Err(Empty)"], "the item is granted");
    assert_eq!(poll_with(&mut get, noop()), Poll::Ready(Ok(1)));
    MEDDLED.set(None);
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    for foreign in [Acting::waker(explode, || {}), Acting::waker(|| {}, explode)] {
        let (rings, waker): (Arc<Rings>, Waker) = Rings::new();
        let queue = Queue::<i32>::unbounded();
        let mut gets = [queue.get(), queue.get(), queue.get()];
        assert!(poll_with(&mut gets[0], &waker).is_pending());
        assert!(poll_with(&mut gets[1], &foreign).is_pending());
        assert!(poll_with(&mut gets[2], &waker).is_pending());
        drop(foreign);
        queue.shutdown();
        assert_eq!(rings.get(), 2);
        assert!(gets.iter_mut().all(|get| poll_with(get, &waker).is_ready()));
    }
}

#[test]
fn a_queue_that_is_too_big_panics_and_says_what_to_use() {
    let panic = catch_unwind(|| drop(Queue::<()>::new(usize::MAX))).unwrap_err();
    assert!(text(&*panic).ends_with("use `unbounded()`"));
}
