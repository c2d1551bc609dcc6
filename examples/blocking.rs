//! Blocking calls on their own threads: a thread pool, `to_thread` and `submit`. Each section ports a Python program
//! of the lecture and prints the same lines; one second of the lecture takes a tenth of a second here.
//!
//! Run it with `cargo run --example blocking`.

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use turnwise::blocking::{BlockingError, to_thread};
use turnwise::{ThreadPool, block_on, join, sleep, try_join, yield_now};

fn main() -> Result<(), BlockingError> {
    let sections: [(&str, Section); 6] = [
        ("a thread pool", thread_pool),
        ("a blocking function beside the loop", beside_the_loop),
        ("three factorials on three threads", factorials),
        ("the same call, direct and offloaded", direct_and_offloaded),
        ("submit, and wait for the result", submit_and_wait),
        ("submit, with a callback", |clock| {
            submit_with_a_callback(clock);
            Ok(())
        }),
    ];
    for (title, run) in sections {
        println!("--- {title}");
        run(Clock(Instant::now()))?;
    }
    Ok(())
}

type Section = fn(Clock) -> Result<(), BlockingError>;

/// One second of the lecture, or a tenth where it counts tenths. It is short, since threads sleep in real time.
const SECOND: Duration = Duration::from_millis(100);

fn block_for(seconds: u32) {
    thread::sleep(SECOND * seconds);
}

/// The lecture's time since the section started, rounded down, since no sleep ends early.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn seconds(self) -> u128 {
        self.0.elapsed().as_millis() / SECOND.as_millis()
    }

    /// Prints a line with the time in milliseconds: the lecture's `log`.
    fn log(self, line: impl Display) {
        println!("[{}] {line}", self.seconds() * 1000);
    }
}

/// Where a line comes from. Within one second the order of threads is undefined, so their lines come first, by text.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Thread,
    /// With the number of the line, which keeps the program's own lines in order.
    Program(usize),
}

/// Collects the lines of several threads, and shows them sorted by second.
#[derive(Clone)]
struct Lines(Clock, Arc<Mutex<Vec<(u128, Origin, String)>>>);

impl Lines {
    fn new(clock: Clock) -> Self {
        Lines(clock, Arc::default())
    }

    fn log_from_thread(&self, line: impl Display) {
        self.add(|_| Origin::Thread, line);
    }

    fn log(&self, line: impl Display) {
        self.add(Origin::Program, line);
    }

    fn add(&self, origin: impl FnOnce(usize) -> Origin, line: impl Display) {
        let mut lines = self.1.lock().expect("nothing panics while it is locked");
        let origin = origin(lines.len());
        lines.push((self.0.seconds(), origin, line.to_string()));
    }

    fn show(self) -> impl Iterator<Item = (u128, String)> {
        let mut lines =
            std::mem::take(&mut *self.1.lock().expect("nothing panics while it is locked"));
        lines.sort();
        lines.into_iter().map(|(second, _, line)| (second, line))
    }
}

// ----- 02: the results are awaited in list order -----

fn thread_pool(clock: Clock) -> Result<(), BlockingError> {
    let lines = Lines::new(clock);
    let sleep_function = |duration: u32| {
        let lines = lines.clone();
        move || {
            block_for(duration);
            lines.log_from_thread(format!("  job {duration} finishes"));
            format!("Slept for {duration} seconds")
        }
    };
    for (title, durations) in [("five equal jobs", &[2; 5][..]), ("three unequal jobs", &[3, 1, 2])]
    {
        lines.log(title);
        let pool = ThreadPool::new(3);
        let handles: Vec<_> =
            durations.iter().map(|&duration| pool.submit(sleep_function(duration))).collect();
        for handle in handles {
            lines.log(handle.wait()?);
        }
    }
    lines.log("end");
    lines.show().for_each(|(second, line)| println!("[{}] {line}", second * 1000));
    Ok(())
}

// ----- 13: a blocking function runs beside the loop: 5 s in total, not 10 -----

fn beside_the_loop(clock: Clock) -> Result<(), BlockingError> {
    let say = move |line: &str| println!("00:00:{:02} {line}", clock.seconds());
    let blocking_io = move || {
        say("block IO");
        block_for(5);
        say("unblock IO");
    };
    let non_block = to_thread(blocking_io); // starts lazily, so it needs no scheduler yet
    block_on(async {
        say("start async");
        let (blocked, ()) = join!(non_block, sleep(SECOND * 5));
        say("finish async");
        blocked
    })
}

// ----- 14: three blocking functions take as long as the longest -----

fn factorials(clock: Clock) -> Result<(), BlockingError> {
    let tenths = move || format!("0.{}", clock.seconds());
    let lines = Lines::new(clock);
    let factorial = |name: &'static str, number: u32| {
        let lines = lines.clone();
        to_thread(move || {
            let mut product = 1;
            for factor in 2..=number {
                lines.log_from_thread(format!("Task {name}: Compute factorial({factor})..."));
                block_for(1);
                product *= factor;
            }
            lines.log_from_thread(format!("Task {name}: factorial({number}) = {product}"));
            product
        })
    };
    let all = (factorial("A", 2), factorial("B", 3), factorial("C", 4));
    block_on(async {
        println!("{} beg", tenths());
        let (a, b, c) = try_join!(all.0, all.1, all.2)?;
        lines.show().for_each(|(_, line)| println!("{line}"));
        println!("{:?}", [a, b, c]);
        println!("{} end", tenths());
        Ok(())
    })
}

// ----- 32: a blocking call stalls a ticker when it is made directly, but not when it is offloaded -----

fn direct_and_offloaded(clock: Clock) -> Result<(), BlockingError> {
    let blocking = || {
        block_for(3);
        "result"
    };
    let ticker = async || {
        for tick in 0..4 {
            clock.log(format_args!("tick {tick}"));
            sleep(SECOND).await;
        }
    };
    block_on(async {
        clock.log("direct");
        let direct = async {
            yield_now().await;
            blocking() // A debug build reports this as a slow turn, on stderr.
        };
        let ((), result) = join!(ticker(), direct);
        clock.log(format_args!("[None, '{result}']"));

        clock.log("offloaded");
        let ((), result) = join!(ticker(), to_thread(blocking));
        clock.log(format_args!("[None, '{}']", result?));
        Ok(())
    })
}

// ----- 33: the caller waits for the result -----

fn func(x: i32, y: i32) -> i32 {
    block_for(1);
    x + y
}

fn submit_and_wait(clock: Clock) -> Result<(), BlockingError> {
    let pool = ThreadPool::new(1);
    let handle = pool.submit(|| func(2, 3));
    println!("Got: {}", handle.wait()?);
    println!("DONE");
    clock.log("end");
    Ok(())
}

// ----- 34: the caller continues, and a callback receives the result -----

fn submit_with_a_callback(clock: Clock) {
    let pool = ThreadPool::new(1);
    let handle = pool.submit(|| func(2, 3));
    handle.on_done(|result| match result {
        Ok(result) => println!("Got: {result}"),
        Err(error) => println!("{error}"),
    });
    println!("DONE");
    clock.log("leaving");
    pool.shutdown();
    clock.log("end");
}

// Output:
//
// --- a thread pool
// [0] five equal jobs
// [2000]   job 2 finishes
// [2000]   job 2 finishes
// [2000]   job 2 finishes
// [2000] Slept for 2 seconds
// [2000] Slept for 2 seconds
// [2000] Slept for 2 seconds
// [4000]   job 2 finishes
// [4000]   job 2 finishes
// [4000] Slept for 2 seconds
// [4000] Slept for 2 seconds
// [4000] three unequal jobs
// [5000]   job 1 finishes
// [6000]   job 2 finishes
// [7000]   job 3 finishes
// [7000] Slept for 3 seconds
// [7000] Slept for 1 seconds
// [7000] Slept for 2 seconds
// [7000] end
// --- a blocking function beside the loop
// 00:00:00 start async
// 00:00:00 block IO
// 00:00:05 unblock IO
// 00:00:05 finish async
// --- three factorials on three threads
// 0.0 beg
// Task A: Compute factorial(2)...
// Task B: Compute factorial(2)...
// Task C: Compute factorial(2)...
// Task A: factorial(2) = 2
// Task B: Compute factorial(3)...
// Task C: Compute factorial(3)...
// Task B: factorial(3) = 6
// Task C: Compute factorial(4)...
// Task C: factorial(4) = 24
// [2, 6, 24]
// 0.3 end
// --- the same call, direct and offloaded
// [0] direct
// [0] tick 0
// [3000] tick 1
// [4000] tick 2
// [5000] tick 3
// [6000] [None, 'result']
// [6000] offloaded
// [6000] tick 0
// [7000] tick 1
// [8000] tick 2
// [9000] tick 3
// [10000] [None, 'result']
// --- submit, and wait for the result
// Got: 5
// DONE
// [1000] end
// --- submit, with a callback
// DONE
// [0] leaving
// Got: 5
// [1000] end
