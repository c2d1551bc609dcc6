//! The settings of a scheduler, fixed when it is built.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::report::FailurePolicy;
use crate::scheduler::policy::Policy;

/// The settings of a scheduler. They never change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) virtual_time: bool,
    pub(crate) timer_slack: Duration,
    pub(crate) on_failure: FailurePolicy,
    pub(crate) slow_poll: Option<Duration>,
    /// How long a stall lasts before it is printed.
    pub(crate) stall_warning: Option<Duration>,
    pub(crate) budget: Option<NonZeroU32>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            policy: Policy::Fifo,
            virtual_time: false,
            timer_slack: Duration::from_millis(1),
            on_failure: FailurePolicy::Report,
            slow_poll: if cfg!(debug_assertions) { Some(Duration::from_millis(100)) } else { None },
            stall_warning: if cfg!(debug_assertions) { Some(Duration::from_secs(5)) } else { None },
            budget: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_builds_print_a_stall_after_five_seconds() {
        let seconds = Settings::default().stall_warning.map(|after| after.as_secs());
        assert_eq!(seconds, if cfg!(debug_assertions) { Some(5) } else { None });
    }
}
