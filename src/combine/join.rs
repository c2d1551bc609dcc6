//! `join!` and `try_join!`: waiting for a fixed number of futures concurrently.

/// Waits for several futures concurrently, and returns all their outputs as a tuple.
///
/// The futures are polled by the task that awaits this, in the order in which they are written: nothing is
/// spawned, so they may borrow. A future that is ready is dropped immediately, while the others continue.
/// Like [`select!`](crate::select), it can be used wherever `.await` can.
///
/// If the futures use up a [budget](crate::scheduler::Builder::budget), the task's next turn starts with the future
/// after the one that used it up, so that none starves. After `join!(biased; …)` every turn starts with the first.
///
/// # Cancel safety
///
/// Dropping the surrounding async block or function drops all the futures, and the outputs of those that were
/// ready. A cancel request goes to each future that [catches](crate::task::catch_cancel) it; beside such a
/// future, one that catches nothing continues to its end.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, join, sleep, time};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let start = time::now();
///     let name = String::from("turnwise");
///     let length = async { sleep(Duration::from_secs(2)).await; name.len() };
///     let first = async { sleep(Duration::from_secs(1)).await; name.chars().next() };
///     assert_eq!(join!(length, first), (8, Some('t')));
///     assert_eq!(time::now() - start, Duration::from_secs(2)); // not three
/// });
/// ```
#[macro_export]
#[doc(alias = "gather")]
macro_rules! join {
    (biased; $($future:expr),* $(,)?) => { $crate::__join!(join biased [] $($future,)*) };
    ($($future:expr),* $(,)?) => { $crate::__join!(join new [] $($future,)*) };
}

/// Waits for several futures concurrently, and returns all their values as a tuple, or the first error.
///
/// Every future returns a `Result`, all with the same error type. At the first error the others are dropped,
/// ready or not; of two errors in the same turn, that of the future that was polled first is returned. Otherwise it is
/// like [`join!`](crate::join). To let the others clean up first, see [`task::scope`](crate::task::scope()).
///
/// # Cancel safety
///
/// Dropping the surrounding async block or function drops all the futures, and the values of those that were
/// ready. A cancel request goes to its futures as with [`join!`](crate::join).
///
/// # Example
///
/// ```
/// use std::{future::pending, num::ParseIntError};
/// use turnwise::{block_on, try_join};
///
/// async fn parse(text: &str) -> Result<i32, ParseIntError> { text.parse() }
///
/// block_on(async {
///     assert_eq!(try_join!(parse("1"), parse("2")), Ok((1, 2)));
///
///     let outcome = try_join!(pending::<Result<(), _>>(), parse("three"), parse("4"));
///     assert_eq!(outcome.unwrap_err().to_string(), "invalid digit found in string");
/// });
/// ```
#[macro_export]
macro_rules! try_join {
    (biased; $($future:expr),* $(,)?) => { $crate::__join!(try_join biased [] $($future,)*) };
    ($($future:expr),* $(,)?) => { $crate::__join!(try_join new [] $($future,)*) };
}

/// Gives each future its own name (`branch` is a new name in each expansion), and polls them all.
#[doc(hidden)]
#[macro_export]
macro_rules! __join {
    ($kind:ident $make:ident [$($branch:ident: $future:expr,)*] $next:expr, $($rest:expr,)*) => {
        $crate::__join!($kind $make [$($branch: $future,)* branch: $next,] $($rest,)*)
    };
    (join $make:ident []) => {
        $crate::combine::__private::Join::new($crate::combine::__private::JoinEnd).await
    };
    // The variables are read apart from the futures of the caller, whose warnings must remain: an output of type `!` is
    // never read, and the compiler would warn of that in the caller's crate.
    (join $make:ident [$($branch:ident: $future:expr,)*]) => {{
        let outputs = $crate::combine::__private::Join::$make($crate::__join!(lanes $($future,)*)).await;
        #[allow(unreachable_code)]
        let outputs = {
            let $crate::__join!(outputs $($branch)*) = outputs;
            ($($branch,)*)
        };
        outputs
    }};
    (try_join $make:ident [$($branch:ident: $future:expr,)*]) => {{
        let outputs = $crate::combine::__private::TryJoin::$make($crate::__join!(lanes $($future,)*)).await;
        #[allow(unreachable_code)]
        let outputs = match outputs {
            $crate::combine::__private::Ok($crate::__join!(outputs $($branch)*)) => {
                $crate::combine::__private::Ok(($($branch,)*))
            }
            $crate::combine::__private::Err(error) => $crate::combine::__private::Err(error),
        };
        outputs
    }};
    // Lanes, and their outputs, are nested pairs.
    (lanes) => { $crate::combine::__private::JoinEnd };
    (lanes $future:expr, $($rest:expr,)*) => {
        $crate::combine::__private::JoinLane::new($future, $crate::__join!(lanes $($rest,)*))
    };
    (outputs) => { () };
    (outputs $branch:ident $($rest:ident)*) => { ($branch, $crate::__join!(outputs $($rest)*)) };
}
