//! An in-process stand-in for Telegram's server: what its Bot API promises about updates, polls and messages.
//!
//! * Every message of a user becomes an **update** with the next number. The server keeps it until it is confirmed.
//! * A poll has an **offset**: the updates below it are confirmed, and deleted; those from it on are the answer,
//!   however often they are requested. If there are none, the poll is held until one comes, or until it times out.
//! * There is one poll at a time. A newer one ends the older one with a 409.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use turnwise::sync::Notify;
use turnwise::{sleep, timeout};

use crate::error::Error;
use crate::log;

pub(crate) type Chat = u64;

#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) id: u64,
    pub(crate) message: Message,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) chat: Chat,
    pub(crate) text: String,
}

#[derive(Debug, Default)]
pub(crate) struct Telegram {
    /// The unconfirmed updates, in the order of their numbers.
    updates: RefCell<VecDeque<Update>>,
    /// How many updates there have been; the latest has this number.
    posted: Cell<u64>,
    /// How many polls there have been; only the latest is answered.
    polls: Cell<u64>,
    /// Notified of a new update, and of a newer poll.
    changed: Notify,
    received: RefCell<Vec<Message>>,
}

/// What bots call.
impl Telegram {
    pub(crate) async fn get_updates(
        &self,
        offset: u64,
        hold: Duration,
    ) -> Result<Vec<Update>, Error> {
        self.updates.borrow_mut().retain(|update| update.id >= offset);
        let poll = self.polls.get() + 1;
        self.polls.set(poll);
        self.changed.notify_waiters(); // For the older poll.
        let answer = async {
            while self.polls.get() == poll {
                if self.unconfirmed() > 0 {
                    return Ok(self.updates.borrow().iter().cloned().collect());
                }
                self.changed.notified().await;
            }
            Err(Error::Conflict)
        };
        timeout(hold, answer).await.unwrap_or(Ok(Vec::new()))
    }

    pub(crate) fn send_message(&self, chat: Chat, text: &str) {
        log(format_args!("-> chat {chat}: {text}"));
        self.received.borrow_mut().push(Message { chat, text: text.to_owned() });
    }
}

/// What users do and see.
impl Telegram {
    pub(crate) fn post(&self, chat: Chat, text: &str) {
        let id = self.posted.get() + 1;
        self.posted.set(id);
        let message = Message { chat, text: text.to_owned() };
        self.updates.borrow_mut().push_back(Update { id, message });
        self.changed.notify_waiters();
    }

    /// Returns how often a chat has received this text.
    pub(crate) fn count(&self, chat: Chat, text: &str) -> usize {
        let received = self.received.borrow();
        received.iter().filter(|message| message.chat == chat && message.text == text).count()
    }

    /// Returns how many updates are unconfirmed.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.updates.borrow().len()
    }
}

/// What users post: when, in milliseconds since the start, to which chat, and the text; in this order.
pub(crate) type Script = &'static [(u64, Chat, &'static str)];

/// Posts the messages of all users.
pub(crate) async fn users(telegram: Rc<Telegram>, script: Script) {
    let mut now = 0;
    for &(at, chat, text) in script {
        sleep(Duration::from_millis(at - now)).await;
        now = at;
        telegram.post(chat, text);
    }
}
