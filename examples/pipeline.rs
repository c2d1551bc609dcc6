//! A producer and two consumers with a bounded queue between them: the faster side waits, nothing is lost, and `join`
//! returns once every item has been processed, not only taken.
//!
//! Run it with `cargo run --example pipeline`.

use std::rc::Rc;
use std::time::Duration;

use turnwise::channel::Queue;
use turnwise::{JoinError, JoinHandle, Scheduler, sleep, task, time};

/// How many items the queue has room for.
const ROOM: usize = 2;

fn main() -> Result<(), JoinError> {
    let scheduler = Scheduler::builder().virtual_time().build();
    scheduler.block_on(async {
        let start = time::now();
        let log = move |line: String| println!("{:>4} ms  {line}", start.elapsed_ms());
        let queue = Rc::new(Queue::new(ROOM).named("orders"));

        // Two cooks, each of which takes half a second for a dish.
        let cooks = ["Ann", "Bob"].map(|name| {
            let queue = Rc::clone(&queue);
            let cook = async move {
                loop {
                    let order: u32 = queue.get().await.expect("the queue is never shut down");
                    sleep(Duration::from_millis(500)).await;
                    log(format!("{name} has finished order {order}"));
                    queue.task_done().expect("the order was taken");
                }
            };
            task::Builder::new().name(name).spawn(cook)
        });

        // One waiter, which takes a tenth of a second for an order, and waits while the queue is full.
        let orders = Rc::clone(&queue);
        let waiter = async move {
            for order in 1..=6 {
                sleep(Duration::from_millis(100)).await;
                orders.put(order).await.expect("the queue is never shut down");
                log(format!("order {order} is in, {} waiting", orders.len()));
            }
        };
        task::Builder::new().name("waiter").spawn(waiter).await?;

        queue.join().await;
        log("all orders are done".to_owned());
        cooks.iter().for_each(JoinHandle::abort);
        Ok(())
    })
}

/// Milliseconds of virtual time.
trait ElapsedMs {
    fn elapsed_ms(&self) -> u128;
}

impl ElapsedMs for std::time::Instant {
    fn elapsed_ms(&self) -> u128 {
        time::now().duration_since(*self).as_millis()
    }
}

// Output:
//
//  100 ms  order 1 is in, 1 waiting
//  200 ms  order 2 is in, 1 waiting
//  300 ms  order 3 is in, 1 waiting
//  400 ms  order 4 is in, 2 waiting
//  600 ms  Ann has finished order 1
//  600 ms  order 5 is in, 2 waiting
//  700 ms  Bob has finished order 2
//  700 ms  order 6 is in, 2 waiting
// 1100 ms  Ann has finished order 3
// 1200 ms  Bob has finished order 4
// 1600 ms  Ann has finished order 5
// 1700 ms  Bob has finished order 6
// 1700 ms  all orders are done
