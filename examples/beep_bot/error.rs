//! What can go wrong with a request, what the client knows then, and how long it waits before the next attempt.

use std::time::Duration;

use thiserror::Error;
use turnwise::time::Elapsed;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Error {
    #[error("connection refused")]
    Refused,
    #[error("429 Too Many Requests: retry after {}", retry_after.as_secs())]
    TooManyRequests { retry_after: Duration },
    #[error("502 Bad Gateway")]
    BadGateway,
    #[error("409 Conflict: terminated by other getUpdates request")]
    Conflict,
    #[error("no answer: {0}")]
    NoAnswer(#[from] Elapsed),
}

impl Error {
    /// Whether the request has certainly done nothing: it was never there, or the server itself has turned it away.
    ///
    /// After the other errors it may have been obeyed. A gateway says 502 when the server behind it is down, but also
    /// when that has gone down in the midst of its answer.
    pub(crate) fn has_done_nothing(&self) -> bool {
        matches!(self, Error::Refused | Error::TooManyRequests { .. })
    }
}

/// The pauses between attempts: each twice as long as the one before, up to a limit; or as long as the server says.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(4);

    pub(crate) fn new() -> Self {
        Backoff { next: Backoff::FIRST }
    }

    pub(crate) fn pause_after(&mut self, error: &Error) -> Duration {
        if let Error::TooManyRequests { retry_after } = error {
            return *retry_after;
        }
        let pause = self.next;
        self.next = Backoff::LONGEST.min(2 * pause);
        pause
    }
}
