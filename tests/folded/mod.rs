//! For the random programs of the models: with the feature `record`, each run is recorded, and what the events add up to
//! is compared with a snapshot; without it, nothing happens.
#![allow(dead_code, reason = "not every test program needs all of it")]

#[cfg(feature = "record")]
pub(crate) mod compare;

use turnwise::Scheduler;
use turnwise::scheduler::Builder;

/// A scheduler that is recorded.
pub(crate) struct Recorded {
    #[cfg(feature = "record")]
    recorder: turnwise::record::Recorder,
}

impl Recorded {
    /// Records what this builder builds.
    pub(crate) fn attach(builder: Builder) -> (Builder, Recorded) {
        #[cfg(feature = "record")]
        {
            let recorder = turnwise::record::Recorder::new();
            (recorder.attach(builder), Recorded { recorder })
        }
        #[cfg(not(feature = "record"))]
        (builder, Recorded {})
    }

    /// Compares the recording with a snapshot. Called between turns.
    #[allow(clippy::unused_self, reason = "without the feature, there is nothing to compare")]
    pub(crate) fn check(&self, scheduler: &Scheduler) {
        #[cfg(feature = "record")]
        compare::assert_folds(&self.recorder, &scheduler.snapshot());
        #[cfg(not(feature = "record"))]
        let _ = scheduler;
    }
}
