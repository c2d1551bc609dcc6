//! The thread sleeps when nothing is ready, as long as it may, and misses no wake.

#![allow(clippy::unwrap_used, reason = "what tests call is part of the tests")]

mod trace;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use turnwise::scheduler::{Builder, Park, ThreadParker};
use turnwise::{DeadlockReport, Observer, RunError, Scheduler, Transition, sleep, yield_now};

use trace::{Signal, leave_waker};

const HOUR: Duration = Duration::from_secs(3600);

type Act = Box<dyn FnMut(usize)>;

/// Never sleeps: notes each call, and does what the test says instead.
#[derive(Clone, Default)]
struct Scripted {
    calls: Rc<RefCell<Vec<Option<Duration>>>>,
    may_wake: Rc<Cell<bool>>,
    act: Rc<RefCell<Option<Act>>>,
}

impl Scripted {
    /// `act` is told the number of each call, from 1.
    fn acting(act: impl FnMut(usize) + 'static) -> Self {
        let park = Scripted::default();
        park.act.replace(Some(Box::new(act)));
        park
    }

    fn scheduler(&self) -> Builder {
        Scheduler::builder().park(self.clone())
    }
}

impl Park for Scripted {
    fn park(&mut self, timeout: Option<Duration>) {
        self.calls.borrow_mut().push(timeout);
        let number = self.calls.borrow().len();
        if let Some(act) = &mut *self.act.borrow_mut() {
            act(number);
        }
        assert!(number < 10_000, "it goes to sleep again and again");
    }
    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
    fn may_wake(&self) -> bool {
        self.may_wake.get()
    }
}

#[test]
fn what_the_sleep_itself_wakes_has_its_turn() {
    let signal = Signal::default();
    let wait = signal.wait();
    let park = Scripted::acting(move |number| {
        if number == 3 {
            signal.set();
        }
    });
    park.may_wake.set(true);
    park.scheduler().build().block_on(wait);
    let first_look = Some(Duration::ZERO);
    assert_eq!(*park.calls.borrow(), [first_look, None, None], "it woke up in vain once");
}

#[test]
fn a_busy_scheduler_still_looks_at_what_may_wake() {
    let signal = Signal::default();
    let wait = signal.wait();
    let park = Scripted::acting(move |_| signal.set());
    let scheduler = park.scheduler().build();
    let busy = scheduler.spawn(async {
        loop {
            yield_now().await;
        }
    });
    scheduler.block_on(yield_now()); // The first pass begins with a look; here it is over.
    park.may_wake.set(true);
    let before = scheduler.metrics().turns;
    scheduler.block_on(wait);
    assert_eq!(*park.calls.borrow(), [Some(Duration::ZERO)]);
    assert!(scheduler.metrics().turns - before <= 64 + 3);
    assert!(!busy.is_finished());
}

#[test]
fn what_cannot_wake_is_not_looked_at() {
    let park = Scripted::default();
    park.scheduler().build().block_on(async {
        for _ in 0..1000 {
            yield_now().await;
        }
    });
    assert!(park.calls.borrow().is_empty());
}

#[test]
fn nothing_is_certain_while_the_sleep_may_wake() {
    let may_wake = Rc::new(Cell::new(true));
    let armed = Rc::clone(&may_wake);
    let mut park = Scripted::acting(move |number| armed.set(number < 4));
    park.may_wake = may_wake;
    let scheduler = park.scheduler().build();
    let error = scheduler.try_block_on(std::future::pending::<()>()).unwrap_err();
    assert!(matches!(error, RunError::Deadlock(report) if report.certain));
    assert_eq!(*park.calls.borrow(), [Some(Duration::ZERO), None, None, None]);
}

// tokio#7835: what a hook woke just before the thread went to sleep had to wait for the next wake.
#[test]
fn a_wake_by_the_observer_at_the_last_moment_is_not_slept_over() {
    let signal = Signal::default();
    let wait = signal.wait();
    let park = Scripted::default();
    let observer = move |transition: &Transition| {
        if matches!(transition, Transition::Parked { .. }) {
            signal.set();
        }
    };
    let scheduler = park.scheduler().observer(observer).build();
    scheduler.spawn(sleep(HOUR));
    scheduler.block_on(wait);
    assert!(park.calls.borrow().is_empty());
    assert_eq!(scheduler.metrics().parks, 0);
}

// futures-rs#2010, heph#49, helios#169: a wake between the last look at the queue and the sleep was lost.
#[test]
fn a_letter_at_the_last_moment_is_not_slept_over() {
    let place: Rc<RefCell<Option<Waker>>> = Rc::default();
    let park = Scripted::default();
    let found = Rc::clone(&place);
    let observer = move |transition: &Transition| {
        if matches!(transition, Transition::Parked { .. }) {
            let waker = found.take().unwrap();
            thread::spawn(move || waker.wake()).join().unwrap();
        }
    };
    let scheduler = park.scheduler().observer(observer).build();
    scheduler.spawn(sleep(HOUR));
    scheduler.block_on(leave_waker(place));
    assert!(park.calls.borrow().is_empty());
    assert_eq!(scheduler.metrics().letters, 1);
}

/// Counts the wakes of its unparker.
struct Counted(ThreadParker, Arc<AtomicBool>);

impl Park for Counted {
    fn park(&mut self, timeout: Option<Duration>) {
        self.0.park(timeout);
    }
    fn unparker(&self) -> Waker {
        struct Notes(Arc<AtomicBool>, Waker);
        impl std::task::Wake for Notes {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Release);
                self.1.wake_by_ref();
            }
        }
        Waker::from(Arc::new(Notes(Arc::clone(&self.1), self.0.unparker())))
    }
}

#[test]
fn a_thread_that_is_awake_is_not_woken() {
    let woken = Arc::new(AtomicBool::new(false));
    let park = Counted(ThreadParker::new(), Arc::clone(&woken));
    let scheduler = Scheduler::builder().park(park).build();
    let place = Rc::new(RefCell::new(None));
    let wait = leave_waker(Rc::clone(&place));
    scheduler.spawn(sleep(Duration::from_millis(1)));
    scheduler.run().unwrap(); // It was asleep once, so there is an unparker.
    let waits = scheduler.spawn(wait);
    scheduler.block_on(async move {
        yield_now().await;
        let waker = place.take().unwrap();
        thread::spawn(move || waker.wake()).join().unwrap();
        waits.await.unwrap();
    });
    assert_eq!(scheduler.metrics().letters, 1);
    assert!(!woken.load(Ordering::Acquire));
}

// futures-rs#2010: a wake and a sleep at the same time, twenty thousand times.
#[test]
fn two_threads_play_ping_pong_and_no_ball_is_lost() {
    const BALLS: u32 = 20_000;
    let (to_far, far) = mpsc::channel::<oneshot::Sender<u32>>();
    let player = thread::spawn(move || {
        for ball in 0..BALLS {
            far.recv().unwrap().send(ball).unwrap();
        }
    });
    let sum = turnwise::block_on(async {
        let mut sum = 0_u64;
        for _ in 0..BALLS {
            let (sender, receiver) = oneshot::channel();
            to_far.send(sender).unwrap();
            sum += u64::from(receiver.await.unwrap());
        }
        sum
    });
    player.join().unwrap();
    assert_eq!(sum, u64::from(BALLS) * u64::from(BALLS - 1) / 2);
}

// async-lock#42; async-channel's "100% CPU usage": an executor that had nothing to do did it all the time.
#[test]
fn an_idle_scheduler_sleeps_once_and_long() {
    let signal = Signal::default();
    let wait = signal.wait();
    let park = Scripted::acting(move |_| signal.set());
    let scheduler = park.scheduler().build();
    scheduler.spawn(sleep(HOUR));
    let before = scheduler.metrics();
    scheduler.block_on(wait);
    let calls = park.calls.take();
    assert!(matches!(calls[..], [Some(timeout)] if timeout > HOUR / 2));
    let after = scheduler.metrics();
    assert_eq!((after.turns - before.turns, after.parks - before.parks), (3, 1));
}

/// Tasks that gave so many wakers away: `#1` one, `#2` two, and so on.
fn spawn_givers(scheduler: &Scheduler, given: &Rc<RefCell<Vec<Waker>>>, count: usize) {
    for number in 1..=count {
        let given = Rc::clone(given);
        scheduler.spawn(poll_fn(move |cx| {
            if given.borrow().len() >= (1..=count).sum() {
                return Poll::Ready(());
            }
            given.borrow_mut().extend(std::iter::repeat_with(|| cx.waker().clone()).take(number));
            Poll::Pending
        }));
    }
}

#[test]
fn a_stall_is_told_once_with_the_wakers_of_each_task() {
    let given = Rc::new(RefCell::new(Vec::new()));
    let told: Rc<RefCell<Vec<String>>> = Rc::default();
    let (wakers, texts) = (Rc::clone(&given), Rc::clone(&told));
    let park = Scripted::acting(move |number| {
        if number == 4 {
            wakers.borrow().iter().for_each(Waker::wake_by_ref);
        }
    });
    let scheduler = park
        .scheduler()
        .on_stall(Duration::ZERO, move |report: &DeadlockReport| {
            assert!(!report.certain);
            assert_eq!(report.wakers_held, 6);
            texts.borrow_mut().push(report.to_string());
        })
        .build();
    spawn_givers(&scheduler, &given, 3);
    scheduler.run_until_stalled();
    assert!(told.borrow().is_empty(), "who does not wait does not stall");
    given.borrow_mut().iter().for_each(Waker::wake_by_ref);
    given.borrow_mut().clear(); // So all three give theirs away once more.
    scheduler.run().unwrap();
    let expected = "possible deadlock at turn 6: 3 of 3 tasks can never run again\n  \
         #1  waits for whoever holds its waker, since turn 4\n  \
         #2  waits for whoever holds one of its 2 wakers, since turn 5\n  \
         #3  waits for whoever holds one of its 3 wakers, since turn 6\n\
         possible: 6 wakers held outside the scheduler may still be used";
    assert_eq!(*told.borrow(), [expected]);
    assert_eq!(park.calls.borrow().last(), Some(&None), "then it sleeps until it is woken");
}

#[test]
fn a_sleep_that_ends_early_for_no_reason_is_no_stall() {
    let place: Rc<RefCell<Option<Waker>>> = Rc::default();
    let given = Rc::clone(&place);
    let park = Scripted::acting(move |number| {
        if number == 3 {
            given.take().unwrap().wake();
        }
    });
    let told = Rc::new(Cell::new(0));
    let count = Rc::clone(&told);
    let tell = move |_: &DeadlockReport| count.set(count.get() + 1);
    park.scheduler().on_stall(HOUR, tell).build().block_on(leave_waker(place));
    assert_eq!(told.get(), 0, "it has not waited for an hour");
}

/// Wakes what it finds when it is told of a stall.
struct Rescuer(Rc<RefCell<Option<Waker>>>, Rc<Cell<u32>>);

impl Observer for Rescuer {
    fn transition(&self, _: &Transition) {}
    fn stalled(&self, report: &DeadlockReport) {
        assert!(!report.certain);
        self.1.set(self.1.get() + 1);
        self.0.take().unwrap().wake();
    }
}

#[test]
fn an_observer_may_end_the_stall_that_it_is_told_of() {
    let (place, told) = (Rc::default(), Rc::new(Cell::new(0)));
    let park = Scripted::default();
    let observer = Rescuer(Rc::clone(&place), Rc::clone(&told));
    let scheduler = park.scheduler().observer(observer).build();
    scheduler.block_on(leave_waker(Rc::clone(&place)));
    scheduler.block_on(leave_waker(place));
    assert_eq!(told.get(), 2, "once for each stall");
    assert!(park.calls.borrow().is_empty());
}

/// Sleeps like the default, and tells another thread before it does.
struct Telling(ThreadParker, mpsc::Sender<Option<Duration>>);

impl Park for Telling {
    fn park(&mut self, timeout: Option<Duration>) {
        let _ = self.1.send(timeout);
        self.0.park(timeout);
    }
    fn unparker(&self) -> Waker {
        self.0.unparker()
    }
}

// tokio#2285: a thread that slept until a far deadline did not notice a nearer one.
#[test]
fn a_near_timer_is_noticed_though_the_thread_sleeps_until_a_far_one() {
    let (tell, hear) = mpsc::channel();
    let (sender, receiver) = oneshot::channel();
    let scheduler = Scheduler::builder().park(Telling(ThreadParker::new(), tell)).build();
    scheduler.spawn(sleep(HOUR));
    let helper = thread::spawn(move || {
        assert!(hear.recv().unwrap().unwrap() > HOUR / 2, "it goes to sleep for an hour");
        sender.send(()).unwrap();
        hear.recv().unwrap().unwrap()
    });
    let start = Instant::now();
    scheduler.block_on(async {
        receiver.await.unwrap();
        sleep(Duration::from_millis(5)).await;
    });
    assert!(start.elapsed() < HOUR / 2);
    assert!(
        helper.join().unwrap() <= Duration::from_millis(6),
        "the nearer deadline and the slack"
    );
}

#[test]
fn deadlines_within_the_slack_are_one_sleep_of_the_thread() {
    let parks = |slack| {
        let scheduler = Scheduler::builder().timer_slack(slack).build();
        for number in 0..20 {
            scheduler.spawn(sleep(Duration::from_millis(10) + number * Duration::from_micros(500)));
        }
        scheduler.run().unwrap();
        scheduler.metrics().parks
    };
    let within = parks(Duration::from_millis(50));
    assert!(within <= 2, "{within}; two if they lie around a multiple of the slack");
}

#[test]
fn a_sleep_of_the_thread_is_exact_without_slack_and_rounded_up_with_it() {
    for (slack, least, most) in [(Duration::ZERO, 0, 1), (4 * HOUR, 3, 4)] {
        let (tell, hear) = mpsc::channel();
        let park = Telling(ThreadParker::new(), tell);
        let scheduler = Scheduler::builder().timer_slack(slack).park(park).build();
        let (sender, receiver) = oneshot::channel();
        let helper = thread::spawn(move || {
            let timeout = hear.recv().unwrap().unwrap();
            sender.send(()).unwrap();
            timeout
        });
        scheduler.spawn(sleep(HOUR));
        scheduler.block_on(receiver).unwrap();
        let timeout = helper.join().unwrap();
        assert!(timeout > least * HOUR + HOUR / 2 && timeout <= most * HOUR, "{timeout:?}");
    }
}
