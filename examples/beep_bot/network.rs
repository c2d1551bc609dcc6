//! The connection to the server, which fails where a script says so: the client's view of `telegram.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use turnwise::{sleep, timeout};

use crate::error::Error;
use crate::telegram::{Chat, Telegram, Update};

/// How long a message takes to arrive. A poll already waits at the server when its update comes, so it has no latency.
const LATENCY: Duration = Duration::from_millis(250);

/// How long to wait for an answer, beyond the time for which the server may hold a poll.
const PATIENCE: Duration = Duration::from_secs(5);

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Arrives,
    /// The connection is not accepted.
    Refused,
    /// The server rejects it, since this client sends too many requests.
    TooManyRequests(Duration),
    /// A gateway receives it, but cannot reach the server.
    BadGateway,
    /// It is carried out, but the answer never reaches the client.
    AnswerLost,
}

#[derive(Debug)]
pub(crate) struct Network {
    telegram: Rc<Telegram>,
    /// What happens to the next polls. Once this is empty, all arrive.
    polls: RefCell<VecDeque<Fate>>,
    /// The same for messages.
    messages: RefCell<VecDeque<Fate>>,
}

impl Network {
    /// A network without failures.
    pub(crate) fn to(telegram: &Rc<Telegram>) -> Self {
        Network::bad(telegram, &[], &[])
    }

    pub(crate) fn bad(telegram: &Rc<Telegram>, polls: &[Fate], messages: &[Fate]) -> Self {
        let script = |fates: &[Fate]| RefCell::new(fates.iter().copied().collect());
        Network { telegram: Rc::clone(telegram), polls: script(polls), messages: script(messages) }
    }

    pub(crate) async fn get_updates(
        &self,
        offset: u64,
        hold: Duration,
    ) -> Result<Vec<Update>, Error> {
        let fate = next(&self.polls);
        carry(fate, hold + PATIENCE, self.telegram.get_updates(offset, hold)).await
    }

    pub(crate) async fn send_message(&self, chat: Chat, text: &str) -> Result<(), Error> {
        let fate = next(&self.messages);
        let message = async {
            sleep(LATENCY).await;
            self.telegram.send_message(chat, text);
            Ok(())
        };
        carry(fate, PATIENCE, message).await
    }
}

fn next(fates: &RefCell<VecDeque<Fate>>) -> Fate {
    fates.borrow_mut().pop_front().unwrap_or(Fate::Arrives)
}

async fn carry<T>(
    fate: Fate,
    patience: Duration,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let answer = async {
        match fate {
            Fate::Arrives => request.await,
            Fate::Refused => Err(Error::Refused),
            Fate::TooManyRequests(retry_after) => Err(Error::TooManyRequests { retry_after }),
            Fate::BadGateway => Err(Error::BadGateway),
            Fate::AnswerLost => {
                request.await?;
                pending().await
            }
        }
    };
    timeout(patience, answer).await?
}
