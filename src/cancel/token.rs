//! A cancellation token: it can be passed around, cancelled and awaited.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cancel::passage::Passage;
use crate::cancel::request::Reason;
use crate::kernel::Place;
use crate::limits::{Limited, poll_at_once};
use crate::sync::queued::{Grant, Queued, Source};
use crate::sync::waiters::{Left, Waiters};

/// A token that signals cancellation to everything that holds it, or a [child](CancelToken::child_token) of it.
///
/// Clones refer to the same token. A task does not need one to be [cancelled](crate::JoinHandle::cancel); a token is
/// for work that is not a task, or that is spread over many.
///
/// # Example
///
/// ```
/// use turnwise::{block_on, spawn, task::CancelToken, yield_now};
///
/// block_on(async {
///     let token = CancelToken::new();
///     let child = token.child_token();
///     let worker = spawn(async move {
///         child.cancelled().await;
///         child.reason().map(str::to_owned)
///     });
///     yield_now().await;
///     token.cancel_with("closing time");
///     assert_eq!(worker.await.unwrap().as_deref(), Some("closing time"));
/// });
/// ```
///
/// # It is not `Send`
///
/// To cancel from another thread, use [`Remote::spawn`](crate::Remote::spawn), or send a message through a
/// [`channel::remote`](crate::channel::remote).
///
/// ```compile_fail,E0277
/// let token = turnwise::task::CancelToken::new();
/// std::thread::spawn(move || token.cancel());
/// ```
#[derive(Clone)]
#[doc(alias = "CancellationToken")]
#[doc(alias = "StopToken")]
#[doc(alias = "CancelScope")]
pub struct CancelToken {
    shared: Rc<Shared>,
}

struct Shared {
    /// The reason, once it is cancelled.
    reason: OnceCell<Reason>,
    waiters: Waiters,
    /// Its parent, and its place among the children of that one.
    parent: Option<(Rc<Shared>, usize)>,
    children: RefCell<Children>,
}

/// Places are reused, so the list is never longer than the largest number of children alive at one time.
#[derive(Default)]
struct Children {
    places: Vec<Weak<Shared>>,
    vacant: Vec<usize>,
}

impl CancelToken {
    /// Creates a token that is not cancelled.
    pub fn new() -> Self {
        CancelToken::with_parent(None)
    }

    fn with_parent(parent: Option<(Rc<Shared>, usize)>) -> Self {
        let shared = Shared {
            reason: OnceCell::new(),
            waiters: Waiters::new(&"cancel token"),
            parent,
            children: RefCell::default(),
        };
        CancelToken { shared: Rc::new(shared) }
    }

    /// Creates a child token, which is cancelled with this one and can also be cancelled alone.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::task::CancelToken;
    ///
    /// let parent = CancelToken::new();
    /// let (one, other) = (parent.child_token(), parent.child_token());
    /// one.cancel();
    /// assert!(!parent.is_cancelled() && !other.is_cancelled());
    /// parent.cancel();
    /// assert!(other.is_cancelled());
    /// ```
    #[must_use]
    pub fn child_token(&self) -> CancelToken {
        if let Some(reason) = self.shared.reason.get() {
            let child = CancelToken::new();
            child.shared.reason.get_or_init(|| reason.clone());
            return child;
        }
        let mut children = self.shared.children.borrow_mut();
        let place = children.vacant.pop().unwrap_or_else(|| {
            children.places.push(Weak::new());
            children.places.len() - 1
        });
        let child = CancelToken::with_parent(Some((Rc::clone(&self.shared), place)));
        children.places[place] = Rc::downgrade(&child.shared);
        child
    }

    /// Cancels the token, its children, and theirs. All waiters are woken, those of each token in FIFO order.
    /// Cancelling it again has no effect.
    pub fn cancel(&self) {
        self.shared.cancel(&Reason::Unsaid);
    }

    /// Like [`cancel`](CancelToken::cancel), with a reason. [`reason`](CancelToken::reason) returns it, and so does
    /// [`Cancelled::reason`](crate::task::Cancelled::reason) in a future that catches the request of
    /// [`run_until_cancelled`](CancelToken::run_until_cancelled).
    pub fn cancel_with(&self, reason: impl Into<Arc<str>>) {
        self.shared.cancel(&Reason::Said(reason.into()));
    }

    /// Returns whether the token is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.shared.reason.get().is_some()
    }

    /// Returns the reason, or `"cancelled"` if none was given; `None` if the token is not cancelled.
    pub fn reason(&self) -> Option<&str> {
        self.shared.reason.get().map(Reason::as_str)
    }

    /// Waits until the token is cancelled; does not wait if it already is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes it from the list of waiters; nothing else changes.
    #[track_caller]
    pub fn cancelled(&self) -> TokenCancelled<'_> {
        TokenCancelled { queued: Queued::new(&*self.shared, 0, Location::caller()) }
    }

    /// Runs a future until it is ready or the token is cancelled; returns `None` if the token was cancelled and the
    /// future was dropped.
    ///
    /// When the token is cancelled, the future receives a cancel request, as from a [`timeout`](crate::timeout): a
    /// [`catch_cancel`](crate::task::catch_cancel) in it may clean up; otherwise it is dropped immediately. A future
    /// that ends by itself gives its output, however late. If the token is already cancelled, the future is never
    /// polled. A future that uses up the [budget](crate::scheduler::Builder::budget) of each turn is cancelled like any
    /// other.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future inside. A cancel request from outside passes through it to that future.
    ///
    /// # Example
    ///
    /// ```
    /// use std::future::pending;
    /// use turnwise::{block_on, spawn, task::CancelToken, yield_now};
    ///
    /// block_on(async {
    ///     let token = CancelToken::new();
    ///     assert_eq!(token.run_until_cancelled(async { 1 }).await, Some(1));
    ///     let same = token.clone();
    ///     let endless = spawn(async move { same.run_until_cancelled(pending::<()>()).await });
    ///     yield_now().await;
    ///     token.cancel();
    ///     assert_eq!(endless.await.unwrap(), None);
    /// });
    /// ```
    #[track_caller]
    #[doc(alias = "CancelScope")]
    pub fn run_until_cancelled<F: Future>(&self, future: F) -> RunUntilCancelled<'_, F> {
        let place = Location::caller();
        let wait = Queued::new(&*self.shared, 0, place);
        RunUntilCancelled {
            passage: Passage::new(future, place),
            wait: Some(wait),
            is_begun: false,
        }
    }

    /// Returns a guard that cancels the token when it is dropped.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::task::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// drop(token.clone().drop_guard().disarm());
    /// assert!(!token.is_cancelled());
    /// drop(token.clone().drop_guard());
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }
}

impl Shared {
    fn cancel(self: &Rc<Self>, reason: &Reason) {
        let mut cancelled = vec![Rc::clone(self)];
        let mut looked_at = 0;
        while let Some(token) = cancelled.get(looked_at).map(Rc::clone) {
            if token.reason.set(reason.clone()).is_err() {
                cancelled.swap_remove(looked_at); // Already cancelled, and so are its children.
                continue;
            }
            cancelled.extend(token.children.borrow().places.iter().filter_map(Weak::upgrade));
            looked_at += 1;
        }
        // Wakers may run user code, so by now all tokens are cancelled with the same reason.
        cancelled.iter().for_each(|token| token.waiters.wake_all(CANCELLED));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        // Parents kept alive only by children are dropped in a loop: recursion along a long chain overflows the stack.
        while let Some((parent, place)) = next {
            {
                let children = &mut *parent.children.borrow_mut();
                children.places[place] = Weak::new();
                children.vacant.push(place);
            }
            next = Rc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

/// The word of a wait that has ended.
const CANCELLED: u32 = 0;

impl Source for Shared {
    fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    fn try_take(&self, _: u32, _: Place) -> Result<Grant, u32> {
        if self.reason.get().is_some() { Ok(Grant::Word(CANCELLED)) } else { Err(0) }
    }

    /// Every waiter was woken, so there is nothing to pass on.
    fn give_back(&self, _: Left) {}
}

impl Default for CancelToken {
    fn default() -> Self {
        CancelToken::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut token = f.debug_struct("CancelToken");
        token.field("reason", &self.reason());
        self.shared.waiters.debug(&mut token);
        token.finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The future of [`CancelToken::cancelled`].
#[must_use = "a future does nothing until it is awaited"]
pub struct TokenCancelled<'a> {
    queued: Queued<'a, Shared>,
}

impl Future for TokenCancelled<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.queued).poll(cx).map(drop)
    }
}

impl fmt::Debug for TokenCancelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.queued.place();
        f.debug_struct("TokenCancelled").field("place", &place).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`CancelToken::run_until_cancelled`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct RunUntilCancelled<'a, F> {
        #[pin]
        passage: Passage<F>,
        // `None` once the token is cancelled.
        wait: Option<Queued<'a, Shared>>,
        is_begun: bool,
    }
}

impl<F: Future> Future for RunUntilCancelled<'_, F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let is_cancelled = |wait: &Queued<'_, Shared>| wait.source().reason.get().is_some();
        if !*this.is_begun && this.wait.as_ref().is_some_and(is_cancelled) {
            return poll_at_once(cx).map(|()| None);
        }
        *this.is_begun = true;
        if let Poll::Ready(output) = this.passage.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        let reason = take_reason(this.wait, cx);
        this.passage.settle(reason).map(|()| None)
    }
}

/// Ends the wait if the token is cancelled, and returns the reason.
fn take_reason(wait: &mut Option<Queued<'_, Shared>>, cx: &Context<'_>) -> Option<Reason> {
    let queued = wait.as_mut()?;
    // Outside of the limits of the turn: a future that uses up the budget of each turn must end all the same.
    let _woken = queued.poll_now(cx);
    let reason = queued.source().reason.get().cloned()?;
    *wait = None;
    Some(reason)
}

impl<F> fmt::Debug for RunUntilCancelled<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_cancelled = self.wait.is_none();
        f.debug_struct("RunUntilCancelled")
            .field("is_cancelled", &is_cancelled)
            .finish_non_exhaustive()
    }
}

/// Cancels a token when it is dropped; returned by [`CancelToken::drop_guard`].
///
/// # It is not `Send`
///
/// Like its [`CancelToken`]; use [`Remote`](crate::Remote) or [`channel::remote`](crate::channel::remote).
///
/// ```compile_fail,E0277
/// let guard = turnwise::task::CancelToken::new().drop_guard();
/// std::thread::spawn(move || drop(guard));
/// ```
#[derive(Debug)]
#[must_use = "dropping it cancels the token"]
pub struct DropGuard {
    /// `None` once it is disarmed.
    token: Option<CancelToken>,
}

impl DropGuard {
    /// Returns the token without cancelling it.
    #[must_use]
    pub fn disarm(mut self) -> CancelToken {
        self.token.take().unwrap_or_default()
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}
