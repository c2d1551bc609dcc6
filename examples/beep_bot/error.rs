//! What can go wrong with a request, whether it may have had an effect, and how long to wait before the next attempt.

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
    /// Returns whether the request certainly had no effect: it did not reach the server, or the server rejected it.
    ///
    /// After the other errors it may have been carried out. A gateway returns 502 when the server behind it is down,
    /// but also when that server went down in the middle of its answer.
    pub(crate) fn had_no_effect(&self) -> bool {
        matches!(self, Error::Refused | Error::TooManyRequests { .. })
    }
}

/// The pauses between attempts: each twice as long as the one before, up to a limit, or as long as the server demands.
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
