//! A server that is shut down while it is busy: it takes no more clients, says goodbye to those who wait, and
//! completes what it has begun; five seconds later what still runs is dropped, and named.
//!
//! Run it with `cargo run --example shutdown`.

use std::time::Duration;

use turnwise::channel::mpsc;
use turnwise::task::{Builder, catch_cancel, mask};
use turnwise::{Scheduler, sleep};

/// The seconds that it takes to answer.
type Request = u64;

#[derive(Debug)]
struct Client {
    name: &'static str,
    requests: mpsc::Receiver<Request>,
}

/// Catches nothing: when it is asked to end it is dropped where it waits, and nobody is taken in any more.
async fn accept(mut clients: mpsc::Receiver<Client>) {
    while let Some(client) = clients.recv().await {
        println!("{} has come", client.name);
        Builder::new().name(client.name).spawn(serve(client));
    }
}

async fn serve(mut client: Client) {
    loop {
        match catch_cancel(client.requests.recv()).await {
            // What was begun is completed: a request to end waits meanwhile.
            Ok(Some(request)) => mask(answer(client.name, request)).await,
            Ok(None) => return println!("{} has gone", client.name),
            Err(cancelled) => {
                println!("{} is told to go: {}", client.name, cancelled.reason());
                sleep(Duration::from_secs(1)).await; // A clean-up may take its time.
                return println!("{} has been shown out", client.name);
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

    // Five clients, each with the requests that it has sent already.
    let requests: [(&str, &[Request]); 5] =
        [("alice", &[1]), ("bob", &[1, 4]), ("carol", &[60]), ("dave", &[]), ("eve", &[2])];
    let _lines = requests.map(|(name, requests)| {
        let (line, receiver) = mpsc::unbounded();
        let client = Client { name, requests: receiver.named(name) };
        requests.iter().for_each(|&request| line.send(request).expect("the receiver is there"));
        door.send(client).expect("the door is open");
        (name != "eve").then_some(line) // Eve wants no more than that.
    });

    scheduler.block_on(sleep(Duration::from_secs(3)));
    println!("\n-- ctrl-c --\n");
    let report = scheduler.shutdown(Duration::from_secs(5)).expect("it is not called by a task");
    println!("\n{report}");
}

// Output:
//
// alice has come
// bob has come
// carol has come
// dave has come
// eve has come
// alice has the answer that took 1 s
// bob has the answer that took 1 s
// eve has the answer that took 2 s
// eve has gone
//
// -- ctrl-c --
//
// alice is told to go: shutdown
// dave is told to go: shutdown
// alice has been shown out
// dave has been shown out
// bob has the answer that took 4 s
// bob is told to go: shutdown
// bob has been shown out
//
// shutdown after 5s: 3 finished, 1 cancelled, 1 aborted, 0 still blocking
//   finished   #3 "alice"  after 1s, spawned at examples/shutdown.rs:25:42
//   finished   #6 "dave"   after 1s, spawned at examples/shutdown.rs:25:42
//   finished   #4 "bob"    after 3s, spawned at examples/shutdown.rs:25:42
//   cancelled  #1 "door"   after 0ns, spawned at examples/shutdown.rs:52:33
//   aborted    #5 "carol"  after 5s, spawned at examples/shutdown.rs:25:42
//                          waited for a sleep with 52s left at examples/shutdown.rs:45:5
