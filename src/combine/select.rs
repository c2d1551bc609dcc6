//! `select!`: waiting for the first of several futures, and handling its output.

/// Waits until the first of several futures is ready, drops the others, and runs the handler of the first.
///
/// ```text
/// select! {
///     pattern = future => handler,
///     pattern = future, if condition => handler,
///     else => handler,
/// }
/// ```
///
/// It is an expression that evaluates to the value of the handler, and can be used wherever `.await` can.
/// Handlers and futures belong to the surrounding function, so they may use `?`, `.await`, `return`, `break`
/// and `continue`. These are the steps:
///
/// 1. All conditions are evaluated. A branch whose condition is false is disabled, and its future is not even
///    created.
/// 2. The futures are created, and then polled in the order in which they are written, by the current task.
///    **If several are ready, the one that is written first wins**, every time: put first what must not
///    starve, or what is rarely ready. There is no hidden random choice.
/// 3. The output of the first ready future is matched against its pattern. If it does not match, the branch
///    is disabled, and the others continue.
/// 4. All futures are dropped, and then the handler runs, so it may use whatever they borrowed.
/// 5. If all branches are disabled, the handler of `else` runs; without an `else` this panics.
///
/// A future that is passed by reference (`&mut future`, if it is `Unpin` or pinned) is not dropped, and can
/// be passed again in the next iteration of a loop. Once it has been ready it must not be polled again:
/// disable its branch with an `if`.
///
/// # Cancel safety
///
/// The losers are dropped in whatever state they are, without a cancel request: no
/// [`catch_cancel`](crate::task::catch_cancel) in them is notified, and no [`mask`](crate::task::mask) is
/// waited for. What a future loses by that is described under its heading "Cancel safety"; for most waits in
/// this crate it is nothing.
///
/// Beware of a loser that was passed by reference: it is not polled while the handler runs. If a lock is
/// handed to it in that time, a handler that waits for the same lock waits forever, and a report shows this
/// as a cycle. A `catch_cancel` in it cannot clean anything up.
///
/// # Panics
///
/// If all branches are disabled and there is no `else`.
///
/// # Example
///
/// ```
/// use std::{pin::pin, time::Duration};
/// use turnwise::{Scheduler, select, sleep};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// let log = scheduler.block_on(async {
///     let mut log = Vec::new();
///     let mut kettle = pin!(sleep(Duration::from_secs(5)));
///     loop {
///         select! {
///             () = &mut kettle => break log,
///             () = sleep(Duration::from_secs(2)) => log.push("not yet"),
///         }
///     }
/// });
/// assert_eq!(log, ["not yet", "not yet"]);
/// ```
///
/// Patterns and conditions:
///
/// ```
/// use std::future::ready;
/// use turnwise::{block_on, select};
///
/// let (left, right) = (None, Some(2));
/// let found = block_on(async {
///     select! {
///         Some(value) = ready(left) => value,
///         Some(value) = ready(right), if right > Some(1) => value * 10,
///         else => 0,
///     }
/// });
/// assert_eq!(found, 20);
/// ```
#[macro_export]
macro_rules! select {
    // Accepted because tokio has it; this macro is always biased.
    (biased; $($branches:tt)*) => { $crate::__select!([] $($branches)*) };
    ($($branches:tt)*) => { $crate::__select!([] $($branches)*) };
}

/// Parses one branch after the other, and gives each its own names: `future`, `enabled` and `output` are new
/// names in each expansion.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    ([$($done:tt)*] else => $handler:expr $(,)?) => {
        $crate::__select!(@select [$($done)*] $handler)
    };
    ([$($done:tt)*]) => {
        $crate::__select!(
            @select [$($done)*]
            panic!("all branches of this `select!` are disabled, and it has no `else`")
        )
    };

    ([$($done:tt)*] $pattern:pat = $make:expr, if $condition:expr => $handler:block, $($rest:tt)*) => {
        $crate::__select!(
            [$($done)* { future enabled output ($pattern) ($make) ($condition) ($handler) }] $($rest)*
        )
    };
    ([$($done:tt)*] $pattern:pat = $make:expr => $handler:block, $($rest:tt)*) => {
        $crate::__select!(
            [$($done)* { future enabled output ($pattern) ($make) () ($handler) }] $($rest)*
        )
    };
    ([$($done:tt)*] $pattern:pat = $make:expr, if $condition:expr => $handler:block $($rest:tt)*) => {
        $crate::__select!(
            [$($done)* { future enabled output ($pattern) ($make) ($condition) ($handler) }] $($rest)*
        )
    };
    ([$($done:tt)*] $pattern:pat = $make:expr => $handler:block $($rest:tt)*) => {
        $crate::__select!(
            [$($done)* { future enabled output ($pattern) ($make) () ($handler) }] $($rest)*
        )
    };
    ([$($done:tt)*] $pattern:pat = $make:expr, if $condition:expr => $handler:expr, $($rest:tt)*) => {
        $crate::__select!(
            [$($done)* { future enabled output ($pattern) ($make) ($condition) ($handler) }] $($rest)*
        )
    };
    ([$($done:tt)*] $pattern:pat = $make:expr => $handler:expr, $($rest:tt)*) => {
        $crate::__select!(
            [$($done)* { future enabled output ($pattern) ($make) () ($handler) }] $($rest)*
        )
    };
    ([$($done:tt)*] $pattern:pat = $make:expr, if $condition:expr => $handler:expr) => {
        $crate::__select!(
            [$($done)* { future enabled output ($pattern) ($make) ($condition) ($handler) }]
        )
    };
    ([$($done:tt)*] $pattern:pat = $make:expr => $handler:expr) => {
        $crate::__select!([$($done)* { future enabled output ($pattern) ($make) () ($handler) }])
    };

    (@condition) => { true };
    (@condition $condition:expr) => { $condition };

    // Without a condition, temporaries in the expression live as long as the future.
    (@make $make:expr, $enabled:ident) => {
        $crate::combine::__private::Some(
            $crate::combine::__private::IntoFuture::into_future($make),
        )
    };
    (@make $make:expr, $enabled:ident $condition:expr) => {
        if $enabled {
            $crate::combine::__private::Some(
                $crate::combine::__private::IntoFuture::into_future($make),
            )
        } else {
            $crate::combine::__private::None
        }
    };

    // A value is kept in a tuple of one. A value of type `!` would make the compiler warn of unreachable code, in the
    // user's crate; and a pattern of ours around the user's keeps the warning away that it matches no value. The braces
    // make a temporary value of it, since the pattern may be `ref mut`.
    //
    // Each branch has its own output variable, so no type with a variant for each branch is needed. Handlers
    // are not inside a closure or a loop of the macro, so `return`, `break` and `continue` act on user code.
    (@select [$({
        $future:ident $enabled:ident $output:ident
        ($pattern:pat) ($make:expr) ($($condition:expr)?) ($handler:expr)
    })*] $else:expr) => {{
        $(
            #[allow(unused_variables)]
            let $enabled = $crate::__select!(@condition $($condition)?);
            let mut $output = $crate::combine::__private::None;
        )*
        match ($($crate::__select!(@make $make, $enabled $($condition)?),)*) {
            ($($future,)*) => {
                $(let mut $future = $crate::combine::__private::pin!($future);)*
                $crate::combine::__private::poll_fn(|_cx| {
                    let mut _is_anyone_left = false;
                    $(
                        match $crate::combine::__private::poll_enabled($future.as_mut(), _cx) {
                            $crate::combine::__private::Poll::Pending => {
                                _is_anyone_left |= $future.is_some();
                            }
                            $crate::combine::__private::Poll::Ready(value) => {
                                let mut fits = false;
                                // The guard finds out whether the pattern matches, and moves nothing.
                                #[allow(unused_variables, unused_mut)]
                                let value = match { value } {
                                    ($pattern,) if { fits = true; false } => unreachable!(),
                                    value => value,
                                };
                                if fits {
                                    $output = $crate::combine::__private::Some(value);
                                    return $crate::combine::__private::Poll::Ready(());
                                }
                            }
                        }
                    )*
                    if _is_anyone_left {
                        $crate::combine::__private::Poll::Pending
                    } else {
                        $crate::combine::__private::Poll::Ready(())
                    }
                })
                .await;
            }
        }
        $(
            if let $crate::combine::__private::Some(value) = $output {
                match { value } {
                    ($pattern,) => $handler,
                    #[allow(unreachable_patterns)]
                    _ => unreachable!("the pattern matched before"),
                }
            } else
        )* {
            $else
        }
    }};
}
