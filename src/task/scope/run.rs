//! The scope as it is awaited: its body, its children, and the turns that it gives them.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use crate::kernel::{Ending, Host, Lent, burn};
use crate::task::scope::child::Boxed;
use crate::task::scope::error::ScopeError;
use crate::task::scope::members::Members;
use crate::task::scope::spawning::{Arrival, Scope};

/// Runs tasks that may borrow from around them, and that have all ended when this ends.
#[track_caller]
pub fn scope<'env, F, T>(body: F) -> impl Future<Output = Result<T, ScopeError>>
where
    F: for<'scope> AsyncFnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let place = Location::caller();
    async move {
        // Dropped in the reverse order: the body, the children, what those may have spawned, the scope.
        let scope = Scope::new(place);
        let _rest = Rest(&scope);
        let mut children = Children { scope: &scope, boxes: Vec::new() };
        let body = pin!(Some(body(&scope)));
        let mut body = Body { future: body, value: None, panic: None };
        poll_fn(|cx| children.poll(cx, &mut body)).await
    }
}

/// The body, and what came of it.
struct Body<'a, F: Future> {
    /// `None` when it is over.
    future: Pin<&'a mut Option<F>>,
    value: Option<F::Output>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<F: Future> Body<'_, F> {
    /// Polls the body, if it is not over. Does not unwind.
    fn poll(&mut self, cx: &mut Context<'_>, members: &Members) {
        let Some(future) = self.future.as_mut().as_pin_mut() else { return };
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(value)) => self.value = Some(value),
            Err(payload) => {
                self.panic = Some(payload);
                members.stop("the body of the scope panicked".into());
            }
        }
        self.drop_future();
    }

    fn drop_future(&mut self) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.future.set(None))) {
            burn(payload);
        }
    }

    fn is_over(&self) -> bool {
        self.future.is_none()
    }

    /// What the scope ends with.
    ///
    /// # Panics
    ///
    /// If the body panicked.
    fn end(&mut self, members: &Members) -> Result<F::Output, ScopeError> {
        match self.panic.take() {
            Some(payload) => resume_unwind(payload),
            None => members.result(self.value.take()),
        }
    }
}

/// The children that the scope has taken in.
struct Children<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    /// By number.
    boxes: Vec<Option<Boxed<'scope>>>,
}

impl<'scope> Children<'scope, '_> {
    /// Polls the scope: the body, then each child that is ready.
    fn poll<F: Future>(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Body<'_, F>,
    ) -> Poll<Result<F::Output, ScopeError>> {
        let members = self.scope.members();
        let before = members.host().and_then(Host::arrive);
        body.poll(cx, members);
        self.take_in();
        if let Some(host) = members.host() {
            if host.is_closed() {
                self.end_all();
            }
            host.pass(|number, lent| self.turn(number, lent));
            self.take_in();
        }
        if members.is_stopped() && !body.is_over() {
            body.drop_future();
            self.take_in();
        }
        if body.is_over() && members.alive() == 0 {
            return Poll::Ready(body.end(members));
        }
        if let Some(host) = members.host() {
            host.leave(cx, before);
        }
        Poll::Pending
    }

    /// Takes in the children that are new.
    fn take_in(&mut self) {
        for Arrival { number, child } in self.scope.take_arrivals() {
            let number = number as usize;
            if number >= self.boxes.len() {
                self.boxes.resize_with(number + 1, || None);
            }
            self.boxes[number] = Some(child);
        }
    }

    /// Gives a child its turn, or its end.
    fn turn(&mut self, number: u32, lent: Lent<'_, '_>) -> Poll<Ending> {
        let place = &mut self.boxes[number as usize];
        let Some(child) = place else { unreachable!("only children that are not over have turns") };
        let members = self.scope.members();
        let ending = match lent {
            Lent::Turn(cx) => {
                let outcome = ready!(child.as_mut().turn(cx));
                members.note(number, outcome)
            }
            Lent::Abort => {
                child.as_mut().abort();
                members.remove(number);
                Ending::Aborted
            }
        };
        *place = None;
        Poll::Ready(ending)
    }

    /// Drops all children, in the order in which they were spawned.
    fn end_all(&mut self) {
        let members = self.scope.members();
        for number in members.in_order() {
            let child = self.boxes.get_mut(number as usize).and_then(Option::take);
            if let Some(child) = child {
                members.end(number, child);
            }
        }
    }
}

impl Drop for Children<'_, '_> {
    fn drop(&mut self) {
        if self.scope.members().alive() > 0 {
            self.end_all();
        }
    }
}

/// Drops the children that the scope has not taken in: what destructors have spawned when it was dropped.
struct Rest<'scope, 'env>(&'scope Scope<'scope, 'env>);

impl Drop for Rest<'_, '_> {
    fn drop(&mut self) {
        loop {
            let arrivals = self.0.take_arrivals();
            if arrivals.is_empty() {
                return;
            }
            for Arrival { number, child } in arrivals {
                self.0.members().end(number, child);
            }
        }
    }
}
