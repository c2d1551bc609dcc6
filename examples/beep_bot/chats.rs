//! Sends the bot's messages: one at a time, over one connection, each delivered at most once.

use std::rc::Rc;

use turnwise::sleep;
use turnwise::sync::Mutex;
use turnwise::task::mask;

use crate::error::{Backoff, Error};
use crate::log;
use crate::network::Network;
use crate::telegram::{Chat, Message};

/// Clones share the connection.
#[derive(Clone, Debug)]
pub(crate) struct Chats {
    /// Held for one request at a time, in FIFO order.
    connection: Rc<Mutex<Rc<Network>>>,
}

impl Chats {
    pub(crate) fn new(network: Rc<Network>) -> Self {
        Chats { connection: Rc::new(Mutex::new(network).named("connection")) }
    }

    pub(crate) async fn reply_to(&self, message: &Message, text: &str) -> Result<(), Error> {
        self.send_message(message.chat, text).await
    }

    /// Sends a message, and retries for as long as it has certainly not arrived.
    ///
    /// When that is uncertain, the error is returned. Sending the message again could show it twice: `sendMessage`
    /// takes no idempotency key, so to the server each request is a new message.
    ///
    /// # Cancel safety
    ///
    /// A cancelled task still waits for a request that is in flight: if it were dropped in the middle, it would be
    /// unknown whether the message has arrived. A message that waits for the connection, or for its next attempt, is
    /// dropped: it certainly has not arrived.
    pub(crate) async fn send_message(&self, chat: Chat, text: &str) -> Result<(), Error> {
        let mut backoff = Backoff::new();
        loop {
            let error = match self.attempt(chat, text).await {
                Err(error) if error.had_no_effect() => error,
                outcome => return outcome,
            };
            let pause = backoff.pause_after(&error);
            log(format_args!("chat {chat}: {text:?} is delayed: {error}; retrying in {pause:?}"));
            sleep(pause).await;
        }
    }

    /// Holds the connection for one request. It is free during the pauses, so a later message may overtake this one.
    async fn attempt(&self, chat: Chat, text: &str) -> Result<(), Error> {
        let connection = self.connection.lock().await;
        mask(connection.send_message(chat, text)).await
    }
}
