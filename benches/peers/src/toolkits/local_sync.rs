//! `local-sync`: channels and a semaphore for one thread, by the author of monoio.

use local_sync::mpsc::bounded::{self, Rx, Tx};
use local_sync::oneshot;
use local_sync::semaphore::Semaphore;

use crate::rows::usual::usual;

pub(crate) struct LocalSync;

usual!(Permits for LocalSync: Semaphore);
usual!(Channels for LocalSync: Tx, Rx, |room| bounded::channel(room), recv);
usual!(Oneshots for LocalSync: oneshot, || oneshot::channel());
