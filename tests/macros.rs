//! The macros in a crate that denies all warnings: every form of pattern and of branch, and outputs of type `!`.

#![deny(warnings, unused, clippy::all, clippy::pedantic, clippy::nursery)]

use std::future::ready;

use turnwise::{block_on, join, select, try_join, yield_now};

/// Its output has the type `!`.
async fn never() -> ! {
    loop {
        yield_now().await;
    }
}

trait Returns {
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}

/// The type `!`, which has no stable name but in the return type of a function.
type Never = <fn() -> ! as Returns>::Output;

/// Never returns a value.
async fn fails() -> Result<Never, u8> {
    yield_now().await;
    Err(1)
}

#[test]
fn a_select_with_a_branch_that_never_ends_compiles_without_warnings() {
    block_on(async {
        assert_eq!(select! { _ = never() => 1, () = ready(()) => 2 }, 2);
        assert_eq!(select! { value = never() => value, () = ready(()) => 2 }, 2);
        assert_eq!(select! { () = ready(()) => { 2 } value = never() => { value } }, 2);
        select! { _ = never() => unreachable!("it never ends"), () = ready(()) => {} }
        select! { _ = never(), if true => {} () = ready(()), if true => {} else => {} }
        select! { biased; () = ready(()) => {} _ = never() => {} }
        let endless = async {
            loop {
                yield_now().await;
            }
        };
        select! { _ = endless => {} () = ready(()) => {} }
        select! { Err(error) = fails() => assert_eq!(error, 1), else => {} }
        select! { Ok(value) = fails() => value, else => {} }
        select! { outcome = fails() => { let Err(1) = outcome else { unreachable!() }; } }
    });
}

#[test]
fn a_join_with_an_output_that_never_comes_compiles_without_warnings() {
    async fn value_and_never() -> (u8, Never) {
        join!(async { 1 }, never())
    }

    async fn never_and_value() -> (Never, u8) {
        join!(never(), async { 1 })
    }

    async fn only_never() {
        join!(never());
    }

    async fn is_dropped() {
        let _ = join!(never(), async { never().await });
    }

    drop((value_and_never(), never_and_value(), only_never(), is_dropped()));
}

#[test]
fn a_try_join_with_a_value_that_never_comes_compiles_without_warnings() {
    async fn first() -> Result<(), u8> {
        try_join!(fails(), async { Ok(()) })?;
        Ok(())
    }

    async fn last() -> Result<(), u8> {
        let _ = try_join!(async { Ok(1) }, fails())?;
        Ok(())
    }

    async fn both() -> Result<(), u8> {
        let (_, _) = try_join!(fails(), fails())?;
        Ok(())
    }

    async fn returned() -> Result<(Never, u8), u8> {
        try_join!(fails(), async { Ok(2) })
    }

    block_on(async {
        assert_eq!((first().await, last().await, both().await), (Err(1), Err(1), Err(1)));
        assert!(matches!(returned().await, Err(1)));
    });
}

#[test]
fn patterns_of_a_select_may_borrow_what_they_match() {
    block_on(async {
        let taken = select! {
            Some(ref mut text) = ready(Some(String::from("a"))) => {
                text.push('b');
                std::mem::take(text)
            }
            else => String::new(),
        };
        assert_eq!(taken, "ab");
        let changed = select! {
            ref mut number = ready(1) => {
                *number += 1;
                *number
            }
        };
        assert_eq!(changed, 2);
        let length =
            select! { Some(ref text) = ready(Some("abc".to_owned())) => text.len(), else => 0 };
        assert_eq!(length, 3);
        let whole = select! {
            ref mut whole @ (Some(1 | 2) | None) = ready(Some(2)) => whole.take(),
            else => None,
        };
        assert_eq!(whole, Some(2));
        let (first, last) = select! {
            [ref mut first, .., last] = ready([1, 2, 3]) => {
                *first += 10;
                (*first, last)
            }
        };
        assert_eq!((first, last), (11, 3));
    });
}

/// A pattern that is written by a macro.
macro_rules! small {
    () => {
        0..=9
    };
}

#[test]
fn patterns_of_a_select_may_have_every_form() {
    struct Point {
        x: i32,
        y: i32,
    }
    const LIMIT: i32 = 3;
    block_on(async {
        let value = select! { Ok(value) | Err(value) = ready(Err::<i32, _>(3)) => value };
        assert_eq!(value, 3);
        let value = select! { | Ok(value) | Err(value) = ready(Ok::<_, i32>(4)) => value };
        assert_eq!(value, 4);
        select! { LIMIT = ready(3) => {} else => unreachable!() }
        select! { i32::MIN..=0 | 5.. = ready(5) => {} else => unreachable!() }
        select! { small!() = ready(5) => {} else => unreachable!() }
        let sum =
            select! { Point { x, y: y @ 1.. } = ready(Point { x: 1, y: 2 }) => x + y, else => 0 };
        assert_eq!(sum, 3);
        let mut target = (1, "one".to_owned());
        select! { &mut (ref mut number, _) = ready(&mut target) => *number += 1 }
        assert_eq!(target.0, 2);
        let moved =
            select! { (mut number, text) = ready(target) => { number += 1; (number, text) } };
        assert_eq!(moved, (3, "one".to_owned()));
        let text =
            select! { text @ Some(_) = ready(Some("text".to_owned())) => text, else => None };
        assert_eq!(text.as_deref(), Some("text"));
    });
}

#[test]
fn join_and_try_join_accept_biased_as_select_does() {
    block_on(async {
        assert_eq!(join!(biased; ready(1), ready(2)), (1, 2));
        assert_eq!(join!(biased; ready(1), ready(2),), (1, 2));
        assert_eq!(try_join!(biased; ready(Ok::<_, u8>(1)), ready(Ok(2))), Ok((1, 2)));
        let biased = ready(3);
        assert_eq!(join!(biased), (3,));
        join!(biased;);
        join!();
    });
}
