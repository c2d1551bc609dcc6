//! What the bot says to its chats: one message at a time, over one connection, each at most once.

use std::rc::Rc;

use turnwise::sleep;
use turnwise::sync::Mutex;
use turnwise::task::mask;

use crate::error::{Backoff, Error};
use crate::log;
use crate::network::Network;
use crate::telegram::{Chat, Message};

/// A clone speaks over the same connection.
#[derive(Clone, Debug)]
pub(crate) struct Chats {
    /// Who asks first sends first.
    connection: Rc<Mutex<Rc<Network>>>,
}

impl Chats {
    pub(crate) fn new(network: Rc<Network>) -> Self {
        Chats { connection: Rc::new(Mutex::new(network).named("connection")) }
    }

    pub(crate) async fn reply_to(&self, message: &Message, text: &str) -> Result<(), Error> {
        self.send_message(message.chat, text).await
    }

    /// Sends a message, and tries again for as long as it has certainly not arrived.
    ///
    /// When that is not certain the error is for the caller to know. Sending it again could show it twice: to
    /// `sendMessage` each request is a new message, since it takes no key by which the server would know one again.
    ///
    /// # Cancel safety
    ///
    /// A task that is asked to end still waits for a request that is on its way: of one that is dropped in the middle
    /// nobody would know whether it has arrived. A message that waits for the connection, or for its next attempt, is
    /// given up: that one certainly has not.
    pub(crate) async fn send_message(&self, chat: Chat, text: &str) -> Result<(), Error> {
        let mut backoff = Backoff::new();
        loop {
            let error = match self.attempt(chat, text).await {
                Err(error) if error.has_done_nothing() => error,
                outcome => return outcome,
            };
            let pause = backoff.pause_after(&error);
            log(format_args!("chat {chat} has to wait for {text:?}: {error}; again in {pause:?}"));
            sleep(pause).await;
        }
    }

    /// Has the connection for one request. During the pauses others have it, so a later message may overtake this one.
    async fn attempt(&self, chat: Chat, text: &str) -> Result<(), Error> {
        let connection = self.connection.lock().await;
        mask(connection.send_message(chat, text)).await
    }
}
