//! Holding a virtual clock: while an answer from outside is expected, it stands still.

use std::panic::Location;
use std::sync::Arc;

use crate::kernel::{current, current_task};
use crate::time::holds::Holds;
use crate::time::layer::Time;

/// Makes the running scheduler's virtual clock stand still until the returned guard is dropped, on any thread.
///
/// A virtual clock jumps to the next deadline when nothing is ready. That is wrong if an answer from outside is
/// expected before the deadline: the scheduler cannot see a thread that is about to send a value, or another crate's
/// socket that is about to be readable. So hold the clock for as long as the answer takes, and move the guard to what
/// answers:
///
/// ```
/// use std::{thread, time::Duration};
/// use turnwise::{Scheduler, channel::remote, time, timeout};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let (sender, mut answers) = remote::channel(1);
///     let hold = time::hold();
///     thread::spawn(move || {
///         thread::sleep(Duration::from_millis(10)); // a computation
///         sender.blocking_send(42).unwrap();
///         drop(hold);
///     });
///     // Without the hold, the clock would jump to the deadline.
///     let answer = timeout(Duration::from_secs(3600), answers.recv()).await;
///     assert_eq!(answer, Ok(Some(42)));
/// });
/// ```
///
/// While there is at least one hold, only [`advance`](crate::time::advance) moves the clock. Dropping the last one wakes
/// the scheduler if it sleeps. The jobs of [`spawn_blocking`](crate::spawn_blocking) and
/// [`ThreadPool`](crate::ThreadPool) hold the clock by themselves. On a real clock, a hold has no effect.
///
/// A hold that is never dropped stops all timers. So the [report](crate::DeadlockReport) of a run in which nothing can
/// run lists the holds: where each was made, and by which task; whether that has ended, or waits for a timer itself.
/// During a [shutdown](crate::Scheduler::shutdown), holds last no longer than the grace period, in real time.
///
/// # Panics
///
/// If no scheduler is running on this thread.
#[track_caller]
pub fn hold() -> Hold {
    let kernel = current();
    let Some((time, kernel)) = kernel.and_then(|kernel| Some((kernel.part::<Time>()?, kernel)))
    else {
        panic!("`time::hold` needs a running scheduler: call it inside `block_on`")
    };
    if !time.clock.is_virtual() {
        return Hold { held: None };
    }
    let holds = time.holds.get_or_init(|| Arc::new(Holds::new(Arc::clone(&kernel.mailbox))));
    let number = holds.add(current_task(), Location::caller());
    Hold { held: Some((number, Arc::clone(holds))) }
}

/// While this exists, a virtual clock stands still; created by [`hold`].
#[derive(Debug)]
#[must_use = "the clock moves again when this is dropped"]
pub struct Hold {
    /// The number of the hold among those of its clock; `None` on a real clock.
    held: Option<(u64, Arc<Holds>)>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some((number, holds)) = &self.held {
            holds.remove(*number);
        }
    }
}
