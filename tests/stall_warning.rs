//! A possible deadlock is printed on stderr, once, unless something is there to receive it or it is usual to wait.
//!
//! Each program is a test of this file that does nothing, unless it is run again by itself, with the name of the program
//! in the environment.
//!
//! A waker is leaked here, as by a program that hangs: the check for leaks leaves this program out.

#![cfg(not(turnwise_leaks_checked))]
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

mod trace;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use turnwise::scheduler::Builder;
use turnwise::{DeadlockReport, Scheduler, sleep, spawn_blocking, task, time};

use trace::leave_waker;

const MS: Duration = Duration::from_millis(1);
const PROGRAM: &str = "TURNWISE_TEST_PROGRAM";
const SILENT: &str = "TURNWISE_NO_STALL_WARNING";

/// Runs a program of this file in a process of its own, and returns what that has printed on stderr.
fn stderr_of(program: &str, silent: Option<&str>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_programs", "--nocapture"]).env(PROGRAM, program);
    command.env_remove(SILENT).env_remove("RUST_BACKTRACE");
    if let Some(value) = silent {
        command.env(SILENT, value);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{program}: {text}");
    trace::with_marks(&text, file!(), include_str!("stall_warning.rs"))
}

#[test]
fn the_programs() {
    let Ok(program) = std::env::var(PROGRAM) else { return };
    let builder = || Scheduler::builder().stall_warning(20 * MS);
    match program.as_str() {
        "waits" => waits(&builder().build(), 2),
        "is silenced" => waits(&Scheduler::builder().stall_warning(Duration::MAX).build(), 1),
        "waits for less" => {
            waits(&Scheduler::builder().stall_warning(Duration::from_secs(60)).build(), 1);
        }
        "has a callback" => waits(&builder().on_stall(MS, |_: &DeadlockReport| ()).build(), 1),
        "has a remote" => {
            let scheduler = builder().build();
            let _remote = scheduler.remote();
            waits(&scheduler, 1);
        }
        "has a job" => {
            let scheduler = builder().build();
            let (end, ended) = mpsc::channel::<()>();
            scheduler.spawn(async { drop(spawn_blocking(move || ended.recv()).await) });
            waits(&scheduler, 1);
            drop(end);
        }
        "has a timer" => {
            let scheduler = builder().build();
            scheduler.spawn(sleep(Duration::from_secs(60)));
            waits(&scheduler, 1);
        }
        "holds the clock" => holds(builder()),
        other => panic!("there is no program {other}"),
    }
}

/// Waits for a thread that keeps the waker for 70 ms, as often as this.
fn waits(scheduler: &Scheduler, times: u32) {
    let poller = poll_fn(|cx| {
        // Something that keeps its waker, and is never woken.
        std::mem::forget(cx.waker().clone());
        Poll::<()>::Pending
    });
    task::Builder::new().name("poller").spawn_on(scheduler, poller);
    scheduler.block_on(async {
        for _ in 0..times {
            let place: Rc<RefCell<Option<Waker>>> = Rc::default();
            let mut wait = Box::pin(leave_waker(Rc::clone(&place)));
            poll_fn(|cx| {
                let poll = wait.as_mut().poll(cx);
                if let Some(waker) = place.take() {
                    thread::spawn(move || {
                        thread::sleep(70 * MS);
                        waker.wake();
                    });
                }
                poll
            })
            .await;
        }
    });
}

/// Keeps a hold on the clock while it waits for a timer, until another thread drops that.
fn holds(builder: Builder) {
    builder.virtual_time().build().block_on(async {
        let hold = time::hold(); // [held]
        thread::spawn(move || {
            thread::sleep(70 * MS);
            drop(hold);
        });
        sleep(MS).await; // [sleep]
    });
}

/// Returns the lines without the first one, which says how long nothing has run.
fn report_in(stderr: &str) -> Vec<&str> {
    let (first, rest) = stderr.split_once('\n').expect("something was printed");
    assert!(first.starts_with("turnwise: nothing has run for 0."), "{stderr}");
    rest.lines().collect()
}

const HOW_TO_SILENCE: &str = "This is printed once. `Builder::on_stall` receives it instead; \
                              `Builder::stall_warning(Duration::MAX)` or TURNWISE_NO_STALL_WARNING=1 in the \
                              environment silences it.";

#[test]
fn a_possible_deadlock_is_printed_once_with_the_tasks_and_how_to_silence_it() {
    let stderr = stderr_of("waits", None);
    let expected = [
        "possible deadlock at turn 2: 2 tasks may never run again",
        "  #1 \"poller\"  waits for something unknown that holds its waker, since turn 1",
        "  #2 main      waits for something unknown that holds its waker, since turn 2",
        "possible: 2 wakers held outside the scheduler may still be used",
        HOW_TO_SILENCE,
    ];
    assert_eq!(report_in(&stderr), expected, "though it waits twice");
}

#[test]
fn a_clock_that_is_held_before_a_deadline_is_printed_too() {
    let stderr = stderr_of("holds the clock", None);
    let expected = [
        "possible deadlock at turn 1: 1 task may never run again",
        "  #1 main  waits for a sleep with 1ms left at [sleep], since turn 1",
        "the clock is held at [held], by #1 main, which waits for a timer itself",
        "possible: 1 hold on the clock may still be dropped",
        HOW_TO_SILENCE,
    ];
    assert_eq!(report_in(&stderr), expected);
}

#[test]
fn the_builder_and_the_environment_silence_it() {
    assert_eq!(stderr_of("is silenced", None), "");
    assert_eq!(stderr_of("waits", Some("1")), "");
    assert_eq!(report_in(&stderr_of("waits", Some(""))).len(), 5, "an empty value is none");
}

#[test]
fn nothing_is_printed_where_a_callback_receives_it_or_it_is_usual_to_wait() {
    for program in ["has a callback", "has a remote", "has a job", "has a timer", "waits for less"]
    {
        assert_eq!(stderr_of(program, None), "", "{program}");
    }
}

#[test]
fn a_certain_deadlock_is_an_error_and_is_not_printed() {
    let scheduler = Scheduler::builder().stall_warning(Duration::ZERO).build();
    assert!(scheduler.try_block_on(pending::<()>()).is_err());
}
