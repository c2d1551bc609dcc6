//! A resource is closed in every case: on success, on an error, on cancellation, and on a panic.
#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use turnwise::task::{self, Exit};
use turnwise::{Scheduler, race, sleep, spawn, timeout, yield_now};

const SECOND: Duration = Duration::from_secs(1);

fn virtually<F: Future>(future: F) -> F::Output {
    Scheduler::builder().virtual_time().build().block_on(future)
}

type Log = Rc<RefCell<Vec<String>>>;

/// Runs a body with a connection that needs a second to close.
async fn connected<T>(log: &Log, body: impl Future<Output = T>) -> T {
    let entry = |text: String| log.borrow_mut().push(text);
    task::with(
        "connection",
        async |_| body.await,
        async |connection, exit| {
            sleep(SECOND).await;
            let how = match exit {
                Exit::Returned(_) => "returned".to_owned(),
                Exit::Cancelled(cancelled) => format!("cancelled: {}", cancelled.reason()),
                Exit::Panicked => "panicked".to_owned(),
            };
            entry(format!("{connection} closed, {how}"));
        },
    )
    .await
}

#[test]
fn it_is_closed_after_success_and_after_an_error() {
    let log = Log::default();
    virtually(async {
        assert_eq!(connected(&log, async { Ok::<i32, String>(1) }).await, Ok(1));
        assert_eq!(connected(&log, async { Err::<i32, _>("inside") }).await, Err("inside"));
    });
    assert_eq!(*log.borrow(), ["connection closed, returned"; 2]);
}

#[test]
fn the_closing_sees_what_the_body_returned_and_what_it_did_to_the_resource() {
    virtually(async {
        let add = async |numbers: &mut Vec<i32>| {
            numbers.push(2);
            numbers.len()
        };
        let length = task::with(vec![1], add, async |numbers, exit| {
            assert_eq!(numbers, [1, 2]);
            assert!(matches!(exit, Exit::Returned(2)));
        });
        assert_eq!(length.await, 2);
    });
}

#[test]
fn it_is_closed_when_it_is_cancelled_and_then_the_task_is_cancelled() {
    let log = Log::default();
    let error = virtually(async {
        let task = spawn({
            let log = Rc::clone(&log);
            async move {
                connected(&log, pending::<()>()).await;
                log.borrow_mut().push("after".to_owned());
            }
        });
        yield_now().await;
        task.cancel_with("closing time");
        task.await.unwrap_err()
    });
    assert_eq!(error.reason(), Some("closing time"));
    assert_eq!(*log.borrow(), ["connection closed, cancelled: closing time"]);
}

#[test]
fn a_timeout_waits_until_it_is_closed() {
    let log = Log::default();
    virtually(async {
        assert!(timeout(SECOND, connected(&log, pending::<()>())).await.is_err());
        assert_eq!(log.borrow().len(), 1);
    });
}

#[test]
fn the_closing_itself_is_not_cancelled_and_the_request_acts_after_it() {
    let log = Log::default();
    let error = virtually(async {
        let task = spawn({
            let log = Rc::clone(&log);
            async move {
                connected(&log, async {}).await;
                log.borrow_mut().push("after".to_owned());
                sleep(SECOND).await;
                unreachable!("the request has waited, and acts here");
            }
        });
        sleep(SECOND / 2).await;
        task.cancel();
        task.cancel();
        task.await.unwrap_err()
    });
    assert!(error.is_cancelled());
    assert_eq!(*log.borrow(), ["connection closed, returned", "after"]);
}

#[test]
fn a_second_request_does_not_disturb_the_closing_after_the_first() {
    let log = Log::default();
    virtually(async {
        let task = spawn({
            let log = Rc::clone(&log);
            async move { connected(&log, pending::<()>()).await }
        });
        yield_now().await;
        task.cancel_with("first");
        sleep(SECOND / 2).await;
        task.cancel_with("second");
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(*log.borrow(), ["connection closed, cancelled: first"]);
}

#[test]
fn not_even_a_catch_in_the_closing_receives_another_request() {
    let undisturbed = virtually(async {
        let undisturbed = Rc::new(Cell::new(0));
        for panics in [false, true] {
            let closed = Rc::clone(&undisturbed);
            let task = spawn(timeout(SECOND, async move {
                let body = async |(): &mut ()| {
                    yield_now().await;
                    assert!(!panics, "on purpose");
                    pending::<()>().await;
                };
                task::with((), body, async |(), _| {
                    let slept = task::catch_cancel(sleep(SECOND * 2)).await;
                    closed.set(closed.get() + u32::from(slept.is_ok()));
                })
                .await;
            }));
            sleep(SECOND / 2).await;
            task.cancel();
            let _ = task.await; // a panic, or whichever request acted
        }
        undisturbed.get()
    });
    assert_eq!(undisturbed, 2);
}

#[test]
fn it_is_closed_when_the_body_panics_and_then_the_panic_continues() {
    let log = Log::default();
    let error = virtually(async {
        let task = spawn({
            let log = Rc::clone(&log);
            async move {
                let body = async {
                    yield_now().await;
                    panic!("out of cheese");
                };
                connected::<()>(&log, body).await;
            }
        });
        task.await.unwrap_err()
    });
    assert!(error.is_panic());
    assert_eq!(*log.borrow(), ["connection closed, panicked"]);
}

#[test]
fn resources_are_closed_from_the_inside_out() {
    let log = Log::default();
    virtually(async {
        let inner = async |name: &'static str| {
            task::with(
                name,
                async |_| pending::<()>().await,
                async |name, _| {
                    sleep(SECOND).await;
                    log.borrow_mut().push(name.to_owned());
                },
            )
            .await;
        };
        let outer = task::with(
            "outer",
            async |_| inner("inner").await,
            async |name, _| {
                sleep(SECOND).await;
                log.borrow_mut().push(name.to_owned());
            },
        );
        assert!(timeout(SECOND, outer).await.is_err());
    });
    assert_eq!(*log.borrow(), ["inner", "outer"]);
}

#[test]
fn when_dropped_half_way_only_destructors_run() {
    let log = Log::default();
    virtually(async {
        let loser = async {
            connected(&log, pending::<()>()).await;
        };
        race((loser, sleep(SECOND))).await;
        sleep(SECOND * 3).await;
    });
    assert!(log.borrow().is_empty());
}

#[test]
fn it_is_closed_though_a_destructor_panics_when_the_body_is_cancelled() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let log = Log::default();
    let inside = Rc::clone(&log);
    virtually(async move {
        let task = spawn(async move {
            let body = async {
                let _bad = Bad;
                pending::<()>().await;
            };
            connected(&inside, body).await;
        });
        yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_panic());
    });
    assert_eq!(*log.borrow(), ["connection closed, panicked"]);
}

#[test]
fn it_is_closed_though_the_body_panics_before_it_returns_a_future() {
    let is_closed = Rc::new(Cell::new(false));
    let closed = Rc::clone(&is_closed);
    virtually(async move {
        let body = |(): &mut ()| -> std::future::Ready<()> { panic!("immediately") };
        let task = spawn(async move { task::with((), body, async |(), _| closed.set(true)).await });
        assert!(task.await.unwrap_err().is_panic());
    });
    assert!(is_closed.get());
}
