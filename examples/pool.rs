//! A pool of two connections for five clients: a semaphore counts the connections, and a guard returns each one, also
//! when its client panics. Halfway, the semaphore's `Debug` output lists the tasks that hold a permit or wait for one.
//!
//! Run it with `cargo run --example pool`.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use turnwise::sync::{Semaphore, SemaphorePermit};
use turnwise::{Scheduler, sleep, task};

/// Stands for something that is expensive to open.
struct Connection {
    number: usize,
    queries: Cell<u32>,
}

impl Connection {
    async fn query(&self, milliseconds: u64) {
        self.queries.set(self.queries.get() + 1);
        sleep(Duration::from_millis(milliseconds)).await;
    }
}

struct Pool {
    idle: RefCell<Vec<Connection>>,
    /// Has as many permits as there are connections in `idle`.
    available: Semaphore,
}

impl Pool {
    fn open(size: usize) -> Self {
        let connections = (1..=size).map(|number| Connection { number, queries: Cell::new(0) });
        Pool {
            idle: RefCell::new(connections.rev().collect()),
            available: Semaphore::new(size).named("connections"),
        }
    }

    /// Waits for a connection, in FIFO order.
    async fn get(&self) -> Pooled<'_> {
        let permit = self.available.acquire().await.expect("the pool is never closed");
        let connection = self.idle.borrow_mut().pop();
        Pooled { connection, pool: self, _permit: permit }
    }
}

/// A connection on loan.
struct Pooled<'a> {
    connection: Option<Connection>,
    pool: &'a Pool,
    /// Released after the connection is returned: fields are dropped after `drop` has run.
    _permit: SemaphorePermit<'a>,
}

impl Deref for Pooled<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("there is one for each permit")
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        self.pool.idle.borrow_mut().extend(self.connection.take());
    }
}

async fn client(name: &'static str, milliseconds: u64, pool: Rc<Pool>) {
    let connection = pool.get().await;
    println!("{name} has connection {}", connection.number);
    connection.query(milliseconds).await;
    assert!(name != "carol", "carol's query was wrong");
    println!("{name} is done");
}

fn main() {
    std::panic::set_hook(Box::new(|_| {})); // Carol's panic is printed as an error below.
    let scheduler = Scheduler::builder().virtual_time().build();
    let pool = Rc::new(Pool::open(2));
    let clients = [("alice", 300), ("bob", 100), ("carol", 50), ("dave", 200), ("eve", 10)];
    let tasks = clients.map(|(name, milliseconds)| {
        let client = client(name, milliseconds, Rc::clone(&pool));
        task::Builder::new().name(name).spawn_on(&scheduler, client)
    });

    scheduler.run_until_stalled();
    println!("\n{:?}\n", pool.available);

    scheduler.run().expect("every client gets a connection");
    for task in tasks {
        if let Err(error) = scheduler.block_on(task) {
            println!("{error}");
        }
    }
    let mut queries: Vec<_> =
        pool.idle.borrow().iter().map(|idle| (idle.number, idle.queries.get())).collect();
    queries.sort_unstable();
    for (number, queries) in queries {
        println!("connection {number} was returned after {queries} queries");
    }
}

// Output:
//
// alice has connection 1
// bob has connection 2
//
// Semaphore { permits: 0 of 2, name: "connections", held_by: [#1 "alice" at examples/pool.rs:44:37, #2 "bob" at examples/pool.rs:44:37], waiters: [#3 "carol" at examples/pool.rs:44:37, #4 "dave" at examples/pool.rs:44:37, #5 "eve" at examples/pool.rs:44:37] }
//
// bob is done
// carol has connection 2
// dave has connection 2
// alice is done
// eve has connection 1
// eve is done
// dave is done
// task #3 panicked: carol's query was wrong
// connection 1 was returned after 2 queries
// connection 2 was returned after 3 queries
