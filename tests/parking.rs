//! The thread parks when nothing is ready, for as long as it may, and misses no wake.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

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

/// Never sleeps: records each call, and runs the test's closure instead.
#[derive(Clone, Default)]
struct Scripted {
    calls: Rc<RefCell<Vec<Option<Duration>>>>,
    may_wake: Rc<Cell<bool>>,
    act: Rc<RefCell<Option<Act>>>,
}

impl Scripted {
    /// `act` receives the number of the call, starting at 1.
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
        assert!(number < 10_000, "it parks again and again");
    }
    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
    fn may_wake(&self) -> bool {
        self.may_wake.get()
    }
}

#[test]
fn a_task_woken_by_the_park_itself_takes_its_turn() {
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
    assert_eq!(*park.calls.borrow(), [first_look, None, None], "it was unparked spuriously once");
}

#[test]
fn a_busy_scheduler_still_checks_a_park_that_may_wake() {
    let signal = Signal::default();
    let wait = signal.wait();
    let park = Scripted::acting(move |_| signal.set());
    let scheduler = park.scheduler().build();
    let busy = scheduler.spawn(async {
        loop {
            yield_now().await;
        }
    });
    scheduler.block_on(yield_now()); // The first pass starts with a check; here it is done.
    park.may_wake.set(true);
    let before = scheduler.metrics().turns;
    scheduler.block_on(wait);
    assert_eq!(*park.calls.borrow(), [Some(Duration::ZERO)]);
    assert!(scheduler.metrics().turns - before <= 64 + 3);
    assert!(!busy.is_finished());
}

#[test]
fn a_park_that_cannot_wake_is_not_checked() {
    let park = Scripted::default();
    park.scheduler().build().block_on(async {
        for _ in 0..1000 {
            yield_now().await;
        }
    });
    assert!(park.calls.borrow().is_empty());
}

#[test]
fn no_deadlock_is_certain_while_the_park_may_wake() {
    let may_wake = Rc::new(Cell::new(true));
    let armed = Rc::clone(&may_wake);
    let mut park = Scripted::acting(move |number| armed.set(number < 4));
    park.may_wake = may_wake;
    let scheduler = park.scheduler().build();
    let error = scheduler.try_block_on(std::future::pending::<()>()).unwrap_err();
    assert!(matches!(error, RunError::Deadlock(report) if report.certain));
    assert_eq!(*park.calls.borrow(), [Some(Duration::ZERO), None, None, None]);
}

// tokio#7835: a task woken by a hook just before the thread parked had to wait for the next wake.
#[test]
fn a_wake_by_the_observer_just_before_the_park_is_not_missed() {
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

// futures-rs#2010, heph#49, helios#169: a wake between the last check of the queue and the park was lost.
#[test]
fn a_letter_just_before_the_park_is_not_missed() {
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

/// Records whether its unparker was woken.
struct Watched(ThreadParker, Arc<AtomicBool>);

impl Park for Watched {
    fn park(&mut self, timeout: Option<Duration>) {
        self.0.park(timeout);
    }
    fn unparker(&self) -> Waker {
        struct Recorder(Arc<AtomicBool>, Waker);
        impl std::task::Wake for Recorder {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Release);
                self.1.wake_by_ref();
            }
        }
        Waker::from(Arc::new(Recorder(Arc::clone(&self.1), self.0.unparker())))
    }
}

#[test]
fn a_thread_that_is_awake_is_not_woken() {
    let woken = Arc::new(AtomicBool::new(false));
    let park = Watched(ThreadParker::new(), Arc::clone(&woken));
    let scheduler = Scheduler::builder().park(park).build();
    let place = Rc::new(RefCell::new(None));
    let wait = leave_waker(Rc::clone(&place));
    scheduler.spawn(sleep(Duration::from_millis(1)));
    scheduler.run().unwrap(); // It has parked once, so there is an unparker.
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

// futures-rs#2010: a wake and a park at the same time, twenty thousand times.
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

// async-lock#42; async-channel's "100% CPU usage": an idle executor was spinning.
#[test]
fn an_idle_scheduler_parks_once_for_the_whole_wait() {
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

/// Spawns tasks that give away as many wakers as their number: `#1` one, `#2` two, and so on.
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
fn a_stall_is_reported_once_with_the_wakers_of_each_task() {
    let given = Rc::new(RefCell::new(Vec::new()));
    let stalls: Rc<RefCell<Vec<String>>> = Rc::default();
    let (wakers, texts) = (Rc::clone(&given), Rc::clone(&stalls));
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
    assert!(stalls.borrow().is_empty(), "a run that does not wait does not stall");
    given.borrow_mut().iter().for_each(Waker::wake_by_ref);
    given.borrow_mut().clear(); // So all three give their wakers away once more.
    scheduler.run().unwrap();
    let expected = "possible deadlock at turn 6: 3 tasks may never run again\n  \
         #1  waits for something unknown that holds its waker, since turn 4\n  \
         #2  waits for something unknown that holds one of its 2 wakers, since turn 5\n  \
         #3  waits for something unknown that holds one of its 3 wakers, since turn 6\n\
         possible: 6 wakers held outside the scheduler may still be used";
    assert_eq!(*stalls.borrow(), [expected]);
    let calls = park.calls.borrow();
    let last = calls.last().copied().flatten();
    assert!(last.is_some_and(|pause| pause <= Duration::from_millis(10)), "then it looks again");
}

#[test]
fn a_spurious_unpark_is_not_a_stall() {
    let place: Rc<RefCell<Option<Waker>>> = Rc::default();
    let given = Rc::clone(&place);
    let park = Scripted::acting(move |number| {
        if number == 3 {
            given.take().unwrap().wake();
        }
    });
    let stalls = Rc::new(Cell::new(0));
    let count = Rc::clone(&stalls);
    let on_stall = move |_: &DeadlockReport| count.set(count.get() + 1);
    park.scheduler().on_stall(HOUR, on_stall).build().block_on(leave_waker(place));
    assert_eq!(stalls.get(), 0, "it has not waited for an hour");
}

/// On a stall, wakes the waker that it finds.
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
fn an_observer_may_end_the_stall_it_is_notified_of() {
    let (place, stalls) = (Rc::default(), Rc::new(Cell::new(0)));
    let park = Scripted::default();
    let observer = Rescuer(Rc::clone(&place), Rc::clone(&stalls));
    let scheduler = park.scheduler().observer(observer).build();
    scheduler.block_on(leave_waker(Rc::clone(&place)));
    scheduler.block_on(leave_waker(place));
    assert_eq!(stalls.get(), 2, "once for each stall");
    assert!(park.calls.borrow().is_empty());
}

/// Parks like the default, and notifies another thread before each park.
struct Announcing(ThreadParker, mpsc::Sender<Option<Duration>>);

impl Park for Announcing {
    fn park(&mut self, timeout: Option<Duration>) {
        let _ = self.1.send(timeout);
        self.0.park(timeout);
    }
    fn unparker(&self) -> Waker {
        self.0.unparker()
    }
}

// tokio#2285: a thread that was parked until a far deadline missed a nearer one.
#[test]
fn a_near_timer_is_noticed_though_the_thread_is_parked_until_a_far_one() {
    let (announce, parks) = mpsc::channel();
    let (sender, receiver) = oneshot::channel();
    let scheduler = Scheduler::builder().park(Announcing(ThreadParker::new(), announce)).build();
    scheduler.spawn(sleep(HOUR));
    let helper = thread::spawn(move || {
        assert!(parks.recv().unwrap().unwrap() > HOUR / 2, "it parks for an hour");
        sender.send(()).unwrap();
        parks.recv().ok().flatten()
    });
    let start = Instant::now();
    scheduler.block_on(async {
        receiver.await.unwrap();
        sleep(Duration::from_millis(5)).await;
    });
    assert!(start.elapsed() < HOUR / 2);
    drop(scheduler);
    // If the thread was held up for so long that the deadline had passed, it has not parked again.
    let second = helper.join().unwrap().unwrap_or_default();
    assert!(second <= Duration::from_millis(6), "the nearer deadline and the slack");
}

#[test]
fn deadlines_within_the_slack_share_one_park() {
    let parks = |slack| {
        let scheduler = Scheduler::builder().timer_slack(slack).build();
        for number in 0..20 {
            scheduler.spawn(sleep(Duration::from_millis(10) + number * Duration::from_micros(500)));
        }
        let start = Instant::now();
        scheduler.run().unwrap();
        (scheduler.metrics().parks, start.elapsed())
    };
    let slack = Duration::from_millis(50);
    let (within, took) = parks(slack);
    // Each park ends at a multiple of the slack.
    let multiples = took.as_millis() / slack.as_millis() + 1;
    assert!(u128::from(within) <= multiples, "{within} parks in {took:?}");
}

#[test]
fn a_park_is_exact_without_slack_and_rounded_up_with_it() {
    for (slack, least, most) in [(Duration::ZERO, 0, 1), (4 * HOUR, 3, 4)] {
        let (announce, parks) = mpsc::channel();
        let park = Announcing(ThreadParker::new(), announce);
        let scheduler = Scheduler::builder().timer_slack(slack).park(park).build();
        let (sender, receiver) = oneshot::channel();
        let helper = thread::spawn(move || {
            let timeout = parks.recv().unwrap().unwrap();
            sender.send(()).unwrap();
            timeout
        });
        scheduler.spawn(sleep(HOUR));
        scheduler.block_on(receiver).unwrap();
        let timeout = helper.join().unwrap();
        assert!(timeout > least * HOUR + HOUR / 2 && timeout <= most * HOUR, "{timeout:?}");
    }
}
