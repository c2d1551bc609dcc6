//! Which types may cross threads: the whole table, checked by the compiler.
//!
//! RUSTSEC-2020-0059, -0070, -0124 and many others: a type could be sent that must not be.
#![allow(dead_code, reason = "of two constants with the same name the compiler takes one")]

use std::future::Future;

use turnwise::scheduler::{self, ThreadParker};
use turnwise::task::{AbortHandle, RemoteError, RemoteHandle, YieldNow};
use turnwise::time::{Advance, Interval, Sleep, Tick};
use turnwise::waiting::{Registration, Resource, TaskKey, Wait, Waiter};
use turnwise::{
    AbortOnDrop, JoinError, JoinHandle, Policy, Remote, RunError, Scheduler, TaskId, task,
};

/// Says of a type whether it is `Send`, `Sync` and `Unpin`. A method of a type goes before one of a trait; so
/// the inherent constant is found where its bound holds, and the trait's where it does not.
macro_rules! table {
    ($($type:ty => [$send:literal, $sync:literal, $unpin:literal],)*) => {
        $({
            trait Otherwise { const SEND: bool = false; const SYNC: bool = false; const UNPIN: bool = false; }
            struct Is<T: ?Sized>(std::marker::PhantomData<T>);
            impl<T: ?Sized> Otherwise for Is<T> {}
            impl<T: ?Sized + Send> Is<T> { const SEND: bool = true; }
            impl<T: ?Sized + Sync> Is<T> { const SYNC: bool = true; }
            impl<T: ?Sized + Unpin> Is<T> { const UNPIN: bool = true; }
            assert_eq!(
                [<Is<$type>>::SEND, <Is<$type>>::SYNC, <Is<$type>>::UNPIN],
                [$send, $sync, $unpin],
                "{} is Send, Sync, Unpin", stringify!($type)
            );
        })*
    };
}

#[test]
fn what_belongs_to_a_thread_stays_there() {
    table! {
        Scheduler => [false, false, true],
        scheduler::Builder => [false, false, true],
        scheduler::Turn => [false, false, true],
        scheduler::Snapshot => [false, false, true],
        scheduler::DeadlockReport => [false, false, true],
        scheduler::Transition => [false, false, true],
        RunError => [false, false, true],
        JoinHandle<u8> => [false, false, true],
        AbortHandle => [false, false, true],
        AbortOnDrop<u8> => [false, false, true],
        task::Builder => [false, false, true],
        Sleep => [false, false, true],
        Tick<'static> => [false, false, true],
        Waiter => [false, false, true],
        Registration => [false, false, true],
        Resource => [false, false, true],
        Wait => [false, false, true],
    }
}

#[test]
fn what_is_plain_data_or_made_for_other_threads_crosses() {
    table! {
        Remote => [true, true, true],
        RemoteHandle<u8> => [true, true, true],
        RemoteHandle<std::cell::Cell<u8>> => [true, true, true],
        RemoteHandle<std::rc::Rc<u8>> => [false, false, true],
        RemoteError => [true, true, true],
        JoinError => [true, true, true],
        scheduler::NestedRun => [true, true, true],
        scheduler::Metrics => [true, true, true],
        Policy => [true, true, true],
        TaskId => [true, true, true],
        TaskKey => [true, true, true],
        ThreadParker => [true, true, true],
        YieldNow => [true, true, true],
        Advance => [true, true, true],
        Interval => [true, true, true],
    }
}

#[test]
fn handles_are_futures_of_what_their_tasks_return() {
    fn output<F: Future>(_: F) -> std::marker::PhantomData<F::Output> {
        std::marker::PhantomData
    }
    let scheduler = Scheduler::new();
    let _: std::marker::PhantomData<Result<u8, JoinError>> = output(scheduler.spawn(async { 1 }));
    let remote = scheduler.remote().spawn(|| async { 1 });
    let _: std::marker::PhantomData<Result<u8, RemoteError>> = output(remote);
}
