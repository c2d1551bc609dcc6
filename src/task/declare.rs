//! `task_local!`: declares keys whose values are visible inside an awaited future.

/// Declares task-local keys.
///
/// Each is a `static` of type [`LocalKey`](crate::task::LocalKey). Its value is visible to everything polled inside a
/// [`scope`](crate::task::LocalKey::scope) of it. A task that is spawned inside gets a clone of the value if the key is
/// declared with `inherit`, and passes it on to the tasks that it spawns; otherwise it sees no value.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, spawn, task_local};
///
/// task_local! {
///     /// The user who made the request.
///     static USER: &'static str;
///     /// The trace that all work for the request belongs to.
///     pub inherit static TRACE: u32;
/// }
///
/// async fn greet() -> String {
///     format!("hello {} ({})", USER.get(), TRACE.get())
/// }
///
/// block_on(async {
///     let greeting = TRACE.scope(7, USER.scope("alice", greet())).await;
///     assert_eq!(greeting, "hello alice (7)");
///
///     let inherited = TRACE.scope(8, USER.scope("bob", async {
///         let child = spawn(async { (TRACE.get(), USER.try_get().is_ok()) });
///         child.await.unwrap()
///     }));
///     assert_eq!(inherited.await, (8, false));
/// });
/// ```
///
/// # Children of a `task::scope`
///
/// Children take their turns inside those of their [scope](crate::task::scope()), so they see what is set *around* the
/// scope, like any future awaited there. What the body sets around a `spawn` is not set around their turns: of that,
/// they see only the keys that they inherit.
///
/// ```
/// use turnwise::{block_on, task, task_local};
///
/// task_local! {
///     static USER: &'static str;
///     inherit static TRACE: u32;
/// }
///
/// async fn seen() -> (Option<&'static str>, u32) {
///     (USER.try_get().ok(), TRACE.get())
/// }
///
/// let work = task::scope(async |s| {
///     let plain = s.spawn(seen()).await;
///     let inside = TRACE.scope(2, USER.scope("bob", async { s.spawn(seen()).await })).await;
///     (plain, inside)
/// });
/// let (plain, inside) = block_on(TRACE.scope(1, USER.scope("alice", work)))?;
/// assert_eq!(plain.ok(), Some((Some("alice"), 1)));
/// assert_eq!(inside.ok(), Some((Some("alice"), 2)));
/// # Ok::<(), task::ScopeError>(())
/// ```
#[doc(alias = "contextvars")]
#[doc(alias = "ContextVar")]
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $visibility:vis inherit static $key:ident: $value:ty $(; $($rest:tt)*)?) => {
        $crate::__task_local!([$(#[$attribute])*] [$visibility] $key, $value, inherited);
        $($crate::task_local!($($rest)*);)?
    };
    ($(#[$attribute:meta])* $visibility:vis static $key:ident: $value:ty $(; $($rest:tt)*)?) => {
        $crate::__task_local!([$(#[$attribute])*] [$visibility] $key, $value, own);
        $($crate::task_local!($($rest)*);)?
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __task_local {
    ([$($attribute:tt)*] [$visibility:vis] $key:ident, $value:ty, $kind:ident) => {
        $($attribute)*
        $visibility static $key: $crate::task::LocalKey<$value> = {
            ::std::thread_local! {
                static PLACE: $crate::task::__Storage<$value> = const { $crate::task::__Storage::new() };
            }
            $crate::task::LocalKey::$kind(&PLACE)
        };
    };
}
