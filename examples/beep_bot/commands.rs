//! The bot itself, as short as the lecture's: its commands, and a job for each timer.

use std::time::Duration;

use turnwise::jobs::{Done, Jobs};
use turnwise::task::catch_cancel;
use turnwise::{join, timeout};

use crate::bot::AsyncTeleBot;
use crate::chats::Chats;
use crate::log;
use crate::network::Network;
use crate::telegram::Chat;

pub(crate) fn beep_bot(network: Network, jobs: &Jobs) -> AsyncTeleBot {
    let mut bot = AsyncTeleBot::new(network);
    bot.message_handler(&["help", "start"], async |chats, message| {
        chats.reply_to(message, "Hi! Use /set <seconds> to set a timer").await
    });
    let timers = jobs.clone();
    bot.message_handler(&["set"], async move |chats, message| {
        let seconds = message.text.split_whitespace().nth(1).and_then(|word| word.parse().ok());
        match seconds {
            None | Some(0) => chats.reply_to(message, "Usage: /set <seconds>").await,
            Some(seconds) => {
                set_timer(&timers, seconds, chats.clone(), message.chat);
                Ok(())
            }
        }
    });
    let timers = jobs.clone();
    bot.message_handler(&["unset"], async move |_, message| {
        // The lecture calls `aioschedule.clean`, which does not exist. A beep in flight still arrives.
        timers.clear(message.chat);
        Ok(())
    });
    bot
}

/// A timer ends itself. In the lecture it clears every job with the tag of its chat once its beep is sent: then another
/// timer of that chat never beeps, and neither does one that is set while the beep is in flight.
fn set_timer(jobs: &Jobs, seconds: u32, chats: Chats, chat: Chat) {
    jobs.every(seconds).seconds().tag(chat).name("beep").run(async move || {
        if let Err(error) = chats.send_message(chat, "Beep!").await {
            log(format_args!("chat {chat} may not have received its beep: {error}"));
        }
        Done // After an error too: a job that returns `Err` runs again, and this one might beep twice.
    });
}

/// The lecture's `gather(bot.infinity_polling(), scheduler())`, for the duration `length`.
pub(crate) async fn serve(bot: &AsyncTeleBot, jobs: &Jobs, length: Duration) {
    let polling = async {
        // When cancelled, it stops fetching, while `run_forever` waits for a beep in flight.
        if let Ok(error) = catch_cancel(bot.infinity_polling()).await {
            log(format_args!("stops fetching: {error}"));
            jobs.run_until_empty().await; // The timers that are set still beep.
            jobs.stop();
        }
    };
    let both = async { join!(polling, jobs.run_forever()) };
    let _ended = timeout(length, both).await; // Ends after `length`, or earlier by the `stop` above.
    log(format_args!("stopped; jobs left: {}", jobs.len()));
}
