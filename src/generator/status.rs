//! The state of a generator: the public one, and the more precise internal one.

/// The state of a generator, returned by [`Generator::state`](crate::Generator::state).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "getgeneratorstate")]
pub enum GeneratorState {
    /// It has not been started.
    #[doc(alias = "GEN_CREATED")]
    Created,
    /// It is running: `state` was called by its body, or by code that the body calls.
    #[doc(alias = "GEN_RUNNING")]
    Running,
    /// It is suspended at a yield.
    #[doc(alias = "GEN_SUSPENDED")]
    Suspended,
    /// It has finished: the body returned, panicked or ended with an error, or the generator was closed.
    #[doc(alias = "GEN_CLOSED")]
    Closed,
}

/// The state of a generator, and at which kind of yield it is suspended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Running,
    /// At a `yield_`, which has stored its value until the generator takes it.
    Suspended,
    /// At a `try_yield`, which has stored its value until the generator takes it.
    Careful,
    /// The body has raised an error, which is stored until the generator takes it.
    Raised,
    Closed,
}

impl Status {
    /// Returns whether the body is suspended at a yield.
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
