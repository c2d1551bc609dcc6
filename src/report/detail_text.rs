//! Printing details: a short line for each.

use std::fmt;

use crate::report::detail::{Awaited, Detail};

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Awaited::Task(task) => write!(f, "{task}"),
            Awaited::Resource(resource) => write!(f, "resource {}", resource.0),
            Awaited::Job(job) => write!(f, "job {}", job.0),
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Detail::WokenAgain { task, cause } => write!(f, "{task} is woken again ({cause})"),
            Detail::WaitBegan { task, on, what: Some(what), .. } => {
                write!(f, "{task} waits for {what} ({on})")
            }
            Detail::WaitBegan { task, on, .. } => write!(f, "{task} waits for {on}"),
            Detail::WaitEnded { task, on, .. } => write!(f, "{task} waits for {on} no more"),
            Detail::ResourceGone { resource } => write!(f, "resource {} is gone", resource.0),
            Detail::Closed { channel } => write!(f, "resource {} is closed", channel.0),
            Detail::Acquired { task, resource, what, count, .. } => {
                write!(f, "{task} acquires {count} of {what} (resource {})", resource.0)
            }
            Detail::Released { task, resource, count } => {
                write!(f, "{task} releases {count} of resource {}", resource.0)
            }
            Detail::Sent { task, what, length, .. } => {
                write!(f, "{task} sends {what} ({length} now)")
            }
            Detail::Received { task, what, length, .. } => {
                write!(f, "{task} receives {what} ({length} left)")
            }
            Detail::TimerSet { timer, .. } => write!(f, "timer {} is set", timer.0),
            Detail::TimerGone { timer, has_fired: true } => write!(f, "timer {} fires", timer.0),
            Detail::TimerGone { timer, .. } => write!(f, "timer {} is cancelled", timer.0),
            Detail::Panicked { .. }
            | Detail::PartAsked { .. }
            | Detail::Requests { .. }
            | Detail::Resumed { .. }
            | Detail::CleanedUp { .. }
            | Detail::MaskBegan { .. }
            | Detail::MaskEnded { .. }
            | Detail::Aborted { .. }
            | Detail::ShutdownBegan
            | Detail::ShutdownEnded => self.fmt_cancelling(f),
            Detail::JobBegan { .. }
            | Detail::JobEnded { .. }
            | Detail::ScopeOpened { .. }
            | Detail::ChildSpawned { .. }
            | Detail::ScopeEnded { .. }
            | Detail::PassOrdered { .. }
            | Detail::RunEnded { .. }
            | Detail::Said { .. } => self.fmt_rare(f),
        }
    }
}

impl Detail {
    fn fmt_cancelling(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Detail::Panicked { task, message } => write!(f, "{task} has panicked: {message}"),
            Detail::PartAsked { task, part, reason, .. } => {
                write!(f, "cancel the part of {task} at {part} ({reason})")
            }
            Detail::Requests { task, requests } => {
                write!(f, "{} requests are open in {task}", requests.len())
            }
            Detail::Resumed { task, reason } => write!(f, "{task} passes on ({reason})"),
            Detail::CleanedUp { task } => write!(f, "{task} has cleaned up"),
            Detail::MaskBegan { task, .. } => write!(f, "{task} holds requests back"),
            Detail::MaskEnded { task } => write!(f, "{task} holds requests back no more"),
            Detail::Aborted { task, cause } => write!(f, "abort {task} ({cause})"),
            Detail::ShutdownBegan => f.write_str("shutdown"),
            _ => f.write_str("shutdown has ended"),
        }
    }

    fn fmt_rare(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Detail::JobBegan { job, name: Some(name), .. } => {
                write!(f, "job {} {name:?} is handed over", job.0)
            }
            Detail::JobBegan { job, .. } => write!(f, "job {} is handed over", job.0),
            Detail::JobEnded { job } => write!(f, "job {} has ended", job.0),
            Detail::ScopeOpened { scope, .. } => write!(f, "scope {} is opened", scope.0),
            Detail::ChildSpawned { scope, task } => write!(f, "{task} is in scope {}", scope.0),
            Detail::ScopeEnded { scope } => write!(f, "scope {} has ended", scope.0),
            Detail::PassOrdered { tasks } => write!(f, "the pass has {} tasks", tasks.len()),
            Detail::RunEnded { deadlock: None } => f.write_str("the run has ended"),
            Detail::RunEnded { .. } => f.write_str("deadlock"),
            Detail::Said { text, .. } => f.write_str(text),
            _ => Ok(()), // The others are printed above.
        }
    }
}
