//! Scopes: tasks that may borrow from their surroundings, and have all ended when the scope ends.

mod hosts;
mod pass;
mod child;
mod error;
mod members;
mod handle;
mod slots;
mod body;
mod spawning;
mod run;

pub use error::{ChildError, ScopeError};
pub use handle::ScopedHandle;
pub(crate) use hosts::Hosts;
pub use run::scope;
pub use spawning::Scope;
