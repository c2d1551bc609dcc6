//! Random programs that are cancelled: all of them end, and until then a snapshot names what holds each request.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::Cell;
use std::env;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::future::{join_all, select};
use turnwise::scheduler::TaskState;
use turnwise::task::{self, CancelToken, catch_cancel, mask, scope};
use turnwise::{CancelOnDrop, Scheduler, gather, sleep, spawn, timeout, yield_now};

type Work = Pin<Box<dyn Future<Output = ()>>>;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Numbers by chance: a xorshift generator.
struct Chance(Cell<u64>);

impl Chance {
    fn from_seed(seed: u64) -> Self {
        let chance = Chance(Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1));
        (0..5).for_each(|_| _ = chance.below(2));
        chance
    }

    fn below(&self, limit: u64) -> u64 {
        let mut number = self.0.get();
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        self.0.set(number);
        (number >> 11) % limit
    }

    fn soon(&self) -> Duration {
        ms(self.below(20))
    }

    fn programs(&self, depth: u32) -> Vec<Work> {
        (0..=self.below(3)).map(|_| self.program(depth)).collect()
    }

    fn program(&self, depth: u32) -> Work {
        let Some(depth) = depth.checked_sub(1) else { return self.leaf() };
        match self.below(11) {
            0 => {
                let (first, second) = (self.program(depth), self.program(depth));
                Box::pin(async {
                    first.await;
                    second.await;
                })
            }
            1 => {
                let all = join_all(self.programs(depth));
                Box::pin(async { drop(all.await) })
            }
            2 => Box::pin(mask(self.program(depth))),
            3 => {
                let (after, work) = (self.soon(), self.program(depth));
                Box::pin(async move {
                    let _ = timeout(after, work).await;
                })
            }
            4 | 5 => self.careful(depth),
            6 => {
                let children = self.programs(depth);
                Box::pin(async move {
                    let all = scope(async |s| {
                        children.into_iter().for_each(|child| drop(s.spawn(child)));
                    });
                    drop(all.await);
                })
            }
            7 | 8 => {
                let tasks = self.programs(depth);
                Box::pin(async { drop(gather(tasks).await) })
            }
            9 => self.lent_gather(depth),
            _ => self.with_token(depth),
        }
    }

    fn leaf(&self) -> Work {
        match self.below(3) {
            0 => Box::pin(yield_now()),
            1 => Box::pin(sleep(self.soon())),
            _ => Box::pin(sleep(ms(1000) + self.soon())),
        }
    }

    /// A catch with a clean-up, after which it resumes or not.
    fn careful(&self, depth: u32) -> Work {
        let (work, clean_up) = (self.program(depth), self.program(depth.min(1)));
        let resumes = self.below(2) == 0;
        Box::pin(async move {
            if let Err(cancelled) = catch_cancel(work).await {
                clean_up.await;
                if resumes {
                    cancelled.resume().await;
                }
            }
        })
    }

    /// A gather that a timeout or a `select` borrows, and that is awaited after the one and dropped after the other.
    fn lent_gather(&self, depth: u32) -> Work {
        let (tasks, after) = (self.programs(depth), self.soon());
        let is_selected = self.below(2) == 0;
        Box::pin(async move {
            let mut all = gather(tasks).first_failure();
            if is_selected {
                select(&mut all, pin!(sleep(after))).await;
            } else if timeout(after, &mut all).await.is_err() {
                drop(all.await);
            }
        })
    }

    fn with_token(&self, depth: u32) -> Work {
        let (work, after) = (self.program(depth), self.soon());
        Box::pin(async move {
            let token = CancelToken::new();
            let other = token.clone();
            let cancels = CancelOnDrop::new(spawn(async move {
                sleep(after).await;
                other.cancel();
            }));
            token.run_until_cancelled(work).await;
            drop(cancels);
        })
    }
}

/// Every request in a task that waits is held by something, and reports can be printed.
fn check(scheduler: &Scheduler) {
    let snapshot = scheduler.snapshot();
    let text = snapshot.to_string();
    for task in snapshot.tasks.iter().filter(|task| task.state == TaskState::Waiting) {
        assert!(task.requests.iter().all(|request| !request.holders.is_empty()), "{text}");
    }
}

/// Runs a program, asks it to end in one of four ways, and gives turns until nothing is left.
fn play(seed: u64, way: u32) {
    let chance = Chance::from_seed(seed);
    let depth = 2 + u32::try_from(chance.below(3)).unwrap();
    let scheduler = Scheduler::builder().virtual_time().build();
    let handle = scheduler.spawn(chance.program(depth));
    scheduler.run_until_stalled();
    for _ in 0..chance.below(25) {
        scheduler.advance(ms(1));
        scheduler.run_until_stalled();
    }
    check(&scheduler);
    match way {
        0 => handle.cancel(),
        1 => {
            handle.cancel();
            scheduler.advance(ms(1));
            scheduler.run_until_stalled();
            handle.cancel();
        }
        2 => handle.abort(),
        _ => assert!(scheduler.shutdown(Duration::from_secs(1000)).unwrap().is_clean()),
    }
    loop {
        scheduler.run_until_stalled();
        check(&scheduler);
        let snapshot = scheduler.snapshot();
        let Some(next) = snapshot.timers.first().and_then(|timer| timer.left) else { break };
        scheduler.advance(next);
    }
    assert_eq!(scheduler.metrics().alive, 0, "{}", scheduler.snapshot());
    assert!(handle.is_finished());
    drop((handle, scheduler));
    assert!(task::__has_no_regions());
}

/// `HELD=1000000` in the environment plays that many programs.
#[test]
fn every_program_ends_and_until_then_what_holds_its_requests_is_named() {
    let count = env::var("HELD").map_or(500, |count| count.parse().unwrap());
    for seed in 1..=count {
        println!("seed {seed}"); // The last one is shown if the test fails.
        (0..4).for_each(|way| play(seed, way));
    }
}
