//! `select!`: the first of several futures, and what to do then.

/// Waits until the first of several futures is ready, drops the others, and runs that one's handler.
///
/// ```text
/// select! {
///     pattern = future => handler,
///     pattern = future, if condition => handler,
///     else => handler,
/// }
/// ```
///
/// It is an expression, whose value is the handler's. It can be used wherever `.await` can; handlers and
/// futures belong to the surrounding function, so they may use `?`, `.await`, `return`, `break` and
/// `continue`. This is what happens:
///
/// 1. All conditions are evaluated. A branch whose condition is false is disabled for this time, and its
///    future is not even made.
/// 2. The futures are made, and then polled in the order in which they are written, by the task that is
///    here. **If several are ready, the one that is written first wins**, every time: write what must not
///    starve first, or rarely ready. There is no hidden random choice.
/// 3. The output of the first that is ready is matched with its pattern. If it does not match, the branch is
///    disabled, and the others go on.
/// 4. All futures are dropped, and then the handler runs. So it may use whatever they have borrowed.
/// 5. If all branches are disabled, the handler of `else` runs; without an `else` that is a panic.
///
/// A future that is given by reference (`&mut future`, if it is `Unpin` or pinned) is not dropped, and can be
/// given again in the next round of a loop. Once it was ready it must not be; an `if` sees to that.
///
/// # Cancel safety
///
/// The futures that lose are dropped in the midst of what they do, and not asked to end: no
/// [`catch_cancel`](crate::task::catch_cancel) in them is told, and no [`mask`](crate::task::mask) is waited for. See
/// for each what that means; of everything in this crate that waits, nothing is lost by that.
///
/// Beware of a loser that is only lent: while the handler runs nobody polls it. If it was handed a lock
/// meanwhile, a handler that waits for the same lock waits for ever. A report shows that as a circle. And a
/// `catch_cancel` in it can clean nothing up.
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
    // What tokio's needs to be told; here it is always so.
    (biased; $($branches:tt)*) => { $crate::__select!([] $($branches)*) };
    ($($branches:tt)*) => { $crate::__select!([] $($branches)*) };
}

/// Reads one branch after the other, and gives each names of its own: `future`, `enabled` and `output` are new
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

    // Without a condition, what the expression borrows lives as long as the future.
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

    // Each branch has an output of its own, so no type is needed that has a variant for each. Handlers are in
    // no closure and no loop of ours, so that they can leave those of the user's.
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
                                // The guard says whether the pattern fits, and moves nothing.
                                #[allow(unused_variables, unused_mut)]
                                let value = match value {
                                    $pattern if { fits = true; false } => unreachable!(),
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
                match value {
                    $pattern => $handler,
                    #[allow(unreachable_patterns)]
                    _ => unreachable!("it fitted before"),
                }
            } else
        )* {
            $else
        }
    }};
}
