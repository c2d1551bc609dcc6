//! `async-unsync`: channels and a semaphore for one thread.

use async_unsync::bounded::{self, Receiver, Sender};
use async_unsync::oneshot;
use async_unsync::semaphore::Semaphore;

use crate::rows::usual::usual;

pub(crate) struct AsyncUnsync;

usual!(Permits for AsyncUnsync: Semaphore);
usual!(Channels for AsyncUnsync: Sender, Receiver, |room| bounded::channel(room).into_split(), recv);
usual!(Oneshots for AsyncUnsync: oneshot, || oneshot::channel().into_split());
