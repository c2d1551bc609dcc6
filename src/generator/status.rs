//! What a generator is doing: as it says itself, and as it is known here.

/// What a generator is doing: [`Generator::state`](crate::Generator::state).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "getgeneratorstate")]
pub enum GeneratorState {
    /// Nothing of it has run.
    #[doc(alias = "GEN_CREATED")]
    Created,
    /// It runs just now: the caller of `status` is called by it.
    #[doc(alias = "GEN_RUNNING")]
    Running,
    /// It waits in a yield.
    #[doc(alias = "GEN_SUSPENDED")]
    Suspended,
    /// It is over: it has returned, or was closed, or an error came out of it, or a panic.
    #[doc(alias = "GEN_CLOSED")]
    Closed,
}

/// What a generator is doing, and in which kind of yield it waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Running,
    /// In a `yield_`: a value is there, until the generator has taken it.
    Suspended,
    /// In a `try_yield`: a value is there, until the generator has taken it.
    Careful,
    /// It has raised an error, which is there.
    Raised,
    Closed,
}

impl Status {
    /// Whether it is in a yield.
    #[inline]
    pub(super) fn is_waiting(self) -> bool {
        matches!(self, Status::Suspended | Status::Careful)
    }

    pub(super) fn shown(self) -> GeneratorState {
        match self {
            Status::Created => GeneratorState::Created,
            Status::Running | Status::Raised => GeneratorState::Running,
            Status::Suspended | Status::Careful => GeneratorState::Suspended,
            Status::Closed => GeneratorState::Closed,
        }
    }
}
