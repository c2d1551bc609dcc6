//! The way to the server and back, which breaks where a script says so: what a client sees of `telegram.rs`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use turnwise::{sleep, timeout};

use crate::error::Error;
use crate::telegram::{Chat, Telegram, Update};

/// How long a message is on its way. A poll is there already when its update comes, so it has no such time.
const LATENCY: Duration = Duration::from_millis(250);

/// How long it is waited for an answer, beyond the time that the server may hold a poll.
const PATIENCE: Duration = Duration::from_secs(5);

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Arrives,
    /// Nobody accepts the connection.
    Refused,
    /// It arrives at the server, which has enough of this client.
    TooManyRequests(Duration),
    /// It comes to a gateway that finds no server behind it.
    BadGateway,
    /// It arrives and is obeyed. The client never hears of it, nor anything else.
    AnswerLost,
}

#[derive(Debug)]
pub(crate) struct Network {
    telegram: Rc<Telegram>,
    /// What becomes of the polls to come. When there is nothing left, all arrive.
    polls: RefCell<VecDeque<Fate>>,
    /// The same for messages.
    messages: RefCell<VecDeque<Fate>>,
}

impl Network {
    /// A good one.
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
