//! The mutex: order, hand-off, and what reports say of it.

use std::rc::Rc;

use turnwise::sync::Mutex;
use turnwise::{RunError, Scheduler, task, yield_now};

#[test]
fn two_tasks_that_lock_in_opposite_order_are_explained() {
    let scheduler = Scheduler::new();
    let left = Rc::new(Mutex::new(()).named("left"));
    let right = Rc::new(Mutex::new(()).named("right"));
    let both = |first: &Rc<Mutex<()>>, second: &Rc<Mutex<()>>| {
        let (first, second) = (Rc::clone(first), Rc::clone(second));
        async move {
            let _one = first.lock().await;
            yield_now().await;
            let _two = second.lock().await;
        }
    };
    let outcome = scheduler.try_block_on(async {
        let alice = task::Builder::new().name("alice").spawn(both(&left, &right));
        let _bob = task::Builder::new().name("bob").spawn(both(&right, &left));
        alice.await
    });
    let Err(RunError::Deadlock(report)) = outcome else { panic!("a deadlock, not {outcome:?}") };
    let text = report.to_string();
    assert!(text.contains("cycle: #2 -> mutex \"right\" -> #3 -> mutex \"left\" -> #2"), "{text}");
    assert!(report.certain);
}
