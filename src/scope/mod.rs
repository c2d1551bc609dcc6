//! Scopes: tasks that may borrow from their surroundings, and have all ended when the scope ends.

mod hosts;
mod error;
mod members;
mod child;
mod handle;
mod slots;
mod spawning;
mod children;
mod pass;
mod body;
mod run;

pub use error::{ChildError, ScopeError};
pub use handle::ScopedHandle;
pub(crate) use hosts::Hosts;
pub use run::{scope, try_scope};
pub use spawning::Scope;
