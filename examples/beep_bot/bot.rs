//! What the lecture imports from `telebot.async_telebot`: registers commands, fetches updates, and handles them.

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

    /// Registers the handler for messages that start with one of these commands.
    ///
    /// The chats are passed to the handler. If it owned the bot to reply, the bot would own itself.
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

    /// Fetches updates and hands them to their handlers, whatever the network does. Returns when another bot uses the
    /// token: of two that compete for it, each would receive only some of the messages.
    ///
    /// A poll may be repeated after any failure. If its answer was lost, the same updates are sent again, since only
    /// the offset of the next poll confirms them. That offset is past all handled updates, so none is handled twice.
    ///
    /// # Cancel safety
    ///
    /// No update is lost: those not fetched stay on the server. But the next poll confirms updates *still being*
    /// handled, which are lost if the program ends then. `stopped_in_the_middle` shows the report that names them.
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
                    log(format_args!("poll failed: {error}; retrying in {pause:?}"));
                    sleep(pause).await;
                }
            }
        }
    }

    /// Spawns a task for an update. Tasks start in the order of the updates, but a slow or failing one does not
    /// affect the others. The task is detached, so the scheduler reports its failure.
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

/// Returns the command of a message: `set` for `/set 5`, and for `/set@beep_bot 5`, the form used in groups with
/// several bots. Returns an empty string, which is never registered, if the message is not a command.
fn command(text: &str) -> &str {
    let word = text.split_whitespace().next().and_then(|word| word.strip_prefix('/'));
    word.and_then(|word| word.split('@').next()).unwrap_or_default()
}
