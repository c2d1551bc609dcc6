//! Models: the end of a blocking job, in every interleaving of the threads. See `kernel/models.rs`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::thread::{self, Thread};

use crate::blocking::count::JobCount;
use crate::kernel::{Key, Letter, Mailbox};

/// Wakes the thread as the kernel's `Unparker` does.
struct Unparker(Thread);

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for mail as the scheduler does when nothing is ready.
fn sleep_until_mail(mailbox: &Mailbox) {
    while !mailbox.may_have_mail() {
        let unparker = Waker::from(Arc::new(Unparker(thread::current())));
        if mailbox.wake_me(unparker) {
            thread::park();
            drop(mailbox.sleeper());
        }
    }
}

/// A blocking job that ends while the scheduler checks whether any wake can still arrive.
fn last_job(letter: impl Fn() -> Option<Letter> + Send + Sync + Copy + 'static) {
    loom::model(move || {
        let mailbox = Arc::new(Mailbox::new(NonZeroU32::MAX, |_, _| false));
        let count = Arc::new(JobCount::new(Arc::clone(&mailbox)));
        count.add();
        let worker = {
            let count = Arc::clone(&count);
            thread::spawn(move || count.end(letter()))
        };
        let certain = count.jobs() == 0 && mailbox.is_empty();
        assert!(!certain, "a false alarm");
        sleep_until_mail(&mailbox); // Forever, if the last job posts nothing.
        mailbox.collect(&mut Vec::new());
        assert_eq!(count.jobs(), 0, "it is counted out with its last word");
        worker.join().unwrap();
    });
}

#[test]
fn a_job_that_wakes_its_task_at_its_end_is_not_missed() {
    last_job(|| Some(Letter::Wake(Key::from_word(1))));
}

#[test]
fn the_end_of_the_last_job_is_noticed_even_if_no_task_waits_for_it() {
    last_job(|| None);
}
