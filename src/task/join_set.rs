//! A set of tasks, joined in the order in which they finish.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use crate::cancel::Reason;
use crate::kernel::{Kernel, SpawnMeta, TaskId, current};
use crate::limits::Limited as _;
use crate::task::builder::Builder;
use crate::task::endings::{Ended, Endings, SetMember};
use crate::task::join::{AbortHandle, JoinHandle};
use crate::task::join_error::JoinError;

/// A set of tasks that are joined in the order in which they finish, and aborted with the set.
///
/// Joining the next finished task takes constant time, however many tasks there are. A task that panics, is cancelled
/// or is aborted is returned as an error with its id, and affects neither the other tasks nor the set. While a task
/// waits on a set, reports list the set's unfinished tasks. Dropping the set aborts its tasks; to let them clean up,
/// [`cancel`](AbortHandle::cancel) each of them, or use a [`scope`](crate::task::scope()).
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::{Scheduler, sleep, task::JoinSet};
///
/// let scheduler = Scheduler::builder().virtual_time().build();
/// scheduler.block_on(async {
///     let mut set = JoinSet::new();
///     for seconds in [4, 3, 2] {
///         set.spawn(async move { sleep(Duration::from_secs(seconds)).await; seconds });
///     }
///     let mut ended = Vec::new();
///     while let Some(output) = set.join_next().await {
///         ended.push(output?);
///     }
///     assert_eq!(ended, [2, 3, 4]);
///     Ok::<(), turnwise::JoinError>(())
/// })?;
/// # Ok::<(), turnwise::JoinError>(())
/// ```
///
/// # It is not `Send`
///
/// Another thread spawns with [`Remote::spawn`](crate::Remote::spawn).
///
/// ```compile_fail,E0277
/// let set = turnwise::task::JoinSet::<u32>::new();
/// std::thread::spawn(move || set.len());
/// ```
#[doc(alias = "TaskGroup")]
pub struct JoinSet<T> {
    made_at: &'static Location<'static>,
    /// `None` if the number is free.
    members: Vec<Option<Joined<T>>>,
    free: Vec<u32>,
    len: usize,
    /// The number of tasks ever spawned into the set.
    spawned: u64,
    endings: Rc<Endings>,
}

struct Joined<T> {
    handle: JoinHandle<T>,
    /// The number of tasks spawned before it.
    rank: u64,
}

impl<T> JoinSet<T> {
    /// Creates an empty set.
    #[track_caller]
    pub fn new() -> Self {
        JoinSet::of_kind("join set", Location::caller())
    }

    /// Creates an empty set that reports call `kind`.
    pub(crate) fn of_kind(kind: &'static str, place: &'static Location<'static>) -> Self {
        JoinSet {
            made_at: place,
            members: Vec::new(),
            free: Vec::new(),
            len: 0,
            spawned: 0,
            endings: Endings::new(kind),
        }
    }

    /// Sets the name that reports show.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        self.endings.set_name(name.into());
        self
    }

    /// Returns the number of tasks in the set, including finished ones that were not joined yet.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Spawns a task into the set, on the scheduler that is running on this thread; see [`spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// Outside of a running scheduler. [`spawn_on`](JoinSet::spawn_on) works there.
    #[track_caller]
    #[doc(alias = "create_task")]
    #[doc(alias = "spawn_local")]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let kernel = current().expect(
            "`JoinSet::spawn` needs a running scheduler: call it inside `block_on`, or use `JoinSet::spawn_on`",
        );
        self.spawn_in(kernel, future, Location::caller())
    }

    /// Spawns a task with a name or a priority into the set.
    ///
    /// # Panics
    ///
    /// Outside of a running scheduler.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::task::{self, JoinSet};
    ///
    /// turnwise::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn_with(task::Builder::new().name("poller"), async { task::name() });
    ///     assert_eq!(set.join_next().await.unwrap().unwrap().as_deref(), Some("poller"));
    /// });
    /// ```
    #[track_caller]
    #[doc(alias = "build_task")]
    pub fn spawn_with<F>(&mut self, builder: Builder, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let number = self.next_number();
        let handle = builder.spawn(SetMember::new(future, &self.endings, number));
        self.enter(number, handle)
    }

    pub(crate) fn spawn_in<F: Future<Output = T> + 'static>(
        &mut self,
        kernel: Rc<Kernel>,
        future: F,
        place: &'static Location<'static>,
    ) -> AbortHandle
    where
        T: 'static,
    {
        let number = self.next_number();
        let member = SetMember::new(future, &self.endings, number);
        let handle = JoinHandle::spawn(kernel, member, SpawnMeta::at(place), None);
        self.enter(number, handle)
    }

    fn next_number(&self) -> u32 {
        let new =
            || u32::try_from(self.members.len()).expect("fewer than 2^32 tasks fit into memory");
        self.free.last().copied().unwrap_or_else(new)
    }

    fn enter(&mut self, number: u32, handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        self.endings.enter(number, handle.key(), handle.spawned_at());
        let joined = Some(Joined { handle, rank: self.spawned });
        match self.free.pop() {
            Some(free) => self.members[free as usize] = joined,
            None => self.members.push(joined),
        }
        self.spawned += 1;
        self.len += 1;
        abort
    }

    /// Aborts all tasks. They stay in the set until they are joined, and end as cancelled at their next turn.
    pub fn abort_all(&mut self) {
        for joined in self.in_order() {
            joined.handle.abort();
        }
    }

    /// Requests cancellation of all tasks that have not ended.
    pub(crate) fn cancel_all(&self, reason: &Reason) {
        for joined in self.in_order() {
            joined.handle.cancel_for(reason);
        }
    }

    /// Detaches all tasks: they continue on their own, and the set is empty.
    pub fn detach_all(&mut self) {
        self.endings.forget_waiter();
        self.endings = self.endings.empty_copy(); // The detached tasks keep the old one.
        self.free.clear();
        self.let_go();
    }

    /// Drops the handles, and with them the outputs of finished tasks, in spawn order.
    fn let_go(&mut self) {
        drop(self.drain());
    }

    /// Takes the tasks out of the set, in spawn order.
    fn drain(&mut self) -> Vec<Joined<T>> {
        self.len = 0;
        let mut members: Vec<Joined<T>> = self.members.drain(..).flatten().collect();
        members.sort_unstable_by_key(|joined| joined.rank);
        members
    }

    /// Returns the tasks in the set, in spawn order.
    fn in_order(&self) -> Vec<&Joined<T>> {
        let mut members: Vec<&Joined<T>> = self.members.iter().flatten().collect();
        members.sort_unstable_by_key(|joined| joined.rank);
        members
    }
}

const IN_SET: &str = "a task stays in the set until its end is taken out";

/// Methods that join without waiting.
impl<T: 'static> JoinSet<T> {
    /// Returns the output of the next finished task, if there is one.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::{task::JoinSet, yield_now};
    ///
    /// turnwise::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async { 1 });
    ///     assert!(set.try_join_next().is_none());
    ///     yield_now().await;
    ///     assert_eq!(set.try_join_next().unwrap().unwrap(), 1);
    /// });
    /// ```
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.take_ended().map(|ended| ended.output)
    }

    /// Returns the id and output of the next finished task, if there is one.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(TaskId, T), JoinError>> {
        self.take_ended().map(Ended::with_id)
    }

    /// Takes out the first finished task, if there is one.
    fn take_ended(&mut self) -> Option<Ended<T>> {
        // Outside of the limits of the turn: what has ended is there, whatever is left of the budget.
        let cx = Context::from_waker(Waker::noop());
        match self.poll_ended(|handle| handle.poll_now(&cx)) {
            Poll::Ready(ended) => ended,
            Poll::Pending => None,
        }
    }

    /// Does the same; pending if the first finished task is still in its last turn.
    fn poll_ended(
        &mut self,
        join: impl FnOnce(&mut JoinHandle<T>) -> Poll<Result<T, JoinError>>,
    ) -> Poll<Option<Ended<T>>> {
        let Some(number) = self.endings.first() else { return Poll::Ready(None) };
        let joined = self.members[number as usize].as_mut().expect(IN_SET);
        let output = ready!(join(&mut joined.handle));
        let joined = self.remove_first();
        Poll::Ready(joined.map(|Joined { handle, rank }| Ended { id: handle.id(), rank, output }))
    }

    /// Removes the first task that has ended.
    fn remove_first(&mut self) -> Option<Joined<T>> {
        let number = self.endings.first()?;
        self.endings.remove_first();
        self.free.push(number);
        self.len -= 1;
        self.members[number as usize].take()
    }

    /// Waits for the next task to finish; `None` if the set is empty.
    pub(crate) fn poll_next_ended(
        &mut self,
        cx: &mut Context<'_>,
        place: &'static Location<'static>,
    ) -> Poll<Option<Ended<T>>> {
        loop {
            if let Some(ended) = ready!(self.poll_ended(|handle| Pin::new(handle).poll(cx))) {
                return Poll::Ready(Some(ended));
            }
            if self.is_empty() {
                return Poll::Ready(None);
            }
            ready!(self.endings.poll_ends(1, cx, place));
        }
    }

    /// Waits for the next task to finish, and takes it out of the set with its output; `None` if the set is empty.
    pub(crate) fn poll_next_handle(
        &mut self,
        cx: &Context<'_>,
        place: &'static Location<'static>,
    ) -> Poll<Option<JoinHandle<T>>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.endings.poll_ends(1, cx, place));
        let number = self.endings.first().expect("a task has ended") as usize;
        let joined = self.members[number].as_mut().expect(IN_SET);
        ready!(joined.handle.poll_finished(cx));
        Poll::Ready(self.remove_first().map(|joined| joined.handle))
    }

    /// Waits for all tasks to finish. Their outputs stay in them, so that failures among them can be reported if the
    /// wait is dropped.
    pub(crate) fn poll_all_ended(
        &mut self,
        cx: &Context<'_>,
        place: &'static Location<'static>,
    ) -> Poll<()> {
        ready!(self.endings.poll_ends(self.len, cx, place));
        for joined in self.members.iter_mut().flatten() {
            ready!(joined.handle.poll_finished(cx));
        }
        Poll::Ready(())
    }

    /// Empties the set, all of whose tasks have finished, and returns their outputs in spawn order.
    pub(crate) fn take_all(&mut self) -> Vec<Result<T, JoinError>> {
        self.endings = self.endings.empty_copy();
        self.free.clear();
        let members = self.drain().into_iter();
        members.map(|joined| joined.handle.into_output()).collect()
    }

    /// Where the set was created.
    pub(crate) fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }

    /// Removes the waiter: the wait for the next task has ended.
    pub(crate) fn stop_waiting(&self) {
        self.endings.forget_waiter();
    }
}

impl<T> Default for JoinSet<T> {
    #[track_caller]
    fn default() -> Self {
        JoinSet::new()
    }
}

/// Spawns all futures on the scheduler that is running on this thread.
impl<F> FromIterator<F> for JoinSet<F::Output>
where
    F: Future + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = JoinSet::new();
        for future in futures {
            set.spawn(future);
        }
        set
    }
}

/// Handles are moved, never pinned.
impl<T> Unpin for JoinSet<T> {}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
        self.let_go();
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_struct("JoinSet");
        if let Some(name) = self.endings.name() {
            set.field("name", &name);
        }
        let ids: Vec<TaskId> = self.in_order().iter().map(|joined| joined.handle.id()).collect();
        set.field("tasks", &ids).finish_non_exhaustive()
    }
}
