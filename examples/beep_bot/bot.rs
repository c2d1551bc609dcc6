//! What the course imports from `telebot.async_telebot`: commands are registered, updates fetched and handled.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use turnwise::{sleep, task};

use crate::chats::Chats;
use crate::error::{Backoff, Error};
use crate::log;
use crate::network::Network;
use crate::telegram::{Message, Update};

/// How long the server may hold a poll.
const LONG_POLL: Duration = Duration::from_secs(20);

type Commands = &'static [&'static str];
type Handler = Box<dyn Fn(Chats, Message) -> Handling>;
type Handling = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

pub(crate) struct AsyncTeleBot {
    network: Rc<Network>,
    chats: Chats,
    handlers: Vec<(Commands, Handler)>,
}

impl AsyncTeleBot {
    pub(crate) fn new(network: Network) -> Self {
        let network = Rc::new(network);
        AsyncTeleBot { chats: Chats::new(Rc::clone(&network)), network, handlers: Vec::new() }
    }

    /// Says what is called for a message that begins with one of these commands.
    ///
    /// It is given the chats, so that it need not own them: the bot owns the handlers, and would own itself.
    pub(crate) fn message_handler<F>(&mut self, commands: Commands, handler: F)
    where
        F: AsyncFn(&Chats, &Message) -> Result<(), Error> + 'static,
    {
        let handler = Rc::new(handler);
        let handle = move |chats: Chats, message: Message| -> Handling {
            let handler = Rc::clone(&handler);
            Box::pin(async move { handler(&chats, &message).await })
        };
        self.handlers.push((commands, Box::new(handle)));
    }

    /// Fetches updates and has them handled, whatever the network does. Returns when another bot has the token: of two
    /// that fight for it each would see a part of the messages.
    ///
    /// A poll may be repeated after any failure. If its answer was lost the same updates come again, for they are
    /// confirmed by the offset of the next one; and that is beyond all that was handled, so none is handled twice.
    ///
    /// # Cancel safety
    ///
    /// No update is lost: what was not fetched stays with the server. But the next poll confirms what still *is* being
    /// handled, and if the whole program ends then, that is lost. `stopped_in_the_middle` shows who tells of it.
    pub(crate) async fn infinity_polling(&self) -> Error {
        let mut offset = 0;
        let mut backoff = Backoff::new();
        loop {
            match self.network.get_updates(offset, LONG_POLL).await {
                Ok(updates) => {
                    backoff = Backoff::new();
                    for update in updates {
                        offset = update.id + 1;
                        self.handle(update);
                    }
                }
                Err(Error::Conflict) => return Error::Conflict,
                Err(error) => {
                    let pause = backoff.pause_after(&error);
                    log(format_args!("poll failed: {error}; again in {pause:?}"));
                    sleep(pause).await;
                }
            }
        }
    }

    /// Makes a task of it. They begin in the order of the updates, but a slow one holds up no other; and if one fails,
    /// that is its own affair. Nobody awaits it, so the scheduler reports the failure.
    fn handle(&self, update: Update) {
        let Update { id, message } = update;
        log(format_args!("<- chat {}: {}", message.chat, message.text));
        let command = command(&message.text);
        let handler = self.handlers.iter().find(|(commands, _)| commands.contains(&command));
        if let Some((_, handle)) = handler {
            let handling = handle(self.chats.clone(), message);
            drop(task::Builder::new().name(format!("update {id}")).try_spawn(handling));
        }
    }
}

/// The command of a message: `set` of `/set 5`, and of `/set@beep_bot 5`, as it is written in a group of many bots.
/// Empty, which nobody registers, if it is no command.
fn command(text: &str) -> &str {
    let word = text.split_whitespace().next().and_then(|word| word.strip_prefix('/'));
    word.and_then(|word| word.split('@').next()).unwrap_or_default()
}
