//! A live program that seems to hang is asked what its tasks wait for: by a thread that has seen no turn for a while.
//!
//! Run it with `cargo run --example dump`. Its output is at the end of this file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use turnwise::{Scheduler, Transition, channel::remote, sync::Mutex, task};

/// Short, so that this example is too; in a program that serves, it may be a minute.
const A_WHILE: Duration = Duration::from_millis(50);

fn main() {
    let (answer, mut answers) = remote::channel(1);
    let turns = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&turns);
    let count = move |_: &Transition| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let scheduler = Scheduler::builder().virtual_time().observer(count).build();

    let dump = scheduler.dump_handle(std::io::stdout());
    let watchdog = thread::spawn(move || {
        let mut before = u64::MAX;
        while before != turns.load(Ordering::Relaxed) {
            before = turns.load(Ordering::Relaxed);
            thread::sleep(A_WHILE);
        }
        println!("Nothing has happened for a while.");
        dump.request();
        answer.try_send("at last").expect("the other side still waits"); // so that this example ends
    });

    scheduler.block_on(async move {
        let ledger = Mutex::new(Vec::new()).named("ledger");
        task::scope(async |s| {
            let writer = task::Builder::new().name("writer");
            writer.spawn_in(s, async {
                let mut entries = ledger.lock().await;
                entries.extend(answers.recv().await);
            });
            let reader = task::Builder::new().name("reader");
            reader.spawn_in(s, async { println!("The ledger says: {:?}", ledger.lock().await) });
        })
        .await
        .expect("no task fails");
    });
    watchdog.join().expect("it does not panic");
}

// Output:
//
// Nothing has happened for a while.
// turn 3, 0ns after the start; ready: none
//   task         state     turns  spawned at, and what it waits for
//   #1 main      waiting       1  examples/dump.rs:36:15
//                                 waits for 2 children of the scope at examples/dump.rs:38:9
//   #2 "writer"  waiting       1  examples/dump.rs:40:20
//                                 waits for a message on remote channel at examples/dump.rs:42:40
//   #3 "reader"  waiting       1  examples/dump.rs:45:20
//                                 waits for mutex "ledger" at examples/dump.rs:45:81, held by #2 "writer" (locked at examples/dump.rs:41:42)
//   no timers
//
// #1 main waiting
// └─ waits for 2 children of the scope at examples/dump.rs:38:9
//    ├─ #2 "writer" waiting
//    │  └─ waits for a message on remote channel at examples/dump.rs:42:40
//    └─ #3 "reader" waiting
//       └─ waits for mutex "ledger" at examples/dump.rs:45:81, held by #2 "writer" (locked at examples/dump.rs:41:42)
//          └─ #2 "writer" waiting, drawn above
// The ledger says: ["at last"]
