//! The lecture's beep bot as a whole program: five seconds after `/set 5` in a chat, the bot sends "Beep!" there. The
//! first section prints the same lines as in Python; then the network fails in every possible way.
//!
//! Run it with `cargo run --features jobs --example beep_bot`. The clock is virtual, so it ends immediately.
//!
//! `commands.rs` is the program of the lecture. `bot.rs` is the library that it imports, and `chats.rs` the part that
//! sends messages; `telegram.rs` is the server, `network.rs` the connection to it, and `error.rs` what can go wrong.

mod commands;
mod bot;
mod chats;
mod error;
mod network;
mod telegram;

use std::fmt::Display;
use std::rc::Rc;
use std::time::{Duration, Instant};

use turnwise::jobs::Jobs;
use turnwise::scheduler::Report;
use turnwise::{Scheduler, join, sleep, spawn, task_local, time};

use crate::commands::{beep_bot, serve};
use crate::network::{Fate, Network};
use crate::telegram::{Script, Telegram, users};

fn main() {
    println!("--- the beep bot");
    the_beep_bot();
    println!("--- two timers in one chat, and wrong input");
    two_timers_and_wrong_input();
    println!("--- a bad network");
    a_bad_network();
    println!("--- a newer bot takes over");
    a_newer_bot_takes_over();
    println!("--- stopped in the middle");
    stopped_in_the_middle();
}

const SECOND: Duration = Duration::from_secs(1);

/// 16: the script of the lecture.
fn the_beep_bot() {
    let script: Script = &[
        (500, 1, "/start"),
        (1000, 1, "/set 3"),
        (1000, 2, "/set soon"),
        (2000, 2, "/set 2"),
        (3000, 3, "/set 5"),
        (4000, 3, "/unset"),
    ];
    let (telegram, jobs) = (Rc::default(), Jobs::new());
    let bot = beep_bot(Network::to(&telegram), &jobs);
    simulate(&telegram, script, serve(&bot, &jobs, 12 * SECOND));
    assert_eq!(telegram.unconfirmed(), 0);
}

fn two_timers_and_wrong_input() {
    let script: Script = &[
        (500, 1, "/set 2"),
        (1000, 1, "/set 4"),
        (2600, 1, "/set 1"), // While the first beep is in flight.
        (5100, 1, "/unset"), // Too late for the last beep.
        (6000, 2, "/set"),
        (6000, 2, "/set 0"),
        (6000, 2, "/set -5"),
        (6000, 2, "/set 99999999999"),
        (6000, 2, "hello"),
        (7500, 3, "/tea soon"),
        (8000, 3, "/tea 4"),
        (8500, 3, "/set@beep_bot 1"),
        (10000, 1, "/set 4294967295"), // In 136 years.
        (10000, 1, "/set 1"),
        (10500, 1, "/unset"), // Clears both.
    ];
    let (telegram, jobs) = (Rc::default(), Jobs::new());
    let mut bot = beep_bot(Network::to(&telegram), &jobs);
    // This handler does not expect malformed input: it panics, and all other tasks continue.
    bot.message_handler(&["tea"], async |chats, message| {
        let minutes = message.text["/tea ".len()..].parse::<u32>().expect("a number of minutes");
        chats.reply_to(message, &format!("Tea in {minutes} minutes")).await
    });
    simulate(&telegram, script, serve(&bot, &jobs, 12 * SECOND));
    assert_eq!([1, 2, 3].map(|chat| telegram.count(chat, "Beep!")), [3, 0, 1]);
    assert_eq!(telegram.unconfirmed(), 0);
}

/// No update is lost and none is handled twice; each timer beeps once, though perhaps late. One message is lost to a
/// 502: it may have arrived, so it is not sent again. The user repeats the command.
fn a_bad_network() {
    let script: Script = &[
        (500, 1, "/set 3"),
        (800, 2, "/start"),
        (12500, 3, "/set 2"),
        (14500, 4, "/start"),
        (60000, 4, "/start"),
    ];
    let polls = [
        Fate::Refused,
        Fate::Refused,
        Fate::BadGateway,
        Fate::BadGateway,
        Fate::TooManyRequests(2 * SECOND),
        Fate::Arrives,
        Fate::Refused, // The updates just handled stay unconfirmed until the next poll.
        Fate::AnswerLost,
    ];
    let messages = [
        Fate::Refused,
        Fate::TooManyRequests(2 * SECOND),
        Fate::AnswerLost, // The connection is dead for five seconds, and all messages wait.
        Fate::Arrives,
        Fate::Refused,
        Fate::Arrives,
        Fate::BadGateway,
    ];
    let (telegram, jobs) = (Rc::default(), Jobs::new());
    let bot = beep_bot(Network::bad(&telegram, &polls, &messages), &jobs);
    simulate(&telegram, script, serve(&bot, &jobs, 90 * SECOND));
    assert_eq!([1, 3].map(|chat| telegram.count(chat, "Beep!")), [1, 1]);
    assert_eq!(telegram.unconfirmed(), 0);
}

/// A second bot starts with the same token. The first one leaves the updates to it, and ends when its own timers have
/// beeped; an `/unset` would no longer reach those.
fn a_newer_bot_takes_over() {
    let script: Script = &[(500, 1, "/set 5"), (3000, 2, "/set 1"), (4000, 1, "/start")];
    let (telegram, jobs) = (Rc::default(), [Jobs::new(), Jobs::new()]);
    let [old, new] = jobs.each_ref().map(|jobs| beep_bot(Network::to(&telegram), jobs));
    let newer = async {
        sleep(2 * SECOND).await;
        serve(&new, &jobs[1], 10 * SECOND).await;
    };
    simulate(&telegram, script, async { join!(serve(&old, &jobs[0], 12 * SECOND), newer) });
    assert_eq!(telegram.unconfirmed(), 0);
}

/// Stopped after 1.1 seconds. A message in flight arrives; those that still wait are not sent: the beep of chat 5,
/// whose job is left, and the answers to updates 3 and 5. These updates are confirmed and will not be delivered again;
/// the shutdown report names their tasks. Update 6 was not fetched, and is left for the next bot.
fn stopped_in_the_middle() {
    let script: Script = &[
        (0, 4, "/set 1"),
        (50, 5, "/set 1"),
        (900, 1, "/help"),
        (1010, 2, "/help"),
        (1020, 3, "/help"),
        (1200, 1, "/start"),
    ];
    let (telegram, jobs) = (Rc::default(), Jobs::new());
    let network = Network::bad(&telegram, &[], &[Fate::TooManyRequests(30 * SECOND)]);
    let bot = beep_bot(network, &jobs);
    let scheduler = simulate(&telegram, script, serve(&bot, &jobs, Duration::from_millis(1100)));
    println!("updates for the next bot: {}", telegram.unconfirmed());
    println!("\n{}\n", scheduler.snapshot());
    let report = scheduler.shutdown(5 * SECOND).expect("not called from a task");
    println!("\n{report}");
}

// ----- shared by all sections -----

/// Runs the bots while the users post their script.
fn simulate(telegram: &Rc<Telegram>, script: Script, bots: impl Future) -> Scheduler {
    let scheduler = Scheduler::builder().virtual_time().on_report(show).build();
    let users = users(Rc::clone(telegram), script);
    scheduler.block_on(async {
        let simulation = async {
            spawn(users);
            bots.await;
        };
        STARTED.scope(time::now(), simulation).await;
    });
    scheduler
}

/// Prints the failures of detached tasks: those of the handlers.
fn show(report: &Report) {
    match report {
        Report::UnreadError { .. } | Report::UnreadPanic { .. } => println!("{report}"),
        _ => eprintln!("{report}"), // A slow turn is due to the machine, so it is not part of the output.
    }
}

task_local! {
    /// When the simulation started. Every task inherits it.
    inherit static STARTED: Instant;
}

/// Prints a line, with the milliseconds since the simulation started.
fn log(line: impl Display) {
    println!("[{}] {line}", (time::now() - STARTED.get()).as_millis());
}

// Output:
//
// --- the beep bot
// [500] <- chat 1: /start
// [750] -> chat 1: Hi! Use /set <seconds> to set a timer
// [1000] <- chat 1: /set 3
// [1000] <- chat 2: /set soon
// [1250] -> chat 2: Usage: /set <seconds>
// [2000] <- chat 2: /set 2
// [3000] <- chat 3: /set 5
// [4000] <- chat 3: /unset
// [4250] -> chat 1: Beep!
// [4500] -> chat 2: Beep!
// [12000] stopped; jobs left: 0
// --- two timers in one chat, and wrong input
// [500] <- chat 1: /set 2
// [1000] <- chat 1: /set 4
// [2600] <- chat 1: /set 1
// [2750] -> chat 1: Beep!
// [3850] -> chat 1: Beep!
// [5100] <- chat 1: /unset
// [5250] -> chat 1: Beep!
// [6000] <- chat 2: /set
// [6000] <- chat 2: /set 0
// [6000] <- chat 2: /set -5
// [6000] <- chat 2: /set 99999999999
// [6000] <- chat 2: hello
// [6250] -> chat 2: Usage: /set <seconds>
// [6500] -> chat 2: Usage: /set <seconds>
// [6750] -> chat 2: Usage: /set <seconds>
// [7000] -> chat 2: Usage: /set <seconds>
// [7500] <- chat 3: /tea soon
// task #14 "update 10", spawned at examples/beep_bot/bot.rs:90:68, panicked, and nothing read that
// [8000] <- chat 3: /tea 4
// [8250] -> chat 3: Tea in 4 minutes
// [8500] <- chat 3: /set@beep_bot 1
// [9750] -> chat 3: Beep!
// [10000] <- chat 1: /set 4294967295
// [10000] <- chat 1: /set 1
// [10500] <- chat 1: /unset
// [12000] stopped; jobs left: 0
// --- a bad network
// [0] poll failed: connection refused; retrying in 1s
// [1000] poll failed: connection refused; retrying in 2s
// [3000] poll failed: 502 Bad Gateway; retrying in 4s
// [7000] poll failed: 502 Bad Gateway; retrying in 4s
// [11000] poll failed: 429 Too Many Requests: retry after 2; retrying in 2s
// [13000] <- chat 1: /set 3
// [13000] <- chat 2: /start
// [13000] <- chat 3: /set 2
// [13000] poll failed: connection refused; retrying in 1s
// [13000] chat 2: "Hi! Use /set <seconds> to set a timer" is delayed: connection refused; retrying in 1s
// [14000] chat 2: "Hi! Use /set <seconds> to set a timer" is delayed: 429 Too Many Requests: retry after 2; retrying in 2s
// [15250] -> chat 3: Beep!
// [20000] chat 3 may not have received its beep: no answer: the deadline has passed
// [20250] -> chat 2: Hi! Use /set <seconds> to set a timer
// [20250] chat 1: "Beep!" is delayed: connection refused; retrying in 1s
// [21500] -> chat 1: Beep!
// [39000] poll failed: no answer: the deadline has passed; retrying in 2s
// [41000] <- chat 4: /start
// task #8 "update 4", spawned at examples/beep_bot/bot.rs:90:68, returned an error, and nothing read that: BadGateway
// [60000] <- chat 4: /start
// [60250] -> chat 4: Hi! Use /set <seconds> to set a timer
// [90000] stopped; jobs left: 0
// --- a newer bot takes over
// [500] <- chat 1: /set 5
// [2000] stops fetching: 409 Conflict: terminated by other getUpdates request
// [3000] <- chat 2: /set 1
// [4000] <- chat 1: /start
// [4250] -> chat 1: Hi! Use /set <seconds> to set a timer
// [4500] -> chat 2: Beep!
// [5750] -> chat 1: Beep!
// [5750] stopped; jobs left: 0
// [12000] stopped; jobs left: 0
// --- stopped in the middle
// [0] <- chat 4: /set 1
// [50] <- chat 5: /set 1
// [900] <- chat 1: /help
// [900] chat 1: "Hi! Use /set <seconds> to set a timer" is delayed: 429 Too Many Requests: retry after 30; retrying in 30s
// [1010] <- chat 2: /help
// [1020] <- chat 3: /help
// [1250] -> chat 4: Beep!
// [1250] stopped; jobs left: 1
// updates for the next bot: 1
//
// turn 32, 1.25s after the start; ready: none
//   task           state     turns  spawned at, and what it waits for
//   #5 "update 3"  waiting       1  examples/beep_bot/bot.rs:90:68
//                                   waits for a sleep with 29.65s left at examples/beep_bot/chats.rs:49:13
//   #7 "update 4"  waiting       2  examples/beep_bot/bot.rs:90:68
//                                   waits for a sleep with 5s left at examples/beep_bot/network.rs:95:5
//                                   waits for a sleep with 250ms left at examples/beep_bot/network.rs:66:13
//   #8 "update 5"  waiting       1  examples/beep_bot/bot.rs:90:68
//                                   waits for mutex "connection" at examples/beep_bot/chats.rs:55:42, held by #7 "update 4" (locked at examples/beep_bot/chats.rs:55:42)
//   3 timers, the next one in 250ms
//
// [1500] -> chat 2: Hi! Use /set <seconds> to set a timer
//
// shutdown after 250ms: 1 finished, 2 cancelled, 0 aborted, 0 still blocking
//   finished   #7 "update 4"  after 250ms, spawned at examples/beep_bot/bot.rs:90:68
//   cancelled  #5 "update 3"  after 0ns, spawned at examples/beep_bot/bot.rs:90:68
//   cancelled  #8 "update 5"  after 0ns, spawned at examples/beep_bot/bot.rs:90:68
