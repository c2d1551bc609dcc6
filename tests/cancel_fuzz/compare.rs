//! Compares what happened with groups of one form and of another. It is the same, but for the order
//! within one instant.

use crate::world::Line;

/// A difference between two logs.
pub(crate) enum Difference {
    /// It comes from the order in which things happen within one instant, which is not promised.
    WithinAnInstant,
    Real,
}

/// Compares two logs of one case.
pub(crate) fn compare(one: &[Line], other: &[Line]) -> Option<Difference> {
    if one == other {
        return None;
    }
    let first = [first_without(one, other), first_without(other, one)].into_iter().flatten().min();
    let first = first.unwrap_or(u128::MAX); // The same lines, but one of them more often.
    let both = || one.iter().chain(other);
    let at_first = || both().filter(|line| line.0 == first);
    let depends_on_order = at_first().count() > 2 && at_first().any(|line| ends_others(&line.1))
        || both().any(|line| line.0 <= first && has_both(one, line.0));
    Some(if depends_on_order { Difference::WithinAnInstant } else { Difference::Real })
}

/// The time of the first line that the other log has not.
fn first_without(one: &[Line], other: &[Line]) -> Option<u128> {
    one.iter().filter(|line| !other.contains(line)).map(|line| line.0).min()
}

/// Returns whether this drops others, or lets a request go on, or makes one: what else happens at
/// this instant depends on whether it comes before or after.
fn ends_others(what: &str) -> bool {
    [": raced", ": cleaned up", ": cancels its task", "the task ends"]
        .iter()
        .any(|end| what.ends_with(end))
}

/// Returns whether a request is made at the instant at which a clean-up ends. It is the same as the
/// one before or a new one, and that may show much later.
fn has_both(lines: &[Line], time: u128) -> bool {
    let has = |end: &str| lines.iter().any(|line| line.0 == time && line.1.ends_with(end));
    has(": cancels its task") && has(": cleaned up")
}
