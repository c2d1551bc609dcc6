//! Part 8 of Beazley's course: subroutines that yield. First by a trampoline, as there; then with `.await`, for which
//! the compiler does the same.

use std::error::Error;

use crate::os::SystemCall::GetTid;
use crate::programs::boot;
use crate::task::Trap::{Nothing, Subroutine, System, Value};
use crate::task::{Co, Target, Word};

/// A generator cannot yield on behalf of its caller. So it yields a subroutine to the code that runs it, which runs the
/// subroutine and sends the value back.
pub(crate) fn by_hand() -> Result<(), Box<dyn Error>> {
    fn add(x: Word, y: Word) -> Target {
        Target::new(async move |co| {
            co.yield_(Value(x + y)).await;
        })
    }

    fn main() -> Target {
        Target::new(async |co| {
            let r = co.yield_(Subroutine(add(2, 2))).await;
            println!("{r}");
            co.yield_(Nothing).await;
        })
    }

    let m = main();
    if let Some(Subroutine(sub)) = m.start()?
        && let Some(Value(result)) = sub.start()?
    {
        m.send(result)?;
    }
    Ok(())
}

/// Calls of any depth take a stack, which a task has from here on (`Task::run`). So a subroutine can make system calls,
/// which it cannot in `pyos6`. But it cannot let other tasks run: its first `yield` of anything else is its return.
pub(crate) fn pyos8() {
    fn whoami() -> Target {
        Target::new(async |co| {
            let mytid = co.yield_(System(GetTid)).await;
            co.yield_(Value(mytid)).await;
        })
    }

    fn greet(name: &'static str) -> Target {
        Target::new(async move |co| {
            let mytid = co.yield_(Subroutine(whoami())).await;
            println!("I'm {name} {mytid}");
            co.yield_(Value(mytid)).await;
        })
    }

    boot([Target::new(async |co| {
        let a = co.yield_(Subroutine(greet("main"))).await;
        let b = co.yield_(Subroutine(greet("main again"))).await;
        co.yield_(Nothing).await;
        println!("in all {}", a + b);
    })]);
}

/// The same two programs. A future contains the future that it awaits: the nesting is the stack, and none has to be
/// maintained. A poll resumes at the innermost `.await`; a `return` is a return, and a `yield` at any depth reaches the
/// scheduler.
pub(crate) fn by_the_compiler() {
    async fn add(co: &Co, x: Word, y: Word) -> Word {
        co.yield_(Nothing).await; // in `pyos8` this would be the return
        x + y
    }

    async fn whoami(co: &Co) -> Word {
        co.yield_(System(GetTid)).await
    }

    async fn greet(co: &Co, name: &str) -> Word {
        let mytid = whoami(co).await;
        println!("I'm {name} {mytid}");
        mytid
    }

    boot([Target::new(async |co| {
        println!("{}", add(&co, 2, 2).await);
        let a = greet(&co, "main").await;
        let b = greet(&co, "main again").await;
        println!("in all {}", a + b);
    })]);
}
