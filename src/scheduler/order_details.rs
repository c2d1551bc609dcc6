//! The detail of a policy that reorders the ready queue, for the observers that receive details.

use std::cell::RefCell;

use crate::kernel::{Flags, Kernel, TaskId, TaskMap};
use crate::report::Detail;
use crate::scheduler::policy::PolicyState;
use crate::watch::detail;

/// Arranges a pass, and tells whether that has changed the ready queue. The children of a scope are in a queue of its
/// own, and which of them comes first is no detail.
#[cold]
pub(super) fn arrange(
    policy: &RefCell<PolicyState>,
    kernel: &Kernel,
    taskmap: &TaskMap,
    pass: &mut [u32],
) {
    let ids = |pass: &[u32]| -> Vec<TaskId> {
        pass.iter().filter_map(|&slot| taskmap.at(slot).id()).collect()
    };
    let before = ids(pass);
    policy.borrow_mut().arrange(pass, |slot| taskmap.at(slot).priority);
    let after = ids(pass);
    let is_of_scope = pass.iter().any(|&slot| taskmap.at(slot).flags.has(Flags::ROUTED));
    if before != after && !is_of_scope {
        detail(kernel.id, || Detail::PassOrdered { tasks: after.into() });
    }
}
