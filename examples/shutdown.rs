//! A server that is shut down while it is busy: it accepts no more clients, disconnects idle ones, and completes the
//! requests that it has started. Tasks still running after a grace period of five seconds are dropped, and named.
//!
//! Run it with `cargo run --example shutdown`.

use std::time::Duration;

use turnwise::channel::mpsc;
use turnwise::task::{Builder, catch_cancel, mask};
use turnwise::{Scheduler, sleep};

/// How many seconds it takes to answer.
type Request = u64;

#[derive(Debug)]
struct Client {
    name: &'static str,
    requests: mpsc::Receiver<Request>,
}

/// Catches nothing: when it is cancelled it is dropped where it waits, and no more clients are accepted.
async fn accept(mut clients: mpsc::Receiver<Client>) {
    while let Some(client) = clients.recv().await {
        println!("{} has connected", client.name);
        Builder::new().name(client.name).spawn(serve(client));
    }
}

async fn serve(mut client: Client) {
    loop {
        match catch_cancel(client.requests.recv()).await {
            // A request that was started is completed: `mask` holds a cancellation back.
            Ok(Some(request)) => mask(answer(client.name, request)).await,
            Ok(None) => return println!("{} has disconnected", client.name),
            Err(cancelled) => {
                println!("{} is notified: {}", client.name, cancelled.reason());
                sleep(Duration::from_secs(1)).await; // A clean-up may await.
                return println!("{} was disconnected", client.name);
            }
        }
    }
}

async fn answer(name: &str, seconds: Request) {
    sleep(Duration::from_secs(seconds)).await;
    println!("{name} has the answer that took {seconds} s");
}

fn main() {
    let scheduler = Scheduler::builder().virtual_time().build();
    let (door, clients) = mpsc::unbounded();
    Builder::new().name("door").spawn_on(&scheduler, accept(clients.named("clients")));

    // Five clients, each with the requests that it has already sent.
    let requests: [(&str, &[Request]); 5] =
        [("alice", &[1]), ("bob", &[1, 4]), ("carol", &[60]), ("dave", &[]), ("eve", &[2])];
    let _lines = requests.map(|(name, requests)| {
        let (line, receiver) = mpsc::unbounded();
        let client = Client { name, requests: receiver.named(name) };
        requests.iter().for_each(|&request| line.send(request).expect("the receiver is there"));
        door.send(client).expect("the door is open");
        (name != "eve").then_some(line) // Eve has no more requests, so its line is closed.
    });

    scheduler.block_on(sleep(Duration::from_secs(3)));
    println!("\n-- ctrl-c --\n");
    let report = scheduler.shutdown(Duration::from_secs(5)).expect("not called from a task");
    println!("\n{report}");
}

// Output:
//
// alice has connected
// bob has connected
// carol has connected
// dave has connected
// eve has connected
// alice has the answer that took 1 s
// bob has the answer that took 1 s
// eve has the answer that took 2 s
// eve has disconnected
//
// -- ctrl-c --
//
// alice is notified: shutdown
// dave is notified: shutdown
// alice was disconnected
// dave was disconnected
// bob has the answer that took 4 s
// bob is notified: shutdown
// bob was disconnected
//
// shutdown after 5s: 3 finished, 1 cancelled, 1 aborted, 0 still blocking
//   finished   #3 "alice"  after 1s, spawned at examples/shutdown.rs:25:42
//   finished   #6 "dave"   after 1s, spawned at examples/shutdown.rs:25:42
//   finished   #4 "bob"    after 3s, spawned at examples/shutdown.rs:25:42
//   cancelled  #1 "door"   after 0ns, spawned at examples/shutdown.rs:52:33
//   aborted    #5 "carol"  after 5s, spawned at examples/shutdown.rs:25:42
//                          waited for a sleep with 52s left at examples/shutdown.rs:45:5
//                          asked to end (shutdown); held by the mask at examples/shutdown.rs:33:34
