//! Prints hello in a task on turnwise.

use turnwise::Scheduler;

fn main() {
    let hello = async { turnwise::spawn(async { println!("hello") }).await };
    Scheduler::new().block_on(hello).expect("it does not panic");
}
